// SPDX-License-Identifier: Apache-2.0
// Restoring single tables of a copy into a database, all in one transaction or none.
#pragma once

#include <stop_token>

#include "engine/engine.h"
#include "engine/postgresql/location.h"

namespace holdfast::engine::postgresql {

// The chosen tables with what belongs to them: columns, sequences they own, indexes, keys,
// triggers, policies, grants, comments. Keys that refer to tables that are not there are left out,
// and said. With options.replace a table that is there is kept under a new name, and so are its
// indexes and sequences. Errc::exists, not_found naming the table.
[[nodiscard]] LoadReport load_tables(const model::PartSource& parts,
                                     const model::DatabaseFacts& facts, const Location& into,
                                     const LoadOptions& options, const std::stop_token& stop);

}  // namespace holdfast::engine::postgresql
