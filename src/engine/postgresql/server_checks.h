// SPDX-License-Identifier: Apache-2.0
// What stands in the way of a backup or a restore on the side of the server as a whole: its disk,
// its log of changes (WAL), its replicas. Reads, changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/postgresql/connection.h"
#include "model/finding.h"

namespace holdfast::engine::postgresql {

// A snapshot that is held keeps dead rows where they are, so that tables grow; and other things
// that a backup of `size_bytes` should know.
[[nodiscard]] std::vector<model::Finding> find_source_risks(Connection& connection,
                                                            std::uint64_t size_bytes);

// A restore writes everything twice: into tables, and into the log. The latter stays while somebody
// wants it, and is written nowhere on a standby.
[[nodiscard]] std::vector<model::Finding> find_target_risks(Connection& admin);

// Free bytes on the server's disk; nothing if it is not this machine's, or not for us to see.
[[nodiscard]] std::optional<std::uint64_t> free_bytes(Connection& connection);

}  // namespace holdfast::engine::postgresql
