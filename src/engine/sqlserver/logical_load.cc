// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/logical_load.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>

#include "base/crew.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/sqlserver/bcp/bcp_reader.h"
#include "engine/sqlserver/database_snapshot.h"
#include "engine/sqlserver/logical_hold.h"
#include "engine/sqlserver/make_schema.h"
#include "engine/sqlserver/new_rows.h"
#include "engine/sqlserver/schema_script.h"
#include "engine/sqlserver/target_database.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t script_bytes_max = std::size_t{256} << 20U;
constexpr std::size_t differences_told_max = 10;

struct LoadedTable {
  SqlTable rows;
  std::string path;
  std::uint64_t size_bytes = 0;
  std::string last_identity;
};

std::string text_of(const model::PartSource& parts, std::string_view path) {
  const std::unique_ptr<ByteSource> source = parts.open(path);
  const Bytes bytes = read_all(*source, script_bytes_max);
  return std::string(as_text(bytes));
}

std::vector<LoadedTable> tables_of(const model::DatabaseFacts& facts,
                                   const model::PartSource& parts) {
  std::map<std::string, std::uint64_t> sizes;
  for (const auto& entry : parts.list()) sizes[entry.path] = entry.size_bytes;
  std::vector<LoadedTable> tables;
  for (const Json& one : facts.engine_facts.at("tables").as_array()) {
    LoadedTable table;
    table.rows = parse_table(one);
    table.path = one.at("path").as_string();
    table.size_bytes = sizes[table.path];
    table.last_identity = one.string_or("last_identity", "");
    tables.push_back(std::move(table));
  }
  return tables;
}

std::vector<std::string> texts_of(const Json& facts, std::string_view key) {
  std::vector<std::string> texts;
  const Json* const list = facts.find(key);
  if (list == nullptr) return texts;
  for (const Json& one : list->as_array()) texts.push_back(one.as_string());
  return texts;
}

// What is announced is put back by ourselves if nobody keeps a journal.
class Announced {
 public:
  explicit Announced(const LoadOptions& options) : journal_(options.before_change) {}
  [[nodiscard]] Announce announce() const {
    return [list = remembered_, journal = journal_](std::string_view what, const Json& undo) {
      if (journal)
        journal(what, undo);
      else
        list->push_back(undo);
    };
  }
  void put_back(const Location& location, const Secret* password) const noexcept {
    try {
      for (auto undo = remembered_->rbegin(); undo != remembered_->rend(); ++undo) {
        const std::string left = undo_on_target(*undo, location, password);
        if (!left.empty()) log(LogLevel::warn, left);
      }
    } catch (const std::exception& error) {
      log(LogLevel::warn, "what was made could not be taken back", {{"why", error.what()}});
    }
  }

 private:
  std::function<void(std::string_view what, const Json& undo)> journal_;
  std::shared_ptr<std::vector<Json>> remembered_ = std::make_shared<std::vector<Json>>();
};

class Loader {
 public:
  Loader(const model::PartSource& parts, const model::DatabaseFacts& facts,
         const model::Endpoint& into, const LoadOptions& options, const std::stop_token& stop)
      : parts_(parts),
        facts_(facts),
        into_(into),
        options_(options),
        stop_(stop),
        location_(location_of(into)),
        announced_(options),
        session_(std::make_unique<Session>(location_, into.password.get(), false, stop)),
        server_(read_server(*session_)),
        statements_(parse_script(text_of(parts, schema_part))),
        tables_(tables_of(facts, parts)) {
    if (!options.tables.empty()) choose();
  }

  LoadReport run();

 private:
  void choose();
  void look_at_place();
  void make_place();
  [[nodiscard]] std::vector<Message> try_rename(const std::string& from, const std::string& to);
  void fill();
  void load_rows();
  void load_table(const LoadedTable& table, const std::stop_token& stop);
  void make_indexes();
  void prove();
  void check_counters(const model::DatabaseFacts& found);
  void run_statements();
  void hand_over();
  // In the database that is being loaded.
  [[nodiscard]] std::unique_ptr<Session> inside(const std::stop_token& stop) const {
    Location location = location_;
    location.database = target_;
    return std::make_unique<Session>(location, into_.password.get(), true, stop);
  }
  template <typename Tasks, typename Work>
  void in_parallel(const Tasks& tasks, const Work& work);
  [[nodiscard]] bool is_chosen(const SqlName& table) const {
    return std::ranges::any_of(tables_,
                               [&](const LoadedTable& one) { return one.rows.name == table; });
  }

  const model::PartSource& parts_;
  const model::DatabaseFacts& facts_;
  const model::Endpoint& into_;
  const LoadOptions& options_;
  const std::stop_token stop_;
  const Location location_;
  const Announced announced_;
  std::unique_ptr<Session> session_;  // in no database that is renamed
  const ServerInfo server_;
  std::vector<Statement> statements_;
  std::vector<LoadedTable> tables_;
  std::string target_;     // the database that is filled
  bool is_beside_ = true;  // it is to be renamed
  std::string kept_, owner_;
  MakeReport made_;
  LoadReport report_;
};

// Single tables come with what they may refer to; of code with functions.
void Loader::choose() {
  const auto wants = [&](const SqlName& name) {
    return std::ranges::any_of(options_.tables, [&](const model::TableName& wanted) {
      const bool fits = wanted.schema.empty() || wanted.schema == name.schema;
      return fits && (wanted.table == "*" || wanted.table == name.table);
    });
  };
  for (const model::TableName& wanted : options_.tables) {
    const bool is_there = std::ranges::any_of(tables_, [&](const LoadedTable& table) {
      const SqlName& name = table.rows.name;
      return (wanted.schema.empty() || wanted.schema == name.schema) &&
             (wanted.table == "*" || wanted.table == name.table);
    });
    if (!is_there)
      throw Error(Errc::not_found, fmt::format("the copy has no table {}", wanted.display()));
  }
  std::erase_if(tables_, [&](const LoadedTable& table) { return !wants(table.rows.name); });
  std::erase_if(statements_, [&](const Statement& statement) {
    if (statement.stage == Stage::foreign_keys) {
      const bool refers_to_ours = std::ranges::any_of(tables_, [&](const LoadedTable& table) {
        return statement.sql.find("REFERENCES " + quoted(table.rows.name) + " (") !=
               std::string::npos;
      });
      if (is_chosen(statement.table) && !refers_to_ours)
        made_.left_out.push_back(
            fmt::format("foreign key {}, as it refers to a table that is not "
                        "restored",
                        statement.name));
      return !is_chosen(statement.table) || !refers_to_ours;
    }
    if (!statement.table.table.empty()) return !is_chosen(statement.table);
    if (statement.stage == Stage::code) return statement.kind != "function";
    return statement.stage > Stage::tables;
  });
}

// What is in the place decides where the rows go.
void Loader::look_at_place() {
  const std::string& place = location_.database;
  owner_ = facts_.engine_facts.string_or("owner", "");
  if (options_.only_beside || made_as(*session_, place).empty()) return;
  Location location = location_;
  const auto there = std::make_unique<Session>(location, into_.password.get(), true, stop_);
  if (!holds_anything(*there)) {
    const std::string wanted = facts_.engine_facts.string_or("collation", "");
    const std::string collation =
        there->value("SELECT collation_name FROM sys.databases WHERE database_id = DB_ID()");
    if (server_.is_sql_server && !wanted.empty() && collation != wanted)
      throw Error(Errc::unsupported,
                  fmt::format("{} is empty and has the collation {}, the copy has {}",
                              location_.display(), collation, wanted))
          .set_hint(fmt::format("ALTER DATABASE {} COLLATE {}, or drop it: it is then made.",
                                identifier(place), wanted));
    is_beside_ = false;
    announced_.announce()(fmt::format("fill database {}", place),
                          Json::object()
                              .set("sqlserver", "logical")
                              .set("kind", "filled")
                              .set("database", place)
                              .set("made_as", made_as(*session_, place))
                              .set("keep", names_to_keep(*there)));
    target_ = place;
    return;
  }
  if (!options_.replace)
    throw Error(Errc::exists, fmt::format("{} exists and is not empty", location_.display()))
        .set_hint("Use --replace to keep it under another name and restore in its place.");
  if (!options_.tables.empty())
    throw Error(Errc::unsupported,
                fmt::format("{} is not empty, and single tables are restored into a database of "
                            "their own",
                            location_.display()))
        .set_hint("Name a database that is not there; INSERT … SELECT reads it from others.");
  check_rule(!options_.kept_suffix.empty(), "what is replaced is kept under another name");
  kept_ = with_suffix(place, options_.kept_suffix);
  if (!made_as(*session_, kept_).empty())
    throw Error(Errc::exists, fmt::format("there is a database {} already", kept_));
  if (const std::string owner = owner_of(*session_, place); !owner.empty()) owner_ = owner;
}

std::vector<Message> Loader::try_rename(const std::string& from, const std::string& to) {
  return session_->try_run(
      fmt::format("ALTER DATABASE {} MODIFY NAME = {}", identifier(from), identifier(to)));
}

void Loader::make_place() {
  if (!target_.empty()) return;
  const std::string& place = location_.database;
  const std::string collation = facts_.engine_facts.string_or("collation", "");
  const auto make = [&](const std::string& name, Json names) {
    announced_.announce()(fmt::format("make database {}", name),
                          Json::object()
                              .set("sqlserver", "logical")
                              .set("kind", "beside")
                              .set("databases", std::move(names)));
    create_database(*session_, server_, name, collation, report_.notes);
    target_ = name;
  };
  if (!server_.is_sql_server && !options_.only_beside && kept_.empty()) {
    // Some rename no database, some none that anybody has used.
    make(place, Json::array().push(place));
    is_beside_ = false;
    report_.notes.emplace_back(
        "this server only speaks SQL Server's protocol: the database was filled under its own "
        "name, where others could see it before it was proven");
    return;
  }
  const std::string beside = random_name(place);
  const std::string renamed = random_name(place);
  make(beside, Json::array().push(beside).push(renamed));
  // Whether such a server can rename at all is tried on what is ours.
  if (server_.is_sql_server || options_.only_beside) return;
  if (const auto errors = try_rename(beside, renamed); !errors.empty())
    throw Error(Errc::unsupported,
                fmt::format("{}: the server renames no databases for our login, so that what is "
                            "there cannot be kept: {}",
                            location_.display(), errors.front().display()))
        .set_hint("Restore into a database that is not there, or have the old one dropped.");
  target_ = renamed;
}

template <typename Tasks, typename Work>
void Loader::in_parallel(const Tasks& tasks, const Work& work) {
  std::mutex mutex;  // guards next
  std::size_t next = 0;
  Crew crew;
  const std::stop_callback forward(stop_, [&] { crew.request_stop(); });
  const std::size_t helpers = std::min<std::size_t>(std::max(1U, options_.parallel), tasks.size());
  for (std::size_t i = 0; i < helpers; ++i) {
    crew.start([&](const std::stop_token& stop) {
      for (;;) {
        std::unique_lock lock(mutex);
        if (next == tasks.size()) return;
        const auto& task = tasks[next++];
        lock.unlock();
        work(task, stop);
      }
    });
  }
  crew.join();
  if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
}

void Loader::load_table(const LoadedTable& table, const std::stop_token& stop) {
  std::unique_ptr<Session> session = inside(stop);
  NewRows rows(std::move(session), table.rows, Commit::as_rows_come, stop);
  const std::unique_ptr<ByteSource> source = parts_.open(table.path);
  BcpReader reader(*source, table.rows, stop, copied_row_bytes_max);
  model::Row row;
  while (reader.next(row)) {
    if (reader.is_large())
      throw Error(Errc::unsupported,
                  fmt::format("row {} has more than {} bytes", reader.rows(), bcp_row_bytes_max));
    rows.row(row);
  }
  rows.finish();
}

void Loader::load_rows() {
  std::vector<const LoadedTable*> tasks;
  for (const LoadedTable& table : tables_) tasks.push_back(&table);
  std::ranges::stable_sort(tasks, std::greater<>(), &LoadedTable::size_bytes);
  in_parallel(tasks, [&](const LoadedTable* table, const std::stop_token& stop) {
    in_context("loading table " + table->rows.name.display(), [&] { load_table(*table, stop); });
  });
}

// Several tables at once, the keys of one in their order.
void Loader::make_indexes() {
  std::map<SqlName, std::vector<const Statement*>> by_table;
  for (const Statement& statement : statements_) {
    if (statement.stage == Stage::keys || statement.stage == Stage::indexes)
      by_table[statement.table].push_back(&statement);
  }
  std::vector<std::vector<const Statement*>> tasks;
  for (auto& [table, list] : by_table) tasks.push_back(std::move(list));
  in_parallel(tasks, [&](const std::vector<const Statement*>& list, const std::stop_token& stop) {
    const std::unique_ptr<Session> session = inside(stop);
    for (const Statement* const statement : list) SchemaMaker::run(*session, *statement);
  });
}

void Loader::fill() {
  {
    const std::unique_ptr<Session> session = inside(stop_);
    SchemaMaker(*session, server_, statements_, made_).before_rows();
  }
  load_rows();
  make_indexes();
  const std::unique_ptr<Session> session = inside(stop_);
  SchemaMaker(*session, server_, statements_, made_).after_indexes();
}

std::vector<std::string> differences(const model::DatabaseFacts& expected,
                                     const model::DatabaseFacts& found) {
  const auto lines_of = [](const model::DatabaseFacts& facts) {
    std::multimap<std::string, std::string> lines;
    for (const model::TableFacts& table : facts.tables)
      lines.emplace("table " + SqlName{table.schema, table.table}.display(),
                    fmt::format("{} rows, digest {}", table.rows, table.digest));
    for (const model::ObjectFacts& object : facts.objects)
      lines.emplace(fmt::format("definition of {} {}", object.kind, object.name),
                    object.definition_sha256);
    return lines;
  };
  const auto then = lines_of(expected);
  const auto now = lines_of(found);
  std::vector<std::string> lines;
  for (const auto& [name, value] : then) {
    const auto match = now.find(name);
    if (match == now.end())
      lines.push_back(name + " is missing");
    else if (match->second != value)
      lines.push_back(fmt::format("{} is {}, expected {}", name, match->second, value));
  }
  for (const auto& [name, value] : now)
    if (!then.contains(name)) lines.push_back(name + " was not expected");
  return lines;
}

// Identities go on behind the values that the copy's tables had given; of an empty table nothing
// tells.
void Loader::check_counters(const model::DatabaseFacts& found) {
  const std::vector<LoadedTable> now = [&] {
    std::vector<LoadedTable> tables;
    for (const Json& one : found.engine_facts.at("tables").as_array()) {
      LoadedTable table;
      table.rows.name = {one.at("schema").as_string(), one.at("table").as_string()};
      table.last_identity = one.string_or("last_identity", "");
      tables.push_back(std::move(table));
    }
    return tables;
  }();
  for (const LoadedTable& table : tables_) {
    if (table.last_identity.empty()) continue;
    const bool has_rows = std::ranges::any_of(found.tables, [&](const model::TableFacts& one) {
      return SqlName{one.schema, one.table} == table.rows.name && one.rows > 0;
    });
    const auto match = std::ranges::find(now, table.rows.name,
                                         [](const LoadedTable& one) { return one.rows.name; });
    if (!has_rows || match == now.end() || match->last_identity == table.last_identity) continue;
    const std::string line =
        fmt::format("the identity of table {} stands at {}, expected {}", table.rows.name.display(),
                    match->last_identity, table.last_identity);
    if (server_.is_sql_server && !options_.only_beside) throw Error(Errc::differs, line);
    report_.notes.push_back(line);
  }
}

// All of it, where nobody else knows of it.
void Loader::prove() {
  model::Endpoint there = into_;
  there.uri = uri_of(location_, target_);
  if (there.user.empty()) there.user = location_.user;
  model::DatabaseFacts found;
  describe_database(there, found, stop_);
  for (const model::TableFacts& table : found.tables) report_.rows += table.rows;
  check_counters(found);
  model::DatabaseFacts expected = facts_;
  if (!options_.tables.empty()) {
    std::erase_if(expected.tables, [&](const model::TableFacts& table) {
      return !is_chosen({table.schema, table.table});
    });
    expected.objects = objects_of(statements_);
  }
  model::DatabaseFacts compared = found;
  harmonize_logical(expected, compared);
  std::vector<std::string> lines = differences(expected, compared);
  if (!lines.empty() && !options_.only_beside && !facts_.tables.empty()) {
    const std::size_t all = lines.size();
    lines.resize(std::min(all, differences_told_max));
    throw Error(
        Errc::differs,
        fmt::format("{} differs from its manifest: {}{}", facts_.name, fmt::join(lines, "; "),
                    all > lines.size() ? fmt::format("; and {} more", all - lines.size()) : ""))
        .set_hint("Run `holdfast check --read-data` on the repository.");
  }
  report_.found = std::move(found);
}

void Loader::run_statements() {
  if (options_.statements.empty()) return;
  const std::unique_ptr<Session> session = inside(stop_);
  const auto run_all = [&] {
    std::uint64_t changed = 0;
    session->run("BEGIN TRANSACTION");
    for (const std::string& sql : options_.statements) changed += session->change(sql).value_or(0);
    session->run("COMMIT TRANSACTION");
    return changed;
  };
  static_cast<void>(run_all());
  if (options_.takes_place) return;
  if (const std::uint64_t changed = run_all(); changed > 0)
    throw Error(
        Errc::differs,
        fmt::format("the statements changed {} rows again when they were repeated", changed));
}

void Loader::hand_over() {
  if (!is_beside_) return;
  const auto properties = std::ranges::count(facts_.objects, std::string("extended property"),
                                             &model::ObjectFacts::kind);
  const Arriving arriving{target_, location_.database, kept_, owner_,
                          static_cast<std::size_t>(properties)};
  if (options_.leave_beside) {
    const auto later = std::make_shared<LoadReport::Later>();
    report_.later = later;
    report_.switch_in = [later, arriving, announce = announced_.announce(), server = server_,
                         location = location_, password = into_.password] {
      Session session(location, password.get(), false);
      return sqlserver::switch_in(session, server, arriving, announce, later->left_out);
    };
    return;
  }
  // Who has renamed a database keeps a lock on it, on servers that only speak the protocol.
  session_ = std::make_unique<Session>(location_, into_.password.get(), false, stop_);
  report_.kept =
      sqlserver::switch_in(*session_, server_, arriving, announced_.announce(), report_.left_out);
}

LoadReport Loader::run() {
  for (const std::string& line : texts_of(facts_.engine_facts, "left_out"))
    report_.left_out.push_back("not in the copy: " + line);
  try {
    look_at_place();
    make_place();
    fill();
    const auto filled = std::chrono::steady_clock::now();
    prove();
    report_.proof_time = std::chrono::steady_clock::now() - filled;
    std::ranges::move(made_.left_out, std::back_inserter(report_.left_out));
    std::ranges::move(made_.notes, std::back_inserter(report_.notes));
    run_statements();
    if (options_.only_beside) {
      report_.beside = into_;
      report_.beside->uri = uri_of(location_, target_);
      report_.beside->user = location_.user;
    } else {
      hand_over();
    }
  } catch (const std::exception&) {
    announced_.put_back(location_, into_.password.get());
    throw;
  }
  return std::move(report_);
}

bool words_alike(const Json& one, const Json& other) {
  const auto series = [](const Json& facts) {
    const std::string version = facts.string_or("server_version", "");
    return fmt::format("{} {}", facts.bool_or("is_sql_server", true),
                       version.substr(0, version.find('.')));
  };
  return !one.is_object() || !other.is_object() || series(one) == series(other);
}

}  // namespace

LoadReport load_logical(const model::PartSource& parts, const model::DatabaseFacts& facts,
                        const model::Endpoint& into, const LoadOptions& options,
                        const std::stop_token& stop) {
  return Loader(parts, facts, into, options, stop).run();
}

std::string undo_logical(const Json& undo, const model::Endpoint& into) {
  const Location location = location_of(into);
  if (undo.at("kind").as_string() != "snapshot")
    return undo_on_target(undo, location, into.password.get());
  Session session(location, into.password.get(), false);
  drop_snapshot(session, undo.at("database").as_string(), undo.at("of").as_string());
  return {};
}

bool logical_stands(const Json& undo, const model::Endpoint& into) {
  if (undo.at("kind").as_string() != "switch") return false;
  Session session(location_of(into), into.password.get(), false);
  return made_as(session, undo.at("place").as_string()) == undo.at("made_as").as_string() &&
         made_as(session, undo.at("beside").as_string()).empty();
}

void harmonize_logical(model::DatabaseFacts& expected, model::DatabaseFacts& found) {
  const bool are_alike = words_alike(expected.engine_facts, found.engine_facts);
  const auto is_sql_server = [](const Json& facts) {
    return !facts.is_object() || facts.bool_or("is_sql_server", true);
  };
  // Others word expressions anew whenever they read them.
  const bool keep_expressions =
      is_sql_server(expected.engine_facts) && is_sql_server(found.engine_facts);
  if (are_alike && keep_expressions) return;
  if (!expected.objects.empty())
    log(LogLevel::warn,
        are_alike ? "not compared: definitions of tables, indexes and checks but their names, as "
                    "the server words their expressions anew"
                  : "not compared: definitions but their names, as servers of different releases "
                    "word them differently",
        {{"database", expected.name}});
  for (model::DatabaseFacts* const facts : {&expected, &found}) {
    for (model::ObjectFacts& object : facts->objects) {
      const bool has_expressions =
          object.kind == "table" || object.kind == "index" || object.kind == "check";
      if (!are_alike || has_expressions) object.definition_sha256.clear();
    }
  }
}

}  // namespace holdfast::engine::sqlserver
