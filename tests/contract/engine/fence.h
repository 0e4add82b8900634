// SPDX-License-Identifier: Apache-2.0
// A fence as job takes it: by trying again.
#pragma once

#include <chrono>

#include "engine/engine.h"

namespace holdfast::test {

// Whether the hold is fenced, after 20 tries of half a second at most: on a busy machine one alone
// may come too late, which leaves nothing behind.
[[nodiscard]] inline bool fence(engine::Hold& hold) {
  bool fenced = false;
  for (int attempt = 0; attempt < 20 && !fenced; ++attempt)
    fenced = hold.fence(std::chrono::steady_clock::now() + std::chrono::milliseconds(500));
  return fenced;
}

}  // namespace holdfast::test
