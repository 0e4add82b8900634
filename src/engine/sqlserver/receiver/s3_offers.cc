// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/receiver/s3_offers.h"

#include "base/error.h"
#include "base/hash.h"

namespace holdfast::engine::sqlserver {

void S3Offers::offer(const std::string& name, model::RandomSource& source) {
  auto made = std::make_shared<Offer>();
  // Its MD5 is not known before it was read; a tag that says it was made of parts is none.
  std::array<std::byte, 16> tag;
  fill_random(tag);
  made->facts = {name, to_hex(tag) + "-1", source.size_bytes()};
  made->source = &source;
  const std::lock_guard lock(mutex_);
  check_rule(offers_.emplace(name, std::move(made)).second, "an object is offered once");
}

void S3Offers::withdraw(std::string_view name) noexcept {
  std::unique_lock lock(mutex_);
  const auto found = offers_.find(name);
  if (found == offers_.end()) return;
  const std::shared_ptr<Offer> offer = found->second;
  offers_.erase(found);
  changed_.wait(lock, [&] { return offer->readers == 0; });
}

std::optional<S3Offers::Offered> S3Offers::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = offers_.find(name);
  if (found == offers_.end()) return std::nullopt;
  return found->second->facts;
}

std::vector<S3Offers::Offered> S3Offers::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Offered> result;
  for (const auto& [name, offer] : offers_) result.push_back(offer->facts);
  return result;
}

void S3Offers::read(std::string_view name, std::uint64_t offset_bytes, std::span<std::byte> into) {
  std::unique_lock lock(mutex_);
  const auto found = offers_.find(name);
  if (found == offers_.end()) {
    throw Error(Errc::not_found, "the backup " + std::string(name) + " is not offered any more");
  }
  const std::shared_ptr<Offer> offer = found->second;
  ++offer->readers;
  lock.unlock();
  std::exception_ptr failure;
  try {
    offer->source->read_at(offset_bytes, into);
  } catch (...) {  // told to whoever offers it, and thrown again below
    failure = std::current_exception();
  }
  lock.lock();
  --offer->readers;
  if (failure) offer->failure = failure;
  changed_.notify_all();
  if (failure) std::rethrow_exception(failure);
}

void S3Offers::raise_failure(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = offers_.find(name);
  if (found != offers_.end() && found->second->failure) {
    std::rethrow_exception(found->second->failure);
  }
}

}  // namespace holdfast::engine::sqlserver
