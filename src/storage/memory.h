// SPDX-License-Identifier: Apache-2.0
// A repository's files in memory: what tests of every room stand on. Nothing outlives the object.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "storage/storage.h"

namespace holdfast::storage {

class MemoryStorage final : public Storage {
 public:
  explicit MemoryStorage(unsigned connections = 4) : connections_(connections) {}

  void create() override {}
  void put(const FileRef& file, ByteView content) override;
  void replace_config(ByteView content) override;
  void read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) override;
  [[nodiscard]] std::optional<std::uint64_t> size_bytes(const FileRef& file) override;
  void list(FileKind kind, const std::function<void(const FoundFile&)>& visit) override;
  void remove(const FileRef& file) override;
  Leftovers remove_leftovers(std::chrono::seconds /*age_min*/, bool /*dry_run*/) override {
    return {};
  }
  void distrust_copies() override {}
  [[nodiscard]] unsigned connections_max() const noexcept override { return connections_; }
  [[nodiscard]] std::string location() const override { return "memory:"; }

  // Another storage with the same files: the state to come back to after a fault.
  [[nodiscard]] std::unique_ptr<MemoryStorage> copy();
  // Stores `content` whether or not the file is there; how a test plants damage.
  void overwrite(const FileRef& file, ByteView content);

 private:
  using Content = std::shared_ptr<const Bytes>;  // shared with readers, never changed
  [[nodiscard]] Content find(const FileRef& file);

  const unsigned connections_;
  std::mutex mutex_;  // guards files_
  std::map<FileRef, Content> files_;
};

}  // namespace holdfast::storage
