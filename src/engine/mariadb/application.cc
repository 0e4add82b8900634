// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/application.h"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "engine/mariadb/grant_text.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr unsigned public_role_since = 101'100;

// All lines of SHOW GRANTS of an account and of the roles that lead from it; nothing if they are
// not shown to us.
std::optional<std::vector<std::string>> lines_of(Connection& connection,
                                                 const std::string& account) {
  std::vector<std::string> lines;
  std::vector<std::string> open{account};
  if (connection.is_mariadb() && connection.version_number() >= public_role_since)
    open.emplace_back(everybody);
  std::set<std::string> seen;
  while (!open.empty()) {
    const std::string grantee = std::move(open.back());
    open.pop_back();
    if (!seen.insert(grantee).second) continue;
    const std::string sql = "SHOW GRANTS FOR " + grantee;
    if (connection.try_run(sql)) {
      if (grantee == account) return std::nullopt;
      continue;
    }
    for (const auto& row : connection.query(sql)) {
      lines.push_back(row[0].value_or(""));
      for (const Membership& membership : parse_memberships(lines.back())) {
        for (std::string& role : roles_of(membership)) open.push_back(std::move(role));
      }
    }
  }
  return lines;
}

std::string lacking(const Privileges& privileges) {
  std::vector<std::string> missing;
  for (const std::string& one : application_needs().local) {
    if (!privileges.has(one)) missing.push_back(one);
  }
  return privilege_list(missing);
}

model::Finding make(std::string seen, std::string mend) {
  return {"mariadb-application-grants",
          model::Severity::warning,
          "",
          std::move(seen),
          "the application would fail at its first use of what it may not use",
          std::move(mend),
          model::MendClass::manual,
          false,
          ""};
}

std::string grant(const Location& location, const std::string& privileges,
                  const std::string& account) {
  return fmt::format("GRANT {} ON {}.* TO {};", privileges,
                     quote_name(schema_pattern(location.schema)), account);
}

}  // namespace

std::string application_user(const model::Endpoint& endpoint) {
  const auto found = endpoint.options.find("application_user");
  return found == endpoint.options.end() ? std::string() : found->second;
}

std::vector<model::Finding> application_findings(Connection& connection, const Location& location,
                                                 const std::string& user, const Privileges& ours) {
  if (user.empty()) return {};
  const std::string accounts = fmt::format(
      "SELECT Host FROM mysql.user WHERE User = {} AND Host <> '' ORDER BY Host", quote_text(user));
  std::vector<std::pair<std::string, std::string>> found;  // account, what it lacks
  if (user == location.user && ours.can_be_told()) {
    found.emplace_back(ours.account(), lacking(ours));
  } else if (!connection.try_run(accounts)) {
    for (const auto& row : connection.query(accounts)) {
      const std::string account = account_name(user, row[0].value_or("%"));
      const auto lines = lines_of(connection, account);
      if (!lines) return {};
      found.emplace_back(account, lacking(Privileges(*lines, location.schema)));
    }
    if (found.empty()) {
      const std::string account = account_name(user, location.host.empty() ? "localhost" : "%");
      return {
          make(fmt::format("there is no account {}, as which the application connects", user),
               fmt::format("CREATE USER {} IDENTIFIED BY '...';\n{}", account,
                           grant(location, privilege_list(application_needs().local), account)))};
    }
  }
  const std::pair<std::string, std::string>* best = nullptr;
  for (const auto& one : found) {
    if (one.second.empty()) return {};
    if (best == nullptr || one.second.size() < best->second.size()) best = &one;
  }
  if (best == nullptr) return {};
  return {make(fmt::format("the application's account {} lacks {} on {}", best->first, best->second,
                           location.schema),
               grant(location, best->second, best->first))};
}

}  // namespace holdfast::engine::mariadb
