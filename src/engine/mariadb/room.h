// SPDX-License-Identifier: Apache-2.0
// The room on a server's disks, where they are this machine's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/engine.h"
#include "engine/mariadb/client.h"

namespace holdfast::engine::mariadb {

struct Room {
  std::string directory;
  std::uint64_t free_bytes = 0;
};

// Of the directory with the server's data. Nothing where the server is another machine's, or its
// directory is not to be seen.
[[nodiscard]] std::optional<Room> data_room(Connection& connection);
// The same, or of the directory with former row versions (undo) if there is less.
[[nodiscard]] std::optional<Room> undo_room(Connection& connection);
// What the rows of the tables that are restored need at least: the less of what they took on the
// disk that they come from and of what they are in the copy.
[[nodiscard]] std::uint64_t room_needed(const model::DatabaseFacts& facts,
                                        const LoadOptions& options);

}  // namespace holdfast::engine::mariadb
