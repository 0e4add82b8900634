// SPDX-License-Identifier: Apache-2.0
// The stages of a check, in the order in which each relies on the one before: keys, index, packs,
// snapshots, trees, data.
#include "repo/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>
#include <random>
#include <set>
#include <utility>

#include "base/crew.h"
#include "base/error.h"
#include "base/units.h"
#include "repo/damage.h"
#include "repo/keyring.h"
#include "repo/pack_check.h"
#include "repo/parallel.h"
#include "repo/used_blobs.h"

namespace holdfast::repo {
namespace {

using format::Id;
using format::IndexedPack;
using storage::FileKind;
using storage::FoundFile;

constexpr std::uint64_t no_size = std::numeric_limits<std::uint64_t>::max();

[[noreturn]] void refuse_subset(std::string_view text) {
  throw Error(Errc::usage, fmt::format("\"{}\" is no part of the packs to read", text))
      .set_hint("Give n/t, a percentage such as 10%, or a size such as 5G.");
}

// A whole decimal number, or nothing.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// One check on its way. The stages run one after the other; inside a stage, threads add to the
// report.
class Check {
 public:
  Check(Repository& repository, const CheckOptions& options, model::Observer& observer,
        std::stop_token stop)
      : repository_(repository), options_(options), observer_(observer), stop_(std::move(stop)) {}

  CheckReport run() {
    if (!options_.with_cache) repository_.storage().distrust_copies();
    std::vector<Id> snapshots;
    stage([&] { snapshots = list(FileKind::snapshot); });
    if (options_.snapshots) {
      report_.hints.push_back(fmt::format("only {} of {} snapshots are checked",
                                          options_.snapshots->size(), snapshots.size()));
      snapshots = *options_.snapshots;
    }
    stage([&] { check_keys(); });
    stage([&] { check_index(); });
    stage([&] { check_packs(); });
    std::vector<Id> roots;
    stage([&] { roots = check_snapshots(snapshots); });
    stage([&] { check_trees(roots); });
    judge_unindexed();
    if (options_.read_data) stage([&] { check_data(); });
    std::sort(report_.broken_packs.begin(), report_.broken_packs.end());
    report_.broken_packs.erase(
        std::unique(report_.broken_packs.begin(), report_.broken_packs.end()),
        report_.broken_packs.end());
    return std::move(report_);
  }

 private:
  // Threads report in any order; each stage's lines are put in order, so that equal damage reads
  // equal.
  template <typename Body>
  void stage(Body&& body) {
    check_stop(stop_);
    const auto begin = static_cast<std::ptrdiff_t>(report_.errors.size());
    body();
    std::sort(report_.errors.begin() + begin, report_.errors.end());
  }

  void add_error(std::string line) {
    const std::lock_guard lock(mutex_);
    report_.errors.push_back(std::move(line));
    observer_.errors.fetch_add(1, std::memory_order_relaxed);
  }

  void add_broken(const Id& pack, std::string line) {
    add_error(std::move(line));
    const std::lock_guard lock(mutex_);
    report_.broken_packs.push_back(pack);
  }

  // Runs `body`; damage that ends it becomes a line.
  template <typename Body>
  void reporting(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      add_error(error.message());
    }
  }

  // None where the storage cannot list them, which is an error of the report.
  [[nodiscard]] std::vector<Id> list(FileKind kind) {
    std::vector<Id> ids;
    reporting([&] { ids = repository_.list(kind); });
    return ids;
  }

  void check_keys();
  void check_index();
  void check_packs();
  void check_pack(const IndexedPack& pack, std::uint64_t file_bytes, std::uint64_t& mixed);
  [[nodiscard]] std::vector<Id> check_snapshots(const std::vector<Id>& ids);
  void check_trees(const std::vector<Id>& roots);
  void judge_unindexed();
  void check_data();
  [[nodiscard]] std::vector<std::uint32_t> choose_packs() const;

  Repository& repository_;
  const CheckOptions& options_;
  model::Observer& observer_;
  const std::stop_token stop_;
  std::mutex mutex_;  // guards report_ while threads run
  CheckReport report_;
  std::vector<std::uint64_t> file_bytes_;  // by pack number; no_size: not there
  std::vector<bool> is_needed_;            // by pack number; empty: all count as needed
  std::uint64_t unindexed_ = 0;            // packs that no index names
  bool is_something_missing_ = false;      // of trees, that an index should name
};

// Each key file is the way in for somebody.
void Check::check_keys() {
  for (const Id& id : list(FileKind::key)) {
    try {
      const Bytes text = repository_.load_unpacked(FileKind::key, id);
      static_cast<void>(format::parse_key_file(as_text(text)));
    } catch (const Error& error) {  // becomes a line of the report
      if (!is_damage(error)) throw;
      add_error(fmt::format("key {}: {}", id.hex(), error.message()));
    }
  }
}

void Check::check_index() {
  const std::size_t before = report_.errors.size();
  std::uint64_t duplicates = 0;
  std::set<Id> conflicts;
  const auto damaged = [&](const Id& id, const Error& error) {
    add_error(fmt::format("index {}: {}", id.hex(), error.message()));
  };
  const auto seen = [&](const IndexedPack& pack, BlobIndex::Added added) {
    if (added == BlobIndex::Added::duplicate) ++duplicates;
    if (added == BlobIndex::Added::conflict) conflicts.insert(pack.id);
  };
  reporting([&] { repository_.load_index(observer_, stop_, damaged, seen); });
  for (const Id& pack : conflicts) {
    add_error(fmt::format("pack {}: index files name different content for it", pack.hex()));
  }
  if (duplicates != 0) {
    report_.hints.push_back(fmt::format("{} packs are named by several index files", duplicates));
  }
  report_.suggest_repair_index = report_.errors.size() != before || duplicates != 0;
}

void Check::check_packs() {
  observer_.phase("checking packs");
  file_bytes_.assign(repository_.index().pack_number_end(), no_size);
  const auto take = [&](const FoundFile& found) {
    const std::optional<Id> id = format::parse_id(found.file.name);
    const std::optional<std::uint32_t> number =
        id ? repository_.index().pack_number(*id) : std::nullopt;
    if (number) {
      file_bytes_[*number] = found.size_bytes;
    } else {
      ++unindexed_;
    }
  };
  reporting([&] { repository_.storage().list(FileKind::pack, take); });
  std::uint64_t mixed = 0;
  repository_.index().for_each_pack([&](std::uint32_t number, const IndexedPack& pack) {
    check_pack(pack, file_bytes_[number], mixed);
  });
  if (mixed != 0) {
    report_.hints.push_back(
        fmt::format("{} packs hold both data and trees; prune separates them", mixed));
    report_.suggest_prune = true;
  }
}

void Check::check_pack(const IndexedPack& pack, std::uint64_t file_bytes, std::uint64_t& mixed) {
  const std::string name = fmt::format("pack {}", pack.id.hex());
  if (file_bytes == no_size) return add_broken(pack.id, name + ": the file does not exist");
  for (const std::string& fault : layout_faults(pack)) add_broken(pack.id, name + ": " + fault);
  const std::uint64_t expected = format::pack_file_bytes(pack.blobs);
  if (file_bytes != expected) {
    add_broken(pack.id, fmt::format("{}: the file has {} bytes, by the index it must have {}", name,
                                    file_bytes, expected));
  }
  const auto is_other_type = [&](const format::PackedBlob& blob) {
    return blob.blob.type != pack.blobs.front().blob.type;
  };
  if (std::ranges::any_of(pack.blobs, is_other_type)) ++mixed;
}

std::vector<Id> Check::check_snapshots(const std::vector<Id>& ids) {
  observer_.phase("checking snapshots");
  std::vector<std::optional<Id>> trees(ids.size());
  for_each_parallel(ids.size(), cores_available(), stop_, [&] {
    const auto codec = std::make_shared<Codec>(repository_.codec());
    return [&, codec](std::size_t item) {
      try {
        const Bytes json = repository_.load_unpacked(FileKind::snapshot, ids[item], *codec);
        trees[item] = format::parse_snapshot_file(as_text(json)).tree;
      } catch (const Error& error) {  // becomes a line of the report
        if (!is_damage(error)) throw;
        add_error(fmt::format("snapshot {}: {}", ids[item].hex(), error.message()));
      }
    };
  });
  std::vector<Id> roots;
  for (const std::optional<Id>& tree : trees) {
    if (tree) roots.push_back(*tree);
  }
  return roots;
}

void Check::check_trees(const std::vector<Id>& roots) {
  observer_.phase("checking trees");
  const BlobSet used = find_used_blobs(
      repository_, roots,
      [&](const TreeProblem& problem) {
        is_something_missing_ |= problem.kind != TreeProblem::Kind::inconsistent;
        add_error(
            fmt::format("tree {}: {}: {}", problem.tree.hex(), problem.path, problem.message));
      },
      observer_, stop_);
  if (!options_.snapshots) return;
  is_needed_.assign(file_bytes_.size(), false);
  repository_.index().for_each(
      [&](const format::BlobHandle& blob, const BlobPlace&, std::uint32_t pack_number) {
        if (used.contains(*repository_.index().blob_number(blob))) is_needed_[pack_number] = true;
      });
}

// Packs without an index are what interrupted runs leave, or what a lost index named.
void Check::judge_unindexed() {
  if (is_something_missing_ && unindexed_ == 0 && !report_.suggest_repair_index) {
    report_.hints.push_back(
        "what is in no index is lost: `backup` of the same sources stores again what they still "
        "have, and `repair snapshots --forget` takes the rest out of the snapshots");
  }
  if (unindexed_ == 0) return;
  if (is_something_missing_) {
    report_.suggest_repair_index = true;
    report_.hints.push_back(
        fmt::format("{} packs are in no index, and may hold what is missing: do not prune before "
                    "`repair index`",
                    unindexed_));
    return;
  }
  report_.hints.push_back(fmt::format(
      "{} packs are in no index, as interrupted runs leave them; prune removes them", unindexed_));
}

// Numbers of the packs to read, those that are there at all.
std::vector<std::uint32_t> Check::choose_packs() const {
  const ReadSubset& subset = options_.subset;
  const std::vector<Id> ids = repository_.index().pack_ids();
  std::vector<std::uint32_t> packs;
  for (const Id& id : ids) {
    const std::uint32_t number = *repository_.index().pack_number(id);
    if (file_bytes_[number] == no_size || (!is_needed_.empty() && !is_needed_[number])) continue;
    const auto first = std::to_integer<std::uint32_t>(id.bytes[0]);
    if (subset.kind == ReadSubset::Kind::bucket && first % subset.buckets != subset.bucket - 1)
      continue;
    packs.push_back(number);
  }
  if (subset.kind == ReadSubset::Kind::all || subset.kind == ReadSubset::Kind::bucket) return packs;

  std::shuffle(packs.begin(), packs.end(), std::mt19937_64(std::random_device{}()));
  if (subset.kind == ReadSubset::Kind::fraction) {
    const double wanted = std::ceil(static_cast<double>(packs.size()) * subset.fraction);
    packs.resize(std::min(packs.size(), static_cast<std::size_t>(wanted)));
    return packs;
  }
  std::uint64_t sum_bytes = 0;
  const auto end = std::ranges::find_if(packs, [&](std::uint32_t number) {
    const bool is_enough = sum_bytes >= subset.size_bytes;
    sum_bytes += file_bytes_[number];
    return is_enough;
  });
  packs.erase(end, packs.end());
  return packs;
}

void Check::check_data() {
  observer_.phase("reading packs");
  const std::vector<std::uint32_t> packs = choose_packs();
  std::map<std::uint32_t, Id> ids;  // of the chosen packs
  for (const Id& id : repository_.index().pack_ids())
    ids.emplace(*repository_.index().pack_number(id), id);
  std::uint64_t sum_bytes = 0;
  for (const std::uint32_t number : packs) sum_bytes += file_bytes_[number];
  observer_.bytes_done = 0;
  observer_.bytes_total = sum_bytes;
  observer_.totals_known = true;

  for_each_parallel(packs.size(), cores_available(), stop_, [&] {
    const auto checker = std::make_shared<PackCheck>(repository_);
    return [&, checker](std::size_t item) {
      const std::uint32_t number = packs[item];
      const Id& id = ids.at(number);
      const IndexedPack pack = *repository_.index().pack(id);
      std::vector<std::string> faults = checker->read(pack, file_bytes_[number]);
      // The fault may have been on the way.
      if (!faults.empty()) faults = checker->read(pack, file_bytes_[number]);
      for (const std::string& fault : faults)
        add_broken(id, fmt::format("pack {}: {}", id.hex(), fault));
      observer_.bytes_done.fetch_add(file_bytes_[number], std::memory_order_relaxed);
      const std::lock_guard lock(mutex_);
      ++report_.packs_read;
    };
  });
}

}  // namespace

ReadSubset parse_read_subset(std::string_view text) {
  ReadSubset subset;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto bucket = parse_number<std::uint32_t>(text.substr(0, slash));
    const auto buckets = parse_number<std::uint32_t>(text.substr(slash + 1));
    if (!bucket || !buckets || *bucket == 0 || *bucket > *buckets || *buckets > 256)
      refuse_subset(text);
    subset.kind = ReadSubset::Kind::bucket;
    subset.bucket = *bucket;
    subset.buckets = *buckets;
  } else if (text.ends_with('%')) {
    const auto percent = parse_number<double>(text.substr(0, text.size() - 1));
    if (!percent || !(*percent > 0) || *percent > 100) refuse_subset(text);
    subset.kind = ReadSubset::Kind::fraction;
    subset.fraction = *percent / 100;
  } else {
    subset.kind = ReadSubset::Kind::bytes;
    subset.size_bytes = parse_size_bytes(text);
    if (subset.size_bytes == 0) refuse_subset(text);
  }
  return subset;
}

CheckReport check(Repository& repository, const CheckOptions& options, model::Observer& observer,
                  std::stop_token stop) {
  return Check(repository, options, observer, std::move(stop)).run();
}

}  // namespace holdfast::repo
