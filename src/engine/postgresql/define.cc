// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/define.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/postgresql/catalog.h"
#include "engine/postgresql/connection.h"

namespace holdfast::engine::postgresql {
namespace {

using model::ValueKind;

constexpr unsigned fraction_digits = 6;  // of moments that say no number
constexpr std::uint64_t uuid_characters = 36;

// The numbers in the brackets of "numeric(12,2)".
std::vector<int> numbers_in(std::string_view type) {
  std::vector<int> numbers;
  const auto open = type.find('(');
  if (open == std::string_view::npos) return numbers;
  const char* at = type.data() + open + 1;
  const char* const end = type.data() + type.size();
  for (;;) {
    int number = 0;
    const auto [behind, failure] = std::from_chars(at, end, number);
    if (failure != std::errc()) return numbers;
    numbers.push_back(number);
    if (behind == end || *behind != ',') return numbers;
    at = behind + 1;
  }
}

void set_digits(std::string_view type, model::ColumnDefinition& column) {
  const auto whole = [&](unsigned digits) {
    column.precision = digits;
    column.scale = 0;
  };
  if (type == "smallint") return whole(5);
  if (type == "integer" || type == "oid") return whole(10);
  if (type == "bigint") return whole(19);
  const std::vector<int> numbers = numbers_in(type);
  if (numbers.empty()) return;  // any number of them
  column.precision = static_cast<unsigned>(numbers[0]);
  column.scale = numbers.size() > 1 ? numbers[1] : 0;
}

struct Attribute {
  std::string type;  // without domains
  bool is_nullable = true;
};

std::map<std::pair<std::string, std::string>, Attribute> attributes(Connection& connection) {
  const Rows rows = connection.query(
      "WITH RECURSIVE bases(oid, base, typmod, required) AS ("
      "  SELECT t.oid, t.typbasetype, t.typtypmod, t.typnotnull FROM pg_type t"
      "  WHERE t.typtype = 'd'"
      "  UNION ALL"
      "  SELECT b.oid, t.typbasetype, t.typtypmod, b.required OR t.typnotnull FROM bases b"
      "  JOIN pg_type t ON t.oid = b.base WHERE t.typtype = 'd')"
      " SELECT a.attrelid, a.attname, NOT (a.attnotnull OR coalesce(d.required, false)),"
      "  pg_catalog.format_type(coalesce(d.base, a.atttypid), coalesce(d.typmod, a.atttypmod))"
      " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'"
      " LEFT JOIN (SELECT b.oid, b.base, b.typmod, b.required FROM bases b JOIN pg_type t ON t.oid "
      "= b.base"
      "  WHERE t.typtype <> 'd') d ON d.oid = a.atttypid"
      " WHERE a.attnum > 0 AND NOT a.attisdropped");
  std::map<std::pair<std::string, std::string>, Attribute> found;
  for (std::size_t i = 0; i < rows.size(); ++i)
    found[{rows.text(i, 0), rows.text(i, 1)}] = {rows.text(i, 3), rows.boolean(i, 2)};
  return found;
}

// Keys on columns alone, of all rows; the primary one first.
struct Key {
  bool is_primary = false;
  std::vector<std::string> columns;
};

std::map<std::string, std::vector<Key>> keys(Connection& connection) {
  constexpr int major_of_included = 11;
  const Rows rows = connection.query(fmt::format(
      "SELECT i.indrelid, i.indexrelid, i.indisprimary, a.attname"
      " FROM pg_index i CROSS JOIN LATERAL"
      "  pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)"
      " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number"
      " WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL"
      "  AND k.place <= i.{}"
      " ORDER BY i.indrelid, i.indisprimary DESC, i.indexrelid, k.place",
      connection.server_major() >= major_of_included ? "indnkeyatts" : "indnatts"));
  std::map<std::string, std::vector<Key>> found;
  std::string index;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<Key>& of_table = found[rows.text(i, 0)];
    if (rows.text(i, 1) != index) of_table.push_back({rows.boolean(i, 2), {}});
    index = rows.text(i, 1);
    of_table.back().columns.push_back(rows.text(i, 3));
  }
  return found;
}

// Not what belongs to an extension.
void tell_rest(Connection& connection, DefinedTables& defined) {
  // Rows of `from`, of an object in the catalog `of` whose number is `object`.
  const auto count = [&](std::string_view kind, std::string_view from, std::string_view what,
                         std::string_view of, std::string_view object) {
    const std::string number = connection.value(fmt::format(
        "SELECT pg_catalog.count(*) FROM {} JOIN pg_namespace n ON {} AND {} AND NOT EXISTS"
        " (SELECT FROM pg_depend e WHERE e.classid = 'pg_catalog.{}'::pg_catalog.regclass"
        "  AND e.objid = {} AND e.deptype = 'e')",
        from, what, user_schemas, of, object));
    std::uint64_t value = 0;
    std::from_chars(number.data(), number.data() + number.size(), value);
    defined.leave(kind, value);
  };
  const auto constraints = [&](std::string_view kind, char type) {
    count(kind, "pg_constraint x", fmt::format("n.oid = x.connamespace AND x.contype = '{}'", type),
          "pg_class", "x.conrelid");
  };
  const auto relations = [&](std::string_view kind, std::string_view types) {
    count(kind, "pg_class c", fmt::format("n.oid = c.relnamespace AND c.relkind IN ({})", types),
          "pg_class", "c.oid");
  };
  constraints("foreign keys", 'f');
  constraints("checks", 'c');
  constraints("exclusions", 'x');
  // What `from` has of relations.
  const auto parts = [&](std::string_view kind, std::string_view from, std::string_view relation,
                         std::string_view what) {
    count(kind, fmt::format("{} JOIN pg_class c ON c.oid = {}", from, relation),
          fmt::format("n.oid = c.relnamespace AND {}", what), "pg_class", relation);
  };
  parts("indexes that are no keys, invalid, partial, or on expressions", "pg_index i", "i.indrelid",
        "NOT (i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL)");
  constexpr int major_of_equal_nulls = 15;
  if (connection.server_major() >= major_of_equal_nulls)
    parts("unique keys to which nulls are equal", "pg_index i", "i.indrelid",
          "i.indnullsnotdistinct");
  parts("defaults, with generated columns", "pg_attrdef d", "d.adrelid", "true");
  relations("sequences", "'S'");
  relations("views", "'v', 'm'");
  relations("foreign tables", "'f'");
  relations("partitioned tables, each of whose partitions becomes a table", "'p'");
  count("functions and procedures", "pg_proc p", "n.oid = p.pronamespace", "pg_proc", "p.oid");
  parts("triggers", "pg_trigger t", "t.tgrelid", "NOT t.tgisinternal");
  parts("rules", "pg_rewrite r", "r.ev_class", "r.rulename <> '_RETURN'");
  parts("policies", "pg_policy o", "o.polrelid", "true");
  count("enumerations and domains", "pg_type t",
        "n.oid = t.typnamespace AND t.typtype IN ('e', 'd')", "pg_type", "t.oid");
  defined.leave("large objects", count_large_objects(connection).count);
}

}  // namespace

void define_type(std::string_view type, TextForm form, model::ColumnDefinition& column) {
  const std::vector<int> numbers = numbers_in(type);
  const auto moment = [&](ValueKind kind) {
    column.kind = kind;
    column.fraction_digits = numbers.empty() ? fraction_digits : static_cast<unsigned>(numbers[0]);
  };
  switch (form) {
    case TextForm::number:
      column.kind = ValueKind::number;
      return set_digits(type, column);
    case TextForm::boolean:
      column.kind = ValueKind::number;
      column.precision = 1;
      column.scale = 0;
      return;
    case TextForm::single_real:
    case TextForm::double_real:
      column.kind = ValueKind::real;
      return;
    case TextForm::text:
      column.kind = ValueKind::text;
      column.is_padded = type.starts_with("character(");
      if (!numbers.empty()) column.length = static_cast<std::uint64_t>(numbers[0]);
      return;
    case TextForm::bytea:
      column.kind = ValueKind::bytes;
      return;
    case TextForm::date:
      column.kind = ValueKind::date;
      return;
    case TextForm::time:
      return moment(ValueKind::time);
    case TextForm::timestamp:
      return moment(ValueKind::timestamp);
    case TextForm::instant:
      return moment(ValueKind::instant);
    case TextForm::other:
      column.kind = ValueKind::other;
      if (type == "uuid") column.length = uuid_characters;
  }
}

DefinedTables define_live_tables(const Location& location, const std::stop_token& stop) {
  Connection connection(location, stop);
  connection.run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const auto attribute_of = attributes(connection);
  auto keys_of = keys(connection);
  DefinedTables defined;
  for (const Table& table : list_tables(connection, false)) {
    if (table.of_extension) {
      defined.own.push_back(table.name);
      continue;
    }
    const std::string oid = std::to_string(table.oid);
    model::TableDefinition definition;
    definition.name = table.name;
    for (const CopyColumn& column : table.columns) {
      model::ColumnDefinition made;
      made.name = column.name;
      made.type = column.type;
      const Attribute& attribute = attribute_of.at({oid, column.name});
      made.is_nullable = attribute.is_nullable;
      define_type(attribute.type, column.form, made);
      definition.columns.push_back(std::move(made));
    }
    for (Key& key : keys_of[oid]) {
      if (key.is_primary)
        definition.primary_key = std::move(key.columns);
      else
        definition.unique.push_back(std::move(key.columns));
    }
    defined.tables.push_back(std::move(definition));
  }
  defined.keep_keys_of_rows();
  tell_rest(connection, defined);
  connection.rollback();
  return defined;
}

}  // namespace holdfast::engine::postgresql
