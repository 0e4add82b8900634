// SPDX-License-Identifier: Apache-2.0
// How much snapshots hold, counted in restic's ways.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "archive/snapshots.h"
#include "model/progress.h"

namespace holdfast::archive {

// Source: restic doc/manual_rest.rst "Get statistics", cmd/restic/cmd_stats.go.
enum class CountMode : std::uint8_t {
  restore_size,       // every entry of every snapshot; linked names of one file once a snapshot
  files_by_contents,  // files of the same content once
  blobs_per_file,     // each blob once for each path that has it; a content at its first path only
  raw_data,           // the blobs that are needed, as they are stored
};
// The names as on the command line, in order of declaration.
[[nodiscard]] std::span<const std::string_view> count_mode_names() noexcept;
[[nodiscard]] CountMode parse_count_mode(std::string_view name);  // Errc::usage

struct Statistics {
  std::uint64_t snapshots = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t files = 0;  // entries of any type in restore_size; none in raw_data
  std::uint64_t blobs = 0;  // blobs_per_file, raw_data
  // raw_data in repositories of version 2: all blobs as if none were compressed, and those that
  // are: stored and as if they were not. With what sealing adds.
  std::uint64_t uncompressed_bytes = 0;
  std::uint64_t compressed_stored_bytes = 0, compressed_plain_bytes = 0;
};

// Counts on all cores. Where the order counts (blobs_per_file) it is that of `snapshots` and of
// their trees. Errc::corrupt and others, naming the object, if anything cannot be read. The index
// is loaded. Memory: a bit for each blob; an entry for each file of several blobs, in
// blobs_per_file for each path and blob; and what is known of trees that were walked already, up to
// a bound.
[[nodiscard]] Statistics count_snapshots(repo::Repository& repository,
                                         const std::vector<Snapshot>& snapshots, CountMode mode,
                                         model::Observer& observer, std::stop_token stop);

}  // namespace holdfast::archive
