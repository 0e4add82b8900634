// SPDX-License-Identifier: Apache-2.0
// Keeps to the number of calls a storage takes at once, so that work can be spread over cores
// rather than over connections. Every repository wraps its storage in it.
#pragma once

#include <memory>
#include <semaphore>

#include "storage/storage.h"

namespace holdfast::repo {

// At most connections_max() calls of all threads reach the storage below at once; others wait.
// Locks pass by, so that a refresh is never late because of a long upload.
class GateStorage final : public storage::Storage {
 public:
  explicit GateStorage(std::unique_ptr<storage::Storage> below);

  void create() override;
  void put(const storage::FileRef& file, ByteView content) override;
  void replace_config(ByteView content) override;
  void read(const storage::FileRef& file, std::uint64_t offset_bytes,
            std::span<std::byte> out) override;
  [[nodiscard]] std::optional<std::uint64_t> size_bytes(const storage::FileRef& file) override;
  // Collects before it visits: `visit` may call this storage again.
  void list(storage::FileKind kind,
            const std::function<void(const storage::FoundFile&)>& visit) override;
  void remove(const storage::FileRef& file) override;
  storage::Leftovers remove_leftovers(std::chrono::seconds age_min, bool dry_run) override;
  void distrust_copies() override;
  [[nodiscard]] unsigned connections_max() const noexcept override;
  [[nodiscard]] std::string location() const override;

 private:
  class Pass;
  const std::unique_ptr<storage::Storage> below_;
  std::counting_semaphore<> free_;
};

}  // namespace holdfast::repo
