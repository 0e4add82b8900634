// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/target_undo.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "base/error.h"
#include "engine/postgresql/databases.h"
#include "engine/postgresql/in_place.h"
#include "engine/postgresql/new_tables.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/sessions.h"
#include "engine/postgresql/tables_aside.h"

namespace holdfast::engine::postgresql {
namespace {

// Names may lead elsewhere than they did.
void refuse_other_server(Connection& admin, const Json& undo, const Location& into) {
  const std::string then = undo.string_or("system", "");
  const std::string now = system_of(admin);
  if (then.empty() || now.empty() || then == now) return;
  throw Error(Errc::not_found,
              fmt::format("the server of {} is another than the one that was changed (its system "
                          "identifier is {}, not {})",
                          into.display(), now, then))
      .set_hint("Connect it to that one again.");
}

// Empties what was filled in its place, as long as it bears its mark: without it, it never was
// filled, or is done and somebody's.
std::string undo_filling(Connection& admin, const Location& into, const Json& undo) {
  const std::string& name = undo.at("database").as_string();
  const std::string& mark_name = undo.at("mark").as_string();
  if (oid_of(admin, name) != undo.at("oid").as_int()) return {};  // gone, with what we put in
  end_statements_on(admin, mark_name);
  const Location place = into.with_database(name);
  Mark mark = Mark::none;
  {
    Connection connection(place);
    mark = mark_of(connection, mark_name);
    if (mark == Mark::none) {
      if (is_empty(connection)) return {};
      return fmt::format("database {} was open to others already and stays as it is", name);
    }
  }
  end_sessions(admin, name);
  if (mark == Mark::ours) drop_subscriptions(place);
  Connection connection(place);
  if (mark == Mark::ours) {
    clear_marked(connection, mark_name, undo.at("before"));
  } else {
    open_again(connection, mark_name, undo.at("before"));
  }
  return {};
}

bool is_switched(Connection& admin, const Json& undo) {
  return oid_of(admin, undo.at("name").as_string()) == undo.at("oid").as_int();
}

// What bears the public name is ours; what it replaced has to be there.
void refuse_lost(Connection& admin, const Json& undo) {
  const std::string kept = undo.string_or("kept", "");
  if (kept.empty() || oid_of(admin, kept) == undo.at("kept_oid").as_int()) return;
  throw Error(Errc::not_found,
              fmt::format("database {}, in whose place {} was put, is not there any more; nothing "
                          "was changed",
                          kept, undo.at("name").as_string()))
      .set_hint("Give it that name again.");
}

// Puts an announced switch back. What bore the public name may have been written to since, so it
// stays, under another one.
std::string undo_switch(Connection& admin, const Location& into, const Json& undo) {
  if (!is_switched(admin, undo)) return {};  // never switched, or undone already
  refuse_lost(admin, undo);
  const std::string& name = undo.at("name").as_string();
  const std::string kept = undo.string_or("kept", "");
  std::vector<DatabaseRename> renames{{name, free_name(admin, undo.at("undone").as_string())}};
  if (!kept.empty()) renames.push_back({kept, name});
  rename_databases(admin, into, renames);
  return fmt::format(
      "what had been database {} stays as {}, as it may have been written to; drop it with: "
      "DROP DATABASE {};",
      name, renames.front().to, quote_name(renames.front().to));
}

// Of the tables that single-table restores made, those that are still there.
std::set<model::TableName> made_tables(Connection& connection, const Json& undo) {
  std::set<model::TableName> made;
  for (const Json& one : undo.at("made").as_array()) {
    const Rows rows = connection.query(
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
        " ON n.oid = c.relnamespace WHERE c.oid = $1::text::pg_catalog.oid"
        " AND c.oid = pg_catalog.to_regclass($2)",
        {one.at("oid").as_string(), one.at("table").as_string()});
    if (!rows.empty()) made.insert({rows.text(0, 0), rows.text(0, 1)});
  }
  return made;
}

// A table aside would keep rows of others from being deleted, or lose its own with them.
std::string drop_foreign_keys(Connection& connection, const TablesAside& aside,
                              const std::string& table) {
  const Rows keys = connection.query(
      "SELECT pg_catalog.quote_ident(k.conname), n.nspname, c.relname"
      " FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.confrelid"
      " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
      " WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = $1::pg_catalog.regclass",
      {table});
  std::string dropped;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (aside.went({keys.text(i, 1), keys.text(i, 2)})) continue;
    connection.run(fmt::format("ALTER TABLE {} DROP CONSTRAINT {}", table, keys.view(i, 0)));
    dropped += (dropped.empty() ? "" : ", ") + keys.text(i, 0);
  }
  return dropped;
}

// Gives the names of tables that single-table restores made back to those that were kept. The
// tables that were made may have been written to since: they stay under other names.
std::string undo_tables(const Json& undo, const Location& database) {
  Connection connection(database);
  const std::set<model::TableName> made = made_tables(connection, undo);
  if (made.empty()) return {};  // never committed, or undone already
  TablesAside aside(undo.string_or("undone", "_undone"), made);
  std::string told;
  connection.run("BEGIN");
  std::vector<std::string> tables;
  for (const model::TableName& table : made) {
    told += (told.empty() ? "what may have been written to stays as " : " ") +
            aside.put_aside(connection, table);
    tables.push_back(quote_name(aside.kept_name(table)));
  }
  for (const std::string& table : tables) {
    const std::string keys = drop_foreign_keys(connection, aside, table);
    if (!keys.empty()) told += fmt::format(" {} has no foreign keys any more: {};", table, keys);
  }
  for (const Json& statement : undo.at("back").as_array()) connection.run(statement.as_string());
  connection.run("COMMIT");
  return told;
}

}  // namespace

std::string undo_change(const Json& undo, const Location& into) {
  const std::string& kind = undo.at("kind").as_string();
  Connection admin = connect_admin(into, {});
  if (kind == "created") {
    refuse_other_server(admin, undo, into);
    end_statements_on(admin, undo.at("database").as_string());
    drop_database(admin, into, undo.at("database").as_string());
    return {};
  }
  if (kind == "filled") {
    refuse_other_server(admin, undo, into);
    return undo_filling(admin, into, undo);
  }
  if (kind == "opened") return {};  // the filling says what becomes of it
  if (kind == "tables") {
    const std::string& name = undo.at("database").as_string();
    return oid_of(admin, name) ? undo_tables(undo, into.with_database(name)) : std::string();
  }
  if (kind == "new-tables") {
    refuse_other_server(admin, undo, into);
    const std::string& name = undo.at("database").as_string();
    if (oid_of(admin, name)) undo_new_tables(undo, into.with_database(name));
    return {};
  }
  if (kind == "switched") {
    refuse_other_server(admin, undo, into);
    end_statements_on(admin, undo.at("beside").as_string());
    return undo_switch(admin, into, undo);
  }
  throw Error(Errc::unsupported, "an undo of unknown kind \"" + kind + "\"");
}

bool change_stands(const Json& undo, const Location& into) {
  const std::string& kind = undo.at("kind").as_string();
  // There is more to come.
  if (kind == "created" || kind == "filled" || kind == "new-tables") return false;
  Connection admin = connect_admin(into, {});
  refuse_other_server(admin, undo, into);
  if (kind == "switched") return is_switched(admin, undo);
  const std::string& name = undo.at("database").as_string();
  if (kind == "tables") {
    if (!oid_of(admin, name)) return false;
    Connection connection(into.with_database(name));
    return made_tables(connection, undo).size() == undo.at("made").as_array().size();
  }
  if (kind != "opened" || oid_of(admin, name) != undo.at("oid").as_int()) return false;
  Connection connection(into.with_database(name));
  return mark_of(connection, undo.at("mark").as_string()) == Mark::none && !is_empty(connection);
}

void check_change_undo(const Json& undo, const Location& into) {
  const std::string& kind = undo.at("kind").as_string();
  if (kind != "switched" && kind != "filled" && kind != "created" && kind != "new-tables") return;
  Connection admin = connect_admin(into, {});
  refuse_other_server(admin, undo, into);
  if (kind == "switched" && is_switched(admin, undo)) refuse_lost(admin, undo);
}

}  // namespace holdfast::engine::postgresql
