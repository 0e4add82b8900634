// SPDX-License-Identifier: Apache-2.0
#include "job/snapshot_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "archive/stream_saver.h"
#include "archive/tree_walk.h"
#include "base/error.h"
#include "base/json.h"
#include "job/instance_access.h"
#include "job/snapshots.h"
#include "model/manifest.h"
#include "repo/parallel.h"

namespace holdfast::job {

namespace {

// Whether it went; that it did not is told, and the others are still tried.
bool remove_snapshot(OpenedRepository& opened, const format::Id& id, SnapshotChanges& changes,
                     model::Observer& observer) {
  try {
    opened.lock->check();
    opened.repository->remove(storage::FileKind::snapshot, id);
    return true;
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled || error.code() == Errc::locked) throw;
    ++observer.errors;
    ++changes.failed;
    observer.item_failed(fmt::format("snapshot {}", id.hex()), "remove", error.message());
    return false;
  }
}

}  // namespace

std::vector<format::Id> orphaned_proofs(const std::vector<archive::Snapshot>& all,
                                        const std::vector<format::Id>& removed) {
  const std::set<format::Id> gone(removed.begin(), removed.end());
  std::set<format::Id> trees;
  for (const archive::Snapshot& snapshot : all) {
    if (!gone.contains(snapshot.id) && !proven_tree(snapshot.file))
      trees.insert(snapshot.file.tree);
  }
  std::vector<format::Id> orphans;
  for (const archive::Snapshot& snapshot : all) {
    const auto tree = proven_tree(snapshot.file);
    if (tree && !gone.contains(snapshot.id) && !trees.contains(*tree))
      orphans.push_back(snapshot.id);
  }
  return orphans;
}

std::vector<archive::Snapshot> choose_snapshots(repo::Repository& repository,
                                                const std::vector<archive::Snapshot>& all,
                                                const std::vector<std::string>& ids,
                                                const archive::SnapshotFilter& filter) {
  if (!ids.empty()) return named_snapshots(repository, ids, filter);
  std::vector<archive::Snapshot> chosen;
  std::ranges::copy_if(all, std::back_inserter(chosen),
                       [&](const archive::Snapshot& each) { return filter.matches(each.file); });
  return chosen;
}

void replace_snapshots(OpenedRepository& opened, std::vector<archive::Snapshot> all,
                       bool some_unread, bool forget, SnapshotChanges& changes,
                       model::Observer& observer, const std::stop_token& stop) {
  observer.phase("saving snapshots");
  std::vector<format::Id> removed;
  for (SnapshotChange& change : changes.changes) {
    repo::check_stop(stop);
    if (change.after) {
      change.id = archive::save_snapshot(*opened.repository, opened.lock.get(), *change.after);
      all.push_back({*change.id, *change.after});
    }
    if (!forget) continue;
    change.is_removed = remove_snapshot(opened, change.before.id, changes, observer);
    if (change.is_removed) removed.push_back(change.before.id);
  }
  if (removed.empty() || some_unread) return;
  for (const format::Id& proof : orphaned_proofs(all, removed)) {
    repo::check_stop(stop);
    if (remove_snapshot(opened, proof, changes, observer)) changes.proofs.push_back(proof);
  }
}

void InstanceEdit::begin(const format::SnapshotFile& snapshot) {
  const bool is_instance = snapshot.has_tag(instance_tag) && snapshot.paths.size() == 1;
  manifest_path_ = is_instance ? snapshot.paths[0] + "/holdfast.json" : "";
  has_manifest_ = false;
}

void InstanceEdit::end(format::SnapshotFile& snapshot) const {
  if (manifest_path_.empty() || has_manifest_) return;
  std::erase(snapshot.tags, instance_tag);
  observer_.warning(
      fmt::format("{} is lost: the new snapshot is none of an instance any more, and only its "
                  "files can be restored",
                  manifest_path_));
}

archive::TreeEdit::Verdict InstanceEdit::judge(const std::string& path, format::Node& node,
                                               bool is_first) {
  const Verdict verdict = edit_.judge(path, node, is_first);
  if (path == manifest_path_ && is_first) has_manifest_ = verdict != Verdict::left_out;
  return verdict;
}

void InstanceEdit::amend(const std::string& path, format::Node& node,
                         const archive::TreeTotals& totals, repo::BlobWriter::Worker& worker) {
  edit_.amend(path, node, totals, worker);
  if (path != manifest_path_ || node.type != format::NodeType::file) return;
  try {
    amend_manifest(node, totals.changes, worker);
  } catch (const Error& error) {  // end() tells
    if (error.code() != Errc::corrupt && error.code() != Errc::not_found &&
        error.code() != Errc::unsupported) {
      throw;
    }
    has_manifest_ = false;
  }
}

// Works on the JSON, so that members which only other versions know stay.
void InstanceEdit::amend_manifest(format::Node& node, std::uint64_t changes,
                                  repo::BlobWriter::Worker& worker) const {
  const Bytes text =
      read_all(*archive::open_file(repository_, node, worker.codec), manifest_bytes_max);
  static_cast<void>(model::parse_manifest(as_text(text)));
  Json manifest = Json::parse(as_text(text), "the manifest");
  model::Finding finding;
  finding.code = std::string(snapshot_reduced);
  finding.severity = model::Severity::warning;
  finding.seen = fmt::format("{} files or directories {}", changes, what_happened_);
  finding.why = "the copy is no longer what was backed up";
  finding.mend = "Restore another snapshot where all of it is needed.";
  finding.mend_class = model::MendClass::manual;
  Json findings = manifest.at("findings");
  findings.push(to_json(finding));
  manifest.set("findings", std::move(findings)).set("complete", false);
  const std::string amended = manifest.dump_indented() + "\n";
  archive::StreamSaver saver(repository_, writer_, format::restic_chunks);
  saver.write(as_bytes(amended));
  archive::SavedStream saved = saver.finish();
  node.content = std::move(saved.content);
  node.size_bytes = saved.size_bytes;
}

}  // namespace holdfast::job
