// SPDX-License-Identifier: Apache-2.0
#include "archive/read_ahead.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace holdfast::archive {

// Threads that end without having loaded what they were asked for must wake the reader, and each
// other: so whatever leaves fetch() closes the whole, as does a constructor that is given up after
// its first thread.
ReadAhead::ReadAhead(std::vector<std::uint64_t> ends, std::function<Load()> make_load,
                     const Limits& limits)
    : ends_(std::move(ends)),
      make_load_(std::move(make_load)),
      limits_(limits),
      crew_([this] { give_up(); }) {
  for (unsigned i = 0; i < limits_.threads; ++i) {
    crew_.start([this](const std::stop_token&) { fetch(); });
  }
}

ReadAhead::~ReadAhead() {
  give_up();
}

void ReadAhead::give_up() noexcept {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

std::size_t ReadAhead::size_of(std::size_t number) const {
  return static_cast<std::size_t>(ends_[number] - (number == 0 ? 0 : ends_[number - 1]));
}

std::size_t ReadAhead::read(std::span<std::byte> into) {
  if (into.empty()) return 0;
  while (given_ == current_.size()) {
    if (!advance()) return 0;
  }
  const std::size_t count = std::min(into.size(), current_.size() - given_);
  std::copy_n(current_.begin() + static_cast<std::ptrdiff_t>(given_), count, into.begin());
  given_ += count;
  return count;
}

// Takes the next block in order; false at the end of the file.
bool ReadAhead::advance() {
  std::unique_lock lock(mutex_);
  if (failed_) throw Error(Errc::corrupt, "the file could not be read to its end");
  held_bytes_ -= std::exchange(current_weight_, 0);
  current_ = {};
  given_ = 0;
  if (taken_ == ends_.size()) return false;
  changed_.notify_all();
  const auto is_ready = [&] { return !slots_.empty() && slots_.front().ready; };
  changed_.wait(lock, [&] { return closed_ || is_ready(); });
  failed_ = true;  // until the block is there
  if (!is_ready()) {
    // A thread has failed: not at a block, whose failure waits in its slot, but before or between.
    lock.unlock();
    crew_.join();
    throw Error(Errc::bug, "a thread that reads ahead has ended without an error");
  }
  Slot slot = std::move(slots_.front());
  slots_.pop_front();
  current_ = slot.bytes.get();
  failed_ = false;
  current_weight_ = size_of(taken_++);
  return true;
}

void ReadAhead::fetch() {
  const Load load = make_load_();
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] {
      return closed_ || asked_ == ends_.size() || held_bytes_ == 0 ||
             held_bytes_ + size_of(asked_) <= limits_.bytes_max;
    });
    if (closed_ || asked_ == ends_.size()) return;
    const std::size_t number = asked_;
    slots_.emplace_back();
    Slot& slot = slots_.back();  // a deque moves nothing when its ends change
    ++asked_;
    held_bytes_ += size_of(number);
    lock.unlock();
    std::packaged_task<Bytes()> task([&] { return load(number); });
    slot.bytes = task.get_future();
    task();
    lock.lock();
    slot.ready = true;
    changed_.notify_all();
  }
}

}  // namespace holdfast::archive
