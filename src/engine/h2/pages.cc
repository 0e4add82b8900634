// SPDX-License-Identifier: Apache-2.0
#include "engine/h2/pages.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::engine::h2 {
namespace {

constexpr unsigned type_inner = 1;
constexpr unsigned type_compressed = 2;
constexpr unsigned type_deflate = 4;
constexpr std::size_t expanded_bytes_max = 64U << 20U;

[[noreturn]] void refuse(std::string_view why) {
  throw Error(Errc::corrupt, fmt::format("a page of the store is damaged: {}", why));
}

class Cursor {
 public:
  explicit Cursor(ByteView bytes) : bytes_(bytes) {}

  [[nodiscard]] std::size_t left() const noexcept { return bytes_.size() - at_; }
  [[nodiscard]] ByteView rest() const noexcept { return bytes_.subspan(at_); }
  [[nodiscard]] std::uint8_t byte() {
    if (left() == 0) refuse("it ends too early");
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  // Seven bits a byte, lowest first; the highest bit says that more follow.
  [[nodiscard]] std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      value |= static_cast<std::uint64_t>(next & 0x7fU) << shift;
      if (next < 0x80) return value;
    }
    refuse("a number has no end");
  }
  [[nodiscard]] std::uint64_t position() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8U | byte();
    return value;
  }
  // Each character by itself; what we look for is ASCII, others are kept as some bytes.
  [[nodiscard]] std::string text() {
    const std::uint64_t count = number();
    if (count > left()) refuse("a text is longer than its page");
    std::string text;
    text.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint8_t first = byte();
      text += static_cast<char>(first);
      if (first >= 0x80) text += static_cast<char>(byte());
      if (first >= 0xe0) text += static_cast<char>(byte());
    }
    return text;
  }

 private:
  ByteView bytes_;
  std::size_t at_ = 0;
};

// LZF: below 32, so many bytes and one more as they are; else a length and how far back they were.
Bytes expand(ByteView from, std::size_t size_bytes) {
  if (size_bytes > expanded_bytes_max) refuse("it claims to be too large");
  Bytes to;
  to.reserve(size_bytes);
  Cursor cursor(from);
  while (cursor.left() > 0) {
    const std::size_t control = cursor.byte();
    if (control < 32) {
      for (std::size_t i = 0; i <= control; ++i)
        to.push_back(static_cast<std::byte>(cursor.byte()));
    } else {
      std::size_t count = control >> 5U;
      if (count == 7) count += cursor.byte();
      const std::size_t back = ((control & 0x1fU) << 8U | cursor.byte()) + 1;
      if (back > to.size()) refuse("it repeats what is not there");
      for (std::size_t i = 0; i < count + 2; ++i) to.push_back(to[to.size() - back]);
    }
    if (to.size() > size_bytes) break;
  }
  if (to.size() != size_bytes) refuse("it is not as long as it says");
  return to;
}

std::uint16_t check_value(std::uint64_t number) noexcept {
  const auto low = static_cast<std::uint32_t>(number);
  return static_cast<std::uint16_t>((low >> 16U) ^ low);
}

}  // namespace

PagePosition page_position(std::uint64_t position) noexcept {
  return {position >> 38U, position >> 6U & 0xffffffffU, (position & 1U) != 0};
}

PageFront parse_page_front(ByteView bytes) {
  Cursor cursor(bytes);
  PageFront front;
  for (int i = 0; i < 4; ++i) front.size_bytes = front.size_bytes << 8U | cursor.byte();
  const unsigned high = cursor.byte();
  front.check = static_cast<std::uint16_t>(high << 8U | cursor.byte());
  return front;
}

bool belongs(const PageFront& front, std::uint64_t chunk, std::uint64_t offset) noexcept {
  const unsigned expected =
      check_value(chunk) ^ check_value(offset) ^ check_value(front.size_bytes);
  return front.check == expected;
}

TextPage parse_text_page(ByteView page, bool numbered) {
  if (page.size() < page_front_bytes) refuse("it is too short");
  Cursor cursor(page.subspan(page_front_bytes));
  if (numbered) static_cast<void>(cursor.number());
  if (cursor.number() != 0) refuse("it is of another map");
  const std::uint64_t keys = cursor.number();
  const unsigned type = cursor.byte();
  TextPage found;
  if ((type & type_inner) != 0) {
    if (keys + 1 > cursor.left() / 8) refuse("it has more children than bytes");
    for (std::uint64_t i = 0; i <= keys; ++i) found.children.push_back(cursor.position());
    return found;  // what follows are counts and the keys between children
  }
  Bytes expanded;
  if ((type & type_compressed) != 0) {
    if ((type & type_deflate) != 0)
      throw Error(Errc::unsupported, "a page of the store is compressed by Deflate");
    const std::uint64_t more = cursor.number();
    if (more > expanded_bytes_max) refuse("it claims to be too large");
    expanded = expand(cursor.rest(), cursor.left() + more);
    cursor = Cursor(expanded);
  }
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < keys; ++i) names.push_back(cursor.text());
  for (std::string& name : names) found.entries.emplace_back(std::move(name), cursor.text());
  return found;
}

}  // namespace holdfast::engine::h2
