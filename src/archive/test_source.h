// SPDX-License-Identifier: Apache-2.0
// For tests only: a repository, a directory to save from, and what a save said. Hostile trees and
// damage are in test_repository.h.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/archiver.h"
#include "archive/work_queue.h"
#include "base/fd.h"
#include "format/tree.h"
#include "repo/blob_writer.h"
#include "repo/open.h"

namespace holdfast::archive {

// Bytes that do not compress and differ for each seed.
inline std::string noise(std::size_t size_bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text(size_bytes, '\0');
  for (std::size_t at = 0; at < size_bytes; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(text.data() + at, &word, std::min(sizeof word, size_bytes - at));
  }
  return text;
}

class RecordingObserver final : public model::Observer {
 public:
  struct Item {
    std::string path;
    model::ItemAction action;
    bool is_directory;
    std::uint64_t data_size, metadata_size;
  };

  void item_begun(std::string_view item) override {
    const std::lock_guard lock(mutex);
    begun.emplace_back(item);
  }
  void item_done(const model::ItemDone& done) override {
    const std::lock_guard lock(mutex);
    items.push_back({std::string(done.item), done.action, done.is_directory, done.data_size,
                     done.metadata_size});
  }
  void item_failed(std::string_view item, std::string_view during,
                   std::string_view message) override {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(during, "archival");
    failed.emplace_back(item, message);
  }
  void warning(std::string_view text) override {
    const std::lock_guard lock(mutex);
    warnings.emplace_back(text);
  }
  // How many directories at and below `root` were saved with this action.
  [[nodiscard]] std::size_t count_directories(const std::string& root,
                                              model::ItemAction action) const {
    return static_cast<std::size_t>(
        std::count_if(items.begin(), items.end(), [&](const Item& item) {
          return item.is_directory && item.action == action && item.path.starts_with(root + "/");
        }));
  }
  [[nodiscard]] const Item* find(std::string_view path) const {
    const auto found = std::find_if(items.begin(), items.end(),
                                    [&](const Item& item) { return item.path == path; });
    return found == items.end() ? nullptr : &*found;
  }

  std::mutex mutex;  // guards all below
  std::vector<std::string> begun;
  std::vector<Item> items;
  std::vector<std::pair<std::string, std::string>> failed;
  std::vector<std::string> warnings;
};

// Memory where there is such a place: on some disks making files costs a millisecond each.
inline std::filesystem::path fast_place() {
  return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "";
}

class TestSource {
 public:
  // The source is below `place`; by default where xattrs are sure to work.
  explicit TestSource(const std::filesystem::path& place = {})
      : directory_("holdfast-test", place) {
    repo::Repository::InitOptions options;
    options.cost = format::ScryptCost{.n = 2, .r = 1, .p = 1};
    options.chunker_polynomial = 0x3DA3358B4DC173;
    repo::Location location;
    location.url = (fast_directory_.path() / "repository").string();
    repository_ = repo::init(location, Secret("test"), options);
    std::filesystem::create_directory(root());
    begin();
  }

  [[nodiscard]] repo::Repository& repository() { return *repository_; }
  [[nodiscard]] repo::BlobWriter& writer() { return *writer_; }
  [[nodiscard]] repo::BlobWriter::Worker& worker() { return queue_worker_->of(0); }
  [[nodiscard]] WorkQueue::Worker& queue_worker() { return *queue_worker_; }
  // The directory to save from.
  [[nodiscard]] std::filesystem::path root() const { return directory_.path() / "source"; }
  [[nodiscard]] std::string path(std::string_view below) const { return (root() / below).string(); }

  std::string make_file(std::string_view below, std::string_view content) const {
    std::filesystem::create_directories((root() / below).parent_path());
    std::ofstream(root() / below, std::ios::binary) << content;
    return path(below);
  }
  std::string make_directory(std::string_view below) const {
    std::filesystem::create_directories(root() / below);
    return path(below);
  }

  // Saves with a writer of its own and stores everything.
  ArchivedTree save(const std::vector<std::string>& paths, const ArchiveOptions& options = {}) {
    if (before_save) before_save();
    const ArchivedTree saved =
        save_paths(*repository_, *writer_, paths, options, observer, stop.get_token());
    if (after_save) after_save();
    writer_->finish();
    totals = writer_->totals();
    begin();
    return saved;
  }
  ArchivedTree save_root(const ArchiveOptions& options = {}) {
    return save({root().string()}, options);
  }

  // Stores what was saved through writer(); until then it cannot be read.
  void store() {
    writer_->finish();
    begin();
  }
  [[nodiscard]] std::vector<format::Node> tree(const format::Id& id) {
    repo::Codec codec = repository_->codec();
    return format::parse_tree(repository_->load_blob({format::BlobType::tree, id}, codec));
  }
  // The entries of a directory, given by its absolute path, in a saved tree.
  [[nodiscard]] std::vector<format::Node> entries(const format::Id& root_tree,
                                                  const std::string& directory) {
    std::vector<format::Node> nodes = tree(root_tree);
    for (const auto& part : std::filesystem::path(directory).relative_path()) {
      const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const format::Node& node) {
        return node.name == part.string();
      });
      if (found == nodes.end() || !found->subtree) {
        ADD_FAILURE() << directory << " is not in the tree";
        return {};
      }
      nodes = tree(format::Id(*found->subtree));
    }
    return nodes;
  }
  [[nodiscard]] std::vector<std::string> names(const format::Id& root_tree,
                                               const std::string& directory) {
    std::vector<std::string> list;
    for (const format::Node& node : entries(root_tree, directory)) list.push_back(node.name);
    return list;
  }
  // The entry at an absolute path.
  [[nodiscard]] format::Node node(const format::Id& root_tree, const std::string& path) {
    const std::filesystem::path whole(path);
    for (format::Node& each : entries(root_tree, whole.parent_path().string())) {
      if (each.name == whole.filename().string()) return std::move(each);
    }
    ADD_FAILURE() << path << " is not in the tree";
    return {};
  }
  // The tree of root() alone: the directories above it may be changed by anyone at any moment.
  [[nodiscard]] format::Id own_tree(const ArchivedTree& saved) {
    return node(saved.tree, root().string()).subtree.value();
  }
  [[nodiscard]] std::string content(const format::Node& file) {
    repo::Codec codec = repository_->codec();
    std::string text;
    for (const format::Id& id : file.content.value()) {
      text += as_text(repository_->load_blob({format::BlobType::data, id}, codec));
    }
    return text;
  }

  RecordingObserver observer;
  std::stop_source stop;
  repo::WriterTotals totals;  // of the last save
  std::function<void()> before_save, after_save;

 private:
  void begin() {
    writer_.reset();
    queue_worker_ = std::make_unique<WorkQueue::Worker>(*repository_);
    writer_ = std::make_unique<repo::BlobWriter>(*repository_, repo::WriterOptions{}, nullptr);
  }

  TemporaryDirectory directory_;
  TemporaryDirectory fast_directory_{"holdfast-test", fast_place()};
  std::unique_ptr<repo::Repository> repository_;
  std::unique_ptr<WorkQueue::Worker> queue_worker_;
  std::unique_ptr<repo::BlobWriter> writer_;
};

}  // namespace holdfast::archive
