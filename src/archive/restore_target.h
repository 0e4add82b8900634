// SPDX-License-Identifier: Apache-2.0
// The directory that a restore writes to, as the only way to touch it. Every path below it is
// opened component by component without following symlinks, so that nothing outside is ever
// reached, whatever a tree says or whatever lay there before. Knows nothing of repositories.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
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
  explicit FdCache(std::size_t count_max) : count_max_(count_max) {}
  [[nodiscard]] std::shared_ptr<const Fd> find(std::uint64_t key);
  // Keeps `fd` under the key, and returns it, or the one that is kept there already.
  std::shared_ptr<const Fd> keep(std::uint64_t key, Fd fd);
  void drop(std::uint64_t key);

 private:
  struct Entry {
    std::uint64_t key;
    std::shared_ptr<const Fd> fd;
  };
  const std::size_t count_max_;
  std::mutex mutex_;  // guards all below
  std::list<Entry> entries_;
  std::unordered_map<std::uint64_t, std::list<Entry>::iterator> places_;
};

// A directory below the target. Known by its parent and its own name, so that a deep one costs no
// long path.
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

  [[nodiscard]] const std::shared_ptr<TargetDirectory>& root() const noexcept { return root_; }
  [[nodiscard]] std::shared_ptr<TargetDirectory> below(
      const std::shared_ptr<TargetDirectory>& parent, std::string name);

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

 private:
  void make(TargetDirectory& directory);
  void open_existing(TargetDirectory& directory, int parent_fd);

  const std::filesystem::path target_;
  const Options options_;
  std::shared_ptr<TargetDirectory> root_;
  Fd root_fd_;
  std::uint64_t next_number_ = 0;
  FdCache open_;
};

}  // namespace holdfast::archive
