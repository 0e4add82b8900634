// SPDX-License-Identifier: Apache-2.0
// Two token buckets around the calls that carry content.
#include "storage/limit.h"

#include <algorithm>

namespace holdfast::storage {
namespace {

// How long `size_bytes` take at a rate, without overflow for any size.
std::chrono::nanoseconds time_for(std::uint64_t size_bytes, std::uint64_t bytes_per_second) {
  constexpr std::uint64_t days_max = 365;
  const std::uint64_t seconds = std::min(size_bytes / bytes_per_second, days_max * 86'400);
  const double rest =
      static_cast<double>(size_bytes % bytes_per_second) / static_cast<double>(bytes_per_second);
  return std::chrono::seconds(seconds) +
         std::chrono::nanoseconds(static_cast<std::int64_t>(rest * 1e9));
}

}  // namespace

void TokenBucket::take(std::uint64_t size_bytes, const Pacing& pacing) {
  if (bytes_per_second_ == 0 || size_bytes == 0) return;
  std::chrono::nanoseconds pause{0};
  {
    std::lock_guard lock(mutex_);
    const auto now = pacing.clock->steady();
    paid_until_ = std::max(paid_until_, now - burst) + time_for(size_bytes, bytes_per_second_);
    pause = paid_until_ - now;
  }
  if (pause > std::chrono::nanoseconds::zero()) pacing.sleep(pause);
}

LimitStorage::LimitStorage(std::unique_ptr<Storage> below, const Rates& rates, Pacing pacing)
    : below_(std::move(below)),
      pacing_(std::move(pacing)),
      upload_(rates.upload_bytes_per_second_max),
      download_(rates.download_bytes_per_second_max) {}

void LimitStorage::take(TokenBucket& bucket, const FileRef& file, std::uint64_t size_bytes) {
  if (file.kind != FileKind::lock) bucket.take(size_bytes, pacing_);
}

void LimitStorage::create() {
  below_->create();
}

void LimitStorage::put(const FileRef& file, ByteView content) {
  take(upload_, file, content.size());
  below_->put(file, content);
}

void LimitStorage::replace_config(ByteView content) {
  take(upload_, FileRef{}, content.size());
  below_->replace_config(content);
}

void LimitStorage::read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) {
  take(download_, file, out.size());
  below_->read(file, offset_bytes, out);
}

std::optional<std::uint64_t> LimitStorage::size_bytes(const FileRef& file) {
  return below_->size_bytes(file);
}

void LimitStorage::list(FileKind kind, const std::function<void(const FoundFile&)>& visit) {
  below_->list(kind, visit);
}

void LimitStorage::remove(const FileRef& file) {
  below_->remove(file);
}

Leftovers LimitStorage::remove_leftovers(std::chrono::seconds age_min, bool dry_run) {
  return below_->remove_leftovers(age_min, dry_run);
}

void LimitStorage::distrust_copies() {
  below_->distrust_copies();
}

unsigned LimitStorage::connections_max() const noexcept {
  return below_->connections_max();
}

std::string LimitStorage::location() const {
  return below_->location();
}

}  // namespace holdfast::storage
