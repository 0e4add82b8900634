// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/privileges.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/mariadb/grant_text.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/target_privileges.h"

namespace holdfast::engine::mariadb {

Privileges::Privileges(Connection& connection, const std::string& schema) {
  const std::string current = connection.value("SELECT CURRENT_USER()");
  std::vector<std::string> lines;
  const bool refused = connection.try_run("SHOW GRANTS").has_value();
  if (!refused) {
    for (const auto& line : connection.query("SHOW GRANTS")) lines.push_back(line[0].value_or(""));
  }
  *this = Privileges(lines, schema);
  known_ = !refused;
  const std::size_t at = current.rfind('@');
  account_ =
      account_name(current.substr(0, at), at == std::string::npos ? "%" : current.substr(at + 1));
}

Privileges::Privileges(const std::vector<std::string>& lines, const std::string& schema)
    : known_(true) {
  for (const std::string& line : lines) {
    const GrantLine grant = parse_grant(line);
    if (grant.kind == GrantLine::Kind::other || !grant.is_whole_schema) continue;
    std::vector<std::string>* into = nullptr;
    if (grant.kind == GrantLine::Kind::revoke) {
      if (grant.schema == schema) into = &revoked_;
    } else if (grant.schema == "*") {
      into = &global_;
    } else if (matches_schema(grant.schema, schema)) {
      into = &local_;
    }
    if (into != nullptr)
      into->insert(into->end(), grant.privileges.begin(), grant.privileges.end());
  }
}

bool Privileges::has_global(std::string_view privilege) const {
  return std::any_of(global_.begin(), global_.end(), [&](const std::string& one) {
    return one == privilege || one == "ALL PRIVILEGES";
  });
}

bool Privileges::has(std::string_view privilege) const {
  const auto is_it = [&](const std::string& one) {
    return one == privilege || one == "ALL PRIVILEGES";
  };
  if (std::any_of(local_.begin(), local_.end(), is_it)) return true;
  return has_global(privilege) && std::none_of(revoked_.begin(), revoked_.end(), is_it);
}

namespace {

constexpr unsigned mysql_roles_since = 80'000;
constexpr unsigned mysql_show_routine_since = 80'020;

class Printer {
 public:
  Printer(const Location& location, const ServerKind& server, const std::string& user)
      : location_(location),
        server_(server),
        account_(account_name(user, location.host.empty() ? "localhost" : "%")),
        schema_(quote_name(schema_pattern(location.schema)) + ".*") {}

  [[nodiscard]] std::string user() const {
    return fmt::format("CREATE USER IF NOT EXISTS {} IDENTIFIED BY '...';\n", account_);
  }
  [[nodiscard]] std::string backup() const {
    const Needs needs = backup_needs(server_);
    std::string text =
        "-- One moment for several sessions; without it one session copies everything.\n" +
        grant({needs.global.front()}, "*.*");
    const std::vector<std::string> more(needs.global.begin() + 1, needs.global.end());
    if (!more.empty())
      text +=
          "-- The position in the binary log; statements that a lock would wait for; other "
          "accounts' routines.\n" +
          grant(more, "*.*");
    text += grant(needs.local, schema_) + accounts();
    return text + fmt::format("-- From a replica: {} on *.* too.\n",
                              !server_.is_mariadb || server_.version_number < 100'509
                                  ? "REPLICATION CLIENT"
                                  : "REPLICA MONITOR");
  }
  [[nodiscard]] std::string restore() const {
    const Needs needs = restore_needs(server_);
    // Schemas beside it: one that is being loaded, one that is kept, one that was put back.
    return "-- Definers other than this account" +
           std::string(server_.is_mariadb || server_.version_number < 80'016
                           ? ""
                           : "; of those that have SYSTEM_USER, as root: SYSTEM_USER too") +
           ".\n" + grant(needs.global, "*.*") + grant(needs.local, schema_) +
           grant(needs.local, quote_name(beside_pattern(location_.schema)) + ".*") +
           grant(needs.local, quote_name(kept_pattern(location_.schema)) + ".*") +
           grant(needs.local, quote_name(undone_pattern(location_.schema)) + ".*") + accounts() +
           "-- To restore accounts and their rights too (grants = \"restore\"): CREATE USER ON "
           "*.*, and all that is to\n"
           "-- be given WITH GRANT OPTION.\n";
  }
  [[nodiscard]] std::string application() const {
    return "-- CREATE and INDEX: for an application that makes its tables itself, as Jackrabbit "
           "does for each\n"
           "-- new workspace. Routines and temporary tables take EXECUTE and CREATE TEMPORARY "
           "TABLES too.\n" +
           grant(application_needs().local, schema_);
  }

 private:
  [[nodiscard]] std::string grant(const std::vector<std::string>& privileges,
                                  std::string_view on) const {
    return fmt::format("GRANT {} ON {} TO {};\n", privilege_list(privileges), on, account_);
  }
  [[nodiscard]] std::string accounts() const {
    return fmt::format("-- Accounts of the schema and their rights{}.\n",
                       server_.is_mariadb || server_.version_number < mysql_roles_since
                           ? "; also the bodies of other accounts' routines"
                           : "") +
           grant({"SELECT"}, "`mysql`.*");
  }

  const Location& location_;
  const ServerKind server_;
  const std::string account_, schema_;
};

}  // namespace

Needs backup_needs(const ServerKind& server) {
  Needs needs;
  needs.local = {"SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "LOCK TABLES"};
  needs.global = {"RELOAD"};
  if (server.is_mariadb) return needs;
  needs.global.emplace_back("REPLICATION CLIENT");
  needs.global.emplace_back("PROCESS");
  if (server.version_number >= mysql_show_routine_since) needs.global.emplace_back("SHOW_ROUTINE");
  return needs;
}

Needs application_needs() {
  return {{}, {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "INDEX"}};
}

std::string privilege_list(const std::vector<std::string>& privileges) {
  std::string text;
  for (const std::string& one : privileges) text += (text.empty() ? "" : ", ") + one;
  return text;
}

Needs restore_needs(const ServerKind& server) {
  Needs needs;
  needs.local = {"SELECT", "INSERT",         "CREATE",        "ALTER",     "DROP",
                 "INDEX",  "REFERENCES",     "CREATE VIEW",   "SHOW VIEW", "TRIGGER",
                 "EVENT",  "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE",   "LOCK TABLES"};
  if (server.is_mariadb && server.version_number >= 100'502) {
    needs.global.emplace_back("SET USER");
  } else if (!server.is_mariadb && server.version_number >= 80'200) {
    needs.global.emplace_back("SET_ANY_DEFINER");
  } else if (!server.is_mariadb && server.version_number >= mysql_roles_since) {
    needs.global.emplace_back("SET_USER_ID");
  } else {
    needs.global.emplace_back("SUPER");
  }
  // What has been made in another's name is read again for the proof.
  if (!server.is_mariadb && server.version_number >= mysql_show_routine_since)
    needs.global.emplace_back("SHOW_ROUTINE");
  return needs;
}

std::string grants_for(std::string_view purpose, const Location& location,
                       const std::optional<ServerKind>& server,
                       const std::string& application_user) {
  std::string user = location.user.empty() ? "holdfast" : location.user;
  if (purpose == "application" && !application_user.empty()) user = application_user;
  std::vector<ServerKind> kinds;
  std::string text;
  if (server) {
    kinds.push_back(*server);
  } else {
    text = "-- The server could not be asked what it is: choose.\n";
    kinds = {{true, 101'100}, {false, 80'400}};
  }
  for (const ServerKind& kind : kinds) {
    const Printer printer(location, kind, user);
    if (!server) text += kind.is_mariadb ? "-- MariaDB:\n" : "-- MySQL from 8.2 on:\n";
    text += printer.user();
    if (purpose == "backup") {
      text += printer.backup();
    } else if (purpose == "restore") {
      text += printer.restore();
    } else if (purpose == "application") {
      text += printer.application();
    } else {
      throw Error(Errc::usage, fmt::format("there are no grants for `{}`", purpose))
          .set_hint("Purposes are backup, restore and application.");
    }
  }
  return text;
}

}  // namespace holdfast::engine::mariadb
