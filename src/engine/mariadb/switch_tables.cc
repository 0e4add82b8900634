// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/switch_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/switch_session.h"

namespace holdfast::engine::mariadb {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// One table on its way: the name of what it replaces then, empty if there is none.
struct Move {
  std::string table, kept, undone;
};

// Checks that have names of their own, which a schema of MySQL has once, as foreign keys.
// Source: dev.mysql.com/doc/refman/8.0/en/create-table-check-constraints.html.
std::vector<std::string> named_checks(Connection& connection, const std::string& schema,
                                      const std::string& table) {
  std::vector<std::string> lines;
  if (connection.is_mariadb()) return lines;
  const auto shown = connection.query("SHOW CREATE TABLE " + quote_name(schema, table));
  const auto split = split_table(shown.at(0).at(1).value_or(""));
  if (!split) return lines;
  for (const std::string& line : split->lines) {
    const KeyLine key = key_of(line);
    if (key.kind == KeyLine::Kind::other && !key.name.empty() &&
        !key.name.starts_with(table + "_chk_") && line.find("CHECK") != std::string::npos)
      lines.push_back(line);
  }
  return lines;
}

class TableSwitch {
 public:
  TableSwitch(Connection& connection, const Beside& beside, const TableArrival& arrival,
              const SwitchOptions& options)
      : connection_(connection),
        beside_(beside),
        arrival_(arrival),
        options_(options),
        place_(beside.place()),
        marks_(marks_of(beside.name())) {}

  Switched run() {
    make_impatient(connection_);
    check_tables_place(connection_, place_, arrival_, options_);
    look();
    begin();
    drop_code(connection_, beside_.name(), arrival_.triggers.code);
    move();
    finish();
    return std::move(switched_);
  }

 private:
  void look() {
    exists_ = schema_exists(connection_, place_);
    if (exists_) old_ = read_schema(connection_, place_);
    const SchemaDef ours = read_schema(connection_, beside_.name());
    character_set_ = ours.character_set;
    collation_ = ours.collation;
    const std::vector<std::string> there = tables_in(connection_, place_);
    const std::string undone = undone_suffix(options_.kept_suffix);
    for (const std::string& table : arrival_.tables) {
      const bool exists = contains(there, table);
      moves_.push_back({table, exists ? with_suffix(table, options_.kept_suffix) : "",
                        with_suffix(table, undone)});
      if (!exists) continue;
      for (ChildKey& key : keys_of(connection_, place_, table)) own_.push_back(std::move(key));
      for (std::string& line : named_checks(connection_, place_, table))
        checks_.emplace_back(table, std::move(line));
    }
    const auto moves_along = [&](const std::string& table) {
      return contains(arrival_.tables, table);
    };
    children_ = keys_to(connection_, place_, arrival_.tables, moves_along);
    note_triggers();
    note_keys();
  }

  // The old table takes its triggers along, but for those whose names are needed.
  void note_triggers() {
    for (const CodeDef& one : of_kinds(old_.code, {CodeKind::trigger})) {
      if (!contains(arrival_.tables, one.table)) continue;
      const auto same = std::find_if(arrival_.triggers.code.begin(), arrival_.triggers.code.end(),
                                     [&](const CodeDef& other) { return other.name == one.name; });
      if (same != arrival_.triggers.code.end()) first_.push_back(one);
      if (same != arrival_.triggers.code.end() && same->create == one.create) continue;
      switched_.left_out.push_back(fmt::format(
          "table {} has lost its trigger {}, which the copy does not have like that; it was: {}",
          one.table, one.name, one.create));
    }
  }

  // What is kept has no foreign keys, or it would forbid changes to the tables that it refers to.
  void note_keys() {
    const std::string from = "REFERENCES " + quote_name(beside_.name()) + ".";
    std::set<std::string> ours;
    for (const std::string& table : arrival_.tables) {
      for (ChildKey& key : keys_of(connection_, beside_.name(), table)) {
        const std::size_t at = key.line.find(from);
        if (at != std::string::npos)
          key.line.replace(at, from.size(), "REFERENCES " + quote_name(place_) + ".");
        ours.insert(table + "\n" + key.line);
      }
    }
    for (const ChildKey& key : own_) {
      if (!ours.contains(key.table + "\n" + key.line))
        switched_.left_out.push_back(
            fmt::format("table {} has lost its foreign key, which the copy does not have like "
                        "that; it was: {}",
                        key.table, key.line));
    }
  }

  void begin() {
    Json moves = Json::array();
    for (const Move& one : moves_)
      moves.push(
          Json::object().set("table", one.table).set("kept", one.kept).set("undone", one.undone));
    Json checks = Json::array();
    for (const auto& [table, line] : checks_)
      checks.push(fmt::format("ALTER TABLE {} ADD {}", quote_name(place_, table), line));
    undo_ = Json::object()
                .set("kind", "tables")
                .set("place", place_)
                .set("beside", beside_.name())
                .set("existed", exists_)
                .set("moves", std::move(moves))
                .set("own_keys", keys_to_json(own_))
                .set("checks", std::move(checks))
                .set("foreign_keys", keys_to_json(children_))
                .set("first", code_to_json(first_));
    add_session(connection_, undo_);
    beside_.announce(fmt::format("put {} tables into schema {}", moves_.size(), place_), undo_);
    connection_.run(fmt::format("CREATE TABLE {} (waits INT PRIMARY KEY)",
                                quote_name(beside_.name(), marks_.before)));
    if (!exists_)
      connection_.run(fmt::format("CREATE DATABASE {} CHARACTER SET {} COLLATE {}",
                                  quote_name(place_), character_set_, collation_));
  }

  // Under locks that were had, so that nobody writes past what is not there for the moment.
  std::optional<Failure> take_first_away() {
    std::vector<std::string> tables;
    for (const Move& one : moves_) {
      if (!one.kept.empty()) tables.push_back(one.table);
    }
    if (tables.empty()) return std::nullopt;
    if (auto failure = try_lock_tables(connection_, place_, tables)) return failure;
    auto failure = try_drop_code(connection_, place_, first_);
    for (const ChildKey& key : own_) {
      if (!failure) failure = try_drop_key(connection_, key);
    }
    for (const auto& [table, line] : checks_) {
      if (!failure)
        failure = connection_.try_run(fmt::format("ALTER TABLE {} DROP CHECK {}",
                                                  quote_name(place_, table),
                                                  quote_name(key_of(line).name)));
    }
    connection_.run("UNLOCK TABLES");
    return failure;
  }

  void put_first_back() {
    connection_.use(place_);
    static_cast<void>(make_code(connection_,
                                missing_code(first_, read_schema(connection_, place_).code), place_,
                                Definers::kept));
    for (const std::string& line : refer_again(connection_, own_)) throw Error(Errc::io, line);
    // One that is there already is refused by its name.
    for (const auto& [table, line] : checks_)
      static_cast<void>(connection_.try_run(
          fmt::format("ALTER TABLE {} ADD {}", quote_name(place_, table), line)));
    if (own_.empty() || warned_) return;
    warned_ = true;
    log(LogLevel::warn,
        "what others wrote to the tables while their foreign keys were away was not looked at",
        {{"schema", place_}});
  }

  void move() {
    Renames renames;
    for (const Move& one : moves_) {
      if (!one.kept.empty()) renames.add(place_, one.table, place_, one.kept);
      renames.add(beside_.name(), one.table, place_, one.table);
    }
    renames.add(beside_.name(), marks_.before, beside_.name(), marks_.after);
    try_patiently(connection_, "putting tables into schema " + place_,
                  [&]() -> std::optional<Failure> {
                    auto failure = take_first_away();
                    if (!failure) failure = renames.try_run(connection_);
                    if (failure) put_first_back();
                    return failure;
                  });
    undo_.set("kind", "tables-switched");
    beside_.announce(fmt::format("tables of schema {} are in their place", place_), undo_);
    connection_.run("SET lock_wait_timeout=30");
  }

  void finish() {
    connection_.use(place_);
    static_cast<void>(
        make_code(connection_, arrival_.triggers.code, arrival_.triggers.from, Definers::mapped));
    for (const ChildKey& key : children_)
      switched_.notes.push_back(
          fmt::format("whether the rows fit was not looked at: the {} refers to the restored table",
                      key.display()));
    for (std::string& line : refer_again(connection_, children_))
      switched_.left_out.push_back(std::move(line));
    for (const Move& one : moves_) {
      if (one.kept.empty()) continue;
      switched_.kept.push_back(fmt::format("table {}; remove it with: DROP TABLE {}", one.kept,
                                           quote_name(place_, one.kept)));
    }
    connection_.run("SET lock_wait_timeout=120");
    if (const auto failure = connection_.try_run("DROP DATABASE " + quote_name(beside_.name())))
      switched_.notes.push_back(fmt::format("the empty schema {} is still there: {}",
                                            beside_.name(), failure->display()));
    Json undone = Json::array();
    for (const Move& one : moves_) undone.push(one.undone);
    announce_complete(connection_, beside_, std::move(undone));
  }

  Connection& connection_;
  const Beside& beside_;
  const TableArrival& arrival_;
  const SwitchOptions& options_;
  std::string place_, character_set_, collation_;
  Marks marks_;
  bool exists_ = false;
  SchemaDef old_;
  std::vector<Move> moves_;
  std::vector<ChildKey> own_, children_;
  std::vector<std::pair<std::string, std::string>> checks_;  // table, line
  std::vector<CodeDef> first_;
  bool warned_ = false;
  Json undo_;
  Switched switched_;
};

class TablesUndo {
 public:
  TablesUndo(Connection& connection, const Json& undo)
      : connection_(connection),
        undo_(undo),
        place_(undo.at("place").as_string()),
        beside_(undo.at("beside").as_string()),
        marks_(marks_of(beside_)),
        there_(tables_in(connection, place_)) {
    for (const Json& one : undo.at("moves").as_array())
      moves_.push_back(
          {one.at("table").as_string(), one.at("kept").as_string(), one.at("undone").as_string()});
  }

  std::string run(bool was_moved) {
    const bool has_beside = is_there(connection_, beside_);
    const bool waits = has_table(connection_, beside_, marks_.before);
    // Whoever took the marks away: what is kept tells it, too.
    const bool keeps = std::any_of(moves_.begin(), moves_.end(), [&](const Move& one) {
      return !one.kept.empty() && is_at(one.kept);
    });
    const bool moved =
        was_moved || has_table(connection_, beside_, marks_.after) || (!has_beside && keeps);
    if (moved) {
      if (!move_back()) return "";
    } else if (waits) {
      move_half_back();
      tell_unchecked();
    }
    if ((moved || waits || !has_beside) && is_there(connection_, place_)) make_missing();
    if (!undo_.at("existed").as_bool()) drop_if_empty(connection_, place_);
    for (const std::string& mark : {marks_.before, marks_.after}) {
      if (has_table(connection_, beside_, mark))
        connection_.run("DROP TABLE " + quote_name(beside_, mark));
    }
    return std::move(told_);
  }

  // Throws what move_back() would without having changed anything.
  void check() const {
    const bool is_back = std::any_of(moves_.begin(), moves_.end(),
                                     [&](const Move& one) { return is_at(one.undone); });
    if (is_back || !is_there(connection_, place_)) return;
    for (const Move& one : moves_) {
      if (!one.kept.empty() && !is_at(one.kept))
        throw Error(Errc::not_found,
                    fmt::format("table {}, in whose place {} was put, is not there any more; "
                                "nothing was changed",
                                one.kept, one.table))
            .set_hint("Give it that name again. Or, if " + one.table +
                      " shall stay as it is, remove the job's directory below `journals` in the "
                      "state directory.");
    }
  }

 private:
  [[nodiscard]] bool is_at(const std::string& table) const { return contains(there_, table); }
  [[nodiscard]] std::string doing() const { return "putting tables of schema " + place_ + " back"; }

  // Servers before MariaDB 10.6 may be killed in the middle of a RENAME.
  void move_half_back() {
    const std::vector<std::string> in_beside = tables_in(connection_, beside_);
    Renames renames;
    for (const Move& one : moves_) {
      const bool was_there = !one.kept.empty();
      const bool ours =
          is_at(one.table) && !contains(in_beside, one.table) && (!was_there || is_at(one.kept));
      if (ours) renames.add(place_, one.table, beside_, one.table);
      if (was_there && is_at(one.kept)) renames.add(place_, one.kept, place_, one.table);
    }
    try_patiently(connection_, doing(), [&] { return renames.try_run(connection_); });
  }

  // Whether the renaming back was to be made; false if nothing is left to do. Table by table, as a
  // server may have been killed in the middle of that, too.
  bool move_back() {
    check();
    if (!is_there(connection_, place_)) return false;
    std::vector<const Move*> aside;
    Renames renames;
    for (const Move& one : moves_) {
      const bool was_there = !one.kept.empty();
      if (was_there && !is_at(one.kept)) continue;  // it is back
      if (is_at(one.table) && (was_there || !is_at(one.undone))) {
        aside.push_back(&one);
        renames.add(place_, one.table, place_, one.undone);
      }
      if (was_there) renames.add(place_, one.kept, place_, one.table);
    }
    try_patiently(connection_, doing(), [&] { return try_move_back(aside, renames); });
    for (const Move& one : moves_) {
      if (has_table(connection_, place_, one.undone))
        told_ += fmt::format(
            "what had been put in place as {0}.{1} stays as {0}.{2}, without "
            "foreign keys; remove it with: DROP TABLE {3}\n",
            place_, one.table, one.undone, quote_name(place_, one.undone));
    }
    return true;
  }

  // Names that the old tables need go, and keys that would forbid changes to other tables; under
  // locks that were had.
  std::optional<Failure> try_move_back(const std::vector<const Move*>& aside,
                                       const Renames& renames) {
    if (renames.empty()) return std::nullopt;
    std::vector<std::string> tables;
    std::vector<ChildKey> keys;
    for (const Move* one : aside) {
      tables.push_back(one->table);
      for (ChildKey& key : keys_of(connection_, place_, one->table)) keys.push_back(std::move(key));
    }
    const std::vector<CodeDef> triggers = needed_triggers(tables);
    if (auto failure = try_lock_tables(connection_, place_, tables)) return failure;
    auto failure = try_drop_code(connection_, place_, triggers);
    for (const ChildKey& key : keys) {
      if (!failure) failure = try_drop_key(connection_, key);
    }
    connection_.run("UNLOCK TABLES");
    if (!failure) failure = renames.try_run(connection_);
    if (!failure) {
      for (const CodeDef& one : triggers)
        told_ += fmt::format(
            "trigger {} of what had been put in place as {}.{} is gone; it was: "
            "{}\n",
            one.name, place_, one.table, one.create);
      return std::nullopt;
    }
    connection_.use(place_);
    const std::vector<CodeDef> there = read_schema(connection_, place_).code;
    for (const NotMade& one :
         try_make_code(connection_, missing_code(triggers, there), place_, Definers::kept))
      log(LogLevel::warn, "could not be made again",
          {{"what", one.display()}, {"schema", place_}, {"it was", one.code.create}});
    for (const std::string& line : refer_again(connection_, keys)) log(LogLevel::warn, line);
    return failure;
  }

  // Those whose names the old tables' triggers have.
  [[nodiscard]] std::vector<CodeDef> needed_triggers(const std::vector<std::string>& tables) {
    const std::vector<CodeDef> first = code_from_json(undo_.at("first"));
    std::vector<CodeDef> needed =
        of_kinds(read_schema(connection_, place_).code, {CodeKind::trigger});
    std::erase_if(needed, [&](const CodeDef& trigger) {
      const bool is_needed = std::any_of(first.begin(), first.end(), [&](const CodeDef& other) {
        return other.name == trigger.name;
      });
      return !is_needed || !contains(tables, trigger.table);
    });
    return needed;
  }

  // The tables stayed public while their keys were away.
  void tell_unchecked() {
    for (const ChildKey& key : keys_from_json(undo_.at("own_keys"))) {
      const std::vector<ChildKey> there = keys_of(connection_, key.schema, key.table);
      if (std::none_of(there.begin(), there.end(),
                       [&](const ChildKey& other) { return other.name == key.name; }))
        told_ += fmt::format("what was written to {}.{} meanwhile was not looked at by the {}\n",
                             key.schema, key.table, key.display());
    }
  }

  void make_missing() {
    for (const std::string& line : refer_again(connection_, keys_from_json(undo_.at("own_keys"))))
      told_ += line + "\n";
    for (const std::string& line :
         refer_again(connection_, keys_from_json(undo_.at("foreign_keys"))))
      told_ += line + "\n";
    // One that is there already is refused by its name.
    for (const Json& check : undo_.at("checks").as_array())
      static_cast<void>(connection_.try_run(check.as_string()));
    const std::vector<CodeDef> missing =
        missing_code(code_from_json(undo_.at("first")), read_schema(connection_, place_).code);
    connection_.use(place_);
    for (const NotMade& one : try_make_code(connection_, missing, place_, Definers::kept))
      told_ +=
          fmt::format("{} could not be made again; it was: {}\n", one.display(), one.code.create);
  }

  Connection& connection_;
  const Json& undo_;
  std::string place_, beside_;
  Marks marks_;
  std::vector<std::string> there_;
  std::vector<Move> moves_;
  std::string told_;
};

}  // namespace

void check_tables_place(Connection& connection, const std::string& place,
                        const TableArrival& arrival, const SwitchOptions& options) {
  if (!schema_exists(connection, place)) return;
  const SchemaDef now = read_schema(connection, place);
  const auto taken = [&](const std::string& name) {
    return now.table(name) != nullptr ||
           std::any_of(now.code.begin(), now.code.end(),
                       [&](const CodeDef& code) {
                         return code.kind == CodeKind::view && code.name == name;
                       }) ||
           std::any_of(now.sequences.begin(), now.sequences.end(),
                       [&](const SequenceDef& sequence) { return sequence.name == name; });
  };
  std::set<std::string> kept;
  for (const std::string& table : arrival.tables) {
    if (now.table(table) == nullptr) {
      if (taken(table))
        throw Error(Errc::exists, fmt::format("schema {} has a {} that is no table", place, table));
      continue;
    }
    if (!options.replace) {
      throw Error(Errc::exists, fmt::format("schema {} has a table {} already", place, table))
          .set_hint("Use --replace to keep it under another name and restore in its place.");
    }
    const std::string name = with_suffix(table, options.kept_suffix);
    if (taken(name) || !kept.insert(name).second)
      throw Error(Errc::exists, fmt::format("table {} cannot be kept as {}, which is there already",
                                            table, name));
  }
  for (const CodeDef& trigger : arrival.triggers.code) {
    for (const CodeDef& other : of_kinds(now.code, {CodeKind::trigger})) {
      if (other.name == trigger.name && !contains(arrival.tables, other.table))
        throw Error(Errc::exists,
                    fmt::format("table {} has a trigger {}, which is the name of one of table {}",
                                other.table, other.name, trigger.table));
    }
  }
}

Switched switch_tables(Connection& connection, const Beside& beside, const TableArrival& arrival,
                       const SwitchOptions& options) {
  return TableSwitch(connection, beside, arrival, options).run();
}

std::string undo_tables(Connection& connection, const Json& undo, bool was_moved) {
  return TablesUndo(connection, undo).run(was_moved);
}

void check_tables_undo(Connection& connection, const Json& undo, bool was_moved) {
  if (was_moved) TablesUndo(connection, undo).check();
}

}  // namespace holdfast::engine::mariadb
