// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/scripts.h"

#include <fmt/format.h>

#include "base/error.h"
#include "engine/mariadb/script.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

// A delimiter that the definition does not hold.
std::string delimiter_for(std::string_view create) {
  std::string delimiter = ";;";
  while (create.find(delimiter) != std::string_view::npos) delimiter += ';';
  return delimiter;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

std::string plain_names() {
  return fmt::format("SET NAMES utf8mb4, time_zone='+00:00', sql_mode='{}';\n", plain_sql_mode);
}

// Characters of some sets (sjis, gbk, big5 …) hold bytes that look like quotes or backslashes.
void check_reads_back(const std::string& script, const CodeDef& code) {
  BytesSource source(as_bytes(script));
  Script reader(source);
  try {
    while (const auto statement = reader.next()) {
      if (trimmed(statement->text) == trimmed(code.create) && !reader.ended_within()) return;
    }
  } catch (const Error& error) {  // it ends within what looks like a quote
    if (error.code() != Errc::corrupt) throw;
  }
  throw Error(Errc::unsupported,
              fmt::format("{} {} was made in the character set {}, in which its definition cannot "
                          "be written to a script",
                          code_kind_name(code.kind), code.name, code.character_set))
      .set_hint("Make it anew in a session with SET NAMES utf8mb4.");
}

std::string code_script(const SchemaDef& schema, const CodeDef& code) {
  const std::string delimiter = delimiter_for(code.create);
  std::string text = "\n" + mark_line(code_kind_name(code.kind), code.name);
  text += "DELIMITER " + delimiter + "\n";
  // On a line of its own: the code may end with a comment.
  for (const std::string& statement : statements_of(code))
    text += statement + "\n" + delimiter + "\n";
  text += "DELIMITER ;\n" + plain_names();
  if (!code.database_collation.empty())
    text += fmt::format("ALTER DATABASE COLLATE {};\n", schema.collation);
  check_reads_back(text, code);
  return text;
}

}  // namespace

std::string table_directory(const std::string& table) {
  return "tables/" + model::escape_name(table) + "/";
}

std::string mark_line(std::string_view kind, std::string_view name) {
  std::string line = fmt::format("-- holdfast: {}: ", kind);
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || c == '%') {
      line += fmt::format("%{:02X}", byte);
    } else {
      line += c;
    }
  }
  return line + "\n";
}

std::vector<std::string> load_settings(bool is_mariadb, unsigned version_number) {
  std::vector<std::string> settings{"SET foreign_key_checks=0, unique_checks=0"};
  if (is_mariadb) {
    settings.emplace_back("SET check_constraint_checks=0, innodb_strict_mode=0");
    // A TIMESTAMP column has the default that it says, and no other.
    if (version_number >= 100'804) settings.emplace_back("SET explicit_defaults_for_timestamp=1");
    return settings;
  }
  // Each may be forbidden to us; where it matters, the server refuses a definition by name.
  settings.emplace_back("SET innodb_strict_mode=0");
  settings.emplace_back("SET explicit_defaults_for_timestamp=1");
  if (version_number >= 80'013) settings.emplace_back("SET sql_require_primary_key=0");
  if (version_number >= 80'030) settings.emplace_back("SET sql_generate_invisible_primary_key=0");
  if (version_number >= 80'400) settings.emplace_back("SET restrict_fk_on_non_standard_key=0");
  return settings;
}

std::string session_settings() {
  return fmt::format(
      "SET NAMES utf8mb4;\n"
      "SET time_zone='+00:00';\n"
      "SET sql_mode='{}';\n"
      "SET foreign_key_checks=0;\n"
      "SET unique_checks=0;\n"
      "/*M!100201 SET check_constraint_checks=0, innodb_strict_mode=0 */;\n"
      "/*M!100601 SET old_mode='UTF8_IS_UTF8MB3' */;\n"
      "/*M!100804 SET explicit_defaults_for_timestamp=1 */;\n",
      plain_sql_mode);
}

std::vector<std::string> statements_of(const CodeDef& code) {
  std::vector<std::string> statements;
  if (!code.character_set.empty())
    statements.push_back(fmt::format("SET character_set_client={}, collation_connection={}",
                                     quote_text(code.character_set), quote_text(code.collation)));
  if (code.kind != CodeKind::view)
    statements.push_back(fmt::format("SET sql_mode={}", quote_text(code.sql_mode)));
  if (!code.time_zone.empty())
    statements.push_back(fmt::format("SET time_zone={}", quote_text(code.time_zone)));
  if (!code.database_collation.empty())
    statements.push_back("ALTER DATABASE COLLATE " + code.database_collation);
  statements.push_back(code.create);
  return statements;
}

std::string schema_script(const SchemaDef& schema) {
  std::string text =
      "-- The tables and sequences of one schema, empty, as the server defines them.\n" +
      session_settings() + "\n" + mark_line("schema", schema.name) +
      fmt::format("ALTER DATABASE CHARACTER SET {} COLLATE {};\n", schema.character_set,
                  schema.collation);
  for (const SequenceDef& sequence : schema.sequences) {
    text += "\n" + mark_line("sequence", sequence.name);
    text += fmt::format("{};\nDO SETVAL({}, {}, 0, {});\n", sequence.create,
                        quote_name(sequence.name), sequence.next, sequence.round);
  }
  for (const TableDef& table : schema.tables) {
    text += "\n" + mark_line("table", table.name) + table.create + ";\n";
  }
  return text;
}

std::string objects_script(const SchemaDef& schema) {
  std::string text =
      "-- Routines, views, triggers and events of one schema, in an order in which they can be "
      "made.\n";
  for (const CodeDef& code : schema.code) {
    if (!code.broken) text += code_script(schema, code);
  }
  return text;
}

std::string broken_script(const SchemaDef& schema) {
  std::string text;
  for (const CodeDef& code : schema.code) {
    if (code.broken) text += code_script(schema, code);
  }
  if (text.empty()) return text;
  return "-- Views that referred to what was not there any more when the copy was made.\n" + text;
}

std::string restore_script(const SchemaDef& schema, const std::vector<TableLoad>& tables) {
  std::string text =
      mark_line("schema", schema.name) +
      "-- Restores it into an empty schema, with the server's own client alone. From the directory "
      "of this file:\n"
      "--   mariadb -e 'SET GLOBAL local_infile=1'\n"
      "--   mariadb -e 'CREATE DATABASE target'\n"
      "--   mariadb --comments --local-infile=1 target < restore.sql\n"
      "-- The first needs SUPER (in MySQL SYSTEM_VARIABLES_ADMIN); =0 forbids it again. Users and "
      "their grants are in grants.sql.\n";
  text += session_settings() + fmt::format("source {}\n", schema_part);
  for (const TableLoad& table : tables) {
    for (const std::string& part : table.parts)
      text += load_statement(part, table.table, load_columns(table.columns)) + ";\n";
  }
  text += fmt::format("source {}\n", objects_part);
  return text;
}

}  // namespace holdfast::engine::mariadb
