// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/new_tables.h"

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <utility>

#include "base/error.h"
#include "engine/postgresql/catalog.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/copy_binary.h"
#include "engine/postgresql/copy_sender.h"
#include "engine/postgresql/databases.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/table_copy.h"

namespace holdfast::engine::postgresql {
namespace {

// What others see as done is on disk.
void make_durable(Connection& connection) {
  if (connection.value("SHOW synchronous_commit") == "off")
    connection.run("SET synchronous_commit = on");
}

std::string usual_schema(Connection& connection) {
  connection.run("SET search_path TO DEFAULT");
  const Rows rows = connection.query(
      "SELECT s.name FROM pg_catalog.unnest(pg_catalog.current_schemas(false))"
      " WITH ORDINALITY AS s (name, place)"
      " WHERE pg_catalog.has_schema_privilege(s.name, 'CREATE') ORDER BY s.place LIMIT 1");
  if (!rows.empty()) return rows.text(0, 0);
  const std::string role = connection.value("SELECT current_user");
  throw Error(
      Errc::denied,
      fmt::format("{}: {} may make tables in no schema of its search path ({})",
                  connection.location().display(), role, connection.value("SHOW search_path")))
      .set_hint(fmt::format("Run: GRANT USAGE, CREATE ON SCHEMA public TO {};", quote_name(role)));
}

void check_schema(Connection& connection, const std::string& schema) {
  const Rows rows = connection.query(
      "SELECT pg_catalog.has_schema_privilege(oid, 'USAGE')"
      " AND pg_catalog.has_schema_privilege(oid, 'CREATE')"
      " FROM pg_catalog.pg_namespace WHERE nspname = $1",
      {schema});
  const std::string where = connection.location().display();
  if (rows.empty()) throw Error(Errc::not_found, fmt::format("{} has no schema {}", where, schema));
  if (rows.boolean(0, 0)) return;
  const std::string role = connection.value("SELECT current_user");
  throw Error(Errc::denied, fmt::format("{}: {} lacks CREATE on schema {}", where, role, schema))
      .set_hint(fmt::format("Run: GRANT USAGE, CREATE ON SCHEMA {} TO {};", quote_name(schema),
                            quote_name(role)));
}

// The tables and sequences that this transaction, which sees nothing of others' since its
// beginning, has made by itself; what belongs to a column goes with it.
class MadeHere {
 public:
  explicit MadeHere(Connection& connection)
      : connection_(connection),
        before_(connection.value(
            "SELECT pg_catalog.array_agg(oid) FROM pg_catalog.pg_class WHERE relkind = ANY "
            "('{r,p,S}')")) {}
  [[nodiscard]] Json list() {
    const Rows rows = connection_.query(
        "SELECT c.oid, c.relkind, n.nspname, c.relname FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = ANY ('{r,p,S}')"
        " AND c.oid <> ALL ($1::pg_catalog.oid[])"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid"
        " AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i'))"
        " ORDER BY c.oid",
        {before_});
    Json made = Json::array();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      made.push(Json::object()
                    .set("oid", rows.text(i, 0))
                    .set("sequence", rows.view(i, 1) == "S")
                    .set("name", quote_name(model::TableName{rows.text(i, 2), rows.text(i, 3)})));
    }
    return made;
  }

 private:
  Connection& connection_;
  std::string before_;
};

class NewRows final : public engine::Filling::Rows {
 public:
  NewRows(const Location& place, const std::stop_token& stop, const model::TableName& name,
          const std::vector<std::string>& columns, const std::vector<BinaryForm>& forms)
      : what_("filling table " + name.display()), names_(columns), values_(forms) {
    in_context(what_, [&] {
      sender_.emplace(place, make_durable, copy_in_binary_statement(name, columns), stop);
    });
    BinaryRows::begin(buffer_);
  }

  void columns(const std::vector<model::Column>& /*columns*/) override {}

  void row(const model::Row& row) override {
    check_rule(sender_ && row.size() == names_.size(), "a row has a value for each column");
    in_context(what_, [&] {
      const auto refused =
          values_.add(row, buffer_, [this](ByteView bytes) { sender_->send_copy(bytes); });
      if (refused) refuse(names_[*refused], row[*refused]);
      if (buffer_.size() >= CopySender::piece_bytes) sender_->send(buffer_);
    });
  }

  void finish() override {
    check_rule(sender_.has_value(), "rows are finished once");
    in_context(what_, [&] {
      BinaryRows::end(buffer_);
      sender_->send(buffer_);
      sender_->finish();
      sender_.reset();
    });
  }

 private:
  [[noreturn]] static void refuse(const std::string& column, const model::Value& value) {
    if (value.text.size() > value_bytes_max)
      throw Error(Errc::unsupported,
                  fmt::format("a value for column {} has {} bytes, PostgreSQL takes {} at most",
                              column, value.text.size(), value_bytes_max));
    throw Error(Errc::unsupported, fmt::format("column {} does not take a value that is {}", column,
                                               model::value_kind_name(value.kind)));
  }

  const std::string what_;
  const std::vector<std::string> names_;
  BinaryValues values_;
  Bytes buffer_;
  std::optional<CopySender> sender_;
};

class NewTables final : public engine::Filling {
 public:
  NewTables(const Location& into, std::span<const model::NewTable> tables,
            const LoadOptions& options, const std::stop_token& stop)
      : place_(into),
        stop_(stop),
        before_change_(options.before_change),
        tables_(tables.begin(), tables.end()),
        connection_(into, stop) {
    make_durable(connection_);
    find_places();
    change("making tables", &model::NewTable::make);
    for (const model::NewTable& table : tables_) {
      forms_.push_back(binary_forms_of(connection_, table.name, table.columns));
      if (table.columns.empty() || forms_.back().size() != table.columns.size())
        throw Error(Errc::unsupported,
                    fmt::format("table {}: rows are given for columns that it has not, or whose "
                                "types are not filled from other engines",
                                table.name.display()));
    }
  }

  [[nodiscard]] std::unique_ptr<Rows> rows(std::size_t table) override {
    const model::NewTable& wanted = tables_.at(table);
    return std::make_unique<NewRows>(place_, stop_, wanted.name, wanted.columns, forms_[table]);
  }

  void finish() override { change("completing tables", &model::NewTable::complete); }

 private:
  void find_places() {
    std::string usual;
    for (model::NewTable& table : tables_) {
      if (table.name.schema.empty()) {
        if (usual.empty()) usual = usual_schema(connection_);
        table.name.schema = usual;
      } else {
        check_schema(connection_, table.name.schema);
      }
      const postgresql::Rows there = connection_.query(
          "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
          " ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
          {table.name.schema, table.name.table});
      if (!there.empty())
        throw Error(Errc::exists, fmt::format("{}: there is a table {} already", place_.display(),
                                              table.name.display()))
            .set_hint("Name another database, or move that table out of the way.");
    }
  }

  // All of one kind of statements, in one transaction, of which others see nothing before it was
  // announced.
  void change(std::string_view what, std::vector<std::string> model::NewTable::*statements) {
    in_context(what, [&] {
      try {
        connection_.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
        MadeHere made(connection_);
        for (const model::NewTable& table : tables_) {
          connection_.run("SET LOCAL search_path = " + quote_name(table.name.schema));
          for (const std::string& statement : table.*statements)
            in_context("table " + table.name.display(), [&] { connection_.run(statement); });
        }
        connection_.run("SET LOCAL search_path = ''");
        const Json list = made.list();
        if (!list.as_array().empty()) announce(list);
        connection_.run("COMMIT");
      } catch (const std::exception&) {
        connection_.rollback();
        throw;
      }
    });
  }

  void announce(const Json& made) {
    if (!before_change_) return;
    before_change_(fmt::format("made {} tables and sequences in database {}",
                               made.as_array().size(), place_.database),
                   Json::object()
                       .set("kind", "new-tables")
                       .set("database", place_.database)
                       .set("system", system_of(connection_))
                       .set("made", made));
  }

  const Location place_;
  const std::stop_token stop_;
  const std::function<void(std::string_view what, const Json& undo)> before_change_;
  std::vector<model::NewTable> tables_;         // with their schemas
  std::vector<std::vector<BinaryForm>> forms_;  // of their columns
  Connection connection_;
};

}  // namespace

std::unique_ptr<engine::Filling> make_filling(const Location& into,
                                              std::span<const model::NewTable> tables,
                                              const LoadOptions& options,
                                              const std::stop_token& stop) {
  return std::make_unique<NewTables>(into, tables, options, stop);
}

void undo_new_tables(const Json& undo, const Location& database) {
  Connection connection(database);
  // Whoever holds a table is named by a failure, rather than waited for.
  connection.run("SET lock_timeout = '1min'");
  connection.run("BEGIN");
  std::string tables, sequences;
  for (const Json& one : undo.at("made").as_array()) {
    const std::string& name = one.at("name").as_string();
    const bool is_there =
        !connection
             .query(
                 "SELECT 1 FROM pg_catalog.pg_class WHERE oid = $1::text::pg_catalog.oid"
                 " AND oid = pg_catalog.to_regclass($2)",
                 {one.at("oid").as_string(), name})
             .empty();
    if (!is_there) continue;
    std::string& list = one.at("sequence").as_bool() ? sequences : tables;
    list += (list.empty() ? "" : ", ") + name;
  }
  if (!tables.empty()) connection.run("DROP TABLE " + tables);
  if (!sequences.empty()) connection.run("DROP SEQUENCE " + sequences);
  connection.run("COMMIT");
}

}  // namespace holdfast::engine::postgresql
