// SPDX-License-Identifier: Apache-2.0
// What a session asks by the door that session.cc is.
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/ascii.h"
#include "engine/sqlserver/server_errors.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {
namespace {

// What servers take for granted otherwise, or not at all; one that refuses a line keeps its own.
constexpr std::array<std::string_view, 12> settings{
    "SET TEXTSIZE 2147483647", "SET QUOTED_IDENTIFIER ON",   "SET ANSI_NULLS ON",
    "SET ANSI_PADDING ON",     "SET ANSI_WARNINGS ON",       "SET CONCAT_NULL_YIELDS_NULL ON",
    "SET ARITHABORT ON",       "SET NUMERIC_ROUNDABORT OFF", "SET IMPLICIT_TRANSACTIONS OFF",
    "SET LANGUAGE us_english", "SET DATEFORMAT ymd",         "SET LOCK_TIMEOUT -1",
};

std::vector<Cell> current_row(const Rows& rows) {
  std::vector<Cell> row;
  row.reserve(rows.columns());
  for (unsigned i = 0; i < rows.columns(); ++i)
    row.push_back(rows.is_null(i) ? Cell() : Cell(std::string(rows.field(i))));
  return row;
}

}  // namespace

unsigned Session::set_up() {
  std::string all;
  for (const std::string_view one : settings) all.append(one) += ";\n";
  if (!try_run(all).empty())
    for (const std::string_view one : settings) static_cast<void>(try_run(one));
  const std::string text = value("SELECT @@SPID");
  unsigned id = 0;
  static_cast<void>(std::from_chars(text.data(), text.data() + text.size(), id));
  return id;
}

std::vector<Message> Session::try_run(std::string_view sql, const Hear& hear) {
  std::optional<std::uint64_t> changed;
  return batch(sql, hear, changed);
}

void Session::run(std::string_view sql, const Hear& hear, Errc otherwise) {
  const std::vector<Message> errors = try_run(sql, hear);
  if (!errors.empty()) raise(errors, {}, otherwise);
}

std::optional<std::uint64_t> Session::change(std::string_view sql, Errc otherwise) {
  std::optional<std::uint64_t> changed;
  const std::vector<Message> errors = batch(sql, {}, changed);
  if (!errors.empty()) raise(errors, {}, otherwise);
  return changed;
}

Session::Named Session::query_named(std::string_view sql, std::vector<Message>* errors) {
  Rows rows = texts(sql, errors);
  Named named;
  for (unsigned i = 0; i < rows.columns(); ++i) named.names.push_back(rows.name(i));
  while (rows.next()) named.rows.push_back(current_row(rows));
  return named;
}

std::vector<std::vector<Cell>> Session::query(std::string_view sql, std::size_t rows_max) {
  std::vector<std::vector<Cell>> found;
  Rows rows = texts(sql, nullptr);
  while (found.size() < rows_max && rows.next()) found.push_back(current_row(rows));
  return found;
}

std::optional<std::vector<std::vector<Cell>>> Session::try_query(std::string_view sql,
                                                                 std::string* said) {
  std::vector<Message> errors;
  try {
    std::vector<std::vector<Cell>> found;
    Rows rows = texts(sql, &errors);
    while (rows.next()) found.push_back(current_row(rows));
    return found;
  } catch (const Error& error) {  // that a server has no answer is one, too
    if (error.code() == Errc::cancelled || !is_unanswered(errors)) throw;
    if (said != nullptr) *said = words_of(errors);
    return std::nullopt;
  }
}

std::string Session::value(std::string_view sql) {
  const auto rows = query(sql);
  return rows.empty() || rows.front().empty() ? "" : rows.front().front().value_or("");
}

Cell Session::Named::at(std::size_t row, std::string_view name) const {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (equal_but_for_case(names[i], name)) return rows.at(row).at(i);
  return std::nullopt;
}

void Session::use(std::string_view database) {
  run("USE " + identifier(database));
  moved_to(database);
}

bool Session::is_alive() noexcept {
  try {
    return value("SELECT 1") == "1";
  } catch (const Error&) {  // which is the answer
    return false;
  }
}

std::string Message::display() const {
  if (number == 0) return fmt::format("{}: {}", state, text);
  return fmt::format("{} ({}): {}", number, state, text);
}

std::string identifier(std::string_view name) {
  std::string quoted = "[";
  for (const char c : name) quoted.append(c == ']' ? 2 : 1, c);
  return quoted + ']';
}

std::string literal(std::string_view utf8) {
  std::string quoted = "N'";
  for (const char c : utf8) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted + '\'';
}

}  // namespace holdfast::engine::sqlserver
