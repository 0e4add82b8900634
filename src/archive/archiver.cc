// SPDX-License-Identifier: Apache-2.0
#include "archive/archiver.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "archive/file_saver.h"
#include "archive/save_report.h"
#include "archive/source_walk.h"
#include "archive/tree_saver.h"
#include "archive/work_queue.h"
#include "base/crew.h"

namespace holdfast::archive {

namespace {

using format::Node;
using format::NodeType;

// What a batch of files takes while it waits, roughly; with the bound, as many descriptors as
// batches wait.
constexpr std::size_t batch_weight_bytes = std::size_t{16} << 10U;
constexpr std::size_t waiting_bytes_max = 128 * batch_weight_bytes;
constexpr std::size_t batch_files_max = 32;
constexpr std::uint64_t batch_content_bytes_max = 4U << 20U;
// Of a file that was not looked at yet.
constexpr std::uint64_t unknown_file_bytes = std::uint64_t{64} << 10U;
constexpr std::size_t entry_weight_bytes = 512;

// Walks for save_paths: decides what is unchanged, hands out what must be read.
class SavingWalk final : public SourceWalk {
 public:
  SavingWalk(Destinations& destinations, const std::vector<std::optional<format::Id>>& parent_trees,
             const ArchiveOptions& options, WorkQueue& queue, FileSaver& files, TreeSaver& trees,
             SaveReport& report, std::stop_token stop)
      : SourceWalk(options, report.observer(), std::move(stop)),
        options_(options),
        destinations_(destinations),
        parent_trees_(parent_trees),
        queue_(queue),
        files_(files),
        trees_(trees),
        report_(report),
        others_(destinations.size()),
        previous_(destinations.size()) {
    for (std::size_t i = 0; i < destinations.size(); ++i)
      codecs_.push_back(destinations.repository(i).codec());
  }

 private:
  void visit(Listing& listing) override;
  void left_out(const std::shared_ptr<Folder>& folder, const Error& error) override;

  template <typename Each>
  void merge(const Listing& listing, std::size_t destination, const Each& each);
  void consider(Listing& listing, std::size_t place, Node* previous);
  void consider_directory(const Listing& listing, std::size_t place, const Choice& choice);
  void consider_file(const Listing& listing, std::size_t place, const Choice& choice);
  void take_over(const Listing& listing, std::size_t place, const Choice& choice);
  [[nodiscard]] Node new_node(const Listing& listing, const SourceItem& item, const Choice& choice);
  [[nodiscard]] bool has_previous() const noexcept;
  [[nodiscard]] bool is_unchanged(const struct ::stat& status);
  [[nodiscard]] bool is_unchanged(const struct ::stat& status, std::size_t destination,
                                  const Node& previous);
  [[nodiscard]] std::optional<Bytes> load_previous(const SavingFolder& folder,
                                                   std::size_t destination);
  [[nodiscard]] std::vector<std::unique_ptr<Node>> take_previous();
  void hand_out(const Listing& listing);
  void let_go(const std::shared_ptr<SavingFolder>& folder);

  const ArchiveOptions& options_;
  Destinations& destinations_;
  const std::vector<std::optional<format::Id>>& parent_trees_;
  std::vector<repo::Codec> codecs_;  // by destination
  WorkQueue& queue_;
  FileSaver& files_;
  TreeSaver& trees_;
  SaveReport& report_;

  SavingFolder* folder_ = nullptr;  // being visited
  // By destination: what its parent snapshot has of the items of that folder, in their places. Of
  // the first destination it is read while the items are considered.
  std::vector<std::vector<std::unique_ptr<Node>>> others_;
  // By destination: what its parent snapshot has of the item being considered, or null.
  std::vector<Node*> previous_;
  std::string path_;           // where the item being considered lies
  SaveReport::Instant begun_;  // when that began
  std::vector<FileBatch::File> batch_;
  std::uint64_t batch_content_bytes_ = 0;
};

void SavingWalk::visit(Listing& listing) {
  const auto folder = std::static_pointer_cast<SavingFolder>(listing.folder);
  folder_ = folder.get();
  for (SavingFolder::Side& side : folder->sides) side.entries.resize(listing.items.size());
  for (std::size_t i = 1; i < destinations_.size(); ++i) {
    others_[i].clear();
    others_[i].resize(listing.items.size());
    merge(listing, i, [&](std::size_t place, Node* previous) {
      if (previous != nullptr) others_[i][place] = std::make_unique<Node>(std::move(*previous));
    });
  }
  merge(listing, 0, [&](std::size_t place, Node* previous) { consider(listing, place, previous); });
  hand_out(listing);
  let_go(folder);
}

// Shows `each` every item of the folder by its place, in order, with what the destination's parent
// snapshot has of it, or null.
template <typename Each>
void SavingWalk::merge(const Listing& listing, std::size_t destination, const Each& each) {
  std::size_t next = 0;
  const auto pass_until = [&](std::string_view name) {
    while (next < listing.items.size() && listing.items[next].name < name) each(next++, nullptr);
  };
  if (std::optional<Bytes> json = load_previous(*folder_, destination)) {
    const auto match = [&](Node&& previous) {
      pass_until(previous.name);
      if (next < listing.items.size() && listing.items[next].name == previous.name) {
        each(next++, &previous);
      }
    };
    try {
      format::read_tree_json(format::padded(*json), match);
    } catch (const Error& error) {  // becomes a line of the report
      report_.observer().warning(
          fmt::format("the parent's tree of {} is damaged: {}", folder_->path(), error.message()));
    }
  }
  while (next < listing.items.size()) each(next++, nullptr);
}

void SavingWalk::left_out(const std::shared_ptr<Folder>& folder, const Error& error) {
  report_.failed(folder->path(), error);
  if (folder->parent() != nullptr) {
    let_go(std::static_pointer_cast<SavingFolder>(folder->parent()));
  }
}

// The tree of this directory in the parent snapshot. One that cannot be read costs only time.
std::optional<Bytes> SavingWalk::load_previous(const SavingFolder& folder,
                                               std::size_t destination) {
  std::optional<format::Id> tree;
  if (options_.force) return std::nullopt;
  const Node* const previous = folder.sides[destination].previous.get();
  if (folder.parent() == nullptr) {
    tree = parent_trees_[destination];
  } else if (previous != nullptr && previous->type == NodeType::dir) {
    tree = previous->subtree;
  }
  if (!tree) return std::nullopt;
  std::optional<Bytes> json;
  destinations_.attempt(destination, [&] {
    try {
      json = destinations_.repository(destination)
                 .load_blob({format::BlobType::tree, *tree}, codecs_[destination]);
    } catch (const Error& error) {  // becomes a line of the report
      if (error.code() != Errc::corrupt && error.code() != Errc::not_found) throw;
      report_.observer().warning(fmt::format("the parent's tree of {} cannot be read: {}",
                                             folder.path(), error.message()));
    }
  });
  return json;
}

void SavingWalk::consider(Listing& listing, std::size_t place, Node* previous) {
  if (is_stopped()) return;
  const SourceItem& item = listing.items[place];
  previous_[0] = previous;
  for (std::size_t i = 1; i < previous_.size(); ++i) previous_[i] = others_[i][place].get();
  path_ = source_path(listing.prefix, item.name, item.target);
  begun_ = std::chrono::steady_clock::now();
  report_.attempt(path_, [&] {
    const std::optional<Choice> choice = choose(listing, item, has_previous());
    if (!choice) return;
    if (choice->type == S_IFDIR) {
      consider_directory(listing, place, *choice);
    } else if (choice->type == S_IFREG) {
      consider_file(listing, place, *choice);
    } else {
      const Node node = new_node(listing, item, *choice);
      // Odd file systems have such; nobody could make one again.
      if (node.type == NodeType::irregular) {
        throw Error(Errc::unsupported, fmt::format("{} is of no type that can be saved", path_));
      }
      for (SavingFolder::Side& side : folder_->sides)
        side.entries[place] = std::make_unique<Node>(node);
    }
  });
}

bool SavingWalk::has_previous() const noexcept {
  return std::any_of(previous_.begin(), previous_.end(),
                     [](const Node* previous) { return previous != nullptr; });
}

std::vector<std::unique_ptr<Node>> SavingWalk::take_previous() {
  std::vector<std::unique_ptr<Node>> taken;
  if (!has_previous()) return taken;
  for (Node* previous : previous_) {
    taken.push_back(previous == nullptr ? nullptr : std::make_unique<Node>(std::move(*previous)));
  }
  return taken;
}

void SavingWalk::consider_directory(const Listing& listing, std::size_t place,
                                    const Choice& choice) {
  const SourceItem& item = listing.items[place];
  auto child =
      std::make_shared<SavingFolder>(listing.folder, item.name, item.target, destinations_.size());
  child->node = new_node(listing, item, choice);
  child->place = place;
  child->begun = begun_;
  std::vector<std::unique_ptr<Node>> previous = take_previous();
  for (std::size_t i = 0; i < previous.size(); ++i)
    child->sides[i].previous = std::move(previous[i]);
  for (SavingFolder::Side& side : folder_->sides) ++side.pending;
  descend(listing, item, choice, std::move(child));
}

void SavingWalk::consider_file(const Listing& listing, std::size_t place, const Choice& choice) {
  const SourceItem& item = listing.items[place];
  if (has_previous() && is_unchanged(*choice.status)) return take_over(listing, place, choice);
  FileBatch::File file{item.name, place, take_previous(), item.target};
  for (SavingFolder::Side& side : folder_->sides) ++side.pending;
  batch_.push_back(std::move(file));
  batch_content_bytes_ +=
      choice.status ? static_cast<std::uint64_t>(choice.status->st_size) : unknown_file_bytes;
  if (batch_.size() >= batch_files_max || batch_content_bytes_ >= batch_content_bytes_max) {
    hand_out(listing);
  }
}

// An unchanged file: its content is what the parent snapshots have.
void SavingWalk::take_over(const Listing& listing, std::size_t place, const Choice& choice) {
  const SourceItem& item = listing.items[place];
  Node node = new_node(listing, item, choice);
  report_.file_unmodified(listing.item_prefix + item.name, node.size_bytes, begun_);
  for (std::size_t i = 0; i < previous_.size(); ++i) {
    if (previous_[i] == nullptr) continue;  // that destination has failed
    const bool is_last = i + 1 == previous_.size();
    auto own = std::make_unique<Node>(is_last ? std::move(node) : Node(node));
    own->content = std::move(previous_[i]->content);
    folder_->sides[i].entries[place] = std::move(own);
  }
}

Node SavingWalk::new_node(const Listing& listing, const SourceItem& item, const Choice& choice) {
  std::optional<Error> incomplete;
  // The dot makes the system follow a symlink.
  const std::string& source = source_name(item.name, item.target);
  const std::string name = choice.is_followed ? source + "/." : source;
  Node node =
      make_node(listing.handle->get(), name, *choice.status, options_.node, path_, &incomplete);
  node.name = item.name;
  // Directories above a given path need not be readable, as in restic.
  const bool is_above = item.target != nullptr && !item.target->is_whole;
  if (incomplete && !(is_above && incomplete->code() == Errc::denied)) {
    report_.failed(path_, *incomplete);
  }
  return node;
}

// Whether every destination knows the item's content.
bool SavingWalk::is_unchanged(const struct ::stat& status) {
  for (std::size_t i = 0; i < previous_.size(); ++i) {
    if (!destinations_.is_open(i)) continue;
    if (previous_[i] == nullptr || !is_unchanged(status, i, *previous_[i])) return false;
  }
  return true;
}

bool SavingWalk::is_unchanged(const struct ::stat& status, std::size_t destination,
                              const Node& previous) {
  const auto is_at = [](const struct timespec& time, const Timestamp& moment) {
    return time.tv_sec == moment.seconds && time.tv_nsec == moment.nanoseconds;
  };
  const bool checks_ctime = !options_.ignore_ctime && !options_.ignore_inode;
  if (previous.type != NodeType::file || !previous.content ||
      static_cast<std::uint64_t>(status.st_size) != previous.size_bytes ||
      !is_at(status.st_mtim, previous.mtime) ||
      (checks_ctime && !is_at(status.st_ctim, previous.ctime)) ||
      (!options_.ignore_inode && status.st_ino != previous.inode)) {
    return false;
  }
  const repo::BlobIndex& index = destinations_.repository(destination).index();
  const bool is_stored =
      std::all_of(previous.content->begin(), previous.content->end(), [&](const format::Id& id) {
        return index.has({format::BlobType::data, id});
      });
  if (!is_stored) {
    report_.observer().warning(
        fmt::format("parts of {} are missing in the repository; it is stored again", path_));
  }
  return is_stored;
}

void SavingWalk::hand_out(const Listing& listing) {
  if (batch_.empty()) return;
  // Shared, because a task must be copyable.
  const auto batch = std::make_shared<FileBatch>();
  batch->folder = std::static_pointer_cast<SavingFolder>(listing.folder);
  batch->handle = listing.handle;
  batch->prefix = listing.prefix;
  batch->item_prefix = listing.item_prefix;
  batch->files = std::exchange(batch_, {});
  batch_content_bytes_ = 0;
  // The walk may be over before the task is.
  queue_.push([&files = files_, batch](WorkQueue::Worker& worker) { files.save(*batch, worker); },
              batch_weight_bytes);
}

// As TreeSaver::let_go, but the trees are saved by another thread: this one has to walk on.
void SavingWalk::let_go(const std::shared_ptr<SavingFolder>& folder) {
  for (std::size_t i = 0; i < destinations_.size(); ++i) {
    if (!TreeSaver::is_last(*folder, i)) continue;
    const std::size_t weight_bytes = (folder->sides[i].entries.size() + 1) * entry_weight_bytes;
    queue_.push(
        [&trees = trees_, folder, i](WorkQueue::Worker& worker) { trees.save(folder, i, worker); },
        weight_bytes);
  }
}

// Walks for scan_paths.
class CountingWalk final : public SourceWalk {
 public:
  CountingWalk(const ArchiveOptions& options, model::Observer& quiet, model::Observer& totals,
               std::stop_token stop)
      : SourceWalk(options, quiet, std::move(stop)), totals_(totals) {}

 private:
  void visit(Listing& listing) override {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    for (const SourceItem& item : listing.items) {
      if (is_stopped()) break;
      try {
        const std::optional<Choice> choice = choose(listing, item, true);
        if (!choice) continue;
        if (choice->type == S_IFREG) {
          ++files;
          bytes += static_cast<std::uint64_t>(choice->status->st_size);
        } else if (choice->type == S_IFDIR) {
          descend(listing, item, *choice,
                  std::make_shared<Folder>(listing.folder, item.name, item.target));
        }
      } catch (const Error&) {
        continue;  // becomes a line of the report when the item is to be saved
      }
    }
    totals_.files_total += files;
    totals_.bytes_total += bytes;
  }
  void left_out(const std::shared_ptr<Folder>&, const Error&) override {}

  model::Observer& totals_;
};

}  // namespace

void scan_paths(const std::vector<std::string>& paths, const ArchiveOptions& options,
                model::Observer& observer, std::stop_token stop) {
  const Targets targets = find_targets(paths);
  model::SilentObserver quiet;  // the save will warn
  CountingWalk walk(options, quiet, observer, std::move(stop));
  walk.walk(std::make_shared<Folder>(nullptr, "", &targets.root));
}

ArchivedTree save_paths(repo::Repository& repository, repo::BlobWriter& writer,
                        const std::vector<std::string>& paths, const ArchiveOptions& options,
                        model::Observer& observer, std::stop_token stop) {
  Destinations one(repository, writer);
  return std::move(
      save_paths(one, {options.parent_tree}, paths, options, observer, std::move(stop)).front());
}

std::vector<ArchivedTree> save_paths(Destinations& destinations,
                                     const std::vector<std::optional<format::Id>>& parent_trees,
                                     const std::vector<std::string>& paths,
                                     const ArchiveOptions& options, model::Observer& observer,
                                     std::stop_token stop) {
  const Targets targets = find_targets(paths);
  SaveReport report(observer, destinations);
  for (const auto& [path, error] : targets.missing) report.failed(path, error);
  if (targets.missing.size() == paths.size()) {
    throw Error(Errc::not_found, "none of the given paths exists")
        .set_hint("Check the paths; nothing was saved.");
  }
  const unsigned threads = options.threads != 0 ? options.threads : cores_available();
  WorkQueue queue({.waiting_bytes_max = waiting_bytes_max,
                   .block_bytes = format::restic_chunks.size_bytes_max,
                   .blocks_max = destinations.size() * threads + 1});
  TreeSaver trees(destinations, report);
  FileSaver files(destinations, queue, trees, report, options);
  {
    Crew crew([&queue] { queue.abandon(); });
    const std::stop_callback on_stop(stop, [&] {
      crew.request_stop();
      queue.abandon();
      for (std::size_t i = 0; i < destinations.size(); ++i) {
        if (destinations.is_open(i)) destinations.writer(i).cancel();
      }
    });
    for (unsigned thread = 0; thread < threads; ++thread) {
      crew.start([&](const std::stop_token&) {
        WorkQueue::Worker worker(destinations);
        while (queue.run_one(worker)) {
        }
      });
    }
    crew.start([&](std::stop_token token) {
      SavingWalk walk(destinations, parent_trees, options, queue, files, trees, report,
                      std::move(token));
      walk.walk(std::make_shared<SavingFolder>(nullptr, "", &targets.root, destinations.size()));
      queue.close();
    });
    crew.join();
  }
  if (stop.stop_requested()) throw Error(Errc::cancelled, "saving files was stopped");
  destinations.require_open();
  std::vector<ArchivedTree> saved(destinations.size());
  for (std::size_t i = 0; i < destinations.size(); ++i) {
    if (!destinations.is_open(i)) continue;
    if (!trees.root(i)) {
      throw Error(Errc::not_found, "nothing of the given paths could be saved")
          .set_hint("The items that failed are listed above; nothing was saved.");
    }
    saved[i] = report.finish(i, *trees.root(i));
  }
  return saved;
}

}  // namespace holdfast::archive
