// SPDX-License-Identifier: Apache-2.0
#include "cli/backup_view.h"

#include <fmt/format.h>

#include "base/units.h"

namespace holdfast::cli {

namespace {

double seconds_between(const Timestamp& begin, const Timestamp& end) {
  return static_cast<double>(end.seconds - begin.seconds) +
         static_cast<double>(end.nanoseconds - begin.nanoseconds) / 1e9;
}

void print_text(Output& output, const job::FilesBackupReport& report) {
  const format::SnapshotSummary& summary = report.summary;
  output.message("");
  output.message(fmt::format("Files:       {:5} new, {:5} changed, {:5} unmodified",
                             summary.files_new, summary.files_changed, summary.files_unmodified));
  output.message(fmt::format("Dirs:        {:5} new, {:5} changed, {:5} unmodified",
                             summary.dirs_new, summary.dirs_changed, summary.dirs_unmodified));
  output.detail(fmt::format("Data Blobs:  {:5} new", summary.data_blobs));
  output.detail(fmt::format("Tree Blobs:  {:5} new", summary.tree_blobs));
  output.message(fmt::format(
      "{} to the repository: {:<5} ({:<5} stored)", report.dry_run ? "Would add" : "Added",
      format_bytes(summary.data_added), format_bytes(summary.data_added_packed)));
  output.message("");
  const auto duration = std::chrono::seconds(
      static_cast<std::int64_t>(seconds_between(summary.backup_start, summary.backup_end)));
  output.message(fmt::format("processed {} files, {} in {}", summary.total_files_processed,
                             format_bytes(summary.total_bytes_processed),
                             format_duration(duration)));
  if (report.dry_run) return;
  output.message(report.snapshot ? fmt::format("snapshot {} saved", report.snapshot->short_hex())
                                 : "nothing changed, so no snapshot was written");
}

}  // namespace

Json backup_summary_json(const job::FilesBackupReport& report) {
  const format::SnapshotSummary& summary = report.summary;
  Json json = Json::object();
  json.set("files_new", summary.files_new);
  json.set("files_changed", summary.files_changed);
  json.set("files_unmodified", summary.files_unmodified);
  json.set("dirs_new", summary.dirs_new);
  json.set("dirs_changed", summary.dirs_changed);
  json.set("dirs_unmodified", summary.dirs_unmodified);
  json.set("data_blobs", summary.data_blobs);
  json.set("tree_blobs", summary.tree_blobs);
  json.set("data_added", summary.data_added);
  json.set("data_added_packed", summary.data_added_packed);
  json.set("total_files_processed", summary.total_files_processed);
  json.set("total_bytes_processed", summary.total_bytes_processed);
  json.set("total_duration", seconds_between(summary.backup_start, summary.backup_end));
  json.set("backup_start", to_rfc3339(summary.backup_start));
  json.set("backup_end", to_rfc3339(summary.backup_end));
  if (report.snapshot) json.set("snapshot_id", report.snapshot->hex());
  if (report.dry_run) json.set("dry_run", true);
  return json;
}

void print_backup_report(Output& output, const job::FilesBackupReport& report) {
  if (!output.json()) return print_text(output, report);
  Json line = Json::object().set("message_type", "summary");
  const Json members = backup_summary_json(report);
  for (const auto& [key, value] : members.as_object()) line.set(key, value);
  output.json_line(line);
}

}  // namespace holdfast::cli
