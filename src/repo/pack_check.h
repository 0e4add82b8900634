// SPDX-License-Identifier: Apache-2.0
// Whether one pack file is what its name and the index say: every byte of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/index_file.h"
#include "repo/repository.h"

namespace holdfast::repo {

// What is wrong with where the index places a pack's blobs: gaps and overlaps. The blobs are in
// offset order.
[[nodiscard]] std::vector<std::string> layout_faults(const format::IndexedPack& pack);

// Reads packs on one thread, with buffers of its own: one pack of at most `whole_bytes_max` in
// memory; of larger ones, 8 MiB at a time.
class PackCheck {
 public:
  explicit PackCheck(Repository& repository,
                     std::uint64_t whole_bytes_max = std::uint64_t{160} << 20U)
      : repository_(repository), whole_bytes_max_(whole_bytes_max), codec_(repository.codec()) {}

  // Reads the whole file: SHA-256, header, each blob. One clause for each fault; none if the pack
  // is sound.
  [[nodiscard]] std::vector<std::string> read(const format::IndexedPack& pack,
                                              std::uint64_t file_bytes);
  // Reads the whole file and says whether its SHA-256 is its name. False too if it cannot be read.
  [[nodiscard]] bool is_whole(const format::Id& pack, std::uint64_t file_bytes);

 private:
  void check_header(const format::IndexedPack& pack, std::uint64_t file_bytes);
  void read_content(const format::Id& pack, std::uint64_t file_bytes);
  [[nodiscard]] format::Id hash_pieces(const format::Id& pack, std::uint64_t file_bytes);
  void check_name(const format::Id& pack, const format::Id& found);
  void check_content(const format::IndexedPack& pack);
  void check_blobs(const format::IndexedPack& pack);
  template <typename Body>
  void reporting(Body&& body);

  Repository& repository_;
  const std::uint64_t whole_bytes_max_;
  Codec codec_;
  Bytes content_;  // of a whole pack, or a piece of it
  Bytes plain_;
  std::vector<std::string> faults_;
};

}  // namespace holdfast::repo
