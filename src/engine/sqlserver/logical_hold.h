// SPDX-License-Identifier: Apache-2.0
// Copies of SQL Server's databases row by row, each at one moment: that of a database snapshot,
// which several sessions read at once, or that of one session under SNAPSHOT isolation.
//
// Each database of a hold has a moment of its own: the server knows none of several databases.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "engine/engine.h"
#include "engine/sqlserver/catalog.h"

namespace holdfast::engine::sqlserver {

// A database snapshot is announced by HoldOptions::before_change: {"sqlserver":"logical",
// "kind":"snapshot",…}, of which undo_logical() drops it. Errc::unsupported if `isolation` is
// "database_snapshot" and the server makes none, Errc::not_consistent if definitions changed
// meanwhile.
[[nodiscard]] std::unique_ptr<Hold> make_logical_hold(std::span<const model::Endpoint> endpoints,
                                                      const HoldOptions& options);

// As Engine::describe of a database that is copied so: rows, digests, objects, engine_facts.
void describe_database(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                       const std::stop_token& stop);

// What stands in the way of a copy by rows, or is no part of one, for probe(): tables in memory,
// row security, encrypted columns and code, what is left out. Of a session in the database.
[[nodiscard]] std::vector<model::Finding> logical_findings(Session& session,
                                                           const Catalog& catalog);

}  // namespace holdfast::engine::sqlserver
