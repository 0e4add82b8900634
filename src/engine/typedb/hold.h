// SPDX-License-Identifier: Apache-2.0
// A moment of one or several databases of one TypeDB. docs/consistency.md says what it promises.
#pragma once

#include <memory>
#include <span>

#include "engine/engine.h"
#include "engine/typedb/location.h"

namespace holdfast::engine::typedb {

// Cold: one part, a tree, whose `path` is the database without its leading slash; locks are ours
// until release(). Hot: a stream for each file, whose `path` is that below the database; nothing is
// locked, and the moment is that of capture().
[[nodiscard]] std::unique_ptr<Hold> make_hold(std::span<const model::Endpoint> endpoints,
                                              const HoldOptions& options);

// The tree of a cold copy: without what a server makes anew, or leaves behind.
[[nodiscard]] model::Part tree_of(const std::filesystem::path& database, std::uint64_t size_bytes);

}  // namespace holdfast::engine::typedb
