// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/hash.h"
#include "engine/sqlite/header.h"

namespace holdfast::engine::sqlite {
namespace {

constexpr std::size_t differences_max = 10;

void collect_differences(const std::map<std::string, std::string>& expected,
                         const std::map<std::string, std::string>& found,
                         std::vector<std::string>& lines) {
  for (const auto& [name, value] : expected) {
    const auto match = found.find(name);
    if (match == found.end()) {
      lines.push_back(fmt::format("{} is missing", name));
    } else if (match->second != value) {
      lines.push_back(fmt::format("{} is {}, expected {}", name, match->second, value));
    }
  }
  for (const auto& [name, value] : found) {
    if (!expected.contains(name)) lines.push_back(fmt::format("{} was not expected", name));
  }
}

std::map<std::string, std::string> comparable(const model::DatabaseFacts& facts) {
  std::map<std::string, std::string> lines;
  for (const model::TableFacts& table : facts.tables) {
    lines[fmt::format("table {}", table.table)] =
        fmt::format("{} rows, digest {}", table.rows, table.digest);
  }
  for (const model::ObjectFacts& object : facts.objects) {
    lines[fmt::format("definition of {} {}", object.kind, object.name)] = object.definition_sha256;
  }
  return lines;
}

}  // namespace

std::string printable(std::string_view name) {
  if (is_utf8(name)) return std::string(name);
  std::string text;
  while (!name.empty()) {
    const Utf8Rune rune = decode_utf8(name);
    if (rune.size_bytes == 0) {
      text += fmt::format("\\x{:02X}", static_cast<unsigned char>(name.front()));
      name.remove_prefix(1);
    } else {
      text += name.substr(0, rune.size_bytes);
      name.remove_prefix(rune.size_bytes);
    }
  }
  return text;
}

std::vector<SchemaEntry> schema_of(Connection& connection) {
  Statement statement = connection.prepare(
      "SELECT type, name, tbl_name, sql, coalesce(rootpage, 0) FROM sqlite_schema");
  std::vector<SchemaEntry> entries;
  while (statement.step()) {
    SchemaEntry entry{statement.text(0), statement.text(1), statement.text(2), statement.text(3)};
    if (entry.type == "table" && statement.integer(4) == 0) entry.type = "virtual table";
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const SchemaEntry& a, const SchemaEntry& b) {
    return std::tie(a.type, a.name) < std::tie(b.type, b.name);
  });
  return entries;
}

bool is_empty(Connection& connection) {
  return connection.integer(
             "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'") ==
         0;
}

Integrity check_integrity(Connection& connection, int count_max) {
  Integrity result;
  result.extent = "full";
  std::optional<Statement> check =
      connection.try_prepare(fmt::format("PRAGMA integrity_check({})", count_max));
  if (!check) {
    result.extent = "quick";
    connection.pretend_collations();
    connection.run("PRAGMA ignore_check_constraints=ON");
    check = connection.try_prepare(fmt::format("PRAGMA quick_check({})", count_max));
  }
  if (!check) {
    result.extent = "rows";
    return result;
  }
  while (check->step()) {
    std::string line = printable(check->text(0));
    if (line != "ok") result.problems.push_back(std::move(line));
  }
  return result;
}

std::string require_integrity(Connection& connection) {
  const Integrity result = check_integrity(connection);
  if (result.problems.empty()) return result.extent;
  throw Error(Errc::not_consistent,
              fmt::format("{}: integrity check: {}", connection.name(), result.problems.front()))
      .set_hint("The database is damaged; `sqlite3 FILE .recover` may save what is left of it.");
}

Statement select_rows(Connection& connection, const std::string& table) {
  if (auto all = connection.try_prepare(fmt::format("SELECT * FROM {}", quote_name(table))))
    return std::move(*all);
  // A computed column that calls a function of the application's. What it computes from is all
  // here.
  std::string columns;
  Statement info = connection.prepare(fmt::format("PRAGMA table_xinfo({})", quote_name(table)));
  while (info.step()) {
    if (info.integer(6) == 1 || info.integer(6) == 2) continue;  // hidden, or computed when read
    columns += (columns.empty() ? "" : ", ") + quote_name(info.text(1));
  }
  return connection.prepare(fmt::format("SELECT {} FROM {}", columns, quote_name(table)));
}

namespace {

std::vector<model::Column> columns_of(Statement& rows) {
  std::vector<model::Column> columns;
  for (int column = 0; column < rows.columns(); ++column)
    columns.push_back({rows.column_name(column), rows.column_type(column)});
  return columns;
}

}  // namespace

void read_rows(Connection& connection, const model::TableName& table, model::RowSink& into) {
  const std::vector<SchemaEntry> entries = schema_of(connection);
  const bool known = (table.schema.empty() || table.schema == "main") &&
                     std::any_of(entries.begin(), entries.end(), [&](const SchemaEntry& entry) {
                       return entry.type == "table" && entry.name == table.table;
                     });
  if (!known) {
    throw Error(Errc::not_found,
                fmt::format("{}: there is no table `{}`", connection.name(), table.display()));
  }
  Statement rows = select_rows(connection, table.table);
  into.columns(columns_of(rows));
  model::Row row;
  while (rows.step()) {
    rows.read(row);
    into.row(row);
  }
}

std::vector<model::TableFacts> count_tables(Connection& connection, std::string_view component,
                                            const model::RowTap& tap) {
  std::vector<model::TableFacts> tables;
  model::Row row;
  for (const SchemaEntry& entry : schema_of(connection)) {
    if (entry.type != "table") continue;
    connection.check_stop();
    model::RowHasher hasher;
    Statement rows = select_rows(connection, entry.name);
    const auto shown_to = tap ? tap(component, {"", entry.name}) : nullptr;
    if (shown_to) shown_to->columns(columns_of(rows));
    while (rows.step()) {
      rows.read(row);
      hasher.add(row);
      if (shown_to) shown_to->row(row);
    }
    const model::TableDigest& digest = hasher.digest();
    tables.push_back({"", printable(entry.name), digest.rows(), digest.hex()});
  }
  return tables;
}

std::vector<model::ObjectFacts> list_objects(Connection& connection) {
  std::vector<model::ObjectFacts> objects;
  for (const SchemaEntry& entry : schema_of(connection)) {
    const Sha256Digest hash = sha256(as_bytes(entry.sql));
    objects.push_back({printable(entry.type), printable(entry.name), to_hex(ByteView(hash))});
  }
  return objects;
}

void describe_content(Connection& connection, const std::optional<FileFacts>& source,
                      model::DatabaseFacts& facts, const model::RowTap& tap) {
  connection.report_damage_as(Errc::not_consistent);
  connection.check_stop();
  const std::string integrity = require_integrity(connection);

  std::array<std::byte, header_bytes> front{};
  const std::size_t count = connection.read_front(front);
  const Header header = parse_header(ByteView(front).first(count)).value_or(Header{});
  Json own = Json::object();
  own.set("page_size", connection.integer("PRAGMA page_size"));
  own.set("page_count", connection.integer("PRAGMA page_count"));
  own.set("freelist_count", connection.integer("PRAGMA freelist_count"));
  own.set("encoding", connection.text("PRAGMA encoding"));
  own.set("journal_mode", header.wal ? "wal" : "rollback");
  own.set("auto_vacuum", connection.integer("PRAGMA auto_vacuum"));
  own.set("user_version", connection.integer("PRAGMA user_version"));
  own.set("application_id", connection.integer("PRAGMA application_id"));
  own.set("schema_version", connection.integer("PRAGMA schema_version"));
  own.set("library_version", library_version());
  own.set("integrity", integrity);
  if (source) add_ownership(own, *source);

  facts.version = library_version();
  facts.engine_facts = std::move(own);
  facts.tables = count_tables(connection, facts.name, tap);
  facts.objects = list_objects(connection);
}

std::vector<std::string> differences(const model::DatabaseFacts& expected,
                                     const model::DatabaseFacts& found) {
  std::vector<std::string> lines;
  collect_differences(comparable(expected), comparable(found), lines);
  if (lines.size() > differences_max) {
    const std::size_t more = lines.size() - differences_max;
    lines.resize(differences_max);
    lines.push_back(fmt::format("and {} more", more));
  }
  return lines;
}

}  // namespace holdfast::engine::sqlite
