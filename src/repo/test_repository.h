// SPDX-License-Identifier: Apache-2.0
// For tests: repositories in memory, storages that call back, and the shortest way to put blobs,
// trees and snapshots into them.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "format/snapshot_file.h"
#include "format/tree.h"
#include "repo/blob_writer.h"
#include "repo/repository.h"
#include "storage/memory.h"

namespace holdfast::repo {

inline constexpr format::ScryptCost quick_cost{128, 1, 1};

inline Secret test_password() {
  return Secret(std::string("geheim"));
}

// Hands every call on to a storage that others may share, after the hook of its kind.
class HookStorage final : public storage::Storage {
 public:
  explicit HookStorage(std::shared_ptr<storage::MemoryStorage> below) : below_(std::move(below)) {}

  std::function<void(const storage::FileRef&)> on_put, on_read, on_remove, on_size;
  std::function<void(storage::FileKind)> on_list;
  std::function<storage::Leftovers(std::chrono::seconds age_min, bool dry_run)> on_leftovers;

  void create() override { below_->create(); }
  void put(const storage::FileRef& file, ByteView content) override {
    if (on_put) on_put(file);
    below_->put(file, content);
  }
  void replace_config(ByteView content) override { below_->replace_config(content); }
  void read(const storage::FileRef& file, std::uint64_t offset_bytes,
            std::span<std::byte> out) override {
    if (on_read) on_read(file);
    below_->read(file, offset_bytes, out);
  }
  [[nodiscard]] std::optional<std::uint64_t> size_bytes(const storage::FileRef& file) override {
    if (on_size) on_size(file);
    return below_->size_bytes(file);
  }
  void list(storage::FileKind kind,
            const std::function<void(const storage::FoundFile&)>& visit) override {
    if (on_list) on_list(kind);
    below_->list(kind, visit);
  }
  void remove(const storage::FileRef& file) override {
    if (on_remove) on_remove(file);
    below_->remove(file);
  }
  storage::Leftovers remove_leftovers(std::chrono::seconds age_min, bool dry_run) override {
    return on_leftovers ? on_leftovers(age_min, dry_run) : storage::Leftovers{};
  }
  void distrust_copies() override {}
  [[nodiscard]] unsigned connections_max() const noexcept override {
    return below_->connections_max();
  }
  [[nodiscard]] std::string location() const override { return below_->location(); }

 private:
  const std::shared_ptr<storage::MemoryStorage> below_;
};

// One repository in memory, with its files at hand.
class TestRepository {
 public:
  explicit TestRepository(unsigned version = 2, unsigned connections = 4)
      : files(std::make_shared<storage::MemoryStorage>(connections)) {
    auto owned = std::make_unique<HookStorage>(files);
    hooks = owned.get();
    Repository::InitOptions options;
    options.version = version;
    options.cost = quick_cost;
    options.username = "tester";
    options.hostname = "here";
    repository = Repository::init(std::move(owned), test_password(), options);
  }

  // Another client of the same files.
  [[nodiscard]] std::unique_ptr<Repository> open_again() const {
    auto again = Repository::open(std::make_unique<HookStorage>(files), test_password());
    model::SilentObserver observer;
    again->load_index(observer);
    return again;
  }
  // This client with the index as it is now.
  void reload() {
    model::SilentObserver observer;
    repository->load_index(observer);
  }

  // Saves blobs through a writer of its own, so that they lie in packs of their own.
  std::vector<format::Id> save(format::BlobType type, const std::vector<std::string>& texts,
                               bool again = false) {
    BlobWriter writer(*repository, {}, nullptr);
    BlobWriter::Worker worker(*repository);
    std::vector<format::Id> ids;
    for (const std::string& text : texts) {
      const ByteView plain = as_bytes(text);
      ids.push_back(format::id_of(plain));
      if (again) {
        writer.save_again({type, ids.back()}, plain, worker);
      } else {
        static_cast<void>(writer.save(type, plain, worker));
      }
    }
    writer.finish();
    return ids;
  }

  struct File {
    std::string name;
    std::vector<std::string> chunks;
  };
  // A tree of files, whose chunks are saved as data, and of directories that are saved already; its
  // id.
  format::Id save_tree(const std::vector<File>& with_files,
                       const std::vector<std::pair<std::string, format::Id>>& directories = {}) {
    std::vector<format::Node> nodes;
    for (const File& file : with_files) {
      format::Node node;
      node.name = file.name;
      node.mode = 0644;
      node.content = save(format::BlobType::data, file.chunks);
      for (const std::string& chunk : file.chunks) node.size_bytes += chunk.size();
      nodes.push_back(node);
    }
    for (const auto& [name, tree] : directories) {
      format::Node node;
      node.name = name;
      node.type = format::NodeType::dir;
      node.mode = format::to_go_mode(0040755);
      node.subtree = tree;
      nodes.push_back(node);
    }
    return save_nodes(nodes);
  }
  format::Id save_nodes(std::vector<format::Node> nodes) {
    std::sort(nodes.begin(), nodes.end(),
              [](const format::Node& a, const format::Node& b) { return a.name < b.name; });
    format::TreeWriter writer;
    for (const format::Node& node : nodes) writer.add(node);
    return save(format::BlobType::tree, {std::string(as_text(writer.finish()))}).front();
  }
  format::Id save_snapshot(const format::Id& tree) {
    format::SnapshotFile snapshot;
    snapshot.time = system_clock().now();
    snapshot.tree = tree;
    snapshot.paths = {"/data"};
    snapshot.hostname = "here";
    snapshot.username = "tester";
    return repository->save_unpacked(storage::FileKind::snapshot, format::to_json(snapshot));
  }

  [[nodiscard]] Bytes content(storage::FileKind kind, const format::Id& id) const {
    return *storage::read_file(*files, {kind, id.hex()});
  }
  // Turns one bit of a stored file.
  void flip(storage::FileKind kind, const format::Id& id, std::size_t at) const {
    Bytes bytes = content(kind, id);
    bytes.at(at) ^= std::byte{4};
    files->overwrite({kind, id.hex()}, bytes);
  }
  [[nodiscard]] std::size_t count(storage::FileKind kind) const {
    std::size_t number = 0;
    files->list(kind, [&](const storage::FoundFile&) { ++number; });
    return number;
  }

  std::shared_ptr<storage::MemoryStorage> files;
  HookStorage* hooks = nullptr;  // of `repository`
  std::unique_ptr<Repository> repository;
};

// A text of so many bytes that does not compress.
inline std::string noise(std::size_t size_bytes, std::uint64_t seed) {
  std::string text(size_bytes, '\0');
  std::uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (std::size_t at = 0; at < size_bytes; at += sizeof state) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    std::memcpy(text.data() + at, &state, std::min(sizeof state, size_bytes - at));
  }
  return text;
}

// The code of the Error that `body` throws; fails the test by Errc::bug if it throws none.
template <typename Body>
Errc code_thrown(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  return Errc::bug;
}
template <typename Body>
std::string message_thrown(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace holdfast::repo
