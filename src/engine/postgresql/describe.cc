// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/crew.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/postgresql/catalog.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/content.h"
#include "engine/postgresql/held_database.h"
#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

using namespace std::chrono_literals;

constexpr auto lock_wait = 30s;
// Of what is asked and changed for a profile: who waits longer keeps an application stopped.
constexpr std::string_view lock_patience = "SET lock_timeout = '30s'";
constexpr std::string_view begin_reading =
    "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";

}  // namespace

void describe_database(const Location& location, model::DatabaseFacts& facts, unsigned parallel,
                       const std::stop_token& stop) {
  HeldDatabase database(location, stop);
  database.lock_tables(lock_wait);
  database.take_snapshot();
  database.secure(lock_wait);
  Content content(database);
  content.read_catalog(stop);
  content.read_rest(parallel == 0 ? cores_available() : parallel, stop);
  content.fill(facts);
  database.release();
}

void read_rows(const Location& location, const model::TableName& table, model::RowSink& into,
               const std::stop_token& stop) {
  Connection connection(location, stop);
  connection.run(begin_reading);
  const std::vector<Table> tables = list_tables(connection, false);
  const model::TableName wanted{table.schema.empty() ? "public" : table.schema, table.table};
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [&](const Table& one) { return one.name == wanted; });
  if (found == tables.end()) {
    throw Error(Errc::not_found,
                fmt::format("{}: there is no table `{}`", location.component, table.display()));
  }
  into.columns(columns_of(found->columns));
  RowReader reader(found->columns);
  model::Row row;
  connection.copy_out(copy_out_statement(*found, connection.encoding(), nullptr),
                      [&](ByteView line) {
                        reader.read(line, row);
                        into.row(row);
                      });
  connection.rollback();
}

std::string query_value(const Location& location, std::string_view sql) {
  Connection connection(location);
  const auto refuse = [&](std::string_view why) {
    throw Error(Errc::usage, fmt::format("{}: {}: {}", location.component, why, sql));
  };
  // A statement with parameters' protocol can be one statement only, and a transaction that reads
  // cannot be turned into one that writes.
  connection.run("BEGIN TRANSACTION READ ONLY");
  connection.run("SET LOCAL search_path TO DEFAULT");
  const Rows rows = connection.query(sql);
  if (rows.columns() != 1) refuse("the query has not exactly one column");
  if (rows.empty()) refuse("the query has no row");
  if (rows.size() > 1) refuse("the query has more than one row");
  std::string text = rows.text(0, 0);
  connection.rollback();
  return text;
}

std::vector<std::vector<std::string>> query_texts(const Location& location, std::string_view sql,
                                                  const std::stop_token& stop) {
  Connection connection(location, stop);
  connection.run(lock_patience);
  connection.run("BEGIN TRANSACTION READ ONLY");
  const Rows rows = connection.query(sql);
  if (rows.size() > Engine::queried_rows_max) {
    throw Error(Errc::unsupported, fmt::format("{}: the query has {} rows, too many: {}",
                                               location.component, rows.size(), sql));
  }
  std::vector<std::vector<std::string>> texts(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t column = 0; column < rows.columns(); ++column)
      texts[row].push_back(rows.text(row, column));
  }
  connection.rollback();
  return texts;
}

std::optional<std::uint64_t> run_statement(const Location& location, std::string_view sql,
                                           const std::stop_token& stop) {
  Connection connection(location, stop);
  connection.run(lock_patience);
  // Killed before COMMIT, nothing of it stays; after, its rows are locked until it is done, and
  // whoever undoes it waits for that.
  connection.run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
  // With the protocol of parameters it can be one statement only.
  static_cast<void>(connection.query(sql));
  const std::optional<std::uint64_t> changed = connection.changed();
  connection.run("COMMIT");
  return changed;
}

}  // namespace holdfast::engine::postgresql
