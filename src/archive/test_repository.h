// SPDX-License-Identifier: Apache-2.0
// For tests only: a repository in memory, with trees and files made by hand, hostile ones among
// them.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "format/tree.h"
#include "repo/blob_writer.h"
#include "repo/repository.h"

namespace holdfast::archive {

// Files of a repository in memory, open to damage. The room cannot name the one that storage has.
class TestStorage : public storage::Storage {
 public:
  using Files = std::map<storage::FileRef, Bytes>;

  void create() override {}
  void put(const storage::FileRef& file, ByteView content) override {
    const std::lock_guard lock(mutex_);
    files_.try_emplace(file, content.begin(), content.end());
  }
  void replace_config(ByteView content) override {
    const std::lock_guard lock(mutex_);
    files_[{storage::FileKind::config, ""}] = Bytes(content.begin(), content.end());
  }
  void read(const storage::FileRef& file, std::uint64_t offset_bytes,
            std::span<std::byte> out) override {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(file);
    if (found == files_.end() || found->second.size() < offset_bytes + out.size()) {
      throw Error(Errc::corrupt, "a file ends too early");
    }
    std::copy_n(found->second.begin() + static_cast<std::ptrdiff_t>(offset_bytes), out.size(),
                out.begin());
  }
  [[nodiscard]] std::optional<std::uint64_t> size_bytes(const storage::FileRef& file) override {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(file);
    if (found == files_.end()) return std::nullopt;
    return found->second.size();
  }
  void list(storage::FileKind kind,
            const std::function<void(const storage::FoundFile&)>& visit) override {
    std::vector<storage::FoundFile> found;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [file, content] : files_) {
        if (file.kind == kind) found.push_back({file, content.size()});
      }
    }
    for (const storage::FoundFile& file : found) visit(file);
  }
  void remove(const storage::FileRef& file) override {
    const std::lock_guard lock(mutex_);
    files_.erase(file);
  }
  storage::Leftovers remove_leftovers(std::chrono::seconds /*age_min*/, bool /*dry_run*/) override {
    return {};
  }
  void distrust_copies() override {}
  [[nodiscard]] unsigned connections_max() const noexcept override { return 2; }
  [[nodiscard]] std::string location() const override { return "memory"; }

  // Turns one bit of every file of a kind, or of the one named.
  void damage(storage::FileKind kind, std::string_view name = {}, std::size_t at = 20) {
    const std::lock_guard lock(mutex_);
    for (auto& [file, content] : files_) {
      if (file.kind == kind && (name.empty() || file.name == name)) content.at(at) ^= std::byte{1};
    }
  }

 private:
  std::mutex mutex_;  // guards files_
  Files files_;
};

class TestRepository {
 public:
  explicit TestRepository(unsigned version = 2) {
    repo::Repository::InitOptions options;
    options.version = version;
    options.cost = format::ScryptCost{.n = 2, .r = 1, .p = 1};
    auto storage = std::make_unique<TestStorage>();
    storage_ = storage.get();
    repository_ = repo::Repository::init(std::move(storage), Secret("test"), options);
    begin();
  }

  [[nodiscard]] repo::Repository& get() { return *repository_; }
  [[nodiscard]] std::filesystem::path scratch(std::string_view name) const {
    return directory_.path() / name;
  }
  [[nodiscard]] TestStorage& storage() { return *storage_; }

  format::Id data(std::string_view content) { return save(format::BlobType::data, content); }

  // A file of the given blobs.
  format::Node file(std::string name, const std::vector<std::string>& blobs) {
    format::Node node = entry(std::move(name), format::NodeType::file, 0644);
    node.content.emplace();
    for (const std::string& blob : blobs) {
      node.content->push_back(data(blob));
      node.size_bytes += blob.size();
    }
    node.links = 1;
    return node;
  }
  format::Node directory(std::string name, const format::Id& subtree) {
    format::Node node = entry(std::move(name), format::NodeType::dir, 0755 | 1U << 31U);
    node.subtree = subtree;
    return node;
  }
  format::Node symlink(std::string name, std::string target) {
    format::Node node = entry(std::move(name), format::NodeType::symlink, 0777 | 1U << 27U);
    node.link_target = std::move(target);
    node.links = 1;
    return node;
  }
  static format::Node entry(std::string name, format::NodeType type, std::uint32_t go_mode) {
    format::Node node;
    node.name = std::move(name);
    node.type = type;
    node.mode = go_mode;
    node.mtime = {1'600'000'000, 123'456'789, 0};
    node.atime = node.ctime = node.mtime;
    node.uid = static_cast<std::uint32_t>(::geteuid());
    node.gid = static_cast<std::uint32_t>(::getegid());
    return node;
  }

  format::Id tree(std::vector<format::Node> nodes) {
    std::ranges::sort(nodes, {}, &format::Node::name);
    format::TreeWriter writer;
    for (const format::Node& node : nodes) writer.add(node);
    return save(format::BlobType::tree, as_text(writer.finish()));
  }
  // A tree that our own writer would refuse.
  format::Id raw_tree(std::string_view json) { return save(format::BlobType::tree, json); }

  // Stores everything saved so far; until then it cannot be read.
  void store() {
    writer_->finish();
    begin();
  }

 private:
  void begin() {
    worker_ = std::make_unique<repo::BlobWriter::Worker>(*repository_);
    writer_ = std::make_unique<repo::BlobWriter>(*repository_, repo::WriterOptions{}, nullptr);
  }
  format::Id save(format::BlobType type, std::string_view content) {
    return writer_->save(type, as_bytes(content), *worker_).id;
  }

  TemporaryDirectory directory_{"holdfast-test"};
  TestStorage* storage_ = nullptr;  // owned by the repository
  std::unique_ptr<repo::Repository> repository_;
  std::unique_ptr<repo::BlobWriter::Worker> worker_;
  std::unique_ptr<repo::BlobWriter> writer_;
};

}  // namespace holdfast::archive
