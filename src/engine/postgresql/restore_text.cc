// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/restore_text.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/process.h"
#include "engine/postgresql/catalog.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

bool breaks_lines(std::string_view name) {
  return name.find_first_of("\r\n") != std::string_view::npos;
}

// \copy has its whole statement on one line. Where a name does not fit into one, its bearer has
// another name meanwhile; nothing refers to it by name before post-data.
class CopyLine {
 public:
  CopyLine(const Table& table, std::string_view part, std::string_view encoding)
      : place_(table.name) {
    if (breaks_lines(place_.schema)) {
      rename(fmt::format("SCHEMA {}", quote_name(place_.schema)), "SCHEMA holdfast_schema", "",
             place_.schema, "holdfast_schema");
      place_.schema = "holdfast_schema";
    }
    if (breaks_lines(place_.table)) {
      const model::TableName other{place_.schema, "holdfast_table"};
      rename("TABLE " + quote_name(place_), "TABLE " + quote_name(other), "", place_.table,
             other.table);
      place_ = other;
    }
    std::string columns;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      std::string name = table.columns[i].name;
      if (breaks_lines(name)) {
        const std::string other = fmt::format("holdfast_column_{}", i);
        rename("TABLE " + quote_name(place_), "TABLE " + quote_name(place_), "COLUMN ", name,
               other);
        name = other;
      }
      columns += (columns.empty() ? " (" : ", ") + quote_name(name);
    }
    if (!columns.empty()) columns += ")";
    text_ = before_ +
            fmt::format("\\copy {}{} FROM {} WITH (FORMAT text, ENCODING {})\n", quote_name(place_),
                        columns, quote_psql(part), quote_text(encoding)) +
            after_;
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  // `what` is the bearer under its name, `then` under the other one; for a column both its table.
  void rename(std::string_view what, std::string_view then, std::string_view kind,
              std::string_view name, std::string_view other) {
    const std::string of = kind.empty() ? "" : fmt::format("{}{} ", kind, quote_name(name));
    const std::string back = kind.empty() ? "" : fmt::format("{}{} ", kind, quote_name(other));
    before_ += fmt::format("ALTER {} RENAME {}TO {};\n", what, of, quote_name(other));
    after_.insert(0, fmt::format("ALTER {} RENAME {}TO {};\n", then, back, quote_name(name)));
  }

  model::TableName place_;
  std::string before_, after_, text_;
};

}  // namespace

std::string restore_script(const HeldDatabase& database) {
  const std::string& encoding = database.encoding();
  const bool raw = encoding == "SQL_ASCII" || encoding == "MULE_INTERNAL";
  std::string text =
      "-- Restores the database from the files beside this one, with psql alone. See RESTORE.md.\n"
      "-- Run it in this directory, connected to a new and empty database:\n"
      "--   psql --no-psqlrc --dbname=NEW --file=restore.sql\n"
      "-- With --set=globals=1 roles and tablespaces of the old server are made first.\n"
      "\\set ON_ERROR_STOP on\n"
      "\\if :{?globals}\n"
      "\\set ON_ERROR_STOP off\n"
      "\\ir globals.sql\n"
      "\\set ON_ERROR_STOP on\n"
      "\\endif\n"
      "\\ir schema-pre-data.sql\n";
  text += exact_settings(raw ? encoding : "UTF8");
  for (const TableRange& range : database.ranges()) {
    text += CopyLine(database.tables()[range.table], range.part, encoding).text();
  }
  if (database.large_objects().count > 0) {
    text += fmt::format(
        "\\ir {}\n"
        "CREATE TEMPORARY TABLE holdfast_large_objects (loid oid, at bigint, data bytea);\n"
        "\\copy holdfast_large_objects FROM {} WITH (FORMAT text)\n"
        "SELECT count(pg_catalog.lo_put(loid, at, data)) FROM holdfast_large_objects;\n"
        "DROP TABLE holdfast_large_objects;\n",
        large_objects_part, quote_psql(large_objects_data_part));
  }
  text += fmt::format("\\ir {}\n\\ir {}\n\\ir {}\nANALYZE;\n", sequences_part, post_data_part,
                      database_part);
  return text;
}

std::string restore_paragraphs(const model::DatabaseFacts& facts) {
  const Json& own = facts.engine_facts;
  const auto text = [&](std::string_view key) {
    return own.is_object() ? own.string_or(key, "") : std::string();
  };
  // Names of locales come from whoever made the database, and are pasted into a shell.
  std::vector<std::string> create{"createdb", "--template=template0",
                                  "--encoding=" + text("encoding"),
                                  "--lc-collate=" + text("collate"), "--lc-ctype=" + text("ctype")};
  if (text("locale_provider") == "i") {
    create.insert(create.end(), {"--locale-provider=icu", "--icu-locale=" + text("icu_locale")});
    if (!text("icu_rules").empty()) create.push_back("--icu-rules=" + text("icu_rules"));
  } else if (text("locale_provider") == "b") {
    create.insert(create.end(),
                  {"--locale-provider=builtin", "--builtin-locale=" + text("icu_locale")});
  }
  std::string commands = fmt::format(
      "`{0}` holds the database `{1}` of PostgreSQL {2} as SQL scripts and COPY files. It needs "
      "psql "
      "and a server of\n"
      "that version or a newer one. As a superuser of the new server:\n\n"
      "    {4}\n"
      "    {5} NEW\n"
      "    psql --no-psqlrc --dbname=NEW --set=globals=1 --file=restore.sql\n"
      "    cd ../..\n\n"
      "Leave `--set=globals=1` away on a server that has the roles already; errors about roles "
      "that "
      "exist do no harm.\n"
      "psql runs commands of its own too that stand in these files (`\\!` runs programs as you): "
      "do this only with a\n"
      "backup of your own making.\n"
      "Subscriptions are restored disabled. Files below `tables` are COPY text in encoding {3}: "
      "one "
      "table each, or\n"
      "several in order of their numbers.\n",
      facts.directory, text("database"), facts.version, text("encoding"),
      display({"cd", facts.directory}), display(create));
  if (const std::int64_t limit = own.is_object() ? own.int_or("connection_limit", -1) : -1;
      limit >= 0) {
    commands += fmt::format(
        "\nThe database let {0} connections in: `ALTER DATABASE NEW CONNECTION LIMIT {0};` in the "
        "end.\n",
        limit);
  }
  if (own.is_object() && !own.bool_or("role_passwords", true)) {
    commands +=
        "\nPasswords of roles are not in `globals.sql`, as the backup's user may not read them: "
        "set "
        "them anew.\n";
  }
  return commands;
}

}  // namespace holdfast::engine::postgresql
