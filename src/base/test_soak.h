// SPDX-License-Identifier: Apache-2.0
// For tests: whether they may take hours.
#pragma once

#include <cstdlib>
#include <string_view>

namespace holdfast::test {

// HOLDFAST_SOAK=1, as `scripts/test soak` sets it.
inline bool is_soak() {
  const char* const soak = std::getenv("HOLDFAST_SOAK");
  return soak != nullptr && soak == std::string_view("1");
}

}  // namespace holdfast::test
