// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/child_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/error.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

std::string make_statement(const ChildKey& key) {
  return fmt::format("ALTER TABLE {} ADD {}", quote_name(key.schema, key.table), key.line);
}

// The lines of a table's definition; nothing if it is not there.
std::optional<TableText> shown_table(Connection& connection, const std::string& schema,
                                     const std::string& table) {
  if (!schema_exists(connection, schema)) return std::nullopt;
  const std::string sql = "SHOW CREATE TABLE " + quote_name(schema, table);
  if (connection.try_run(sql)) return std::nullopt;
  const auto found = connection.query(sql);
  return split_table(found.at(0).at(1).value_or(""));
}

// The key as the server shows it now; empty if it is not there.
std::string shown_key(const TableText& table, const ChildKey& key) {
  for (const std::string& one : table.lines) {
    const KeyLine line = key_of(one);
    if (line.kind == KeyLine::Kind::foreign_key && line.name == key.name)
      return with_qualified_reference(one, key.schema);
  }
  return "";
}

// How InnoDB writes the name of a schema; nothing for what it writes in a way of its own.
std::optional<std::string> file_name(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) >= 0x80) return std::nullopt;
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
      result += c;
    } else {
      result += fmt::format("@{:04x}", static_cast<unsigned>(c));
    }
  }
  return result;
}

std::string innodb_keys(Connection& connection) {
  return connection.is_mariadb() || connection.version_number() < 80'000
             ? "information_schema.INNODB_SYS_FOREIGN"
             : "information_schema.INNODB_FOREIGN";
}

// Keys of other schemas that refer to this one, as far as the server tells how many there are.
std::optional<std::size_t> count_foreign(Connection& connection, const std::string& schema) {
  const auto file = file_name(schema);
  const std::string sql = "SELECT FOR_NAME, REF_NAME FROM " + innodb_keys(connection);
  if (!file || connection.try_run(sql + " LIMIT 1")) return std::nullopt;
  std::size_t count = 0;
  for (const auto& line : connection.query(sql)) {
    const auto is_of_schema = [&](const Cell& name) {
      return name.value_or("").starts_with(*file + "/");
    };
    if (is_of_schema(line[1]) && !is_of_schema(line[0])) ++count;
  }
  return count;
}

}  // namespace

std::string ChildKey::display() const {
  return fmt::format("foreign key {} of {}.{}", name, schema, table);
}

std::vector<ChildKey> keys_to(Connection& connection, const std::string& schema,
                              const std::vector<std::string>& replaced,
                              const std::function<bool(const std::string&)>& moves_along) {
  std::vector<ChildKey> keys;
  std::size_t foreign = 0;
  for (const auto& line : connection.query(fmt::format(
           "SELECT DISTINCT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, "
           "REFERENCED_TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE "
           "UNIQUE_CONSTRAINT_SCHEMA = {} ORDER BY 1, 2, 3",
           quote_text(schema)))) {
    ChildKey key{line[0].value_or(""), line[1].value_or(""), line[2].value_or(""), ""};
    if (key.schema != schema) ++foreign;
    const bool is_wanted =
        std::find(replaced.begin(), replaced.end(), line[3].value_or("")) != replaced.end();
    if (!is_wanted || (key.schema == schema && moves_along(key.table))) continue;
    const auto table = shown_table(connection, key.schema, key.table);
    if (table) key.line = shown_key(*table, key);
    if (key.line.empty())
      throw Error(Errc::denied, fmt::format("the {} is not shown to us", key.display()));
    keys.push_back(std::move(key));
  }
  const auto all = count_foreign(connection, schema);
  if (all && *all > foreign) {
    throw Error(Errc::denied,
                fmt::format("{} foreign keys of other schemas refer to schema {} and are not shown "
                            "to us",
                            *all - foreign, schema))
        .set_hint(
            "They would refer to what is kept. Grant SELECT, ALTER, CREATE and REFERENCES on these "
            "schemas; see SELECT * FROM " +
            innodb_keys(connection) + ".");
  }
  return keys;
}

std::vector<ChildKey> keys_of(Connection& connection, const std::string& schema,
                              const std::string& table) {
  std::vector<ChildKey> keys;
  const auto shown = shown_table(connection, schema, table);
  if (!shown) return keys;
  for (const std::string& one : shown->lines) {
    const KeyLine line = key_of(one);
    if (line.kind == KeyLine::Kind::foreign_key)
      keys.push_back({schema, table, line.name, with_qualified_reference(one, schema)});
  }
  return keys;
}

bool may_hide_keys(Connection& connection) {
  return connection.try_run(fmt::format("SELECT 1 FROM {} LIMIT 1", innodb_keys(connection)))
      .has_value();
}

std::optional<Failure> try_drop_key(Connection& connection, const ChildKey& key) {
  return connection.try_run(fmt::format("ALTER TABLE {} DROP FOREIGN KEY {}",
                                        quote_name(key.schema, key.table), quote_name(key.name)));
}

std::vector<std::string> refer_again(Connection& connection, const std::vector<ChildKey>& keys) {
  std::vector<std::string> not_made;
  for (const ChildKey& key : keys) {
    const auto table = shown_table(connection, key.schema, key.table);
    if (!table) continue;
    const std::string now = shown_key(*table, key);
    if (now == key.line) continue;
    std::optional<Failure> failure;
    if (!now.empty()) failure = try_drop_key(connection, key);
    if (!failure) failure = connection.try_run(make_statement(key));
    if (failure)
      not_made.push_back(fmt::format("{} could not be made again ({}); it is made with: {}",
                                     key.display(), failure->display(), make_statement(key)));
  }
  return not_made;
}

Json keys_to_json(const std::vector<ChildKey>& keys) {
  Json list = Json::array();
  for (const ChildKey& key : keys)
    list.push(Json::object()
                  .set("schema", key.schema)
                  .set("table", key.table)
                  .set("name", key.name)
                  .set("line", key.line));
  return list;
}

std::vector<ChildKey> keys_from_json(const Json& list) {
  std::vector<ChildKey> keys;
  for (const Json& key : list.as_array())
    keys.push_back({key.at("schema").as_string(), key.at("table").as_string(),
                    key.at("name").as_string(), key.at("line").as_string()});
  return keys;
}

}  // namespace holdfast::engine::mariadb
