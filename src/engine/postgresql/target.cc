// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/target.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/postgresql/in_place.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/sessions.h"

namespace holdfast::engine::postgresql {
namespace {

using namespace std::chrono_literals;

constexpr auto leave_wait = 15s;
constexpr std::size_t name_bytes_max = 63;

// The oid of a database; nothing if it is not there.
std::optional<std::int64_t> oid_of(Connection& admin, const std::string& name) {
  const Rows rows =
      admin.query("SELECT oid FROM pg_catalog.pg_database WHERE datname = $1", {name});
  if (rows.empty()) return std::nullopt;
  return rows.integer(0, 0);
}

// Which server that is, as its data say; empty where it does not say.
std::string system_of(Connection& admin) {
  if (!admin.attempt("SELECT FROM pg_catalog.pg_control_system()").empty()) return "";
  return admin.value(
      "SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system()");
}

// Names may lead elsewhere than they did. What bears a random name needs no such care.
void refuse_other_server(Connection& admin, const Json& undo, const Location& into) {
  const std::string then = undo.string_or("system", "");
  const std::string now = system_of(admin);
  if (then.empty() || now.empty() || then == now) return;
  throw Error(Errc::not_found,
              fmt::format("the server of {} is another than the one that was changed (its system "
                          "identifier is {}, not {})",
                          into.display(), now, then))
      .set_hint(
          "Connect it to that one again. Or, if that is gone for good, remove the job's "
          "directory below `journals` in the state directory.");
}

// A statement of a process that was killed goes on in its server. Ends those that name `name`, a
// name that only we use, and waits until they are over.
void end_statements_on(Connection& admin, const std::string& name) {
  const auto deadline = std::chrono::steady_clock::now() + leave_wait;
  while (true) {
    const Rows left = admin.query(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
        " WHERE state = 'active' AND pid <> pg_catalog.pg_backend_pid()"
        " AND pg_catalog.strpos(query, $1) > 0",
        {quote_name(name)});
    if (left.empty()) return;
    if (std::chrono::steady_clock::now() > deadline)
      throw Error(Errc::unavailable, fmt::format("a statement on database {} does not end", name));
    std::this_thread::sleep_for(20ms);
  }
}

void drop_database(Connection& admin, const std::string& name) {
  if (!oid_of(admin, name)) return;
  admin.run(fmt::format("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", quote_name(name)));
  // Subscriptions would keep it from being dropped. They are made without a slot, so they are
  // taken off without asking the other side; which needs a session.
  end_sessions(admin, name);
  std::string message;
  std::string state = admin.attempt(fmt::format("DROP DATABASE {}", quote_name(name)), &message);
  if (state == "55006") {  // in use
    end_sessions(admin, name);
    state = admin.attempt(fmt::format("DROP DATABASE {}", quote_name(name)), &message);
  }
  if (!state.empty() && state != "3D000")
    throw Error(Errc::io, fmt::format("database {} could not be dropped: {}", name, message));
}

// Subscriptions hold a database; they were made by a load and are not connected.
void drop_subscriptions(const Location& database) {
  Connection connection(database);
  const Rows names = connection.query(
      "SELECT s.subname FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d"
      " ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database()");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name = quote_name(names.view(i, 0));
    connection.run(fmt::format("ALTER SUBSCRIPTION {0} DISABLE", name));
    connection.run(fmt::format("ALTER SUBSCRIPTION {0} SET (slot_name = NONE)", name));
    connection.run(fmt::format("DROP SUBSCRIPTION {0}", name));
  }
}

void drop_with_subscriptions(Connection& admin, const Location& into, const std::string& name) {
  if (!oid_of(admin, name)) return;
  // An interrupted undo may have closed it already.
  static_cast<void>(admin.attempt(
      fmt::format("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", quote_name(name))));
  const Rows held = admin.query(
      "SELECT pg_catalog.count(*) FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d"
      " ON d.oid = s.subdbid WHERE d.datname = $1",
      {name});
  if (held.integer(0, 0) > 0) drop_subscriptions(into.with_database(name));
  drop_database(admin, name);
}

std::string random_digits() {
  std::array<std::byte, 4> bytes{};
  fill_random(bytes);
  return to_hex(bytes);
}

std::string random_suffix() {
  return "_holdfast_" + random_digits();
}

// "_before_20261120T105601Z" as "_undone_20261120T105601Z".
std::string undone_suffix(std::string_view kept_suffix) {
  constexpr std::string_view before = "_before_";
  if (!kept_suffix.starts_with(before)) return "_undone" + random_suffix();
  return "_undone_" + std::string(kept_suffix.substr(before.size()));
}

Json undo_of(std::string_view kind) {
  Json undo;
  undo.set("kind", kind);
  return undo;
}

// A name like `wanted` that no database has.
std::string free_name(Connection& admin, const std::string& wanted) {
  std::string name = wanted;
  while (oid_of(admin, name)) name = with_suffix(wanted, random_suffix());
  return name;
}

// Empties what was filled in its place, as long as it bears its mark: without it, it never was
// filled, or is done and somebody's.
void undo_filling(Connection& admin, const Location& into, const Json& undo) {
  const std::string& name = undo.at("database").as_string();
  const std::string& mark_name = undo.at("mark").as_string();
  if (oid_of(admin, name) != undo.at("oid").as_int()) return;  // it is gone, with what we put in
  end_statements_on(admin, mark_name);
  const Location place = into.with_database(name);
  if (Connection connection(place); !is_marked(connection, mark_name)) return;
  end_sessions(admin, name);
  drop_subscriptions(place);
  Connection connection(place);
  clear_marked(connection, mark_name, undo.at("before"));
}

// Puts an announced switch back. What bore the public name may have been written to since, so it
// stays, under another one.
void undo_switch(Connection& admin, const Location& into, const Json& undo) {
  const std::string& name = undo.at("name").as_string();
  const std::string kept = undo.string_or("kept", "");
  if (oid_of(admin, name) != undo.at("oid").as_int()) return;  // never switched, or undone already
  std::vector<DatabaseRename> renames{{name, free_name(admin, undo.at("undone").as_string())}};
  if (!kept.empty()) {
    if (oid_of(admin, kept) != undo.at("kept_oid").as_int()) {
      throw Error(Errc::not_found,
                  fmt::format("database {}, in whose place {} was put, is not there any more; "
                              "nothing was changed",
                              kept, name))
          .set_hint("Give it that name again. Or, if " + name +
                    " shall stay as it is, remove the job's directory below `journals` in the "
                    "state directory.");
    }
    renames.push_back({kept, name});
  }
  rename_databases(admin, into, renames);
  log(LogLevel::warn, "a database that had been put in place stays under another name",
      {{"name", name}, {"now", renames.front().to}});
}

// Gives the names of tables that single-table restores made back to those that were kept. The
// tables that were made may have been written to since: they go to a schema of their own.
void undo_tables(const Json& undo, const Location& database) {
  Connection connection(database);
  std::vector<std::string> made;
  for (const Json& one : undo.at("made").as_array()) {
    const std::string& table = one.at("table").as_string();
    const Rows rows = connection.query(
        "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid::pg_catalog.text", {table});
    if (rows.view(0, 0) == one.at("oid").as_string()) made.push_back(table);
  }
  if (made.empty()) return;  // never committed, or undone already
  const std::string schema = "holdfast_undone_" + random_digits();
  connection.run("BEGIN");
  connection.run("CREATE SCHEMA " + quote_name(schema));
  for (const std::string& table : made) {
    // Out of what it was put into, where the old one belongs again.
    const Rows leaving = connection.query(
        "SELECT CASE WHEN c.relispartition THEN pg_catalog.format('ALTER TABLE %s DETACH PARTITION"
        " %s', i.inhparent::pg_catalog.regclass, $1::text) ELSE pg_catalog.format('ALTER TABLE %2$s"
        " NO INHERIT %1$s', i.inhparent::pg_catalog.regclass, $1::text) END"
        " FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhrelid = $1::pg_catalog.regclass"
        " UNION ALL SELECT pg_catalog.format('ALTER PUBLICATION %I DROP TABLE ONLY %s', p.pubname,"
        " $1::text) FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p"
        " ON p.oid = r.prpubid WHERE r.prrelid = $1::pg_catalog.regclass"
        " UNION ALL SELECT pg_catalog.format('ALTER STATISTICS %s.%I SET SCHEMA %I',"
        " s.stxnamespace::pg_catalog.regnamespace, s.stxname, $2::text)"
        " FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = $1::pg_catalog.regclass",
        {table, schema});
    for (std::size_t i = 0; i < leaving.size(); ++i) connection.run(leaving.view(i, 0));
    connection.run(fmt::format("ALTER TABLE {} SET SCHEMA {}", table, quote_name(schema)));
  }
  for (const Json& statement : undo.at("back").as_array()) connection.run(statement.as_string());
  connection.run("COMMIT");
  log(LogLevel::warn, "tables that had been restored stay in a schema of their own",
      {{"database", database.database}, {"schema", schema}});
}

}  // namespace

Connection connect_admin(const Location& into, const std::stop_token& stop) {
  // A database is not renamed by who is in it.
  if (into.database == into.maintenance_database)
    return Connection(into.with_database("template1"), stop);
  try {
    return Connection(into.with_database(into.maintenance_database), stop);
  } catch (const Error& error) {
    if (error.code() != Errc::not_found) throw;
    return Connection(into.with_database("template1"), stop);
  }
}

std::string with_suffix(std::string_view name, std::string_view suffix) {
  std::size_t room = suffix.size() < name_bytes_max ? name_bytes_max - suffix.size() : 0;
  if (name.size() > room) {
    // Not within a character: bytes that go on have the form 10xxxxxx.
    while (room > 0 && (static_cast<unsigned char>(name[room]) & 0xC0U) == 0x80U) --room;
    name = name.substr(0, room);
  }
  return std::string(name) + std::string(suffix);
}

DatabaseProperties properties_of(const Json& facts, const NameMapping& mapping) {
  DatabaseProperties properties;
  properties.owner = facts.string_or("owner", "");
  if (!properties.owner.empty()) properties.owner = mapping.owner(properties.owner);
  properties.encoding = facts.string_or("encoding", "UTF8");
  properties.collate = facts.string_or("collate", "");
  properties.ctype = facts.string_or("ctype", "");
  properties.provider = facts.string_or("locale_provider", "c");
  properties.icu_locale = facts.string_or("icu_locale", "");
  properties.icu_rules = facts.string_or("icu_rules", "");
  const std::string tablespace = facts.string_or("tablespace", "");
  if (!tablespace.empty() && tablespace != "pg_default")
    properties.tablespace = mapping.tablespace(tablespace);
  properties.connection_limit = facts.int_or("connection_limit", -1);
  return properties;
}

bool may_create_databases(Connection& admin) {
  return admin.value(
             "SELECT rolsuper OR rolcreatedb FROM pg_catalog.pg_roles"
             " WHERE rolname = current_user") == "t";
}

bool is_empty(Connection& connection) {
  return connection.value(
             "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
             "  ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND c.oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n"
             "  ON n.oid = t.typnamespace WHERE n.nspname !~ '^pg_' AND t.oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE oid >= 16384"
             "  AND nspname !~ '^pg_' AND nspname <> 'public')"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_ts_config WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_ts_dict WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_collation WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_operator WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_language WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_default_acl)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_subscription s"
             "  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid"
             "  WHERE d.datname = pg_catalog.current_database())"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)") == "t";
}

Target::Target(const Location& into, const LoadOptions& options, const std::stop_token& stop)
    : into_(into), options_(options), admin_(connect_admin(into, stop)), place_(into) {
  check_rule(!options.replace || !options.kept_suffix.empty(),
             "what is replaced is kept under another name");
  exists_ = oid_of(admin_, into.database).has_value();
  if (!exists_ || options.replace) return;
  Connection look(into, stop);
  if (!is_empty(look)) refuse_content();
}

void Target::refuse_content() const {
  throw Error(Errc::exists, fmt::format("{} exists and is not empty", into_.display()))
      .set_hint("Give --replace: it is then kept under a new name.");
}

void Target::announce(std::string_view what, const Json& undo) const {
  if (options_.before_change) options_.before_change(what, undo);
}

void Target::prepare_in_place(Connection& connection) {
  mark_ = "holdfast_filling_" + random_digits();
  made_ = undo_of("filled")
              .set("database", into_.database)
              .set("oid", oid_of(admin_, into_.database).value_or(0))
              .set("system", system_of(admin_))
              .set("mark", mark_)
              .set("before", remember_empty(connection));
  announce("filled the empty database " + into_.database, made_);
  mark(connection, mark_);
  make_plain(connection);
}

void Target::prepare(const DatabaseProperties* properties) {
  if (exists_) {
    Connection look(into_);
    const bool empty = is_empty(look);
    if (!empty && !options_.replace) refuse_content();
    if (empty && !may_create_databases(admin_)) return prepare_in_place(look);
  }
  is_new_ = true;
  place_ = into_.with_database(with_suffix(into_.database, random_suffix()));
  std::string sql =
      fmt::format("CREATE DATABASE {} TEMPLATE template0", quote_name(place_.database));
  if (properties != nullptr) {
    const DatabaseProperties& wanted = *properties;
    if (!wanted.owner.empty()) sql += " OWNER " + quote_name(wanted.owner);
    sql += " ENCODING " + quote_text(wanted.encoding);
    if (!wanted.collate.empty()) sql += " LC_COLLATE " + quote_text(wanted.collate);
    if (!wanted.ctype.empty()) sql += " LC_CTYPE " + quote_text(wanted.ctype);
    const int major = admin_.server_major();
    if (wanted.provider == "i" && major >= 15) {
      sql += " LOCALE_PROVIDER icu ICU_LOCALE " + quote_text(wanted.icu_locale);
      if (!wanted.icu_rules.empty() && major >= 16)
        sql += " ICU_RULES " + quote_text(wanted.icu_rules);
    } else if (wanted.provider == "b" && major >= 17) {
      sql += " LOCALE_PROVIDER builtin BUILTIN_LOCALE " + quote_text(wanted.icu_locale);
    } else if (major >= 15) {
      sql += " LOCALE_PROVIDER libc";
    }
    if (!wanted.tablespace.empty()) sql += " TABLESPACE " + quote_name(wanted.tablespace);
    connection_limit_ = wanted.connection_limit;
  }
  made_ = undo_of("created").set("database", place_.database);
  announce("made the database " + place_.database, made_);
  in_context("making database " + place_.database, [&] { admin_.run(sql); });
}

std::optional<std::string> Target::switch_in() {
  admin_ = connect_admin(into_, {});  // other components may have taken their time
  if (connection_limit_ >= 0) {
    admin_.run(fmt::format("ALTER DATABASE {} CONNECTION LIMIT {}", quote_name(place_.database),
                           connection_limit_));
  }
  if (!is_new_) {
    Connection place(place_);
    unmark(place, mark_);  // from now on it is somebody's
    return std::nullopt;
  }
  const auto fresh = oid_of(admin_, place_.database);
  check_rule(fresh.has_value(), "the database that was filled is there");
  const std::string undone = with_suffix(into_.database, undone_suffix(options_.kept_suffix));
  const std::string then = fmt::format(" (undone, it stays as {})", undone);
  Json undo = undo_of("switched")
                  .set("name", into_.database)
                  .set("beside", place_.database)
                  .set("oid", *fresh)
                  .set("system", system_of(admin_))
                  .set("undone", undone);
  if (!exists_) {
    announce("named the new database " + into_.database + then, undo);
    rename_databases(admin_, into_, std::array{DatabaseRename{place_.database, into_.database}});
    return std::nullopt;
  }
  const std::string suffix =
      options_.kept_suffix.empty() ? "_before" + random_suffix() : options_.kept_suffix;
  const std::string kept = with_suffix(into_.database, suffix);
  if (oid_of(admin_, kept)) {
    throw Error(Errc::exists, fmt::format("there is a database {} already", kept))
        .set_hint("Rename or drop it first.");
  }
  undo.set("kept", kept).set("kept_oid", oid_of(admin_, into_.database).value_or(0));
  announce(fmt::format("put the new database in the place of {}{}", into_.database, then), undo);
  rename_databases(admin_, into_,
                   std::array{DatabaseRename{into_.database, kept},
                              DatabaseRename{place_.database, into_.database}});
  return kept;
}

void Target::give_up() noexcept {
  if (made_.is_null()) return;
  try {
    admin_.stop_with({});
    undo_change(made_, into_);
  } catch (const std::exception& error) {
    log(LogLevel::warn, "what a restore made could not be removed",
        {{"database", place_.database}, {"reason", error.what()}});
  }
}

void undo_change(const Json& undo, const Location& into) {
  const std::string& kind = undo.at("kind").as_string();
  Connection admin = connect_admin(into, {});
  if (kind == "created") {
    end_statements_on(admin, undo.at("database").as_string());
    drop_with_subscriptions(admin, into, undo.at("database").as_string());
  } else if (kind == "filled") {
    refuse_other_server(admin, undo, into);
    undo_filling(admin, into, undo);
  } else if (kind == "tables") {
    const std::string& name = undo.at("database").as_string();
    if (oid_of(admin, name)) undo_tables(undo, into.with_database(name));
  } else if (kind == "switched") {
    refuse_other_server(admin, undo, into);
    end_statements_on(admin, undo.at("beside").as_string());
    undo_switch(admin, into, undo);
  } else {
    throw Error(Errc::unsupported, "an undo of unknown kind \"" + kind + "\"");
  }
}

}  // namespace holdfast::engine::postgresql
