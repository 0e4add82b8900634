// SPDX-License-Identifier: Apache-2.0
// What every fuzz target needs: hostile bytes may end in an Error, and in nothing else.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::fuzz {

inline ByteView view(const std::uint8_t* data, std::size_t size_bytes) noexcept {
  return {reinterpret_cast<const std::byte*>(data), size_bytes};
}

// Ends the program, which is how a fuzzer learns that something is wrong.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz target: %s\n", what);
  std::abort();
}

// Runs `body`. An Error is an answer; a broken rule of our own is not.
template <typename Body>
void allow_errors(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    require(error.code() != Errc::bug, error.what());
  }
}

// Reads bytes with `parse`; where that succeeds, what `write` makes of the result must be read back
// and written again to the same bytes, at the latest after `writes_max` times. More than one are
// for files that keep numbers of other programs: -0e1 is written as -0, and that, an integer, as 0.
template <typename Parse, typename Write>
void round_trip(ByteView input, Parse&& parse, Write&& write, int writes_max = 1) {
  allow_errors([&] {
    auto written = write(parse(input));
    try {
      for (int i = 0; i < writes_max; ++i) {
        auto again = write(parse(written));
        if (again == written) return;
        written = std::move(again);
      }
      require(false, "written again, it differs");
    } catch (const Error& error) {
      require(false, error.what());
    }
  });
}

}  // namespace holdfast::fuzz
