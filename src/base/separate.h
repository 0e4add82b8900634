// SPDX-License-Identifier: Apache-2.0
// Errors that are kept for later.
#pragma once

#include "base/error.h"

namespace holdfast {

// An Error that shares nothing with the given one: a copy gains the contexts that threads add to
// the original when they catch it.
[[nodiscard]] inline Error separate(const Error& error) {
  Error other(error.code(), error.message(), error.where());
  if (!error.hint().empty()) other.set_hint(error.hint());
  return other;
}

}  // namespace holdfast
