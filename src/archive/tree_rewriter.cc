// SPDX-License-Identifier: Apache-2.0
// A directory is read twice: when it is met, to judge its entries and find those below, and, only
// if something of it changes, when all below it is done, to be written anew. In between nothing is
// kept of it but what became of the directories in it.
#include "archive/tree_rewriter.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/crew.h"
#include "base/task_stack.h"
#include "format/tree_damage.h"
#include "repo/parallel.h"
#include "repo/tree_place.h"
#include "repo/used_blobs.h"

namespace holdfast::archive {
namespace {

using format::BlobType;
using format::Id;
using format::Node;
using format::NodeType;
using Worker = repo::BlobWriter::Worker;
using Verdict = TreeEdit::Verdict;

constexpr std::size_t remembered_bytes_max = 64U << 20U;
// The two uppermost directories are always looked at.
constexpr std::size_t remembered_depth_min = 2;

// One directory from the moment it is met until it is done. Parents outlive what is below them.
struct Frame {
  std::shared_ptr<Frame> parent;  // null: the topmost
  std::string name;
  Id tree;
  std::size_t depth = 0;
  std::uint32_t place = 0;  // among the directories of its parent that stay

  std::uint32_t entries = 0;  // that stay
  bool is_changed = false;    // of its own: something besides directories below it
  TreeTotals totals;
  std::uint32_t pending = 0;  // directories in it that are not done
  std::vector<std::pair<std::uint32_t, std::optional<Id>>>
      changed;  // what became of those, by place
};
using FramePtr = std::shared_ptr<Frame>;

// "" of the topmost.
std::string path_of(const Frame& frame) {
  std::vector<const std::string*> names;
  for (const Frame* at = &frame; at->parent; at = at->parent.get()) names.push_back(&at->name);
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) path += "/" + **name;
  return path;
}

std::string display(const std::string& path) {
  return path.empty() ? "/" : path;
}

// Whether stored bytes are bad or not there, rather than the storage out of reach or a medium that
// may yet give them.
bool is_lost(const Error& error) noexcept {
  return error.code() == Errc::corrupt || error.code() == Errc::not_found;
}

}  // namespace

struct TreeRewriter::State {
  State(repo::Repository& repository_in, repo::BlobWriter& writer_in, TreeEdit& edit_in,
        const RewriterOptions& options_in)
      : repository(repository_in),
        writer(writer_in),
        edit(edit_in),
        options(options_in),
        known_end(repository_in.index().blob_number_end()),
        unchanged(known_end) {}

  void run(const std::stop_token& crew_stop, const std::stop_token& stop,
           model::Observer& observer);
  void meet(const FramePtr& frame, Worker& worker);
  void survey(const FramePtr& frame, const std::string& path, Bytes& json,
              std::vector<FramePtr>& below);
  void deliver(FramePtr frame, RewrittenTree result, Worker& worker);
  [[nodiscard]] RewrittenTree finish(Frame& frame, const std::string& path, Bytes* json,
                                     Worker& worker);
  [[nodiscard]] RewrittenTree write(Frame& frame, const std::string& path, Bytes& json,
                                    Worker& worker);
  [[nodiscard]] Bytes load(const Id& tree, Worker& worker) {
    return repository.load_blob({BlobType::tree, tree}, worker.codec);
  }
  void read(Bytes& json, const std::function<void(Node&&)>& visit) const {
    if (options.tolerant) {
      format::read_damaged_tree_json(format::padded(json), visit);
    } else {
      format::read_tree_json(format::padded(json), visit);
    }
  }

  [[nodiscard]] Id key_of(const Frame& frame, const std::string& path) const;
  [[nodiscard]] std::optional<RewrittenTree> recall(const Frame& frame, const std::string& path);
  void remember(const Frame& frame, const std::string& path, const RewrittenTree& result);

  repo::Repository& repository;
  repo::BlobWriter& writer;
  TreeEdit& edit;
  const RewriterOptions options;
  TaskStack<FramePtr> stack;

  // Numbers of blobs that this run stores come behind these.
  const std::uint32_t known_end;
  repo::BlobSet unchanged;  // trees; not by path
  std::mutex mutex;         // guards frames that have some pending, and all below
  std::unordered_map<Id, RewrittenTree, format::IdHash> remembered;
  RewrittenTree root;
};

void TreeRewriter::State::run(const std::stop_token& crew_stop, const std::stop_token& stop,
                              model::Observer& observer) {
  Worker worker(repository);
  while (std::optional<FramePtr> frame = stack.pop(crew_stop)) {
    repo::check_stop(stop);
    meet(*frame, worker);
    stack.done();
    observer.files_done.fetch_add(1, std::memory_order_relaxed);
  }
}

void TreeRewriter::State::meet(const FramePtr& frame, Worker& worker) {
  const std::string path = path_of(*frame);
  if (auto result = recall(*frame, path)) return deliver(frame, *result, worker);
  if (frame->depth == repo::tree_depth_max) {
    throw Error(Errc::corrupt, fmt::format("directories are nested deeper than {} at {}",
                                           repo::tree_depth_max, path.substr(0, 200)));
  }
  Bytes json;
  std::vector<FramePtr> below;
  try {
    in_context("reading directory " + display(path), [&] { json = load(frame->tree, worker); });
  } catch (const Error& error) {  // the edit decides what becomes of it
    if (!is_lost(error)) throw;
    edit.unreadable(display(path), error);
    RewrittenTree result;
    result.totals.changes = 1;
    if (frame->parent) {
      format::TreeWriter empty;
      result.tree = writer.save(BlobType::tree, empty.finish(), worker).id;
    }
    return deliver(frame, result, worker);
  }
  try {
    in_context("reading directory " + display(path), [&] { survey(frame, path, json, below); });
  } catch (const Error& error) {  // its bytes are those that were written: nothing of it is lost
    if (!options.tolerant || error.code() != Errc::corrupt) throw;
    edit.not_understood(display(path), error);
    return deliver(frame, {frame->tree, {}}, worker);
  }
  if (below.empty()) return deliver(frame, finish(*frame, path, &json, worker), worker);
  frame->pending = static_cast<std::uint32_t>(below.size());
  stack.push(std::move(below));
}

void TreeRewriter::State::survey(const FramePtr& frame, const std::string& path, Bytes& json,
                                 std::vector<FramePtr>& below) {
  read(json, [&](Node&& node) {
    const Verdict verdict = edit.judge(path + "/" + node.name, node, true);
    if (verdict != Verdict::same) {
      frame->is_changed = true;
      ++frame->totals.changes;
    }
    if (verdict == Verdict::left_out) return;
    ++frame->entries;
    if (node.type == NodeType::dir) {
      auto child = std::make_shared<Frame>();
      child->parent = frame;
      child->name = std::move(node.name);
      if (node.subtree) child->tree = *node.subtree;
      child->depth = frame->depth + 1;
      child->place = static_cast<std::uint32_t>(below.size());
      below.push_back(std::move(child));
    } else if (node.type == NodeType::file) {
      ++frame->totals.files;
      frame->totals.bytes += node.size_bytes;
    }
  });
}

// A directory is done; so may be those above it.
void TreeRewriter::State::deliver(FramePtr frame, RewrittenTree result, Worker& worker) {
  for (;;) {
    remember(*frame, path_of(*frame), result);
    const FramePtr parent = frame->parent;
    {
      const std::lock_guard lock(mutex);
      if (!parent) {
        root = result;
        return;
      }
      parent->totals.files += result.totals.files;
      parent->totals.bytes += result.totals.bytes;
      parent->totals.changes += result.totals.changes;
      if (result.tree != frame->tree) parent->changed.emplace_back(frame->place, result.tree);
      if (!result.tree) --parent->entries;
      if (--parent->pending != 0) return;
    }
    result = finish(*parent, path_of(*parent), nullptr, worker);
    frame = parent;
  }
}

// `json` is that of its tree, if it is at hand.
RewrittenTree TreeRewriter::State::finish(Frame& frame, const std::string& path, Bytes* json,
                                          Worker& worker) {
  if (frame.entries == 0 && !edit.keeps_empty(display(path))) {
    return {std::nullopt, {0, 0, std::max<std::uint64_t>(frame.totals.changes, 1)}};
  }
  if (!frame.is_changed && frame.changed.empty()) return {frame.tree, frame.totals};
  return in_context("rewriting directory " + display(path), [&] {
    if (json != nullptr) return write(frame, path, *json, worker);
    Bytes again = load(frame.tree, worker);
    return write(frame, path, again, worker);
  });
}

RewrittenTree TreeRewriter::State::write(Frame& frame, const std::string& path, Bytes& json,
                                         Worker& worker) {
  std::ranges::sort(frame.changed);
  format::TreeWriter before;
  format::TreeWriter after;
  TreeTotals totals = frame.totals;
  std::uint32_t place = 0;
  auto changed = frame.changed.begin();
  read(json, [&](Node&& node) {
    if (!options.tolerant) before.add(node);
    const std::string entry = path + "/" + node.name;
    if (edit.judge(entry, node, false) == Verdict::left_out) return;
    if (node.type == NodeType::dir) {
      const bool is_changed = changed != frame.changed.end() && changed->first == place;
      ++place;
      if (is_changed) node.subtree = (changed++)->second;
      if (!node.subtree) return;
    }
    const std::uint64_t size_bytes = node.size_bytes;
    edit.amend(entry, node, frame.totals, worker);
    totals.bytes += node.size_bytes - size_bytes;
    after.add(node);
  });
  if (!options.tolerant && format::id_of(before.finish()) != frame.tree) {
    throw Error(Errc::unsupported,
                fmt::format("tree {} holds something that would be lost", frame.tree.hex()))
        .set_hint("Another program has written it; rewrite the snapshot with that.");
  }
  return {writer.save(BlobType::tree, after.finish(), worker).id, totals};
}

Id TreeRewriter::State::key_of(const Frame& frame, const std::string& path) const {
  if (!options.by_path) return frame.tree;
  std::string text = path;
  text += '\0';
  text += as_text(frame.tree.bytes);
  return format::id_of(as_bytes(text));
}

std::optional<RewrittenTree> TreeRewriter::State::recall(const Frame& frame,
                                                         const std::string& path) {
  if (!options.by_path) {
    const auto number = repository.index().blob_number({BlobType::tree, frame.tree});
    if (number && *number < known_end && unchanged.contains(*number)) {
      return RewrittenTree{frame.tree, {}};
    }
  }
  if (frame.depth < remembered_depth_min) return std::nullopt;
  const Id key = key_of(frame, path);
  const std::lock_guard lock(mutex);
  const auto found = remembered.find(key);
  if (found == remembered.end()) return std::nullopt;
  return found->second;
}

void TreeRewriter::State::remember(const Frame& frame, const std::string& path,
                                   const RewrittenTree& result) {
  if (!options.by_path && result.tree == frame.tree) {
    const auto number = repository.index().blob_number({BlobType::tree, frame.tree});
    if (number && *number < known_end) unchanged.insert(*number);
    return;
  }
  if (frame.depth < remembered_depth_min) return;
  const Id key = key_of(frame, path);
  // An entry's node and its share of the table.
  constexpr std::size_t entry_bytes =
      sizeof(std::pair<const Id, RewrittenTree>) + 4 * sizeof(void*);
  const std::lock_guard lock(mutex);
  if (remembered.size() < remembered_bytes_max / entry_bytes) remembered.emplace(key, result);
}

TreeRewriter::TreeRewriter(repo::Repository& repository, repo::BlobWriter& writer, TreeEdit& edit,
                           const RewriterOptions& options)
    : state_(std::make_unique<State>(repository, writer, edit, options)) {}

TreeRewriter::~TreeRewriter() = default;

RewrittenTree TreeRewriter::rewrite(const Id& root, model::Observer& observer,
                                    const std::stop_token& stop) {
  State& state = *state_;
  const auto frame = std::make_shared<Frame>();
  frame->tree = root;
  state.stack.push({frame});
  Crew crew([&] { state.stack.wake_all(); });
  // As many as can compute, and as many as can wait for the storage.
  const unsigned threads =
      std::max(cores_available(), state.repository.storage().connections_max());
  for (unsigned i = 0; i < threads; ++i) {
    crew.start([&](const std::stop_token& crew_stop) { state.run(crew_stop, stop, observer); });
  }
  crew.join();
  return state.root;
}

}  // namespace holdfast::archive
