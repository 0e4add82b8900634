// SPDX-License-Identifier: Apache-2.0
#include "cli/snapshot_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {

std::string printable_joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::vector<std::string> shown;
  for (const std::string& part : parts) shown.push_back(printable(part));
  return joined(shown, separator);
}

}  // namespace

Json snapshot_json(const archive::Snapshot& snapshot) {
  Json json = format::to_json_value(snapshot.file);
  json.set("id", snapshot.id.hex());
  json.set("short_id", snapshot.id.short_hex());
  return json;
}

Json snapshots_json(const std::vector<archive::Snapshot>& snapshots) {
  if (snapshots.empty()) return nullptr;
  Json list = Json::array();
  for (const archive::Snapshot& snapshot : snapshots) list.push(snapshot_json(snapshot));
  return list;
}

Json list_or_null(const std::vector<std::string>& texts) {
  if (texts.empty()) return nullptr;
  Json list = Json::array();
  for (const std::string& text : texts) list.push(text);
  return list;
}

Table snapshot_table(std::vector<archive::Snapshot> snapshots,
                     const SnapshotTableOptions& options) {
  std::stable_sort(snapshots.begin(), snapshots.end(),
                   [](const archive::Snapshot& a, const archive::Snapshot& b) {
                     return a.file.time < b.file.time;
                   });
  const bool with_reasons = !options.reasons.empty() && !options.compact;
  const bool with_size = std::any_of(
      snapshots.begin(), snapshots.end(),
      [](const archive::Snapshot& snapshot) { return snapshot.file.summary.has_value(); });
  Table table;
  table.add_column("ID");
  table.add_column("Time");
  table.add_column(options.compact ? "Host" : "Host      ");
  table.add_column(options.compact ? "Tags  " : "Tags      ");
  if (with_reasons) table.add_column("Reasons");
  if (!options.compact) table.add_column("Paths", true);
  if (with_size) table.add_column("Size");
  for (const archive::Snapshot& snapshot : snapshots) {
    std::vector<std::string> row{
        snapshot.id.short_hex(), display_local(snapshot.file.time),
        printable(snapshot.file.hostname),
        printable_joined(snapshot.file.tags, options.compact ? "\n" : ",")};
    if (with_reasons) {
      const auto found = options.reasons.find(snapshot.id);
      row.push_back(found == options.reasons.end() ? "" : joined(found->second, "\n"));
    }
    if (!options.compact) {
      row.push_back(printable_joined(snapshot.file.paths, "\n"));
      if (snapshot.file.paths.size() > 1) table.separate_rows();
    }
    if (with_size) {
      row.push_back(
          snapshot.file.summary ? format_bytes(snapshot.file.summary->total_bytes_processed) : "");
    }
    table.add_row(std::move(row));
  }
  table.add_footer(fmt::format("{} snapshots", snapshots.size()));
  return table;
}

std::string group_header(const archive::GroupKey& key) {
  std::vector<std::string> parts;
  if (!key.hostname.empty()) parts.push_back(fmt::format("host [{}]", printable(key.hostname)));
  if (!key.tags.empty())
    parts.push_back(fmt::format("tags [{}]", printable_joined(key.tags, ", ")));
  if (!key.paths.empty())
    parts.push_back(fmt::format("paths [{}]", printable_joined(key.paths, ", ")));
  return parts.empty() ? "" : fmt::format("snapshots for ({}):", joined(parts, ", "));
}

std::string snapshot_line(const archive::Snapshot& snapshot) {
  const Timestamp& time = snapshot.file.time;
  const std::int32_t minutes = time.utc_offset_seconds / 60;
  return fmt::format("snapshot {} of [{}] at {} {}{:02}{:02} by {}@{}", snapshot.id.short_hex(),
                     printable_joined(snapshot.file.paths, " "), to_display(time),
                     minutes < 0 ? '-' : '+', std::abs(minutes) / 60, std::abs(minutes) % 60,
                     printable(snapshot.file.username), printable(snapshot.file.hostname));
}

std::string display_local(const Timestamp& moment) {
  return to_display(local_timestamp(moment.seconds, moment.nanoseconds));
}

}  // namespace holdfast::cli
