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
  SavingWalk(repo::Repository& repository, const ArchiveOptions& options, WorkQueue& queue,
             FileSaver& files, TreeSaver& trees, SaveReport& report, std::stop_token stop)
      : SourceWalk(options, report.observer(), std::move(stop)),
        options_(options),
        repository_(repository),
        codec_(repository.codec()),
        queue_(queue),
        files_(files),
        trees_(trees),
        report_(report) {}

 private:
  void visit(Listing& listing) override;
  void left_out(const std::shared_ptr<Folder>& folder, const Error& error) override;

  void consider(Listing& listing, std::size_t place, Node* previous);
  void consider_directory(const Listing& listing, std::size_t place, const Choice& choice,
                          Node* previous);
  void consider_file(const Listing& listing, std::size_t place, const Choice& choice,
                     Node* previous);
  [[nodiscard]] Node new_node(const Listing& listing, const SourceItem& item, const Choice& choice);
  [[nodiscard]] bool is_unchanged(const struct ::stat& status, const Node& previous);
  [[nodiscard]] std::optional<Bytes> load_previous(const SavingFolder& folder);
  void hand_out(const Listing& listing);
  void let_go(const std::shared_ptr<SavingFolder>& folder);

  const ArchiveOptions& options_;
  repo::Repository& repository_;
  repo::Codec codec_;
  WorkQueue& queue_;
  FileSaver& files_;
  TreeSaver& trees_;
  SaveReport& report_;

  SavingFolder* folder_ = nullptr;  // being visited
  std::string path_;                // where the item being considered lies
  SaveReport::Instant begun_;       // when that began
  std::vector<FileBatch::File> batch_;
  std::uint64_t batch_content_bytes_ = 0;
};

void SavingWalk::visit(Listing& listing) {
  const auto folder = std::static_pointer_cast<SavingFolder>(listing.folder);
  folder_ = folder.get();
  folder->entries.resize(listing.items.size());
  std::size_t next = 0;
  const auto consider_until = [&](std::string_view name) {
    while (next < listing.items.size() && listing.items[next].name < name) {
      consider(listing, next++, nullptr);
    }
  };
  if (std::optional<Bytes> json = load_previous(*folder)) {
    const auto merge = [&](Node&& previous) {
      consider_until(previous.name);
      if (next < listing.items.size() && listing.items[next].name == previous.name) {
        consider(listing, next++, &previous);
      }
    };
    try {
      format::read_tree_json(format::padded(*json), merge);
    } catch (const Error& error) {  // becomes a line of the report
      report_.observer().warning(
          fmt::format("the parent's tree of {} is damaged: {}", folder->path(), error.message()));
    }
  }
  while (next < listing.items.size()) consider(listing, next++, nullptr);
  hand_out(listing);
  let_go(folder);
}

void SavingWalk::left_out(const std::shared_ptr<Folder>& folder, const Error& error) {
  report_.failed(folder->path(), error);
  if (folder->parent() != nullptr) {
    let_go(std::static_pointer_cast<SavingFolder>(folder->parent()));
  }
}

// The tree of this directory in the parent snapshot. One that cannot be read costs only time.
std::optional<Bytes> SavingWalk::load_previous(const SavingFolder& folder) {
  std::optional<format::Id> tree;
  if (options_.force) return std::nullopt;
  if (folder.parent() == nullptr) {
    tree = options_.parent_tree;
  } else if (folder.previous != nullptr && folder.previous->type == NodeType::dir) {
    tree = folder.previous->subtree;
  }
  if (!tree) return std::nullopt;
  try {
    return repository_.load_blob({format::BlobType::tree, *tree}, codec_);
  } catch (const Error& error) {  // becomes a line of the report
    if (error.code() != Errc::corrupt && error.code() != Errc::not_found) throw;
    report_.observer().warning(
        fmt::format("the parent's tree of {} cannot be read: {}", folder.path(), error.message()));
    return std::nullopt;
  }
}

void SavingWalk::consider(Listing& listing, std::size_t place, Node* previous) {
  if (is_stopped()) return;
  const SourceItem& item = listing.items[place];
  path_ = source_path(listing.prefix, item.name, item.target);
  begun_ = std::chrono::steady_clock::now();
  report_.attempt(path_, [&] {
    const std::optional<Choice> choice = choose(listing, item, previous != nullptr);
    if (!choice) return;
    if (choice->type == S_IFDIR) {
      consider_directory(listing, place, *choice, previous);
    } else if (choice->type == S_IFREG) {
      consider_file(listing, place, *choice, previous);
    } else {
      Node node = new_node(listing, item, *choice);
      // Odd file systems have such; nobody could make one again.
      if (node.type == NodeType::irregular) {
        throw Error(Errc::unsupported, fmt::format("{} is of no type that can be saved", path_));
      }
      folder_->entries[place] = std::make_unique<Node>(std::move(node));
    }
  });
}

void SavingWalk::consider_directory(const Listing& listing, std::size_t place, const Choice& choice,
                                    Node* previous) {
  const SourceItem& item = listing.items[place];
  auto child = std::make_shared<SavingFolder>(listing.folder, item.name, item.target);
  child->node = new_node(listing, item, choice);
  child->place = place;
  child->begun = begun_;
  if (previous != nullptr) child->previous = std::make_unique<Node>(std::move(*previous));
  ++folder_->pending;
  descend(listing, item, choice, std::move(child));
}

void SavingWalk::consider_file(const Listing& listing, std::size_t place, const Choice& choice,
                               Node* previous) {
  const SourceItem& item = listing.items[place];
  if (previous != nullptr && is_unchanged(*choice.status, *previous)) {
    auto node = std::make_unique<Node>(new_node(listing, item, choice));
    node->content = std::move(previous->content);
    report_.file_unmodified(listing.item_prefix + item.name, previous->size_bytes, begun_);
    folder_->entries[place] = std::move(node);
    return;
  }
  FileBatch::File file{item.name, place, nullptr, item.target};
  if (previous != nullptr) file.previous = std::make_unique<Node>(std::move(*previous));
  ++folder_->pending;
  batch_.push_back(std::move(file));
  batch_content_bytes_ +=
      choice.status ? static_cast<std::uint64_t>(choice.status->st_size) : unknown_file_bytes;
  if (batch_.size() >= batch_files_max || batch_content_bytes_ >= batch_content_bytes_max) {
    hand_out(listing);
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

bool SavingWalk::is_unchanged(const struct ::stat& status, const Node& previous) {
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
  const repo::BlobIndex& index = repository_.index();
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

// As TreeSaver::let_go, but the tree is saved by another thread: this one has to walk on.
void SavingWalk::let_go(const std::shared_ptr<SavingFolder>& folder) {
  if (!TreeSaver::is_last(*folder)) return;
  const std::size_t weight_bytes = (folder->entries.size() + 1) * entry_weight_bytes;
  queue_.push([&trees = trees_, folder](WorkQueue::Worker& worker) { trees.save(folder, worker); },
              weight_bytes);
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
  const Targets targets = find_targets(paths);
  SaveReport report(observer);
  for (const auto& [path, error] : targets.missing) report.failed(path, error);
  if (targets.missing.size() == paths.size()) {
    throw Error(Errc::not_found, "none of the given paths exists")
        .set_hint("Check the paths; nothing was saved.");
  }
  const unsigned threads = options.threads != 0 ? options.threads : cores_available();
  WorkQueue queue({.waiting_bytes_max = waiting_bytes_max,
                   .block_bytes = format::restic_chunks.size_bytes_max,
                   .blocks_max = threads + 2});
  TreeSaver trees(writer, report);
  FileSaver files(repository, writer, queue, trees, report, options);
  {
    Crew crew([&queue] { queue.abandon(); });
    const std::stop_callback on_stop(stop, [&] {
      crew.request_stop();
      queue.abandon();
      writer.cancel();
    });
    for (unsigned thread = 0; thread < threads; ++thread) {
      crew.start([&](const std::stop_token&) {
        WorkQueue::Worker worker(repository);
        while (queue.run_one(worker)) {
        }
      });
    }
    crew.start([&](std::stop_token token) {
      SavingWalk walk(repository, options, queue, files, trees, report, std::move(token));
      walk.walk(std::make_shared<SavingFolder>(nullptr, "", &targets.root));
      queue.close();
    });
    crew.join();
  }
  if (stop.stop_requested()) throw Error(Errc::cancelled, "saving files was stopped");
  if (!trees.root()) {
    throw Error(Errc::not_found, "nothing of the given paths could be saved")
        .set_hint("The items that failed are listed above; nothing was saved.");
  }
  return report.finish(*trees.root());
}

}  // namespace holdfast::archive
