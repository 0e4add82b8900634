// SPDX-License-Identifier: Apache-2.0
// Reads an H2 store without H2: which chunk is the newest, and whether everything is there.
//
// Sources: those of header.h and pages.h; how the newest chunk is found is told in
// h2/src/docsrc/html/mvstore.html ("How the newest chunk is located").
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/h2/header.h"
#include "model/part.h"

namespace holdfast::engine::h2 {

struct StoreFacts {
  bool encrypted = false;
  Header header;
  unsigned good_headers = 0;          // of 2
  std::optional<Chunk> newest;        // whole: header and footer fit; `block` is where it is
  bool closed = false;                // by its last user, in good order
  std::uint64_t chunks = 0;           // that hold anything; with `whole` alone
  std::uint64_t pages = 0;            // looked at; with `whole` alone
  bool listed = false;                // the list of chunks could be read; with `whole` alone
  std::vector<std::string> problems;  // what is wrong, each what stands after "the store"
};

// Nothing if it does not begin as a store does. With `whole`: each chunk that the newest one lists,
// and each page's place in it; the content of pages has no checksum. Errc::unsupported for a format
// later than newest_known_format; Errc::cancelled.
[[nodiscard]] std::optional<StoreFacts> read_store(model::RandomSource& file, bool whole,
                                                   const std::stop_token& stop);

}  // namespace holdfast::engine::h2
