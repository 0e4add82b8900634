// SPDX-License-Identifier: Apache-2.0
// A zip archive read at any place: its directory, held against the heads of its parts so that every
// byte of the file is of one of them, and the parts as streams, held against their checksums.
//
// Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/stream.h"
#include "model/part.h"

namespace holdfast::engine::sqlserver {

// Of directories; one with more is refused.
inline constexpr std::uint64_t zip_directory_bytes_max = std::uint64_t{256} << 20U;

struct ZipPart {
  std::string name;  // printable ASCII; other bytes became '?'
  std::uint16_t flags = 0, method = 0;
  std::uint32_t crc = 0;
  std::uint64_t packed_bytes = 0, size_bytes = 0;
  std::uint64_t head_at = 0, content_at = 0, end_at = 0;  // in the file; end: behind a descriptor
  bool is_sound = false;  // its head is as the directory says, and it lies where no other does

  // Why it cannot be read though it may be whole; empty: it can.
  [[nodiscard]] std::string obstacle() const;
};

struct ZipTrouble {
  enum class Kind : std::uint8_t {
    cut,      // the directory's end is missing
    damaged,  // what the directory says is not so
    foreign,  // bytes that are of no part
  };
  Kind kind = Kind::damaged;
  std::uint64_t at = 0;  // byte of the file
  std::string what;
};

struct ZipIndex {
  std::uint64_t size_bytes = 0;
  std::vector<ZipPart> parts;  // as the directory has them
  // Where that is not whole: names of parts that follow each other from the file's beginning on.
  std::vector<std::string> followed;
  std::vector<ZipTrouble> troubles;  // the first of them
  std::uint64_t troubles_left_out = 0;

  // nullptr: none, or none that is_sound.
  [[nodiscard]] const ZipPart* find(std::string_view name) const noexcept;
};

// Nothing if the file neither begins nor ends as an archive. Errc::unsupported for a directory
// above zip_directory_bytes_max, Errc::cancelled.
[[nodiscard]] std::optional<ZipIndex> read_zip_index(model::RandomSource& file,
                                                     const std::stop_token& stop);

// What is in a part. read() throws Errc::corrupt naming the part and the byte of the file for what
// is damaged, at the end for a wrong checksum; Errc::cancelled. `file` outlives it; several parts
// may be read at once.
[[nodiscard]] std::unique_ptr<ByteSource> open_zip_part(model::RandomSource& file,
                                                        const ZipPart& part, std::stop_token stop);

}  // namespace holdfast::engine::sqlserver
