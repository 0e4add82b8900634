// SPDX-License-Identifier: Apache-2.0
// A moment of databases of one server of 3.4 or later: an export of each is begun, and the server
// keeps its snapshot until it is copied. Writers are never kept waiting, and nothing is written to
// disk; several databases are held one after the other, so that their moments differ by as much as
// that takes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/typedb/connection.h"

namespace holdfast::engine::typedb {

// Parts of a database: its schema as text, and its items as a `.typedb` file.
inline constexpr std::string_view schema_part = "schema.tql";
inline constexpr std::string_view data_part = "data.typedb";
[[nodiscard]] std::vector<model::Part> export_parts(std::uint64_t schema_bytes);

// Connects at once; Errc as of Connection. Names of databases. A database that is described without
// having been copied is read then, and cannot be copied any more.
[[nodiscard]] std::unique_ptr<Hold> hold_exports(const ServerAccess& access,
                                                 std::vector<std::string> databases,
                                                 const HoldOptions& options);

}  // namespace holdfast::engine::typedb
