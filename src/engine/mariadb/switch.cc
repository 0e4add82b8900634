// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/switch.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "engine/mariadb/accounts.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/switch_session.h"

namespace holdfast::engine::mariadb {
namespace {

Json to_json(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push(text);
  return list;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether what takes code away and makes it again may do so for everybody's, and where functions
// and triggers need more than a right on the schema. Tried on what is ours.
void try_rights(Connection& connection, const std::string& beside, const std::string& table,
                const std::vector<CodeDef>& code) {
  std::set<std::pair<CodeKind, std::string>> kinds;
  for (const CodeDef& one : code) {
    if (one.broken || (one.kind != CodeKind::view && one.kind != CodeKind::trigger)) continue;
    const std::string definer = definer_clause(one.create);
    const std::string name = quote_name(beside, "holdfast_trial");
    const bool is_view = one.kind == CodeKind::view;
    if (!kinds.emplace(one.kind, definer).second) continue;
    const auto failure = connection.try_run(
        is_view ? fmt::format("CREATE {}VIEW {} AS SELECT 1", definer, name)
                : fmt::format("CREATE {}TRIGGER {} BEFORE INSERT ON {} FOR EACH ROW SET @a = 1",
                              definer, name, quote_name(beside, table)));
    if (failure) {
      in_context(fmt::format("{} {} is there and could not be made again by us",
                             code_kind_name(one.kind), one.name),
                 [&] { connection.raise(*failure, Errc::denied); });
    }
    connection.run(fmt::format("DROP {} {}", is_view ? "VIEW" : "TRIGGER", name));
  }
}

// Defaults that draw from sequences do not follow the table to another schema.
std::vector<std::string> defaults_of(const SchemaDef& ours, const std::string& place) {
  std::vector<std::string> statements;
  for (const TableDef& table : ours.tables) {
    const std::vector<std::string> clauses = sequence_defaults(table.create);
    if (!clauses.empty())
      statements.push_back(fmt::format("ALTER TABLE {} {}", quote_name(place, table.name),
                                       fmt::join(clauses, ", ")));
  }
  return statements;
}

// One switch of a whole schema, from the last look at the place to the end.
class SchemaSwitch {
 public:
  SchemaSwitch(Connection& connection, const Beside& beside, const Arrival& arrival,
               const SwitchOptions& options)
      : connection_(connection),
        beside_(beside),
        arrival_(arrival),
        options_(options),
        place_(beside.place()),
        marks_(marks_of(beside.name())) {}

  Switched run() {
    make_impatient(connection_);
    check_place(connection_, place_, options_);
    look();
    begin();
    make_kept_code();
    // Triggers do not go from one schema to another.
    drop_code(connection_, beside_.name(), ours_.code);
    move();
    finish_place();
    finish_kept();
    if (options_.before_events) options_.before_events();
    make_events(connection_, arrival_, options_.wakes_events, switched_);
    connection_.run("SET lock_wait_timeout=120");
    if (const auto failure = connection_.try_run("DROP DATABASE " + quote_name(beside_.name())))
      switched_.notes.push_back(fmt::format("the empty schema {} is still there: {}",
                                            beside_.name(), failure->display()));
    announce_complete(connection_, beside_, Json::array().push(undo_.at("undone").as_string()));
    return std::move(switched_);
  }

 private:
  void look() {
    exists_ = schema_exists(connection_, place_);
    if (exists_) old_ = read_schema(connection_, place_);
    old_tables_ = tables_in(connection_, place_);
    ours_ = read_schema(connection_, beside_.name());
    new_tables_ = tables_in(connection_, beside_.name());
    const bool is_replaced = !old_tables_.empty() || !old_.code.empty();
    // Somebody may have made something since check_place().
    if (is_replaced && !options_.replace) check_place(connection_, place_, options_);
    if (is_replaced) kept_ = with_suffix(place_, options_.kept_suffix);
    children_ = keys_to(connection_, place_, old_tables_,
                        [](const std::string& /*table*/) { return true; });
    if (is_replaced) note_routine_grants();
    for (const CodeDef& code : old_.code) {
      const bool in_the_way = code.kind == CodeKind::view && contains(new_tables_, code.name);
      if (code.kind == CodeKind::trigger || in_the_way) first_.push_back(code);
    }
  }

  // Rights on routines, which the server takes away with them. What is not shown to us is told.
  void note_routine_grants() {
    const Accounts accounts = read_accounts(connection_, place_);
    for (const GrantDef& grant : accounts.grants) {
      if (!grant.kind.empty()) grants_.push_back(grant.statement(place_));
    }
    const bool has_routines =
        !without_kinds(old_.code, {CodeKind::view, CodeKind::trigger, CodeKind::event}).empty();
    if (!accounts.hidden.empty() && has_routines)
      switched_.left_out.push_back("rights on routines, if there were any, are gone: " +
                                   accounts.hidden);
  }

  void begin() {
    const std::string undone = with_suffix(place_, undone_suffix(options_.kept_suffix));
    undo_ = Json::object()
                .set("kind", "switch")
                .set("place", place_)
                .set("beside", beside_.name())
                .set("kept", kept_)
                .set("undone", undone)
                .set("existed", exists_)
                .set("character_set", old_.character_set)
                .set("collation", old_.collation)
                .set("old_tables", to_json(old_tables_))
                .set("new_tables", to_json(new_tables_))
                .set("foreign_keys", keys_to_json(children_))
                .set("grants", to_json(grants_))
                .set("first", code_to_json(first_))
                .set("code", code_to_json(old_.code));
    add_session(connection_, undo_);
    beside_.announce(
        kept_.empty()
            ? fmt::format("put schema {} in its place", place_)
            : fmt::format("put schema {} in its place, the old one is kept as {}", place_, kept_),
        undo_);
    // The way back needs it, so it must be possible.
    connection_.run("CREATE DATABASE " + quote_name(undone));
    connection_.run("DROP DATABASE " + quote_name(undone));
    if (!kept_.empty())
      connection_.run(fmt::format("CREATE DATABASE {} CHARACTER SET {} COLLATE {}",
                                  quote_name(kept_), old_.character_set, old_.collation));
    connection_.run(fmt::format("CREATE TABLE {} (waits INT PRIMARY KEY)",
                                quote_name(beside_.name(), marks_.before)));
    if (!exists_) connection_.run("CREATE DATABASE " + quote_name(place_));
  }

  // Before anything is taken away from its place: what needs no tables is made again, the rest is
  // tried. Events would run beside those of the new schema.
  void make_kept_code() {
    if (kept_.empty()) return;
    try_rights(connection_, beside_.name(), marks_.before, old_.code);
    connection_.use(kept_);
    static_cast<void>(make_code(
        connection_, asleep(without_kinds(old_.code, {CodeKind::view, CodeKind::trigger})), place_,
        Definers::kept));
  }

  std::optional<Failure> try_move(const Renames& renames) {
    if (auto failure = try_lock_tables(connection_, place_, old_tables_)) return failure;
    auto failure = try_drop_code(connection_, place_, of_kinds(first_, {CodeKind::trigger}));
    connection_.run("UNLOCK TABLES");
    if (!failure) failure = try_drop_code(connection_, place_, of_kinds(first_, {CodeKind::view}));
    if (!failure) failure = renames.try_run(connection_);
    if (!failure) return std::nullopt;
    connection_.use(place_);
    static_cast<void>(make_code(connection_,
                                missing_code(first_, read_schema(connection_, place_).code), place_,
                                Definers::kept));
    return failure;
  }

  void move() {
    Renames renames;
    for (const std::string& table : old_tables_) renames.add(place_, table, kept_, table);
    for (const std::string& table : new_tables_) renames.add(beside_.name(), table, place_, table);
    // The last one: then all is done.
    renames.add(beside_.name(), marks_.before, beside_.name(), marks_.after);
    try_patiently(connection_, "putting schema " + place_ + " in its place",
                  [&] { return try_move(renames); });
    undo_.set("kind", "switched");
    beside_.announce(fmt::format("schema {} is in its place", place_), undo_);
    // It is public, and unfinished: to wait is better than to give up.
    connection_.run("SET lock_wait_timeout=30");
  }

  // What the new tables miss first.
  void finish_place() {
    connection_.use(place_);
    connection_.run(fmt::format("ALTER DATABASE {} CHARACTER SET {} COLLATE {}", quote_name(place_),
                                ours_.character_set, ours_.collation));
    static_cast<void>(make_code(connection_, of_kinds(arrival_.code, {CodeKind::trigger}),
                                arrival_.from, Definers::mapped));
    drop_code(connection_, place_, without_kinds(old_.code, {CodeKind::trigger}));
    static_cast<void>(make_code(connection_,
                                without_kinds(arrival_.code, {CodeKind::trigger, CodeKind::event}),
                                arrival_.from, Definers::mapped));
    for (const std::string& statement : defaults_of(ours_, place_))
      try_patiently(connection_, "setting a default value",
                    [&] { return connection_.try_run(statement); });
    for (const std::string& grant : grants_) {
      if (const auto failure = connection_.try_run(grant))
        switched_.left_out.push_back(
            fmt::format("a right on a routine is gone: {} ({})", grant, failure->display()));
    }
    for (const ChildKey& key : children_)
      switched_.notes.push_back(
          fmt::format("whether the rows fit was not looked at: the {} refers to the restored table",
                      key.display()));
    for (std::string& line : refer_again(connection_, children_))
      switched_.left_out.push_back(std::move(line));
  }

  void finish_kept() {
    if (kept_.empty()) return;
    connection_.use(kept_);
    for (const NotMade& one :
         try_make_code(connection_, of_kinds(old_.code, {CodeKind::view, CodeKind::trigger}),
                       place_, Definers::kept))
      switched_.left_out.push_back(
          fmt::format("{} lacks {}; it was: {}", kept_, one.display(), one.code.create));
    connection_.use(place_);
    switched_.kept.push_back(
        fmt::format("schema {}; remove it with: DROP DATABASE {}", kept_, quote_name(kept_)));
  }

  Connection& connection_;
  const Beside& beside_;
  const Arrival& arrival_;
  const SwitchOptions& options_;
  std::string place_, kept_;
  Marks marks_;
  bool exists_ = false;
  SchemaDef old_, ours_;
  std::vector<std::string> old_tables_, new_tables_, grants_;
  std::vector<ChildKey> children_;
  std::vector<CodeDef> first_;  // goes before the tables
  Json undo_;
  Switched switched_;
};

}  // namespace

Beside::Beside(Connection& connection, std::string place, Announce announce)
    : place_(std::move(place)),
      name_(with_suffix(place_, random_suffix())),
      announce_(std::move(announce)) {
  Json undo = Json::object().set("kind", "beside").set("schema", name_);
  add_session(connection, undo);
  announce_("make schema " + name_, undo);
  connection.run("CREATE DATABASE " + quote_name(name_));
}

void Beside::give_up(Connection& connection) const noexcept {
  try {
    // The session may have been broken off by a stop.
    Connection other = connection.again();
    other.run("SET foreign_key_checks=0");
    other.run("DROP DATABASE IF EXISTS " + quote_name(name_));
  } catch (const std::exception& error) {  // the journal has it too
    log(LogLevel::warn, "a schema that was to be restored could not be dropped",
        {{"schema", name_}, {"why", error.what()}});
  }
}

void announce_complete(Connection& connection, const Beside& beside, Json undone) {
  Json undo = Json::object()
                  .set("kind", "complete")
                  .set("place", beside.place())
                  .set("beside", beside.name())
                  .set("server", server_identity(connection))
                  .set("undone", std::move(undone));
  beside.announce(fmt::format("all of schema {} is in its place", beside.place()), undo);
}

Marks marks_of(const std::string& beside) {
  const std::string random =
      beside.substr(beside.size() - std::min<std::size_t>(12, beside.size()));
  return {"holdfast_" + random + "_waits", "holdfast_" + random + "_moved"};
}

void check_place(Connection& connection, const std::string& place, const SwitchOptions& options) {
  if (!schema_exists(connection, place) || schema_is_empty(connection, place)) return;
  if (!options.replace) {
    throw Error(Errc::exists, fmt::format("schema {} exists and is not empty", place))
        .set_hint("Use --replace to keep it under another name and restore in its place.");
  }
  const std::string kept = with_suffix(place, options.kept_suffix);
  if (schema_exists(connection, kept))
    throw Error(Errc::exists, fmt::format("there is a schema {} already", kept));
}

Switched switch_in(Connection& connection, const Beside& beside, const Arrival& arrival,
                   const SwitchOptions& options) {
  return SchemaSwitch(connection, beside, arrival, options).run();
}

void make_events(Connection& connection, const Arrival& arrival, bool wakes, Switched& switched) {
  const std::string place = connection.location().schema;
  std::vector<CodeDef> events = of_kinds(arrival.code, {CodeKind::event});
  if (events.empty()) return;
  for (CodeDef& event : events) {
    const std::string disabled = with_event_disabled(event.create);
    if (wakes || disabled == event.create) continue;
    event.create = disabled;
    switched.notes.push_back(fmt::format(
        "event {} is disabled, as it may act for another than this copy; turn it on with ALTER "
        "EVENT {} ENABLE",
        event.name, quote_name(place, event.name)));
  }
  static_cast<void>(make_code(connection, events, arrival.from, Definers::mapped));
  for (const CodeDef& event : missing_code(events, read_schema(connection, place).code))
    switched.notes.push_back(
        fmt::format("event {} was to run once, and its time is over", event.name));
}

}  // namespace holdfast::engine::mariadb
