// SPDX-License-Identifier: Apache-2.0
// The way through the file system: which directories and items the given paths and options mean.
// Reads no content and saves nothing; scan_paths and save_paths decide what to do with an item.
//
// One thread, depth first, in order of name bytes. No recursion, and never more than some 64
// descriptors open, however deep the tree is: a directory whose descriptor was given up is opened
// again from the nearest open one above, and must then be the same directory.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/archiver.h"
#include "base/fd.h"
#include "model/progress.h"

namespace holdfast::archive {

// The given paths as a tree of their components. A path below another is walked once, within it.
struct Target {
  std::map<std::string, Target, std::less<>> below;
  bool is_given = false;
  bool is_whole = false;  // it or one above was given: all of it is saved, but for the excludes
};
struct Targets {
  Target root;
  std::vector<std::pair<std::string, Error>> missing;  // paths that could not be looked at
};
// `paths` are absolute and clean: Errc::usage otherwise.
[[nodiscard]] Targets find_targets(const std::vector<std::string>& paths);

// A directory on the way. Lives while anything below it is at work.
class Folder : public std::enable_shared_from_this<Folder> {
 public:
  Folder(std::shared_ptr<Folder> parent, std::string name, const Target* target);
  virtual ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string path() const;  // "/home/user"
  [[nodiscard]] const std::shared_ptr<Folder>& parent() const noexcept { return parent_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  friend class SourceWalk;
  // Symlinks are followed on the way to a given path, as restic does, and nowhere else.
  [[nodiscard]] bool is_followed() const noexcept {
    return target_ != nullptr && !target_->below.empty();
  }

  std::shared_ptr<Folder> parent_;
  const std::string name_;
  const Target* const target_;        // null: not on the way to a given path
  dev_t device_ = 0;                  // as lstat saw it
  dev_t allowed_device_ = 0;          // of the given path it lies in, for one_file_system
  std::pair<dev_t, ino_t> identity_;  // as it was first opened
  std::shared_ptr<const Fd> handle_;  // null while given up
  std::size_t unopened_ = 0;          // folders directly below that are still to be walked
};

// An entry of a folder.
struct SourceItem {
  std::string name;
  unsigned char kind = 0;  // DT_… of readdir; DT_UNKNOWN if it did not say
  const Target* target = nullptr;
};

class SourceWalk {
 public:
  SourceWalk(const ArchiveOptions& options, model::Observer& observer, std::stop_token stop);
  virtual ~SourceWalk() = default;
  SourceWalk(const SourceWalk&) = delete;
  SourceWalk& operator=(const SourceWalk&) = delete;

  // Walks everything below `root`, which stands for "/". Ends early on a stop request.
  void walk(const std::shared_ptr<Folder>& root);

 protected:
  // What visit() works on; valid during the call.
  struct Listing {
    std::shared_ptr<Folder> folder;
    std::shared_ptr<const Fd> handle;  // may be O_PATH
    std::string prefix;                // the folder's path and a slash
    std::vector<SourceItem> items;     // in order of name
  };
  // An item that is to be saved.
  struct Choice {
    mode_t type = 0;                      // S_IF…
    std::optional<struct ::stat> status;  // always there but for regular files
    bool is_followed = false;             // a directory reached through a symlink, perhaps
  };

  // A folder was opened and listed.
  virtual void visit(Listing& listing) = 0;
  // A folder could not be opened or listed.
  virtual void left_out(const std::shared_ptr<Folder>& folder, const Error& error) = 0;

  // Whether `item` is to be saved, by patterns, markers, size, device and type. `wants_status` for
  // regular files, where it may be saved. Errc by system_error if the item cannot be looked at.
  [[nodiscard]] std::optional<Choice> choose(const Listing& listing, const SourceItem& item,
                                             bool wants_status);
  // Walks `child`, made for a directory that was chosen, after this visit.
  void descend(const Listing& listing, const SourceItem& item, const Choice& choice,
               std::shared_ptr<Folder> child);
  [[nodiscard]] bool is_stopped() const noexcept { return stop_.stop_requested(); }

 private:
  struct Marker {
    std::string name, header;
  };
  void walk_one(const std::shared_ptr<Folder>& folder);
  [[nodiscard]] std::shared_ptr<const Fd> open(Folder& folder);
  [[nodiscard]] std::shared_ptr<const Fd> handle_of_parent(Folder& folder);
  void keep_few_open();
  void list(Listing& listing);
  void read_entries(Listing& listing);
  void find_markers(const Listing& listing);
  [[nodiscard]] bool has_header(const Listing& listing, const Marker& marker);
  [[nodiscard]] bool is_left_out_by_name(const Listing& listing, const SourceItem& item) const;
  [[nodiscard]] bool is_left_out_by_status(const Folder& folder, const struct ::stat& status) const;

  const ArchiveOptions& options_;
  model::Observer& observer_;
  const std::stop_token stop_;
  std::vector<Marker> markers_;
  std::vector<const Marker*> markers_here_;       // those found in the folder being visited
  std::vector<std::shared_ptr<Folder>> pending_;  // a stack
  std::vector<std::shared_ptr<Folder>> chosen_;   // below the folder being visited
  std::deque<std::weak_ptr<Folder>> opened_;      // oldest first
  std::vector<char> entries_;                     // buffer for getdents
};

}  // namespace holdfast::archive
