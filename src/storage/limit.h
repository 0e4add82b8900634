// SPDX-License-Identifier: Apache-2.0
// Keeps what is stored and read below a rate.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

#include "storage/pacing.h"
#include "storage/storage.h"

namespace holdfast::storage {

// A bucket that fills at a steady rate and holds what flows in during `burst`. Whoever takes more
// than is there goes into debt and sleeps until it is paid, so that all threads together keep the
// rate, in the order they came.
class TokenBucket {
 public:
  static constexpr std::chrono::milliseconds burst{250};

  // 0 bytes per second: no limit.
  explicit TokenBucket(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  // Takes `size_bytes` and sleeps as long as they are not covered.
  void take(std::uint64_t size_bytes, const Pacing& pacing);

 private:
  const std::uint64_t bytes_per_second_;
  std::mutex mutex_;  // guards paid_until_
  std::chrono::steady_clock::time_point paid_until_ = std::chrono::steady_clock::time_point::min();
};

struct Rates {
  std::uint64_t upload_bytes_per_second_max = 0;    // 0: no limit
  std::uint64_t download_bytes_per_second_max = 0;  // 0: no limit
};

// Counts the content of files, not names, listings or what a protocol adds. A file's bytes are
// waited for as a whole before they go: the rate holds on average, not within one file.
class LimitStorage final : public Storage {
 public:
  LimitStorage(std::unique_ptr<Storage> below, const Rates& rates, Pacing pacing);

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
  // A lock must be refreshed in time whatever waits before it, so locks are free.
  void take(TokenBucket& bucket, const FileRef& file, std::uint64_t size_bytes);

  const std::unique_ptr<Storage> below_;
  const Pacing pacing_;
  TokenBucket upload_;
  TokenBucket download_;
};

}  // namespace holdfast::storage
