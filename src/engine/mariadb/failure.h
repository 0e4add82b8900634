// SPDX-License-Identifier: Apache-2.0
// What a server of this kind, or the client library, says when it fails, and what that means.
#pragma once

#include <string>

#include "base/error.h"

namespace holdfast::engine::mariadb {

// A server's numbers that callers decide by. Source: mariadb.com/kb/en/mariadb-error-codes.
enum : unsigned {
  error_database_exists = 1007,
  error_unknown_time_zone = 1298,
  error_view_invalid = 1356,
  error_unknown_database = 1049,
  error_no_such_table = 1146,
  error_command_not_allowed = 1148,
  error_lock_wait_timeout = 1205,
  error_deadlock = 1213,
  error_query_interrupted = 1317,
  error_table_definition_changed = 1412,
  error_statement_timeout = 1969,
  error_local_infile_disabled = 3948,
  error_local_infile_disabled_mariadb = 4166,
  // Of the client library itself: the server says nothing any more, or has not yet.
  client_error_min = 2000,
  client_error_max = 2999,
};

struct Failure {
  unsigned number = 0;
  std::string state;                          // SQLSTATE
  std::string text;                           // the server's own words
  [[nodiscard]] std::string display() const;  // "1146 (42S02): Table 'a.b' doesn't exist"
};

// What a server's failure means; `otherwise` where neither its number nor its text tells. Pure.
[[nodiscard]] Errc code_of(const Failure& failure, Errc otherwise);

// Whether LOAD DATA LOCAL was refused as such, before any of its data was read.
[[nodiscard]] bool is_forbidden_locally(const Failure& failure) noexcept;

}  // namespace holdfast::engine::mariadb
