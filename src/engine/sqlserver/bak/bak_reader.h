// SPDX-License-Identifier: Apache-2.0
// Walks one backup file from its first block to its last, and tells what it holds and how far it is
// good.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/sqlserver/bak/bak_input.h"
#include "engine/sqlserver/bak/mtf.h"
#include "model/finding.h"
#include "model/part.h"

namespace holdfast::engine::sqlserver {

// What SQL Server says of a set at its beginning, and again at its end, when LSNs are final.
struct SetConfiguration {
  std::optional<SetFacts> facts;
  std::vector<DatabaseFile> files;
  bool is_understood = true;  // the stream was made of records we know the form of
};

// What a deep look finds of the pages.
struct PageCounts {
  std::uint64_t pages = 0;
  std::uint64_t empty = 0;      // zeros
  std::uint64_t right = 0;      // their checksum is
  std::uint64_t unmarked = 0;   // have none
  std::uint64_t encrypted = 0;  // of a database with transparent data encryption
  std::uint64_t wrong = 0;      // their checksum is, and no later copy of the page is right
  std::vector<std::string> wrong_pages;  // the first of them: "page 1:9 at byte 80384"
};

// One backup set.
struct BakSet {
  std::uint64_t at = 0;  // byte of the file
  SetBlock block;
  VolumeBlock volume;
  std::optional<SetConfiguration> begin, end;  // MSCI, MSLS
  std::optional<EndBlock> end_block;
  std::uint64_t data_bytes = 0, log_bytes = 0;  // of its streams MQDA and MQTL
  PageCounts pages;
  std::uint64_t checksums_right = 0, checksums_wrong = 0;  // CSUM streams
  bool is_encrypted = false;                               // a stream says so
  bool has_data_end = false;                               // the filemark behind what is backed up
  bool is_closed = false;                                  // and the one behind ESET
};

struct BakReport {
  std::uint64_t size_bytes = 0;
  bool is_compressed = false;
  std::uint32_t container_version = 0;
  RecordCounts records;
  TapeBlock tape;
  std::optional<MediaSet> media;
  std::vector<BakSet> sets;
  bool is_deep = false;
  std::uint64_t good_until = 0;  // byte of the file: behind the last block that is good
  std::string last_block;        // its type
  std::vector<model::Finding> findings;

  [[nodiscard]] bool is_stripe() const noexcept { return media && media->families > 1; }
  // Which of the stripes, from 1.
  [[nodiscard]] std::uint16_t stripe() const noexcept;
};

// Of sets and files with their names that are told of one backup file, some 20,000 sets.
inline constexpr std::size_t bak_told_bytes_max = std::size_t{32} << 20U;

// Nothing if it is no backup of SQL Server. With `deep` every byte is read: records are unpacked,
// pages and checksum streams compared. Memory: 3 MiB, and what is told of sets and files,
// bak_told_bytes_max at most. Errc::cancelled.
[[nodiscard]] std::optional<BakReport> read_bak(model::RandomSource& file, bool deep,
                                                const std::stop_token& stop);
// The same of one that still grows, always deep: front to back. Its first 64 KiB are there to be
// read at any time, as far as it has them.
[[nodiscard]] std::optional<BakReport> read_growing_bak(model::RandomSource& file,
                                                        const Growth& growth,
                                                        const std::stop_token& stop);

}  // namespace holdfast::engine::sqlserver
