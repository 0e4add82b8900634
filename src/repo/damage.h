// SPDX-License-Identifier: Apache-2.0
// Which errors say that something stored is bad, so that one bad file does not end what could go on
// without it.
#pragma once

#include "base/error.h"

namespace holdfast::repo {

// True if stored bytes are bad, missing or not to be read from their medium; false if the storage
// could not be reached or refused us, or the run was interrupted.
[[nodiscard]] inline bool is_damage(const Error& error) noexcept {
  return error.code() == Errc::corrupt || error.code() == Errc::not_found ||
         error.code() == Errc::io || error.code() == Errc::unsupported;
}

}  // namespace holdfast::repo
