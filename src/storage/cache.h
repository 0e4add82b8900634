// SPDX-License-Identifier: Apache-2.0
// Keeps copies of a remote repository's index and snapshot files on the local disk.
//
// Laid out as restic's cache is: `<directory>/index/3f/3f2a…`. Never holds keys, locks, the config
// or packs.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "storage/storage.h"

namespace holdfast::storage {

// What exists is always asked from the storage below; only content comes from the cache. A copy
// counts if its SHA-256 is its name; any other is dropped and fetched anew. A cache that cannot be
// read or written costs time and a line in the log, never the operation. Copies of files that a
// listing no longer shows are removed.
//
// Several processes may share a directory.
class CacheStorage final : public Storage {
 public:
  // `directory` belongs to one repository and is made when first needed, mode 0700; its parent gets
  // a CACHEDIR.TAG, which makes backups pass it over. Its modification time is that of the last
  // use.
  CacheStorage(std::unique_ptr<Storage> below, std::filesystem::path directory);

  void create() override;
  void put(const FileRef& file, ByteView content) override;
  void replace_config(ByteView content) override;
  void read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) override;
  [[nodiscard]] std::optional<std::uint64_t> size_bytes(const FileRef& file) override;
  void list(FileKind kind, const std::function<void(const FoundFile&)>& visit) override;
  void remove(const FileRef& file) override;
  Leftovers remove_leftovers(std::chrono::seconds age_min, bool dry_run) override;
  void distrust_copies() override;
  [[nodiscard]] unsigned connections_max() const noexcept override;
  [[nodiscard]] std::string location() const override;

 private:
  [[nodiscard]] std::filesystem::path path_of(const FileRef& file) const;
  [[nodiscard]] std::optional<Bytes> load(const FileRef& file) const;
  void save(const FileRef& file, ByteView content) const;
  void drop(const FileRef& file) const;

  const std::unique_ptr<Storage> below_;
  const std::filesystem::path directory_;
  std::atomic<bool> is_trusted_{true};
};

}  // namespace holdfast::storage
