// SPDX-License-Identifier: Apache-2.0
// A file below snapshots/: one backup's root tree and what was said about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/timestamp.h"
#include "format/id.h"

namespace holdfast::format {

struct SnapshotSummary {
  Timestamp backup_start;
  Timestamp backup_end;
  std::uint64_t files_new = 0, files_changed = 0, files_unmodified = 0;
  std::uint64_t dirs_new = 0, dirs_changed = 0, dirs_unmodified = 0;
  std::uint64_t data_blobs = 0, tree_blobs = 0;
  std::uint64_t data_added = 0, data_added_packed = 0;  // bytes, plain and stored
  std::uint64_t total_files_processed = 0, total_bytes_processed = 0;
  Json other = Json::object();  // members of other programs, kept on rewriting
};

struct SnapshotFile {
  Timestamp time;  // in the host's zone: retention counts days in it
  std::optional<Id> parent;
  Id tree;
  std::vector<std::string> paths;
  std::string hostname;
  std::string username;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::string> excludes;
  std::vector<std::string> tags;
  std::optional<Id> original;
  std::string program_version;
  std::optional<SnapshotSummary> summary;
  Json other = Json::object();  // members of other programs, kept on rewriting

  [[nodiscard]] bool has_tag(std::string_view tag) const noexcept;
};

[[nodiscard]] std::string to_json(const SnapshotFile& snapshot);
// The same as a value, for --json output that adds members.
[[nodiscard]] Json to_json_value(const SnapshotFile& snapshot);
[[nodiscard]] SnapshotFile parse_snapshot_file(std::string_view json);  // Errc::corrupt

}  // namespace holdfast::format
