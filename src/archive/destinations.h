// SPDX-License-Identifier: Apache-2.0
// The repositories that one read of a source goes to: one, or several that must not depend on each
// other. Each cuts, hashes and seals what is read by itself, with its own parameters and its own
// key; the first failure of one ends that one alone.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.h"
#include "repo/blob_writer.h"

namespace holdfast::archive {

// Numbered from 0 as they were added. Thread-safe but for add() and set_writer().
class Destinations {
 public:
  // `on_failure` is told of each that ends, once, on the thread that met it. May be empty.
  using OnFailure = std::function<void(std::size_t destination, const Error& failure)>;
  explicit Destinations(OnFailure on_failure = {}) : on_failure_(std::move(on_failure)) {}
  // A single one.
  Destinations(repo::Repository& repository, repo::BlobWriter& writer) { add(repository, &writer); }
  ~Destinations() = default;
  Destinations(const Destinations&) = delete;
  Destinations& operator=(const Destinations&) = delete;

  // Both outlive this. Without a writer nothing is saved until set_writer().
  void add(repo::Repository& repository, repo::BlobWriter* writer);
  void set_writer(std::size_t destination, repo::BlobWriter* writer);

  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
  [[nodiscard]] repo::Repository& repository(std::size_t destination) const {
    return *all_[destination].repository;
  }
  [[nodiscard]] repo::BlobWriter& writer(std::size_t destination) const;

  // Whether nothing has failed. Only open ones take anything.
  [[nodiscard]] bool is_open(std::size_t destination) const noexcept {
    return all_[destination].is_open;
  }
  // The first that is open; size() if none is.
  [[nodiscard]] std::size_t first_open() const noexcept;
  // What ended it.
  [[nodiscard]] std::optional<Error> failure(std::size_t destination) const;

  // Runs `body` if the destination is open; true if it ran to its end. An Error that leaves it ends
  // the destination. It goes on to the caller only if no other destination is open, or if it is
  // Errc::bug.
  template <typename Body>
  bool attempt(std::size_t destination, Body&& body) {
    if (!is_open(destination)) return false;
    try {
      std::forward<Body>(body)();
      return true;
    } catch (const Error& error) {  // becomes the destination's failure
      if (error.code() == Errc::bug || !fail(destination, error)) throw;
      return false;
    }
  }
  // Ends it, and cancels its writer. False if none is open any more.
  bool fail(std::size_t destination, const Error& error);
  // Throws what the last one failed with if none is open.
  void require_open() const;

 private:
  struct Destination {
    Destination(repo::Repository& of, repo::BlobWriter* with) : repository(&of), writer(with) {}
    repo::Repository* repository;
    repo::BlobWriter* writer;
    std::atomic<bool> is_open{true};
    std::optional<Error> failure;
  };

  const OnFailure on_failure_;
  std::deque<Destination> all_;
  mutable std::mutex mutex_;  // guards the failures, the closing and last_
  std::optional<Error> last_;
};

}  // namespace holdfast::archive
