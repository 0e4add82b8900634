// SPDX-License-Identifier: Apache-2.0
#include "job/tag.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "job/instance_access.h"
#include "job/snapshots.h"

namespace holdfast::job {

namespace {

void check_options(const RepositoryAccess& access, const TagOptions& options) {
  if (access.no_lock) throw Error(Errc::usage, "tags are not changed without a lock");
  const bool changes = !options.add.empty() || !options.remove.empty();
  if (!options.set.empty() && changes) {
    throw Error(Errc::usage, "tags are either set, or added and removed");
  }
  if (options.set.empty() && !changes) {
    throw Error(Errc::usage, "no tag was given, so no snapshot is changed")
        .set_hint("Say which with --set, --add or --remove.");
  }
}

// Whether `tag` says what a snapshot of an instance, or the proof of a drill, is.
bool is_reserved(const format::SnapshotFile& snapshot, std::string_view tag) {
  if (!snapshot.has_tag(instance_tag) && !snapshot.has_tag(proof_tag)) return false;
  return tag == instance_tag || tag == proof_tag || tag.starts_with("profile=") ||
         tag.starts_with("proves=");
}

// False if they stay as they are.
bool change_tags(format::SnapshotFile& snapshot, const TagOptions& options) {
  std::vector<std::string>& tags = snapshot.tags;
  const auto add = [&](const std::string& tag) {
    if (!snapshot.has_tag(tag)) tags.push_back(tag);
  };
  if (!options.set.empty()) {
    std::vector<std::string> kept;
    for (const std::string& tag : tags) {
      if (is_reserved(snapshot, tag)) kept.push_back(tag);
    }
    tags = std::move(kept);
    for (const std::string& tag : options.set) add(tag);
    return true;
  }
  const std::vector<std::string> before = tags;
  for (const std::string& tag : options.add) add(tag);
  std::erase_if(tags, [&](const std::string& tag) {
    return std::ranges::find(options.remove, tag) != options.remove.end();
  });
  return tags != before;
}

}  // namespace

TagReport tag_snapshots(const Environment& environment, const RepositoryAccess& access,
                        const TagOptions& options,
                        const std::function<void(const format::Id&, const format::Id&)>& changed,
                        model::Observer& observer, std::stop_source& stop) {
  check_options(access, options);
  const OpenedRepository opened = open_repository(environment, access, LockMode::exclusive, stop);
  repo::Repository& repository = *opened.repository;
  TagReport report;
  for (archive::Snapshot& snapshot :
       select_snapshots(repository, options.ids, options.filter, observer)) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while changing tags");
    if (!change_tags(snapshot.file, options)) continue;
    if (!snapshot.file.original) snapshot.file.original = snapshot.id;
    try {
      const format::Id anew = archive::save_snapshot(repository, opened.lock.get(), snapshot.file);
      opened.lock->check();
      repository.remove(storage::FileKind::snapshot, snapshot.id);
      changed(snapshot.id, anew);
      ++report.changed;
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled || error.code() == Errc::locked) throw;
      ++observer.errors;
      observer.item_failed(fmt::format("snapshot {}", snapshot.id.hex()), "tag", error.message());
      ++report.failed;
    }
  }
  return report;
}

}  // namespace holdfast::job
