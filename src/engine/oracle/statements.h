// SPDX-License-Identifier: Apache-2.0
// Questions and statements of a profile, put to a schema of Oracle.
//
// Sources: Oracle Database PL/SQL Packages and Types Reference, DBMS_SQL (DESCRIBE_COLUMNS2: names
// of any length; COLUMN_VALUE); PL/SQL Language Reference, EXECUTE IMMEDIATE, SQL%ROWCOUNT.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/oracle/sqlplus.h"
#include "model/endpoint.h"

namespace holdfast::engine::oracle {

// As Engine::query_rows: of a SELECT whose columns are text, read in a transaction that only reads.
[[nodiscard]] std::vector<std::vector<std::string>> query_texts(const model::Endpoint& endpoint,
                                                                std::string_view sql,
                                                                const std::stop_token& stop);
// As Engine::execute. Errc::unavailable if it takes longer than a minute, as behind another's lock.
std::optional<std::uint64_t> run_statement(const model::Endpoint& endpoint, std::string_view sql,
                                           const std::stop_token& stop);
// LoadOptions::statements, with `schema` as the session's current one, committed at their end.
void run_statements(Session& session, std::string_view schema,
                    std::span<const std::string> statements);

}  // namespace holdfast::engine::oracle
