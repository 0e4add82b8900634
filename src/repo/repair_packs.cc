// SPDX-License-Identifier: Apache-2.0
// Reading what is sound, storing it again, and only then removing.
#include "repo/repair_packs.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <unordered_set>

#include "base/crew.h"
#include "base/error.h"
#include "repo/damage.h"
#include "repo/pack_reader.h"
#include "repo/parallel.h"
#include "repo/replacement.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::Id;
using format::IndexedPack;
using format::PackedBlob;
using storage::FileKind;

class PackRepair {
 public:
  PackRepair(Repository& repository, std::vector<Id> packs, Lock* lock, model::Observer& observer,
             std::stop_token stop)
      : repository_(repository),
        packs_(std::move(packs)),
        lock_(lock),
        observer_(observer),
        stop_(std::move(stop)) {
    std::sort(packs_.begin(), packs_.end());
    packs_.erase(std::unique(packs_.begin(), packs_.end()), packs_.end());
  }

  PackRepairReport run(const WriterOptions& options) {
    check_packs();
    save_blobs(options);
    find_lost();
    replace_index();
    remove_packs(repository_, lock_, packs_, "removing damaged packs", observer_, stop_);
    repository_.forget_index();
    report_.packs = packs_.size();
    return std::move(report_);
  }

 private:
  using Handles = std::unordered_set<BlobHandle, format::BlobHandleHash>;

  void check_packs() const;
  void save_blobs(const WriterOptions& options);
  void save_pack(const Id& id, BlobWriter& writer, BlobWriter::Worker& worker);
  [[nodiscard]] std::vector<PackedBlob> blobs_of(const Id& id, Codec& codec) const;
  void find_lost();
  void replace_index();
  [[nodiscard]] bool is_given(const Id& pack) const {
    return std::binary_search(packs_.begin(), packs_.end(), pack);
  }

  Repository& repository_;
  std::vector<Id> packs_;  // sorted
  Lock* const lock_;
  model::Observer& observer_;
  const std::stop_token stop_;
  std::mutex mutex_;  // guards saved_ and failed_ while packs are read
  Handles saved_, failed_;
  PackRepairReport report_;
};

void PackRepair::check_packs() const {
  for (const Id& id : packs_) {
    if (repository_.index().pack_number(id)) continue;
    if (repository_.storage().size_bytes({FileKind::pack, id.hex()})) continue;
    throw Error(Errc::not_found,
                fmt::format("pack {} is neither stored nor in the index", id.hex()))
        .set_hint("`holdfast check --read-data` names the damaged packs.");
  }
}

void PackRepair::save_blobs(const WriterOptions& options) {
  observer_.phase("saving what can be read");
  observer_.files_done = 0;
  observer_.files_total = packs_.size();
  observer_.totals_known = true;
  BlobWriter writer(repository_, options, lock_);
  for_each_parallel(packs_.size(), cores_available(), stop_, [&] {
    const auto worker = std::make_shared<BlobWriter::Worker>(repository_);
    return [&, worker](std::size_t item) {
      save_pack(packs_[item], writer, *worker);
      observer_.files_done.fetch_add(1, std::memory_order_relaxed);
    };
  });
  writer.finish();
  verify_packs(repository_, writer.written_packs(), observer_, stop_);
}

void PackRepair::save_pack(const Id& id, BlobWriter& writer, BlobWriter::Worker& worker) {
  const std::vector<PackedBlob> blobs = blobs_of(id, worker.codec);
  if (blobs.empty())
    observer_.warning(fmt::format("nothing tells which blobs pack {} holds", id.hex()));
  read_pack_blobs(
      repository_, id, blobs, worker.codec,
      [&](const PackedBlob& blob, Bytes& plain) {
        {
          const std::lock_guard lock(mutex_);
          if (!saved_.insert(blob.blob).second) return;
          report_.bytes_saved += plain.size();
        }
        writer.save_again(blob.blob, plain, worker);
      },
      [&](const PackedBlob& blob, const Error&) {
        const std::lock_guard lock(mutex_);
        failed_.insert(blob.blob);
      });
}

// What the index names, and what only the header names.
std::vector<PackedBlob> PackRepair::blobs_of(const Id& id, Codec& codec) const {
  std::vector<PackedBlob> blobs;
  if (const std::optional<IndexedPack> pack = repository_.index().pack(id)) blobs = pack->blobs;
  std::vector<PackedBlob> header;
  try {
    const std::optional<std::uint64_t> size_bytes =
        repository_.storage().size_bytes({FileKind::pack, id.hex()});
    if (!size_bytes) return blobs;
    header = read_pack_header(repository_, id, *size_bytes, codec);
  } catch (const Error& error) {  // the index alone has to do
    if (!is_damage(error)) throw;
    return blobs;
  }
  const auto order = [](const PackedBlob& a, const PackedBlob& b) {
    return std::tie(a.offset_bytes, a.size_bytes, a.plain_size_bytes, a.blob) <
           std::tie(b.offset_bytes, b.size_bytes, b.plain_size_bytes, b.blob);
  };
  std::sort(blobs.begin(), blobs.end(), order);
  std::sort(header.begin(), header.end(), order);
  std::vector<PackedBlob> all;
  std::set_union(blobs.begin(), blobs.end(), header.begin(), header.end(), std::back_inserter(all),
                 order);
  return all;
}

// A blob that could not be read may lie in another pack too; of one in the given packs it has been
// tried.
void PackRepair::find_lost() {
  Codec codec = repository_.codec();
  for (const BlobHandle& blob : failed_) {
    if (saved_.contains(blob)) continue;
    check_stop(stop_);
    try {
      static_cast<void>(repository_.load_blob(blob, codec));
      ++report_.blobs_elsewhere;
    } catch (const Error& error) {  // becomes part of the report
      if (!is_damage(error)) throw;
      report_.lost.push_back(blob);
    }
  }
  std::sort(report_.lost.begin(), report_.lost.end());
  report_.blobs_saved = saved_.size();
}

void PackRepair::replace_index() {
  const std::vector<Id> old_files = repository_.index_files();
  check_stop(stop_);
  observer_.phase("writing new index");
  IndexWriter writer(repository_, lock_);
  repository_.index().for_each_pack([&](std::uint32_t, const IndexedPack& pack) {
    if (!is_given(pack.id)) writer.add(pack);
  });
  writer.finish();
  if (lock_ != nullptr) lock_->confirm();
  remove_index_files(repository_, old_files, observer_, stop_, [&] {
    if (lock_ != nullptr) lock_->check();
  });
}

}  // namespace

PackRepairReport repair_packs(Repository& repository, std::vector<Id> packs,
                              const WriterOptions& options, Lock* lock, model::Observer& observer,
                              std::stop_token stop) {
  return PackRepair(repository, std::move(packs), lock, observer, std::move(stop)).run(options);
}

}  // namespace holdfast::repo
