// SPDX-License-Identifier: Apache-2.0
// Snapshot files as JSON, restic's members first and in its order, then those of other programs.
#include "format/snapshot_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "format/json_object.h"

namespace holdfast::format {

namespace {

constexpr std::array<std::string_view, 13> snapshot_keys{
    "time", "parent",   "tree", "paths",    "hostname",        "username", "uid",
    "gid",  "excludes", "tags", "original", "program_version", "summary"};

// One counter of a summary and its key.
struct Counter {
  std::string_view key;
  std::uint64_t SnapshotSummary::*value;
};
constexpr std::array counters{
    Counter{"files_new", &SnapshotSummary::files_new},
    Counter{"files_changed", &SnapshotSummary::files_changed},
    Counter{"files_unmodified", &SnapshotSummary::files_unmodified},
    Counter{"dirs_new", &SnapshotSummary::dirs_new},
    Counter{"dirs_changed", &SnapshotSummary::dirs_changed},
    Counter{"dirs_unmodified", &SnapshotSummary::dirs_unmodified},
    Counter{"data_blobs", &SnapshotSummary::data_blobs},
    Counter{"tree_blobs", &SnapshotSummary::tree_blobs},
    Counter{"data_added", &SnapshotSummary::data_added},
    Counter{"data_added_packed", &SnapshotSummary::data_added_packed},
    Counter{"total_files_processed", &SnapshotSummary::total_files_processed},
    Counter{"total_bytes_processed", &SnapshotSummary::total_bytes_processed}};

Json to_json_array(const std::vector<std::string>& texts) {
  Json::Array array;
  array.reserve(texts.size());
  for (const std::string& text : texts) array.emplace_back(text);
  return Json(std::move(array));
}

Json summary_to_json(const SnapshotSummary& summary) {
  Json json = Json::object();
  json.set("backup_start", to_rfc3339(summary.backup_start));
  json.set("backup_end", to_rfc3339(summary.backup_end));
  for (const Counter& counter : counters) json.set(counter.key, summary.*counter.value);
  append_members(json, summary.other);
  return json;
}

// The member as an id; nothing if it is missing or null.
std::optional<Id> optional_id(const Json& json, std::string_view key) {
  const Json* const member = json.find(key);
  if (member == nullptr || member->is_null()) return std::nullopt;
  const auto id = parse_id(member->as_string());
  if (!id) throw Error(Errc::corrupt, fmt::format("snapshot: {} is not an id", key));
  return id;
}

std::vector<std::string> string_list(const Json& json, std::string_view key) {
  std::vector<std::string> texts;
  const Json* const member = json.find(key);
  if (member == nullptr || member->is_null()) return texts;
  for (const Json& text : member->as_array()) texts.push_back(text.as_string());
  return texts;
}

Timestamp time_or_epoch(const Json& json, std::string_view key) {
  const std::string text = json.string_or(key, "");
  return text.empty() ? Timestamp{} : parse_rfc3339(text);
}

SnapshotSummary parse_summary(const Json& json) {
  SnapshotSummary summary;
  summary.backup_start = time_or_epoch(json, "backup_start");
  summary.backup_end = time_or_epoch(json, "backup_end");
  for (const Counter& counter : counters) summary.*counter.value = json.uint_or(counter.key, 0);
  for (const auto& [key, value] : json.as_object()) {
    const bool is_known =
        key == "backup_start" || key == "backup_end" ||
        std::any_of(counters.begin(), counters.end(),
                    [&name = key](const Counter& counter) { return counter.key == name; });
    if (!is_known) summary.other.as_object().emplace_back(key, value);
  }
  return summary;
}

}  // namespace

bool SnapshotFile::has_tag(std::string_view tag) const noexcept {
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

Json to_json_value(const SnapshotFile& snapshot) {
  Json json = Json::object();
  json.set("time", to_rfc3339(snapshot.time));
  if (snapshot.parent) json.set("parent", snapshot.parent->hex());
  json.set("tree", snapshot.tree.hex());
  json.set("paths", to_json_array(snapshot.paths));
  if (!snapshot.hostname.empty()) json.set("hostname", snapshot.hostname);
  if (!snapshot.username.empty()) json.set("username", snapshot.username);
  if (snapshot.uid != 0) json.set("uid", snapshot.uid);
  if (snapshot.gid != 0) json.set("gid", snapshot.gid);
  if (!snapshot.excludes.empty()) json.set("excludes", to_json_array(snapshot.excludes));
  if (!snapshot.tags.empty()) json.set("tags", to_json_array(snapshot.tags));
  if (snapshot.original) json.set("original", snapshot.original->hex());
  if (!snapshot.program_version.empty()) json.set("program_version", snapshot.program_version);
  if (snapshot.summary) json.set("summary", summary_to_json(*snapshot.summary));
  append_members(json, snapshot.other);
  return json;
}

std::string to_json(const SnapshotFile& snapshot) {
  return to_json_value(snapshot).dump();
}

SnapshotFile parse_snapshot_file(std::string_view text) {
  return in_context("reading a snapshot file", [&] {
    const Json json = parse_object(text, "snapshot");
    SnapshotFile snapshot;
    snapshot.time = parse_rfc3339(json.at("time").as_string());
    snapshot.parent = optional_id(json, "parent");
    const auto tree = optional_id(json, "tree");
    if (!tree || tree->is_null()) throw Error(Errc::corrupt, "snapshot has no tree");
    snapshot.tree = *tree;
    snapshot.paths = string_list(json, "paths");
    snapshot.hostname = json.string_or("hostname", "");
    snapshot.username = json.string_or("username", "");
    snapshot.uid = number32_or_zero(json, "uid");
    snapshot.gid = number32_or_zero(json, "gid");
    snapshot.excludes = string_list(json, "excludes");
    snapshot.tags = string_list(json, "tags");
    snapshot.original = optional_id(json, "original");
    snapshot.program_version = json.string_or("program_version", "");
    if (const Json* const summary = json.find("summary");
        summary != nullptr && !summary->is_null()) {
      snapshot.summary = parse_summary(*summary);
    }
    for (const auto& [key, value] : json.as_object()) {
      if (std::find(snapshot_keys.begin(), snapshot_keys.end(), key) == snapshot_keys.end()) {
        snapshot.other.as_object().emplace_back(key, value);
      }
    }
    return snapshot;
  });
}

}  // namespace holdfast::format
