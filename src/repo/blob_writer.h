// SPDX-License-Identifier: Apache-2.0
// From plain blobs to packs in the storage, and the index files that name them: packer and
// uploader.
//
// save() does the work on the calling thread (hash, look-up, compress, seal, verify, append to an
// open pack); full packs go through a bounded queue to as many upload threads as the storage has
// connections. Packs are stored before an index names them. Memory: see memory_bytes_max();
// docs/concurrency.md.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "repo/lock.h"
#include "repo/repository.h"

namespace holdfast::repo {

struct WriterOptions {
  std::size_t pack_size_bytes = 16U << 20U;  // 4..128 MiB
  bool verify = true;    // decrypt, decompress and compare every blob before upload
  bool dry_run = false;  // everything but writing
  std::chrono::seconds index_every{300};  // an index file at least that often,
  unsigned index_packs_max = 64;          // and after so many packs,
  unsigned index_blobs_max = 50'000;      // and so many blobs
  Clock* clock = &system_clock();
};

struct SavedBlob {
  format::Id id;
  bool is_new = false;
  std::uint32_t stored_bytes = 0;  // what it added to the repository; 0 if known
};

struct WriterTotals {
  std::uint64_t data_blobs = 0, tree_blobs = 0;  // new ones
  std::uint64_t data_bytes = 0, tree_bytes = 0;  // plain
  std::uint64_t stored_bytes = 0;                // as packed
  std::uint64_t packs = 0, index_files = 0;
  std::uint64_t pack_buffers = 0;  // the most there were at once
};

// One writer at a time for a repository.
class BlobWriter {
 public:
  // Pack buffers that `connections` upload threads need: two open packs of data, one of trees, and
  // one for each upload but one, because seldom all three are open; one at least. Who finds none
  // free, or more full packs than can be uploaded at once, waits for an upload to end.
  [[nodiscard]] static unsigned pack_buffers_max(unsigned connections) noexcept {
    return 2 + std::max(connections, 2U);
  }
  // The most memory pack buffers take: each holds a pack and what the last blob exceeds it by, or
  // one blob that is larger than a pack. `blob_bytes_max` is the largest blob that will be saved.
  [[nodiscard]] static std::uint64_t memory_bytes_max(const WriterOptions& options,
                                                      unsigned connections,
                                                      std::size_t blob_bytes_max) noexcept;

  // `lock` may be null only for a dry run or a repository nobody else can see; index files
  // are saved under it.
  BlobWriter(Repository& repository, const WriterOptions& options, Lock* lock);
  ~BlobWriter();  // without finish(): stops, and names what is stored in a last index file
  BlobWriter(const BlobWriter&) = delete;
  BlobWriter& operator=(const BlobWriter&) = delete;

  // One thread's buffers and contexts.
  class Worker {
   public:
    explicit Worker(const Repository& repository) : codec(repository.codec()) {}
    Codec codec;
    Bytes compressed, check;
    // Frees what a large blob has stretched; before the next save() or between two of them.
    void let_go_of_much() noexcept;
  };

  // Stores a blob unless it is known. Any number of threads, each with its worker. Waits while
  // uploads are behind. Throws what an upload failed with.
  [[nodiscard]] SavedBlob save(format::BlobType type, ByteView plain, Worker& worker);
  // The same of the chunks of one run of data, which adjoin each other in memory.
  [[nodiscard]] std::vector<SavedBlob> save_run(std::span<const ByteView> chunks, Worker& worker);
  // The same where the id is known already; `plain` must hash to it.
  [[nodiscard]] SavedBlob save(format::BlobType type, const format::Id& id, ByteView plain,
                               Worker& worker);
  // Stores a blob although it is known (repacking); claimed once by the caller.
  void save_again(const format::BlobHandle& blob, ByteView plain, Worker& worker);

  // Uploads what is open, writes the last index file, joins. Everything saved is then stored and
  // named.
  void finish();
  // Wakes everyone waiting; the next save() throws Errc::cancelled. Uploads under way end, waiting
  // ones are dropped.
  void cancel() noexcept;
  [[nodiscard]] WriterTotals totals() const;
  // Packs written by this run so far (for prune, which must not remove them).
  [[nodiscard]] std::vector<format::IndexedPack> written_packs() const;

 private:
  struct State;
  // Errc::cancelled, or what an upload failed with; Errc::unsupported if it is too large.
  void check_blob(ByteView plain) const;
  template <typename Judge>
  [[nodiscard]] SavedBlob save_checked(const format::BlobHandle& blob, ByteView plain,
                                       Worker& worker, const Judge& judge);
  // Names in an index file what is stored so far and in none yet; open packs stay open. After
  // cancel() or a failure it first waits for the uploads under way: what an interrupted run has
  // stored is then found by the next one.
  void flush_index();
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::repo
