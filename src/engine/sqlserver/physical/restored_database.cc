// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/physical/restored_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "engine/sqlserver/server_numbers.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t told_max = 10;

// Users of the database that a login of the server stands behind: not dbo, guest and the like, nor
// those that are contained.
constexpr std::string_view users_of_logins =
    "FROM sys.database_principals p WHERE p.type IN ('S', 'U', 'G') AND p.principal_id > 4 AND "
    "p.sid IS NOT NULL AND p.authentication_type IN (1, 3)";

bool has_login(Session& session, const std::string& name) {
  return !session.value(fmt::format("SELECT SUSER_ID({})", literal(name))).empty();
}

// A user is known to its login by a number, which is another one on another server.
void mend_users(Session& session, LoadReport& report) {
  const auto orphans = session.try_query(
      fmt::format("SELECT p.name, p.type {} AND NOT EXISTS (SELECT 1 FROM sys.server_principals s "
                  "WHERE s.sid = p.sid) ORDER BY p.name",
                  users_of_logins));
  if (!orphans) {
    report.notes.push_back("whether its users have logins could not be looked at");
    return;
  }
  for (const auto& row : *orphans) {
    const std::string name = row.at(0).value_or("");
    const bool is_sql = row.at(1).value_or("").starts_with('S');
    if (!is_sql || !has_login(session, name)) {
      report.left_out.push_back(fmt::format("user {} has no login on this server{}", name,
                                            is_sql ? "" : ", nor does its Windows account"));
      continue;
    }
    const auto errors =
        session.try_run(fmt::format("ALTER USER {0} WITH LOGIN = {0}", identifier(name)));
    if (errors.empty()) {
      report.notes.push_back(fmt::format("user {} belongs to the login of that name here", name));
    } else {
      report.left_out.push_back(
          fmt::format("user {} has no login: {}", name, errors.front().display()));
    }
  }
}

std::string option(Session& session, std::string_view column) {
  const auto rows = session.try_query(fmt::format(
      "SELECT CONVERT(nvarchar(60), {}) FROM sys.databases WHERE database_id = DB_ID()", column));
  return rows && !rows->empty() ? rows->front().at(0).value_or("") : std::string();
}

// What RESTORE may change by itself.
void compare_options(Session& session, const Json& remembered, LoadReport& report) {
  const std::string level = remembered.string_or("compatibility", "");
  const std::string now = option(session, "compatibility_level");
  if (!level.empty() && !now.empty() && level != now)
    report.left_out.push_back(fmt::format(
        "its compatibility level is {}, and was {}: this server knows it no more", now, level));
  if (remembered.string_or("cdc", "") == "1" && option(session, "is_cdc_enabled") != "1")
    report.left_out.push_back(
        "change data capture is off: RESTORE removes it; enable it again by sys.sp_cdc_enable_db");
  if (remembered.string_or("published", "") == "1")
    report.left_out.push_back("replication is not restored: publish it again");
}

}  // namespace

Json remember_database(Session& session) {
  Json json = Json::object();
  json.set("owner", option(session, "SUSER_SNAME(owner_sid)"));
  json.set("compatibility", option(session, "compatibility_level"));
  json.set("trustworthy", option(session, "is_trustworthy_on"));
  json.set("broker", option(session, "is_broker_enabled"));
  json.set("cdc", option(session, "is_cdc_enabled"));
  json.set("published", option(session, "is_published"));
  json.set("recovery", option(session, "recovery_model_desc"));
  json.set("collation", option(session, "collation_name"));
  json.set("containment", option(session, "containment_desc"));
  Json users = Json::array();
  const auto rows = session.try_query(
      fmt::format("SELECT p.name, SUSER_SNAME(p.sid) {} ORDER BY p.name", users_of_logins));
  if (rows)
    for (const auto& row : *rows)
      users.push(
          Json::object().set("name", row.at(0).value_or("")).set("login", row.at(1).value_or("")));
  json.set("users", std::move(users));
  return json;
}

void mend_database(Session& session, const Json& remembered, LoadReport& report) {
  mend_users(session, report);
  compare_options(session, remembered, report);
}

void wake_database(Session& session, const std::string& database, const Json& remembered,
                   bool replaced, LoadReport::Later& later) {
  const auto set_on = [&](std::string_view what, std::string_view statement) {
    const auto errors =
        session.try_run(fmt::format("ALTER DATABASE {} SET {}", identifier(database), statement));
    if (!errors.empty())
      later.left_out.push_back(fmt::format("{} stays off: {}", what, errors.front().display()));
  };
  if (remembered.string_or("trustworthy", "") == "1") set_on("TRUSTWORTHY", "TRUSTWORTHY ON");
  if (remembered.string_or("broker", "") != "1") return;
  if (replaced) {
    later.left_out.push_back(fmt::format(
        "Service Broker stays off, as the database that was replaced has its identifier; once that "
        "is dropped: ALTER DATABASE {} SET ENABLE_BROKER WITH ROLLBACK IMMEDIATE;",
        identifier(database)));
    return;
  }
  set_on("Service Broker", "ENABLE_BROKER WITH ROLLBACK IMMEDIATE");
}

void mend_owner(Session& session, const std::string& database, const Json& remembered,
                LoadReport::Later& later) {
  const std::string owner = remembered.string_or("owner", "");
  if (owner.empty()) return;
  if (!has_login(session, owner)) {
    later.left_out.push_back(fmt::format(
        "its owner was {}, of whom this server has no login: it belongs to the account that "
        "restored it",
        owner));
    return;
  }
  const auto errors = session.try_run(fmt::format("ALTER AUTHORIZATION ON DATABASE::{} TO {}",
                                                  identifier(database), identifier(owner)));
  if (!errors.empty())
    later.left_out.push_back(
        fmt::format("it cannot be given to its owner {}: {}", owner, errors.front().display()));
}

void prove_database(Session& session, const std::string& database) {
  const auto errors = session.try_run(
      fmt::format("DBCC CHECKDB ({}) WITH NO_INFOMSGS, ALL_ERRORMSGS", literal(database)));
  if (errors.empty()) return;
  if (std::ranges::none_of(errors, is_damage, &Message::number))
    session.raise(errors, "DBCC CHECKDB");
  std::string text;
  for (std::size_t i = 0; i < std::min(errors.size(), told_max); ++i)
    text += (i == 0 ? "" : "; ") + errors[i].display();
  if (errors.size() > told_max) text += fmt::format("; and {} more", errors.size() - told_max);
  throw Error(Errc::differs, fmt::format("DBCC CHECKDB of the restored database: {}", text))
      .set_hint("The copy holds what was damaged when it was made; restore an earlier one.");
}

}  // namespace holdfast::engine::sqlserver
