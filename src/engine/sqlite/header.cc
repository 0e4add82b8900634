// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/header.h"

#include <algorithm>
#include <bit>

namespace holdfast::engine::sqlite {
namespace {

constexpr std::string_view magic{"SQLite format 3\0", 16};
constexpr std::string_view journal_magic{"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8};

std::uint32_t be32(ByteView bytes, std::size_t at) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8U | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

}  // namespace

bool has_magic(ByteView front) noexcept {
  return as_text(front).substr(0, magic.size()) == magic;
}

std::optional<Header> parse_header(ByteView front) noexcept {
  if (front.size() < header_bytes || !has_magic(front)) return std::nullopt;
  Header header;
  header.page_size =
      std::to_integer<std::uint32_t>(front[16]) << 8U | std::to_integer<std::uint32_t>(front[17]);
  if (header.page_size == 1) header.page_size = 65536;
  if (header.page_size < 512 || !std::has_single_bit(header.page_size)) return std::nullopt;
  const auto write_version = std::to_integer<unsigned>(front[18]);
  const auto read_version = std::to_integer<unsigned>(front[19]);
  if (read_version < 1 || read_version > 2) return std::nullopt;  // SQLite refuses it as well
  header.wal = write_version == 2 && read_version == 2;
  // Payload fractions are fixed: a last check that these are not random bytes behind a copied
  // magic.
  if (front[21] != std::byte{64} || front[22] != std::byte{32} || front[23] != std::byte{32}) {
    return std::nullopt;
  }
  header.change_counter = be32(front, 24);
  header.freelist_count = be32(front, 36);
  header.schema_version = be32(front, 40);
  const std::uint32_t largest_root = be32(front, 52);
  header.encoding = be32(front, 56);
  if (header.encoding > 3) return std::nullopt;
  header.user_version = be32(front, 60);
  if (largest_root != 0) header.auto_vacuum = be32(front, 64) != 0 ? 2 : 1;
  header.application_id = be32(front, 68);
  // Libraries before 3.7.0 left the page count alone; it counts only if the same writer vouches for
  // it.
  if (be32(front, 92) == header.change_counter) header.page_count = be32(front, 28);
  header.writer_version = be32(front, 96);
  return header;
}

std::string_view encoding_name(std::uint32_t encoding) noexcept {
  switch (encoding) {
    case 2:
      return "UTF-16le";
    case 3:
      return "UTF-16be";
    default:
      return "UTF-8";
  }
}

bool is_wal_file(ByteView front) noexcept {
  if (front.size() < 32) return false;
  const std::uint32_t start = be32(front, 0);
  return start == 0x377f0682 || start == 0x377f0683;
}

bool is_journal_file(ByteView front) noexcept {
  return front.size() >= 28 && as_text(front).substr(0, journal_magic.size()) == journal_magic;
}

std::string super_journal_name(ByteView end) {
  if (end.size() < journal_trailer_bytes || !as_text(end).ends_with(journal_magic)) return {};
  const ByteView before = end.first(end.size() - journal_trailer_bytes);
  const std::uint32_t name_bytes = be32(end, before.size());
  if (name_bytes > before.size() || name_bytes > journal_end_bytes - journal_trailer_bytes)
    return {};
  const std::string_view name = as_text(before.last(name_bytes));
  std::uint32_t sum = 0;
  for (const char c : name) sum += static_cast<std::uint32_t>(c);  // signed where char is
  return sum == be32(end, before.size() + 4) ? std::string(name) : std::string();
}

}  // namespace holdfast::engine::sqlite
