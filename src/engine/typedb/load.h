// SPDX-License-Identifier: Apache-2.0
// Restoring a database: its files beside the data directory, proven, then put in its place.
#pragma once

#include <stop_token>

#include "engine/engine.h"
#include "engine/typedb/location.h"

namespace holdfast::engine::typedb {

// As Engine::load. The files of a hot copy belong to whom the data directory belongs to, and are
// no more open than both were; those of a cold one have the owners that PartSource::restore_tree()
// gave them. Of TypeDB 3 a checkpoint whose tables cannot be proven is left out, and with
// options.sequence one that is ahead of that, which the report says. Errc::not_found if the copy's
// log has no such record.
[[nodiscard]] LoadReport load_database(const model::PartSource& parts,
                                       const model::DatabaseFacts& facts, const Location& into,
                                       const LoadOptions& options, const std::stop_token& stop);

}  // namespace holdfast::engine::typedb
