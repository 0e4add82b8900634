// SPDX-License-Identifier: Apache-2.0
// Restores a bounded number of files at a time: what lies in one pack is read in one go, by all
// cores, and written wherever it belongs. Which files, and the directories around them, is the
// restorer's business.
#pragma once

#include <fcntl.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "archive/restore_tally.h"
#include "archive/restore_target.h"
#include "archive/restorer.h"
#include "base/error.h"
#include "format/tree.h"
#include "repo/repository.h"

namespace holdfast::archive {

// The first of a file's names to be restored; the others are linked to it. If another file stands
// there, which is to be kept, the next name takes its place.
struct LinkedFile {
  // For the walk alone.
  std::uint64_t size_bytes = 0;
  std::size_t content_hash = 0;
  std::size_t name_bytes = 0;  // of the first name
  std::uint64_t names_to_come = 0;
  // For batches, which run one after the other.
  std::shared_ptr<TargetDirectory> directory;
  std::string name;
  std::atomic<bool> failed = false;
  std::atomic<bool> kept_other = false;  // what stands there was not written by this restore
};

// Anything but a directory.
struct RestoreItem {
  RestoreItem(std::shared_ptr<TargetDirectory> in, format::Node what)
      : directory(std::move(in)), node(std::move(what)) {}

  const std::shared_ptr<TargetDirectory> directory;
  format::Node node;
  std::shared_ptr<LinkedFile> linked;  // of a file with several names
  bool is_link = false;                // one of the others

  // Found out when it is prepared.
  bool in_place = false;      // a file is there, and is changed where it differs
  bool remove_first = false;  // something is there that must go
  // Blobs that are not written, and one more while somebody closes a descriptor of the file: who
  // brings it to 0 finishes the file.
  std::atomic<std::uint32_t> steps_left = 0;
  bool begun = false;                // created; guarded by the batch
  std::atomic<bool> failed = false;  // and reported
  bool restored = false;             // content written and complete
};

// A directory in which nothing will be written after this batch.
struct LeftDirectory {
  std::shared_ptr<TargetDirectory> directory;
  format::Node node;
};

struct RestoreBatch {
  std::deque<RestoreItem> items;
  std::vector<LeftDirectory> left;  // deepest first
  std::size_t weight_bytes = 0;
};

// About the memory an item takes until it is restored, its places in packs included; at most, for
// content of any kind.
[[nodiscard]] std::size_t weight_of(const format::Node& node) noexcept;

class BatchRun {
 public:
  BatchRun(repo::Repository& repository, RestoreTarget& target, const RestoreOptions& options,
           RestoreTally& tally, RestoreBatch batch);
  ~BatchRun();

  // Restores everything in the batch, then sets the metadata of the directories it ends. Item
  // failures go to the tally. Returns early if `abandoned` is requested; Errc::cancelled if `stop`
  // is.
  void run(const std::stop_token& stop, const std::stop_token& abandoned);

 private:
  // Of files that are there: nothing that stands in their place is followed or waited for.
  static constexpr int existing_flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

  // One use of a blob: 32 bytes, because there may be millions.
  struct Place {
    std::uint32_t pack;  // number in this batch
    std::uint32_t offset_bytes;
    std::uint32_t size_bytes;
    std::uint32_t plain_size_bytes;
    std::uint32_t item;
    std::uint32_t blob;  // position in the item's content
    std::uint64_t file_offset_bytes;
  };
  // What one thread owns.
  struct Worker {
    explicit Worker(const repo::Repository& repository) : codec(repository.codec()) {}
    repo::Codec codec;
    Bytes buffer;
    std::vector<Place> places;       // found by this thread
    std::vector<Place> file_places;  // of the file at hand
    std::vector<bool> matches;       // likewise: blobs that are there already
  };
  class Packs;

  void in_parallel(std::size_t count, const std::function<void(std::size_t, Worker&)>& work);
  void restore_content(std::span<const std::uint32_t> numbers);
  // The one place where an item's failure becomes a line of the report.
  template <typename Body>
  void attempt(RestoreItem& item, std::string_view during, Body&& body) {
    try {
      std::forward<Body>(body)();
    } catch (const Error& error) {
      fail(item, during, error);
    }
  }
  void fail(RestoreItem& item, std::string_view during, const Error& error);

  void prepare(std::uint32_t number, Worker& worker);
  void prepare_file(std::uint32_t number, Worker& worker);
  void find_places(std::uint32_t number, Worker& worker);
  bool compare_existing(RestoreItem& item, const struct ::stat& status, Worker& worker);
  void make_special(RestoreItem& item);
  [[nodiscard]] std::optional<struct ::stat> existing(const RestoreItem& item);
  [[nodiscard]] bool may_overwrite(const format::Node& node, const struct ::stat& status) const;

  void plan();
  void restore_pack(std::size_t job, Worker& worker);
  void restore_blob_apart(std::span<const Place> places, Worker& worker);
  [[nodiscard]] const format::Id& id_at(const Place& place) const;
  void write_blob(const Place& place, ByteView plain);
  [[nodiscard]] Fd create(RestoreItem& item);
  [[nodiscard]] std::shared_ptr<const Fd> output(std::uint32_t number);
  [[nodiscard]] bool claim_step(std::uint32_t number);
  void end_step(std::uint32_t number, const Fd* alone = nullptr);
  void close_evicted(FdCache::Entry evicted);
  void finish(RestoreItem& item, std::uint32_t number, const Fd* alone = nullptr);
  void set_metadata(const RestoreItem& item, const Fd* open = nullptr);

  [[nodiscard]] std::vector<std::uint32_t> take_over_kept();
  [[nodiscard]] bool holds_content(const LinkedFile& file, const format::Node& node);
  void link(RestoreItem& item);
  void verify(RestoreItem& item, Worker& worker);
  void finish_directories();

  [[nodiscard]] std::string location_of(const RestoreItem& item) const;
  [[nodiscard]] std::string path_of(const RestoreItem& item) const;
  [[nodiscard]] bool stopped() const;

  repo::Repository& repository_;
  RestoreTarget& target_;
  const RestoreOptions& options_;
  RestoreTally& tally_;
  RestoreBatch batch_;
  std::stop_token stop_, abandoned_;

  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Packs> packs_;
  std::vector<Place> places_;                 // by pack and offset
  std::vector<std::size_t> jobs_;             // where each pack begins in places_, and the end
  FdCache files_;                             // being written
  std::array<std::mutex, 64> begin_mutexes_;  // by item number; guard RestoreItem::begun
};

}  // namespace holdfast::archive
