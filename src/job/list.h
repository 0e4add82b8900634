// SPDX-License-Identifier: Apache-2.0
// list: the names of all objects of a kind.
#pragma once

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "job/environment.h"

namespace holdfast::job {

enum class ListKind : std::uint8_t { blobs, packs, index, snapshots, keys, locks };
// The names as on the command line, in order of declaration.
[[nodiscard]] std::span<const std::string_view> list_kind_names() noexcept;
[[nodiscard]] ListKind parse_list_kind(std::string_view name);  // Errc::usage

// Visits the ids of all files of the kind, sorted; of blobs each copy that an index names, in the
// order of packs, as "data 3f2a…". With `snapshot` (an id, a prefix or "latest"; packs only) those
// packs that hold anything of it; Errc::corrupt if its trees cannot be read. Locks are listed
// without taking one.
void list_objects(const Environment& environment, const RepositoryAccess& access, ListKind kind,
                  const std::string& snapshot,
                  const std::function<void(const std::string& line)>& visit,
                  model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job
