// SPDX-License-Identifier: Apache-2.0
// load_tables() of load.h: single tables from one database into another.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/sqlite/content.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/load.h"
#include "engine/sqlite/location.h"
#include "engine/sqlite/switch.h"

namespace holdfast::engine::sqlite {
namespace {

using namespace std::chrono_literals;
constexpr auto lock_wait = 5s;

const SchemaEntry* find_name(const std::vector<SchemaEntry>& schema, std::string_view name) {
  const auto found = std::find_if(schema.begin(), schema.end(), [&](const SchemaEntry& entry) {
    return equal_but_for_case(entry.name, name);
  });
  return found == schema.end() ? nullptr : &*found;
}

// Tables that belong to a virtual table and are its own affair.
std::vector<std::string> shadow_tables(Connection& source) {
  std::vector<std::string> names;
  Statement list = source.prepare(
      "SELECT name FROM pragma_table_list WHERE type = 'shadow' AND schema = 'main'");
  while (list.step()) names.push_back(list.text(0));
  return names;
}

[[noreturn]] void refuse_virtual(std::string_view name) {
  throw Error(Errc::unsupported,
              fmt::format("`{}` is (part of) a virtual table and cannot be restored alone", name))
      .set_hint("Restore the whole database beside the present one and copy from there.");
}

// The entries of type table that were asked for.
std::vector<SchemaEntry> choose(Connection& source, const std::vector<SchemaEntry>& schema,
                                const std::vector<model::TableName>& wanted) {
  const std::vector<std::string> shadows = shadow_tables(source);
  const auto is_shadow = [&](const SchemaEntry& entry) {
    return std::find(shadows.begin(), shadows.end(), entry.name) != shadows.end();
  };
  std::vector<SchemaEntry> chosen;
  const auto take = [&](const SchemaEntry& entry) {
    if (entry.type == "virtual table" || is_shadow(entry)) refuse_virtual(entry.name);
    const bool again = std::any_of(chosen.begin(), chosen.end(), [&](const SchemaEntry& other) {
      return other.name == entry.name;
    });
    if (!again) chosen.push_back(entry);
  };
  for (const model::TableName& name : wanted) {
    const bool own_schema = name.schema.empty() || equal_but_for_case(name.schema, "main");
    if (own_schema && name.table == "*") {
      for (const SchemaEntry& entry : schema) {
        const bool table = entry.type == "table" || entry.type == "virtual table";
        if (table && !entry.name.starts_with("sqlite_")) take(entry);
      }
      continue;
    }
    const SchemaEntry* const entry = own_schema ? find_name(schema, name.table) : nullptr;
    const bool is_table =
        entry != nullptr && (entry->type == "table" || entry->type == "virtual table");
    if (!is_table || entry->name.starts_with("sqlite_")) {
      throw Error(Errc::not_found, fmt::format("the copy has no table `{}`", name.display()));
    }
    take(*entry);
  }
  return chosen;
}

// Indexes and triggers of a table that are written down in SQL, indexes first.
std::vector<SchemaEntry> attachments(const std::vector<SchemaEntry>& schema,
                                     std::string_view table) {
  std::vector<SchemaEntry> found;
  for (const std::string_view type : {"index", "trigger"}) {
    for (const SchemaEntry& entry : schema) {
      if (entry.type == type && equal_but_for_case(entry.table, table) && !entry.sql.empty())
        found.push_back(entry);
    }
  }
  return found;
}

// The end of the name token at the front of `text`, quoted or not; 0 if there is none.
std::size_t name_token(std::string_view text) {
  if (text.empty()) return 0;
  const char open = text.front();
  if (open == '"' || open == '`' || open == '\'' || open == '[') {
    const char close = open == '[' ? ']' : open;
    for (std::size_t at = 1; at < text.size(); ++at) {
      if (text[at] != close) continue;
      if (close != ']' && at + 1 < text.size() && text[at + 1] == close) {
        ++at;
        continue;
      }
      return at + 1;
    }
    return 0;
  }
  const auto end = std::find_if(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) == 0 && c != '_' && c != '$' && c < 0x80;
  });
  return static_cast<std::size_t>(end - text.begin());
}

// A definition under another name. SQLite stores them as CREATE [UNIQUE] INDEX|TRIGGER, one space
// each, and then the text from the name on as it was written.
std::optional<std::string> renamed(const SchemaEntry& entry, std::string_view name) {
  for (const std::string_view front :
       {"CREATE INDEX ", "CREATE UNIQUE INDEX ", "CREATE TRIGGER "}) {
    if (!entry.sql.starts_with(front)) continue;
    const std::string_view rest = std::string_view(entry.sql).substr(front.size());
    const std::size_t end = name_token(rest);
    if (end == 0 || end == rest.size() || rest[end] == '.') return std::nullopt;
    return fmt::format("{}{}{}", front, quote_name(name), rest.substr(end));
  }
  return std::nullopt;
}

// Renames a table of the target and what belongs to it, so that the names are free.
void set_aside(Connection& target, const std::string& table, const std::string& suffix) {
  const std::string kept = table + suffix;
  if (find_name(schema_of(target), kept) != nullptr) {
    throw Error(Errc::exists, fmt::format("{} has a table `{}` already", target.name(), kept));
  }
  target.run(fmt::format("ALTER TABLE {} RENAME TO {}", quote_name(table), quote_name(kept)));
  for (const SchemaEntry& entry : attachments(schema_of(target), kept)) {
    const std::optional<std::string> definition = renamed(entry, entry.name + suffix);
    if (!definition) {
      throw Error(
          Errc::unsupported,
          fmt::format("{} `{}` of the table to be kept cannot be renamed", entry.type, entry.name));
    }
    target.run(fmt::format("DROP {} {}", entry.type, quote_name(entry.name)));
    target.run(*definition);
  }
}

std::string column_list(Connection& source, const std::string& table, std::size_t& count) {
  std::vector<std::string> names;
  Statement info = source.prepare(fmt::format("PRAGMA table_xinfo({})", quote_name(table)));
  while (info.step()) {
    if (info.integer(6) == 0) names.push_back(info.text(1));  // not those that are computed
  }
  std::string columns;
  // Rows keep their numbers, on which a search index may stand, unless a column hides them or there
  // are none.
  for (const std::string_view number : {"rowid", "_rowid_", "oid"}) {
    const bool hidden = std::any_of(names.begin(), names.end(), [&](const std::string& n) {
      return equal_but_for_case(n, number);
    });
    if (hidden) continue;
    if (source.try_prepare(fmt::format("SELECT {} FROM {}", number, quote_name(table))))
      columns = number;
    break;
  }
  count = names.size() + (columns.empty() ? 0 : 1);
  for (const std::string& name : names) columns += (columns.empty() ? "" : ", ") + quote_name(name);
  return columns;
}

std::uint64_t copy_rows(Connection& source, Connection& target, const std::string& table) {
  std::size_t count = 0;
  const std::string columns = column_list(source, table, count);
  std::string marks = "?";
  for (std::size_t i = 1; i < count; ++i) marks += ", ?";
  Statement rows = source.prepare(fmt::format("SELECT {} FROM {}", columns, quote_name(table)));
  Statement insert = target.prepare(
      fmt::format("INSERT INTO {} ({}) VALUES ({})", quote_name(table), columns, marks));
  std::uint64_t copied = 0;
  while (rows.step()) {
    for (int column = 0; column < static_cast<int>(count); ++column)
      insert.bind(column + 1, rows, column);
    static_cast<void>(insert.step());
    insert.reset();
    ++copied;
  }
  return copied;
}

// The next number of an AUTOINCREMENT column, which may be beyond the greatest row.
void copy_sequence(Connection& source, Connection& target, const std::string& table) {
  auto found = source.try_prepare("SELECT seq FROM sqlite_sequence WHERE name = ?1 COLLATE NOCASE");
  if (!found) return;
  found->bind(1, table);
  if (!found->step()) return;
  Statement remove = target.prepare("DELETE FROM sqlite_sequence WHERE name = ?1 COLLATE NOCASE");
  remove.bind(1, table);
  static_cast<void>(remove.step());
  Statement insert = target.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)");
  insert.bind(1, table);
  insert.bind(2, *found, 0);
  static_cast<void>(insert.step());
}

model::TableDigest digest_of(Connection& connection, const std::string& table) {
  model::RowHasher hasher;
  model::Row row;
  Statement rows = select_rows(connection, table);
  while (rows.step()) {
    rows.read(row);
    hasher.add(row);
  }
  return hasher.digest();
}

void make(Connection& target, const SchemaEntry& entry) {
  if (find_name(schema_of(target), entry.name) != nullptr) {
    throw Error(Errc::exists,
                fmt::format("{} has something named `{}` already", target.name(), entry.name));
  }
  // The definition comes from the copy: it must be what it says it is.
  Statement statement = target.prepare(entry.sql);
  static_cast<void>(statement.step());
  const std::vector<SchemaEntry> now = schema_of(target);
  const SchemaEntry* const made = find_name(now, entry.name);
  if (made == nullptr || made->type != entry.type) {
    throw Error(Errc::corrupt,
                fmt::format("the definition of {} `{}` is not one", entry.type, entry.name));
  }
}

// All within the caller's transaction.
LoadReport copy_tables(Connection& source, Connection& target, const LoadOptions& options) {
  const std::vector<SchemaEntry> schema = schema_of(source);
  const std::vector<SchemaEntry> chosen = choose(source, schema, options.tables);
  LoadReport report;
  for (const SchemaEntry& table : chosen) {
    const std::vector<SchemaEntry> before = schema_of(target);
    const SchemaEntry* const existing = find_name(before, table.name);
    if (existing != nullptr) {
      if (!options.replace || existing->type != "table") {
        throw Error(Errc::exists, fmt::format("{} has a {} `{}` already", target.name(),
                                              existing->type, existing->name))
            .set_hint("Use --replace to keep it under another name and restore beside it.");
      }
      set_aside(target, existing->name, options.kept_suffix);
      const std::string kept = existing->name + options.kept_suffix;
      report.kept.push_back(
          fmt::format("table {}; remove it with: DROP TABLE {}", kept, quote_name(kept)));
    }
    make(target, table);
    report.rows += copy_rows(source, target, table.name);
    copy_sequence(source, target, table.name);
    if (!(digest_of(source, table.name) == digest_of(target, table.name))) {
      throw Error(Errc::differs,
                  fmt::format("table `{}` differs after it was restored", table.name));
    }
  }
  // Triggers last, and after all tables: none must fire for restored rows.
  for (const SchemaEntry& table : chosen) {
    for (const SchemaEntry& entry : attachments(schema, table.name)) make(target, entry);
  }
  return report;
}

void prepare_target(Connection& target, const std::stop_token& stop) {
  target.wait_for(lock_wait);
  target.tidy_on_close(true);
  target.stop_with(stop);
  // References of other tables and views go on meaning the name, not the table that is set aside.
  target.run("PRAGMA foreign_keys=OFF; PRAGMA legacy_alter_table=ON");
}

}  // namespace

LoadReport load_tables(const std::filesystem::path& source_file, const std::filesystem::path& place,
                       const LoadOptions& options, const std::stop_token& stop) {
  check_rule(!options.replace || !options.kept_suffix.empty(),
             "what is replaced is kept under another name");
  Connection source(source_file, Access::immutable);
  source.stop_with(stop);
  const auto announce = [&](std::string_view what, const Json& undo) {
    if (options.before_change) options.before_change(what, undo);
  };
  const std::optional<FileFacts> existing = file_facts(place);
  if (existing && existing->size_bytes > 0) {
    Connection target(place, Access::read_write);
    prepare_target(target, stop);
    announce(fmt::format("restore tables into {}", place.native()),
             Json::object().set("kind", "none"));
    if (target.begin_immediate() != Begin::done) {
      throw Error(Errc::unavailable,
                  fmt::format("{} stayed locked by another program", place.native()));
    }
    LoadReport report = copy_tables(source, target, options);
    target.wait_for(lock_wait);  // copying has used up what was waited from opening on
    target.run("COMMIT");
    return report;
  }
  check_place(place, false, {});
  NewFile file(place, announce);
  LoadReport report;
  {
    Connection target(file.path(), Access::read_write);
    prepare_target(target, stop);
    target.run(fmt::format("PRAGMA page_size={}; PRAGMA encoding='{}'",
                           source.integer("PRAGMA page_size"), source.text("PRAGMA encoding")));
    if (target.begin_immediate() != Begin::done) throw Error(Errc::bug, "a new file is locked");
    report = copy_tables(source, target, options);
    target.run("COMMIT");
  }
  static_cast<void>(file.switch_in(Json::object(), {}, announce));
  return report;
}

}  // namespace holdfast::engine::sqlite
