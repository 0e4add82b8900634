// SPDX-License-Identifier: Apache-2.0
// The way back from what switch.h and switch_tables.h announced. It can be repeated from any point:
// what it goes by are marks that only it and the switch make, and names that only they use.
//
// Nothing that bore a public name is dropped: others may have written to it since.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/mariadb/new_tables.h"
#include "engine/mariadb/restore_accounts.h"
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
void tell(std::string& told, const std::string& schema, const std::vector<NotMade>& not_made) {
  for (const NotMade& one : not_made)
    told += fmt::format("in schema {}, {}: it could not be made again, and was: {}\n", schema,
                        one.display(), one.code.create);
}
void tell(std::string& told, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) told += line + "\n";
}

// A marking table that holds code as well: what was in a place before anything was taken away.
class CodeMark {
 public:
  CodeMark(Connection& connection, std::string schema)
      : connection_(connection), schema_(std::move(schema)) {}

  void make(const std::string& table) {
    connection_.run(fmt::format("CREATE TABLE {} (n INT PRIMARY KEY, code LONGBLOB) ENGINE=InnoDB",
                                quote_name(schema_, table)));
  }

  // In rows that fit into any server's packet. What is remembered already and not there any more
  // stays remembered.
  void remember(const std::string& table, std::vector<CodeDef> now) {
    for (CodeDef& one : missing_code(remembered(table), now)) now.push_back(std::move(one));
    const std::string text = code_to_json(now).dump();
    connection_.run("START TRANSACTION");
    connection_.run("DELETE FROM " + quote_name(schema_, table));
    for (std::size_t at = 0, n = 0; at < text.size(); at += row_bytes, ++n)
      connection_.run(fmt::format("INSERT INTO {} VALUES ({}, 0x{})", quote_name(schema_, table), n,
                                  to_hex(as_bytes(std::string_view(text).substr(at, row_bytes)))));
    connection_.run("COMMIT");
  }

  [[nodiscard]] std::vector<CodeDef> remembered(const std::string& table) {
    std::string text;
    for (const auto& row :
         connection_.query("SELECT code FROM " + quote_name(schema_, table) + " ORDER BY n"))
      text += row.at(0).value_or("");
    return text.empty() ? std::vector<CodeDef>{}
                        : code_from_json(Json::parse(text, "the code of schema " + schema_));
  }

 private:
  static constexpr std::size_t row_bytes = std::size_t{128} << 10U;
  Connection& connection_;
  std::string schema_;
};

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
        marks_(marks_of(beside_)),
        code_(connection, undone_) {}

  std::string run(bool was_moved) {
    const bool has_beside = is_there(connection_, beside_);
    const bool waits = has_table(connection_, beside_, marks_.before);
    const bool moved = was_moved || has_table(connection_, beside_, marks_.after) ||
                       (!has_beside && keeps_old_tables());
    if (moved) {
      move_back(was_moved);
    } else if (waits) {
      move_half_back();
      stay();
    } else if (has_beside) {
      // Nothing was changed but for schemas that hold nothing, or all is back.
      drop_leavings(false);
    } else if (!is_there(connection_, undone_)) {
      stay();
    }
    for (const std::string& mark : {marks_.before, marks_.after}) {
      if (has_table(connection_, beside_, mark))
        connection_.run("DROP TABLE " + quote_name(beside_, mark));
    }
    return std::move(told_);
  }

 private:
  // Whoever took the marks away: what is kept tells it, too.
  [[nodiscard]] bool keeps_old_tables() const {
    if (kept_.empty() || !is_there(connection_, kept_)) return false;
    const std::vector<std::string> in_kept = tables_in(connection_, kept_);
    return std::any_of(in_kept.begin(), in_kept.end(),
                       [&](const std::string& table) { return contains(old_tables_, table); });
  }

  // It was not renamed; what had to go before that comes back.
  void stay() {
    if (is_there(connection_, place_)) make_missing(code_from_json(undo_.at("first")));
    drop_leavings(told_.empty());
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
    try_patiently(connection_, doing(), [&] { return renames.try_run(connection_); });
  }

  // Schemas that we made and that hold nothing of anybody's. `with_code`: what is kept may hold
  // copies of code that is in its place again.
  void drop_leavings(bool with_code) {
    drop_if_empty(connection_, undone_);
    if (!undo_.at("existed").as_bool()) drop_if_empty(connection_, place_);
    if (kept_.empty() || !is_there(connection_, kept_)) return;
    if (with_code && tables_in(connection_, kept_).empty())
      static_cast<void>(try_drop_code(connection_, kept_, read_schema(connection_, kept_).code));
    drop_if_empty(connection_, kept_);
    if (is_there(connection_, kept_))
      told_ += fmt::format("schema {} is still there; remove it with: DROP DATABASE {}\n", kept_,
                           quote_name(kept_));
  }

  void make_missing(const std::vector<CodeDef>& wanted) {
    const std::vector<CodeDef> missing =
        missing_code(wanted, read_schema(connection_, place_).code);
    connection_.use(place_);
    tell(told_, place_, try_make_code(connection_, missing, place_, Definers::kept));
  }

  [[nodiscard]] std::string doing() const { return "putting schema " + place_ + " back"; }
  // Marks of its own, in the schema that takes what was public; each step is known by them.
  [[nodiscard]] std::string waits() const { return marks_.before; }
  [[nodiscard]] std::string moved() const { return marks_.after; }
  [[nodiscard]] std::string cleared() const { return marks_.after + "_back"; }

  void move_back(bool is_known) {
    const auto is_at = [&](const std::string& mark) {
      return has_table(connection_, undone_, mark);
    };
    if (!is_at(waits()) && !is_at(moved()) && !is_at(cleared())) {
      if (is_there(connection_, undone_) && !schema_is_empty(connection_, undone_)) {
        if (is_known) tell_undone();
        return;  // all of it was done before
      }
      if (!kept_.empty() && !is_there(connection_, kept_))
        refuse_without("schema " + kept_, place_);
      if (kept_.empty() && !is_there(connection_, place_)) return;
      begin();
    }
    if (is_at(waits())) try_patiently(connection_, doing(), [&] { return try_rename(); });
    if (is_at(moved())) clear();
    finish();
  }

  void begin() {
    connection_.run("CREATE DATABASE IF NOT EXISTS " + quote_name(place_));
    connection_.run("CREATE DATABASE IF NOT EXISTS " + quote_name(undone_));
    const SchemaDef now = read_schema(connection_, place_);
    connection_.run(fmt::format("ALTER DATABASE {} CHARACTER SET {} COLLATE {}",
                                quote_name(undone_), now.character_set, now.collation));
    code_.make(waits());
  }

  // What is renamed back; `back` has the names that are needed for that.
  Renames renames(const std::vector<std::string>& in_place, std::vector<std::string>& back) const {
    const std::vector<std::string> in_kept = tables_in(connection_, kept_);
    Renames all;
    for (const std::string& table : in_place) {
      // An old table that is not kept any more is back already.
      if (contains(in_kept, table) || !contains(old_tables_, table))
        all.add(place_, table, undone_, table);
    }
    for (const std::string& table : in_kept) {
      all.add(kept_, table, place_, table);
      back.push_back(table);
    }
    all.add(undone_, marks_.before, undone_, marks_.after);
    return all;
  }

  // Triggers do not go from one schema to another, and a table takes no view's name. They are taken
  // away under locks that were had, remembered, and made again if the renaming fails.
  std::optional<Failure> try_rename() {
    const std::vector<std::string> in_place = tables_in(connection_, place_);
    std::vector<std::string> back;
    const Renames all = renames(in_place, back);
    const std::vector<CodeDef> now = read_schema(connection_, place_).code;
    code_.remember(waits(), now);
    const std::vector<CodeDef> triggers = of_kinds(now, {CodeKind::trigger});
    std::vector<CodeDef> views = of_kinds(now, {CodeKind::view});
    std::erase_if(views, [&](const CodeDef& view) { return !contains(back, view.name); });
    if (!kept_.empty()) {
      if (auto failure =
              try_drop_code(connection_, kept_,
                            of_kinds(read_schema(connection_, kept_).code, {CodeKind::trigger})))
        return failure;
    }
    if (auto failure = try_lock_tables(connection_, place_, in_place)) return failure;
    auto failure = try_drop_code(connection_, place_, triggers);
    connection_.run("UNLOCK TABLES");
    if (!failure) failure = try_drop_code(connection_, place_, views);
    if (!failure) failure = all.try_run(connection_);
    if (failure) make_again(triggers, views);
    return failure;
  }

  void make_again(const std::vector<CodeDef>& triggers, const std::vector<CodeDef>& views) {
    const std::vector<CodeDef> there = read_schema(connection_, place_).code;
    connection_.use(place_);
    for (const auto* code : {&triggers, &views}) {
      for (const NotMade& one :
           try_make_code(connection_, missing_code(*code, there), place_, Definers::kept))
        log(LogLevel::warn, "could not be made again, and is told when all is put back",
            {{"what", one.display()}, {"schema", place_}});
    }
  }

  // What bears an old name may be a new definition.
  void clear() {
    const std::vector<CodeDef> now = read_schema(connection_, place_).code;
    code_.remember(moved(), now);
    Renames mark;
    mark.add(undone_, moved(), undone_, cleared());
    try_patiently(connection_, doing(), [&] {
      auto failure = try_drop_code(connection_, place_, now);
      return failure ? failure : mark.try_run(connection_);
    });
  }

  void finish() {
    const std::vector<CodeDef> newer = code_.remembered(cleared());
    const std::string character_set = undo_.at("character_set").as_string();
    if (!character_set.empty())
      connection_.run(fmt::format("ALTER DATABASE {} CHARACTER SET {} COLLATE {}",
                                  quote_name(place_), character_set,
                                  undo_.at("collation").as_string()));
    make_missing(code_from_json(undo_.at("code")));
    tell(told_, refer_again(connection_, keys_from_json(undo_.at("foreign_keys"))));
    for (const std::string& grant : texts_from(undo_.at("grants"))) {
      if (const auto failure = connection_.try_run(grant))
        told_ += fmt::format("{}: {}\n", grant, failure->display());
    }
    const bool is_all_back = told_.empty();
    connection_.use(undone_);
    tell(told_, undone_,
         try_make_code(connection_,
                       missing_code(asleep(newer), read_schema(connection_, undone_).code), place_,
                       Definers::kept));
    // What could not be made again is told anew, should nobody have heard it.
    if (told_.empty()) connection_.run("DROP TABLE " + quote_name(undone_, cleared()));
    drop_leavings(is_all_back);
    if (is_there(connection_, undone_)) tell_undone();
  }

  void tell_undone() {
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
  CodeMark code_;
  std::string told_;
};

// The schema that was filled, of a name that nobody else has.
void undo_beside(Connection& connection, const Json& undo) {
  const std::string schema = undo.at("schema").as_string();
  if (!is_there(connection, schema)) return;
  const Marks marks = marks_of(schema);
  if (has_table(connection, schema, marks.before) || has_table(connection, schema, marks.after))
    throw Error(Errc::locked, fmt::format("schema {} is still needed to put back what it was to "
                                          "replace",
                                          schema));
  // The server does not notice that a client is gone while it works for it.
  end_sessions_in(connection, schema);
  try_patiently(connection, "dropping schema " + schema,
                [&] { return connection.try_run("DROP DATABASE " + quote_name(schema)); });
}

}  // namespace

std::string undo_change(Connection& connection, const Json& undo) {
  const std::string kind = undo.at("kind").as_string();
  if (kind == "complete") return {};
  end_session(connection, undo);
  make_impatient(connection);
  std::string told;
  if (kind == "beside") {
    undo_beside(connection, undo);
  } else if (kind == "new-tables") {
    undo_new_tables(connection, undo);
  } else if (kind == "switch" || kind == "switched") {
    told = SwitchUndo(connection, undo).run(kind == "switched");
  } else if (kind == "tables" || kind == "tables-switched") {
    told = undo_tables(connection, undo, kind == "tables-switched");
  } else if (kind == "accounts") {
    told = undo_accounts(connection, undo);
  } else if (kind == "rights") {
    told = undo_rights(connection, undo);
  } else {
    throw Error(Errc::unsupported, fmt::format("an undo of unknown kind \"{}\"", kind));
  }
  while (told.ends_with('\n')) told.pop_back();
  return told;
}

// That it was done to its end is known by the last announcement alone: what is not there may be
// hidden from us, or was taken away by others.
bool change_stands(Connection& connection, const Json& undo) {
  if (undo.at("kind").as_string() != "complete") return false;
  refuse_other_server(connection, undo);
  const std::string place = undo.at("place").as_string();
  const std::vector<std::string> undone = texts_from(undo.at("undone"));
  return std::none_of(undone.begin(), undone.end(), [&](const std::string& name) {
    return schema_exists(connection, name) || has_table(connection, place, name);
  });
}

void check_undo(Connection& connection, const Json& undo) {
  const std::string kind = undo.at("kind").as_string();
  if (kind == "complete") return;
  refuse_other_server(connection, undo);
  const std::string beside = undo.string_or("beside", undo.string_or("schema", ""));
  const bool was_moved =
      is_there(connection, beside) && has_table(connection, beside, marks_of(beside).after);
  if (kind == "tables" || kind == "tables-switched")
    return check_tables_undo(connection, undo, was_moved || kind == "tables-switched");
  if (kind != "switch" && kind != "switched") return;
  static_cast<void>(is_there(connection, undo.at("place").as_string()));
  const std::string kept = undo.at("kept").as_string();
  if (kept.empty() || is_there(connection, kept)) return;
  const bool moved = was_moved || kind == "switched";
  if (moved && !is_there(connection, undo.at("undone").as_string()))
    refuse_without("schema " + kept, undo.at("place").as_string());
}

}  // namespace holdfast::engine::mariadb
