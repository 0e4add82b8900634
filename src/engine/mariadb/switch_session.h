// SPDX-License-Identifier: Apache-2.0
// The session that changes a live schema: known to its undo, so that nothing is undone while a
// statement of a dead client still waits in the server; and patient with who uses the tables, for a
// short time only, as everybody else queues behind it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "engine/mariadb/client.h"

namespace holdfast::engine::mariadb {

// Adds to an undo which session makes the change, on which server. The session has a lock of a name
// that nobody else has, which ends with it: by that it is known, whatever clocks and numbers say.
void add_session(Connection& connection, Json& undo);
// Errc::not_found if the server is another than that of the undo. One that has got another name
// since is known by the schema beside, whose name is random.
void refuse_other_server(Connection& connection, const Json& undo);
// The server must be the one of the undo: Errc::not_found. Ends that session, if it is still there,
// and waits until what it was doing is decided. Errc::unavailable if it does not end.
void end_session(Connection& connection, const Json& undo);
// The same for sessions of our user that are at work in a schema which is ours alone.
void end_sessions_in(Connection& connection, const std::string& schema);

// A session that waits for no lock for long, nor checks foreign keys.
void make_impatient(Connection& connection);
[[nodiscard]] bool is_lock_failure(const Failure& failure) noexcept;
// Tries again as long as locks are in the way, for about half a minute. Errc::unavailable then,
// naming who holds them where the server tells.
void try_patiently(Connection& connection, std::string_view what,
                   const std::function<std::optional<Failure>()>& try_once);

// Takes the locks of tables, so that nothing is taken away while somebody's makes it wait. Only a
// lock that is in the way is a failure: a table that cannot be locked may still be renamed.
[[nodiscard]] std::optional<Failure> try_lock_tables(Connection& connection,
                                                     const std::string& schema,
                                                     const std::vector<std::string>& tables);

// "_holdfast_" and twelve random digits.
[[nodiscard]] std::string random_suffix();
// `name` cut so that it and `suffix` are a name.
[[nodiscard]] std::string with_suffix(std::string_view name, std::string_view suffix);
// "_before_20261120T105601Z" as "_undone_20261120T105601Z".
[[nodiscard]] std::string undone_suffix(std::string_view kept_suffix);

// Whether a schema is there. Errc::denied where the server does not tell us: what is hidden is not
// gone.
[[nodiscard]] bool is_there(Connection& connection, const std::string& schema);
// Tables and sequences of a schema; none if it is not there.
[[nodiscard]] std::vector<std::string> tables_in(Connection& connection, const std::string& schema);
[[nodiscard]] bool has_table(Connection& connection, const std::string& schema,
                             const std::string& table);
// Drops a schema that holds nothing, without waiting for who may be about to use it; else leaves
// it.
void drop_if_empty(Connection& connection, const std::string& schema);

// Several renames as one statement: all or none.
class Renames {
 public:
  void add(const std::string& from_schema, const std::string& from, const std::string& to_schema,
           const std::string& to);
  [[nodiscard]] bool empty() const noexcept { return sql_.empty(); }
  [[nodiscard]] std::optional<Failure> try_run(Connection& connection) const;

 private:
  std::string sql_;
};

}  // namespace holdfast::engine::mariadb
