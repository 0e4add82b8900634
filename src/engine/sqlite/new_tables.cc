// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/new_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/sqlite/content.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/location.h"
#include "engine/sqlite/switch.h"
#include "engine/turns.h"

namespace holdfast::engine::sqlite {
namespace {

using namespace std::chrono_literals;
constexpr auto lock_wait = 5s;
constexpr std::string_view tables_kind = "new-tables";

const SchemaEntry* find_name(const std::vector<SchemaEntry>& schema, std::string_view name) {
  const auto found = std::find_if(schema.begin(), schema.end(), [&](const SchemaEntry& entry) {
    return equal_but_for_case(entry.name, name);
  });
  return found == schema.end() ? nullptr : &*found;
}

Connection open_for_writing(const std::filesystem::path& path, const std::stop_token& stop) {
  Connection connection(path, Access::read_write);
  connection.stop_with(stop);
  connection.wait_for(lock_wait);
  connection.tidy_on_close(true);
  if (connection.begin_immediate() != Begin::done) {
    throw Error(Errc::unavailable,
                fmt::format("{} stayed locked by another program", path.native()));
  }
  return connection;
}

class NewRows final : public Filling::Rows {
 public:
  NewRows(Turns& turns, Connection& connection, const model::NewTable& table,
          const std::stop_token& stop)
      : turn_(turns, stop, "filling " + connection.name()),
        connection_(connection),
        table_(table),
        what_("filling table " + table.name.table) {
    std::string columns, marks;
    for (const std::string& name : table.columns) {
      columns += (columns.empty() ? "" : ", ") + quote_name(name);
      marks += marks.empty() ? "?" : ", ?";
    }
    in_context(what_, [&] {
      insert_.emplace(connection_.prepare(fmt::format("INSERT INTO {} ({}) VALUES ({})",
                                                      quote_name(table.name.table), columns, marks),
                                          Errc::unsupported));
      connection_.run("SAVEPOINT rows_of_table");
    });
  }
  ~NewRows() override {
    if (is_over_) return;
    insert_.reset();
    try {
      connection_.run("ROLLBACK TO rows_of_table; RELEASE rows_of_table");
    } catch (const std::exception& error) {
      // A stop request has undone the whole transaction, and nothing can be committed any more.
      log(LogLevel::debug, "rows were given up with all others", {{"why", error.what()}});
    }
  }
  NewRows(const NewRows&) = delete;
  NewRows& operator=(const NewRows&) = delete;

  void columns(const std::vector<model::Column>& /*columns*/) override {}

  void row(const model::Row& row) override {
    check_rule(!is_over_ && row.size() == table_.columns.size(),
               "a row has a value for each column");
    in_context(what_, [&] {
      connection_.check_stop();
      for (std::size_t i = 0; i < row.size(); ++i) insert_->bind(static_cast<int>(i) + 1, row[i]);
      insert_->reset();
      static_cast<void>(insert_->step());
      insert_->reset();
    });
  }

  void finish() override {
    check_rule(!is_over_, "rows are finished once");
    insert_.reset();
    in_context(what_, [&] { connection_.run("RELEASE rows_of_table"); });
    is_over_ = true;
  }

 private:
  const Turns::Turn turn_;  // given back last
  Connection& connection_;
  const model::NewTable& table_;
  const std::string what_;
  std::optional<Statement> insert_;
  bool is_over_ = false;
};

class NewTables final : public Filling {
 public:
  NewTables(const std::filesystem::path& place, std::span<const model::NewTable> tables,
            const LoadOptions& options, const std::stop_token& stop)
      : place_(place),
        stop_(stop),
        announce_(options.before_change ? options.before_change
                                        : [](std::string_view, const Json&) {}),
        tables_(tables.begin(), tables.end()) {
    const std::optional<FileFacts> there = file_facts(place);
    if (!there || there->size_bytes == 0) {
      check_place(place, false, {});
      file_.emplace(place, announce_);
    }
    connection_.emplace(open_for_writing(file_ ? file_->path() : place, stop));
    const std::vector<SchemaEntry> schema = schema_of(*connection_);
    for (const model::NewTable& table : tables_) {
      if (find_name(schema, table.name.table) == nullptr) continue;
      throw Error(Errc::exists,
                  fmt::format("{}: there is a table {} already", place_.native(), table.name.table))
          .set_hint("Name another database, or move that table out of the way.");
    }
    connection_->report_damage_as(Errc::differs);  // rows that break a rule of their table
    run("making table", &model::NewTable::make);
  }

  [[nodiscard]] std::unique_ptr<Rows> rows(std::size_t table) override {
    return std::make_unique<NewRows>(turns_, *connection_, tables_.at(table), stop_);
  }

  void finish() override {
    run("completing table", &model::NewTable::complete);
    if (!file_) announce_tables();
    connection_->wait_for(lock_wait);
    connection_->run("COMMIT");
    connection_.reset();
    if (file_) static_cast<void>(file_->switch_in(Json::object(), {}, announce_));
  }

 private:
  void run(std::string_view doing, std::vector<std::string> model::NewTable::*statements) {
    for (const model::NewTable& table : tables_) {
      in_context(fmt::format("{} {}", doing, table.name.table), [&] {
        for (const std::string& sql : table.*statements) {
          Statement statement = connection_->prepare(sql, Errc::unsupported);
          static_cast<void>(statement.step());
        }
      });
    }
  }

  void announce_tables() {
    const std::vector<SchemaEntry> schema = schema_of(*connection_);
    Json made = Json::array();
    for (const model::NewTable& table : tables_) {
      const SchemaEntry* const entry = find_name(schema, table.name.table);
      check_rule(entry != nullptr, "what was made is there");
      made.push(Json::object().set("name", entry->name).set("sql", entry->sql));
    }
    announce_(fmt::format("make {} tables in {}", tables_.size(), place_.native()),
              Json::object()
                  .set("kind", tables_kind)
                  .set("path", place_.native())
                  .set("tables", std::move(made)));
  }

  const std::filesystem::path place_;
  const std::stop_token stop_;
  const Announce announce_;
  const std::vector<model::NewTable> tables_;
  std::optional<NewFile> file_;  // where the database is new
  std::optional<Connection> connection_;
  Turns turns_;  // the database has one writer
};

}  // namespace

std::unique_ptr<Filling> make_filling(const std::filesystem::path& place,
                                      std::span<const model::NewTable> tables,
                                      const LoadOptions& options, const std::stop_token& stop) {
  return std::make_unique<NewTables>(place, tables, options, stop);
}

bool is_of_new_tables(const Json& undo) {
  return undo.string_or("kind", "") == tables_kind;
}

void undo_new_tables(const Json& undo) {
  const std::filesystem::path path = undo.at("path").as_string();
  if (!path.is_absolute()) throw Error(Errc::corrupt, "`path` is no absolute path");
  if (!file_facts(path)) return;
  Connection connection = open_for_writing(path, {});
  for (const Json& one : undo.at("tables").as_array()) {
    const std::vector<SchemaEntry> schema = schema_of(connection);
    const SchemaEntry* const entry = find_name(schema, one.at("name").as_string());
    if (entry == nullptr || entry->type != "table" || entry->sql != one.at("sql").as_string())
      continue;
    connection.run("DROP TABLE " + quote_name(entry->name));
  }
  connection.run("COMMIT");
}

}  // namespace holdfast::engine::sqlite
