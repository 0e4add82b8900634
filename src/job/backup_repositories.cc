// SPDX-License-Identifier: Apache-2.0
#include "job/backup_repositories.h"

#include <algorithm>
#include <utility>

#include "base/separate.h"
#include "base/uri.h"

namespace holdfast::job {
namespace {

format::SnapshotSummary summary_of(const RepositorySink& sink, std::size_t destination,
                                   const model::Manifest& manifest, const Timestamp& begun,
                                   const Timestamp& ended) {
  const archive::ArchiveCounts& counts = sink.counts(destination);
  const repo::WriterTotals& totals = sink.totals(destination);
  format::SnapshotSummary summary{begun,
                                  ended,
                                  counts.files_new,
                                  counts.files_changed,
                                  counts.files_unmodified,
                                  counts.dirs_new,
                                  counts.dirs_changed,
                                  counts.dirs_unmodified,
                                  totals.data_blobs,
                                  totals.tree_blobs,
                                  totals.data_bytes + totals.tree_bytes,
                                  totals.stored_bytes,
                                  counts.files_processed,
                                  counts.bytes_processed};
  for (const model::DatabaseFacts& database : manifest.databases) {
    for (const model::PartFacts& part : database.parts) {
      ++summary.total_files_processed;
      summary.total_bytes_processed += part.size_bytes;
    }
  }
  return summary;
}

}  // namespace

BackupRepositories::BackupRepositories(const Environment& environment,
                                       const std::vector<RepositoryAccess>& accesses,
                                       const std::string& instance, bool will_write,
                                       model::Observer& observer, std::stop_source& stop)
    : environment_(environment),
      accesses_(accesses),
      observer_(observer),
      stop_(stop),
      destinations_([this](std::size_t destination, const Error& failure) {
        tell(opened_[destination].access, failure);
      }) {
  for (const RepositoryAccess& access : accesses)
    outcomes_.push_back({redacted_uri(access.location), {}, {}, {}});
  for (std::size_t i = 0; i < accesses.size(); ++i) {
    One& one = opened_.emplace_back();
    one.access = i;
    try {
      open(one, accesses[i], instance, will_write);
      destinations_.add(*one.opened.repository, nullptr);
    } catch (const Error& error) {  // becomes the repository's outcome
      // Who typed the password is asked again.
      const bool is_asked = error.code() == Errc::wrong_password && accesses[i].password_typed;
      if (accesses.size() == 1 || error.code() == Errc::bug || stop.stop_requested() || is_asked)
        throw;
      outcomes_[i].failure = separate(error);
      opened_.pop_back();
      tell(i, error);
    }
  }
  if (opened_.empty()) throw failure(*outcomes_.front().failure);
}

void BackupRepositories::open(One& one, const RepositoryAccess& access, const std::string& instance,
                              bool will_write) {
  if (accesses_.size() == 1) {
    one.stop = stop_;
  } else {
    one.forward.emplace(stop_.get_token(), [own = one.stop]() mutable { own.request_stop(); });
  }
  RepositoryAccess locked = access;
  if (will_write) locked.no_lock = false;  // whoever writes locks, as in restic
  one.opened = open_repository(environment_, locked, LockMode::shared, one.stop);
  refuse_same(one);
  one.last = load_last_backup(*one.opened.repository, instance, will_write, observer_);
  // Only the first one's manifest is asked for.
  if (opened_.size() > 1) one.last.tree.reset();
}

// Two locations of one repository would be one copy that looks like two.
void BackupRepositories::refuse_same(const One& one) const {
  for (const One& other : opened_) {
    if (&other == &one ||
        other.opened.repository->config().id != one.opened.repository->config().id) {
      continue;
    }
    if (!other.opened.lock || !other.opened.lock->is_in(*one.opened.repository)) continue;
    throw Error(Errc::exists, "it is the same repository as " + outcomes_[other.access].location)
        .set_hint("Name a repository of its own in `extra_locations`, or take it out.");
  }
}

void BackupRepositories::tell(std::size_t access, const Error& failure) {
  if (accesses_.size() == 1 || stop_.stop_requested()) return;
  observer_.warning(outcomes_[access].location + " gets no copy: " + failure.message());
}

std::vector<RepositorySink::Place> BackupRepositories::places() {
  std::vector<RepositorySink::Place> places;
  for (One& one : opened_) {
    RepositorySink::Place place;
    place.opened = &one.opened;
    place.writer_options = make_writer_options(environment_, accesses_[one.access], false);
    if (one.last.snapshot) place.parent = one.last.snapshot->file.tree;
    place.stop = one.stop.get_token();
    places.push_back(std::move(place));
  }
  return places;
}

void BackupRepositories::save_snapshots(format::SnapshotFile snapshot, const RepositorySink& sink,
                                        const model::Manifest& manifest) {
  for (std::size_t i = 0; i < opened_.size(); ++i) {
    const One& one = opened_[i];
    destinations_.attempt(i, [&] {
      if (one.stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
      RepositoryOutcome& outcome = outcomes_[one.access];
      snapshot.tree = sink.root(i);
      outcome.summary = summary_of(sink, i, manifest, snapshot.time, environment_.clock->now());
      snapshot.summary = outcome.summary;
      snapshot.parent.reset();
      if (one.last.snapshot) snapshot.parent = one.last.snapshot->id;
      outcome.snapshot =
          archive::save_snapshot(*one.opened.repository, one.opened.lock.get(), snapshot);
    });
  }
  destinations_.require_open();
}

std::vector<RepositoryOutcome> BackupRepositories::outcomes() const {
  std::vector<RepositoryOutcome> outcomes = outcomes_;
  for (std::size_t i = 0; i < opened_.size(); ++i) {
    const One& one = opened_[i];
    RepositoryOutcome& outcome = outcomes[one.access];
    outcome.failure = destinations_.failure(i);
    // A lost lock cancels what is being written; that is not what has happened.
    if (outcome.failure && outcome.failure->code() == Errc::cancelled && one.opened.lock) {
      try {
        one.opened.lock->check();
      } catch (const Error& error) {  // becomes the outcome
        outcome.failure = separate(error);
      }
    }
  }
  return outcomes;
}

Error BackupRepositories::failure(const Error& error) const {
  if (accesses_.size() == 1 || error.code() == Errc::bug || stop_.stop_requested()) return error;
  const std::vector<RepositoryOutcome> all = outcomes();
  std::string message = "every repository failed";
  for (const RepositoryOutcome& one : all) {
    if (!one.failure) return error;
    message += "; " + one.location + ": " + one.failure->message();
  }
  Error whole(all.front().failure->code(), message);
  if (!all.front().failure->hint().empty()) whole.set_hint(all.front().failure->hint());
  return whole;
}

}  // namespace holdfast::job
