// SPDX-License-Identifier: Apache-2.0
// The blocks and streams of a backup, as they stand in the file: Microsoft's Tape Format with what
// SQL Server adds to it. Everything is little-endian; docs/sqlserver.md says which fields were seen
// in genuine files. Nothing here throws: what cannot be is no value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace holdfast::engine::sqlserver {

// What every block begins with, before its own fields.
inline constexpr std::size_t block_head_bytes = 52;
inline constexpr std::size_t stream_head_bytes = 22;
// Streams begin within so many bytes of a block.
inline constexpr std::size_t block_bytes_max = 65536;

using Tag = std::array<char, 4>;
[[nodiscard]] constexpr Tag tag(const char (&text)[5]) noexcept {
  return {text[0], text[1], text[2], text[3]};
}
[[nodiscard]] std::string tag_text(const Tag& tag);

struct BlockHead {
  Tag type{};
  std::uint32_t attributes = 0;
  std::uint16_t streams_at = 0;  // from the block's beginning
};
// Nothing unless the type is of capital letters and digits, and the checksum right.
[[nodiscard]] std::optional<BlockHead> parse_block_head(ByteView bytes) noexcept;

struct StreamHead {
  Tag type{};
  std::uint16_t media = 0;
  std::uint64_t size_bytes = 0;
  std::uint16_t encryption = 0;  // of the Tape Format; 0: none
  std::uint16_t compression = 0;
};
[[nodiscard]] std::optional<StreamHead> parse_stream_head(ByteView bytes) noexcept;

// "2008-10-13 15:18:13" by the clock of the server, whose zone is not told; empty: none, or no
// date.
[[nodiscard]] std::string mtf_date(ByteView five_bytes);
// UTF-16LE as UTF-8, without trailing zeros; what is no character becomes U+FFFD.
[[nodiscard]] std::string utf16_text(ByteView bytes);
// As Microsoft writes it: "F728A972-A7A5-2145-…", of 16 bytes.
[[nodiscard]] std::string guid_text(ByteView bytes);

struct Lsn {
  std::uint32_t file = 0, block = 0;
  std::uint16_t slot = 0;
  [[nodiscard]] std::string text() const;  // "49:94:37"
  friend bool operator==(const Lsn&, const Lsn&) = default;
};

struct TapeBlock {
  std::uint32_t family_id = 0;
  std::uint16_t sequence = 0;
  std::uint16_t filemark_units = 1;  // of 512 bytes, the size of a filemark
  std::uint16_t vendor = 0;
  std::uint16_t block_bytes = 0;
  std::string name, description, software, date;
};
// `block` is the whole block up to its streams, as of the others. A field that is not in it is
// empty.
[[nodiscard]] TapeBlock parse_tape(ByteView block);

// What the RAID stream of TAPE tells of a media set.
struct MediaSet {
  std::string guid;
  std::uint16_t families = 1;  // the greater of the two places where it stands
  std::uint16_t family = 1;
};
[[nodiscard]] std::optional<MediaSet> parse_media_set(ByteView stream);

struct SetBlock {
  std::uint32_t kind = 0;  // 2 copy, 4 normal, 8 differential
  std::uint16_t number = 0;
  std::string name, description, user, date, guid;
};
[[nodiscard]] SetBlock parse_set(ByteView block);

struct VolumeBlock {
  std::string device, volume, machine;
};
[[nodiscard]] VolumeBlock parse_volume(ByteView block);

struct EndBlock {
  std::uint32_t corrupt_files = 0;
  std::uint16_t number = 0;
};
[[nodiscard]] EndBlock parse_end(ByteView block);

// One record SCIN: what is backed up.
struct SetFacts {
  std::uint32_t flags = 0;  // of RESTORE HEADERONLY: 16 checksums, 32 damaged, …
  std::uint16_t major = 0, minor = 0, build = 0;
  Lsn first, last, checkpoint, full;
  std::string created, start, finish;
  char type = 0;  // 'D' full, 'I' differential, 'L' log, 'F', 'G', 'P', 'Q'
  std::uint8_t compatibility = 0;
  std::uint16_t database_version = 0;
  std::uint64_t size_bytes = 0;
  std::string database, server;
  std::uint32_t lcid = 0;
  std::string binding_guid, family_guid;
  std::string collation;        // "Polish_CI_AS"; empty: of a language that is not in our table
  std::string collation_bytes;  // hex
};
// Nothing if it is too short for the fields that all versions have.
[[nodiscard]] std::optional<SetFacts> parse_set_facts(ByteView record);

// One record SFIN: a file of the database.
struct DatabaseFile {
  std::uint32_t flags = 0;  // 0x80 data, 0x04 or 0x08 log alone
  std::uint32_t id = 0, filegroup = 0, sector_bytes = 0;
  std::uint64_t size_bytes = 0;
  std::uint32_t pages = 0;  // of it that were allocated
  std::string logical_name, physical_name;
  [[nodiscard]] bool is_log() const noexcept { return filegroup == 0; }
};
[[nodiscard]] std::optional<DatabaseFile> parse_database_file(ByteView record);

}  // namespace holdfast::engine::sqlserver
