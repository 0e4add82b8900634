// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"

namespace holdfast::cli {

int exit_code(Errc code) noexcept {
  switch (code) {
    case Errc::bug:
      return 2;
    case Errc::usage:
    case Errc::not_found:
    case Errc::exists:
    case Errc::unavailable:
    case Errc::denied:
    case Errc::no_space:
    case Errc::io:
    case Errc::corrupt:
    case Errc::unsupported:
    case Errc::failed_child:
      return 1;
    case Errc::incomplete:
      return 3;
    case Errc::no_repository:
      return 10;
    case Errc::locked:
      return 11;
    case Errc::wrong_password:
      return 12;
    case Errc::blocked:
      return 20;
    case Errc::differs:
      return 21;
    case Errc::not_consistent:
      return 22;
    case Errc::cancelled:
      return 130;
  }
  return 2;
}

}  // namespace holdfast::cli
