// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/hash.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

using Line = std::vector<Cell>;

std::string text(const Line& line, std::size_t column) {
  return column < line.size() ? line[column].value_or("") : "";
}

std::uint64_t number(const Line& line, std::size_t column) {
  return std::strtoull(text(line, column).c_str(), nullptr, 10);
}

// A definition that is not shown is an error.
std::string required(const Line& line, std::size_t column, std::string_view what) {
  const std::string create = text(line, column);
  if (create.empty()) {
    throw Error(Errc::denied, fmt::format("the server does not show us the definition of {}", what))
        .set_hint("`holdfast grants backup -I FILE` prints what the user needs.");
  }
  return create;
}

// Source: mariadb.com/kb/en/start-transaction (WITH CONSISTENT SNAPSHOT), and those of MyRocks and
// TokuDB. Other engines have transactions and no moment that several sessions could share.
bool has_snapshots(std::string_view engine) {
  static constexpr std::array<std::string_view, 3> engines{"InnoDB", "ROCKSDB", "TokuDB"};
  return std::find(engines.begin(), engines.end(), engine) != engines.end();
}

// Engines whose tables lead to rows that are kept elsewhere: in other tables, files, servers, or
// not at all.
bool keeps_rows_elsewhere(std::string_view engine) {
  static constexpr std::array<std::string_view, 9> engines{"MRG_MyISAM", "MRG_MYISAM", "FEDERATED",
                                                           "SPIDER",     "CONNECT",    "BLACKHOLE",
                                                           "S3",         "OQGRAPH",    "VP"};
  return std::find(engines.begin(), engines.end(), engine) != engines.end();
}

}  // namespace

Storage storage_of(std::string_view engine) noexcept {
  if (keeps_rows_elsewhere(engine)) return Storage::elsewhere;
  return has_snapshots(engine) ? Storage::with_snapshots : Storage::without_snapshots;
}

namespace {

// Whether the character set has characters beyond those in which servers show definitions.
bool has_wide_characters(std::string_view character_set) {
  return character_set == "utf8mb4" || character_set == "utf16" || character_set == "utf16le" ||
         character_set == "utf32" || character_set == "gb18030";
}

// Tables whose time of creation does not tell them from those that took their place: that of a
// partitioned table stays when a partition is exchanged, MySQL keeps it when a table is renamed,
// and that of generated columns with an index is not shown while the purge has the table open.
bool is_identified(const Connection& connection, const TableDef& table) {
  if (table.engine != "InnoDB") return false;
  const bool is_dictionary = !connection.is_mariadb() && connection.version_number() >= 80'000;
  return is_dictionary || table.shown.find("PARTITION BY") != std::string::npos ||
         table.shown.find("GENERATED ALWAYS AS") != std::string::npos;
}

// Times of creation, each empty where the server did not show it.
bool are_other_times(std::string_view one, std::string_view other) {
  return !one.empty() && !other.empty() && one != other;
}

// As InnoDB writes a name; nothing for one beyond ASCII, of which some have codes of their own.
// Source: dev.mysql.com/doc/refman/8.4/en/identifier-mapping.html.
std::optional<std::string> encoded_name(std::string_view name) {
  std::string encoded;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                          (byte >= 'a' && byte <= 'z') || byte == '_';
    if (byte >= 0x80) return std::nullopt;
    encoded += is_plain ? std::string(1, c) : fmt::format("@{:04x}", byte);
  }
  return encoded;
}

// InnoDB's own numbers of tables and their partitions, by table; none if they are not shown to us.
// `only`: one table; empty for all of the schema.
// Source: mariadb.com/kb/en/information-schema-innodb_sys_tables-table (needs PROCESS).
std::map<std::string, std::string> table_identities(Connection& connection,
                                                    const std::string& schema,
                                                    const std::string& only) {
  constexpr std::string_view encoded = "CAST(CONVERT({} USING filename) AS BINARY)";
  constexpr std::string_view stem = "SUBSTRING_INDEX(SUBSTRING_INDEX(NAME, '#P#', 1), '#p#', 1)";
  const bool is_dictionary = !connection.is_mariadb() && connection.version_number() >= 80'000;
  std::string of_names = fmt::format(
      "SELECT TABLE_NAME, CONCAT({}, '/', {}) FROM information_schema.TABLES WHERE TABLE_SCHEMA = "
      "{}",
      fmt::format(fmt::runtime(encoded), "TABLE_SCHEMA"),
      fmt::format(fmt::runtime(encoded), "TABLE_NAME"), quote_text(schema));
  if (!only.empty()) of_names += " AND TABLE_NAME = " + quote_text(only);
  std::string of_ids = fmt::format("SELECT {}, NAME, TABLE_ID FROM information_schema.{}", stem,
                                   is_dictionary ? "INNODB_TABLES" : "INNODB_SYS_TABLES");
  std::map<std::string, std::string> result;
  std::map<std::string, std::string> names;  // by the server's own
  if (!connection.try_run(of_names)) {
    for (const Line& line : connection.query(of_names)) names[text(line, 1)] = text(line, 0);
  } else {  // MySQL 9 does not know that character set any more
    std::string plain = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = " +
                        quote_text(schema);
    if (!only.empty()) plain += " AND TABLE_NAME = " + quote_text(only);
    if (connection.try_run(plain)) return result;
    const auto place = encoded_name(schema);
    for (const Line& line : connection.query(plain)) {
      const auto table = encoded_name(text(line, 0));
      if (place && table) names[*place + "/" + *table] = text(line, 0);
    }
  }
  if (names.size() == 1)
    of_ids += fmt::format(" WHERE {} = {}", stem, quote_text(names.begin()->first));
  of_ids += " ORDER BY NAME";
  if (connection.try_run(of_ids)) return result;
  for (const Line& line : connection.query(of_ids)) {
    const auto name = names.find(text(line, 0));
    if (name != names.end()) result[name->second] += text(line, 2) + " ";
  }
  return result;
}

class Reader {
 public:
  Reader(Connection& connection, const std::string& name) : connection_(connection) {
    schema_.name = name;
  }

  SchemaDef run() {
    const auto found = connection_.query(
        fmt::format("SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME, SCHEMA_NAME FROM "
                    "information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
                    name()));
    if (found.empty()) {
      throw Error(Errc::not_found, fmt::format("there is no schema {} on {}", schema_.name,
                                               connection_.location().display()));
    }
    schema_.character_set = text(found[0], 0);
    schema_.collation = text(found[0], 1);
    schema_.name = text(found[0], 2);  // which the server may write in other cases
    connection_.use(schema_.name);
    read_tables();
    read_columns();
    read_keys();
    read_views();
    read_routines();
    read_triggers();
    read_events();
    return std::move(schema_);
  }

 private:
  [[nodiscard]] std::string name() const { return quote_text(schema_.name); }
  [[nodiscard]] std::vector<Line> show(std::string_view sql) { return connection_.query(sql); }

  void read_tables() {
    for (const Line& line : show(fmt::format(
             "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, DATA_LENGTH, CREATE_TIME FROM "
             "information_schema.TABLES WHERE TABLE_SCHEMA = {} ORDER BY BINARY TABLE_NAME",
             name()))) {
      const std::string type = text(line, 1);
      const std::string table = text(line, 0);
      if (type == "VIEW" || type == "SYSTEM VIEW") {
        views_.push_back(table);
      } else if (type == "SEQUENCE") {
        SequenceDef sequence;
        sequence.name = table;
        const auto own = show("SHOW CREATE SEQUENCE " + quote_name(table));
        sequence.create = required(own.at(0), 1, "sequence " + table);
        read_sequence(connection_, schema_.name, sequence);
        schema_.sequences.push_back(std::move(sequence));
      } else if (type != "TEMPORARY") {
        TableDef def;
        def.name = table;
        def.engine = text(line, 2);
        def.rows_estimate = number(line, 3);
        def.size_bytes = number(line, 4);
        def.created = text(line, 5);
        def.rows_elsewhere = storage_of(def.engine) == Storage::elsewhere;
        def.transactional = storage_of(def.engine) != Storage::without_snapshots;
        def.versioned = type == "SYSTEM VERSIONED";
        const auto shown = show("SHOW CREATE TABLE " + quote_name(table));
        def.shown = required(shown.at(0), 1, "table " + table);
        def.create = with_bare_sequences(def.shown, schema_.name);
        schema_.tables.push_back(std::move(def));
      }
    }
    std::sort(schema_.tables.begin(), schema_.tables.end(),
              [](const TableDef& a, const TableDef& b) { return a.name < b.name; });
    identify();
  }

  void identify() {
    const auto needs = [&](const TableDef& table) { return is_identified(connection_, table); };
    if (std::none_of(schema_.tables.begin(), schema_.tables.end(), needs)) return;
    const auto identities = table_identities(connection_, schema_.name, "");
    for (TableDef& table : schema_.tables) {
      const auto found = identities.find(table.name);
      if (needs(table) && found != identities.end()) table.identity = found->second;
    }
  }

  [[nodiscard]] TableDef* find(const std::string& table) {
    const TableDef* const found = schema_.table(table);
    return found == nullptr
               ? nullptr
               : &schema_.tables[static_cast<std::size_t>(found - schema_.tables.data())];
  }

  void read_columns() {
    for (const Line& line : show(fmt::format(
             "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME, EXTRA, "
             "GENERATION_EXPRESSION, COLUMN_DEFAULT FROM information_schema.COLUMNS WHERE "
             "TABLE_SCHEMA = {} ORDER "
             "BY TABLE_NAME, ORDINAL_POSITION",
             name()))) {
      TableDef* const table = find(text(line, 0));
      if (table == nullptr) continue;  // of a view
      ColumnDef column;
      column.name = text(line, 1);
      column.type = text(line, 3);
      column.character_set = text(line, 4);
      column.kind = kind_of(text(line, 2), column.type, column.character_set);
      const std::string extra = text(line, 5);
      column.generated = extra.find("VIRTUAL") != std::string::npos ||
                         extra.find("STORED GENERATED") != std::string::npos ||
                         extra.find("PERSISTENT") != std::string::npos || !text(line, 6).empty();
      column.counted = extra.find("auto_increment") != std::string::npos;
      const bool may_hide =
          has_wide_characters(text(line, 4)) && text(line, 7).find('?') != std::string::npos;
      if (may_hide && !column.generated) show_default(*table, column.name);
      table->columns.push_back(std::move(column));
    }
  }

  // Definitions are shown in three-byte UTF-8: what a default has beyond it, as question marks. The
  // value itself is asked for.
  void show_default(TableDef& table, const std::string& column) {
    const std::string marker = "0x";
    if (with_default(table.create, column, marker) == table.create) return;  // an expression
    const std::string hex = connection_.value(
        fmt::format("SELECT HEX(CONVERT(DEFAULT({}) USING utf8mb4)) FROM (SELECT 1) AS one LEFT "
                    "JOIN {} ON 1=0",
                    quote_name(column), quote_name(schema_.name, table.name)));
    if (hex.empty()) return;
    table.create = with_default(table.create, column, "_utf8mb4 " + marker + hex);
  }

  void read_keys() {
    for (const Line& line : show(fmt::format(
             "SELECT TABLE_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS WHERE "
             "TABLE_SCHEMA = {} AND INDEX_NAME = 'PRIMARY' ORDER BY TABLE_NAME, SEQ_IN_INDEX",
             name()))) {
      TableDef* const table = find(text(line, 0));
      if (table == nullptr) continue;
      table->primary.push_back(text(line, 1));
      table->primary_is_prefix = table->primary_is_prefix || line.at(2).has_value();
    }
  }

  void read_views() {
    std::vector<CodeDef> views;
    for (const std::string& view : views_) {
      const auto shown = show("SHOW CREATE VIEW " + quote_name(view)).at(0);
      CodeDef code;
      code.kind = CodeKind::view;
      code.name = view;
      code.create = required(shown, 1, "view " + view);
      code.character_set = text(shown, 2);
      code.collation = text(shown, 3);
      for (const Line& warning : show("SHOW WARNINGS"))
        code.broken = code.broken || number(warning, 1) == error_view_invalid;
      views.push_back(std::move(code));
    }
    order(views);
  }

  // A view comes after those it reads from.
  void order(std::vector<CodeDef>& views) {
    std::map<std::string, std::vector<std::string>> reads;
    for (const CodeDef& view : views) reads[view.name] = names_read(view.create);
    std::set<std::string> done;
    std::vector<CodeDef> ordered;
    const auto is_ready = [&](const CodeDef& view) {
      const auto& names = reads[view.name];
      return std::all_of(names.begin(), names.end(), [&](const std::string& other) {
        return other == view.name || done.contains(other) || !reads.contains(other);
      });
    };
    while (!views.empty()) {
      auto next = std::find_if(views.begin(), views.end(), is_ready);
      if (next == views.end()) next = views.begin();  // names that mislead; who makes them retries
      done.insert(next->name);
      ordered.push_back(std::move(*next));
      views.erase(next);
    }
    views_ordered_ = std::move(ordered);
  }

  void read_routines() {
    std::vector<CodeDef> routines;
    for (const Line& line : show(
             fmt::format("SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE "
                         "ROUTINE_SCHEMA = {} ORDER BY ROUTINE_TYPE, ROUTINE_NAME",
                         name()))) {
      const std::string type = text(line, 1);
      CodeDef code;
      code.name = text(line, 0);
      if (type == "FUNCTION") {
        code.kind = CodeKind::function;
      } else if (type == "PROCEDURE") {
        code.kind = CodeKind::procedure;
      } else if (type == "PACKAGE") {
        code.kind = CodeKind::package;
      } else if (type == "PACKAGE BODY") {
        code.kind = CodeKind::package_body;
      } else {
        throw Error(Errc::unsupported,
                    fmt::format("routine {} is a {}, which is not known here", code.name, type));
      }
      const auto shown = show(fmt::format("SHOW CREATE {} {}", type, quote_name(code.name))).at(0);
      code.sql_mode = text(shown, 1);
      code.create = required(shown, 2, fmt::format("{} {}", code_kind_name(code.kind), code.name));
      code.character_set = text(shown, 3);
      code.collation = text(shown, 4);
      note_collation(text(shown, 5), code);
      routines.push_back(std::move(code));
    }
    std::stable_sort(routines.begin(), routines.end(),
                     [](const CodeDef& a, const CodeDef& b) { return a.kind < b.kind; });
    for (CodeDef& code : routines) schema_.code.push_back(std::move(code));
    for (CodeDef& code : views_ordered_) schema_.code.push_back(std::move(code));
  }

  void read_triggers() {
    for (const Line& line : show(fmt::format(
             "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE "
             "TRIGGER_SCHEMA = {} ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, "
             "EVENT_MANIPULATION, ACTION_ORDER",
             name()))) {
      CodeDef code;
      code.kind = CodeKind::trigger;
      code.name = text(line, 0);
      code.table = text(line, 1);
      const auto shown = show("SHOW CREATE TRIGGER " + quote_name(code.name)).at(0);
      code.sql_mode = text(shown, 1);
      code.create = with_bare_trigger_names(required(shown, 2, "trigger " + code.name));
      code.character_set = text(shown, 3);
      code.collation = text(shown, 4);
      note_collation(text(shown, 5), code);
      schema_.code.push_back(std::move(code));
    }
  }

  // Of what has no character set of its own in its code, the schema's decides: that of its making.
  void note_collation(const std::string& collation, CodeDef& code) const {
    if (collation != schema_.collation) code.database_collation = collation;
  }

  void read_events() {
    if (!shows_events(connection_)) return;
    for (const Line& line : show(fmt::format(
             "SELECT EVENT_NAME, COALESCE(UNIX_TIMESTAMP(CONVERT_TZ(EXECUTE_AT, TIME_ZONE, "
             "@@time_zone)), 0), ON_COMPLETION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = "
             "{} ORDER BY EVENT_NAME",
             name()))) {
      CodeDef code;
      code.kind = CodeKind::event;
      code.name = text(line, 0);
      if (text(line, 2) != "PRESERVE") code.at = number(line, 1);
      const auto shown = show("SHOW CREATE EVENT " + quote_name(code.name)).at(0);
      code.sql_mode = text(shown, 1);
      code.time_zone = text(shown, 2);
      code.create = required(shown, 3, "event " + code.name);
      code.character_set = text(shown, 4);
      code.collation = text(shown, 5);
      note_collation(text(shown, 6), code);
      schema_.code.push_back(std::move(code));
    }
  }

  Connection& connection_;
  SchemaDef schema_;
  std::vector<std::string> views_;
  std::vector<CodeDef> views_ordered_;
};

std::string hash_of(std::string_view definition) {
  const Sha256Digest hash = sha256(as_bytes(definition));
  return to_hex(ByteView(hash));
}

// As it would be in a schema without a name.
std::string comparable(const SchemaDef& schema, const CodeDef& code) {
  std::string create = without_definer(code.create);
  if (code.kind == CodeKind::view) create = with_schema(create, schema.name, "");
  if (code.kind == CodeKind::event) create = with_event_disabled(create);
  return create;
}

}  // namespace

void TableDef::recount(const TableDef& later) {
  if (without_counter(later.shown) != without_counter(shown)) return;
  shown = later.shown;
  create = later.create;
}

const ColumnDef* TableDef::counted() const {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [](const auto& one) { return one.counted; });
  const bool is_integer =
      found != columns.end() && found->kind == ColumnKind::number && !rows_elsewhere;
  return is_integer ? &*found : nullptr;
}

std::vector<const ColumnDef*> TableDef::stored() const {
  std::vector<const ColumnDef*> result;
  for (const ColumnDef& column : columns) {
    if (!column.generated) result.push_back(&column);
  }
  return result;
}

const ColumnDef* TableDef::key() const {
  if (primary.empty() || primary_is_prefix) return nullptr;
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const ColumnDef& column) {
    return column.name == primary[0];
  });
  return found == columns.end() ? nullptr : &*found;
}

std::string_view code_kind_name(CodeKind kind) noexcept {
  switch (kind) {
    case CodeKind::package:
      return "package";
    case CodeKind::package_body:
      return "package body";
    case CodeKind::function:
      return "function";
    case CodeKind::procedure:
      return "procedure";
    case CodeKind::view:
      return "view";
    case CodeKind::trigger:
      return "trigger";
    case CodeKind::event:
      return "event";
  }
  return "object";
}

std::string_view code_kind_words(CodeKind kind) noexcept {
  switch (kind) {
    case CodeKind::package:
      return "PACKAGE";
    case CodeKind::package_body:
      return "PACKAGE BODY";
    case CodeKind::function:
      return "FUNCTION";
    case CodeKind::procedure:
      return "PROCEDURE";
    case CodeKind::view:
      return "VIEW";
    case CodeKind::trigger:
      return "TRIGGER";
    case CodeKind::event:
      return "EVENT";
  }
  return "TABLE";
}

const TableDef* SchemaDef::table(std::string_view wanted) const noexcept {
  const auto found = std::lower_bound(
      tables.begin(), tables.end(), wanted,
      [](const TableDef& def, std::string_view other) { return def.name < other; });
  return found == tables.end() || found->name != wanted ? nullptr : &*found;
}

// MariaDB has no name of its own before 11; where it is and what it serves tell it.
std::string server_identity(Connection& connection) {
  if (!connection.is_mariadb()) return connection.value("SELECT @@server_uuid");
  return connection.value(
      "SELECT CONCAT_WS(':', @@hostname, @@port, @@datadir, @@socket, @@server_id)");
}

bool is_same_table(Connection& connection, const std::string& schema, const TableDef& table) {
  const auto created = connection.query(
      fmt::format("SELECT CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND "
                  "TABLE_NAME = {}",
                  quote_text(schema), quote_text(table.name)));
  if (created.empty() || are_other_times(text(created[0], 0), table.created)) return false;
  if (!table.identity.empty() &&
      table_identities(connection, schema, table.name)[table.name] != table.identity)
    return false;
  const auto shown =
      connection.query("SHOW CREATE TABLE " + quote_name(schema, table.name), Errc::not_consistent);
  return !shown.empty() && without_counter(text(shown[0], 1)) == without_counter(table.shown);
}

void read_sequence(Connection& connection, const std::string& schema, SequenceDef& sequence) {
  const auto found = connection.query("SELECT next_not_cached_value, cycle_count FROM " +
                                      quote_name(schema, sequence.name));
  if (found.empty())
    throw Error(Errc::corrupt, fmt::format("sequence {} has no row", sequence.name));
  sequence.next = text(found[0], 0);
  sequence.round = text(found[0], 1);
}

std::string highest_number(Connection& connection, const std::string& schema,
                           const TableDef& table) {
  const ColumnDef* const column = table.counted();
  if (column == nullptr || !table.transactional) return "";
  return connection.value(fmt::format("SELECT MAX({}) FROM {}", quote_name(column->name),
                                      quote_name(schema, table.name)));
}

std::optional<model::ObjectFacts> counter_fact(const TableDef& table, std::string_view highest) {
  const ColumnDef* const column = table.counted();
  if (column == nullptr) return std::nullopt;
  // The definition does not name what is as low as the rows let it be.
  std::uint64_t next = 1;
  const auto raise_to = [&](std::string_view digits, std::uint64_t more) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error == std::errc() && value <= UINT64_MAX - more) next = std::max(next, value + more);
  };
  raise_to(counter_of(table.create), 0);
  raise_to(highest, 1);
  return model::ObjectFacts{"counter", table.name + "." + column->name,
                            hash_of(std::to_string(next))};
}

SchemaDef read_schema(Connection& connection, const std::string& name) {
  return Reader(connection, name).run();
}

std::string spelled(Connection& connection, std::string_view name) {
  return connection.value(
      fmt::format("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
                  quote_text(name)));
}

bool schema_exists(Connection& connection, std::string_view name) {
  return connection.number(
             fmt::format("SELECT count(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
                         quote_text(name))) > 0;
}

bool schema_is_empty(Connection& connection, std::string_view name) {
  const std::string schema = quote_text(name);
  const std::uint64_t objects = connection.number(fmt::format(
      "SELECT (SELECT count(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {0}) + "
      "(SELECT count(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {0})",
      schema));
  if (objects > 0 || !shows_events(connection)) return objects == 0;
  return connection.number(fmt::format(
             "SELECT count(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {}", schema)) ==
         0;
}

bool shows_events(Connection& connection) {
  return !connection.is_mariadb() || connection.value("SELECT @@event_scheduler") != "DISABLED";
}

std::optional<std::string> difference(const SchemaDef& before, const SchemaDef& after) {
  std::map<std::string, std::string> now;
  const auto collect = [](const SchemaDef& schema, std::map<std::string, std::string>& into) {
    into["the schema's character set"] = schema.character_set + " " + schema.collation;
    for (const TableDef& table : schema.tables)
      into["table " + table.name] = table.identity + " " + without_counter(table.shown);
    for (const SequenceDef& sequence : schema.sequences)
      into["sequence " + sequence.name] = sequence.create;
    for (const CodeDef& code : schema.code)
      into[fmt::format("{} {}", code_kind_name(code.kind), code.name)] = code.create;
  };
  std::map<std::string, std::string> then;
  collect(before, then);
  collect(after, now);
  for (const auto& [name, create] : then) {
    const auto found = now.find(name);
    if (found == now.end()) return name + " is gone";
    if (found->second != create) return name + " was changed";
  }
  for (const auto& [name, create] : now) {
    if (!then.contains(name)) return name + " is new";
  }
  for (const TableDef& table : before.tables) {
    const TableDef* const later = after.table(table.name);
    if (table.transactional && later != nullptr && are_other_times(table.created, later->created))
      return "table " + table.name + " was changed";
  }
  return std::nullopt;
}

std::vector<model::ObjectFacts> objects_of(const SchemaDef& schema) {
  std::vector<model::ObjectFacts> objects;
  objects.push_back(
      {"schema", "character set", hash_of(schema.character_set + " " + schema.collation)});
  for (const TableDef& table : schema.tables) {
    objects.push_back({"table", table.name, hash_of(without_place(table.create))});
    const auto split = split_table(table.create);
    if (!split) continue;
    for (const std::string& line : split->lines) {
      const KeyLine key = key_of(line);
      if (key.kind == KeyLine::Kind::column || key.kind == KeyLine::Kind::other) continue;
      const bool is_constraint = key.kind == KeyLine::Kind::foreign_key;
      objects.push_back(
          {is_constraint ? "foreign key" : "index", table.name + "." + key.name, hash_of(line)});
    }
  }
  for (const SequenceDef& sequence : schema.sequences)
    objects.push_back({"sequence", sequence.name,
                       hash_of(fmt::format("{} at {} of round {}", sequence.create, sequence.next,
                                           sequence.round))});
  for (const CodeDef& code : schema.code) {
    if (code.broken) continue;
    const std::string definition = comparable(schema, code) + "\n" + code.sql_mode + "\n" +
                                   code.character_set + "\n" + code.collation + "\n" +
                                   code.time_zone + code.database_collation;
    objects.push_back({std::string(code_kind_name(code.kind)), code.name, hash_of(definition)});
  }
  std::sort(objects.begin(), objects.end(), [](const auto& a, const auto& b) {
    return std::tie(a.kind, a.name) < std::tie(b.kind, b.name);
  });
  return objects;
}

}  // namespace holdfast::engine::mariadb
