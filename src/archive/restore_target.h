// SPDX-License-Identifier: Apache-2.0
// The directory that a restore writes to, as the only way to touch it. Every path below it is
// opened component by component without following symlinks, so that nothing outside is ever
// reached, whatever a tree says or whatever lay there before. Knows nothing of repositories.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/fd.h"

namespace holdfast::archive {

// A few open descriptors, used last first. Any number of threads. One that is in use elsewhere
// lives on after it has been dropped here.
class FdCache {
 public:
  struct Entry {
    std::uint64_t key;
    std::shared_ptr<const Fd> fd;
  };

  explicit FdCache(std::size_t count_max) : count_max_(count_max) {}
  [[nodiscard]] std::shared_ptr<const Fd> find(std::uint64_t key);
  // Keeps `fd` under the key, and returns it, or the one that is kept there already. What has to go
  // for it, but nothing that is in use, is closed, and what the system says then is lost: for
  // descriptors that are only read.
  std::shared_ptr<const Fd> keep(std::uint64_t key, Fd fd);
  // The same for descriptors that were written to: what has to go comes back in `evicted`, used by
  // nobody else, for the caller to close with care. Passed over is what `may_go`, asked under the
  // cache's lock, wants to stay.
  std::shared_ptr<const Fd> keep(std::uint64_t key, Fd fd,
                                 const std::function<bool(std::uint64_t key)>& may_go,
                                 std::optional<Entry>& evicted);
  void drop(std::uint64_t key);

 private:
  const std::size_t count_max_;
  std::mutex mutex_;  // guards all below
  std::list<Entry> entries_;
  std::unordered_map<std::uint64_t, std::list<Entry>::iterator> places_;
};

// A directory below the target, made by RestoreTarget::below(). Known by its parent and its own
// name, so that a deep one costs no long path.
struct TargetDirectory {
  enum class State : std::uint8_t {
    unvisited,  // not needed so far
    ready,
    missing,  // dry run: it would have been made
    failed,   // cannot be had; reported once
  };
  std::shared_ptr<TargetDirectory> parent;  // none: the target itself
  std::string name;
  std::uint64_t number = 0;  // unique in the run
  State state = State::unvisited;
  bool fresh = false;  // made by this run, so that there was nothing in it
};

class RestoreTarget {
 public:
  struct Options {
    bool dry_run = false;
    bool replace = true;              // what is no directory goes where one is needed
    bool remove_recursively = false;  // a directory with content may be replaced by a file
  };
  // Makes the target directory if it is missing (not in a dry run).
  RestoreTarget(std::filesystem::path target, const Options& options);
  virtual ~RestoreTarget() = default;
  RestoreTarget(const RestoreTarget&) = delete;
  RestoreTarget& operator=(const RestoreTarget&) = delete;

  [[nodiscard]] const std::shared_ptr<TargetDirectory>& root() const noexcept { return root_; }
  [[nodiscard]] std::shared_ptr<TargetDirectory> below(
      const std::shared_ptr<TargetDirectory>& parent, std::string name);

  // About the memory of all directories of below() that anybody still holds.
  [[nodiscard]] std::size_t directories_bytes() const noexcept { return *directories_bytes_; }

  // Makes the directory and those above it unless they are there. True if it is ready, or missing
  // in a dry run; false if it failed before. Throws what it fails with, the first time. One thread.
  bool ensure(TargetDirectory& directory);

  // The path of an entry of `directory` inside the snapshot, for messages: "/a/b".
  [[nodiscard]] static std::string location_of(const TargetDirectory& directory,
                                               std::string_view name);
  // The same on disk.
  [[nodiscard]] std::string path_of(const TargetDirectory& directory, std::string_view name) const;

  // All below take a ready directory and are safe from several threads.
  [[nodiscard]] std::shared_ptr<const Fd> open(const TargetDirectory& directory);
  [[nodiscard]] std::optional<struct ::stat> status(const TargetDirectory& directory,
                                                    const std::string& name);
  // Removes an entry if it is there: a directory only if it is empty or remove_recursively is set.
  void remove(const TargetDirectory& directory, const std::string& name);
  // Removes an entry with all below it, which never follows a symlink. `removed` hears of each path
  // below the directory ("name", "name/x"), children first.
  void remove_all(const TargetDirectory& directory, const std::string& name,
                  const std::function<void(const std::string& below)>& removed);
  // The names in the directory, in no order.
  [[nodiscard]] std::vector<std::string> list(const TargetDirectory& directory);

  // What is done with files that are open; tests make these fail.
  //
  // Whether `into` could be filled from the file: false if it ends before or cannot be read.
  [[nodiscard]] virtual bool read_back(const Fd& file, std::span<std::byte> into,
                                       std::uint64_t offset_bytes);
  // Throws what the system would say on closing (NFS and quotas say it late); `file` lives on.
  virtual void flush(const Fd& file, std::string_view path);

 private:
  void make(TargetDirectory& directory);
  void open_existing(TargetDirectory& directory, int parent_fd);

  const std::filesystem::path target_;
  const Options options_;
  std::shared_ptr<TargetDirectory> root_;
  Fd root_fd_;
  std::uint64_t next_number_ = 0;
  // Shared with the directories, which may outlive the target.
  std::shared_ptr<std::atomic<std::size_t>> directories_bytes_;
  FdCache open_;
};

}  // namespace holdfast::archive
