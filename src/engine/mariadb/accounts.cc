// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/accounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/hash.h"
#include "engine/mariadb/scripts.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

using AccountNames = std::set<std::pair<std::string, std::string>>;  // user, host

// Who has one of these roles, directly or by another.
void add_members(Connection& connection, AccountNames& found) {
  const std::string sql =
      connection.is_mariadb()
          ? "SELECT User, Host, Role, '' FROM mysql.roles_mapping"
          : "SELECT TO_USER, TO_HOST, FROM_USER, FROM_HOST FROM mysql.role_edges";
  if (connection.try_run(sql)) return;  // versions without roles
  const auto edges = connection.query(sql);
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& edge : edges) {
      const std::string user = edge[0].value_or("");
      // Who makes a role has it; administrators are the server's, not the schema's.
      if (user == "root" || !found.contains({edge[2].value_or(""), edge[3].value_or("")})) continue;
      grew = found.emplace(user, edge[1].value_or("")).second || grew;
    }
  }
}

// Users and roles with rights on the schema by themselves. False, with the reason, if they are not
// shown.
bool add_direct(Connection& connection, const std::string& schema, AccountNames& found,
                std::string& hidden) {
  for (const std::string_view table : {"db", "tables_priv", "columns_priv", "procs_priv"}) {
    const std::string sql = fmt::format("SELECT DISTINCT User, Host, Db FROM mysql.{}", table);
    if (const auto failure = connection.try_run(sql)) {
      hidden = failure->display();
      return false;
    }
    for (const auto& line : connection.query(sql)) {
      const std::string on = line[2].value_or("");
      if (table == "db" ? matches_schema(on, schema) : on == schema)
        found.emplace(line[0].value_or(""), line[1].value_or(""));
    }
  }
  return true;
}

// The definition of an account; nothing if it is gone, and its rights are still there.
std::optional<Account> read_account(Connection& connection, const std::string& user,
                                    const std::string& host, std::vector<Membership>& memberships) {
  const bool is_role = host.empty();
  Account account{is_role ? quote_name(user) : account_name(user, host), ""};
  if (is_role) {
    if (connection.is_mariadb() && user == everybody) return Account{std::string(everybody), ""};
    account.create = "CREATE ROLE IF NOT EXISTS " + account.name;
    return account;
  }
  std::optional<Membership> defaults;
  account.create = shown_user(connection, account.name, defaults);
  if (account.create.empty()) return std::nullopt;
  if (defaults) memberships.push_back(std::move(*defaults));
  return account;
}

// Roles that have nothing to do with the schema are not its affair.
std::vector<Membership> of_these(const std::vector<Membership>& memberships,
                                 const std::set<std::string>& names) {
  std::vector<Membership> result;
  std::set<std::string> seen;
  for (Membership one : memberships) {
    if (!names.contains(one.member)) continue;
    if (one.is_default) {
      std::string list;
      for (const std::string& role : roles_of(one)) {
        if (names.contains(role)) list += (list.empty() ? "" : ", ") + role;
      }
      one.role = list;
    } else if (!names.contains(one.role)) {
      continue;
    }
    if (!one.role.empty() && seen.insert(one.statement()).second) result.push_back(std::move(one));
  }
  // A role can be the default one once it is given.
  std::stable_partition(result.begin(), result.end(),
                        [](const Membership& one) { return !one.is_default; });
  return result;
}

}  // namespace

std::string shown_user(Connection& connection, const std::string& name,
                       std::optional<Membership>& defaults) {
  if (!connection.is_mariadb() && connection.version_number() >= 80'017)
    connection.run("SET print_identified_with_as_hex=1");
  const std::string show = "SHOW CREATE USER " + name;
  if (connection.try_run(show)) return {};
  std::string create = connection.value(show);
  if (!connection.is_mariadb()) create = without_default_roles(create, defaults);
  if (create.starts_with("CREATE USER ")) create.insert(12, "IF NOT EXISTS ");
  return create;
}

Accounts read_accounts(Connection& connection, const std::string& schema) {
  Accounts result;
  AccountNames found;
  if (!add_direct(connection, schema, found, result.hidden)) return result;
  add_members(connection, found);
  std::set<std::string> names;
  std::vector<Membership> memberships;
  for (const auto& [user, host] : found) {
    if (user.empty() && host.empty()) continue;
    auto account = read_account(connection, user, host, memberships);
    if (!account) continue;
    const std::string show = "SHOW GRANTS FOR " + account->name;
    if (const auto failure = connection.try_run(show)) {
      result.hidden = failure->display();
      return result;
    }
    for (const auto& line : connection.query(show)) {
      if (auto grant = parse_grant_on(line[0].value_or(""), schema, account->name))
        result.grants.push_back(std::move(*grant));
      for (Membership& membership : parse_memberships(line[0].value_or("")))
        memberships.push_back(std::move(membership));
    }
    names.insert(account->name);
    if (!account->create.empty()) result.accounts.push_back(std::move(*account));
  }
  result.memberships = of_these(memberships, names);
  return result;
}

std::string accounts_script(const Accounts& accounts, const std::string& schema) {
  std::string text =
      "-- Accounts with rights on the schema, and these rights. Passwords stand here as the server "
      "keeps them.\n";
  if (!accounts.hidden.empty()) text += "-- They are not here: " + accounts.hidden + "\n";
  for (const Account& account : accounts.accounts)
    text += mark_line("account", account.name) + account.create + ";\n";
  for (const GrantDef& grant : accounts.grants)
    text += mark_line("grant", grant.account) + grant.statement(schema) + ";\n";
  for (const Membership& membership : accounts.memberships)
    text += mark_line("membership", membership.member) + membership.statement() + ";\n";
  return text;
}

void add_grants(const Accounts& accounts, model::DatabaseFacts& facts) {
  Json list = Json::array();
  const auto add = [&](std::string name, const std::string& statement) {
    const Sha256Digest hash = sha256(as_bytes(statement));
    facts.objects.push_back({"grant", std::move(name), to_hex(ByteView(hash))});
    list.push(Json::object()
                  .set("name", facts.objects.back().name)
                  .set("definition_sha256", facts.objects.back().definition_sha256));
  };
  for (const GrantDef& grant : accounts.grants) {
    const std::string on = grant.object.empty() ? "the schema" : grant.object;
    add(fmt::format("{} on {}", grant.account, on), grant.statement(""));
  }
  for (const Membership& membership : accounts.memberships)
    add(fmt::format("{} {} {}", membership.role, membership.is_default ? "by default for" : "to",
                    membership.member),
        membership.statement());
  facts.engine_facts.set("grants", std::move(list));
}

void leave_out_unseen_grants(const model::DatabaseFacts& found, model::DatabaseFacts& expected) {
  if (!found.engine_facts.is_object() || found.engine_facts.find("grants_unseen") == nullptr)
    return;
  std::erase_if(expected.objects, [](const auto& object) { return object.kind == "grant"; });
}

}  // namespace holdfast::engine::mariadb
