// SPDX-License-Identifier: Apache-2.0
// The checkpoints of a TypeDB 3 database: its RocksDB keyspaces up to some record of the log, so
// that a server need not read all of that.
//
// Source: typedb/typedb, storage/recovery/checkpoint.rs of 3.0.0, 3.8.3, 3.12.3 (STORAGE_METADATA
// is one number) and of its master of August 2026 (lines `watermark=` and `cleanup=`);
// encoding/encoding.rs (names of keyspaces).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::engine::typedb {

inline constexpr std::array<std::string_view, 5> keyspace_names{
    "OptimisedPrefix11", "OptimisedPrefix15", "OptimisedPrefix16", "OptimisedPrefix17",
    "OptimisedPrefix25"};

struct CheckpointMetadata {
  std::uint64_t watermark = 0;  // the newest record that is in it
};
// The content of STORAGE_METADATA. Errc::corrupt for anything else.
[[nodiscard]] CheckpointMetadata parse_checkpoint_metadata(std::string_view text);

struct Checkpoint {
  std::filesystem::path path;
  std::uint64_t made_us = 0;  // since 1970, its name
  std::uint64_t size_bytes = 0;
  std::optional<CheckpointMetadata> metadata;
  std::string lacks;  // what it needs and has not; empty: it is complete
};
// Those of a database, oldest first; what is still being made (`.tmp`, from 3.8.2 on) too, as one
// that lacks its end. What cannot be read of one is lacking; Errors only if they cannot be listed.
[[nodiscard]] std::vector<Checkpoint> list_checkpoints(const std::filesystem::path& database);

// The sum of all regular files at or below, without following links. What vanishes meanwhile
// counts nothing; Errors for what may not be listed.
[[nodiscard]] std::uint64_t size_below(const std::filesystem::path& directory);

}  // namespace holdfast::engine::typedb
