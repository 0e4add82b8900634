// SPDX-License-Identifier: Apache-2.0
// The rows of a database in its place. As its driver would write to it, it reads a private copy,
// made while nobody else has the database open; a scratch database is read where it is.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

#include "engine/embedded/kind.h"
#include "model/copy_check.h"
#include "model/endpoint.h"
#include "model/manifest.h"
#include "model/value.h"

namespace holdfast::engine::embedded {

// As Engine::describe. Tables only where a Java runtime and a driver are there and nobody has the
// database open; engine_facts say why there are none. Of a scratch database rows that cannot be
// read are Errc::unsupported.
void describe_live(const Kind& kind, const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                   const std::stop_token& stop);

// As Engine::rows and Engine::query_one. Errc::unsupported without a Java runtime and a driver,
// unavailable naming who has the database open.
void read_live_rows(const Kind& kind, const model::Endpoint& endpoint,
                    const model::TableName& table, model::RowSink& into,
                    const std::stop_token& stop);
[[nodiscard]] std::string query_live(const Kind& kind, const model::Endpoint& endpoint,
                                     std::string_view sql);

// Fills facts.tables as read_rows_of_copy(). What the driver cannot do says nothing against the
// copy: then engine_facts say why there are no tables.
void try_rows_of_copy(const Kind& kind, const std::filesystem::path& copy,
                      const model::Endpoint& endpoint, const std::filesystem::path& scratch,
                      const model::RowTap& tap, model::DatabaseFacts& facts,
                      const std::stop_token& stop);

}  // namespace holdfast::engine::embedded
