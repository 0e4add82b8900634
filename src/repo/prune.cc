// SPDX-License-Identifier: Apache-2.0
// The order that keeps every snapshot whole at every moment: pack anew, prove it, write the new
// index, prove it, remove the old index, remove packs.
#include "repo/prune.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <functional>
#include <memory>
#include <optional>

#include "base/crew.h"
#include "base/error.h"
#include "base/units.h"
#include "repo/blob_writer.h"
#include "repo/pack_reader.h"
#include "repo/parallel.h"
#include "repo/prune_plan.h"
#include "repo/replacement.h"
#include "repo/used_blobs.h"
#include "storage/pacing.h"

namespace holdfast::repo {
namespace {

using format::Id;
using format::IndexedPack;
using format::PackedBlob;
using storage::FileKind;

class Prune {
 public:
  Prune(Repository& repository, const PruneOptions& options, Lock* lock, model::Observer& observer,
        std::stop_token stop)
      : repository_(repository),
        options_(options),
        lock_(lock),
        observer_(observer),
        stop_(std::move(stop)) {}

  [[nodiscard]] std::vector<Id> roots(const std::vector<Id>& ignore);
  [[nodiscard]] BlobSet used_blobs(const std::vector<Id>& roots);
  void remove_leftovers(PruneReport& report);
  void execute(const PrunePlan& plan);

 private:
  void check_lock() const {
    if (lock_ != nullptr) lock_->check();
  }
  // Throws Errc::locked if the lock was lost, or if there are snapshots or index files that were
  // not looked at: not every program takes locks, and some sleep until theirs is stale. Called
  // before each kind of removal; `what_is_left` says what its failure leaves.
  void check_alone(std::string_view what_is_left);
  void repack(const PrunePlan& plan);
  void repack_pack(const Id& id, const PrunePlan& plan, BlobWriter& writer,
                   BlobWriter::Worker& worker, BlobSet& taken);
  // Names the packs that stay, but for those that `is_gone`.
  using IsGone = std::function<bool(const Id& pack)>;
  void save_index(const PrunePlan& plan, const Lock* lock, const IsGone& is_gone = {});
  // For a disk without room for the new index: removes the old one and packs, then writes the new
  // one, whatever happens in between.
  void remove_before_saving(const PrunePlan& plan, const std::vector<Id>& packs);
  // Without a lock, and although a stop may have been requested: without any index nothing could be
  // read. Names only packs that are there, as others may have removed some once the lock was lost.
  void save_last_index(const PrunePlan& plan);
  void remove_index(const std::vector<Id>& ids);
  void remove(const std::vector<Id>& packs, std::string_view phase);

  Repository& repository_;
  const PruneOptions& options_;
  Lock* const lock_;
  model::Observer& observer_;
  const std::stop_token stop_;
  std::vector<Id> snapshots_;                  // all that were there; sorted
  std::atomic<bool> index_is_touched_{false};  // an index file was, or may have been, removed
};

std::vector<Id> Prune::roots(const std::vector<Id>& ignore) {
  std::vector<Id> roots;
  Codec codec = repository_.codec();
  snapshots_ = repository_.list(FileKind::snapshot);
  for (const Id& id : snapshots_) {
    if (std::ranges::find(ignore, id) != ignore.end()) continue;
    check_stop(stop_);
    const Bytes json = repository_.load_unpacked(FileKind::snapshot, id, codec);
    roots.push_back(in_context(fmt::format("reading snapshot {}", id.hex()),
                               [&] { return format::parse_snapshot_file(as_text(json)).tree; }));
  }
  return roots;
}

BlobSet Prune::used_blobs(const std::vector<Id>& roots) {
  observer_.phase("finding used blobs");
  std::uint64_t problems = 0;
  std::optional<TreeProblem> first;
  BlobSet used = find_used_blobs(
      repository_, roots,
      [&](const TreeProblem& problem) {
        if (problem.kind == TreeProblem::Kind::inconsistent) return;  // nothing is missing
        if (problems++ == 0) first = problem;
      },
      observer_, stop_);
  if (problems != 0) {
    throw Error(Errc::corrupt,
                fmt::format("{} trees or files are damaged, first {}: {}; nothing was removed",
                            problems, first->path, first->message))
        .set_hint("Run `holdfast check` to see all of them.");
  }
  return used;
}

void Prune::check_alone(std::string_view what_is_left) {
  if (lock_ != nullptr) lock_->confirm();
  const auto check_kind = [&](FileKind kind, const std::vector<Id>& known) {
    for (const Id& id : repository_.list(kind)) {
      if (std::binary_search(known.begin(), known.end(), id)) continue;
      throw Error(Errc::locked, fmt::format("another program has written {} {} meanwhile; {}",
                                            storage::file_kind_name(kind), id.hex(), what_is_left))
          .set_hint("Run it again while nothing else uses the repository.");
    }
  };
  // An index file of another names packs that are in none of ours.
  std::vector<Id> index_files = repository_.index_files();
  std::sort(index_files.begin(), index_files.end());
  check_kind(FileKind::index, index_files);
  check_kind(FileKind::snapshot, snapshots_);
}

void Prune::remove_leftovers(PruneReport& report) {
  if (!options_.dry_run) check_lock();
  const storage::Leftovers leftovers =
      repository_.storage().remove_leftovers(leftover_age_min, options_.dry_run);
  report.leftover_files = leftovers.files;
  report.leftover_bytes = leftovers.size_bytes;
  if (leftovers.kept == 0) return;
  observer_.warning(
      fmt::format("{} temporary files of interrupted writes could not be removed", leftovers.kept));
}

void Prune::execute(const PrunePlan& plan) {
  constexpr std::string_view nothing_removed = "nothing that is in use was removed";
  repository_.storage().distrust_copies();  // what is read back comes from the storage itself
  check_alone(nothing_removed);
  // Safe as long as nobody else writes: no index names them.
  remove(plan.unreferenced, "removing unreferenced packs");
  if (!plan.repack.empty()) repack(plan);
  if (!plan.changes_index()) return;

  const std::vector<Id> old_index = repository_.index_files();
  std::vector<Id> packs = plan.unused;
  packs.insert(packs.end(), plan.repack.begin(), plan.repack.end());
  if (options_.unsafe_recover_no_free_space) {
    // There is no room for the new index before the old one and the packs are gone. If this process
    // is killed, the index must be made anew from the packs.
    check_alone(nothing_removed);
    remove_before_saving(plan, packs);
  } else {
    check_stop(stop_);
    check_lock();
    save_index(plan, lock_);
    check_alone(nothing_removed);
    remove_index(old_index);
    // Whoever came while the old index was there may count on what only it named.
    check_alone(
        "no pack in use was removed, and an index made anew from the packs (`holdfast repair "
        "index`) "
        "names them all");
    remove(packs, "removing unused packs");
  }
}

void Prune::repack(const PrunePlan& plan) {
  observer_.phase("repacking");
  observer_.bytes_done = 0;
  observer_.bytes_total = plan.report.bytes_repacked;
  observer_.totals_known = true;
  BlobSet taken(repository_.index().blob_number_end());
  WriterOptions writer_options;
  writer_options.pack_size_bytes = options_.pack_size_bytes;
  BlobWriter writer(repository_, writer_options, lock_);
  for_each_parallel(plan.repack.size(), cores_available(), stop_, [&] {
    const auto worker = std::make_shared<BlobWriter::Worker>(repository_);
    return [&, worker](std::size_t item) {
      repack_pack(plan.repack[item], plan, writer, *worker, taken);
    };
  });
  writer.finish();
  // Every wanted blob lies in one of the packs that were read; if one was not met, the plan was
  // wrong.
  check_rule(taken.count() == plan.wanted.count(),
             "every needed blob of a pack to be removed was packed anew");
  // What replaces packs that will be removed is read back first.
  verify_packs(repository_, writer.written_packs(), observer_, stop_);
}

void Prune::repack_pack(const Id& id, const PrunePlan& plan, BlobWriter& writer,
                        BlobWriter::Worker& worker, BlobSet& taken) {
  const std::optional<IndexedPack> pack = repository_.index().pack(id);
  check_rule(pack.has_value(), "a pack to be packed anew is in the index");
  std::vector<PackedBlob> blobs;
  for (const PackedBlob& blob : pack->blobs) {
    const std::uint32_t number = *repository_.index().blob_number(blob.blob);
    if (plan.wanted.contains(number) && taken.insert(number)) blobs.push_back(blob);
  }
  read_pack_blobs(
      repository_, id, blobs, worker.codec,
      [&](const PackedBlob& blob, Bytes& plain) { writer.save_again(blob.blob, plain, worker); },
      [&](const PackedBlob& blob, const Error&) {
        // Another copy may be sound; if none is, nothing may be removed.
        const Bytes plain = repository_.load_blob(blob.blob, worker.codec);
        writer.save_again(blob.blob, plain, worker);
      });
  std::uint64_t size_bytes = 0;
  for (const PackedBlob& blob : pack->blobs) size_bytes += blob.size_bytes;
  observer_.bytes_done.fetch_add(size_bytes, std::memory_order_relaxed);
}

void Prune::remove_before_saving(const PrunePlan& plan, const std::vector<Id>& packs) {
  try {
    remove_index(repository_.index_files());
    remove(packs, "removing unused packs");
  } catch (const Error& error) {  // lost the lock, or interrupted: the rest needs an index too
    if (!index_is_touched_) throw;
    observer_.warning(fmt::format("{}; the new index is written all the same", error.message()));
    try {
      save_last_index(plan);
    } catch (const Error& failure) {  // the first error tells more
      observer_.warning(
          fmt::format("the new index could not be written: {}; `holdfast repair index` makes one "
                      "from the packs",
                      failure.message()));
    }
    throw;
  }
  save_last_index(plan);
}

void Prune::save_last_index(const PrunePlan& plan) {
  const storage::LastingPauses lasting;
  std::vector<Id> there = repository_.list(FileKind::pack);
  std::sort(there.begin(), there.end());
  std::uint64_t gone = 0;
  save_index(plan, nullptr, [&](const Id& pack) {
    const bool is_gone = !std::binary_search(there.begin(), there.end(), pack);
    gone += is_gone ? 1U : 0U;
    return is_gone;
  });
  if (gone == 0) return;
  observer_.warning(fmt::format(
      "packs removed by another program meanwhile, which the new index does not name: {}", gone));
}

void Prune::save_index(const PrunePlan& plan, const Lock* lock, const IsGone& is_gone) {
  observer_.phase("writing new index");
  IndexWriter writer(repository_, lock);
  repository_.index().for_each_pack([&](std::uint32_t number, const IndexedPack& pack) {
    if (number < plan.gone.size() && plan.gone[number]) return;
    if (is_gone && is_gone(pack.id)) return;
    writer.add(pack);
  });
  writer.finish();
}

void Prune::remove_index(const std::vector<Id>& ids) {
  remove_index_files(repository_, ids, observer_, stop_, [&] {
    check_lock();
    index_is_touched_ = true;
  });
}

void Prune::remove(const std::vector<Id>& packs, std::string_view phase) {
  remove_packs(repository_, lock_, packs, phase, observer_, stop_);
}

}  // namespace

PruneOptions::MaxUnused parse_max_unused(std::string_view text) {
  using Kind = PruneOptions::MaxUnused::Kind;
  if (text == "unlimited") return {Kind::unlimited, 0, 0};
  if (!text.ends_with('%')) return {Kind::bytes, 0, parse_size_bytes(text)};
  double percent = 0;
  const char* const end = text.data() + text.size() - 1;
  const auto [at, error] = std::from_chars(text.data(), end, percent);
  if (error != std::errc() || at != end || !(percent >= 0) || !(percent < 100)) {
    throw Error(Errc::usage, fmt::format("\"{}\" is no share of unused space", text))
        .set_hint("Give a percentage below 100, a size such as 10G, or `unlimited`.");
  }
  return {Kind::percent, percent, 0};
}

PruneReport prune(Repository& repository, const PruneOptions& options, Lock* lock,
                  const std::vector<Id>& ignore, model::Observer& observer, std::stop_token stop) {
  Prune run(repository, options, lock, observer, std::move(stop));
  const BlobSet used = run.used_blobs(run.roots(ignore));
  observer.phase("planning");
  const PrunePlan plan = plan_prune(repository, options, used);
  PruneReport report = plan.report;
  run.remove_leftovers(report);
  if (options.dry_run) return report;
  run.execute(plan);
  repository.forget_index();  // it names packs that are gone
  return report;
}

}  // namespace holdfast::repo
