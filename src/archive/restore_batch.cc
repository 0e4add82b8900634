// SPDX-License-Identifier: Apache-2.0
#include "archive/restore_batch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include "archive/restore_output.h"
#include "base/crew.h"
#include "base/error.h"
#include "repo/pack_reader.h"

namespace holdfast::archive {
namespace {

constexpr std::size_t open_files_max = 256;
constexpr std::size_t items_at_once = 32;  // that a thread takes while items are prepared

Timestamp mtime_of(const struct ::stat& status) {
  return {status.st_mtim.tv_sec, static_cast<std::int32_t>(status.st_mtim.tv_nsec), 0};
}

}  // namespace

std::size_t weight_of(const format::Node& node) noexcept {
  // A place, which is copied once, and a pack of its own.
  constexpr std::size_t use_bytes = 2 * 32 + 2 * sizeof(format::Id) + 40;
  std::size_t weight = sizeof(RestoreItem) - sizeof(format::Node) + memory_bytes(node);
  if (node.content) weight += node.content->size() * use_bytes;
  return weight;
}

// Small numbers for pack ids, in order of first use: packs are then read about in the order in
// which they were written.
class BatchRun::Packs {
 public:
  std::uint32_t number_of(const format::Id& id) {
    const std::lock_guard lock(mutex_);
    const auto [place, added] = numbers_.try_emplace(id, static_cast<std::uint32_t>(ids_.size()));
    if (added) ids_.push_back(id);
    return place->second;
  }
  // No adding meanwhile.
  [[nodiscard]] const format::Id& id_of(std::uint32_t number) const { return ids_[number]; }

 private:
  std::mutex mutex_;  // guards all below
  std::unordered_map<format::Id, std::uint32_t, format::IdHash> numbers_;
  std::vector<format::Id> ids_;
};

BatchRun::BatchRun(repo::Repository& repository, RestoreTarget& target,
                   const RestoreOptions& options, RestoreTally& tally, RestoreBatch batch)
    : repository_(repository),
      target_(target),
      options_(options),
      tally_(tally),
      batch_(std::move(batch)),
      packs_(std::make_unique<Packs>()),
      files_(open_files_max) {
  const unsigned threads = options.threads != 0 ? options.threads : cores_available();
  for (unsigned i = 0; i < threads; ++i) workers_.push_back(std::make_unique<Worker>(repository));
}

BatchRun::~BatchRun() = default;

void BatchRun::run(const std::stop_token& stop, const std::stop_token& abandoned) {
  stop_ = stop;
  abandoned_ = abandoned;
  const std::size_t count = batch_.items.size();
  std::vector<std::uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0U);
  while (!numbers.empty()) {
    restore_content(numbers);
    numbers = take_over_kept();
  }
  for (RestoreItem& item : batch_.items) {
    if (stopped()) break;
    if (item.is_link && !item.failed) attempt(item, "linking", [&] { link(item); });
  }
  if (options_.verify && !options_.dry_run) {
    in_parallel(count, [&](std::size_t i, Worker& worker) {
      RestoreItem& item = batch_.items[i];
      if (item.restored) attempt(item, "verifying", [&] { verify(item, worker); });
    });
  }
  if (!stopped()) finish_directories();
}

// All of these items but the links.
void BatchRun::restore_content(std::span<const std::uint32_t> numbers) {
  const std::size_t count = numbers.size();
  in_parallel((count + items_at_once - 1) / items_at_once, [&](std::size_t group, Worker& worker) {
    const std::size_t end = std::min((group + 1) * items_at_once, count);
    for (std::size_t i = group * items_at_once; i < end; ++i) prepare(numbers[i], worker);
  });
  plan();
  if (!jobs_.empty()) {
    in_parallel(jobs_.size() - 1,
                [&](std::size_t job, Worker& worker) { restore_pack(job, worker); });
  }
}

bool BatchRun::stopped() const {
  if (stop_.stop_requested()) throw Error(Errc::cancelled, "the restore was cancelled");
  return abandoned_.stop_requested();
}

void BatchRun::in_parallel(std::size_t count,
                           const std::function<void(std::size_t, Worker&)>& work) {
  std::atomic<std::size_t> next{0};
  const auto take_turns = [&](Worker& worker, const std::stop_token& failed) {
    for (std::size_t i = next++; i < count && !failed.stop_requested() && !stopped(); i = next++) {
      work(i, worker);
    }
  };
  const std::size_t threads = std::min(workers_.size(), count);
  if (threads <= 1) {
    take_turns(*workers_.front(), {});
    return;
  }
  Crew crew;
  for (std::size_t i = 0; i < threads; ++i) {
    crew.start([&, worker = workers_[i].get()](const std::stop_token& failed) {
      take_turns(*worker, failed);
    });
  }
  crew.join();
}

void BatchRun::fail(RestoreItem& item, std::string_view during, const Error& error) {
  if (item.failed.exchange(true)) return;
  if (item.linked && !item.is_link) item.linked->failed = true;
  tally_.failed(location_of(item), during, error);
}

std::string BatchRun::location_of(const RestoreItem& item) const {
  return RestoreTarget::location_of(*item.directory, item.node.name);
}

std::string BatchRun::path_of(const RestoreItem& item) const {
  return target_.path_of(*item.directory, item.node.name);
}

// ---- what is to be done ----

void BatchRun::prepare(std::uint32_t number, Worker& worker) {
  RestoreItem& item = batch_.items[number];
  if (item.is_link) return;
  if (item.node.type == format::NodeType::file) {
    attempt(item, "restoring", [&] { prepare_file(number, worker); });
  } else {
    attempt(item, "restoring", [&] { make_special(item); });
  }
}

std::optional<struct ::stat> BatchRun::existing(const RestoreItem& item) {
  if (item.directory->fresh || item.directory->state != TargetDirectory::State::ready) {
    return std::nullopt;
  }
  return target_.status(*item.directory, item.node.name);
}

bool BatchRun::may_overwrite(const format::Node& node, const struct ::stat& status) const {
  if (options_.overwrite == Overwrite::never) return false;
  return options_.overwrite != Overwrite::if_newer || node.mtime > mtime_of(status);
}

// Where the file's blobs lie, into worker.file_places. A file whose blobs do not add up is refused
// before anything is written.
void BatchRun::find_places(std::uint32_t number, Worker& worker) {
  const format::Node& node = batch_.items[number].node;
  worker.file_places.clear();
  std::uint64_t offset = 0;
  const std::size_t count = node.content ? node.content->size() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const format::Id& id = (*node.content)[i];
    const auto place = repository_.index().find({format::BlobType::data, id});
    if (!place) throw Error(Errc::corrupt, fmt::format("blob {} is not in the index", id.hex()));
    if (place->plain_bytes() > repo::blob_bytes_max) {
      throw Error(Errc::corrupt,
                  fmt::format("blob {} claims to have {} bytes", id.hex(), place->plain_bytes()));
    }
    worker.file_places.push_back({packs_->number_of(place->pack), place->offset_bytes,
                                  place->size_bytes, place->plain_size_bytes, number,
                                  static_cast<std::uint32_t>(i), offset});
    offset += place->plain_bytes();
  }
  if (offset != node.size_bytes) {
    throw Error(Errc::corrupt,
                fmt::format("the file is said to have {} bytes, but its blobs have {}",
                            node.size_bytes, offset));
  }
}

void BatchRun::prepare_file(std::uint32_t number, Worker& worker) {
  RestoreItem& item = batch_.items[number];
  const format::Node& node = item.node;
  const std::optional<struct ::stat> status = existing(item);
  if (status && !may_overwrite(node, *status)) {
    if (item.linked) item.linked->kept_other = true;
    tally_.skipped(location_of(item), node.size_bytes);
    return;
  }
  find_places(number, worker);
  worker.matches.assign(worker.file_places.size(), false);
  if (status && compare_existing(item, *status, worker)) {
    tally_.skipped(location_of(item), node.size_bytes);
    if (!options_.dry_run) set_metadata(item);
    return;
  }
  tally_.expect(node.size_bytes);
  if (options_.dry_run) {
    tally_.wrote(node.size_bytes);
    tally_.done(location_of(item),
                item.in_place ? model::ItemAction::updated : model::ItemAction::restored,
                node.size_bytes);
    return;
  }
  std::uint32_t needed = 0;
  std::uint64_t kept_bytes = 0;
  for (std::size_t i = 0; i < worker.file_places.size(); ++i) {
    if (worker.matches[i]) {
      const Place& place = worker.file_places[i];
      kept_bytes += i + 1 < worker.file_places.size()
                        ? worker.file_places[i + 1].file_offset_bytes - place.file_offset_bytes
                        : node.size_bytes - place.file_offset_bytes;
    } else {
      worker.places.push_back(worker.file_places[i]);
      ++needed;
    }
  }
  tally_.wrote(kept_bytes);
  item.steps_left = needed;
  if (needed != 0) return;
  create(item).close(path_of(item));
  finish(item, number);
}

// Whether the file that is there is the one wanted. If not, what of it is right stands in
// worker.matches, and the item knows how it is to be written. One that cannot be read is made anew.
bool BatchRun::compare_existing(RestoreItem& item, const struct ::stat& status, Worker& worker) {
  const format::Node& node = item.node;
  item.remove_first = true;
  if (!S_ISREG(status.st_mode)) return false;
  const bool size_matches = static_cast<std::uint64_t>(status.st_size) == node.size_bytes;
  if (options_.overwrite == Overwrite::if_changed && size_matches &&
      mtime_of(status) == node.mtime) {
    return true;
  }
  const std::shared_ptr<const Fd> directory = target_.open(*item.directory);
  Fd fd(::openat(directory->get(), node.name.c_str(), O_RDWR | existing_flags));
  const bool writable = static_cast<bool>(fd);
  if (!fd) fd = Fd(::openat(directory->get(), node.name.c_str(), O_RDONLY | existing_flags));
  if (!fd) return false;

  bool all_match = size_matches;
  bool is_readable = true;
  for (std::size_t i = 0; i < worker.file_places.size(); ++i) {
    // A file that was compared only in part must not be taken for the right one.
    if (stopped()) throw Error(Errc::cancelled, "another part of the restore failed");
    const std::uint64_t begin = worker.file_places[i].file_offset_bytes;
    const std::uint64_t end = i + 1 < worker.file_places.size()
                                  ? worker.file_places[i + 1].file_offset_bytes
                                  : node.size_bytes;
    if (end > static_cast<std::uint64_t>(status.st_size)) {
      all_match = false;
      break;
    }
    worker.buffer.resize(static_cast<std::size_t>(end - begin));
    is_readable = target_.read_back(fd, worker.buffer, begin);
    if (!is_readable) break;
    worker.matches[i] = format::id_of(worker.buffer) == (*node.content)[i];
    all_match = all_match && worker.matches[i];
  }
  if (all_match && is_readable) return true;
  // A file with other names would change under all of them.
  item.in_place = writable && is_readable && status.st_nlink == 1;
  item.remove_first = !item.in_place;
  if (!item.in_place) worker.matches.assign(worker.matches.size(), false);
  return false;
}

void BatchRun::make_special(RestoreItem& item) {
  const format::Node& node = item.node;
  if (node.type == format::NodeType::irregular) {
    throw Error(Errc::unsupported, "it is irregular, which is nothing that can be made");
  }
  const std::optional<struct ::stat> status = existing(item);
  if (status && !may_overwrite(node, *status)) {
    tally_.skipped(location_of(item), 0);
    return;
  }
  tally_.expect(0);
  if (!options_.dry_run) {
    if (status) target_.remove(*item.directory, node.name);
    const std::shared_ptr<const Fd> directory = target_.open(*item.directory);
    const char* name = node.name.c_str();
    int result = 0;
    switch (node.type) {
      case format::NodeType::symlink:
        if (node.link_target.find('\0') != std::string::npos) {
          throw Error(Errc::corrupt, "the target of the symlink holds a NUL byte");
        }
        result = ::symlinkat(node.link_target.c_str(), directory->get(), name);
        break;
      case format::NodeType::dev:
        result = ::mknodat(directory->get(), name, S_IFBLK | 0600, node.device);
        break;
      case format::NodeType::chardev:
        result = ::mknodat(directory->get(), name, S_IFCHR | 0600, node.device);
        break;
      case format::NodeType::fifo:
        result = ::mkfifoat(directory->get(), name, 0600);
        break;
      default:
        throw Error(Errc::bug, "a node of this type is not restored");
    }
    if (result != 0) {
      throw system_error(errno,
                         fmt::format("creating {} {}", node_type_name(node.type), path_of(item)));
    }
    set_metadata(item);
  }
  tally_.done(location_of(item), model::ItemAction::restored, 0);
}

// ---- pack by pack ----

void BatchRun::plan() {
  places_.clear();
  jobs_.clear();
  std::size_t count = 0;
  for (const auto& worker : workers_) count += worker->places.size();
  places_.reserve(count);
  for (const auto& worker : workers_) {
    places_.insert(places_.end(), worker->places.begin(), worker->places.end());
    worker->places = {};
  }
  std::ranges::sort(places_, {}, [](const Place& place) {
    return std::tuple(place.pack, place.offset_bytes, place.item, place.file_offset_bytes);
  });
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (i == 0 || places_[i].pack != places_[i - 1].pack) jobs_.push_back(i);
  }
  if (!jobs_.empty()) jobs_.push_back(places_.size());
}

void BatchRun::restore_pack(std::size_t job, Worker& worker) {
  const std::span<const Place> places(
      places_.begin() + static_cast<std::ptrdiff_t>(jobs_[job]),
      places_.begin() + static_cast<std::ptrdiff_t>(jobs_[job + 1]));
  std::vector<format::PackedBlob> blobs;
  for (const Place& place : places) {
    if (!blobs.empty() && blobs.back().offset_bytes == place.offset_bytes) continue;
    blobs.push_back({{format::BlobType::data, id_at(place)},
                     place.offset_bytes,
                     place.size_bytes,
                     place.plain_size_bytes});
  }
  // What does not come out of this pack may come out of another, afterwards, when the codec is
  // free.
  std::vector<bool> written(places.size(), false);
  try {
    repo::read_pack_blobs(
        repository_, packs_->id_of(places.front().pack), blobs, worker.codec,
        [&](const format::PackedBlob& blob, Bytes& plain) {
          if (stopped()) throw Error(Errc::cancelled, "another part of the restore failed");
          for (const Place& place :
               std::ranges::equal_range(places, blob.offset_bytes, {}, &Place::offset_bytes)) {
            // Only a damaged index gives two blobs one place.
            if (id_at(place) != blob.blob.id) continue;
            written[static_cast<std::size_t>(&place - places.data())] = true;
            write_blob(place, plain);
          }
        },
        [](const format::PackedBlob&, const Error&) {});
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt && error.code() != Errc::not_found) throw;
  }
  for (std::size_t i = 0, end = 0; i < places.size(); i = std::max(end, i + 1)) {
    if (written[i]) continue;
    for (end = i + 1;
         end < places.size() && !written[end] && id_at(places[end]) == id_at(places[i]);)
      ++end;
    restore_blob_apart(places.subspan(i, end - i), worker);
  }
}

const format::Id& BatchRun::id_at(const Place& place) const {
  return (*batch_.items[place.item].node.content)[place.blob];
}

// A blob that its pack did not give: any sound copy will do.
void BatchRun::restore_blob_apart(std::span<const Place> places, Worker& worker) {
  Bytes plain;
  try {
    plain = repository_.load_blob({format::BlobType::data, id_at(places.front())}, worker.codec);
  } catch (const Error& error) {
    for (const Place& place : places) fail(batch_.items[place.item], "reading", error);
    return;
  }
  for (const Place& place : places) write_blob(place, plain);
}

void BatchRun::write_blob(const Place& place, ByteView plain) {
  RestoreItem& item = batch_.items[place.item];
  Fd alone;  // a file that is written in one step
  if (!item.failed) {
    attempt(item, "writing", [&] {
      const std::string path = path_of(item);
      const auto write = [&](int fd) {
        if (options_.sparse && !item.in_place) {
          write_sparse(fd, plain, place.file_offset_bytes, path);
        } else {
          pwrite_all(fd, plain, place.file_offset_bytes, path);
        }
      };
      if (item.node.content->size() == 1 && !item.in_place) {
        alone = create(item);
        write(alone.get());
      } else {
        write(output(place.item)->get());
      }
      tally_.wrote(plain.size());
    });
  }
  end_step(place.item, &alone);
}

// Opens the file for the first time: makes it, or the one that is there as long as it shall be.
Fd BatchRun::create(RestoreItem& item) {
  const std::string path = path_of(item);
  const std::uint64_t size_bytes = item.node.size_bytes;
  if (item.remove_first) target_.remove(*item.directory, item.node.name);
  const std::shared_ptr<const Fd> directory = target_.open(*item.directory);
  const int how = item.in_place ? O_WRONLY | existing_flags
                                : O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Fd fd(::openat(directory->get(), item.node.name.c_str(), how, 0600));
  if (!fd) throw system_error(errno, (item.in_place ? "opening " : "creating ") + path);
  if (item.in_place) {
    struct ::stat status {};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      throw Error(Errc::io, path + " was replaced while it was restored");
    }
    if (static_cast<std::uint64_t>(status.st_size) != size_bytes)
      set_file_size(fd.get(), size_bytes, path);
  } else if (options_.sparse) {
    set_file_size(fd.get(), size_bytes, path);
  } else if (item.node.content && item.node.content->size() > 1) {
    reserve_room(fd.get(), size_bytes, path);
  }
  return fd;
}

// The open descriptor of a file that is written in several steps, by several threads.
std::shared_ptr<const Fd> BatchRun::output(std::uint32_t number) {
  if (std::shared_ptr<const Fd> fd = files_.find(number)) return fd;
  std::shared_ptr<const Fd> kept;
  std::optional<FdCache::Entry> evicted;
  {
    const std::lock_guard lock(begin_mutexes_[number % begin_mutexes_.size()]);
    if (std::shared_ptr<const Fd> fd = files_.find(number)) return fd;
    RestoreItem& item = batch_.items[number];
    Fd fd = item.begun ? open_at(target_.open(*item.directory)->get(), item.node.name,
                                 O_WRONLY | existing_flags)
                       : create(item);
    item.begun = true;
    kept = files_.keep(
        number, std::move(fd),
        [this](std::uint64_t other) { return claim_step(static_cast<std::uint32_t>(other)); },
        evicted);
  }
  if (evicted) close_evicted(std::move(*evicted));
  return kept;
}

// Takes one more step of a file upon oneself, so that nobody finishes it meanwhile. False if
// somebody already does.
bool BatchRun::claim_step(std::uint32_t number) {
  std::atomic<std::uint32_t>& left = batch_.items[number].steps_left;
  std::uint32_t seen = left.load();
  while (seen != 0) {
    if (left.compare_exchange_weak(seen, seen + 1)) return true;
  }
  return false;
}

void BatchRun::end_step(std::uint32_t number, const Fd* alone) {
  RestoreItem& item = batch_.items[number];
  if (item.steps_left.fetch_sub(1) != 1) return;
  attempt(item, "restoring", [&] { finish(item, number, alone); });
}

// A file that is open no longer, although it is not complete: what the system has to say about
// what was written so far, it says now.
void BatchRun::close_evicted(FdCache::Entry evicted) {
  const auto number = static_cast<std::uint32_t>(evicted.key);
  RestoreItem& item = batch_.items[number];
  attempt(item, "writing", [&] { target_.flush(*evicted.fd, path_of(item)); });
  evicted.fd.reset();
  end_step(number);
}

// All content is written: the rest of what the node says. A file that failed keeps its own times,
// so that nobody takes it for the one of the snapshot.
void BatchRun::finish(RestoreItem& item, std::uint32_t number, const Fd* alone) {
  std::shared_ptr<const Fd> kept;
  if (alone == nullptr || !*alone) {
    kept = files_.find(number);
    files_.drop(number);
    alone = kept.get();
  }
  if (item.failed) return;
  if (alone != nullptr) target_.flush(*alone, path_of(item));
  item.restored = true;
  set_metadata(item, alone);
  tally_.done(location_of(item),
              item.in_place ? model::ItemAction::updated : model::ItemAction::restored,
              item.node.size_bytes);
}

void BatchRun::set_metadata(const RestoreItem& item, const Fd* open) {
  tally_.noted(
      restore_metadata(target_, options_, *item.directory, item.node.name, item.node, open));
}

}  // namespace holdfast::archive
