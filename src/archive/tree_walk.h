// SPDX-License-Identifier: Apache-2.0
// Looking into the trees of a snapshot, and reading files from it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/stream.h"
#include "format/tree.h"
#include "model/part.h"
#include "repo/repository.h"

namespace holdfast::archive {

enum class Walk : std::uint8_t { on, skip_directory, stop };

// Calls `visit` for every node below `tree`, parents before children, in tree order; `path` begins
// with '/'. Depth is bounded (4,096 levels: Errc::corrupt). Errors name the path.
void walk_tree(repo::Repository& repository, const format::Id& tree,
               const std::function<Walk(const std::string& path, const format::Node& node)>& visit,
               std::stop_token stop = {});

// The node at an absolute path below `tree`; nothing if it is not there. For "/": nothing.
[[nodiscard]] std::optional<format::Node> find_node(repo::Repository& repository,
                                                    const format::Id& tree, std::string_view path);
// The tree id of a directory path ("/" is `tree` itself). Errc::not_found naming the first missing
// component, or saying that it is no directory.
[[nodiscard]] format::Id find_tree(repo::Repository& repository, const format::Id& tree,
                                   std::string_view path);

// A file's content from the start, read ahead by a few blobs on helper threads; verified.
[[nodiscard]] std::unique_ptr<ByteSource> open_file(repo::Repository& repository,
                                                    const format::Node& node);
// The same for a caller that opens many: a small file is read with the caller's codec, which
// outlives it and is used by one thread.
[[nodiscard]] std::unique_ptr<ByteSource> open_file(repo::Repository& repository,
                                                    const format::Node& node, repo::Codec& codec);
// A file's content at any place; keeps the last few blobs. Safe from several threads.
[[nodiscard]] std::unique_ptr<model::RandomSource> open_file_random(repo::Repository& repository,
                                                                    const format::Node& node);

}  // namespace holdfast::archive
