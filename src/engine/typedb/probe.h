// SPDX-License-Identifier: Apache-2.0
// What can be said of a database before anything is done with it, and which there are below a
// directory or of a server. docs/findings.md lists the codes.
#pragma once

#include "engine/engine.h"

namespace holdfast::engine::typedb {

[[nodiscard]] Probe probe_database(const model::Endpoint& endpoint, const std::stop_token& stop);

// The databases of a data directory, of the distribution at `directory`, or of the server that is
// the process "/proc/PID": those of users, and `_system`, which goes with them; never `_import`.
[[nodiscard]] std::vector<Engine::Discovered> discover_databases(
    const std::filesystem::path& directory, const std::stop_token& stop);

}  // namespace holdfast::engine::typedb
