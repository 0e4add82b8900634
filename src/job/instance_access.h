// SPDX-License-Identifier: Apache-2.0
// Instance snapshots in a repository: finding them, their manifests, their components' parts, their
// proofs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "archive/snapshots.h"
#include "job/node_tree.h"
#include "model/manifest.h"
#include "model/part.h"
#include "model/progress.h"
#include "repo/repository.h"

namespace holdfast::job {

inline constexpr std::string_view instance_tag = "holdfast";
inline constexpr std::string_view proof_tag = "holdfast-proof";
// No manifest larger than this is written or read.
inline constexpr std::size_t manifest_bytes_max = 256U << 20U;

// What the snapshots of an instance, and of the proofs of its drills, name as their only path.
[[nodiscard]] std::string snapshot_path(std::string_view instance);
[[nodiscard]] std::string proof_path(std::string_view instance);

// The snapshots of an instance, newest first, of one time the rewritten last; without proofs.
[[nodiscard]] std::vector<archive::Snapshot> instance_snapshots(
    const std::vector<archive::Snapshot>& snapshots, std::string_view instance);
// Tree of the instance's directory inside the snapshot, and its manifest. Errc::not_found if it is
// no instance snapshot; Errc::corrupt.
struct InstanceTree {
  format::Id tree;  // of "/<instance>"
  model::Manifest manifest;
};
[[nodiscard]] InstanceTree load_instance_tree(repo::Repository& repository,
                                              const format::Id& root_tree);

// The parts of one database component. The repository outlives it. Restoring a tree ends with
// Errc::cancelled soon after a stop request.
[[nodiscard]] std::unique_ptr<model::PartSource> open_parts(repo::Repository& repository,
                                                            const format::Id& instance_tree,
                                                            const model::DatabaseFacts& facts,
                                                            std::stop_token stop = {});
// The same for a directory on disk with the same layout.
[[nodiscard]] std::unique_ptr<model::PartSource> open_parts(
    const std::filesystem::path& instance_directory, const model::DatabaseFacts& facts,
    std::stop_token stop = {});

// What lies at `place` ("/files/…") below a tree. Errc::not_found.
[[nodiscard]] NodePlace find_place(repo::Repository& repository, const format::Id& tree,
                                   const std::string& place);
// Makes `target`, which is not there but whose parent is, what lies at `place` ("/files/…") below a
// tree, with all metadata; with `verify` every file is read back. Items that fail are told to the
// observer; how many. Errc::not_found.
[[nodiscard]] std::uint64_t restore_place(repo::Repository& repository, const format::Id& tree,
                                          const std::string& place,
                                          const std::filesystem::path& target, bool verify,
                                          model::Observer& observer, std::stop_token stop);

// Where a stream part lies below the instance's directory: "databases/orders/data.db", every
// component escaped.
[[nodiscard]] std::string part_place(const model::DatabaseFacts& facts, std::string_view part);

// A proof snapshot has the tags `holdfast-proof` and `proves=<root tree id>`: which tree it proves,
// so that `forget` can drop the proofs of trees that went. Nothing for other snapshots.
[[nodiscard]] std::optional<format::Id> proven_tree(const format::SnapshotFile& snapshot);
[[nodiscard]] std::string proof_tag_of(const format::Id& tree);

}  // namespace holdfast::job
