// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/restore_accounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/switch_session.h"

namespace holdfast::engine::mariadb {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Errc::corrupt, what);
}

std::vector<Token> words_of(std::string_view text) {
  std::vector<Token> tokens = tokens_of(text);
  std::erase_if(tokens, [](const Token& token) { return token.kind == Token::Kind::space; });
  return tokens;
}

// "`ann`@`%`", a role's "`readers`", or everybody, and nothing else.
void check_name(const std::string& name) {
  const std::vector<Token> tokens = tokens_of(name);
  const auto is_quoted = [&](std::size_t i) {
    return tokens[i].kind == Token::Kind::quoted_name && tokens[i].text.ends_with('`') &&
           tokens[i].text.size() > 1;
  };
  const bool is_role = tokens.size() == 1 && (is_quoted(0) || name == everybody);
  const bool is_user =
      tokens.size() == 3 && is_quoted(0) && tokens[1].is_symbol('@') && is_quoted(2);
  if (!is_role && !is_user) refuse(fmt::format("the copy names an account {}", name));
}

// "SELECT, INSERT (`a`, `b`)": words and columns.
bool are_privileges(const std::string& text) {
  const std::vector<Token> tokens = words_of(text);
  return !tokens.empty() && std::all_of(tokens.begin(), tokens.end(), [](const Token& token) {
    return token.is_name() || token.is_symbol(',') || token.is_symbol('(') || token.is_symbol(')');
  });
}

// At the commas that no bracket covers.
std::set<std::string> split(const std::string& privileges) {
  std::set<std::string> parts;
  std::string part;
  int depth = 0;
  for (const Token& token : tokens_of(privileges)) {
    if (token.is_symbol('(')) ++depth;
    if (token.is_symbol(')')) --depth;
    if (depth == 0 && token.is_symbol(',')) {
      parts.insert(std::exchange(part, ""));
    } else if (token.kind != Token::Kind::space || !part.empty()) {
      part += token.text;
    }
  }
  parts.insert(part);
  return parts;
}

bool is_role(const Account& account) {
  return account.create.starts_with("CREATE ROLE ");
}

// What cannot be told is there: it is not ours to take away.
bool exists(Connection& connection, const std::string& name) {
  const std::vector<Token> tokens = tokens_of(name);
  const std::string sql = fmt::format("SELECT 1 FROM mysql.user WHERE User = {} AND Host = {}",
                                      quote_text(tokens[0].name()),
                                      quote_text(tokens.size() == 3 ? tokens[2].name() : ""));
  return connection.try_run(sql) || !connection.query(sql).empty();
}

std::string hash_of(const std::string& create) {
  return create.empty() ? "" : to_hex(sha256(as_bytes(create)));
}

// By what an account is known as the one that we made: a user by its definition. A role has none.
std::string shown_hash(Connection& connection, const std::string& name, bool is_role) {
  std::optional<Membership> defaults;
  return hash_of(is_role ? "a role" : shown_user(connection, name, defaults));
}

// Rights of the restore have been taken back before its accounts are looked at: others' are left.
bool has_rights(Connection& connection, const std::string& name) {
  const auto rights = connection.query("SHOW GRANTS FOR " + name);
  return std::any_of(rights.begin(), rights.end(), [](const auto& line) {
    return !line[0].value_or("").starts_with("GRANT USAGE ON *.* TO ");
  });
}

Json made_account(const Account& account, const std::string& hash) {
  return Json::object()
      .set("name", account.name)
      .set("is_role", is_role(account))
      .set("definition_sha256", hash);
}

// A right, or whom it was given to, is not there any more.
// Source: mariadb.com/kb/en/mariadb-error-codes.
bool is_gone(const Failure& failure) {
  constexpr unsigned numbers[] = {1133, 1141, 1147, 1403, 1446};
  return std::find(std::begin(numbers), std::end(numbers), failure.number) != std::end(numbers);
}

std::string revocation(const GrantDef& grant, const std::string& schema) {
  const std::string statement = grant.statement(schema);
  const std::string to = " TO " + grant.account;
  const std::size_t at = statement.rfind(to);
  return "REVOKE" + statement.substr(5, at - 5) + " FROM " + grant.account;
}

}  // namespace

void RestoredAccounts::add(std::string_view kind, const std::string& name,
                           const std::string& statement, const std::string& from) {
  if (kind == "account") {
    check_name(name);
    if (!makes_only(statement, name))
      refuse(fmt::format("the definition of account {} is not one", name));
    accounts_.push_back({name, statement});
  } else if (kind == "grant") {
    check_name(name);
    const auto grant = parse_grant_on(statement, from, name);
    if (!grant || !are_privileges(grant->privileges))
      refuse("a grant of the copy is none on its schema");
    grants_.push_back(*grant);
  } else if (kind == "membership") {
    check_name(name);
    const auto membership = parse_membership(statement);
    if (!membership || membership->member != name) refuse("a role of the copy is given to nobody");
    memberships_.push_back(*membership);
  }
}

void RestoredAccounts::check() const {
  std::set<std::string> names;
  for (const Account& account : accounts_) names.insert(account.name);
  for (const Membership& one : memberships_) {
    const std::vector<std::string> roles = roles_of(one);
    const bool is_own = std::all_of(roles.begin(), roles.end(),
                                    [&](const std::string& role) { return names.contains(role); });
    if (!is_own || !names.contains(one.member)) refuse("the copy gives a role that is not of it");
  }
}

// Of rights that were not there; those of accounts that were not are gone with them.
Json RestoredAccounts::revocations(Connection& connection, const std::string& schema) const {
  Json statements = Json::array();
  const Accounts now = read_accounts(connection, schema);
  if (!now.hidden.empty()) return statements;
  for (GrantDef grant : grants_) {
    std::set<std::string> added = split(grant.privileges);
    bool had_option = false;
    for (const GrantDef& other : now.grants) {
      if (other.account != grant.account || other.kind != grant.kind ||
          other.object != grant.object)
        continue;
      had_option = had_option || other.with_option;
      for (const std::string& privilege : split(other.privileges)) added.erase(privilege);
    }
    if (grant.with_option && !had_option) added.insert("GRANT OPTION");
    added.erase("USAGE");
    if (added.empty()) continue;
    grant.with_option = false;
    grant.privileges = fmt::format("{}", fmt::join(added, ", "));
    statements.push(revocation(grant, schema));
  }
  std::set<std::string> had;
  for (const Membership& one : now.memberships) had.insert(one.statement());
  for (const Membership& one : memberships_) {
    if (had.contains(one.statement())) continue;
    statements.push(one.is_default ? fmt::format("SET DEFAULT ROLE NONE {} {}",
                                                 connection.is_mariadb() ? "FOR" : "TO", one.member)
                                   : fmt::format("REVOKE {} FROM {}", one.role, one.member));
  }
  return statements;
}

bool RestoredAccounts::create(Connection& connection, const Account& account, bool on_scratch) {
  // Who makes it at the same time keeps it: it must not be taken for ours, and dropped.
  constexpr std::string_view unless_there = "IF NOT EXISTS ";
  std::string statement = account.create;
  if (const std::size_t at = statement.find(unless_there);
      at == std::string_view("CREATE USER ").size())
    statement.erase(at, unless_there.size());
  const auto failure = connection.try_run(statement);
  if (!failure) return true;
  if (exists(connection, account.name)) return false;
  // A throw-away server may lack the ways to log in that the other had.
  if (on_scratch) {
    connection.run("CREATE USER IF NOT EXISTS " + account.name);
    return true;
  }
  // The server's words would quote the password's hash.
  throw Error(failure->number == 1227 || failure->number == 1044 ? Errc::denied : Errc::unsupported,
              fmt::format("account {} could not be made: error {} ({})", account.name,
                          failure->number, failure->state))
      .set_hint("Make it yourself, then restore again: those that are there stay as they are.");
}

void RestoredAccounts::make(Connection& connection, bool on_scratch,
                            const Announce& announce) const {
  std::vector<Account> missing;
  for (const Account& account : accounts_) {
    if (!exists(connection, account.name)) missing.push_back(account);
  }
  if (missing.empty()) return;
  const auto tell = [&](std::string_view doing, Json made) {
    Json undo = Json::object().set("kind", "accounts").set("made", std::move(made));
    add_session(connection, undo);
    announce(fmt::format("{} {} accounts", doing, missing.size()), undo);
  };
  Json planned = Json::array();
  for (const Account& account : missing)
    planned.push(made_account(account, is_role(account) ? "" : hash_of(account.create)));
  tell("make", std::move(planned));
  std::erase_if(missing,
                [&](const Account& account) { return !create(connection, account, on_scratch); });
  // Servers word them in their own ways.
  Json made = Json::array();
  for (const Account& account : missing)
    made.push(made_account(account, shown_hash(connection, account.name, is_role(account))));
  tell("made", std::move(made));
}

void RestoredAccounts::give_rights(Connection& connection, const std::string& schema,
                                   const Announce& announce) const {
  if (grants_.empty() && memberships_.empty()) return;
  Json undo =
      Json::object().set("kind", "rights").set("statements", revocations(connection, schema));
  add_session(connection, undo);
  announce("give rights on " + schema, undo);
  for (const GrantDef& grant : grants_)
    in_context("giving rights to " + grant.account,
               [&] { connection.run(grant.statement(schema)); });
  for (const Membership& one : memberships_)
    in_context("giving a role to " + one.member, [&] { connection.run(one.statement()); });
}

std::string undo_rights(Connection& connection, const Json& undo) {
  std::string told;
  for (const Json& statement : undo.at("statements").as_array()) {
    const auto failure = connection.try_run(statement.as_string());
    if (failure && !is_gone(*failure))
      told += fmt::format("{}: {}\n", statement.as_string(), failure->display());
  }
  return told;
}

std::string undo_accounts(Connection& connection, const Json& undo) {
  std::string told;
  for (const Json& account : undo.at("made").as_array()) {
    const std::string name = account.at("name").as_string();
    const bool is_role = account.at("is_role").as_bool();
    if (!exists(connection, name)) continue;
    const std::string hash = account.at("definition_sha256").as_string();
    const std::string drop = fmt::format("DROP {} {}", is_role ? "ROLE" : "USER", name);
    if (hash.empty() || shown_hash(connection, name, is_role) != hash ||
        has_rights(connection, name)) {
      told += fmt::format(
          "account {} is there, and may be another's than the restore's; if it is not needed: {}\n",
          name, drop);
    } else if (const auto failure = connection.try_run(drop)) {
      told += fmt::format("{}: {}\n", drop, failure->display());
    }
  }
  return told;
}

}  // namespace holdfast::engine::mariadb
