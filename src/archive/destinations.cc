// SPDX-License-Identifier: Apache-2.0
#include "archive/destinations.h"

#include <algorithm>

#include "base/separate.h"

namespace holdfast::archive {

void Destinations::add(repo::Repository& repository, repo::BlobWriter* writer) {
  all_.emplace_back(repository, writer);
}

void Destinations::set_writer(std::size_t destination, repo::BlobWriter* writer) {
  all_[destination].writer = writer;
}

repo::BlobWriter& Destinations::writer(std::size_t destination) const {
  check_rule(all_[destination].writer != nullptr, "what saves to a repository has a writer");
  return *all_[destination].writer;
}

std::size_t Destinations::first_open() const noexcept {
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [](const Destination& one) { return bool(one.is_open); });
  return static_cast<std::size_t>(found - all_.begin());
}

std::optional<Error> Destinations::failure(std::size_t destination) const {
  const std::lock_guard guard(mutex_);
  const std::optional<Error>& failure = all_[destination].failure;
  return failure ? std::optional(separate(*failure)) : std::nullopt;
}

bool Destinations::fail(std::size_t destination, const Error& error) {
  bool is_first = false;
  bool is_any_open = false;
  {
    const std::lock_guard guard(mutex_);
    Destination& one = all_[destination];
    if (one.is_open) {
      is_first = true;
      one.failure = separate(error);
      last_ = separate(error);
      one.is_open = false;
      if (one.writer != nullptr) one.writer->cancel();
    }
    is_any_open = first_open() < size();
  }
  if (is_first && on_failure_) on_failure_(destination, error);
  return is_any_open;
}

void Destinations::require_open() const {
  if (first_open() < size()) return;
  const std::lock_guard guard(mutex_);
  check_rule(last_.has_value(), "a save has a destination");
  throw separate(*last_);
}

}  // namespace holdfast::archive
