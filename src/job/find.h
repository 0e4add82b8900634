// SPDX-License-Identifier: Apache-2.0
// find: where in the snapshots files of a name are, or what uses a blob.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/search.h"
#include "job/environment.h"

namespace holdfast::job {

enum class FindKind : std::uint8_t { names, blobs, trees, packs };

struct FindOptions {
  FindKind kind = FindKind::names;
  std::vector<std::string> words;           // patterns, or ids or the fronts of these
  bool ignore_case = false;                 // names
  std::optional<Timestamp> oldest, newest;  // names: of the modification time, both included
  std::vector<std::string> snapshots;       // ids, prefixes, "latest"; empty: all the filter takes
  archive::SnapshotFilter filter;
  bool oldest_first = false;  // the snapshots; else the newest
  bool with_packs = false;    // objects: report the packs they are in
};

// Called on the calling thread, in the order of snapshots and paths.
struct FindVisitor {
  std::function<void(const archive::Snapshot& snapshot, const std::string& path,
                     const format::Node& node)>
      name;
  // `pack`: one that holds the blob; nothing if no index knows it.
  std::function<void(const archive::Snapshot& snapshot, const archive::FoundBlob& found,
                     const std::optional<format::Id>& pack)>
      blob;
};

// What was wanted and is in the index, in a snapshot or not.
struct BlobInPack {
  format::BlobHandle blob;
  format::Id pack;
};
struct FindReport {
  std::uint64_t unreadable = 0;   // folders, told as warnings: what lies below was not searched
  std::vector<BlobInPack> packs;  // of each wanted blob one, by id, if asked for
};

// Errc::usage for an empty or malformed pattern or id; Errc::not_found for a pack that is nowhere.
[[nodiscard]] FindReport find_in_snapshots(const Environment& environment,
                                           const RepositoryAccess& access,
                                           const FindOptions& options, const FindVisitor& visitor,
                                           model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job
