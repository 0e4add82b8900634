// SPDX-License-Identifier: Apache-2.0
// What the role of a connection lacks in order to copy a database, each as the statement that
// gives it.
#pragma once

#include <string>
#include <vector>

#include "engine/postgresql/connection.h"

namespace holdfast::engine::postgresql {

struct MissingGrant {
  std::string object;     // "table public.orders"
  std::string statement;  // "GRANT SELECT ON TABLE "public"."orders" TO "backup";"
};
// USAGE on schemas, SELECT on tables, sequences and large objects.
[[nodiscard]] std::vector<MissingGrant> missing_grants(Connection& connection);

// The grants that reading everything takes, for `role`, whether it has them or not: a statement a
// line.
[[nodiscard]] std::vector<std::string> reading_grants(Connection& connection,
                                                      const std::string& role);

// Tables whose policies hide rows from us: "public.orders".
[[nodiscard]] std::vector<std::string> tables_with_hidden_rows(Connection& connection);

}  // namespace holdfast::engine::postgresql
