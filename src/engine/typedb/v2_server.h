// SPDX-License-Identifier: Apache-2.0
// Databases of a server of 2.x, which writes and reads files of exports itself, or makes the
// vendor's program do so. server_endpoint.h calls these once a Connection has found Generation::v2
// or Generation::grakn; it has looked whether the database is there.
//
// Parts of a copy are those of export_hold.h: `schema.tql` and `data.typedb`. Paths on the way are
// those of ServerLocation: `exchange_directory`, else pipes in the scratch directory; `program`
// where the service does not answer, whose words follow `release`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/stream.h"
#include "engine/engine.h"
#include "engine/typedb/connection.h"
#include "engine/typedb/export_check.h"
#include "engine/typedb/location.h"

namespace holdfast::engine::typedb {

// Adds to the probe of a database that is there: `empty`, `version` as far as it can be told,
// abilities, and as findings what stands in the way of an export or import (no service and no
// program, a server on another host without an exchange directory, no permission there, too little
// space). Reads, changes nothing. Findings get their component from the caller.
void probe_v2(Connection& connection, const ServerLocation& location, Probe& probe,
              const std::stop_token& stop);

// A moment of databases of one server, as Engine::hold. All locations are of that server, and each
// is named once. Connects at once. Errc::not_found for a database that is not there.
[[nodiscard]] std::unique_ptr<Hold> make_v2_hold(const ServerAccess& access,
                                                 std::vector<ServerLocation> databases,
                                                 const HoldOptions& options);

// Makes the database (or with options.data_only takes the empty one that is there) and loads the
// data, proves it and removes it again if that fails, as import_export() does on 3.x: the same
// Errc, and what was loaded. `schema` is TypeQL of 2.x, and is empty with data_only. Of options:
// data_only, before_change, scratch_directory; what is announced has "server": "2.x" beside what
// undo_v2() needs. Servers read the file several times, so that it lies in the exchange directory,
// or the scratch directory, until they are done: Errc::no_space before anything is made, if it has
// `data_bytes` and there is less room; 0: nobody knows. What an import commits on the way stays if
// it fails, which is why the database is removed then; of data alone it is made empty again.
// `before_proof` as of ImportOptions.
[[nodiscard]] ExportFacts import_v2(const ServerAccess& access, const ServerLocation& into,
                                    std::string_view schema, ByteSource& data,
                                    const LoadOptions& options, const std::stop_token& stop,
                                    std::uint64_t data_bytes = 0,
                                    const std::function<void()>& before_proof = {});

// Undoes what import_v2() announced, as Engine::undo: in another process too. What is left for
// somebody to look at, as lines: a database that has more things of a label than were loaded is
// somebody's, and stays, but where "beside" says that nobody else has the name (server_load.h).
[[nodiscard]] std::string undo_v2(const Json& undo, const ServerAccess& access,
                                  const ServerLocation& into);

// What the database holds now, as Engine::describe.
void describe_v2(const ServerAccess& access, const ServerLocation& location,
                 model::DatabaseFacts& facts, const std::stop_token& stop);

}  // namespace holdfast::engine::typedb
