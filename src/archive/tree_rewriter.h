// SPDX-License-Identifier: Apache-2.0
// Trees written anew with entries left out or changed, on all cores; what does not change is not
// stored again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "format/tree.h"
#include "model/progress.h"
#include "repo/blob_writer.h"

namespace holdfast::archive {

// Of a rewritten tree and all below it.
struct TreeTotals {
  std::uint64_t files = 0, bytes = 0;  // regular files that are left, and their sizes
  std::uint64_t changes = 0;           // entries that were left out or changed
};

struct RewrittenTree {
  std::optional<format::Id> tree;  // none: nothing of it is left
  TreeTotals totals;
};

// What is to become of the entries. Called from several threads at once.
class TreeEdit {
 public:
  enum class Verdict : std::uint8_t { same, changed, left_out };

  virtual ~TreeEdit() = default;
  TreeEdit(const TreeEdit&) = delete;
  TreeEdit& operator=(const TreeEdit&) = delete;

  // What becomes of the entry at `path` ("/a/b"), which may be changed in place, but for its name,
  // type and subtree. Asked again, with the same answer, about the entries of a directory that is
  // written anew; to be told to people only if `is_first`.
  [[nodiscard]] virtual Verdict judge(const std::string& path, format::Node& node,
                                      bool is_first) = 0;
  // Whether a directory in which nothing is or stays is kept.
  [[nodiscard]] virtual bool keeps_empty(const std::string& /*path*/) { return true; }
  // The tree of the directory at `path` cannot be read. Returns if an empty one is to take its
  // place, and nothing that of the topmost ("/").
  virtual void unreadable(const std::string& /*path*/, const Error& error) { throw Error(error); }
  // The tree of the directory at `path` is what was stored, and not even a tolerant reader knows
  // what it means. Returns if it is to stay as it is.
  virtual void not_understood(const std::string& /*path*/, const Error& error) {
    throw Error(error);
  }
  // The last word on an entry that stays in a directory that is written anew; `totals` are those of
  // this directory.
  virtual void amend(const std::string& /*path*/, format::Node& /*node*/,
                     const TreeTotals& /*totals*/, repo::BlobWriter::Worker& /*worker*/) {}

 protected:
  TreeEdit() = default;
};

struct RewriterOptions {
  // The edit looks at paths, and totals are wanted. Otherwise equal trees have one fate, files and
  // bytes are not counted, and each tree is read once however many others have it.
  bool by_path = true;
  // Reads as read_damaged_tree_json(), and passes over what our own writer would lose of trees of
  // other programs; otherwise a tree that cannot be written again as it was is Errc::unsupported.
  bool tolerant = false;
};

// Remembers what became of trees, in at most 64 MiB and a bit for each blob, so that many snapshots
// cost little more than one: always the same edit, whose amend() alone may depend on the snapshot,
// and only in the two uppermost directories.
class TreeRewriter {
 public:
  // All outlive it. The index is loaded; new trees go to `writer`.
  TreeRewriter(repo::Repository& repository, repo::BlobWriter& writer, TreeEdit& edit,
               const RewriterOptions& options);
  ~TreeRewriter();
  TreeRewriter(const TreeRewriter&) = delete;
  TreeRewriter& operator=(const TreeRewriter&) = delete;

  // One tree with all below it. Errors name the path; depth is bounded (4,096 levels:
  // Errc::corrupt). Memory: one tree for each thread, and about 200 bytes for each that is known
  // and not yet read, or has such below it. Errc::cancelled on a stop request. Counts trees in
  // `observer`. One call at a time.
  [[nodiscard]] RewrittenTree rewrite(const format::Id& root, model::Observer& observer,
                                      const std::stop_token& stop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::archive
