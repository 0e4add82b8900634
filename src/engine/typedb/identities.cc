// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/identities.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::size_t memory_bytes_min = 64U << 10U;
constexpr std::size_t merged_per_look = 1U << 16U;  // entries between two looks for a stop request
constexpr std::uint64_t use_bits = 0xf;

// Odd, and otherwise arbitrary: fractions of the square roots of 2 and 3.
constexpr std::uint64_t high_factor = 0x6a09e667f3bcc909U, low_factor = 0xbb67ae8584caa73bU;

std::uint64_t scrambled(std::uint64_t x) noexcept {
  x ^= x >> 32U;
  x *= 0x9fb21c651e98df25U;
  x ^= x >> 29U;
  x *= high_factor;
  return x ^ (x >> 32U);
}

void check_stop(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(Errc::cancelled, "stopped while comparing identities");
}

}  // namespace

// Two chains over words of eight bytes. Every step can be undone, so that no word is lost in one;
// the length is part of it, as the last word is filled up with zeros.
Fingerprint fingerprint_of(std::string_view id) noexcept {
  std::uint64_t high = id.size() * low_factor, low = ~id.size() * high_factor;
  for (std::size_t at = 0; at < id.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, id.data() + at, std::min<std::size_t>(8, id.size() - at));
    high = (high ^ word) * high_factor;
    high ^= high >> 31U;
    low = (low + word) * low_factor;
    low ^= low >> 28U;
  }
  return {scrambled(high), scrambled(low) & ~use_bits};
}

// Gets all entries in order and looks at those of one fingerprint together.
class IdentityCheck::Judge {
 public:
  void take(const Entry& entry) {
    const Fingerprint id{entry.high, entry.low & ~use_bits};
    if (id != current_) {
      close();
      current_ = id;
      things_ = attributes_ = owned_ = players_ = 0;
    }
    switch (static_cast<IdUse>(entry.low & use_bits)) {
      case IdUse::attribute:
        ++attributes_;
        [[fallthrough]];
      case IdUse::entity:
      case IdUse::relation:
        ++things_;
        break;
      case IdUse::owned:
        ++owned_;
        break;
      case IdUse::player:
        ++players_;
        break;
    }
  }
  Result finish() {
    close();
    return std::move(result_);
  }

 private:
  void close() {
    result_.things += things_;
    if (things_ > 1) {
      result_.surplus += things_ - 1;
      note(result_.surplus_examples);
    }
    const std::uint64_t owned_unknown = attributes_ == 0 ? owned_ : 0;
    const std::uint64_t players_unknown = things_ == 0 ? players_ : 0;
    result_.owned_unknown += owned_unknown;
    result_.players_unknown += players_unknown;
    if (owned_unknown + players_unknown > 0) note(result_.unknown_examples);
  }
  void note(std::vector<Fingerprint>& examples) {
    if (examples.size() < examples_max) examples.push_back(current_);
  }

  Result result_;
  Fingerprint current_{~std::uint64_t{0}, ~std::uint64_t{0}};  // none: its low bits are not zero
  std::uint64_t things_ = 0, attributes_ = 0, owned_ = 0, players_ = 0;
};

IdentityCheck::IdentityCheck(std::filesystem::path scratch_directory, std::size_t memory_bytes,
                             std::uint64_t left_free_bytes)
    : scratch_directory_(std::move(scratch_directory)),
      entries_max_(std::max(memory_bytes, memory_bytes_min) / sizeof(Entry)),
      left_free_bytes_(left_free_bytes) {}

void IdentityCheck::add(std::string_view id, IdUse use) {
  if (entries_.size() == entries_max_) write_run();
  // Doubling would leave twice of it in memory while it grows to the last.
  if (entries_.size() == entries_.capacity())
    entries_.reserve(std::min(entries_max_, std::max<std::size_t>(4096, entries_.size() * 2)));
  const Fingerprint print = fingerprint_of(id);
  entries_.push_back({print.high, print.low | static_cast<std::uint64_t>(use)});
}

void IdentityCheck::write_run() {
  std::sort(entries_.begin(), entries_.end());
  if (!scratch_) {
    scratch_.emplace("holdfast-typedb", scratch_directory_);
    file_ = open_file(scratch_->path() / "identities", O_RDWR | O_CREAT | O_EXCL);
  }
  const auto bytes = std::as_bytes(std::span(entries_));
  struct ::statvfs status {};
  if (::fstatvfs(file_.get(), &status) != 0)
    throw system_error(errno, fmt::format("looking at {}", scratch_->path().native()));
  const std::uint64_t free_bytes = std::uint64_t{status.f_bavail} * status.f_frsize;
  if (free_bytes < left_free_bytes_ || free_bytes - left_free_bytes_ < bytes.size())
    throw Error(Errc::no_space,
                fmt::format("{} has {} bytes free, of which {} are left to others",
                            scratch_->path().native(), free_bytes, left_free_bytes_));
  write_all(file_.get(), bytes, scratch_->path().native());
  run_ends_.push_back((run_ends_.empty() ? 0 : run_ends_.back()) + entries_.size());
  entries_.clear();
}

// Whether the run has a next entry, read into memory if need be.
bool IdentityCheck::refill(Run& run) {
  if (run.next < run.filled) return true;
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(run.room, run.end - run.at));
  if (count == 0) return false;
  pread_exact(file_.get(), std::as_writable_bytes(std::span(entries_).subspan(run.begin, count)),
              run.at * sizeof(Entry), scratch_->path().native());
  run.at += count;
  run.next = 0;
  run.filled = count;
  return true;
}

void IdentityCheck::merge(Judge& judge, const std::stop_token& stop) {
  const std::size_t room = entries_max_ / run_ends_.size();
  if (room < 64)
    throw Error(Errc::unsupported, "there are too many things for the memory to compare them in");
  entries_.resize(room * run_ends_.size());
  std::vector<Run> runs;
  std::uint64_t begin = 0;
  for (const std::uint64_t end : run_ends_) {
    Run run;
    run.at = std::exchange(begin, end);
    run.end = end;
    run.begin = runs.size() * room;
    run.room = room;
    if (refill(run)) runs.push_back(run);
  }
  const auto entry = [&](const Run& run) -> const Entry& { return entries_[run.begin + run.next]; };
  const auto later = [&](const Run& a, const Run& b) { return entry(a) > entry(b); };
  std::make_heap(runs.begin(), runs.end(), later);
  for (std::size_t merged = 0; !runs.empty(); ++merged) {
    if (merged % merged_per_look == 0) check_stop(stop);
    std::pop_heap(runs.begin(), runs.end(), later);
    Run& run = runs.back();
    judge.take(entry(run));
    ++run.next;
    if (refill(run)) {
      std::push_heap(runs.begin(), runs.end(), later);
    } else {
      runs.pop_back();
    }
  }
}

IdentityCheck::Result IdentityCheck::finish(const std::stop_token& stop) {
  check_stop(stop);
  Judge judge;
  if (run_ends_.empty()) {
    std::sort(entries_.begin(), entries_.end());
    for (const Entry& entry : entries_) judge.take(entry);
    return judge.finish();
  }
  if (!entries_.empty()) write_run();
  merge(judge, stop);
  return judge.finish();
}

}  // namespace holdfast::engine::typedb
