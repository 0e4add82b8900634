// SPDX-License-Identifier: Apache-2.0
// The first hundred bytes of an SQLite file and the first bytes of its siblings, as pure functions.
//
// Source: sqlite.org/fileformat2.html, sections 1.3 (database header), 3 (rollback journal), 4.1
// (WAL header).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::engine::sqlite {

inline constexpr std::size_t header_bytes = 100;

struct Header {
  std::uint32_t page_size = 0;  // bytes
  bool wal = false;             // write-ahead log; else rollback journal
  std::uint32_t change_counter = 0;
  std::uint32_t page_count = 0;  // 0 where the file does not say it reliably
  std::uint32_t freelist_count = 0;
  std::uint32_t schema_version = 0;
  std::uint32_t auto_vacuum = 0;  // 0 none, 1 full, 2 incremental
  std::uint32_t encoding = 0;     // 1 UTF-8, 2 UTF-16le, 3 UTF-16be; 0 before the first table
  std::uint32_t user_version = 0;
  std::uint32_t application_id = 0;
  std::uint32_t writer_version = 0;  // of the library that wrote last: 3040001
};

// Whether the bytes begin as every unencrypted SQLite file does.
[[nodiscard]] bool has_magic(ByteView front) noexcept;
// Nothing if there are fewer than header_bytes, or the magic or a field is impossible.
[[nodiscard]] std::optional<Header> parse_header(ByteView front) noexcept;
[[nodiscard]] std::string_view encoding_name(std::uint32_t encoding) noexcept;

[[nodiscard]] bool is_wal_file(ByteView front) noexcept;
[[nodiscard]] bool is_journal_file(ByteView front) noexcept;

// The super-journal of a transaction over several databases, as named at the end of one database's
// journal; empty if the transaction was over that database alone, or the name was not written to
// its end. `end`: the journal's last bytes, journal_end_bytes of them if there are as many.
//
// Source: sqlite.org/atomiccommit.html section 5.2 and pager.c: the name, its length, the sum of
// its bytes, the magic of journals.
inline constexpr std::size_t journal_trailer_bytes = 16;  // all of that but the name
inline constexpr std::size_t journal_end_bytes = journal_trailer_bytes + 512;
[[nodiscard]] std::string super_journal_name(ByteView end);

}  // namespace holdfast::engine::sqlite
