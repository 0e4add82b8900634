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

// The given paths as a tree of their components, as they will lie in the snapshot. A path below
// another is walked once, within it.
struct Target {
  std::map<std::string, Target, std::less<>> below;
  bool is_given = false;
  // Found in a given directory without a name of its own, such as ".", before it was given itself,
  // if ever: what is excluded applies to it.
  bool is_listed = false;
  bool is_whole = false;  // it or one above was given: all of it is saved, but for the excludes
  // Of one directly below the root that lies elsewhere or has another name there. Else empty.
  std::string source;  // where it lies, as seen from "/"
  std::string path;    // the same as the user sees it, absolute
  // Of one that is listed: the device of the directory it lies in.
  dev_t directory_device = 0;
  // Of one directly below the root: the directory and the name that it was given with.
  std::string start, name;
};
struct Targets {
  Target root;
  std::vector<std::pair<std::string, Error>> missing;  // paths that could not be looked at
};
// Absolute paths lie in the snapshot where they are. Of relative ones it has what stands behind the
// `..` in front: "../a/b" is "/a/b" there. Where two of different directories begin with the same
// name, the later one becomes "name-1". A directory without a name (".", "..", "/") stands for what
// it holds. Errc::usage for an empty path.
// Source: restic internal/archiver/tree.go and archiver.go (resolveRelativeTargets).
[[nodiscard]] Targets find_targets(const std::vector<std::string>& paths);

// A directory on the way. Lives while anything below it is at work.
class Folder : public std::enable_shared_from_this<Folder> {
 public:
  Folder(std::shared_ptr<Folder> parent, std::string name, const Target* target);
  virtual ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string path() const;       // where it lies: "/home/user"
  [[nodiscard]] std::string item_path() const;  // in the snapshot, where it may be "/user"
  [[nodiscard]] const std::shared_ptr<Folder>& parent() const noexcept { return parent_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  friend class SourceWalk;
  // Symlinks are followed on the way to a given path, as restic does, and nowhere else.
  [[nodiscard]] bool is_followed() const noexcept {
    return target_ != nullptr && !target_->below.empty();
  }

  // What it is called where it lies, from its parent.
  [[nodiscard]] const std::string& source_name() const noexcept {
    return target_ != nullptr && !target_->source.empty() ? target_->source : name_;
  }
  [[nodiscard]] std::string path(bool is_in_snapshot) const;

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

// What an item of a folder is called from there, and as a whole path (`prefix` is the folder's and
// a slash): by its name, unless it was given and lies elsewhere.
[[nodiscard]] const std::string& source_name(const std::string& name,
                                             const Target* target) noexcept;
[[nodiscard]] std::string source_path(const std::string& prefix, const std::string& name,
                                      const Target* target);

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
    std::string item_prefix;           // its path in the snapshot and a slash
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
  [[nodiscard]] const std::vector<const Marker*>& markers_beside(const Listing& listing,
                                                                 const Target& listed);
  [[nodiscard]] bool has_header(int directory_fd, const std::string& name, const std::string& path,
                                const Marker& marker);
  [[nodiscard]] bool is_left_out_by_name(const Listing& listing, const SourceItem& item);
  [[nodiscard]] bool is_left_out_by_status(dev_t directory_device, dev_t allowed_device,
                                           const struct ::stat& status) const;

  const ArchiveOptions& options_;
  model::Observer& observer_;
  const std::stop_token stop_;
  std::vector<Marker> markers_;
  std::vector<const Marker*> markers_here_;  // those found in the folder being visited
  // The same for directories of listed targets, by their paths.
  std::map<std::string, std::vector<const Marker*>, std::less<>> markers_beside_;
  std::vector<std::shared_ptr<Folder>> pending_;  // a stack
  std::vector<std::shared_ptr<Folder>> chosen_;   // below the folder being visited
  std::deque<std::weak_ptr<Folder>> opened_;      // oldest first
  std::vector<char> entries_;                     // buffer for getdents
};

}  // namespace holdfast::archive
