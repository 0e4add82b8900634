// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/statements.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/oracle/programs.h"

namespace holdfast::engine::oracle {
namespace {

constexpr std::size_t value_bytes_max = 4000;
constexpr std::chrono::seconds patience{60};

std::string first_word(std::string_view sql) {
  std::string word;
  for (const char c : sql) {
    if (ascii_upper(c) < 'A' || ascii_upper(c) > 'Z') break;
    word += ascii_upper(c);
  }
  return word;
}

void refuse_writing(const model::Endpoint& endpoint, std::string_view sql) {
  const std::string word = first_word(sql);
  if (word != "SELECT" && word != "WITH")
    throw Error(Errc::usage,
                fmt::format("{}: the query would write, or is none: {}", endpoint.component, sql));
}

bool is_block(std::string_view sql) {
  const std::string word = first_word(sql);
  return word == "BEGIN" || word == "DECLARE";
}

// What the server does with a text that is only known when it runs; in lines that sqlplus takes.
std::string immediate(std::string_view sql) {
  return fmt::format("EXECUTE IMMEDIATE {};\n", literal(sql));
}

}  // namespace

std::vector<std::vector<std::string>> query_texts(const model::Endpoint& endpoint,
                                                  std::string_view sql,
                                                  const std::stop_token& stop) {
  refuse_writing(endpoint, sql);
  std::vector<std::vector<std::string>> rows;
  Session session(access_to(endpoint), stop);
  session.run("SET TRANSACTION READ ONLY");
  session.block(
      fmt::format("DECLARE\nc INTEGER := DBMS_SQL.OPEN_CURSOR;\nn INTEGER;\nr INTEGER;\n"
                  "d DBMS_SQL.DESC_TAB2;\nv VARCHAR2({0});\ns VARCHAR2(32767);\nBEGIN\n"
                  "DBMS_SQL.PARSE(c, {1}, DBMS_SQL.NATIVE);\n"
                  "DBMS_SQL.DESCRIBE_COLUMNS2(c, n, d);\n"
                  "FOR i IN 1..n LOOP DBMS_SQL.DEFINE_COLUMN(c, i, v, {0}); END LOOP;\n"
                  "r := DBMS_SQL.EXECUTE(c);\nr := 0;\n"
                  "WHILE r <= {2} AND DBMS_SQL.FETCH_ROWS(c) > 0 LOOP\nr := r + 1;\ns := NULL;\n"
                  "FOR i IN 1..n LOOP\nDBMS_SQL.COLUMN_VALUE(c, i, v);\n"
                  "s := s||{3}||'|';\nEND LOOP;\nDBMS_OUTPUT.PUT_LINE('HF|'||s);\nEND LOOP;\n"
                  "DBMS_SQL.CLOSE_CURSOR(c);\nEND;",
                  value_bytes_max, literal(sql), Engine::queried_rows_max, framed("v")),
      [&](const Session::Fields& fields) { rows.push_back(fields); });
  if (rows.size() > Engine::queried_rows_max)
    throw Error(Errc::unsupported, fmt::format("{}: the answer has more than {} rows",
                                               endpoint.component, Engine::queried_rows_max));
  return rows;
}

std::optional<std::uint64_t> run_statement(const model::Endpoint& endpoint, std::string_view sql,
                                           const std::stop_token& stop) {
  Session session(access_to(endpoint), stop);
  session.limit(patience);
  std::string changed;
  session.block(
      fmt::format("BEGIN\n{}{}\nCOMMIT;\nEND;", immediate(sql), put_line("TO_CHAR(SQL%ROWCOUNT)")),
      [&](const Session::Fields& fields) { changed = fields.at(0); });
  if (is_block(sql)) return std::nullopt;
  std::uint64_t rows = 0;
  const auto [end, error] = std::from_chars(changed.data(), changed.data() + changed.size(), rows);
  if (error != std::errc() || end != changed.data() + changed.size()) return std::nullopt;
  return rows;
}

void run_statements(Session& session, std::string_view schema,
                    std::span<const std::string> statements) {
  if (statements.empty()) return;
  session.run(fmt::format("ALTER SESSION SET CURRENT_SCHEMA = {}", identifier(schema)));
  for (const std::string& one : statements)
    in_context("running what the profile says of restored schedulers",
               [&] { session.block(fmt::format("BEGIN\n{}END;", immediate(one))); });
  session.run("COMMIT");
}

}  // namespace holdfast::engine::oracle
