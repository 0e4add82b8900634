// SPDX-License-Identifier: Apache-2.0
// Byte buffers and the small conversions every room needs: integers, hex, base64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace holdfast {

// An allocator whose resize() leaves new bytes unset: a buffer that is about to be overwritten by
// read() need not be zeroed first.
template <typename T>
struct UnsetAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = UnsetAllocator<U>;
  };
  template <typename U>
  void construct(U* at) noexcept(std::is_nothrow_default_constructible_v<U>) {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Args>
  void construct(U* at, Args&&... args) {
    ::new (static_cast<void*>(at)) U(std::forward<Args>(args)...);
  }
};

// Owned bytes. Bytes added by resize(n) hold no particular value until written.
using Bytes = std::vector<std::byte, UnsetAllocator<std::byte>>;
using ByteView = std::span<const std::byte>;

[[nodiscard]] inline ByteView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
// `more` lies in other memory than `to`. Both this and is_equal() go by memcpy and memcmp, which
// the standard algorithms do not do for std::byte, nor vectors with an allocator of their own.
inline void append(Bytes& to, ByteView more) {
  const std::size_t before = to.size();
  to.resize(before + more.size());
  if (!more.empty()) std::memcpy(to.data() + before, more.data(), more.size());
}
inline void append(Bytes& to, std::string_view more) {
  append(to, as_bytes(more));
}

// Whether both are the same bytes. Not for secrets: how long it takes tells where they differ.
[[nodiscard]] inline bool is_equal(ByteView a, ByteView b) noexcept {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

// Little-endian integers at `from`/`at`; the caller guarantees the room.
[[nodiscard]] std::uint32_t load_le32(const std::byte* from) noexcept;
[[nodiscard]] std::uint64_t load_le64(const std::byte* from) noexcept;
// Big-endian ones.
[[nodiscard]] std::uint32_t load_be32(const std::byte* from) noexcept;
[[nodiscard]] std::uint64_t load_be64(const std::byte* from) noexcept;
void store_le32(std::byte* at, std::uint32_t value) noexcept;
void store_le64(std::byte* at, std::uint64_t value) noexcept;

// Lower-case hex, two digits a byte.
[[nodiscard]] std::string to_hex(ByteView bytes);
// Reads a hex text of either case. False if it is not hex for just as many bytes; they are then
// any.
[[nodiscard]] bool read_hex(std::string_view hex, std::span<std::byte> into) noexcept;
// The bytes of a hex text of either case; nothing if it is not hex of even length.
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view hex);

// Standard base64 with padding, as in RFC 4648 section 4.
[[nodiscard]] std::string to_base64(ByteView bytes);
// The bytes of a padded base64 text; nothing if it is malformed.
[[nodiscard]] std::optional<Bytes> from_base64(std::string_view text);

// The code point at the front of `text`. `size_bytes` is 1..4, or 0 if `text` is empty or does not
// begin with well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
struct Utf8Rune {
  char32_t rune;
  std::size_t size_bytes;
};
[[nodiscard]] Utf8Rune decode_utf8(std::string_view text) noexcept;

// How many bytes at its front are ASCII.
[[nodiscard]] std::size_t ascii_prefix_bytes(std::string_view text) noexcept;

// Whether `text` is well-formed UTF-8 from end to end.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace holdfast
