// SPDX-License-Identifier: Apache-2.0
// Workers fill three open packs; upload threads name and store full ones and write index files. A
// fixed number of pack buffers goes round, which is what bounds memory and makes workers wait for
// uploads.
#include "repo/blob_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/crew.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/separate.h"
#include "format/index_file.h"
#include "repo/pack_builder.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::BlobType;
using format::IndexedPack;
using storage::FileKind;
using storage::FileRef;

// A blob that would take an open pack further beyond its size goes to the next pack.
constexpr std::size_t overshoot_bytes = 1U << 20U;
// Room for the header of a usual pack, so that closing does not move the buffer; a pack of so many
// small blobs that its header needs more is closed before.
constexpr std::size_t header_reserve_bytes = 64U << 10U;
constexpr std::size_t header_entry_bytes_max = 41;
// From here on a chunk of a run is judged by itself whether it will shrink.
constexpr std::size_t judged_bytes_min = 512U << 10U;
// How long a full pack waits for another, as two are hashed together in little more time than one.
constexpr std::chrono::milliseconds pairing_max{200};

// What a worker keeps of each of its buffers: more than most blobs need.
constexpr std::size_t kept_bytes_max = 4U << 20U;

// Room for so many bytes, all of it at once: buffers that grow with each larger blob leave holes
// behind them. What is not written to costs nothing.
void make_room(Bytes& buffer, std::size_t size_bytes) {
  if (buffer.capacity() >= size_bytes) return;
  buffer = Bytes();
  buffer.reserve(std::max(size_bytes, kept_bytes_max));
}

// A random bit, unpredictable enough to blur which blobs lie together.
bool random_bit() {
  thread_local std::uint64_t bits = 0;
  thread_local unsigned left = 0;
  if (left == 0) {
    fill_random(std::as_writable_bytes(std::span(&bits, 1)));
    left = 64;
  }
  const bool bit = (bits & 1U) != 0;
  bits >>= 1U;
  --left;
  return bit;
}

// The format has 32 bits for sizes, also for those of sealed blobs.
void check_size(ByteView plain) {
  if (plain.size() <= std::numeric_limits<std::uint32_t>::max() - (1U << 20U)) return;
  throw Error(Errc::unsupported,
              fmt::format("a blob of {} bytes is larger than the format allows", plain.size()));
}

// A pack whose blobs are sealed in their places, by several threads.
struct FillingPack {
  explicit FillingPack(PackBuilder builder_in) : builder(std::move(builder_in)) {}
  PackBuilder builder;
  std::atomic<unsigned> holders{1};  // who seals a blob in it, and its OpenPack while it is there
};

struct OpenPack {
  std::mutex mutex;  // guards `pack`, and its builder while blobs are added
  std::shared_ptr<FillingPack> pack;
};

}  // namespace

std::uint64_t BlobWriter::memory_bytes_max(const WriterOptions& options, unsigned connections,
                                           std::size_t blob_bytes_max) noexcept {
  const std::uint64_t pack =
      std::max<std::uint64_t>(options.pack_size_bytes + overshoot_bytes, blob_bytes_max);
  return pack_buffers_max(connections) * (pack + header_reserve_bytes);
}

struct BlobWriter::State {
  State(Repository& repository_in, const WriterOptions& options_in, Lock* lock_in)
      : repository(repository_in),
        options(options_in),
        lock(lock_in),
        connections(std::max(repository_in.storage().connections_max(), 1U)),
        index_written(options_in.clock->steady()),
        crew([this] { wake_all(); }) {
    buffers.reserve(pack_buffers_max(connections));
  }

  Repository& repository;
  const WriterOptions options;
  Lock* const lock;
  const unsigned connections;

  // Locked before `mutex`, and one at a time but for finish().
  std::array<OpenPack, 2> open_data;
  OpenPack open_trees;

  mutable std::mutex mutex;  // guards all below but index_mutex
  std::condition_variable buffer_free;
  std::condition_variable pack_full;
  std::condition_variable upload_done;
  std::vector<Bytes> buffers;  // free ones; has capacity for all
  unsigned buffers_made = 0;
  // A pack that has its name.
  struct NamedPack {
    PackBuilder builder;
    IndexedPack pack;
  };
  std::deque<PackBuilder> queue;  // full packs without a name
  std::deque<NamedPack> named;
  unsigned full_packs = 0;  // that are not stored yet, in the queues or under way
  unsigned waiting_for_buffers = 0;
  unsigned naming = 0;   // threads that are at it
  unsigned uploads = 0;  // under way
  bool closing = false;  // no more packs will come
  bool cancelled = false;
  bool finished = false;
  std::exception_ptr failure;
  std::optional<Error> error;  // the failure, if it is one of ours
  WriterTotals totals;
  std::vector<format::Id> written;
  std::vector<IndexedPack> pending;  // stored and not yet in an index file
  std::size_t pending_blobs = 0;
  std::chrono::steady_clock::time_point index_written;

  std::mutex index_mutex;  // held while an index file is written; before `mutex`
  Crew crew;               // last: its threads use all of the above

  void wake_all() {
    buffer_free.notify_all();
    pack_full.notify_all();
    upload_done.notify_all();
  }
  [[nodiscard]] bool gave_up() const { return cancelled || failure != nullptr; }
  void check_alive() const;
  void fail(std::exception_ptr exception, const Error* one);
  template <typename Body>
  decltype(auto) failing_all(Body&& body);

  // What is sealed of a blob: `plain`, or that compressed, which lies in the worker.
  [[nodiscard]] ByteView compress(BlobType type, ByteView plain, Worker& worker,
                                  format::Promise promise) const;
  void seal(ByteView packed, std::span<std::byte> to, Worker& worker) const;
  // How many bytes were stored.
  std::uint32_t store(const BlobHandle& blob, ByteView plain, Worker& worker,
                      format::Promise promise = format::Promise::unknown);
  void fill(const BlobHandle& blob, ByteView packed, std::uint32_t plain_size_bytes,
            Worker& worker);
  // The buffer of a pack that no large blob has stretched.
  [[nodiscard]] std::size_t usual_buffer_bytes() const noexcept {
    return options.pack_size_bytes + overshoot_bytes + header_reserve_bytes;
  }
  // Whether a pack takes so many bytes of blobs, with their header, within its buffer.
  [[nodiscard]] bool fits(const PackBuilder& pack, std::size_t blobs_bytes,
                          std::size_t header_bytes) const noexcept {
    return pack.size_bytes() + blobs_bytes <= options.pack_size_bytes + overshoot_bytes &&
           pack.file_bytes() + blobs_bytes + header_bytes <= usual_buffer_bytes();
  }
  [[nodiscard]] PackBuilder new_pack(std::size_t size_bytes);
  void enqueue(PackBuilder&& pack);
  void let_go(const std::shared_ptr<FillingPack>& pack);

  // One upload that was counted as under way; at its end the buffer goes back.
  class Upload {
   public:
    Upload(State& state, PackBuilder& pack) : state_(state), pack_(pack) {}
    ~Upload() { state_.recycle(pack_); }
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;

   private:
    State& state_;
    PackBuilder& pack_;
  };

  [[nodiscard]] std::vector<PackBuilder> take_full_packs(std::unique_lock<std::mutex>& lock_state,
                                                         const std::stop_token& stop);
  void name(std::vector<PackBuilder> packs, Codec& codec);
  void upload_all(const std::stop_token& stop);
  void upload(const NamedPack& named_pack);
  void recycle(PackBuilder& pack) noexcept;
  [[nodiscard]] bool index_is_due() const;
  void write_index(bool only_if_due);
  void close_open_packs();
};

void BlobWriter::State::check_alive() const {  // with `mutex` held
  if (error) throw separate(*error);
  if (failure) std::rethrow_exception(failure);
  if (cancelled) throw Error(Errc::cancelled, "writing to the repository was interrupted");
  check_rule(!finished, "nothing is saved after the writer has finished");
}

// Runs `body`; whatever leaves it ends the writer for all threads. A blob that was claimed and then
// not stored would otherwise count as stored.
template <typename Body>
decltype(auto) BlobWriter::State::failing_all(Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const Error& one) {
    fail(std::current_exception(), &one);
    throw;
  } catch (...) {
    fail(std::current_exception(), nullptr);
    throw;
  }
}

void BlobWriter::State::fail(std::exception_ptr exception, const Error* one) {
  {
    const std::lock_guard lock_state(mutex);
    if (!gave_up()) {
      failure = std::move(exception);
      if (one != nullptr) error = separate(*one);
    }
  }
  wake_all();
}

[[noreturn]] void throw_unreadable() {
  throw Error(Errc::corrupt, "a blob does not read back as it was written")
      .set_hint("The memory or the processor of this machine may be faulty; test them.");
}

// Verifies what is compressed, and seal() what is sealed: together they do what a restore would do,
// and compare. A comparison of the bytes proves as much as their hash and is cheaper.
ByteView BlobWriter::State::compress(BlobType type, ByteView plain, Worker& worker,
                                     format::Promise promise) const {
  make_room(worker.compressed, plain.size());
  worker.compressed.clear();
  const bool is_compressed =
      repository.config().version >= 2 && !plain.empty() &&
      worker.codec.compressor.compress(plain, worker.compressed, type == BlobType::tree, promise);
  if (!is_compressed) return plain;
  if (options.verify) {
    make_room(worker.check, plain.size());
    worker.codec.decompressor.decompress(worker.compressed, plain.size(), worker.check);
    if (!is_equal(worker.check, plain)) throw_unreadable();
  }
  return worker.compressed;
}

void BlobWriter::State::seal(ByteView packed, std::span<std::byte> to, Worker& worker) const {
  worker.codec.sealer.seal_to(packed, to);
  if (options.verify && !worker.codec.sealer.opens_to(to, packed)) throw_unreadable();
}

// A builder with a buffer from the ring; waits for one.
PackBuilder BlobWriter::State::new_pack(std::size_t size_bytes) {
  Bytes buffer;
  {
    std::unique_lock lock_state(mutex);
    // Open packs do with few buffers while only data come, so that not all are ever made.
    const auto is_free = [&] {
      return gave_up() || (full_packs <= connections &&
                           buffers_made - buffers.size() < pack_buffers_max(connections));
    };
    if (!is_free()) {
      ++waiting_for_buffers;
      pack_full.notify_one();  // nobody shall wait for a second pack that cannot come
      buffer_free.wait(lock_state, is_free);
      --waiting_for_buffers;
    }
    check_alive();
    if (!buffers.empty()) {
      buffer = std::move(buffers.back());
      buffers.pop_back();
    } else {
      ++buffers_made;
      totals.pack_buffers = buffers_made;
    }
  }
  buffer.clear();
  buffer.reserve(std::max(options.pack_size_bytes + overshoot_bytes, size_bytes) +
                 header_reserve_bytes);
  return PackBuilder(std::move(buffer));
}

void BlobWriter::State::enqueue(PackBuilder&& pack) {
  const std::lock_guard lock_state(mutex);
  check_alive();
  queue.push_back(std::move(pack));
  ++full_packs;
  pack_full.notify_one();
}

// One holder of the pack less; the last one of a full pack hands it on.
void BlobWriter::State::let_go(const std::shared_ptr<FillingPack>& pack) {
  if (--pack->holders == 0) enqueue(std::move(pack->builder));
}

// Seals a blob at its place in an open pack, beside others that do the same.
void BlobWriter::State::fill(const BlobHandle& blob, ByteView packed,
                             std::uint32_t plain_size_bytes, Worker& worker) {
  const std::size_t size_bytes = packed.size() + format::seal_overhead_bytes;
  OpenPack& into = blob.type == BlobType::tree ? open_trees : open_data[random_bit() ? 1 : 0];
  std::shared_ptr<FillingPack> pack;
  std::span<std::byte> room;
  {
    const std::lock_guard lock_pack(into.mutex);
    if (into.pack && (!into.pack->builder.has_room(size_bytes) ||
                      !fits(into.pack->builder, size_bytes, header_entry_bytes_max))) {
      let_go(std::exchange(into.pack, nullptr));
    }
    if (!into.pack) into.pack = std::make_shared<FillingPack>(new_pack(size_bytes));
    pack = into.pack;
    ++pack->holders;
    room = pack->builder.add(blob, size_bytes, plain_size_bytes);
    if (pack->builder.size_bytes() >= options.pack_size_bytes)
      let_go(std::exchange(into.pack, nullptr));
  }
  seal(packed, room, worker);
  let_go(pack);
}

std::uint32_t BlobWriter::State::store(const BlobHandle& blob, ByteView plain, Worker& worker,
                                       format::Promise promise) {
  const ByteView packed = compress(blob.type, plain, worker, promise);
  const std::size_t size_bytes = packed.size() + format::seal_overhead_bytes;
  const bool is_compressed = packed.data() != plain.data();
  const std::uint32_t plain_size_bytes =
      is_compressed ? static_cast<std::uint32_t>(plain.size()) : 0;
  if (size_bytes >= options.pack_size_bytes) {
    PackBuilder pack = new_pack(size_bytes);
    seal(packed, pack.add(blob, size_bytes, plain_size_bytes), worker);
    enqueue(std::move(pack));
  } else {
    fill(blob, packed, plain_size_bytes, worker);
  }
  const std::lock_guard lock_state(mutex);
  (blob.type == BlobType::tree ? totals.tree_blobs : totals.data_blobs) += 1;
  (blob.type == BlobType::tree ? totals.tree_bytes : totals.data_bytes) += plain.size();
  totals.stored_bytes += size_bytes;
  return static_cast<std::uint32_t>(size_bytes);
}

// The next packs without a name: two where a second one comes soon. None if one with a name came
// meanwhile, or there is nothing more to do. With `lock_state` held.
std::vector<PackBuilder> BlobWriter::State::take_full_packs(
    std::unique_lock<std::mutex>& lock_state, const std::stop_token& stop) {
  const auto is_over = [&] { return stop.stop_requested() || gave_up(); };
  const auto has_enough = [&] {
    return is_over() || closing || waiting_for_buffers > 0 || !named.empty() || queue.size() != 1;
  };
  pack_full.wait_for(lock_state, pairing_max, has_enough);
  std::vector<PackBuilder> packs;
  if (is_over() || !named.empty()) return packs;
  while (!queue.empty() && packs.size() < 2) {
    packs.push_back(std::move(queue.front()));
    queue.pop_front();
  }
  if (!packs.empty()) ++naming;
  return packs;
}

// Closes full packs and gives them their names, all at once.
void BlobWriter::State::name(std::vector<PackBuilder> packs, Codec& codec) {
  std::vector<ByteView> contents;
  for (PackBuilder& pack : packs) {
    pack.close(codec);
    contents.push_back(pack.content());
  }
  const std::vector<format::Id> ids = format::ids_of(contents);
  const std::lock_guard lock_state(mutex);
  for (std::size_t i = 0; i < packs.size(); ++i) {
    IndexedPack pack{ids[i], packs[i].take_blobs()};
    named.push_back({std::move(packs[i]), std::move(pack)});
  }
  --naming;
  pack_full.notify_all();
}

void BlobWriter::State::upload_all(const std::stop_token& stop) {
  Codec codec = repository.codec();
  std::unique_lock lock_state(mutex);
  while (true) {
    // Wakes now and then, so that what is stored gets its index file although nothing more comes.
    pack_full.wait_for(lock_state, std::max(options.index_every, std::chrono::seconds(1)), [&] {
      return stop.stop_requested() || gave_up() || (closing && naming == 0) || !queue.empty() ||
             !named.empty();
    });
    if (stop.stop_requested() || gave_up()) return;
    if (!named.empty()) {
      NamedPack next = std::move(named.front());
      named.pop_front();
      ++uploads;
      lock_state.unlock();
      {
        const Upload under_way(*this, next.builder);
        upload(next);
      }
    } else if (!queue.empty()) {
      std::vector<PackBuilder> packs = take_full_packs(lock_state, stop);
      if (packs.empty()) continue;
      lock_state.unlock();
      name(std::move(packs), codec);
      lock_state.lock();
      continue;
    } else {
      if (closing && naming == 0) return;
      lock_state.unlock();
    }
    write_index(true);
    lock_state.lock();
  }
}

void BlobWriter::State::upload(const NamedPack& named_pack) {
  const IndexedPack& pack = named_pack.pack;
  if (!options.dry_run) {
    const FileRef file{FileKind::pack, pack.id.hex()};
    in_context(fmt::format("writing pack {}", pack.id.short_hex()),
               [&] { repository.storage().put(file, named_pack.builder.content()); });
    static_cast<void>(repository.index().add_pack(pack));
  }
  const std::lock_guard lock_state(mutex);
  ++totals.packs;
  if (options.dry_run) return;
  written.push_back(pack.id);
  pending_blobs += pack.blobs.size();
  pending.push_back(pack);
}

// Gives the buffer back to the ring; one that a large blob has stretched is let go.
void BlobWriter::State::recycle(PackBuilder& pack) noexcept {
  Bytes buffer = pack.take_buffer();
  if (buffer.capacity() > usual_buffer_bytes()) buffer = Bytes();
  const std::lock_guard lock_state(mutex);
  buffers.push_back(std::move(buffer));
  --uploads;
  --full_packs;
  buffer_free.notify_all();
  upload_done.notify_all();
}

bool BlobWriter::State::index_is_due() const {  // with `mutex` held
  return pending.size() >= options.index_packs_max || pending_blobs >= options.index_blobs_max ||
         (!pending.empty() && options.clock->steady() - index_written >= options.index_every);
}

void BlobWriter::State::write_index(bool only_if_due) {
  {
    const std::lock_guard lock_state(mutex);
    if (only_if_due && (gave_up() || !index_is_due())) return;
  }
  const std::lock_guard lock_index(index_mutex);
  std::vector<IndexedPack> packs;
  {
    const std::lock_guard lock_state(mutex);
    if (pending.empty() || (only_if_due && !index_is_due())) return;
    packs = pending;
  }
  std::string json;
  format::append_index_json(json, packs);
  static_cast<void>(save_under_lock(repository, lock, FileKind::index, json));
  const std::lock_guard lock_state(mutex);
  // Others may have stored packs meanwhile; they lie behind the ones just named.
  pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(packs.size()));
  pending_blobs = 0;
  for (const IndexedPack& pack : pending) pending_blobs += pack.blobs.size();
  index_written = options.clock->steady();
  ++totals.index_files;
}

// The leftovers of data in one pack if they fit, and those of trees.
void BlobWriter::State::close_open_packs() {
  auto& [one, other] = open_data;
  const std::scoped_lock lock_packs(one.mutex, other.mutex, open_trees.mutex);
  if (one.pack && other.pack) {
    PackBuilder& first = one.pack->builder;
    PackBuilder& second = other.pack->builder;
    if (first.has_room_for(second) &&
        fits(first, second.size_bytes(), second.file_bytes() - second.size_bytes())) {
      first.add_all(second);
      const std::lock_guard lock_state(mutex);
      buffers.push_back(second.take_buffer());
      other.pack.reset();
    }
  }
  for (OpenPack* const open : {&one, &other, &open_trees}) {
    if (open->pack) let_go(std::exchange(open->pack, nullptr));
  }
}

BlobWriter::BlobWriter(Repository& repository, const WriterOptions& options, Lock* lock)
    : state_(std::make_unique<State>(repository, options, lock)) {
  constexpr std::size_t pack_bytes_min = 4U << 20U;
  constexpr std::size_t pack_bytes_max = 128U << 20U;
  if (options.pack_size_bytes < pack_bytes_min || options.pack_size_bytes > pack_bytes_max) {
    throw Error(Errc::usage, fmt::format("a pack size of {} bytes is not between 4 and 128 MiB",
                                         options.pack_size_bytes));
  }
  if (log_enabled(LogLevel::debug)) {
    log(LogLevel::debug, "pack buffers",
        {{"count_max", fmt::to_string(pack_buffers_max(state_->connections))},
         {"bytes_max", fmt::to_string(memory_bytes_max(options, state_->connections, 0))}});
  }
  State& state = *state_;
  for (unsigned i = 0; i < state.connections; ++i) {
    state.crew.start([&state](const std::stop_token& stop) {
      state.failing_all([&] { state.upload_all(stop); });
    });
  }
}

BlobWriter::~BlobWriter() {
  cancel();
  // What an interrupted run has stored is then found by the next one, which goes on from there.
  try {
    flush_index();
  } catch (const std::exception& error) {
    log(LogLevel::debug, "what was stored last is in no index", {{"error", error.what()}});
  }
  state_->crew.request_stop();
  state_->wake_all();
  // What was claimed for packs that were never stored must not count as known to the next writer.
  Repository& repository = state_->repository;
  state_.reset();
  repository.index().release_claims();
}

SavedBlob BlobWriter::save(BlobType type, ByteView plain, Worker& worker) {
  return save(type, format::id_of(plain), plain, worker);
}

SavedBlob BlobWriter::save(BlobType type, const format::Id& id, ByteView plain, Worker& worker) {
  check_blob(plain);
  return save_checked({type, id}, plain, worker, [] { return format::Promise::unknown; });
}

std::vector<SavedBlob> BlobWriter::save_run(std::span<const ByteView> chunks, Worker& worker) {
  std::vector<SavedBlob> saved;
  saved.reserve(chunks.size());
  std::size_t size_bytes = 0;
  for (const ByteView chunk : chunks) {
    check_rule(chunk.data() == chunks.front().data() + size_bytes, "chunks of a run adjoin");
    check_blob(chunk);
    size_bytes += chunk.size();
  }
  const std::vector<format::Id> ids = format::ids_of(chunks);
  // Small chunks are judged together, as many as make a large one, and only if one is new.
  std::optional<format::Promise> promise;
  std::size_t judged = 0;  // the chunks before this one
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const auto judge = [&] {
      if (chunks.size() == 1 || chunks[i].size() >= judged_bytes_min)
        return format::Promise::unknown;
      if (!promise || i >= judged) {
        std::size_t together = 0;
        for (judged = i; judged < chunks.size() && together < judged_bytes_min; ++judged)
          together += chunks[judged].size();
        promise = worker.codec.compressor.judge(ByteView(chunks[i].data(), together));
      }
      return *promise;
    };
    saved.push_back(save_checked({BlobType::data, ids[i]}, chunks[i], worker, judge));
  }
  return saved;
}

// Of a chunk that is larger than most.
void BlobWriter::Worker::let_go_of_much() noexcept {
  for (Bytes* buffer : {&compressed, &check}) {
    if (buffer->capacity() > kept_bytes_max) *buffer = Bytes();
  }
}

void BlobWriter::check_blob(ByteView plain) const {
  {
    const std::lock_guard lock_state(state_->mutex);
    state_->check_alive();
  }
  check_size(plain);
}

template <typename Judge>
SavedBlob BlobWriter::save_checked(const BlobHandle& blob, ByteView plain, Worker& worker,
                                   const Judge& judge) {
  if (!state_->repository.index().claim(blob)) return {blob.id, false, 0};
  return state_->failing_all([&] {
    const SavedBlob saved{blob.id, true, state_->store(blob, plain, worker, judge())};
    worker.let_go_of_much();
    return saved;
  });
}

void BlobWriter::save_again(const BlobHandle& blob, ByteView plain, Worker& worker) {
  check_blob(plain);
  state_->failing_all([&] {
    static_cast<void>(state_->store(blob, plain, worker));
    worker.let_go_of_much();
  });
}

void BlobWriter::finish() {
  State& state = *state_;
  state.close_open_packs();
  {
    const std::lock_guard lock_state(state.mutex);
    state.check_alive();
    state.closing = true;
  }
  state.wake_all();
  state.crew.join();
  {
    const std::lock_guard lock_state(state.mutex);
    state.check_alive();
  }
  state.write_index(false);
  const std::lock_guard lock_state(state.mutex);
  state.finished = true;
}

void BlobWriter::cancel() noexcept {
  {
    const std::lock_guard lock_state(state_->mutex);
    state_->cancelled = true;
  }
  state_->wake_all();
}

void BlobWriter::flush_index() {
  State& state = *state_;
  {
    std::unique_lock lock_state(state.mutex);
    if (state.gave_up()) {
      state.upload_done.wait(lock_state, [&] { return state.uploads == 0; });
    }
  }
  state.write_index(false);
}

WriterTotals BlobWriter::totals() const {
  const std::lock_guard lock_state(state_->mutex);
  return state_->totals;
}

std::vector<IndexedPack> BlobWriter::written_packs() const {
  std::vector<format::Id> ids;
  {
    const std::lock_guard lock_state(state_->mutex);
    ids = state_->written;
  }
  std::vector<IndexedPack> packs;
  packs.reserve(ids.size());
  for (const format::Id& id : ids) {
    if (std::optional<IndexedPack> pack = state_->repository.index().pack(id)) {
      packs.push_back(std::move(*pack));
    }
  }
  return packs;
}

}  // namespace holdfast::repo
