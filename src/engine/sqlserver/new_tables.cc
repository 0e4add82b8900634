// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/new_tables.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/sqlserver/new_rows.h"

namespace holdfast::engine::sqlserver {
namespace {

std::string name_of(const model::TableName& name) {
  return identifier(name.schema) + "." + identifier(name.table);
}

// As the server calls a table, and when it was made, which no other one has both.
std::string table_query(const model::TableName& name) {
  return fmt::format(
      "SELECT object_id, CONVERT(varchar(40),create_date,121) FROM sys.objects WHERE object_id = "
      "OBJECT_ID({})",
      literal(name_of(name)));
}

unsigned number_of(const Cell& cell) {
  unsigned number = 0;
  const std::string text = cell.value_or("0");
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// A row of the query in read_columns().
SqlColumn parse_column(const std::vector<Cell>& cells) {
  SqlColumn column;
  column.name = cells.at(0).value_or("");
  column.type_name = ascii_lower(cells.at(1).value_or(""));
  if (column.type_name == "timestamp") column.type_name = "rowversion";
  column.type = sql_type(column.type_name);
  const std::string bytes = cells.at(2).value_or("0");
  column.is_max = bytes == "-1";
  const bool is_wide = column.type == SqlType::nchar || column.type == SqlType::nvarchar;
  column.length = column.is_max ? 0 : number_of(cells.at(2)) / (is_wide ? 2U : 1U);
  column.precision = number_of(cells.at(3));
  column.scale = number_of(cells.at(4));
  column.is_nullable = cells.at(5) == "1";
  column.is_identity = cells.at(6) == "1";
  return column;
}

class NewTables final : public Filling {
 public:
  NewTables(const model::Endpoint& into, std::span<const model::NewTable> tables,
            const LoadOptions& options, const std::stop_token& stop)
      : stop_(stop),
        announce_(options.before_change),
        tables_(tables.begin(), tables.end()),
        session_(location_of(into), into.password.get(), true, stop) {
    find_places();
    change("making tables", &model::NewTable::make);
    for (const model::NewTable& table : tables_) {
      read_columns(table);
      set_escalation(table.name, "DISABLE");
    }
  }

  [[nodiscard]] std::unique_ptr<Rows> rows(std::size_t table) override {
    return std::make_unique<NewRows>(session_.again(), filled_.at(table), Commit::at_end, stop_);
  }

  void finish() override {
    change("completing tables", &model::NewTable::complete);
    for (const model::NewTable& table : tables_) set_escalation(table.name, "TABLE");
  }

 private:
  void find_places() {
    const std::string usual = session_.value("SELECT SCHEMA_NAME()");
    if (usual.empty())
      throw Error(Errc::denied, fmt::format("{}: the login has no schema of its own there",
                                            session_.location().display()))
          .set_hint("Run: ALTER USER … WITH DEFAULT_SCHEMA = dbo;");
    for (model::NewTable& table : tables_) {
      if (table.name.schema.empty()) table.name.schema = usual;
      if (table.name.schema != usual)
        throw Error(Errc::unsupported,
                    fmt::format("{} takes no table for schema {}", session_.location().display(),
                                table.name.schema));
      if (session_.query(table_query(table.name)).empty()) continue;
      throw Error(Errc::exists, fmt::format("{}: there is a table {} already",
                                            session_.location().display(), table.name.display()))
          .set_hint("Name another database, or move that table out of the way.");
    }
  }

  // All of one kind of statements in one transaction, of which others see nothing before it was
  // told of.
  void change(std::string_view what, std::vector<std::string> model::NewTable::*statements) {
    in_context(what, [&] {
      session_.run("BEGIN TRANSACTION");
      try {
        for (const model::NewTable& table : tables_)
          in_context("table " + table.name.display(), [&] {
            for (const std::string& statement : table.*statements)
              session_.run(statement, {}, Errc::unsupported);
          });
        if (statements == &model::NewTable::make) announce();
        session_.run("COMMIT TRANSACTION");
      } catch (const std::exception&) {
        roll_back();
        throw;
      }
    });
  }

  // Some errors have ended the transaction already.
  void roll_back() {
    try {
      session_.stop_with({});
      session_.run("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION");
      session_.stop_with(stop_);
    } catch (const Error& error) {
      log(LogLevel::debug, "a transaction was not rolled back", {{"why", error.what()}});
    }
  }

  void announce() {
    Json made = Json::array();
    for (const model::NewTable& table : tables_) {
      const auto found = session_.query(table_query(table.name));
      if (found.empty())
        throw Error(Errc::not_found,
                    fmt::format("its statements make no table {}", table.name.display()));
      made.push(Json::object()
                    .set("schema", table.name.schema)
                    .set("table", table.name.table)
                    .set("object_id", found[0].at(0).value_or(""))
                    .set("made", found[0].at(1).value_or("")));
    }
    if (!announce_ || tables_.empty()) return;
    announce_(fmt::format("made {} tables in {}", tables_.size(), session_.location().display()),
              Json::object()
                  .set("sqlserver", "new-tables")
                  .set("database", session_.location().database)
                  .set("tables", made));
  }

  // Several sinks fill one table: a lock on all of it would keep one waiting for another's end.
  // Other servers have no such lock, and know no such setting.
  void set_escalation(const model::TableName& table, std::string_view to) {
    const auto errors = session_.try_run(
        fmt::format("ALTER TABLE {} SET (LOCK_ESCALATION = {})", name_of(table), to));
    if (!errors.empty())
      log(LogLevel::debug, "a table's lock escalation stays as it is",
          {{"table", table.display()}, {"why", errors.front().display()}});
  }

  void read_columns(const model::NewTable& table) {
    const auto found = session_.query(fmt::format(
        "SELECT c.name, t.name, c.max_length, c.precision, c.scale, CONVERT(int,c.is_nullable), "
        "CONVERT(int,c.is_identity) FROM sys.columns c JOIN sys.types t ON t.user_type_id = CASE "
        "WHEN c.system_type_id = 240 THEN c.user_type_id ELSE c.system_type_id END WHERE "
        "c.object_id = OBJECT_ID({}) AND c.is_computed = 0",
        literal(name_of(table.name))));
    SqlTable filled;
    filled.name = table.name;
    for (const std::string& wanted : table.columns) {
      const auto column = std::ranges::find_if(found, [&](const std::vector<Cell>& one) {
        return equal_but_for_case(one.at(0).value_or(""), wanted);
      });
      if (column == found.end())
        throw Error(Errc::not_found,
                    fmt::format("table {} has no column {}", table.name.display(), wanted));
      filled.columns.push_back(parse_column(*column));
      if (filled.columns.back().type == SqlType::unknown)
        throw Error(Errc::unsupported,
                    fmt::format("table {}, column {} ({}): columns of such a type are not filled",
                                table.name.display(), wanted, filled.columns.back().type_name));
    }
    filled_.push_back(std::move(filled));
  }

  const std::stop_token stop_;
  const std::function<void(std::string_view what, const Json& undo)> announce_;
  std::vector<model::NewTable> tables_;  // with their schemas
  std::vector<SqlTable> filled_;
  Session session_;
};

}  // namespace

std::unique_ptr<Filling> make_filling(const model::Endpoint& into,
                                      std::span<const model::NewTable> tables,
                                      const LoadOptions& options, const std::stop_token& stop) {
  return std::make_unique<NewTables>(into, tables, options, stop);
}

void undo_new_tables(const Json& undo, const model::Endpoint& into) {
  Session session(location_of(into), into.password.get(), true);
  for (const Json& one : undo.at("tables").as_array()) {
    const model::TableName name{one.at("schema").as_string(), one.at("table").as_string()};
    const auto found = session.query(table_query(name));
    const bool is_ours = !found.empty() && found[0].at(0) == one.at("object_id").as_string() &&
                         found[0].at(1) == one.at("made").as_string();
    if (!is_ours) continue;  // gone, or somebody else's by now
    // Whoever holds a table is named by a failure, rather than waited for.
    session.run("SET LOCK_TIMEOUT 60000; DROP TABLE " + name_of(name));
  }
}

}  // namespace holdfast::engine::sqlserver
