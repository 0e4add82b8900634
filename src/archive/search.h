// SPDX-License-Identifier: Apache-2.0
// Searching snapshots: for files by name and time, and for files and folders that use a blob. On
// all cores; a folder that earlier snapshots have shown to hold nothing is not looked at again.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "archive/exclude.h"
#include "archive/snapshots.h"
#include "base/error.h"
#include "format/tree.h"

namespace holdfast::archive {

// A folder of a snapshot could not be read; the search goes on without it. Called, as all that a
// search tells, on the calling thread: snapshot after snapshot, in tree order.
using SearchFailed = std::function<void(const Snapshot& snapshot, const Error& error)>;

struct NameSearch {
  // As those of --include: what lies in a folder that is matched is matched too.
  PatternList patterns;
  std::optional<Timestamp> oldest, newest;  // of the modification time, both included
};
// `found` gets the absolute path in the snapshot; of the node without content and attributes.
void find_names(repo::Repository& repository, const std::vector<Snapshot>& snapshots,
                const NameSearch& search, const SearchFailed& failed,
                const std::function<void(const Snapshot& snapshot, const std::string& path,
                                         const format::Node& node)>& found,
                std::stop_token stop);

// Blobs by their ids or the fronts of these.
class BlobSearch {
 public:
  // `prefix`: 1 to 64 hex digits in either case; Errc::usage for anything else.
  void add_prefix(format::BlobType type, std::string_view prefix);
  void add(const format::BlobHandle& blob) { exact_.insert(blob); }
  [[nodiscard]] bool wants(const format::BlobHandle& blob) const;
  // Whether any blob of this type may be wanted.
  [[nodiscard]] bool wants_type(format::BlobType type) const noexcept;

 private:
  struct Prefix {
    format::BlobType type;
    std::string digits;
  };
  std::vector<Prefix> prefixes_;
  std::unordered_set<format::BlobHandle, format::BlobHandleHash> exact_;
};

// One use of a blob in a snapshot.
struct FoundBlob {
  format::BlobHandle blob;
  std::string path;                       // of the file, or of the folder whose tree it is
  std::optional<format::Id> parent_tree;  // of a file: the tree that names it
};
// Each file that uses a wanted blob, once for each such blob, and each folder whose tree is wanted,
// "/" too. Finds blobs that no index knows.
void find_blobs(repo::Repository& repository, const std::vector<Snapshot>& snapshots,
                const BlobSearch& search, const SearchFailed& failed,
                const std::function<void(const Snapshot& snapshot, const FoundBlob& found)>& found,
                std::stop_token stop);

}  // namespace holdfast::archive
