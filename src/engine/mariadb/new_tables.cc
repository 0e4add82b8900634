// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/new_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/insert_batches.h"
#include "engine/mariadb/new_rows.h"
#include "engine/mariadb/scripts.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/switch.h"
#include "engine/mariadb/switch_session.h"

namespace holdfast::engine::mariadb {
namespace {

// Definitions as they are meant, values as they are or not at all.
void settle(Connection& connection) {
  const auto settings = load_settings(connection.is_mariadb(), connection.version_number());
  for (std::size_t i = 1; i < settings.size(); ++i)
    static_cast<void>(connection.try_run(settings[i]));
  connection.run(
      fmt::format("SET sql_mode='{},STRICT_ALL_TABLES', foreign_key_checks=0, unique_checks=1, "
                  "default_storage_engine=InnoDB, innodb_lock_wait_timeout=86400",
                  plain_sql_mode));
}

// What stands under a name, view or table.
bool is_taken(Connection& connection, const std::string& schema, const std::string& table) {
  return connection.number(
             fmt::format("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} "
                         "AND TABLE_NAME = {}",
                         quote_text(schema), quote_text(table))) > 0;
}

class NewTables final : public Filling {
 public:
  NewTables(const model::Endpoint& into, std::span<const model::NewTable> tables,
            const LoadOptions& options, const std::stop_token& stop)
      : location_(location_of(into)),
        password_(into.password),
        stop_(stop),
        announce_(options.before_change ? options.before_change
                                        : [](std::string_view, const Json&) {}),
        tables_(tables.begin(), tables.end()),
        connection_(location_, password_.get(), true, stop) {
    check_names();
    check_place();
    settle(connection_);
    beside_.emplace(connection_, location_.schema, announce_);
    take_character_set();
    connection_.use(beside_->name());
    run("making table", &model::NewTable::make);
    for (const model::NewTable& table : tables_) read_columns(table);
  }

  [[nodiscard]] std::unique_ptr<Rows> rows(std::size_t table) override {
    Connection connection(location_, password_.get(), false, stop_);
    connection.use(beside_->name());
    settle(connection);
    return std::make_unique<NewRows>(std::move(connection), copied_.at(table), numbers_[table]);
  }

  void finish() override {
    run("completing table", &model::NewTable::complete);
    check_place();
    Renames renames;
    Json names = Json::array();
    for (const model::NewTable& table : tables_) {
      renames.add(beside_->name(), table.name.table, location_.schema, table.name.table);
      names.push(table.name.table);
    }
    if (!renames.empty()) {
      Json undo = Json::object()
                      .set("kind", "new-tables")
                      .set("place", location_.schema)
                      .set("beside", beside_->name())
                      .set("tables", names);
      add_session(connection_, undo);
      announce_(fmt::format("put {} tables into schema {}", tables_.size(), location_.schema),
                undo);
      if (const auto failure = renames.try_run(connection_)) connection_.raise(*failure);
    }
    connection_.use(location_.schema);
    if (const auto failure = connection_.try_run("DROP DATABASE " + quote_name(beside_->name())))
      log(LogLevel::warn, "an empty schema is still there",
          {{"schema", beside_->name()}, {"why", failure->display()}});
  }

 private:
  // Names as the server keeps them.
  void check_names() {
    const bool folds = connection_.number("SELECT @@lower_case_table_names") == 1;
    for (model::NewTable& table : tables_) {
      const std::string& schema = table.name.schema;
      if (!schema.empty() && schema != location_.schema)
        throw Error(Errc::unsupported,
                    fmt::format("{} takes no table for schema {}", location_.display(), schema));
      if (!folds) continue;
      for (char& c : table.name.table)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
  }

  void check_place() {
    for (const model::NewTable& table : tables_) {
      if (!is_taken(connection_, location_.schema, table.name.table)) continue;
      throw Error(Errc::exists, fmt::format("{}: there is a table {} already", location_.display(),
                                            table.name.table))
          .set_hint("Name another database, or move that table out of the way.");
    }
  }

  void take_character_set() {
    const auto set = connection_.query(
        "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM "
        "information_schema.SCHEMATA WHERE SCHEMA_NAME = " +
        quote_text(location_.schema));
    if (set.empty()) throw Error(Errc::not_found, location_.display() + " is gone");
    connection_.run(fmt::format("ALTER DATABASE {} CHARACTER SET {} COLLATE {}",
                                quote_name(beside_->name()), set[0][0].value_or("utf8mb4"),
                                set[0][1].value_or("utf8mb4_bin")));
  }

  void run(std::string_view doing, std::vector<std::string> model::NewTable::*statements) {
    for (const model::NewTable& table : tables_) {
      in_context(fmt::format("{} {}", doing, table.name.table), [&] {
        for (const std::string& statement : table.*statements)
          connection_.run(statement, Errc::unsupported);
      });
    }
  }

  // LOAD DATA keeps a table that numbers its rows to itself until its end, whatever the numbers.
  void read_columns(const model::NewTable& table) {
    const auto found = connection_.query(
        fmt::format("SELECT COLUMN_NAME, CHARACTER_SET_NAME, EXTRA FROM information_schema.COLUMNS "
                    "WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
                    quote_text(beside_->name()), quote_text(table.name.table)));
    CopiedTable copied;
    copied.name = table.name.table;
    bool numbers = false;
    for (const std::string& wanted : table.columns) {
      const auto column = std::find_if(found.begin(), found.end(), [&](const auto& one) {
        return equal_but_for_case(one[0].value_or(""), wanted);
      });
      if (column == found.end())
        throw Error(Errc::not_found,
                    fmt::format("table {} has no column {}", table.name.table, wanted));
      copied.columns.push_back({wanted, (*column)[1].has_value()});
    }
    for (const auto& one : found)
      numbers = numbers || one[2].value_or("").find("auto_increment") != std::string::npos;
    copied_.push_back(std::move(copied));
    numbers_.push_back(numbers);
  }

  const Location location_;
  const std::shared_ptr<const Secret> password_;
  const std::stop_token stop_;
  const Announce announce_;
  std::vector<model::NewTable> tables_;
  std::vector<CopiedTable> copied_;  // what rows are loaded into
  std::vector<bool> numbers_;        // whether it has an AUTO_INCREMENT
  Connection connection_;
  std::optional<Beside> beside_;
};

}  // namespace

std::unique_ptr<Filling> make_filling(const model::Endpoint& into,
                                      std::span<const model::NewTable> tables,
                                      const LoadOptions& options, const std::stop_token& stop) {
  return std::make_unique<NewTables>(into, tables, options, stop);
}

void undo_new_tables(Connection& connection, const Json& undo) {
  const std::string& place = undo.at("place").as_string();
  const std::string& beside = undo.at("beside").as_string();
  const std::vector<std::string> waiting = tables_in(connection, beside);
  const std::vector<std::string> there = tables_in(connection, place);
  const auto holds = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const Json& one : undo.at("tables").as_array()) {
    const std::string& table = one.as_string();
    if (holds(waiting, table) || !holds(there, table)) continue;
    try_patiently(connection, "dropping table " + table,
                  [&] { return connection.try_run("DROP TABLE " + quote_name(place, table)); });
  }
}

}  // namespace holdfast::engine::mariadb
