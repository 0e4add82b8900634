// SPDX-License-Identifier: Apache-2.0
// Counts what each pack holds, then decides pack by pack.
#include "repo/prune_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/units.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::BlobType;
using format::Id;
using storage::FileKind;

constexpr std::uint64_t no_size = std::numeric_limits<std::uint64_t>::max();
// Below this many, packing small packs anew is not worth it; it would also never end.
constexpr std::size_t small_packs_min = 10;
// The smallest size that packs may aim at.
constexpr std::uint64_t pack_bytes_min = std::uint64_t{4} << 20U;

enum class Content : std::uint8_t { nothing, data, tree, mixed };

struct PackSums {
  Id id;
  std::uint64_t file_bytes = no_size;
  std::uint64_t used_bytes = 0;  // with the header
  std::uint64_t unused_bytes = 0;
  std::uint32_t used_blobs = 0;
  std::uint32_t unused_blobs = 0;
  std::uint32_t duplicate_blobs = 0;  // among the unused ones while copies are chosen
  Content content = Content::nothing;
  bool is_uncompressed = false;  // holds an uncompressed blob
  bool must_compress = false;
  bool is_whole = false;  // stored, with the size that its blobs make

  [[nodiscard]] std::uint64_t sum_bytes() const noexcept { return used_bytes + unused_bytes; }
};

class Planner {
 public:
  Planner(Repository& repository, const PruneOptions& options, const BlobSet& used)
      : repository_(repository), index_(repository.index()), options_(options), used_(used) {}

  PrunePlan plan() {
    packs_.resize(index_.pack_number_end());
    plan_.gone.assign(packs_.size(), false);
    list_packs();
    count_copies();
    sum_packs();
    choose_copies();
    small_bytes_ = options_.repack_smaller_than_bytes.value_or(usual_small_bytes());
    for (std::uint32_t number = 0; number < packs_.size(); ++number) decide(number);
    take_candidates();
    find_wanted();
    plan_.index_repeats_packs = index_.duplicate_count() != 0;
    finish_report();
    return std::move(plan_);
  }

 private:
  [[nodiscard]] bool counts(std::uint32_t pack_number, std::uint32_t blob_number) const;
  void count_copies();
  void sum_packs();
  void choose_copies();
  void list_packs();
  [[nodiscard]] std::uint64_t usual_small_bytes() const;
  void count_pack(const PackSums& pack);
  void decide(std::uint32_t number);
  void check_needed(const PackSums& pack) const;
  void take_candidates();
  void repack(std::uint32_t number);
  void find_wanted();
  void finish_report();
  [[nodiscard]] std::uint64_t unused_bytes_max() const noexcept;

  Repository& repository_;
  BlobIndex& index_;
  const PruneOptions& options_;
  const BlobSet& used_;
  std::uint64_t small_bytes_ = 0;
  PrunePlan plan_;
  std::vector<PackSums> packs_;  // by number
  // By blob number, of used blobs: how many copies there are, at most 255. While copies are chosen:
  // how many are left to choose from; 0 is the last one, 1 is a blob that has its copy.
  std::vector<std::uint8_t> copies_;
  bool has_duplicates_ = false;
  BlobSet stored_{0};  // by blob number: those with a copy in a whole pack
  std::vector<std::uint32_t> candidates_;
  std::vector<std::uint32_t> small_candidates_;
};

// Whether this copy of a blob is one to choose from: one in a pack that is missing or cut short is
// none if there is a better one, as a backup stores it anew.
bool Planner::counts(std::uint32_t pack_number, std::uint32_t blob_number) const {
  return packs_[pack_number].is_whole || !stored_.contains(blob_number);
}

void Planner::count_copies() {
  bool is_any_broken = false;
  index_.for_each_pack([&](std::uint32_t pack_number, const format::IndexedPack& pack) {
    PackSums& sums = packs_[pack_number];
    sums.is_whole = sums.file_bytes == format::pack_file_bytes(pack.blobs);
    if (!sums.is_whole) is_any_broken = true;
  });
  copies_.assign(index_.blob_number_end(), 0);
  stored_ = BlobSet(index_.blob_number_end());
  if (is_any_broken) {
    index_.for_each([&](const BlobHandle& blob, const BlobPlace&, std::uint32_t pack_number) {
      if (packs_[pack_number].is_whole) stored_.insert(*index_.blob_number(blob));
    });
  }
  index_.for_each([&](const BlobHandle& blob, const BlobPlace&, std::uint32_t pack_number) {
    const std::uint32_t number = *index_.blob_number(blob);
    if (!used_.contains(number) || !counts(pack_number, number)) return;
    if (copies_[number] < 255) ++copies_[number];
  });
}

void Planner::sum_packs() {
  PruneReport& report = plan_.report;
  index_.for_each_pack([&](std::uint32_t pack_number, const format::IndexedPack& pack) {
    PackSums& sums = packs_[pack_number];
    sums.id = pack.id;
    sums.used_bytes = format::pack_file_bytes(pack.blobs);
    for (const format::PackedBlob& blob : pack.blobs) {
      sums.used_bytes -=
          std::min<std::uint64_t>(sums.used_bytes, blob.size_bytes);  // leaves the header
    }
    for (const format::PackedBlob& blob : pack.blobs) {
      const Content content = blob.blob.type == BlobType::data ? Content::data : Content::tree;
      sums.content =
          sums.content == Content::nothing || sums.content == content ? content : Content::mixed;
      if (blob.plain_size_bytes == 0) sums.is_uncompressed = true;
      const std::uint32_t number = *index_.blob_number(blob.blob);
      const std::uint8_t copies = counts(pack_number, number) ? copies_[number] : 0;
      if (copies == 1) {
        sums.used_bytes += blob.size_bytes;
        ++sums.used_blobs;
        report.bytes_used += blob.size_bytes;
        ++report.blobs_used;
        continue;
      }
      sums.unused_bytes += blob.size_bytes;
      ++sums.unused_blobs;
      if (copies >= 2) {  // one copy of it will be counted as used
        has_duplicates_ = true;
        ++sums.duplicate_blobs;
        report.bytes_duplicate += blob.size_bytes;
        ++report.blobs_duplicate;
      } else {
        report.bytes_unused += blob.size_bytes;
        ++report.blobs_unused;
      }
    }
  });
}

// Of a blob with several copies one stays: rather in a pack that is needed anyway, or in one of
// nothing but copies, as an interrupted prune leaves it; else the last.
void Planner::choose_copies() {
  if (!has_duplicates_) return;
  PruneReport& report = plan_.report;
  index_.for_each([&](const BlobHandle& blob, const BlobPlace& place, std::uint32_t pack_number) {
    const std::uint32_t number = *index_.blob_number(blob);
    std::uint8_t& copies = copies_[number];
    if (!used_.contains(number) || copies == 1 || !counts(pack_number, number)) return;
    PackSums& sums = packs_[pack_number];
    if (sums.used_blobs > 0 || sums.duplicate_blobs == sums.unused_blobs || copies == 0) {
      sums.used_bytes += place.size_bytes;
      ++sums.used_blobs;
      sums.unused_bytes -= place.size_bytes;
      --sums.unused_blobs;
      report.bytes_used += place.size_bytes;
      ++report.blobs_used;
      report.bytes_duplicate -= place.size_bytes;
      --report.blobs_duplicate;
      copies = 1;
    } else {
      copies = copies == 2 ? 0 : static_cast<std::uint8_t>(copies - 1);
    }
  });
}

void Planner::list_packs() {
  repository_.storage().list(FileKind::pack, [&](const storage::FoundFile& found) {
    const std::optional<Id> id = format::parse_id(found.file.name);
    if (!id) return;
    if (const std::optional<std::uint32_t> number = index_.pack_number(*id)) {
      packs_[*number].file_bytes = found.size_bytes;
      return;
    }
    plan_.unreferenced.push_back(*id);
    plan_.report.bytes_unreferenced += found.size_bytes;
  });
}

void Planner::check_needed(const PackSums& pack) const {
  if (pack.file_bytes == no_size) {
    throw Error(
        Errc::corrupt,
        fmt::format("pack {} is needed and is not there; nothing was removed", pack.id.hex()))
        .set_hint("Run `holdfast check` to see what else is missing.");
  }
  if (pack.file_bytes != pack.sum_bytes()) {
    throw Error(
        Errc::corrupt,
        fmt::format(
            "pack {} is needed and has {} bytes, by the index it must have {}; nothing was removed",
            pack.id.hex(), pack.file_bytes, pack.sum_bytes()))
        .set_hint("Run `holdfast check --read-data` to see what is damaged.");
  }
}

// Four fifths of what all but the smallest few packs have: where packs have their size there is
// nothing to pack anew, whatever that size is.
std::uint64_t Planner::usual_small_bytes() const {
  std::vector<std::uint64_t> sizes;
  for (const PackSums& pack : packs_) {
    if (!pack.id.is_null()) sizes.push_back(pack.sum_bytes());
  }
  if (sizes.empty()) return 0;
  const auto third = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() * 3 / 100);
  std::nth_element(sizes.begin(), third, sizes.end());
  return std::max(pack_bytes_min, *third) * 4 / 5;
}

void Planner::count_pack(const PackSums& pack) {
  PruneReport& report = plan_.report;
  if (pack.used_blobs == 0) {
    ++report.packs_unused;
  } else if (pack.unused_blobs == 0) {
    ++report.packs_used;
  } else {
    ++report.packs_partly_used;
  }
  if (pack.is_uncompressed && repository_.config().version >= 2)
    report.bytes_uncompressed += pack.sum_bytes();
}

void Planner::decide(std::uint32_t number) {
  PackSums& pack = packs_[number];
  if (pack.content == Content::nothing && pack.id.is_null())
    return;  // a second version of a pack: counted with it
  PruneReport& report = plan_.report;
  if (pack.used_blobs != 0) check_needed(pack);
  if (pack.file_bytes != no_size) count_pack(pack);
  if (pack.used_blobs == 0) {
    // One that is missing is only dropped from the index.
    plan_.gone[number] = true;
    if (pack.file_bytes != no_size) plan_.unused.push_back(pack.id);
    report.blobs_removed += pack.unused_blobs;
    report.bytes_removed += pack.unused_bytes;
    return;
  }
  const bool is_v2 = repository_.config().version >= 2;
  pack.must_compress = is_v2 && pack.is_uncompressed &&
                       (pack.content == Content::tree || options_.repack_uncompressed);
  if (options_.repack_cacheable_only && pack.content == Content::data) {
    ++report.packs_kept;
  } else if (pack.unused_blobs != 0 || pack.content == Content::mixed || pack.must_compress) {
    candidates_.push_back(number);
  } else if (pack.file_bytes >= small_bytes_) {
    ++report.packs_kept;
  } else {
    small_candidates_.push_back(number);
  }
}

std::uint64_t Planner::unused_bytes_max() const noexcept {
  using Kind = PruneOptions::MaxUnused::Kind;
  if (options_.unsafe_recover_no_free_space) return no_size;
  switch (options_.max_unused.kind) {
    case Kind::unlimited:
      break;
    case Kind::bytes:
      return options_.max_unused.size_bytes;
    case Kind::percent: {
      const double share = options_.max_unused.percent / (100 - options_.max_unused.percent);
      return static_cast<std::uint64_t>(share * static_cast<double>(plan_.report.bytes_used));
    }
  }
  return no_size;
}

void Planner::repack(std::uint32_t number) {
  const PackSums& pack = packs_[number];
  PruneReport& report = plan_.report;
  plan_.gone[number] = true;
  plan_.repack.push_back(pack.id);
  report.blobs_repacked += pack.unused_blobs + pack.used_blobs;
  report.bytes_repacked += pack.sum_bytes();
  report.blobs_repack_removed += pack.unused_blobs;
  report.bytes_repack_removed += pack.unused_bytes;
  if (pack.is_uncompressed && repository_.config().version >= 2)
    report.bytes_uncompressed -= pack.sum_bytes();
}

// Trees and small packs first, then those with the most to gain, until little enough is unused.
void Planner::take_candidates() {
  PruneReport& report = plan_.report;
  if (small_candidates_.size() < small_packs_min) {
    report.packs_kept += small_candidates_.size();
  } else {
    candidates_.insert(candidates_.end(), small_candidates_.begin(), small_candidates_.end());
  }
  const auto is_small = [&](const PackSums& pack) { return pack.sum_bytes() < small_bytes_; };
  std::stable_sort(candidates_.begin(), candidates_.end(), [&](std::uint32_t a, std::uint32_t b) {
    const PackSums& one = packs_[a];
    const PackSums& other = packs_[b];
    const bool one_is_data = one.content == Content::data;
    if (one_is_data != (other.content == Content::data)) return !one_is_data;
    if (is_small(one) != is_small(other)) return is_small(one);
    return static_cast<double>(one.unused_bytes) * static_cast<double>(other.used_bytes) >
           static_cast<double>(other.unused_bytes) * static_cast<double>(one.used_bytes);
  });
  const std::uint64_t repack_max =
      options_.unsafe_recover_no_free_space ? 0 : options_.repack_bytes_max.value_or(no_size);
  const std::uint64_t unused_max = unused_bytes_max();
  for (const std::uint32_t number : candidates_) {
    const PackSums& pack = packs_[number];
    const std::uint64_t unused_after = report.bytes_duplicate + report.bytes_unused -
                                       report.bytes_removed - report.bytes_repack_removed;
    const bool must = pack.content != Content::data || pack.must_compress;
    const bool is_enough = unused_after < unused_max && !is_small(pack);
    if (report.bytes_repacked + pack.sum_bytes() >= repack_max || (!must && is_enough)) {
      ++report.packs_kept;
    } else {
      repack(number);
    }
  }
}

// Needed blobs that no pack which stays holds.
void Planner::find_wanted() {
  plan_.wanted = BlobSet(index_.blob_number_end());
  if (plan_.repack.empty()) return;
  BlobSet stays(index_.blob_number_end());
  index_.for_each([&](const BlobHandle& blob, const BlobPlace&, std::uint32_t pack_number) {
    if (!plan_.gone[pack_number]) stays.insert(*index_.blob_number(blob));
  });
  index_.for_each([&](const BlobHandle& blob, const BlobPlace&, std::uint32_t) {
    const std::uint32_t number = *index_.blob_number(blob);
    if (used_.contains(number) && !stays.contains(number)) plan_.wanted.insert(number);
  });
}

void Planner::finish_report() {
  PruneReport& report = plan_.report;
  report.packs_unreferenced = plan_.unreferenced.size();
  report.packs_removed = plan_.unused.size();
  report.packs_repacked = plan_.repack.size();
  report.blobs_remaining = report.blobs_used + report.blobs_unused + report.blobs_duplicate -
                           report.blobs_removed - report.blobs_repack_removed;
  report.bytes_remaining = report.bytes_used + report.bytes_unused + report.bytes_duplicate -
                           report.bytes_removed - report.bytes_repack_removed;
}

}  // namespace

bool PrunePlan::changes_index() const noexcept {
  return index_repeats_packs || std::ranges::find(gone, true) != gone.end();
}

PrunePlan plan_prune(Repository& repository, const PruneOptions& options, const BlobSet& used) {
  if (repository.config().version < 2 && options.repack_uncompressed) {
    throw Error(
        Errc::usage,
        "a repository of version 1 cannot compress; --repack-uncompressed is for version 2");
  }
  if (options.repack_smaller_than_bytes.value_or(0) > options.pack_size_bytes) {
    throw Error(Errc::usage, fmt::format("packs aim at {}, and cannot all be made larger than {}",
                                         format_bytes(options.pack_size_bytes),
                                         format_bytes(*options.repack_smaller_than_bytes)))
        .set_hint("Give --repack-smaller-than a smaller size, or --pack-size a larger one.");
  }
  return Planner(repository, options, used).plan();
}

}  // namespace holdfast::repo
