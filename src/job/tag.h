// SPDX-License-Identifier: Apache-2.0
// tag: other tags for snapshots.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/snapshots.h"
#include "job/environment.h"

namespace holdfast::job {

struct TagOptions {
  std::vector<std::string> ids = {};  // "latest", ids, prefixes; empty: all that the filter takes
  archive::SnapshotFilter filter = {};
  std::vector<std::string> set = {};               // in place of all tags; or:
  std::vector<std::string> add = {}, remove = {};  // in this order
};

struct TagReport {
  std::uint64_t changed = 0;
  std::uint64_t failed = 0;  // could not be stored or removed; told to the observer
};

// Takes the exclusive lock; Errc::usage without one, or if there is nothing to do. Each snapshot is
// stored anew, with the id it had first as `original`, before the old one is removed; one whose
// tags stay the same is left as it is, unless they are set. --set keeps the tags by which Holdfast
// knows its own snapshots. `changed` is called after each.
[[nodiscard]] TagReport tag_snapshots(
    const Environment& environment, const RepositoryAccess& access, const TagOptions& options,
    const std::function<void(const format::Id& before, const format::Id& after)>& changed,
    model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job
