// SPDX-License-Identifier: Apache-2.0
// Whether the ids of things are unique and all references resolve, for any number of them in
// bounded memory: fingerprints are sorted in runs, which go to a scratch file, and merged.
//
// Two ids that differ have the same fingerprint with a chance of 2^-124, unless somebody made them
// so: then they are called one. Two that are equal always have, so that nothing is missed.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"

namespace holdfast::engine::typedb {

// How an id occurs. Things come first, so that they sort before what refers to them.
enum class IdUse : std::uint8_t { entity, attribute, relation, owned, player };

struct Fingerprint {
  std::uint64_t high = 0, low = 0;  // the low four bits of `low` are zero
  friend auto operator<=>(const Fingerprint&, const Fingerprint&) = default;
};
[[nodiscard]] Fingerprint fingerprint_of(std::string_view id) noexcept;

// What others on the same file system need to go on.
inline constexpr std::uint64_t scratch_left_free_bytes = 1U << 30U;

class IdentityCheck {
 public:
  // At least 64 KiB of memory are used. The scratch file is made once that is full, below
  // `scratch_directory` (empty: TMPDIR, else /var/tmp), without a name that outlives the object. It
  // needs 16 bytes for each use of an id.
  explicit IdentityCheck(std::filesystem::path scratch_directory,
                         std::size_t memory_bytes = 64U << 20U,
                         std::uint64_t left_free_bytes = scratch_left_free_bytes);

  // Errc::no_space rather than leaving less of the scratch directory's file system free.
  void add(std::string_view id, IdUse use);

  struct Result {
    std::uint64_t things = 0;         // how many have an id
    std::uint64_t surplus = 0;        // how many of them have one that another has too
    std::uint64_t owned_unknown = 0;  // owned attributes that no attribute is
    std::uint64_t players_unknown = 0;
    // The first few of each, to be looked for in the file.
    std::vector<Fingerprint> surplus_examples, unknown_examples;
  };
  static constexpr std::size_t examples_max = 5;
  // To be called once. Errc::cancelled soon after a stop request; Errc::no_space as add().
  [[nodiscard]] Result finish(const std::stop_token& stop);

 private:
  struct Entry {
    std::uint64_t high = 0, low = 0;  // a fingerprint, its low bits the use
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  struct Run {
    std::uint64_t at = 0, end = 0;  // entries in the scratch file that are not in memory yet
    std::size_t next = 0, filled = 0, begin = 0, room = 0;  // entries in memory
  };
  class Judge;

  void write_run();
  bool refill(Run& run);
  void merge(Judge& judge, const std::stop_token& stop);

  std::filesystem::path scratch_directory_;
  std::size_t entries_max_;
  std::uint64_t left_free_bytes_;
  std::vector<Entry> entries_;
  std::optional<TemporaryDirectory> scratch_;
  Fd file_;
  std::vector<std::uint64_t> run_ends_;  // in entries
};

}  // namespace holdfast::engine::typedb
