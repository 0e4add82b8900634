// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/new_tables.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "engine/embedded/hold.h"
#include "engine/embedded/place.h"
#include "engine/embedded/rows.h"
#include "engine/embedded/switch.h"
#include "engine/turns.h"

namespace holdfast::engine::embedded {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view tables_kind = "tables";

RowMeans means_for(const Kind& kind, const model::Endpoint& endpoint) {
  std::string why_not;
  auto means = find_row_means(kind, endpoint, why_not);
  if (means) return std::move(*means);
  throw Error(Errc::unsupported,
              fmt::format("rows of a {} cannot be written: {}", kind.title(), why_not))
      .set_hint("Install a Java runtime and name the application's JDBC driver as `driver`.");
}

std::string quote_name(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) text.append(c == '"' ? 2 : 1, c);
  return text + '"';
}

// What is made by root is for whoever owns the place.
void give_to_owner_of(const fs::path& directory, const fs::path& made) {
  const std::optional<PlaceFacts> owner = place_facts(directory);
  if (!owner || ::geteuid() != 0 || (owner->uid == 0 && owner->gid == 0)) return;
  const auto give = [&](const fs::path& path) {
    if (::lchown(path.c_str(), owner->uid, owner->gid) != 0)
      throw system_error(errno, fmt::format("giving {} to its owner", path.native()));
  };
  give(made);
  if (!place_facts(made)->directory) return;
  std::error_code failure;
  fs::recursive_directory_iterator entries(made, failure);
  for (; !failure && entries != fs::recursive_directory_iterator(); entries.increment(failure))
    give(entries->path());
  if (failure) throw system_error(failure.value(), fmt::format("reading {}", made.native()));
}

void sync_files(const fs::path& place) {
  const Fd opened = open_file(place, O_RDONLY | O_NONBLOCK);
  if (::syncfs(opened.get()) != 0)
    throw system_error(errno, fmt::format("syncing {}", place.native()));
}

// Errc::unavailable naming who keeps it open.
void refuse_if_open(const Kind& kind, const fs::path& place) {
  static_cast<void>(take_lock(kind, place));
}

std::vector<model::TableName> names_of(java::JavaDatabase& database) {
  std::vector<model::TableName> names;
  for (const java::TableDef& table : database.tables()) names.push_back(table.name);
  return names;
}

bool holds(const std::vector<model::TableName>& names, const model::TableName& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A database on its way: beside its place, or in it.
class NewTables final : public Filling {
 public:
  NewTables(const Kind& kind, const model::Endpoint& into, std::span<const model::NewTable> tables,
            const LoadOptions& options, const std::stop_token& stop)
      : kind_(kind),
        endpoint_(into),
        stop_(stop),
        place_(path_of(kind, into)),
        announce_(options.before_change ? options.before_change
                                        : [](std::string_view, const Json&) {}),
        tables_(tables.begin(), tables.end()),
        scratch_(fmt::format("holdfast-{}", kind.name()), options.scratch_directory) {
    const RowMeans means = means_for(kind_, endpoint_);
    is_new_ = holds_nothing(place_);
    fs::path made = place_;
    if (is_new_) {
      check_place(place_, "");
      beside_ = beside(place_);
      announce_(fmt::format("write {}", beside_.native()),
                Json::object().set("kind", "remove").set("path", beside_.native()));
      if (::mkdir(beside_.c_str(), 0700) != 0)
        throw system_error(errno, fmt::format("making {}", beside_.native()));
      made = beside_ / place_.filename();
    } else {
      refuse_if_open(kind_, place_);
    }
    database_.emplace(settings_for(kind_, means, made, endpoint_, scratch_.path(), is_new_), stop_);
    make();
  }

  [[nodiscard]] std::unique_ptr<Rows> rows(std::size_t table) override;

  void finish() override {
    run("completing table", &model::NewTable::complete);
    database_->close();
    database_.reset();
    if (!is_new_) return sync_files(place_);
    NewTree made(kind_, place_, announce_);
    give_to_owner_of(place_.parent_path(), beside_ / place_.filename());
    const fs::path whole = beside_ / place_.filename();
    if (::rename(whole.c_str(), made.path().c_str()) != 0)
      throw system_error(errno, fmt::format("renaming {}", whole.native()));
    static_cast<void>(made.switch_in("", announce_));
    erase_tree(beside_);
  }

 private:
  void make() {
    schema_ = database_->query_one(kind_.schema_query());
    const std::string usual = schema_;
    const std::vector<model::TableName> there = names_of(*database_);
    Json names = Json::array();
    for (model::NewTable& table : tables_) {
      if (table.name.schema.empty()) table.name.schema = usual;
      if (holds(there, table.name))
        throw Error(Errc::exists, fmt::format("{}: there is a table {} already", place_.native(),
                                              table.name.display()))
            .set_hint("Name another database, or move that table out of the way.");
      names.push(Json::object().set("schema", table.name.schema).set("table", table.name.table));
    }
    // Nobody else can make one of them before we do: the database is ours from here on.
    if (!is_new_)
      announce_(fmt::format("make {} tables in {}", tables_.size(), place_.native()),
                Json::object()
                    .set("kind", tables_kind)
                    .set("path", place_.native())
                    .set("tables", std::move(names)));
    run("making table", &model::NewTable::make);
  }

  void run(std::string_view doing, std::vector<std::string> model::NewTable::*statements) {
    for (const model::NewTable& table : tables_) {
      if ((table.*statements).empty()) continue;
      in_context(fmt::format("{} {}", doing, table.name.display()), [&] {
        use(table.name.schema);
        for (const std::string& statement : table.*statements) database_->execute(statement);
      });
    }
  }

  // The first one need not be there yet: Derby makes a user's schema with its first table.
  void use(const std::string& schema) {
    if (schema == schema_) return;
    database_->execute("SET SCHEMA " + quote_name(schema));
    schema_ = schema;
  }

  class NewRows;

  const Kind& kind_;
  const model::Endpoint endpoint_;
  const std::stop_token stop_;
  const fs::path place_;
  const Announce announce_;
  std::vector<model::NewTable> tables_;  // with their schemas
  TemporaryDirectory scratch_;
  bool is_new_ = false;
  fs::path beside_;  // the directory in which a new one is made
  std::optional<java::JavaDatabase> database_;
  std::string schema_;  // of its session
  Turns turns_;         // the database is one sink's at a time
};

class NewTables::NewRows final : public Filling::Rows {
 public:
  NewRows(NewTables& tables, const model::NewTable& table)
      : turn_(tables.turns_, tables.stop_, "filling " + tables.place_.native()),
        loader_(tables.database_->load(table.name, table.columns)) {}
  void columns(const std::vector<model::Column>& /*columns*/) override {}
  void row(const model::Row& row) override { loader_->row(row); }
  void finish() override { static_cast<void>(loader_->finish()); }

 private:
  Turns::Turn turn_;  // given back last
  std::unique_ptr<java::RowLoader> loader_;
};

std::unique_ptr<Filling::Rows> NewTables::rows(std::size_t table) {
  return std::make_unique<NewRows>(*this, tables_.at(table));
}

fs::path place_of(const Json& undo) {
  fs::path place = undo.at("path").as_string();
  if (!place.is_absolute()) throw Error(Errc::corrupt, "`path` is no absolute path");
  return place;
}

}  // namespace

std::unique_ptr<Filling> make_filling(const Kind& kind, const model::Endpoint& into,
                                      std::span<const model::NewTable> tables,
                                      const LoadOptions& options, const std::stop_token& stop) {
  return std::make_unique<NewTables>(kind, into, tables, options, stop);
}

bool is_undo_of_tables(const Json& undo) {
  return undo.at("kind").as_string() == tables_kind;
}

void check_tables_undo(const Kind& kind, const Json& undo, const model::Endpoint& into) {
  const fs::path place = place_of(undo);
  if (holds_nothing(place)) return;
  static_cast<void>(means_for(kind, into));
  refuse_if_open(kind, place);
}

void undo_new_tables(const Kind& kind, const Json& undo, const model::Endpoint& into) {
  check_tables_undo(kind, undo, into);
  const fs::path place = place_of(undo);
  if (holds_nothing(place)) return;
  const TemporaryDirectory scratch(fmt::format("holdfast-{}", kind.name()));
  java::JavaDatabase database(
      settings_for(kind, means_for(kind, into), place, into, scratch.path()));
  const std::vector<model::TableName> there = names_of(database);
  for (const Json& one : undo.at("tables").as_array()) {
    const model::TableName table{one.at("schema").as_string(), one.at("table").as_string()};
    if (!holds(there, table)) continue;
    database.execute(
        fmt::format("DROP TABLE {}.{}", quote_name(table.schema), quote_name(table.table)));
  }
  database.close();
  sync_files(place);
}

}  // namespace holdfast::engine::embedded
