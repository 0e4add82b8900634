// SPDX-License-Identifier: Apache-2.0
// Walks all trees below given roots, each once, on all cores.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "repo/repository.h"

namespace holdfast::repo {

// One bit for each blob number of the index.
class BlobSet {
 public:
  explicit BlobSet(std::uint32_t blob_number_end);
  // Sets a bit; true if it was not set before. Safe from several threads.
  bool insert(std::uint32_t number) noexcept;
  [[nodiscard]] bool contains(std::uint32_t number) const noexcept;
  // Whether a bit is set in both; `other` is of the same index.
  [[nodiscard]] bool intersects(const BlobSet& other) const noexcept;
  // Sets the bits of `other` too, or clears them.
  void add(const BlobSet& other) noexcept;
  void remove(const BlobSet& other) noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept;

 private:
  std::vector<std::uint64_t> words_;  // accessed through atomic_ref
};

// Visits each distinct blob of the index with its number and the place of one copy. No adding
// meanwhile.
void for_each_blob(const BlobIndex& index,
                   const std::function<void(std::uint32_t number, const format::BlobHandle& blob,
                                            const BlobPlace& place)>& visit);

struct TreeProblem {
  enum class Kind : std::uint8_t {
    unreadable,    // the tree itself is missing or damaged; what lies below it is unknown
    blob_missing,  // a file's data is in no index
    inconsistent,  // a file says something about itself that does not hold; nothing is missing
  };
  format::Id tree;
  std::string path;     // of the tree, or of the entry in it, as far as known; quoted as in trees
  std::string message;  // what is wrong with it, a whole clause naming the object
  Kind kind = Kind::unreadable;
};

// Everything reachable from `roots`: trees and their files' data blobs. Problems (a missing or
// damaged tree, a data blob that the index does not know, a file whose blobs do not add up to its
// size) are reported, on any thread but one at a time, and the walk goes on. Each tree is read
// once, whatever refers to it, so that no cycle and no depth can hold it up; memory: the trees
// being read, and an entry for each tree that is known and not yet read. Errc::cancelled on a stop
// request; Errc::unavailable and denied of the storage end it.
[[nodiscard]] BlobSet find_used_blobs(Repository& repository, const std::vector<format::Id>& roots,
                                      const std::function<void(const TreeProblem&)>& problem,
                                      model::Observer& observer, std::stop_token stop);
// The same, added to `used`: trees that are in it already are not read again, nor what is below.
void add_used_blobs(Repository& repository, const std::vector<format::Id>& roots, BlobSet& used,
                    const std::function<void(const TreeProblem&)>& problem,
                    model::Observer& observer, std::stop_token stop);

}  // namespace holdfast::repo
