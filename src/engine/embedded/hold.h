// SPDX-License-Identifier: Apache-2.0
// A moment of one or several embedded databases: their locks are ours until it ends, so that their
// files may be copied as trees. docs/consistency.md says what it promises.
#pragma once

#include <memory>
#include <span>

#include "engine/embedded/kind.h"
#include "engine/engine.h"

namespace holdfast::engine::embedded {

// Each database is one part, a tree: `path` is the place without its leading slash, `directory` the
// place itself. Hold::copy is Errc::unsupported. `kind` outlives the hold.
[[nodiscard]] std::unique_ptr<Hold> make_hold(const Kind& kind,
                                              std::span<const model::Endpoint> endpoints,
                                              const HoldOptions& options);

// The part of a database at `place`.
[[nodiscard]] model::Part part_of(const Kind& kind, const std::filesystem::path& place,
                                  std::uint64_t size_bytes);

// A database's lock for ourselves. Errc::unavailable naming who has it, with what to do;
// Errc::denied, not_found.
[[nodiscard]] FileLock take_lock(const Kind& kind, const std::filesystem::path& place);
// Removes lock files below `place` that whoever we kept out, or who died, has left. To be called
// while the lock is ours; `lock` itself stays.
void remove_stale_locks(const Kind& kind, const std::filesystem::path& place, const FileLock& lock);

// What an examination found, for the manifest: version, engine_facts with owner and mode.
// Errc::not_consistent naming the first blocker.
void describe_place(const Kind& kind, const std::filesystem::path& place, Depth depth,
                    model::DatabaseFacts& facts, const std::stop_token& stop);

}  // namespace holdfast::engine::embedded
