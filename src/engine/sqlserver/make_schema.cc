// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/make_schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::string_view usual_settings = "SET ANSI_NULLS ON; SET QUOTED_IDENTIFIER ON";

std::string what(const Statement& statement) {
  return fmt::format("{} {}", statement.kind, statement.name);
}

std::vector<Message> try_statement(Session& session, const Statement& statement) {
  const bool is_usual = statement.ansi_nulls && statement.quoted_identifier;
  if (!is_usual)
    session.run(fmt::format("SET ANSI_NULLS {}; SET QUOTED_IDENTIFIER {}",
                            statement.ansi_nulls ? "ON" : "OFF",
                            statement.quoted_identifier ? "ON" : "OFF"));
  auto errors = session.try_run(statement.sql);
  if (!is_usual) session.run(usual_settings);
  session.check_stop();
  return errors;
}

bool is_existing(std::span<const Message> errors) noexcept {
  // 15023: a user, group or role of that name exists in the database.
  return !errors.empty() && (errors.front().number == 15023 || errors.front().number == 15025);
}

}  // namespace

void SchemaMaker::run(Session& session, const Statement& statement) {
  const auto errors = try_statement(session, statement);
  if (!errors.empty()) session.raise(errors, "making " + what(statement), Errc::unsupported);
}

void SchemaMaker::before_rows() {
  settle();
  try_stage(Stage::users);
  make_what_refers_to_each_other();
  make_stage(Stage::order);
}

void SchemaMaker::after_indexes() {
  for (const Stage stage :
       {Stage::view_indexes, Stage::checks, Stage::foreign_keys, Stage::history})
    make_stage(stage);
  if (server_.is_sql_server)
    make_stage(Stage::counters);
  else
    try_stage(Stage::counters);
  for (const Stage stage : {Stage::triggers, Stage::disabling, Stage::properties})
    make_stage(stage);
  try_stage(Stage::rights);
}

// Options that a server does not have are one line together where it is none of SQL Server's.
void SchemaMaker::settle() {
  std::string unknown;
  for (const Statement& statement : statements_) {
    if (statement.stage != Stage::options) continue;
    const auto errors = try_statement(session_, statement);
    if (errors.empty()) continue;
    if (server_.is_sql_server)
      report_.left_out.push_back(fmt::format("{}: {}; it was: {}", what(statement),
                                             errors.front().display(), statement.sql));
    else
      unknown += (unknown.empty() ? "" : ", ") + statement.name;
  }
  if (!unknown.empty())
    report_.notes.push_back("options of the database that the server does not set: " + unknown);
}

bool SchemaMaker::is_there_already(const Statement& statement) {
  if (statement.kind != "schema") return false;
  return session_.value(fmt::format("SELECT COUNT(*) FROM sys.schemas WHERE name = {}",
                                    literal(statement.name))) != "0";
}

// Views need tables, tables functions for their computed columns, functions views: what refers to
// something that is not there yet is tried again once something more is there.
void SchemaMaker::make_what_refers_to_each_other() {
  std::vector<const Statement*> waiting;
  for (const Statement& statement : statements_) {
    if (statement.stage >= Stage::schemas && statement.stage <= Stage::code &&
        !is_there_already(statement))
      waiting.push_back(&statement);
  }
  std::vector<std::vector<Message>> errors;
  for (;;) {
    std::vector<const Statement*> left;
    errors.clear();
    for (const Statement* const statement : waiting) {
      auto said = try_statement(session_, *statement);
      if (said.empty()) continue;
      left.push_back(statement);
      errors.push_back(std::move(said));
    }
    const bool is_stuck = left.size() == waiting.size();
    waiting = std::move(left);
    if (waiting.empty() || is_stuck) break;
  }
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    // It was broken where it comes from.
    if (waiting[i]->hashed != "-")
      session_.raise(errors[i], "making " + what(*waiting[i]), Errc::unsupported);
    report_.left_out.push_back(fmt::format("{}, which referred to what was not there any more: {}",
                                           what(*waiting[i]), errors[i].front().display()));
  }
}

// An identity's statement is for a table with rows, or for one without.
bool SchemaMaker::is_for_others(const Statement& statement) {
  if (statement.kind != identity_kind && statement.kind != empty_identity_kind) return false;
  const bool is_empty =
      session_.query(fmt::format("SELECT TOP (1) 1 FROM {}", quoted(statement.table))).empty();
  return is_empty != (statement.kind == empty_identity_kind);
}

void SchemaMaker::make_stage(Stage stage) {
  for (const Statement& statement : statements_)
    if (statement.stage == stage && !is_for_others(statement)) run(session_, statement);
}

void SchemaMaker::try_stage(Stage stage) {
  for (const Statement& statement : statements_)
    if (statement.stage == stage && !is_for_others(statement)) try_one(statement);
}

void SchemaMaker::try_one(const Statement& statement) {
  auto errors = try_statement(session_, statement);
  if (errors.empty() || is_existing(errors)) return;
  const std::size_t login = statement.sql.find(" FOR LOGIN ");
  // Without its login a user can at least have its rights.
  if (statement.kind == "user" && login != std::string::npos) {
    Statement alone = statement;
    const std::size_t options = alone.sql.find(" WITH DEFAULT_SCHEMA", login);
    alone.sql = alone.sql.substr(0, login) + " WITHOUT LOGIN" +
                (options == std::string::npos ? "" : alone.sql.substr(options));
    const std::vector<Message> without = try_statement(session_, alone);
    if (without.empty()) {
      report_.left_out.push_back(
          fmt::format("user {} has no login here: {}; once there is one: ALTER USER {} WITH LOGIN ="
                      " [login]",
                      statement.name, errors.front().display(), identifier(statement.name)));
      return;
    }
  }
  if (statement.kind == "option" && !server_.is_sql_server) {
    report_.notes.push_back("option of the database that the server does not set: " +
                            statement.name);
    return;
  }
  report_.left_out.push_back(
      fmt::format("{}: {}; it was: {}", what(statement), errors.front().display(), statement.sql));
}

}  // namespace holdfast::engine::sqlserver
