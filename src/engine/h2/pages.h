// SPDX-License-Identifier: Apache-2.0
// Pages of an H2 store, as far as needed to list its chunks. Pure functions.
//
// Sources: h2database, h2/src/docsrc/html/mvstore.html ("Page Format", "Metadata Map"), and
// h2/src/main/org/h2/mvstore/{Page,DataUtils}.java, org/h2/mvstore/type/StringDataType.java,
// org/h2/compress/CompressLZF.java of the tags version-1.4.200, version-2.1.214, version-2.2.224.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace holdfast::engine::h2 {

// Where a page is: 26 bits of chunk, 32 of offset in it, 5 of a length code, 1 for inner pages.
struct PagePosition {
  std::uint64_t chunk = 0;
  std::uint64_t offset = 0;
  bool inner = false;
};
[[nodiscard]] PagePosition page_position(std::uint64_t position) noexcept;

// What stands at the front of each page. `size_bytes` is that of the whole page.
struct PageFront {
  std::uint32_t size_bytes = 0;
  std::uint16_t check = 0;
};
inline constexpr std::size_t page_front_bytes = 6;
[[nodiscard]] PageFront parse_page_front(ByteView bytes);  // at least page_front_bytes
// Whether the check value is that of a page of that size in this place.
[[nodiscard]] bool belongs(const PageFront& front, std::uint64_t chunk,
                           std::uint64_t offset) noexcept;

// A page of a map of texts to texts.
struct TextPage {
  std::vector<std::uint64_t> children;                       // of an inner page
  std::vector<std::pair<std::string, std::string>> entries;  // of a leaf
};
// `numbered`: the page has its number, as from format 2 on. Errc::corrupt for what is no such page;
// Errc::unsupported for one compressed by Deflate.
[[nodiscard]] TextPage parse_text_page(ByteView page, bool numbered);

}  // namespace holdfast::engine::h2
