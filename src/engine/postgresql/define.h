// SPDX-License-Identifier: Apache-2.0
// The tables of a live database, for databases of another kind.
#pragma once

#include <stop_token>

#include "engine/engine.h"
#include "engine/postgresql/copy_text.h"
#include "engine/postgresql/location.h"

namespace holdfast::engine::postgresql {

// As Engine::define_database. Partitions are tables of their own, as they are in copies.
//
// Source of column types: PostgreSQL, "Data Types"; of keys: pg_index.
[[nodiscard]] DefinedTables define_live_tables(const Location& location,
                                               const std::stop_token& stop);

// What `type`, as format_type() writes it without a domain's name, is elsewhere: kind, length,
// digits. "numeric(12,2)", "character varying(20)", "timestamp(3) without time zone".
void define_type(std::string_view type, TextForm form, model::ColumnDefinition& column);

}  // namespace holdfast::engine::postgresql
