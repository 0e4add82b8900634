// SPDX-License-Identifier: Apache-2.0
// Chooses snapshots, copies their blobs in rounds, and saves the snapshots of a round at its end.
#include "job/copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>

#include "base/error.h"
#include "job/snapshots.h"
#include "repo/copy_blobs.h"
#include "repo/parallel.h"
#include "repo/used_blobs.h"

namespace holdfast::job {

namespace {

using archive::Snapshot;
using repo::BlobSet;

// Each round goes through the whole index of the source, so there are only a few; an interrupted
// copy has the snapshots of the rounds before.
constexpr std::size_t rounds_max = 8;

std::vector<std::string> sorted(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  return texts;
}

// Source: restic cmd/restic/cmd_copy.go, for what makes two snapshots the same: everything but
// parent and original.
bool are_alike(const format::SnapshotFile& a, const format::SnapshotFile& b) {
  return a.time == b.time && a.tree == b.tree && a.hostname == b.hostname &&
         a.username == b.username && a.uid == b.uid && a.gid == b.gid && a.excludes == b.excludes &&
         sorted(a.paths) == sorted(b.paths) && sorted(a.tags) == sorted(b.tags);
}

class Copy {
 public:
  Copy(OpenedRepository& source, OpenedRepository& target, const repo::WriterOptions& writer,
       const SnapshotCopied& told, model::Observer& observer, std::stop_token stop)
      : source_(*source.repository),
        target_(*target.repository),
        target_lock_(target.lock.get()),
        writer_options_(writer),
        told_(told),
        observer_(observer),
        stop_(std::move(stop)) {}

  CopyReport run(const CopyOptions& options) {
    warn_of_chunkers();
    const std::vector<Snapshot> chosen = leave_out_known(choose(options));
    source_.load_index(observer_);
    target_.load_index_for_writing(observer_);
    BlobSet used(source_.index().blob_number_end());
    lost_ = used;
    const std::size_t per_round = (chosen.size() + rounds_max - 1) / rounds_max;
    for (std::size_t at = 0; at < chosen.size(); at += per_round) {
      copy_round(std::span(chosen).subspan(at, std::min(per_round, chosen.size() - at)), used);
    }
    return report_;
  }

 private:
  void warn_of_chunkers();
  [[nodiscard]] std::vector<Snapshot> choose(const CopyOptions& options);
  [[nodiscard]] std::vector<Snapshot> leave_out_known(std::vector<Snapshot> chosen);
  // Adds to `used` what the round needs.
  void copy_round(std::span<const Snapshot> round, BlobSet& used);
  [[nodiscard]] bool is_whole(const Snapshot& snapshot);
  void save(const Snapshot& snapshot);

  repo::Repository& source_;
  repo::Repository& target_;
  repo::Lock* const target_lock_;
  const repo::WriterOptions& writer_options_;
  const SnapshotCopied& told_;
  model::Observer& observer_;
  const std::stop_token stop_;
  BlobSet lost_{0};          // blobs of the source that cannot be read
  bool is_damaged_ = false;  // some snapshot so far is
  CopyReport report_;
};

void Copy::warn_of_chunkers() {
  if (source_.config().chunker_polynomial == target_.config().chunker_polynomial) return;
  observer_.warning(
      "the two repositories cut files at different places: what is copied shares nothing with what "
      "is backed up into the target itself, so that files in both take their space twice; a target "
      "made by `holdfast init --copy-chunker-params --from-repo SOURCE` shares it");
}

std::vector<Snapshot> Copy::choose(const CopyOptions& options) {
  if (!options.ids.empty()) return named_snapshots(source_, options.ids, options.filter);
  std::vector<std::string> damaged;
  std::vector<Snapshot> chosen = archive::load_snapshots(source_, &damaged);
  for (const std::string& message : damaged) observer_.warning(message + "; it is not copied");
  report_.damaged += damaged.size();
  std::erase_if(chosen,
                [&](const Snapshot& snapshot) { return !options.filter.matches(snapshot.file); });
  return chosen;
}

std::vector<Snapshot> Copy::leave_out_known(std::vector<Snapshot> chosen) {
  std::vector<std::string> damaged;
  const std::vector<Snapshot> there = archive::load_snapshots(target_, &damaged);
  for (const std::string& message : damaged) observer_.warning("in the target: " + message);
  std::multimap<format::Id, const Snapshot*> by_origin;
  for (const Snapshot& snapshot : there) {
    by_origin.emplace(snapshot.id, &snapshot);
    if (snapshot.file.original) by_origin.emplace(*snapshot.file.original, &snapshot);
  }
  std::erase_if(chosen, [&](const Snapshot& snapshot) {
    const auto [begin, end] = by_origin.equal_range(snapshot.file.original.value_or(snapshot.id));
    const auto same = std::find_if(
        begin, end, [&](const auto& each) { return are_alike(each.second->file, snapshot.file); });
    if (same == end) return false;
    ++report_.known;
    told_(snapshot, CopyOutcome::known, same->second->id);
    return true;
  });
  return chosen;
}

void Copy::copy_round(std::span<const Snapshot> round, BlobSet& used) {
  repo::check_stop(stop_);
  observer_.phase("finding what is to be copied");
  const BlobSet before = used;
  std::vector<format::Id> roots;
  for (const Snapshot& snapshot : round) roots.push_back(snapshot.file.tree);
  repo::add_used_blobs(
      source_, roots, used,
      [&](const repo::TreeProblem& problem) {
        if (problem.kind == repo::TreeProblem::Kind::inconsistent) return;  // nothing is missing
        is_damaged_ = true;
        observer_.warning(fmt::format("{}: {}", problem.path, problem.message));
      },
      observer_, stop_);
  BlobSet wanted = used;
  wanted.remove(before);

  repo::BlobWriter writer(target_, writer_options_, target_lock_);
  const BlobSet lost = repo::copy_blobs(source_, wanted, target_, writer, observer_, stop_);
  writer.finish();
  lost_.add(lost);
  is_damaged_ = is_damaged_ || lost.count() != 0;
  const repo::WriterTotals totals = writer.totals();
  report_.blobs += totals.data_blobs + totals.tree_blobs;
  report_.stored_bytes += totals.stored_bytes;
  for (const Snapshot& snapshot : round) save(snapshot);
}

// Goes through the snapshot by itself: which of several a damaged blob belongs to is not known
// before.
bool Copy::is_whole(const Snapshot& snapshot) {
  bool is_whole = true;
  const BlobSet used = repo::find_used_blobs(
      source_, {snapshot.file.tree},
      [&](const repo::TreeProblem& problem) {
        if (problem.kind != repo::TreeProblem::Kind::inconsistent) is_whole = false;
      },
      observer_, stop_);
  return is_whole && !used.intersects(lost_);
}

void Copy::save(const Snapshot& snapshot) {
  repo::check_stop(stop_);
  if (is_damaged_ && !is_whole(snapshot)) {
    ++report_.damaged;
    told_(snapshot, CopyOutcome::damaged, std::nullopt);
    return;
  }
  format::SnapshotFile file = snapshot.file;
  file.parent.reset();  // an id of the source
  if (!file.original) file.original = snapshot.id;
  const format::Id id = archive::save_snapshot(target_, target_lock_, file);
  ++report_.copied;
  told_(snapshot, CopyOutcome::copied, id);
}

}  // namespace

CopyReport copy_snapshots(const Environment& environment, const RepositoryAccess& source,
                          const RepositoryAccess& target, const CopyOptions& options,
                          const SnapshotCopied& told, model::Observer& observer,
                          std::stop_source& stop) {
  OpenedRepository from = in_context("opening the source repository", [&] {
    return open_repository(environment, source, LockMode::shared, stop);
  });
  RepositoryAccess locked = target;
  locked.no_lock = false;  // whoever writes locks, as in restic
  OpenedRepository to = open_repository(environment, locked, LockMode::shared, stop);
  const repo::WriterOptions writer = make_writer_options(environment, target, false);
  return Copy(from, to, writer, told, observer, stop.get_token()).run(options);
}

}  // namespace holdfast::job
