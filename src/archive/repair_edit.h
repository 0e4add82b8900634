// SPDX-License-Identifier: Apache-2.0
// What a repair makes of trees: what the repository has no more is taken out of them.
//
// Source: restic doc/077_troubleshooting.rst, `repair snapshots`.
#pragma once

#include <string>

#include "archive/tree_rewriter.h"

namespace holdfast::archive {

// Of a file the blobs that no index names are taken out of its content, and its size is made to be
// what is left. An empty directory takes the place of one whose tree is damaged or in no index.
// Entries of no type that anybody could restore are left out. A directory whose tree is whole, but
// was written wrongly, stays. Each is told as a warning. For a TreeRewriter that is tolerant and
// does not go by paths. Content is not read.
class RepairEdit final : public TreeEdit {
 public:
  // Both outlive it.
  RepairEdit(const repo::BlobIndex& index, model::Observer& observer)
      : index_(index), observer_(observer) {}

  [[nodiscard]] Verdict judge(const std::string& path, format::Node& node, bool is_first) override;
  void unreadable(const std::string& path, const Error& error) override;
  void not_understood(const std::string& path, const Error& error) override;

 private:
  const repo::BlobIndex& index_;
  model::Observer& observer_;
};

}  // namespace holdfast::archive
