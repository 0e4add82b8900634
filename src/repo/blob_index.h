// SPDX-License-Identifier: Apache-2.0
// Which blob lies where: the union of all index files, and what this run has added.
//
// Compact: about 52 bytes a blob, of which 45 lie in a file from the first million blobs on, if
// there is a directory for one. Entries lie in the order of their packs, so that a blob's pack
// follows from its place; open-addressing tables of entry numbers, sharded by id, find them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "format/index_file.h"
#include "repo/overflow_file.h"

namespace holdfast::repo {

struct BlobPlace {
  format::Id pack;
  std::uint32_t offset_bytes = 0;
  std::uint32_t size_bytes = 0;        // stored
  std::uint32_t plain_size_bytes = 0;  // 0: uncompressed
  [[nodiscard]] std::size_t plain_bytes() const noexcept {
    return plain_size_bytes != 0                       ? plain_size_bytes
           : size_bytes >= format::seal_overhead_bytes ? size_bytes - format::seal_overhead_bytes
                                                       : 0;
  }
};

// Any number of threads may look up while others add.
class BlobIndex {
 public:
  // Where entries lie that are too many for memory. Without a directory, or where it is of no use,
  // all are kept in memory.
  struct Overflow {
    std::filesystem::path directory;         // empty: none
    std::uint32_t memory_blobs = 1'000'000;  // so many entries, or a little more, before that
    std::uint64_t spare_bytes = OverflowFile::spare_bytes;
  };

  BlobIndex() : BlobIndex(Overflow()) {}
  explicit BlobIndex(const Overflow& overflow);
  ~BlobIndex();
  BlobIndex(const BlobIndex&) = delete;
  BlobIndex& operator=(const BlobIndex&) = delete;

  // Adds a stored pack. The same pack from two index files is taken once; `conflict` results if its
  // blobs differ: those that only the later one names are then taken too, so that nothing readable
  // is lost. Errc::unsupported beyond 268 million blobs.
  enum class Added : std::uint8_t { added, duplicate, conflict };
  Added add_pack(const format::IndexedPack& pack);

  [[nodiscard]] bool has(const format::BlobHandle& blob) const;
  [[nodiscard]] std::optional<BlobPlace> find(const format::BlobHandle& blob) const;  // any copy
  [[nodiscard]] std::vector<BlobPlace> find_all(const format::BlobHandle& blob) const;

  // Claims a blob that is in no pack yet for the calling thread: true if it is neither stored nor
  // claimed by another, so that equal blobs are packed once. The claim ends with add_pack of a pack
  // that holds it.
  [[nodiscard]] bool claim(const format::BlobHandle& blob);
  // Ends all claims: what was claimed and did not get into a stored pack is unknown again. For the
  // writer that gives up; one writer at a time claims.
  void release_claims();

  [[nodiscard]] std::uint64_t blob_count() const noexcept;  // distinct blobs
  [[nodiscard]] std::uint64_t pack_count() const noexcept;  // distinct packs
  [[nodiscard]] std::uint64_t duplicate_count()
      const noexcept;  // add_pack() calls that were duplicates
  // The heap this index holds, claims excepted.
  [[nodiscard]] std::uint64_t memory_bytes() const;
  // What it holds in a file.
  [[nodiscard]] std::uint64_t file_bytes() const;
  // Visits every copy of every blob, pack after pack; no adding meanwhile. `pack_number` counts
  // from 0.
  void for_each(const std::function<void(const format::BlobHandle&, const BlobPlace&,
                                         std::uint32_t pack_number)>& visit) const;
  // All packs with their blobs in offset order, as for check and prune; memory of its own.
  [[nodiscard]] std::vector<format::IndexedPack> packs() const;
  [[nodiscard]] std::vector<format::Id> pack_ids() const;
  // The same one by one, in the order of their numbers, without memory for all.
  void for_each_pack(const std::function<void(std::uint32_t pack_number,
                                              const format::IndexedPack&)>& visit) const;
  // A pack's number, 0..pack_number_end(), or nothing if no index names it.
  [[nodiscard]] std::optional<std::uint32_t> pack_number(const format::Id& pack) const;
  [[nodiscard]] std::uint32_t pack_number_end() const noexcept;
  [[nodiscard]] std::optional<format::IndexedPack> pack(const format::Id& pack) const;

  // A dense number for each distinct stored blob handle, 0..blob_number_end(), for bitmaps; stable
  // while nothing is added. Nothing if the blob is unknown.
  [[nodiscard]] std::optional<std::uint32_t> blob_number(const format::BlobHandle& blob) const;
  [[nodiscard]] std::uint32_t blob_number_end() const noexcept;
  // The number and the plain size of a blob with one look-up, for walks.
  struct Numbered {
    std::uint32_t number = 0;
    std::size_t plain_bytes = 0;
  };
  [[nodiscard]] std::optional<Numbered> numbered(const format::BlobHandle& blob) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::repo
