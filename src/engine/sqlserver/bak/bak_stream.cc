// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bak/bak_stream.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/error.h"

namespace holdfast::engine::sqlserver {

// What has come and is not yet read, in a ring; and what a reader may look at again.
class BakStream::Passing final : public model::RandomSource {
 public:
  explicit Passing(std::stop_token stop) : stop_(std::move(stop)), ring_(ring_bytes) {}

  void take(ByteView bytes) {
    std::unique_lock lock(mutex_);
    while (!bytes.empty()) {
      room_.wait(lock, stop_, [&] { return is_over_ || received_ - kept_from_ < ring_bytes; });
      if (stop_.stop_requested()) throw Error(Errc::cancelled, "reading a backup was cancelled");
      if (is_over_) return;
      const std::size_t at = received_ % ring_bytes;
      const std::size_t free = ring_bytes - static_cast<std::size_t>(received_ - kept_from_);
      const std::size_t count = std::min({bytes.size(), free, ring_bytes - at});
      std::memcpy(ring_.data() + at, bytes.data(), count);
      if (received_ < front_bytes)
        append(front_, bytes.first(std::min(count, front_bytes - front_.size())));
      received_ += count;
      bytes = bytes.subspan(count);
      more_.notify_all();
    }
  }
  void end() {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
    more_.notify_all();
  }
  // Nobody reads any more.
  void leave() {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    room_.notify_all();
  }
  void give_up() {
    leave();
    end();
  }

  [[nodiscard]] std::uint64_t size_beyond(std::uint64_t known_bytes) {
    std::unique_lock lock(mutex_);
    if (known_bytes > again_bytes) {
      kept_from_ = std::max(kept_from_, known_bytes - again_bytes);
      room_.notify_all();
    }
    more_.wait(lock, stop_, [&] { return has_ended_ || received_ > known_bytes; });
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "reading a backup was cancelled");
    return received_;
  }
  [[nodiscard]] std::uint64_t size_bytes() const override {
    std::unique_lock lock(mutex_);
    more_.wait(lock, stop_, [&] { return has_ended_ || received_ >= front_bytes; });
    return received_;
  }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    if (into.empty()) return;
    {
      const std::lock_guard lock(mutex_);
      check_rule(offset_bytes + into.size() <= received_, "only what has come is read");
      if (offset_bytes + into.size() <= front_.size()) {
        std::memcpy(into.data(), front_.data() + offset_bytes, into.size());
        return;
      }
      check_rule(offset_bytes >= kept_from_, "only what is kept is read again");
    }
    // What is kept stays until size_beyond() lets it go, on this thread.
    while (!into.empty()) {
      const auto at = static_cast<std::size_t>(offset_bytes % ring_bytes);
      const std::size_t count = std::min(into.size(), ring_bytes - at);
      std::memcpy(into.data(), ring_.data() + at, count);
      offset_bytes += count;
      into = into.subspan(count);
    }
  }

 private:
  static constexpr std::size_t ring_bytes = std::size_t{8} << 20U;
  static constexpr std::size_t again_bytes = std::size_t{2} << 20U;
  static constexpr std::size_t front_bytes = std::size_t{64} << 10U;

  std::stop_token stop_;
  Bytes ring_;
  mutable std::mutex mutex_;  // guards all below
  mutable std::condition_variable_any room_, more_;
  Bytes front_;
  std::uint64_t received_ = 0, kept_from_ = 0;
  bool has_ended_ = false, is_over_ = false;
};

BakStream::BakStream(const std::stop_token& stop)
    : passing_(std::make_shared<Passing>(stop)), reader_([this, stop] {
        try {
          report_ = read_growing_bak(
              *passing_, [this](std::uint64_t known) { return passing_->size_beyond(known); },
              stop);
        } catch (...) {
          failure_ = std::current_exception();
        }
        passing_->leave();
      }) {}

BakStream::~BakStream() {
  passing_->give_up();
}

void BakStream::write(ByteView bytes) {
  passing_->take(bytes);
}

std::optional<BakReport> BakStream::finish() {
  passing_->end();
  if (reader_.joinable()) reader_.join();
  if (failure_) std::rethrow_exception(failure_);
  return std::move(report_);
}

}  // namespace holdfast::engine::sqlserver
