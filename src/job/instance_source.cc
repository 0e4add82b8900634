// SPDX-License-Identifier: Apache-2.0
#include "job/instance_source.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "archive/tree_walk.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"
#include "job/file_listing.h"
#include "job/instance_access.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

std::string counts_text(std::uint64_t files, std::uint64_t directories, std::uint64_t bytes) {
  return fmt::format("{} files in {} directories, {} bytes", files, directories, bytes);
}

class SnapshotSource final : public InstanceSource {
 public:
  SnapshotSource(repo::Repository& repository, InstanceTree tree, std::stop_token stop)
      : InstanceSource(std::move(tree.manifest)),
        repository_(repository),
        tree_(tree.tree),
        stop_(std::move(stop)) {}

  [[nodiscard]] std::unique_ptr<model::PartSource> parts(
      const model::DatabaseFacts& facts) const override {
    return open_parts(repository_, tree_, facts, stop_);
  }

  [[nodiscard]] ListingDifference compare_listing(const model::FilesFacts& files,
                                                  std::stop_token stop) const override {
    if (files.paths.empty() && files.files == 0) return {};
    FileListing listing = list_files(
        repository_, archive::find_tree(repository_, tree_, "/" + files.directory), stop);
    const std::string expected = counts_text(files.files, files.directories, files.bytes);
    const std::string found = counts_text(listing.files, listing.directories, listing.bytes);
    if (expected != found) return {expected, found};
    if (files.content_sha256.empty() || listing.finish() == files.content_sha256) return {};
    return {expected + ", as they were listed at the backup",
            "as many, but content, mode, owner or another attribute of at least one differs"};
  }

  [[nodiscard]] Place find(const std::string& place) const override {
    return find_place(repository_, tree_, "/" + place);
  }

  [[nodiscard]] std::uint64_t restore(const std::string& place, const fs::path& target, bool verify,
                                      model::Observer& observer,
                                      std::stop_token stop) const override {
    return restore_place(repository_, tree_, "/" + place, target, verify, observer,
                         std::move(stop));
  }

 private:
  repo::Repository& repository_;
  format::Id tree_;
  std::stop_token stop_;
};

class DirectorySource final : public InstanceSource {
 public:
  DirectorySource(fs::path directory, model::Manifest manifest, std::stop_token stop)
      : InstanceSource(std::move(manifest)),
        directory_(std::move(directory)),
        stop_(std::move(stop)) {}

  [[nodiscard]] std::unique_ptr<model::PartSource> parts(
      const model::DatabaseFacts& facts) const override {
    return open_parts(directory_, facts, stop_);
  }

  // Directories on the way to the paths count in a snapshot and not in an export, so only files are
  // compared.
  [[nodiscard]] ListingDifference compare_listing(const model::FilesFacts& files,
                                                  std::stop_token stop) const override {
    NodeCounts counts;
    for (const model::PathFacts& path : files.paths) {
      const Place found = find(path.place);
      const NodeCounts more = count_node(*found.parent, found.node, stop);
      counts.files += more.files;
    }
    if (counts.files == files.files) return {};
    return {fmt::format("{} files", files.files), fmt::format("{} files", counts.files)};
  }

  [[nodiscard]] Place find(const std::string& place) const override {
    return find_entry(directory_ / place);
  }

  [[nodiscard]] std::uint64_t restore(const std::string& place, const fs::path& target, bool verify,
                                      model::Observer& observer,
                                      std::stop_token stop) const override {
    return restore_verified(find(place), target, verify, observer, std::move(stop));
  }

 private:
  fs::path directory_;
  std::stop_token stop_;
};

std::string display(const std::set<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

archive::Snapshot find_latest(repo::Repository& repository, std::string_view instance) {
  const std::vector<archive::Snapshot> all = archive::load_snapshots(repository);
  if (auto own = instance_snapshots(all, instance); !own.empty()) return std::move(own[0]);
  std::set<std::string> paths;
  const archive::Snapshot* newest = nullptr;
  for (const archive::Snapshot& snapshot : all) {
    if (!snapshot.file.has_tag(instance_tag) || snapshot.file.paths.size() != 1) continue;
    if (!snapshot.file.paths[0].starts_with('/')) continue;
    paths.insert(snapshot.file.paths[0].substr(1));
    if (newest == nullptr || newest->file.time <= snapshot.file.time) newest = &snapshot;
  }
  if (paths.empty()) {
    throw Error(Errc::not_found, "the repository has no snapshot of an instance")
        .set_hint("`holdfast backup -I FILE.toml` makes one.");
  }
  if (paths.size() > 1) {
    throw Error(Errc::usage,
                fmt::format("the repository has no snapshot of {}, but of {}: \"latest\" of which?",
                            instance, display(paths)))
        .set_hint("Name the snapshot by its id; `holdfast snapshots` lists them.");
  }
  return *newest;
}

}  // namespace

std::vector<model::DatabaseFacts> InstanceSource::read_rows(const model::RowTap& /*tap*/,
                                                            std::stop_token /*stop*/) const {
  throw Error(Errc::unsupported, "rows for another engine come from a living instance only")
      .set_hint("Restore the copy with its own engines, and migrate what was restored.");
}

std::unique_ptr<InstanceSource> open_instance_source(repo::Repository& repository,
                                                     const format::Id& root_tree,
                                                     std::stop_token stop) {
  return std::make_unique<SnapshotSource>(repository, load_instance_tree(repository, root_tree),
                                          std::move(stop));
}

std::unique_ptr<InstanceSource> open_instance_source(const fs::path& directory,
                                                     std::stop_token stop) {
  fs::path found = directory;
  std::error_code failure;
  if (!fs::exists(found / "holdfast.json", failure)) {
    std::vector<fs::path> below;
    for (const auto& item : fs::directory_iterator(directory, failure)) {
      if (item.is_directory(failure) && fs::exists(item.path() / "holdfast.json", failure)) {
        below.push_back(item.path());
      }
    }
    if (below.size() != 1) {
      throw Error(
          Errc::not_found,
          directory.string() + (below.empty() ? " holds no instance: it has no holdfast.json"
                                              : " holds several instances"))
          .set_hint(below.empty()
                        ? "Name a directory made by `holdfast export`, or the files to import."
                        : "Name one of its subdirectories.");
    }
    found = below[0];
  }
  model::Manifest manifest =
      model::parse_manifest(read_text_file(found / "holdfast.json", manifest_bytes_max));
  return std::make_unique<DirectorySource>(fs::absolute(found).lexically_normal(),
                                           std::move(manifest), std::move(stop));
}

archive::Snapshot find_instance_snapshot(repo::Repository& repository, std::string_view text,
                                         std::string_view instance, std::string_view host,
                                         model::Observer& observer) {
  if (text != "latest") {
    archive::FoundSnapshot found = archive::find_snapshot(repository, text, {});
    if (!found.subfolder.empty()) {
      throw Error(Errc::usage,
                  "an instance is restored from a whole snapshot, not from a folder of it")
          .set_hint("Choose with --component and --table.");
    }
    return std::move(found.snapshot);
  }
  archive::Snapshot found = find_latest(repository, instance);
  if (found.file.hostname != host) {
    observer.note(fmt::format("the latest snapshot, {} of {}, is of host {}", found.id.short_hex(),
                              to_display(found.file.time), found.file.hostname));
  }
  return found;
}

}  // namespace holdfast::job
