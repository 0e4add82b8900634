// SPDX-License-Identifier: Apache-2.0
#include "job/rewrite.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "job/instance_access.h"
#include "repo/blob_writer.h"

namespace holdfast::job {

namespace {

// What the patterns say.
class PatternEdit final : public archive::TreeEdit {
 public:
  PatternEdit(const RewriteOptions& options, model::Observer& observer)
      : options_(options), observer_(observer) {}

  [[nodiscard]] Verdict judge(const std::string& path, format::Node& node, bool is_first) override {
    if (!leaves_out(path, node.type == format::NodeType::dir)) return Verdict::same;
    if (is_first) observer_.item_excluded(path);
    return Verdict::left_out;
  }
  [[nodiscard]] bool keeps_empty(const std::string& path) override {
    return options_.includes.empty() || options_.includes.matches(path);
  }

 private:
  [[nodiscard]] bool leaves_out(const std::string& path, bool is_directory) const {
    if (options_.includes.empty()) return options_.excludes.matches(path);
    return !options_.includes.matches(path) &&
           !(is_directory && options_.includes.may_match_below(path));
  }

  const RewriteOptions& options_;
  model::Observer& observer_;
};

void check_options(const RepositoryAccess& access, const RewriteOptions& options) {
  if (!options.excludes.empty() && !options.includes.empty()) {
    throw Error(Errc::usage, "patterns to leave out and patterns to take cannot be used together");
  }
  if (options.excludes.empty() && options.includes.empty() && options.new_hostname.empty() &&
      !options.new_time && !options.snapshot_summary) {
    throw Error(Errc::usage, "nothing is to be rewritten")
        .set_hint(
            "Give patterns to leave out or to take, --new-host, --new-time or --snapshot-summary.");
  }
  if (access.no_lock && !options.dry_run) {
    throw Error(Errc::usage, "rewrite without a lock is possible only as a dry run");
  }
}

// As restic writes a time that is none.
constexpr int no_year = 1;

// Sets the counts. Whether they were others, or none.
bool count(format::SnapshotFile& file, const archive::TreeTotals& totals) {
  const bool is_same = file.summary && file.summary->total_files_processed == totals.files &&
                       file.summary->total_bytes_processed == totals.bytes;
  if (!file.summary) {
    file.summary.emplace();
    file.summary->backup_start = from_calendar(no_year, 1, 1, 0, 0, 0, 0);
    file.summary->backup_end = file.summary->backup_start;
  }
  file.summary->total_files_processed = totals.files;
  file.summary->total_bytes_processed = totals.bytes;
  return !is_same;
}

class RewriteRun {
 public:
  RewriteRun(OpenedRepository& opened, repo::BlobWriter& writer, const RewriteOptions& options,
             model::Observer& observer, std::stop_token stop)
      : options_(options),
        observer_(observer),
        stop_(std::move(stop)),
        patterns_(options, observer),
        edit_(*opened.repository, writer, patterns_, "were left out by `holdfast rewrite`",
              observer),
        rewriter_(*opened.repository, writer, edit_, {}) {}

  // Nothing if it stays as it is.
  [[nodiscard]] std::optional<SnapshotChange> change(archive::Snapshot&& before) {
    if (proven_tree(before.file)) return std::nullopt;
    format::SnapshotFile after = before.file;
    bool is_changed = false;
    if (needs_trees()) {
      edit_.begin(before.file);
      const archive::RewrittenTree rewritten =
          in_context("rewriting snapshot " + before.id.short_hex(),
                     [&] { return rewriter_.rewrite(before.file.tree, observer_, stop_); });
      if (!rewritten.tree) return std::nullopt;
      after.tree = *rewritten.tree;
      is_changed = after.tree != before.file.tree;
      if (is_changed) edit_.end(after);
      if ((is_changed || options_.snapshot_summary) && count(after, rewritten.totals)) {
        is_changed = true;
      }
    }
    if (!options_.new_hostname.empty() && after.hostname != options_.new_hostname) {
      after.hostname = options_.new_hostname;
      is_changed = true;
    }
    if (options_.new_time && after.time != *options_.new_time) {
      after.time = *options_.new_time;
      is_changed = true;
    }
    if (!is_changed) return std::nullopt;
    if (!after.original) after.original = before.id;
    if (!options_.forget && !after.has_tag(rewritten_tag)) after.tags.emplace_back(rewritten_tag);
    return SnapshotChange{std::move(before), std::move(after), std::nullopt, false};
  }

 private:
  static constexpr std::string_view rewritten_tag = "rewrite";

  [[nodiscard]] bool needs_trees() const {
    return options_.snapshot_summary || !options_.excludes.empty() || !options_.includes.empty();
  }

  const RewriteOptions& options_;
  model::Observer& observer_;
  const std::stop_token stop_;
  PatternEdit patterns_;
  InstanceEdit edit_;
  archive::TreeRewriter rewriter_;
};

}  // namespace

SnapshotChanges rewrite_snapshots(const Environment& environment, const RepositoryAccess& access,
                                  const RewriteOptions& options, model::Observer& observer,
                                  std::stop_source& stop) {
  check_options(access, options);
  const bool removes = options.forget && !options.dry_run;
  OpenedRepository opened =
      open_repository(environment, access, removes ? LockMode::exclusive : LockMode::shared, stop);
  repo::Repository& repository = *opened.repository;
  std::vector<archive::Snapshot> all = archive::load_snapshots(repository);
  std::vector<archive::Snapshot> chosen =
      choose_snapshots(repository, all, options.ids, options.filter);
  repository.load_index_for_writing(observer);
  observer.phase("rewriting trees");
  SnapshotChanges changes;
  {
    repo::BlobWriter writer(repository, make_writer_options(environment, access, options.dry_run),
                            opened.lock.get());
    RewriteRun run(opened, writer, options, observer, stop.get_token());
    for (archive::Snapshot& snapshot : chosen) {
      if (auto change = run.change(std::move(snapshot)))
        changes.changes.push_back(std::move(*change));
    }
    writer.finish();
  }
  if (options.dry_run) return changes;
  replace_snapshots(opened, std::move(all), false, options.forget, changes, observer,
                    stop.get_token());
  return changes;
}

}  // namespace holdfast::job
