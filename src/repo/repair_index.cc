// SPDX-License-Identifier: Apache-2.0
// Compares index and packs, asks the headers where they differ, then replaces the index files.
#include "repo/repair_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "base/crew.h"
#include "base/error.h"
#include "repo/damage.h"
#include "repo/pack_check.h"
#include "repo/pack_reader.h"
#include "repo/parallel.h"
#include "repo/replacement.h"

namespace holdfast::repo {
namespace {

using format::Id;
using format::IndexedPack;
using format::PackedBlob;
using storage::FileKind;

class IndexRepair {
 public:
  IndexRepair(Repository& repository, const IndexRepairOptions& options, const Lock* lock,
              model::Observer& observer, std::stop_token stop)
      : repository_(repository),
        options_(options),
        lock_(lock),
        observer_(observer),
        stop_(std::move(stop)) {}

  IndexRepairReport run() {
    repository_.storage().distrust_copies();
    load_index();
    compare_packs();
    read_headers();
    if (report_.changed()) replace_index();
    repository_.forget_index();
    std::sort(report_.damaged_index_files.begin(), report_.damaged_index_files.end());
    std::sort(report_.damaged_packs.begin(), report_.damaged_packs.end());
    return std::move(report_);
  }

 private:
  struct StoredPack {
    Id id;
    std::uint64_t file_bytes = 0;
  };

  void load_index();
  void compare_packs();
  void read_headers();
  [[nodiscard]] std::optional<std::vector<PackedBlob>> read_header(const StoredPack& pack,
                                                                   Codec& codec) const;
  void take_header(const StoredPack& pack, std::optional<std::vector<PackedBlob>> header);
  void replace_index();

  Repository& repository_;
  const IndexRepairOptions& options_;
  const Lock* const lock_;
  model::Observer& observer_;
  const std::stop_token stop_;
  std::set<Id> conflicts_;   // packs that index files describe differently
  std::vector<bool> stays_;  // by pack number: named again as the index names it
  std::vector<StoredPack> to_read_;
  std::mutex mutex_;                    // guards all below while headers are read
  std::vector<IndexedPack> by_header_;  // in place of what the index says, or new
  IndexRepairReport report_;
};

void IndexRepair::load_index() {
  repository_.load_index(
      observer_, stop_,
      [&](const Id& id, const Error& error) {
        observer_.warning(
            fmt::format("index {} is damaged and will be replaced: {}", id.hex(), error.message()));
        report_.damaged_index_files.push_back(id);
      },
      [&](const IndexedPack& pack, BlobIndex::Added added) {
        if (added == BlobIndex::Added::conflict) conflicts_.insert(pack.id);
      });
  report_.packs_repeated = repository_.index().duplicate_count();
}

// After the index files, whose packs were stored before them.
void IndexRepair::compare_packs() {
  observer_.phase("comparing index and packs");
  BlobIndex& index = repository_.index();
  stays_.assign(index.pack_number_end(), false);
  std::vector<bool> is_stored(stays_.size(), false);
  repository_.storage().list(FileKind::pack, [&](const storage::FoundFile& found) {
    const std::optional<Id> id = format::parse_id(found.file.name);
    if (!id) return;
    const std::optional<std::uint32_t> number = index.pack_number(*id);
    if (number) {
      is_stored[*number] = true;
      const IndexedPack pack = *index.pack(*id);
      const bool fits = format::pack_file_bytes(pack.blobs) == found.size_bytes &&
                        layout_faults(pack).empty() && !conflicts_.contains(*id);
      stays_[*number] = fits;
      if (fits && !options_.read_all_packs) return;
    }
    to_read_.push_back({*id, found.size_bytes});
  });
  for (const Id& id : index.pack_ids()) {
    if (is_stored[*index.pack_number(id)]) continue;
    observer_.warning(fmt::format("pack {} is not stored; the index forgets it", id.hex()));
    ++report_.packs_dropped;
  }
}

void IndexRepair::read_headers() {
  observer_.phase("reading pack headers");
  observer_.files_done = 0;
  observer_.files_total = to_read_.size();
  observer_.totals_known = true;
  const unsigned threads = std::max(cores_available(), repository_.storage().connections_max());
  for_each_parallel(to_read_.size(), threads, stop_, [&] {
    const auto codec = std::make_shared<Codec>(repository_.codec());
    return [&, codec](std::size_t item) {
      take_header(to_read_[item], read_header(to_read_[item], *codec));
      observer_.files_done.fetch_add(1, std::memory_order_relaxed);
    };
  });
}

// Nothing if it cannot be read, also not a second time: the fault may have been on the way.
std::optional<std::vector<PackedBlob>> IndexRepair::read_header(const StoredPack& pack,
                                                                Codec& codec) const {
  for (const bool is_last : {false, true}) {
    try {
      return read_pack_header(repository_, pack.id, pack.file_bytes, codec);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      if (is_last) observer_.warning(error.message());
    }
  }
  return std::nullopt;
}

void IndexRepair::take_header(const StoredPack& pack,
                              std::optional<std::vector<PackedBlob>> header) {
  const std::optional<IndexedPack> indexed = repository_.index().pack(pack.id);
  const std::lock_guard lock(mutex_);
  if (!header) {
    if (!indexed) {
      observer_.warning(fmt::format(
          "pack {} is in no index and cannot be read; the next prune removes it", pack.id.hex()));
      ++report_.packs_ignored;
      return;
    }
    stays_[*repository_.index().pack_number(pack.id)] = true;
    report_.damaged_packs.push_back(pack.id);
    return;
  }
  if (!indexed) {
    ++report_.packs_added;
  } else if (const std::uint32_t number = *repository_.index().pack_number(pack.id);
             indexed->blobs == *header && !conflicts_.contains(pack.id)) {
    stays_[number] = true;
    return;
  } else {
    stays_[number] = false;
    ++report_.packs_corrected;
  }
  by_header_.push_back({pack.id, std::move(*header)});
}

void IndexRepair::replace_index() {
  std::vector<Id> old_files = repository_.index_files();
  // A damaged index file may be all that tells what packs hold whose headers are damaged too.
  if (report_.packs_ignored != 0) {
    std::erase_if(old_files, [&](const Id& id) {
      return std::ranges::find(report_.damaged_index_files, id) !=
             report_.damaged_index_files.end();
    });
  }
  check_stop(stop_);
  observer_.phase("writing new index");
  IndexWriter writer(repository_, lock_);
  repository_.index().for_each_pack([&](std::uint32_t number, const IndexedPack& pack) {
    if (stays_[number]) writer.add(pack);
  });
  std::sort(by_header_.begin(), by_header_.end(),
            [](const IndexedPack& a, const IndexedPack& b) { return a.id < b.id; });
  for (const IndexedPack& pack : by_header_) writer.add(pack);
  writer.finish();
  report_.index_files_written = writer.files_written();
  if (lock_ != nullptr) lock_->confirm();
  remove_index_files(repository_, old_files, observer_, stop_, [&] {
    if (lock_ != nullptr) lock_->check();
  });
  report_.index_files_removed = old_files.size();
}

}  // namespace

IndexRepairReport repair_index(Repository& repository, const IndexRepairOptions& options,
                               const Lock* lock, model::Observer& observer, std::stop_token stop) {
  return IndexRepair(repository, options, lock, observer, std::move(stop)).run();
}

}  // namespace holdfast::repo
