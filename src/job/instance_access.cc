// SPDX-License-Identifier: Apache-2.0
#include "job/instance_access.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "archive/file_node.h"
#include "archive/restorer.h"
#include "archive/tree_walk.h"
#include "base/error.h"
#include "base/fd.h"

namespace holdfast::job {
namespace {

constexpr std::string_view proves_tag = "proves=";

// "tables/public/orders.copy" with each component escaped, unless its engine has done so.
std::string escape_path(std::string_view path) {
  std::string result;
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    result +=
        model::is_escaped_name(component) ? std::string(component) : model::escape_name(component);
    if (slash == std::string_view::npos) return result;
    result += '/';
    path.remove_prefix(slash + 1);
  }
}

std::vector<model::PartSource::Entry> entries_of(const model::DatabaseFacts& facts) {
  std::vector<model::PartSource::Entry> entries;
  for (const model::PartFacts& part : facts.parts) {
    entries.push_back({part.path, part.is_tree ? model::PartKind::tree : model::PartKind::stream,
                       part.size_bytes});
  }
  return entries;
}

// What the places of a database's parts begin with; a tree part is never escaped.
std::string below(const model::DatabaseFacts& facts) {
  return facts.directory.empty() ? "/" : "/" + facts.directory + "/";
}

class RepositoryParts final : public model::PartSource {
 public:
  RepositoryParts(repo::Repository& repository, const format::Id& tree,
                  const model::DatabaseFacts& facts, std::stop_token stop)
      : repository_(repository), tree_(tree), database_(facts), stop_(std::move(stop)) {}

  [[nodiscard]] std::vector<Entry> list() const override { return entries_of(database_); }
  [[nodiscard]] std::unique_ptr<ByteSource> open(std::string_view path) const override {
    return archive::open_file(repository_, node(path));
  }
  [[nodiscard]] std::unique_ptr<model::RandomSource> open_random(
      std::string_view path) const override {
    return archive::open_file_random(repository_, node(path));
  }
  void restore_tree(std::string_view path, const std::filesystem::path& directory) const override {
    model::SilentObserver observer;
    const std::string from = below(database_) + std::string(path);
    const std::uint64_t failed =
        restore_place(repository_, tree_, from, directory, true, observer, stop_);
    if (failed != 0) {
      throw Error(Errc::incomplete,
                  std::to_string(failed) + " items of " + from + " were not restored");
    }
  }
  [[nodiscard]] const Json& facts() const override { return database_.engine_facts; }

 private:
  [[nodiscard]] std::string place(std::string_view path) const {
    return below(database_) + escape_path(path);
  }
  [[nodiscard]] format::Node node(std::string_view path) const {
    auto found = archive::find_node(repository_, tree_, place(path));
    if (!found || found->type != format::NodeType::file) {
      throw Error(Errc::not_found, "the snapshot has no file " + place(path));
    }
    return std::move(*found);
  }

  repo::Repository& repository_;
  format::Id tree_;
  model::DatabaseFacts database_;
  std::stop_token stop_;
};

// A file that owns its descriptor.
class FileSource final : public ByteSource {
 public:
  explicit FileSource(const std::filesystem::path& path)
      : fd_(open_file(path, O_RDONLY)), path_(path) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    return read_some(fd_.get(), into, path_);
  }

 private:
  Fd fd_;
  std::string path_;
};

class FileRandomSource final : public model::RandomSource {
 public:
  explicit FileRandomSource(const std::filesystem::path& path)
      : fd_(open_file(path, O_RDONLY)), path_(path) {
    struct ::stat status {};
    if (::fstat(fd_.get(), &status) != 0) throw system_error(errno, "looking at " + path_);
    size_bytes_ = static_cast<std::uint64_t>(status.st_size);
  }
  [[nodiscard]] std::uint64_t size_bytes() const override { return size_bytes_; }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    pread_exact(fd_.get(), into, offset_bytes, path_);
  }

 private:
  Fd fd_;
  std::string path_;
  std::uint64_t size_bytes_ = 0;
};

class DirectoryParts final : public model::PartSource {
 public:
  DirectoryParts(std::filesystem::path directory, const model::DatabaseFacts& facts,
                 std::stop_token stop)
      : directory_(std::move(directory)), database_(facts), stop_(std::move(stop)) {}

  [[nodiscard]] std::vector<Entry> list() const override { return entries_of(database_); }
  [[nodiscard]] std::unique_ptr<ByteSource> open(std::string_view path) const override {
    return std::make_unique<FileSource>(place(path));
  }
  [[nodiscard]] std::unique_ptr<model::RandomSource> open_random(
      std::string_view path) const override {
    return std::make_unique<FileRandomSource>(place(path));
  }
  void restore_tree(std::string_view path, const std::filesystem::path& directory) const override {
    const std::filesystem::path from = directory_ / database_.directory / path;
    model::SilentObserver observer;
    const std::uint64_t failed =
        restore_verified(find_entry(from), directory, true, observer, stop_);
    if (failed != 0) {
      throw Error(Errc::incomplete, std::to_string(failed) + " items of " + from.string() +
                                        " were not copied as they are");
    }
  }
  [[nodiscard]] const Json& facts() const override { return database_.engine_facts; }

 private:
  [[nodiscard]] std::filesystem::path place(std::string_view path) const {
    return directory_ / database_.directory / escape_path(path);
  }

  std::filesystem::path directory_;
  model::DatabaseFacts database_;
  std::stop_token stop_;
};

}  // namespace

std::string snapshot_path(std::string_view instance) {
  return "/" + model::escape_name(instance);
}

std::string proof_path(std::string_view instance) {
  return "/holdfast-proofs" + snapshot_path(instance);
}

std::vector<archive::Snapshot> instance_snapshots(const std::vector<archive::Snapshot>& snapshots,
                                                  std::string_view instance) {
  const std::string path = snapshot_path(instance);
  std::vector<archive::Snapshot> found;
  for (const archive::Snapshot& snapshot : snapshots) {
    if (snapshot.file.has_tag(instance_tag) &&
        snapshot.file.paths == std::vector<std::string>{path}) {
      found.push_back(snapshot);
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    if (a.file.time != b.file.time) return b.file.time < a.file.time;
    return !a.file.original && b.file.original;
  });
  return found;
}

InstanceTree load_instance_tree(repo::Repository& repository, const format::Id& root_tree) {
  repo::Codec codec = repository.codec();
  Bytes json = repository.load_blob({format::BlobType::tree, root_tree}, codec);
  const std::vector<format::Node> nodes = format::parse_tree(json);
  for (const format::Node& node : nodes) {
    if (node.type != format::NodeType::dir || !node.subtree) continue;
    const auto manifest = archive::find_node(repository, *node.subtree, "/holdfast.json");
    if (!manifest) continue;
    if (manifest->size_bytes > manifest_bytes_max)
      throw Error(Errc::corrupt, "holdfast.json is larger than any manifest");
    const Bytes text = read_all(*archive::open_file(repository, *manifest), manifest_bytes_max);
    return {*node.subtree, model::parse_manifest(as_text(text))};
  }
  throw Error(Errc::not_found, "the snapshot is of no instance: it has no holdfast.json")
      .set_hint("`holdfast restore SNAPSHOT --target DIR` restores its files.");
}

std::unique_ptr<model::PartSource> open_parts(repo::Repository& repository,
                                              const format::Id& instance_tree,
                                              const model::DatabaseFacts& facts,
                                              std::stop_token stop) {
  return std::make_unique<RepositoryParts>(repository, instance_tree, facts, std::move(stop));
}

std::unique_ptr<model::PartSource> open_parts(const std::filesystem::path& instance_directory,
                                              const model::DatabaseFacts& facts,
                                              std::stop_token stop) {
  return std::make_unique<DirectoryParts>(instance_directory, facts, std::move(stop));
}

std::optional<format::Id> proven_tree(const format::SnapshotFile& snapshot) {
  if (!snapshot.has_tag(proof_tag)) return std::nullopt;
  for (const std::string& tag : snapshot.tags) {
    if (tag.starts_with(proves_tag))
      return format::parse_id(std::string_view(tag).substr(proves_tag.size()));
  }
  return std::nullopt;
}

std::string proof_tag_of(const format::Id& tree) {
  return std::string(proves_tag) + tree.hex();
}

NodePlace find_place(repo::Repository& repository, const format::Id& tree,
                     const std::string& place) {
  auto node = archive::find_node(repository, tree, place);
  if (!node) throw Error(Errc::not_found, "the snapshot has no " + place.substr(1));
  const std::string above = place.substr(0, std::max<std::size_t>(place.rfind('/'), 1));
  return {open_node_directory(repository, archive::find_tree(repository, tree, above)),
          std::move(*node)};
}

std::uint64_t restore_place(repo::Repository& repository, const format::Id& tree,
                            const std::string& place, const std::filesystem::path& target,
                            bool verify, model::Observer& observer, std::stop_token stop) {
  const NodePlace found = find_place(repository, tree, place);
  if (found.node.type != format::NodeType::dir)
    return restore_verified(found, target, verify, observer, std::move(stop));
  if (!found.node.subtree) throw Error(Errc::corrupt, place + " has no tree");
  archive::RestoreOptions options;
  options.target = target;
  options.verify = verify;
  const archive::RestoreReport report =
      archive::restore_tree(repository, *found.node.subtree, options, observer, std::move(stop));
  const Fd parent = open_file(target.parent_path(), O_RDONLY | O_DIRECTORY);
  const std::string withheld = archive::apply_metadata(parent.get(), target.filename().string(),
                                                       found.node, target.string());
  if (!withheld.empty()) observer.warning(withheld);
  return report.items_failed;
}

std::string part_place(const model::DatabaseFacts& facts, std::string_view part) {
  return facts.directory + "/" + escape_path(part);
}

}  // namespace holdfast::job
