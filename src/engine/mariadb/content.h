// SPDX-License-Identifier: Apache-2.0
// What a live schema holds: tables with digests, objects, facts of its server.
#pragma once

#include <stop_token>

#include "engine/mariadb/catalog.h"
#include "engine/mariadb/client.h"
#include "model/manifest.h"

namespace holdfast::engine::mariadb {

// Flavour, version, character set and what else of the server a restore must know.
[[nodiscard]] Json server_facts(Connection& connection, const SchemaDef& schema);
// Adds what a description of the restored schema must know: views that were broken, which it may
// lack, and events that run once, which are gone when their time is over.
void add_fragile(const SchemaDef& schema, Json& engine_facts);
// Takes the broken views out of what was found; adds the events whose time is over.
void leave_out_broken(const Json& engine_facts, model::DatabaseFacts& facts);
void add_events_over(Connection& connection, const Json& engine_facts, model::DatabaseFacts& facts);
// `facts.engine_facts`: those of the copy to compare with, if there is one.
// Fills version, engine_facts, tables and objects from the live schema; tables are read by
// `parallel` sessions, each table at a moment of its own.
void describe_schema(const Location& location, const Secret* password, unsigned parallel,
                     model::DatabaseFacts& facts, const std::stop_token& stop);
// Errc::not_found naming the table.
void read_live_rows(const Location& location, const Secret* password, const model::TableName& table,
                    model::RowSink& into, std::stop_token stop);
// What differs, at most a few lines. Definitions by servers that word them otherwise are compared
// by name alone.
[[nodiscard]] std::vector<std::string> differences(const model::DatabaseFacts& expected,
                                                   const model::DatabaseFacts& found);

}  // namespace holdfast::engine::mariadb
