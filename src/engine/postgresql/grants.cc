// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/grants.h"

#include <fmt/format.h>

#include <optional>

#include "base/error.h"
#include "engine/postgresql/catalog.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/fence.h"
#include "engine/postgresql/privileges.h"
#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

// The connection, or why there is none.
std::optional<Connection> try_connect(const Location& location, std::string& why_not) {
  try {
    return std::make_optional<Connection>(location);
  } catch (const Error& error) {
    why_not = error.message();
    return std::nullopt;
  }
}

std::string role_for(const Location& location, std::string_view purpose,
                     const Application& application) {
  if (purpose == "application" && !application.user.empty()) return application.user;
  return location.user.empty() ? fmt::format("holdfast_{}", purpose) : location.user;
}

class Statements {
 public:
  Statements(const Location& location, std::string_view purpose, const Application& application)
      : location_(location),
        application_(application),
        role_(role_for(location, purpose, application)),
        quoted_(quote_name(role_)) {
    add("-- Run as a superuser in {}: psql --no-psqlrc --dbname={}", location.display(),
        quote_text(location.database));
    add("-- CREATE ROLE {} LOGIN;  -- if it is not there yet; then \\password {}", quoted_,
        quoted_);
    add("GRANT CONNECT ON DATABASE {} TO {};", quote_name(location.database), quoted_);
  }

  void backup(Connection& connection) {
    for (const std::string& statement : reading_grants(connection, role_)) add("{}", statement);
    if (has_policies(connection)) add("ALTER ROLE {} BYPASSRLS;", quoted_);
    if (connection.server_major() >= 14) {
      add("-- Instead of each GRANT of USAGE and SELECT on schemas, tables and sequences above, "
          "and "
          "for");
      add("-- those to come: GRANT pg_read_all_data TO {};", quoted_);
    }
    sessions();
    fence(has_fence_function(connection));
  }

  void backup_unseen() {
    std::string tag = "$holdfast$";
    while (role_.find(tag) != std::string::npos) tag.insert(1, "x");
    add("DO {2}\n"
        "DECLARE\n"
        "  one record;\n"
        "BEGIN\n"
        "  FOR one IN SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE {0} LOOP\n"
        "    EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA %I TO %I', one.nspname, {1});\n"
        "    EXECUTE pg_catalog.format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', "
        "one.nspname, {1});\n"
        "    EXECUTE pg_catalog.format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %I TO %I', "
        "one.nspname, {1});\n"
        "  END LOOP;\n"
        "  FOR one IN SELECT m.oid FROM pg_catalog.pg_largeobject_metadata m LOOP\n"
        "    EXECUTE pg_catalog.format('GRANT SELECT ON LARGE OBJECT %s TO %I', one.oid, {1});\n"
        "  END LOOP;\n"
        "  IF EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relrowsecurity) THEN\n"
        "    EXECUTE pg_catalog.format('ALTER ROLE %I BYPASSRLS', {1});\n"
        "  END IF;\n"
        "END\n"
        "{2};",
        user_schemas, quote_text(role_), tag);
    sessions();
    fence(false);
  }

  void restore(Connection* connection) {
    add("ALTER ROLE {} CREATEDB;", quoted_);
    if (connection != nullptr) {
      const Json facts = database_facts(*connection);
      for (const Json& owner : facts.at("owners").as_array()) {
        if (owner.as_string() != role_)
          add("GRANT {} TO {};", quote_name(owner.as_string()), quoted_);
      }
      for (const Json& tablespace : facts.at("tablespaces").as_array())
        add("GRANT CREATE ON TABLESPACE {} TO {};", quote_name(tablespace.as_string()), quoted_);
    } else {
      add("-- GRANT each role that owns something in the copy TO {};", quoted_);
    }
    add("-- Roles that are missing are made with CREATEROLE. Event triggers, subscriptions, large "
        "objects of");
    add("-- other owners, languages and extensions that are not trusted take a superuser.");
  }

  void application(Connection* connection) {
    add("-- CREATE on the schema: for an application that makes its tables itself, as Jackrabbit "
        "does for");
    add("-- each new workspace.");
    if (connection == nullptr) {
      add("{}", application_block(role_, application_.schemas));
      return;
    }
    for (const std::string& statement :
         application_grants(*connection, {role_, application_.schemas})) {
      if (!statement.starts_with("GRANT CONNECT ")) add("{}", statement);
    }
  }

  void note(std::string_view text) { add("-- {}", text); }
  [[nodiscard]] std::string text() && { return std::move(text_); }

 private:
  template <typename... Args>
  void add(fmt::format_string<Args...> form, Args&&... args) {
    text_ += fmt::format(form, std::forward<Args>(args)...) + "\n";
  }

  void sessions() {
    add("-- Where it is looked whether the application rests (profile migration-center): GRANT");
    add("-- pg_read_all_stats TO {}; and UPDATE on what it is to disable for the copy.", quoted_);
  }

  void fence(bool made) {
    add("-- For one moment of several databases: lends the lock that keeps writers out, and "
        "nothing "
        "else.");
    add("{}", fence_function(quoted_, made));
  }

  static bool has_policies(Connection& connection) {
    return connection.value(fmt::format(
               "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
               " WHERE c.relrowsecurity AND {})",
               user_schemas)) == "t";
  }

  const Location& location_;
  const Application& application_;
  std::string role_, quoted_, text_;
};

}  // namespace

std::string grants_for(const Location& location, std::string_view purpose,
                       const Application& application) {
  if (purpose != "backup" && purpose != "restore" && purpose != "application") {
    throw Error(Errc::usage, fmt::format("there are no grants for `{}`", purpose))
        .set_hint("Purposes are backup, restore and application.");
  }
  Statements statements(location, purpose, application);
  std::string why_not;
  std::optional<Connection> connection = try_connect(location, why_not);
  if (!connection) statements.note("Not looked at: " + why_not);
  if (purpose == "application") {
    statements.application(connection ? &*connection : nullptr);
  } else if (purpose == "restore") {
    statements.restore(connection ? &*connection : nullptr);
  } else if (connection) {
    statements.backup(*connection);
  } else {
    statements.backup_unseen();
  }
  return std::move(statements).text();
}

}  // namespace holdfast::engine::postgresql
