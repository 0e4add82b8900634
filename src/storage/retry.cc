// SPDX-License-Identifier: Apache-2.0
// One loop around every call; the only place besides base that catches to go on.
#include "storage/retry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"

namespace holdfast::storage {
namespace {

// `wait` times a random number between a half and one and a half.
std::chrono::nanoseconds varied(std::chrono::nanoseconds wait) {
  std::array<std::byte, 8> random;
  fill_random(random);
  const auto thousandth = static_cast<std::int64_t>(load_le64(random.data()) % 1001U);
  return wait / 2 + wait / 1000 * thousandth;
}

}  // namespace

RetryStorage::RetryStorage(std::unique_ptr<Storage> below, Pacing pacing, RetryPolicy policy)
    : below_(std::move(below)), pacing_(std::move(pacing)), policy_(policy) {}

void RetryStorage::attempt(Effect effect, std::string_view doing,
                           const std::function<void(unsigned)>& body) {
  std::optional<std::chrono::steady_clock::time_point> first_failure;
  std::chrono::nanoseconds wait = policy_.first_wait;
  for (unsigned number = 1;; ++number) {
    std::chrono::nanoseconds pause{0};
    try {
      body(number);
      return;
    } catch (Error& error) {
      const bool is_io = effect == Effect::reads && error.code() == Errc::io;
      if (!error.retryable() && !is_io) throw;
      const auto now = pacing_.clock->steady();
      if (!first_failure) first_failure = now;
      pause = varied(wait);
      const auto left = *first_failure + policy_.total_max - now;
      if (left <= pause || (is_io && number >= policy_.io_tries_max)) {
        if (number > 1) error.add_context(fmt::format("{}, tried {} times", doing, number));
        throw;
      }
      log(LogLevel::warn, "the repository's storage failed, trying again",
          {{"doing", std::string(doing)},
           {"try", std::to_string(number)},
           {"error", error.message()}});
    }
    pacing_.sleep(pause);
    wait = std::min<std::chrono::nanoseconds>(wait * 2, policy_.wait_max);
  }
}

void RetryStorage::create() {
  attempt(Effect::writes, "creating the repository's directories",
          [&](unsigned) { below_->create(); });
}

bool RetryStorage::is_stored(const FileRef& file, ByteView content) {
  const std::optional<std::uint64_t> size = below_->size_bytes(file);
  if (!size || *size != content.size()) return false;
  Bytes stored;
  stored.resize(content.size());
  below_->read(file, 0, stored);
  return is_equal(stored, content);
}

void RetryStorage::put(const FileRef& file, ByteView content) {
  attempt(Effect::writes, "storing " + display(file), [&](unsigned number) {
    try {
      below_->put(file, content);
    } catch (const Error& error) {
      if (error.code() != Errc::exists || number == 1 || !is_stored(file, content)) throw;
    }
  });
}

void RetryStorage::replace_config(ByteView content) {
  attempt(Effect::writes, "replacing the config file",
          [&](unsigned) { below_->replace_config(content); });
}

void RetryStorage::read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) {
  attempt(Effect::reads, "reading " + display(file),
          [&](unsigned) { below_->read(file, offset_bytes, out); });
}

std::optional<std::uint64_t> RetryStorage::size_bytes(const FileRef& file) {
  std::optional<std::uint64_t> size;
  attempt(Effect::reads, "looking for " + display(file),
          [&](unsigned) { size = below_->size_bytes(file); });
  return size;
}

void RetryStorage::list(FileKind kind, const std::function<void(const FoundFile&)>& visit) {
  std::vector<FoundFile> found;
  attempt(Effect::reads, fmt::format("listing {} files", file_kind_name(kind)), [&](unsigned) {
    found.clear();
    below_->list(kind, [&](const FoundFile& file) { found.push_back(file); });
  });
  for (const FoundFile& file : found) visit(file);
}

void RetryStorage::remove(const FileRef& file) {
  attempt(Effect::writes, "removing " + display(file), [&](unsigned) { below_->remove(file); });
}

Leftovers RetryStorage::remove_leftovers(std::chrono::seconds age_min, bool dry_run) {
  Leftovers leftovers;
  attempt(Effect::writes, "removing what interrupted writes have left",
          [&](unsigned) { leftovers = below_->remove_leftovers(age_min, dry_run); });
  return leftovers;
}

void RetryStorage::distrust_copies() {
  below_->distrust_copies();
}

unsigned RetryStorage::connections_max() const noexcept {
  return below_->connections_max();
}

std::string RetryStorage::location() const {
  return below_->location();
}

}  // namespace holdfast::storage
