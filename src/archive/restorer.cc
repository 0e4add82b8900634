// SPDX-License-Identifier: Apache-2.0
// The walk through the snapshot: makes directories, hands everything else to batches, and leaves
// directories when all below them is done.
//
// Memory does not depend on the size of the tree, see RestoreLimits. One batch is filled while the
// other is written, and is written in its turn as soon as that is done. A directory whose
// subdirectories are too many is visited in parts, its tree read once for each. A tree that is
// shared many times costs disk and time, as it would in restic, but no memory.
#include "archive/restorer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <unordered_map>
#include <utility>

#include "archive/restore_batch.h"
#include "archive/restore_tally.h"
#include "archive/restore_target.h"
#include "base/crew.h"
#include "base/error.h"
#include "repo/tree_place.h"

namespace holdfast::archive {
namespace {

// From here on a batch is written as soon as the one before it is: some thousand files.
constexpr std::size_t early_batch_bytes = std::size_t{2} << 20U;
constexpr std::size_t levels_share = 4;  // of levels_bytes_max: what one directory may take

struct Selection {
  bool restore = true;  // this very item
  bool descend = true;  // something below it may be
};

// A directory on the way down: its files are handed out at once, its subdirectories wait here.
struct Level {
  std::shared_ptr<TargetDirectory> directory;
  format::Node node;  // of the directory; nothing for the root
  format::Id tree;
  std::deque<format::Node> subdirectories;
  std::vector<std::string>
      names;  // of all entries, in order; only to delete what is not among them
  std::size_t next = 0;
  std::size_t weight_bytes = 0;  // of the two lists
  std::size_t node_bytes = 0;
  std::string last_name;  // the subdirectory visited last, when the lists were let go
  bool let_go = false;
  bool has_more = false;  // subdirectories behind those listed
  bool damaged = false;   // what belongs in it is not known
};

class TreeRestore {
  using LinkKey = std::pair<std::uint64_t, std::uint64_t>;  // inode and device
  struct LinkHash {
    std::size_t operator()(const LinkKey& key) const noexcept {
      return std::hash<std::uint64_t>{}(key.first * 0x9e37'79b9'7f4a'7c15U + key.second);
    }
  };
  using Links = std::unordered_map<LinkKey, std::shared_ptr<LinkedFile>, LinkHash>;

 public:
  TreeRestore(repo::Repository& repository, const RestoreOptions& options,
              model::Observer& observer, std::stop_token stop)
      : repository_(repository),
        codec_(repository.codec()),
        options_(options),
        observer_(observer),
        stop_(std::move(stop)),
        tally_(observer),
        target_(options.target, {.dry_run = options.dry_run,
                                 .replace = options.overwrite == Overwrite::always ||
                                            options.overwrite == Overwrite::if_changed,
                                 .remove_recursively = options.delete_extra}) {}

  RestoreReport run(const format::Id& root) {
    observer_.phase("restoring");
    Level level;
    level.directory = target_.root();
    level.tree = root;
    enter(std::move(level));
    while (!levels_.empty()) {
      check_stop();
      Level& top = levels_.back();
      if (top.has_more && top.next == top.subdirectories.size()) let_go(top);
      if (top.let_go) load(top, true);
      if (top.next < top.subdirectories.size()) {
        visit_directory(top, std::move(top.subdirectories[top.next++]));
      } else {
        leave(top);
        weight_bytes_ -= top.weight_bytes;
        nodes_bytes_ -= top.node_bytes;
        levels_.pop_back();
      }
    }
    observer_.totals_known = true;
    hand_over();
    wait();
    return tally_.report();
  }

 private:
  // ---- the walk ----

  void check_stop() const {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "the restore was cancelled");
  }

  [[nodiscard]] bool filtered() const {
    return !options_.excludes.empty() || !options_.includes.empty();
  }

  [[nodiscard]] Selection select(const std::string& location) const {
    if (!options_.excludes.empty()) {
      const bool taken = !options_.excludes.matches(location);
      return {taken, taken};
    }
    if (options_.includes.empty()) return {};
    const bool taken = options_.includes.matches(location);
    return {taken, taken || options_.includes.may_match_below(location)};
  }

  [[nodiscard]] Selection select(const TargetDirectory& directory, const std::string& name) const {
    return filtered() ? select(RestoreTarget::location_of(directory, name)) : Selection{};
  }

  void enter(Level level) {
    load(level, false);
    levels_.push_back(std::move(level));
    // The outermost lists are needed last, so they are the ones to be read again.
    for (std::size_t i = 0;
         i + 1 < levels_.size() && weight_bytes_ > options_.limits.levels_bytes_max; ++i) {
      let_go(levels_[i]);
    }
  }

  // Reads the tree. The first time, what is not a directory goes into the batch.
  void load(Level& level, bool again) {
    level.let_go = false;
    level.has_more = false;
    level.next = 0;
    level.weight_bytes = 0;
    // A batch that failed while it is waited for, down in here, is not this directory's fault.
    try {
      Bytes json = repository_.load_blob({format::BlobType::tree, level.tree}, codec_);
      format::read_tree_json(format::padded(json), [&](format::Node&& node) {
        check_stop();
        take(level, std::move(node), again);
      });
    } catch (const Error& error) {
      if (batch_failed_) throw;
      level.damaged = true;
      tally_.failed(RestoreTarget::location_of(*level.directory, {}), "reading", error);
    }
    weight_bytes_ += level.weight_bytes;
  }

  void take(Level& level, format::Node&& node, bool again) {
    if (options_.delete_extra) {
      level.weight_bytes += sizeof(std::string) + node.name.size();
      level.names.push_back(node.name);
    }
    // A socket means nothing without its server, and is passed over as in restic.
    if (node.type == format::NodeType::socket) return;
    if (node.type == format::NodeType::dir) {
      if (level.has_more || (again && node.name <= level.last_name)) return;
      // At least one, or there would be no getting on.
      if (!level.subdirectories.empty() &&
          level.weight_bytes > options_.limits.levels_bytes_max / levels_share) {
        level.has_more = true;
        return;
      }
      level.weight_bytes += weight_of(node);
      level.subdirectories.push_back(std::move(node));
      return;
    }
    if (again || !select(*level.directory, node.name).restore || !ensure(*level.directory)) return;
    add(level.directory, std::move(node));
  }

  void let_go(Level& level) {
    if (level.let_go || level.next == 0) return;
    level.last_name = std::move(level.subdirectories[level.next - 1].name);
    level.subdirectories = {};
    level.names = {};
    level.let_go = true;
    weight_bytes_ -= std::exchange(level.weight_bytes, 0);
  }

  void visit_directory(Level& parent, format::Node node) {
    // The name stays behind for let_go().
    parent.subdirectories[parent.next - 1].name = node.name;
    const Selection selection = select(*parent.directory, node.name);
    if (!selection.restore && !selection.descend) return;
    Level level;
    level.directory = target_.below(parent.directory, node.name);
    const auto refuse = [&](const std::string& reason) {
      const std::string location = RestoreTarget::location_of(*level.directory, {});
      tally_.failed(location.substr(0, 200), "restoring", Error(Errc::corrupt, reason));
    };
    if (levels_.size() == repo::tree_depth_max) {
      return refuse(fmt::format("directories are nested deeper than {}", repo::tree_depth_max));
    }
    // These stay until the directory is left.
    level.node_bytes = memory_bytes(node);
    if (nodes_bytes_ + level.node_bytes > options_.limits.levels_bytes_max) {
      return refuse("what it and the directories above it say of themselves is too much");
    }
    if (selection.restore) {
      anything_ = true;
      note_foreign(*parent.directory, node);
      if (!ensure(*level.directory)) return;
    }
    level.tree = *node.subtree;
    level.node = std::move(node);
    nodes_bytes_ += level.node_bytes;
    enter(std::move(level));
  }

  // Everything below is in this batch or an earlier one.
  void leave(Level& level) {
    TargetDirectory& directory = *level.directory;
    if (directory.state == TargetDirectory::State::unvisited ||
        directory.state == TargetDirectory::State::failed) {
      return;
    }
    // As in restic, a filter that takes nothing touches nothing.
    if (options_.delete_extra && !level.damaged && (anything_ || !filtered())) delete_extra(level);
    if (!directory.parent) return;
    batch_.weight_bytes +=
        weight_of(level.node) + sizeof(TargetDirectory) + directory.name.capacity();
    batch_.left.push_back({level.directory, std::move(level.node)});
    if (is_due()) hand_over();
  }

  // Makes the directory when the first thing in it is wanted; false if it cannot be had, which is
  // reported once.
  bool ensure(TargetDirectory& directory) {
    if (directory.state != TargetDirectory::State::unvisited) {
      return directory.state != TargetDirectory::State::failed;
    }
    std::size_t unvisited = 0;
    for (const TargetDirectory* at = &directory; at->state == TargetDirectory::State::unvisited;
         at = at->parent.get()) {
      ++unvisited;
    }
    try {
      if (!target_.ensure(directory)) return false;
    } catch (const Error& error) {
      tally_.failed(RestoreTarget::location_of(directory, {}), "creating", error);
      return false;
    }
    for (; unvisited != 0; --unvisited) tally_.expect(0);
    return true;
  }

  // Windows' file attributes and access rules, most likely. One line will do for all.
  void note_foreign(const TargetDirectory& directory, const format::Node& node) {
    if (node.generic_attributes.empty() || std::exchange(foreign_is_noted_, true)) return;
    tally_.noted(
        fmt::format("{} has attributes of another system, which cannot be restored here; "
                    "others may have, too",
                    RestoreTarget::location_of(directory, node.name)));
  }

  void add(const std::shared_ptr<TargetDirectory>& directory, format::Node&& node) {
    anything_ = true;
    note_foreign(*directory, node);
    batch_.weight_bytes += weight_of(node);
    RestoreItem& item = batch_.items.emplace_back(directory, std::move(node));
    // Without an inode there is no telling which files are one.
    if (item.node.type == format::NodeType::file && item.node.links > 1 && item.node.inode != 0)
      find_link(item);
    if (is_due()) hand_over();
  }

  // Two names of one file have one content; where they do not, the numbers come from different file
  // systems, and both files are restored. A file is forgotten with the last of its names.
  void find_link(RestoreItem& item) {
    std::size_t hash = 0;
    if (item.node.content) {
      for (const format::Id& id : *item.node.content) hash = hash * 31 + format::IdHash{}(id);
    }
    const std::pair key(item.node.inode, item.node.device_id);
    const auto known = links_.find(key);
    if (known == links_.end()) {
      remember_link(key, item, hash);
      return;
    }
    LinkedFile& file = *known->second;
    if (file.size_bytes != item.node.size_bytes || file.content_hash != hash) return;
    item.linked = known->second;
    item.is_link = true;
    if (--file.names_to_come != 0) return;
    links_bytes_ -= link_weight(item.linked->name_bytes);
    links_.erase(known);
  }

  void remember_link(const LinkKey& key, RestoreItem& item, std::size_t hash) {
    const std::size_t weight = link_weight(item.node.name.size());
    if (links_bytes_ + weight + target_.directories_bytes() > options_.limits.links_bytes_max) {
      if (std::exchange(links_are_full_, true)) return;
      tally_.noted(fmt::format(
          "more than {} files have names that are still to come: from {} on, names of other files "
          "become files of their own",
          links_.size(), RestoreTarget::location_of(*item.directory, item.node.name)));
      return;
    }
    item.linked = std::make_shared<LinkedFile>();
    item.linked->directory = item.directory;
    item.linked->name = item.node.name;
    item.linked->name_bytes = item.node.name.size();
    item.linked->size_bytes = item.node.size_bytes;
    item.linked->content_hash = hash;
    item.linked->names_to_come = item.node.links - 1;
    links_.emplace(key, item.linked);
    links_bytes_ += weight;
  }

  // Of one file in links_.
  [[nodiscard]] static std::size_t link_weight(std::size_t name_bytes) noexcept {
    return sizeof(LinkedFile) + sizeof(Links::value_type) + 80 + name_bytes;
  }

  // ---- batches ----

  // Whether the batch is full, or worth beginning while nothing else is written.
  [[nodiscard]] bool is_due() const {
    return batch_.weight_bytes > options_.limits.batch_bytes_max ||
           (batch_.weight_bytes > early_batch_bytes && !is_writing_);
  }

  // Starts the batch that has been filled, after the one before it.
  void hand_over() {
    wait();
    auto run = std::make_shared<BatchRun>(repository_, target_, options_, tally_,
                                          std::exchange(batch_, {}));
    crew_ = std::make_unique<Crew>();
    is_writing_ = true;
    crew_->start([this, run, stop = stop_](const std::stop_token& abandoned) {
      run->run(stop, abandoned);
      is_writing_ = false;
    });
  }

  void wait() {
    if (!crew_) return;
    batch_failed_ = true;
    crew_->join();
    batch_failed_ = false;
    crew_.reset();
  }

  // ---- what the snapshot does not have ----

  void delete_extra(const Level& level) {
    const TargetDirectory& directory = *level.directory;
    if (directory.fresh || directory.state != TargetDirectory::State::ready) return;
    const auto report = [&](const std::string& below) {
      tally_.deleted(target_.path_of(directory, below));
      check_stop();  // in the middle of a large tree, too
    };
    try {
      for (const std::string& name : target_.list(directory)) {
        check_stop();
        if (std::ranges::binary_search(level.names, name)) continue;
        if (!select(directory, name).restore) continue;
        if (options_.dry_run) {
          report(name);
        } else {
          target_.remove_all(directory, name, report);
        }
      }
    } catch (const Error& error) {
      tally_.failed(RestoreTarget::location_of(directory, {}), "deleting from", error);
    }
  }

  repo::Repository& repository_;
  repo::Codec codec_;
  const RestoreOptions& options_;
  model::Observer& observer_;
  std::stop_token stop_;
  RestoreTally tally_;
  RestoreTarget target_;
  std::vector<Level> levels_;
  std::size_t weight_bytes_ = 0;  // of their lists
  std::size_t nodes_bytes_ = 0;   // of their nodes
  Links links_;                   // files whose other names may still come
  std::size_t links_bytes_ = 0;   // about what they take, but for their directories
  bool links_are_full_ = false;
  bool foreign_is_noted_ = false;
  RestoreBatch batch_;
  bool anything_ = false;  // that the filters take was found
  bool batch_failed_ = false;
  std::atomic<bool> is_writing_ = false;  // a batch
  std::unique_ptr<Crew> crew_;            // last: it ends before what it uses
};

}  // namespace

Overwrite parse_overwrite(std::string_view name) {
  if (name == "always") return Overwrite::always;
  if (name == "if-changed") return Overwrite::if_changed;
  if (name == "if-newer") return Overwrite::if_newer;
  if (name == "never") return Overwrite::never;
  throw Error(Errc::usage, fmt::format("invalid overwrite behavior \"{}\", must be one of "
                                       "(always|if-changed|if-newer|never)",
                                       name));
}

RestoreReport restore_tree(repo::Repository& repository, const format::Id& tree,
                           const RestoreOptions& options, model::Observer& observer,
                           std::stop_token stop) {
  return TreeRestore(repository, options, observer, std::move(stop)).run(tree);
}

}  // namespace holdfast::archive
