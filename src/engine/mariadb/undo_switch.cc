// SPDX-License-Identifier: Apache-2.0
// The way back from what switch.h and switch_tables.h announced. It can be repeated from any point:
// what it goes by are marks that only it and the switch make, and names that only they use.
//
// Nothing that bore a public name is dropped: others may have written to it since.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/switch.h"
#include "engine/mariadb/switch_session.h"
#include "engine/mariadb/switch_tables.h"

namespace holdfast::engine::mariadb {
namespace {

std::vector<std::string> texts_from(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& text : list.as_array()) texts.push_back(text.as_string());
  return texts;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

[[noreturn]] void refuse_without(const std::string& kept, const std::string& place) {
  throw Error(Errc::not_found, fmt::format("{}, in whose place {} was put, is not there any more; "
                                           "nothing was changed",
                                           kept, place))
      .set_hint("Give it that name again. Or, if " + place +
                " shall stay as it is, remove the job's directory below `journals` in the state "
                "directory.");
}

// What could not be made again: with its text, as it is nowhere else.
void tell(std::string& told, const std::vector<NotMade>& not_made) {
  for (const NotMade& one : not_made)
    told += fmt::format("{} could not be made again; it was: {}\n", one.display(), one.code.create);
}
void tell(std::string& told, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) told += line + "\n";
}

class SwitchUndo {
 public:
  SwitchUndo(Connection& connection, const Json& undo)
      : connection_(connection),
        undo_(undo),
        place_(undo.at("place").as_string()),
        beside_(undo.at("beside").as_string()),
        kept_(undo.at("kept").as_string()),
        undone_(undo.at("undone").as_string()),
        old_tables_(texts_from(undo.at("old_tables"))),
        new_tables_(texts_from(undo.at("new_tables"))),
        marks_(marks_of(beside_)) {}

  std::string run(bool was_moved) {
    const bool waits = has_table(connection_, beside_, marks_.before);
    const bool moved = was_moved || has_table(connection_, beside_, marks_.after);
    if (moved) {
      move_back();
    } else if (waits) {
      stay();
    } else if (schema_exists(connection_, beside_)) {
      // Nothing was changed but for a schema that holds nothing.
      drop_leavings();
    }
    for (const std::string& mark : {marks_.before, marks_.after}) {
      if (has_table(connection_, beside_, mark))
        connection_.run("DROP TABLE " + quote_name(beside_, mark));
    }
    return std::move(told_);
  }

 private:
  // It was not renamed; what had to go before that comes back.
  void stay() {
    move_half_back();
    if (schema_exists(connection_, place_)) make_missing(code_from_json(undo_.at("first")));
    drop_leavings();
  }

  // Servers before MariaDB 10.6 may be killed in the middle of a RENAME.
  void move_half_back() {
    const std::vector<std::string> in_kept = tables_in(connection_, kept_);
    const std::vector<std::string> in_place = tables_in(connection_, place_);
    const std::vector<std::string> in_beside = tables_in(connection_, beside_);
    Renames renames;
    for (const std::string& table : new_tables_) {
      const bool ours = !contains(in_beside, table) && contains(in_place, table) &&
                        (!contains(old_tables_, table) || contains(in_kept, table));
      if (ours) renames.add(place_, table, beside_, table);
    }
    for (const std::string& table : old_tables_) {
      if (contains(in_kept, table)) renames.add(kept_, table, place_, table);
    }
    try_patiently(connection_, "putting schema " + place_ + " back",
                  [&] { return renames.try_run(connection_); });
  }

  // Schemas that we made and that hold nothing of anybody's.
  void drop_leavings() {
    drop_if_empty(connection_, undone_);
    if (!undo_.at("existed").as_bool()) drop_if_empty(connection_, place_);
    if (kept_.empty() || !schema_exists(connection_, kept_)) return;
    if (!tables_in(connection_, kept_).empty()) return;
    if (told_.empty()) drop_code(connection_, kept_, read_schema(connection_, kept_).code);
    drop_if_empty(connection_, kept_);
  }

  void make_missing(const std::vector<CodeDef>& wanted) {
    const std::vector<CodeDef> missing =
        missing_code(wanted, read_schema(connection_, place_).code);
    connection_.use(place_);
    tell(told_, try_make_code(connection_, missing, place_, Definers::kept));
  }

  // Marks of its own, in the schema that takes what was public; each step is known by them.
  [[nodiscard]] std::string waits() const { return marks_.before; }
  [[nodiscard]] std::string moved() const { return marks_.after; }
  [[nodiscard]] std::string cleared() const { return marks_.after + "_back"; }

  void move_back() {
    const auto is_at = [&](const std::string& mark) {
      return has_table(connection_, undone_, mark);
    };
    if (!is_at(waits()) && !is_at(moved()) && !is_at(cleared())) {
      if (schema_exists(connection_, undone_) && !schema_is_empty(connection_, undone_))
        return;  // all of it was done before
      if (!kept_.empty() && !schema_exists(connection_, kept_))
        refuse_without("schema " + kept_, place_);
      if (kept_.empty() && !schema_exists(connection_, place_)) return;
      begin();
    }
    if (is_at(waits())) rename();
    if (is_at(moved())) clear();
    finish();
  }

  // Remembers what the place holds now, as triggers do not move along.
  void begin() {
    connection_.run("CREATE DATABASE IF NOT EXISTS " + quote_name(place_));
    connection_.run("CREATE DATABASE IF NOT EXISTS " + quote_name(undone_));
    const SchemaDef now = read_schema(connection_, place_);
    connection_.run(fmt::format("ALTER DATABASE {} CHARACTER SET {} COLLATE {}",
                                quote_name(undone_), now.character_set, now.collation));
    connection_.run(
        fmt::format("CREATE TABLE {} CHARACTER SET utf8mb4 AS SELECT CONVERT(0x{} "
                    "USING utf8mb4) AS code",
                    quote_name(undone_, waits()), to_hex(as_bytes(code_to_json(now.code).dump()))));
  }

  void rename() {
    const std::vector<std::string> in_kept = tables_in(connection_, kept_);
    Renames renames;
    std::vector<std::string> back;
    for (const std::string& table : tables_in(connection_, place_))
      renames.add(place_, table, undone_, table);
    for (const std::string& table : in_kept) {
      renames.add(kept_, table, place_, table);
      back.push_back(table);
    }
    renames.add(undone_, waits(), undone_, moved());
    // Triggers do not go from one schema to another, and a table takes no view's name.
    const std::vector<CodeDef> now = read_schema(connection_, place_).code;
    std::vector<CodeDef> first = of_kinds(now, {CodeKind::trigger});
    for (const CodeDef& view : of_kinds(now, {CodeKind::view})) {
      if (contains(back, view.name)) first.push_back(view);
    }
    if (!kept_.empty())
      drop_code(connection_, kept_,
                of_kinds(read_schema(connection_, kept_).code, {CodeKind::trigger}));
    try_patiently(connection_, "putting schema " + place_ + " back",
                  [&]() -> std::optional<Failure> {
                    drop_code(connection_, place_, first);
                    auto failure = renames.try_run(connection_);
                    if (failure) {
                      connection_.use(place_);
                      static_cast<void>(try_make_code(connection_, first, place_, Definers::kept));
                    }
                    return failure;
                  });
  }

  // What bears an old name may be a new definition.
  void clear() {
    drop_code(connection_, place_, read_schema(connection_, place_).code);
    Renames mark;
    mark.add(undone_, moved(), undone_, cleared());
    try_patiently(connection_, "putting schema " + place_ + " back",
                  [&] { return mark.try_run(connection_); });
  }

  void finish() {
    const std::string text =
        connection_.value("SELECT code FROM " + quote_name(undone_, cleared()));
    const std::vector<CodeDef> newer = code_from_json(Json::parse(text, "the code of " + undone_));
    const std::vector<CodeDef> old = code_from_json(undo_.at("code"));
    const std::string character_set = undo_.at("character_set").as_string();
    if (!character_set.empty())
      connection_.run(fmt::format("ALTER DATABASE {} CHARACTER SET {} COLLATE {}",
                                  quote_name(place_), character_set,
                                  undo_.at("collation").as_string()));
    make_missing(old);
    tell(told_, refer_again(connection_, keys_from_json(undo_.at("foreign_keys"))));
    for (const std::string& grant : texts_from(undo_.at("grants"))) {
      if (const auto failure = connection_.try_run(grant))
        told_ += fmt::format("{}: {}\n", grant, failure->display());
    }
    connection_.use(undone_);
    static_cast<void>(try_make_code(
        connection_, missing_code(asleep(newer), read_schema(connection_, undone_).code), place_,
        Definers::kept));
    connection_.run("DROP TABLE " + quote_name(undone_, cleared()));
    drop_leavings();
    if (schema_exists(connection_, undone_))
      told_ += fmt::format(
          "what had been put in place as {0} stays as schema {1}; remove it with: "
          "DROP DATABASE {2}\n",
          place_, undone_, quote_name(undone_));
  }

  Connection& connection_;
  const Json& undo_;
  std::string place_, beside_, kept_, undone_;
  std::vector<std::string> old_tables_, new_tables_;
  Marks marks_;
  std::string told_;
};

// The schema that was filled, of a name that nobody else has.
void undo_beside(Connection& connection, const Json& undo) {
  const std::string schema = undo.at("schema").as_string();
  if (!schema_exists(connection, schema)) return;
  const Marks marks = marks_of(schema);
  if (has_table(connection, schema, marks.before) || has_table(connection, schema, marks.after))
    throw Error(Errc::locked, fmt::format("schema {} is still needed to put back what it was to "
                                          "replace",
                                          schema));
  connection.run("DROP DATABASE " + quote_name(schema));
}

// A right, or whom it was given to, is not there any more.
// Source: mariadb.com/kb/en/mariadb-error-codes.
bool is_gone(const Failure& failure) {
  constexpr unsigned numbers[] = {1133, 1141, 1147, 1403, 1446};
  return std::find(std::begin(numbers), std::end(numbers), failure.number) != std::end(numbers);
}

void undo_accounts(Connection& connection, const Json& undo, std::string& told) {
  for (const std::string& statement : texts_from(undo.at("statements"))) {
    const auto failure = connection.try_run(statement);
    if (failure && !is_gone(*failure))
      told += fmt::format("{}: {}\n", statement, failure->display());
  }
}

}  // namespace

std::string undo_change(Connection& connection, const Json& undo) {
  const std::string kind = undo.at("kind").as_string();
  end_session(connection, undo);
  make_impatient(connection);
  std::string told;
  if (kind == "beside") {
    undo_beside(connection, undo);
  } else if (kind == "switch" || kind == "switched") {
    told = SwitchUndo(connection, undo).run(kind == "switched");
  } else if (kind == "tables" || kind == "tables-switched") {
    told = undo_tables(connection, undo, kind == "tables-switched");
  } else if (kind == "accounts") {
    undo_accounts(connection, undo, told);
  } else {
    throw Error(Errc::unsupported, fmt::format("an undo of unknown kind \"{}\"", kind));
  }
  while (told.ends_with('\n')) told.pop_back();
  return told;
}

bool change_stands(Connection& connection, const Json& undo) {
  const std::string kind = undo.at("kind").as_string();
  if (kind == "beside") return false;
  refuse_other_server(connection, undo);
  const std::string place = undo.at("place").as_string();
  if (schema_exists(connection, undo.at("beside").as_string()) || !schema_exists(connection, place))
    return false;
  if (kind == "accounts") return true;  // so do they, if their switch does
  // What was put back left what had been in the place, and has what was kept no more.
  if (const Json* moves = undo.find("moves")) {
    const auto& all = moves->as_array();
    return std::all_of(all.begin(), all.end(), [&](const Json& one) {
      const std::string kept_table = one.at("kept").as_string();
      return !has_table(connection, place, one.at("undone").as_string()) &&
             has_table(connection, place, one.at("table").as_string()) &&
             (kept_table.empty() || has_table(connection, place, kept_table));
    });
  }
  if (schema_exists(connection, undo.at("undone").as_string())) return false;
  const std::string kept = undo.at("kept").as_string();
  if (!kept.empty()) return schema_exists(connection, kept);
  const std::vector<std::string> made = texts_from(undo.at("new_tables"));
  return !made.empty() && has_table(connection, place, made.front());
}

void check_undo(Connection& connection, const Json& undo) {
  const std::string kind = undo.at("kind").as_string();
  if (kind != "switch" && kind != "switched") return;
  refuse_other_server(connection, undo);
  const std::string kept = undo.at("kept").as_string();
  const std::string beside = undo.at("beside").as_string();
  if (kept.empty() || schema_exists(connection, kept)) return;
  const bool moved = kind == "switched" || has_table(connection, beside, marks_of(beside).after);
  if (moved && !schema_exists(connection, undo.at("undone").as_string()))
    refuse_without("schema " + kept, undo.at("place").as_string());
}

}  // namespace holdfast::engine::mariadb
