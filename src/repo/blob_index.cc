// SPDX-License-Identifier: Apache-2.0
// Three layers: entries in blocks that never move, packs as ranges of entries, and tables of entry
// numbers to find a blob's first copy. Tables are keyed with a random seed, because the ids come
// from files that anybody may have written.
#include "repo/blob_index.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <iterator>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <span>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/hash.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::BlobType;
using format::Id;
using format::IndexedPack;
using format::PackedBlob;

__extension__ using Wide = unsigned __int128;

constexpr std::uint32_t block_entries = 8192;
constexpr std::uint32_t blocks_max = (1U << 15U) - 1;
// A file gives so many at once: few mappings, and little room that may be left empty.
constexpr std::uint32_t extent_blocks = 32;
constexpr std::uint32_t entries_max = block_entries * blocks_max;
constexpr unsigned shard_bits = 6;
constexpr std::uint32_t no_number = 0xffffffffU;
// How many differing versions of one pack are taken: a real repository has at most two.
constexpr std::size_t extra_ranges_max = 64;

struct Entry {
  Id id;
  std::uint32_t offset_bytes;
  std::uint32_t size_bytes;
  std::uint32_t plain_size_bytes;
};
static_assert(sizeof(Entry) == 44);

struct Block {
  std::array<Entry, block_entries> entries;
  std::array<std::uint8_t, block_entries / 8> is_tree{};  // bits, through atomic_ref
};

std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product >> 64U) ^ static_cast<std::uint64_t>(product);
}

// Hashes ids so that nobody who does not know the seed can make two of them collide.
class Seed {
 public:
  Seed() { fill_random(std::as_writable_bytes(std::span(words_))); }
  [[nodiscard]] std::uint64_t hash(const Id& id, std::uint64_t extra) const noexcept {
    std::array<std::uint64_t, 4> word{};
    std::memcpy(word.data(), id.bytes.data(), sizeof word);
    const std::uint64_t first = fold(word[0] ^ words_[0], word[1] ^ words_[1]);
    const std::uint64_t second = fold(word[2] ^ words_[2], word[3] ^ words_[3]);
    return fold(first ^ extra ^ words_[4], second ^ words_[5]);
  }

 private:
  std::array<std::uint64_t, 6> words_{};
};

// Numbers by the hash of what they stand for; linear probing, nothing is ever taken out. A slot's
// upper bits are some of the hash, so that most slots of others are passed over without a look at
// what they stand for.
class SlotTable {
 public:
  template <typename IsIt>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, IsIt&& is_it) const {
    if (slots_.empty()) return no_number;
    for (std::size_t at = home(hash); slots_[at] != 0; at = next(at)) {
      const std::uint32_t number = (slots_[at] & number_mask) - 1;
      if ((slots_[at] & ~number_mask) == tag(hash) && is_it(number)) return number;
    }
    return no_number;
  }

  // `hash_of` gives the hash of a number that is in the table already.
  template <typename HashOf>
  void insert(std::uint64_t hash, std::uint32_t number, HashOf&& hash_of) {
    if (20 * (used_ + 1) > 17 * slots_.size()) grow(hash_of);
    place(tag(hash) | (number + 1), hash);
    ++used_;
  }

  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return slots_.capacity() * sizeof(std::uint32_t);
  }

 private:
  static constexpr std::uint32_t number_mask = (1U << 28U) - 1;
  static_assert(entries_max < number_mask);
  // Large tables grow by little, since much of the memory of a large index is theirs.
  static constexpr std::size_t large_slots = 1U << 16U;

  [[nodiscard]] static std::uint32_t tag(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash) & ~number_mask;
  }
  [[nodiscard]] std::size_t home(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(((hash & number_mask) * slots_.size()) >> 28U);
  }
  [[nodiscard]] std::size_t next(std::size_t at) const noexcept {
    return at + 1 == slots_.size() ? 0 : at + 1;
  }
  template <typename HashOf>
  void grow(HashOf&& hash_of) {
    const std::size_t size = slots_.size();
    std::vector<std::uint32_t> old(size < large_slots ? std::max<std::size_t>(16, 2 * size)
                                                      : size + size / 4);
    old.swap(slots_);
    // By number, so that what they stand for is read in the order in which it lies.
    std::ranges::sort(old, {}, [](std::uint32_t slot) { return slot & number_mask; });
    for (const std::uint32_t slot : old) {
      if (slot != 0) place(slot, hash_of((slot & number_mask) - 1));
    }
  }
  void place(std::uint32_t slot, std::uint64_t hash) noexcept {
    std::size_t at = home(hash);
    while (slots_[at] != 0) at = next(at);
    slots_[at] = slot;
  }

  std::vector<std::uint32_t> slots_;  // number + 1 below the tag; 0: free
  std::size_t used_ = 0;
};

struct Shard {
  mutable std::shared_mutex mutex;  // guards all below
  SlotTable table;                  // first copies only
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>>
      copies;  // further ones, by the first
  std::unordered_set<BlobHandle, format::BlobHandleHash> claims;
};

struct PackRange {
  Id id;
  std::uint32_t first;  // entry; the range ends where the next one begins
};

// A total order, so that two lists of the same blobs compare equal however they came.
bool by_offset(const PackedBlob& a, const PackedBlob& b) noexcept {
  return std::tie(a.offset_bytes, a.size_bytes, a.plain_size_bytes, a.blob) <
         std::tie(b.offset_bytes, b.size_bytes, b.plain_size_bytes, b.blob);
}

}  // namespace

struct BlobIndex::State {
  const Seed seed;
  std::array<Shard, 1U << shard_bits> shards;
  std::atomic<std::uint64_t> distinct{0};
  std::atomic<std::uint64_t> duplicates{0};  // packs that were added again

  mutable std::shared_mutex mutex;  // guards all below but what the blocks hold
  std::deque<PackRange> packs;
  SlotTable pack_table;
  std::unordered_map<std::uint32_t, std::uint32_t>
      extra_of;  // conflicting ranges, to the first one
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> extras;  // and back
  std::atomic<std::uint32_t> entry_count{0};
  std::uint32_t block_count = 0;
  std::vector<std::unique_ptr<Block>> owned;  // those in memory
  OverflowFile overflow;                      // and the others
  std::span<Block> spare;                     // of the file: not used yet
  const std::uint32_t memory_blobs;
  // The way to a block for readers, who do not hold `mutex`: an entry's number reaches them through
  // a shard, after its block was put here.
  std::unique_ptr<std::atomic<Block*>[]> blocks =
      std::make_unique<std::atomic<Block*>[]>(blocks_max);

  explicit State(const Overflow& where)
      : overflow(where.directory, where.spare_bytes), memory_blobs(where.memory_blobs) {}

  [[nodiscard]] std::uint64_t hash(const BlobHandle& blob) const noexcept {
    return seed.hash(blob.id, static_cast<std::uint64_t>(blob.type));
  }
  [[nodiscard]] Shard& shard(std::uint64_t hash_value) noexcept {
    return shards[hash_value >> (64U - shard_bits)];
  }
  [[nodiscard]] Block& block(std::uint32_t number) const noexcept {
    return *blocks[number / block_entries].load(std::memory_order_relaxed);
  }
  [[nodiscard]] const Entry& entry(std::uint32_t number) const noexcept {
    return block(number).entries[number % block_entries];
  }
  [[nodiscard]] BlobType type(std::uint32_t number) const noexcept {
    const std::uint32_t at = number % block_entries;
    const std::uint8_t bits =
        std::atomic_ref(block(number).is_tree[at / 8]).load(std::memory_order_relaxed);
    return ((bits >> (at % 8)) & 1U) != 0 ? BlobType::tree : BlobType::data;
  }
  [[nodiscard]] BlobHandle handle(std::uint32_t number) const noexcept {
    return {type(number), entry(number).id};
  }

  [[nodiscard]] std::uint32_t first_copy(const Shard& in, const BlobHandle& blob,
                                         std::uint64_t hash_value) const {
    return in.table.find(hash_value, [&](std::uint32_t number) {
      return entry(number).id == blob.id && type(number) == blob.type;
    });
  }

  [[nodiscard]] std::uint32_t range_end(std::uint32_t range) const noexcept {
    return range + 1 < packs.size() ? packs[range + 1].first
                                    : entry_count.load(std::memory_order_relaxed);
  }
  [[nodiscard]] PackedBlob packed(std::uint32_t number) const noexcept {
    const Entry& from = entry(number);
    return {handle(number), from.offset_bytes, from.size_bytes, from.plain_size_bytes};
  }

  // With `mutex` held:
  [[nodiscard]] Block* new_block();
  void append(const Id& pack, std::span<const PackedBlob> blobs);
  [[nodiscard]] std::uint32_t find_pack(const Id& pack) const;
  [[nodiscard]] std::vector<PackedBlob> blobs_of(std::uint32_t range) const;
  [[nodiscard]] BlobPlace place(std::uint32_t number) const;
  [[nodiscard]] std::uint32_t range_of(std::uint32_t number) const;

  void make_findable(std::uint32_t from, std::uint32_t to);
};

Block* BlobIndex::State::new_block() {
  if (std::uint64_t{block_count} * block_entries >= memory_blobs) {
    if (spare.empty()) {
      // Zeros, as a block begins with.
      std::byte* const room = overflow.extend(extent_blocks * sizeof(Block));
      if (room != nullptr) spare = {reinterpret_cast<Block*>(room), extent_blocks};
    }
    if (!spare.empty()) {
      Block* const block = new (spare.data()) Block;
      spare = spare.subspan(1);
      return block;
    }
  }
  owned.push_back(std::make_unique<Block>());
  return owned.back().get();
}

void BlobIndex::State::append(const Id& pack, std::span<const PackedBlob> blobs) {
  const std::uint32_t first = entry_count.load(std::memory_order_relaxed);
  if (blobs.size() > entries_max - first) {
    throw Error(Errc::unsupported, "the index holds more than 268 million blobs");
  }
  std::uint32_t number = first;
  for (const PackedBlob& blob : blobs) {
    const std::uint32_t block_number = number / block_entries;
    if (block_number == block_count) {
      blocks[block_number].store(new_block(), std::memory_order_relaxed);
      ++block_count;
    }
    Block& into = block(number);
    const std::uint32_t at = number % block_entries;
    into.entries[at] = {blob.blob.id, blob.offset_bytes, blob.size_bytes, blob.plain_size_bytes};
    if (blob.blob.type == BlobType::tree) {
      std::atomic_ref(into.is_tree[at / 8])
          .fetch_or(static_cast<std::uint8_t>(1U << (at % 8)), std::memory_order_relaxed);
    }
    ++number;
  }
  packs.push_back({pack, first});
  entry_count.store(number, std::memory_order_relaxed);
}

std::uint32_t BlobIndex::State::find_pack(const Id& pack) const {
  return pack_table.find(seed.hash(pack, 2),
                         [&](std::uint32_t range) { return packs[range].id == pack; });
}

std::vector<PackedBlob> BlobIndex::State::blobs_of(std::uint32_t range) const {
  std::vector<PackedBlob> blobs;
  const auto take = [&](std::uint32_t from) {
    for (std::uint32_t number = packs[from].first; number < range_end(from); ++number) {
      blobs.push_back(packed(number));
    }
  };
  take(range);
  if (const auto more = extras.find(range); more != extras.end()) {
    for (const std::uint32_t extra : more->second) take(extra);
    std::sort(blobs.begin(), blobs.end(), by_offset);
  }
  return blobs;
}

std::uint32_t BlobIndex::State::range_of(std::uint32_t number) const {
  const auto after =
      std::upper_bound(packs.begin(), packs.end(), number,
                       [](std::uint32_t n, const PackRange& range) { return n < range.first; });
  return static_cast<std::uint32_t>(after - packs.begin() - 1);
}

BlobPlace BlobIndex::State::place(std::uint32_t number) const {
  const Entry& from = entry(number);
  return {packs[range_of(number)].id, from.offset_bytes, from.size_bytes, from.plain_size_bytes};
}

void BlobIndex::State::make_findable(std::uint32_t from, std::uint32_t to) {
  for (std::uint32_t number = from; number < to; ++number) {
    const BlobHandle blob = handle(number);
    const std::uint64_t hash_value = hash(blob);
    Shard& into = shard(hash_value);
    const std::unique_lock lock(into.mutex);
    const std::uint32_t known = first_copy(into, blob, hash_value);
    if (known != no_number) {
      into.copies[known].push_back(number);
    } else {
      into.table.insert(hash_value, number, [&](std::uint32_t n) { return hash(handle(n)); });
      distinct.fetch_add(1, std::memory_order_relaxed);
    }
    into.claims.erase(blob);
  }
}

BlobIndex::BlobIndex(const Overflow& overflow) : state_(std::make_unique<State>(overflow)) {}
BlobIndex::~BlobIndex() = default;

BlobIndex::Added BlobIndex::add_pack(const IndexedPack& pack) {
  std::vector<PackedBlob> blobs = pack.blobs;
  std::sort(blobs.begin(), blobs.end(), by_offset);
  State& state = *state_;
  Added added = Added::added;
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  {
    const std::unique_lock lock(state.mutex);
    from = state.entry_count.load(std::memory_order_relaxed);
    const std::uint32_t known = state.find_pack(pack.id);
    if (known == no_number) {
      state.append(pack.id, blobs);
      state.pack_table.insert(
          state.seed.hash(pack.id, 2), static_cast<std::uint32_t>(state.packs.size() - 1),
          [&](std::uint32_t n) { return state.seed.hash(state.packs[n].id, 2); });
    } else {
      const std::vector<PackedBlob> have = state.blobs_of(known);
      if (have == blobs) {
        state.duplicates.fetch_add(1, std::memory_order_relaxed);
        return Added::duplicate;
      }
      added = Added::conflict;
      std::vector<PackedBlob> more;
      std::set_difference(blobs.begin(), blobs.end(), have.begin(), have.end(),
                          std::back_inserter(more), by_offset);
      std::vector<std::uint32_t>& extras = state.extras[known];
      if (!more.empty() && extras.size() < extra_ranges_max) {
        state.append(pack.id, more);
        extras.push_back(static_cast<std::uint32_t>(state.packs.size() - 1));
        state.extra_of.emplace(extras.back(), known);
      }
    }
    to = state.entry_count.load(std::memory_order_relaxed);
  }
  state.make_findable(from, to);
  return added;
}

bool BlobIndex::has(const BlobHandle& blob) const {
  return blob_number(blob).has_value();
}

std::optional<std::uint32_t> BlobIndex::blob_number(const BlobHandle& blob) const {
  const std::uint64_t hash_value = state_->hash(blob);
  const Shard& in = state_->shard(hash_value);
  const std::shared_lock lock(in.mutex);
  const std::uint32_t number = state_->first_copy(in, blob, hash_value);
  if (number == no_number) return std::nullopt;
  return number;
}

std::optional<BlobIndex::Numbered> BlobIndex::numbered(const BlobHandle& blob) const {
  const std::optional<std::uint32_t> number = blob_number(blob);
  if (!number) return std::nullopt;
  const Entry& entry = state_->entry(*number);
  return Numbered{*number,
                  BlobPlace{{}, 0, entry.size_bytes, entry.plain_size_bytes}.plain_bytes()};
}

std::optional<BlobPlace> BlobIndex::find(const BlobHandle& blob) const {
  const std::optional<std::uint32_t> number = blob_number(blob);
  if (!number) return std::nullopt;
  const std::shared_lock lock(state_->mutex);
  return state_->place(*number);
}

std::vector<BlobPlace> BlobIndex::find_all(const BlobHandle& blob) const {
  std::vector<std::uint32_t> numbers;
  {
    const std::uint64_t hash_value = state_->hash(blob);
    const Shard& in = state_->shard(hash_value);
    const std::shared_lock lock(in.mutex);
    const std::uint32_t first = state_->first_copy(in, blob, hash_value);
    if (first == no_number) return {};
    numbers.push_back(first);
    if (const auto more = in.copies.find(first); more != in.copies.end()) {
      numbers.insert(numbers.end(), more->second.begin(), more->second.end());
    }
  }
  std::vector<BlobPlace> places;
  places.reserve(numbers.size());
  const std::shared_lock lock(state_->mutex);
  for (const std::uint32_t number : numbers) places.push_back(state_->place(number));
  return places;
}

bool BlobIndex::claim(const BlobHandle& blob) {
  const std::uint64_t hash_value = state_->hash(blob);
  Shard& in = state_->shard(hash_value);
  {
    const std::shared_lock lock(in.mutex);
    if (state_->first_copy(in, blob, hash_value) != no_number) return false;
  }
  const std::unique_lock lock(in.mutex);
  if (state_->first_copy(in, blob, hash_value) != no_number) return false;
  return in.claims.insert(blob).second;
}

void BlobIndex::release_claims() {
  for (Shard& shard : state_->shards) {
    const std::unique_lock lock(shard.mutex);
    shard.claims.clear();
  }
}

std::uint64_t BlobIndex::blob_count() const noexcept {
  return state_->distinct.load(std::memory_order_relaxed);
}

std::uint64_t BlobIndex::pack_count() const noexcept {
  const std::shared_lock lock(state_->mutex);
  return state_->packs.size() - state_->extra_of.size();
}

std::uint64_t BlobIndex::duplicate_count() const noexcept {
  return state_->duplicates.load(std::memory_order_relaxed);
}

std::uint64_t BlobIndex::memory_bytes() const {
  std::uint64_t sum = sizeof(State) + blocks_max * sizeof(void*);
  for (const Shard& shard : state_->shards) {
    const std::shared_lock lock(shard.mutex);
    sum += shard.table.memory_bytes();
    for (const auto& [first, more] : shard.copies) {
      sum += 64 + more.capacity() * sizeof(std::uint32_t);
    }
  }
  const std::shared_lock lock(state_->mutex);
  return sum + state_->owned.size() * sizeof(Block) + state_->pack_table.memory_bytes() +
         state_->packs.size() * sizeof(PackRange);
}

std::uint64_t BlobIndex::file_bytes() const {
  const std::shared_lock lock(state_->mutex);
  return state_->overflow.size_bytes();
}

void BlobIndex::for_each(
    const std::function<void(const BlobHandle&, const BlobPlace&, std::uint32_t)>& visit) const {
  const State& state = *state_;
  for (std::uint32_t range = 0; range < state.packs.size(); ++range) {
    const auto extra = state.extra_of.find(range);
    const std::uint32_t pack_number = extra == state.extra_of.end() ? range : extra->second;
    for (std::uint32_t number = state.packs[range].first; number < state.range_end(range);
         ++number) {
      const Entry& entry = state.entry(number);
      visit(state.handle(number),
            {state.packs[range].id, entry.offset_bytes, entry.size_bytes, entry.plain_size_bytes},
            pack_number);
    }
  }
}

void BlobIndex::for_each_pack(
    const std::function<void(std::uint32_t, const IndexedPack&)>& visit) const {
  const State& state = *state_;
  for (std::uint32_t range = 0; range < state.packs.size(); ++range) {
    if (state.extra_of.contains(range)) continue;
    visit(range, {state.packs[range].id, state.blobs_of(range)});
  }
}

std::vector<IndexedPack> BlobIndex::packs() const {
  std::vector<IndexedPack> all;
  all.reserve(pack_count());
  for_each_pack([&](std::uint32_t, const IndexedPack& pack) { all.push_back(pack); });
  return all;
}

std::vector<Id> BlobIndex::pack_ids() const {
  std::vector<Id> ids;
  const std::shared_lock lock(state_->mutex);
  ids.reserve(state_->packs.size());
  for (std::uint32_t range = 0; range < state_->packs.size(); ++range) {
    if (!state_->extra_of.contains(range)) ids.push_back(state_->packs[range].id);
  }
  return ids;
}

std::optional<std::uint32_t> BlobIndex::pack_number(const Id& pack) const {
  const std::shared_lock lock(state_->mutex);
  const std::uint32_t range = state_->find_pack(pack);
  if (range == no_number) return std::nullopt;
  return range;
}

std::uint32_t BlobIndex::pack_number_end() const noexcept {
  const std::shared_lock lock(state_->mutex);
  return static_cast<std::uint32_t>(state_->packs.size());
}

std::optional<IndexedPack> BlobIndex::pack(const Id& pack) const {
  const std::shared_lock lock(state_->mutex);
  const std::uint32_t range = state_->find_pack(pack);
  if (range == no_number) return std::nullopt;
  return IndexedPack{pack, state_->blobs_of(range)};
}

std::uint32_t BlobIndex::blob_number_end() const noexcept {
  return state_->entry_count.load(std::memory_order_relaxed);
}

}  // namespace holdfast::repo
