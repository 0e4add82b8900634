// SPDX-License-Identifier: Apache-2.0
#include "archive/snapshots.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>

#include "archive/tree_walk.h"
#include "base/crew.h"
#include "base/error.h"
#include "base/path.h"

namespace holdfast::archive {
namespace {

bool has_all_paths(const format::SnapshotFile& snapshot, const std::vector<std::string>& paths) {
  return std::ranges::all_of(paths, [&](const std::string& path) {
    return std::ranges::find(snapshot.paths, path) != snapshot.paths.end();
  });
}

Snapshot load_snapshot(repo::Repository& repository, const format::Id& id) {
  const Bytes json = repository.load_unpacked(storage::FileKind::snapshot, id);
  return in_context("reading snapshot " + id.short_hex(), [&] {
    return Snapshot{id, format::parse_snapshot_file(as_text(json))};
  });
}

// "/a/b" of "a/./b/", "" of "" and "/".
std::string clean_subfolder(std::string_view text) {
  if (text.empty()) return {};
  const std::string clean = (std::filesystem::path("/") / text).lexically_normal().string();
  if (clean == "/") return {};
  return clean.back() == '/' ? clean.substr(0, clean.size() - 1) : clean;
}

std::string display(const SnapshotFilter& filter) {
  std::vector<std::string> lists;
  for (const auto& tags : filter.tag_lists)
    lists.push_back(fmt::format("[{}]", fmt::join(tags, ", ")));
  std::vector<std::string> paths = filter.paths;
  for (const SnapshotFilter::Sole& sole : filter.soles) paths.push_back(sole.path);
  return fmt::format("hosts [{}], tags [{}], paths [{}]", fmt::join(filter.hosts, ", "),
                     fmt::join(lists, " "), fmt::join(paths, ", "));
}

Snapshot find_latest(repo::Repository& repository, SnapshotFilter filter) {
  for (std::string& path : filter.paths) path = absolute_path(path);
  std::vector<Snapshot> snapshots = load_snapshots(repository);
  const auto newest =
      std::find_if(snapshots.rbegin(), snapshots.rend(),
                   [&](const Snapshot& snapshot) { return filter.matches(snapshot.file); });
  if (newest != snapshots.rend()) return std::move(*newest);
  if (filter.empty()) throw Error(Errc::not_found, "the repository has no snapshot");
  throw Error(Errc::not_found, "no snapshot found for " + display(filter));
}

struct Grouping {
  bool by_host = false, by_paths = false, by_tags = false;
};

Grouping parse_grouping(std::string_view group_by) {
  Grouping grouping;
  while (!group_by.empty()) {
    const std::size_t comma = std::min(group_by.find(','), group_by.size());
    const std::string_view word = group_by.substr(0, comma);
    group_by.remove_prefix(std::min(comma + 1, group_by.size()));
    if (word == "host" || word == "hosts") {
      grouping.by_host = true;
    } else if (word == "path" || word == "paths") {
      grouping.by_paths = true;
    } else if (word == "tag" || word == "tags") {
      grouping.by_tags = true;
    } else if (!word.empty()) {
      Error error(Errc::usage, fmt::format("unknown grouping \"{}\"", word));
      error.set_hint("Group by any of host, paths and tags, joined by commas.");
      throw error;
    }
  }
  return grouping;
}

}  // namespace

bool has_tags(const format::SnapshotFile& snapshot, const std::vector<std::string>& tags) {
  for (const std::string& tag : tags) {
    if (tag.empty() && snapshot.tags.empty()) return true;
    if (!snapshot.has_tag(tag)) return false;
  }
  return true;
}

bool SnapshotFilter::matches(const format::SnapshotFile& snapshot) const {
  if (!hosts.empty() && std::ranges::find(hosts, snapshot.hostname) == hosts.end()) return false;
  const auto has = [&](const std::vector<std::string>& tags) { return has_tags(snapshot, tags); };
  if (!tag_lists.empty() && std::ranges::none_of(tag_lists, has)) return false;
  const auto is_sole = [&](const Sole& sole) {
    return snapshot.paths.size() == 1 && snapshot.paths[0] == sole.path &&
           snapshot.has_tag(sole.tag);
  };
  if (!soles.empty() && std::ranges::none_of(soles, is_sole)) return false;
  return has_all_paths(snapshot, paths);
}

std::vector<Snapshot> load_snapshots(repo::Repository& repository,
                                     std::vector<std::string>* damaged) {
  const std::vector<format::Id> ids = repository.list(storage::FileKind::snapshot);
  std::vector<Snapshot> snapshots;
  std::mutex mutex;  // guards snapshots and damaged
  std::atomic<std::size_t> next{0};
  const auto load = [&](const std::stop_token& stop) {
    for (std::size_t i = next++; i < ids.size() && !stop.stop_requested(); i = next++) {
      try {
        Snapshot snapshot = load_snapshot(repository, ids[i]);
        const std::lock_guard lock(mutex);
        snapshots.push_back(std::move(snapshot));
      } catch (const Error& error) {
        // Another client may have removed it since it was listed.
        if (error.code() == Errc::not_found) continue;
        if (damaged == nullptr || error.code() != Errc::corrupt) throw;
        const std::lock_guard lock(mutex);
        damaged->push_back(error.message());
      }
    }
  };
  if (ids.size() < 2) {
    load({});
  } else {
    Crew crew;
    const std::size_t threads =
        std::min<std::size_t>(repository.storage().connections_max(), ids.size());
    for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) crew.start(load);
    crew.join();
  }
  std::ranges::sort(snapshots, [](const Snapshot& a, const Snapshot& b) {
    return a.file.time != b.file.time ? a.file.time < b.file.time : a.id < b.id;
  });
  if (damaged != nullptr) std::ranges::sort(*damaged);
  return snapshots;
}

FoundSnapshot find_snapshot(repo::Repository& repository, std::string_view text,
                            const SnapshotFilter& filter) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  std::string subfolder =
      colon == std::string_view::npos ? std::string() : clean_subfolder(text.substr(colon + 1));
  if (name == "latest") return {find_latest(repository, filter), std::move(subfolder)};
  const std::optional<format::Id> whole = format::parse_id(name);
  const format::Id id =
      whole ? *whole : repository.find_by_prefix(storage::FileKind::snapshot, name);
  return {load_snapshot(repository, id), std::move(subfolder)};
}

format::Id tree_of(repo::Repository& repository, const FoundSnapshot& found) {
  if (found.subfolder.empty()) return found.snapshot.file.tree;
  return find_tree(repository, found.snapshot.file.tree, found.subfolder);
}

std::optional<Snapshot> find_parent(const std::vector<Snapshot>& snapshots,
                                    const format::SnapshotFile& of, std::string_view group_by) {
  const Grouping grouping = parse_grouping(group_by);
  const Snapshot* newest = nullptr;
  for (const Snapshot& snapshot : snapshots) {
    if (snapshot.file.time > of.time) continue;
    if (grouping.by_host && snapshot.file.hostname != of.hostname) continue;
    if (grouping.by_paths && !has_all_paths(snapshot.file, of.paths)) continue;
    if (grouping.by_tags && !has_tags(snapshot.file, of.tags)) continue;
    if (newest == nullptr || snapshot.file.time >= newest->file.time) newest = &snapshot;
  }
  if (newest == nullptr) return std::nullopt;
  return *newest;
}

std::vector<SnapshotGroup> group_snapshots(std::vector<Snapshot> snapshots,
                                           std::string_view group_by) {
  const Grouping grouping = parse_grouping(group_by);
  std::stable_sort(snapshots.begin(), snapshots.end(),
                   [](const Snapshot& a, const Snapshot& b) { return a.file.time > b.file.time; });
  std::map<GroupKey, std::vector<Snapshot>> groups;
  for (Snapshot& snapshot : snapshots) {
    GroupKey key;
    if (grouping.by_host) key.hostname = snapshot.file.hostname;
    if (grouping.by_paths) key.paths = snapshot.file.paths;
    if (grouping.by_tags) key.tags = snapshot.file.tags;
    std::ranges::sort(key.paths);
    std::ranges::sort(key.tags);
    groups[std::move(key)].push_back(std::move(snapshot));
  }
  std::vector<SnapshotGroup> result;
  result.reserve(groups.size());
  for (auto& [key, members] : groups) result.push_back({key, std::move(members)});
  return result;
}

format::Id save_snapshot(repo::Repository& repository, const repo::Lock* lock,
                         const format::SnapshotFile& snapshot) {
  return repo::save_under_lock(repository, lock, storage::FileKind::snapshot,
                               format::to_json(snapshot));
}

}  // namespace holdfast::archive
