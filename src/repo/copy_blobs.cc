// SPDX-License-Identifier: Apache-2.0
#include "repo/copy_blobs.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "base/crew.h"
#include "base/error.h"
#include "repo/damage.h"
#include "repo/pack_reader.h"
#include "repo/parallel.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::Id;
using format::IndexedPack;
using format::PackedBlob;

class Copying {
 public:
  Copying(Repository& source, const BlobSet& wanted, Repository& target, BlobWriter& writer,
          model::Observer& observer)
      : source_(source),
        wanted_(wanted),
        target_(target),
        writer_(writer),
        observer_(observer),
        taken_(source.index().blob_number_end()),
        lost_(source.index().blob_number_end()) {}

  // The packs that hold something to copy; tells the observer how much there is.
  [[nodiscard]] std::vector<Id> choose_packs() {
    std::vector<Id> packs;
    std::uint64_t sum_bytes = 0;
    BlobSet counted(source_.index().blob_number_end());
    source_.index().for_each_pack([&](std::uint32_t, const IndexedPack& pack) {
      std::uint64_t pack_bytes = 0;
      for (const PackedBlob& blob : pack.blobs) {
        const std::uint32_t number = *source_.index().blob_number(blob.blob);
        if (is_to_copy(number, blob.blob) && counted.insert(number)) pack_bytes += blob.size_bytes;
      }
      if (pack_bytes == 0) return;
      packs.push_back(pack.id);
      sum_bytes += pack_bytes;
    });
    observer_.bytes_total.fetch_add(sum_bytes, std::memory_order_relaxed);
    observer_.totals_known = true;
    return packs;
  }

  void copy_pack(const Id& id, Codec& reading, BlobWriter::Worker& worker) {
    std::vector<PackedBlob> blobs;
    const IndexedPack pack = *source_.index().pack(id);
    for (const PackedBlob& blob : pack.blobs) {
      const std::uint32_t number = *source_.index().blob_number(blob.blob);
      if (is_to_copy(number, blob.blob) && taken_.insert(number)) blobs.push_back(blob);
    }
    const auto store = [&](const PackedBlob& blob, ByteView plain) {
      static_cast<void>(writer_.save(blob.blob.type, blob.blob.id, plain, worker));
      observer_.bytes_done.fetch_add(blob.size_bytes, std::memory_order_relaxed);
    };
    read_pack_blobs(
        source_, id, blobs, reading,
        [&](const PackedBlob& blob, Bytes& plain) { store(blob, plain); },
        [&](const PackedBlob& blob, const Error&) {
          if (const auto plain = load_elsewhere(blob.blob, reading)) store(blob, *plain);
        });
  }

  [[nodiscard]] BlobSet take_lost() noexcept { return std::move(lost_); }

 private:
  [[nodiscard]] bool is_to_copy(std::uint32_t number, const BlobHandle& blob) const {
    return wanted_.contains(number) && !target_.index().has(blob);
  }

  [[nodiscard]] std::optional<Bytes> load_elsewhere(const BlobHandle& blob, Codec& reading) {
    try {
      return source_.load_blob(blob, reading);
    } catch (const Error& error) {  // becomes a warning
      if (!is_damage(error)) throw;
      observer_.warning(fmt::format("{} blob {} cannot be copied: {}",
                                    format::blob_type_name(blob.type), blob.id.hex(),
                                    error.message()));
      static_cast<void>(lost_.insert(*source_.index().blob_number(blob)));
      return std::nullopt;
    }
  }

  Repository& source_;
  const BlobSet& wanted_;
  Repository& target_;
  BlobWriter& writer_;
  model::Observer& observer_;
  BlobSet taken_;  // each blob is copied from the first of its packs that is reached
  BlobSet lost_;
};

}  // namespace

BlobSet copy_blobs(Repository& source, const BlobSet& wanted, Repository& target,
                   BlobWriter& writer, model::Observer& observer, std::stop_token stop) {
  observer.phase("copying blobs");
  Copying copying(source, wanted, target, writer, observer);
  const std::vector<Id> packs = copying.choose_packs();
  for_each_parallel(packs.size(), cores_available(), std::move(stop), [&] {
    const auto reading = std::make_shared<Codec>(source.codec());
    const auto worker = std::make_shared<BlobWriter::Worker>(target);
    return [&, reading, worker](std::size_t item) {
      copying.copy_pack(packs[item], *reading, *worker);
    };
  });
  return copying.take_lost();
}

}  // namespace holdfast::repo
