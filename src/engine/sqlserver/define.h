// SPDX-License-Identifier: Apache-2.0
// The tables of a live database, for databases of another kind.
#pragma once

#include <stop_token>

#include "engine/engine.h"

namespace holdfast::engine::sqlserver {

// As Engine::define_database: its columns are those of rows in copies, without computed ones and
// row versions. Errc::unsupported too for tables whose rows are not copied, naming them.
[[nodiscard]] DefinedTables define_live_tables(const model::Endpoint& endpoint,
                                               const std::stop_token& stop);

}  // namespace holdfast::engine::sqlserver
