// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/dac/dac_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"
#include "base/xml.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::string_view model_name = "model.xml";

const std::string* property(const XmlElement& element, std::string_view name) {
  for (const XmlElement& child : element.children)
    if (child.name == "Property" && child.attribute_or("Name", "") == name)
      return child.attribute("Value");
  return nullptr;
}

// Of scripts, which stand in an element of their own.
bool has_property(const XmlElement& element, std::string_view name) {
  return std::ranges::any_of(element.children, [&](const XmlElement& child) {
    return child.name == "Property" && child.attribute_or("Name", "") == name;
  });
}

bool is_true(const XmlElement& element, std::string_view name) {
  const std::string* const value = property(element, name);
  return value != nullptr && ascii_lower(*value) == "true";
}

unsigned number(const XmlElement& element, std::string_view name, unsigned otherwise) {
  const std::string* const value = property(element, name);
  if (value == nullptr) return otherwise;
  unsigned found = 0;
  const char* const end = value->data() + value->size();
  const auto [at, failure] = std::from_chars(value->data(), end, found);
  if (failure != std::errc() || at != end || value->empty())
    throw Error(Errc::corrupt, fmt::format("{}:{}: {} is \"{}\", and no number", model_name,
                                           element.line, name, *value));
  return found;
}

// What stands in a relationship, an Element or References each.
std::vector<const XmlElement*> related(const XmlElement& element, std::string_view name,
                                       std::string_view kind) {
  std::vector<const XmlElement*> found;
  for (const XmlElement& relationship : element.children) {
    if (relationship.name != "Relationship" || relationship.attribute_or("Name", "") != name)
      continue;
    for (const XmlElement& entry : relationship.children)
      for (const XmlElement& inside : entry.children)
        if (inside.name == kind) found.push_back(&inside);
  }
  return found;
}

// "foreign key constraint" of "SqlForeignKeyConstraint".
std::string kind_of(std::string_view type) {
  if (type.starts_with("Sql")) type.remove_prefix(3);
  std::string kind;
  for (const char c : type) {
    if (c >= 'A' && c <= 'Z' && !kind.empty()) kind += ' ';
    kind += c;
  }
  return ascii_lower(kind);
}

[[noreturn]] void refuse(const XmlElement& element, std::string_view why) {
  throw Error(Errc::corrupt, fmt::format("{}:{}: {}", model_name, element.line, why));
}

std::vector<std::string> name_of(const XmlElement& element, std::size_t parts) {
  const std::string* const name = element.attribute("Name");
  auto found = name == nullptr ? std::nullopt : split_dac_name(*name);
  if (!found || found->size() != parts)
    refuse(element, fmt::format("an element has the name {}",
                                name == nullptr ? "of nothing" : "\"" + *name + "\""));
  return std::move(*found);
}

// A type as a column or an alias type specifies it.
struct Specified {
  std::string name;  // "int", or of an alias type "[dbo].[Phone]"
  bool is_own = false;
  std::uint32_t length = 1;
  bool is_max = false;
  unsigned precision = 18, scale = 0;
  bool has_precision = false;
};

Specified specified(const XmlElement& specifier) {
  const auto types = related(specifier, "Type", "References");
  const std::string name = types.empty() ? "" : types.front()->attribute_or("Name", "");
  Specified found;
  const auto parts = split_dac_name(name);
  found.is_own = !types.empty() && types.front()->attribute("ExternalSource") == nullptr;
  found.name = found.is_own || !parts ? name : ascii_lower(parts->back());
  found.length = number(specifier, "Length", found.name == "sysname" ? 128 : 1);
  found.is_max = is_true(specifier, "IsMax");
  found.has_precision = property(specifier, "Precision") != nullptr;
  found.precision = number(specifier, "Precision", 18);
  found.scale = number(specifier, "Scale", 0);
  return found;
}

class ModelReader {
 public:
  DacModel read(ByteSource& source) {
    const XmlElement root =
        read_xml(source, model_name, 2, [this](auto around, const XmlElement& element) {
          if (around[0].name != "DataSchemaModel")
            refuse(around[0], "the root is no DataSchemaModel");
          if (around[1].name == "Model" && element.name == "Element") take(element);
        });
    if (root.name != "DataSchemaModel") refuse(root, "the root is no DataSchemaModel");
    if (root.child("Model") == nullptr) refuse(root, "there is no Model");
    model_.schema_version = root.attribute_or("SchemaVersion", "");
    model_.provider = root.attribute_or("DspName", "");
    constexpr std::string_view before = "Microsoft.Data.Tools.Schema.Sql.",
                               behind = "DatabaseSchemaProvider";
    if (model_.provider.starts_with(before)) model_.provider.erase(0, before.size());
    if (model_.provider.ends_with(behind))
      model_.provider.resize(model_.provider.size() - behind.size());
    model_.lcid = root.attribute_or("CollationLcid", "");
    model_.is_case_sensitive = root.attribute_or("CollationCaseSensitive", "") == "True";
    finish();
    return std::move(model_);
  }

 private:
  struct Key {
    bool is_primary = false;
    std::vector<std::string> columns;
  };

  void take(const XmlElement& element) {
    const std::string type = element.attribute_or("Type", "");
    ++model_.counts[kind_of(type)];
    if (type == "SqlDatabaseOptions") {
      const std::string* const collation = property(element, "Collation");
      if (collation != nullptr) model_.collation = *collation;
      return;
    }
    if (type == "SqlTable") return take_table(element);
    if (type == "SqlUserDefinedDataType")
      aliases_[element.attribute_or("Name", "")] = specified(element);
    const bool is_primary = type == "SqlPrimaryKeyConstraint";
    const bool is_index = type == "SqlIndex" && is_true(element, "IsUnique") &&
                          !has_property(element, "FilterPredicate");
    if (is_primary || type == "SqlUniqueConstraint" || is_index) take_key(element, is_primary);
    take_object(type, element);
  }

  void keep(std::size_t bytes) {
    constexpr std::size_t each_bytes = 100;
    kept_bytes_ += each_bytes + bytes;
    if (kept_bytes_ > dac_model_bytes_max)
      throw Error(Errc::unsupported, fmt::format("the names of {} have more than {} bytes",
                                                 model_name, dac_model_bytes_max));
  }

  void take_object(const std::string& type, const XmlElement& element) {
    std::string name = element.attribute_or("Name", "");
    // Of a constraint that has no name of its own, that which the server gave it.
    for (const XmlElement& child : element.children)
      if (name.empty() && child.name == "Annotation") name = child.attribute_or("Name", "");
    keep(type.size() + name.size());
    const auto parts = split_dac_name(name);
    if (parts) name = fmt::format("{}", fmt::join(*parts, "."));
    model_.objects.push_back({kind_of(type), std::move(name), ""});
  }

  void take_key(const XmlElement& element, bool is_primary) {
    auto tables = related(element, "DefiningTable", "References");
    if (tables.empty()) tables = related(element, "IndexedObject", "References");
    if (tables.empty()) return;
    Key key{is_primary, {}};
    for (const XmlElement* const one : related(element, "ColumnSpecifications", "Element")) {
      for (const XmlElement* const column : related(*one, "Column", "References")) {
        key.columns.push_back(name_of(*column, 3).back());
        keep(key.columns.back().size());
      }
    }
    keys_[tables.front()->attribute_or("Name", "")].push_back(std::move(key));
  }

  void take_table(const XmlElement& element) {
    const auto name = name_of(element, 2);
    SqlTable table;
    table.name = {name[0], name[1]};
    keep(name[0].size() + name[1].size());
    std::vector<Specified> types;
    for (const XmlElement* const column : related(element, "Columns", "Element")) {
      const std::string type = column->attribute_or("Type", "");
      std::string column_name = name_of(*column, 3).back();
      keep(column_name.size());
      if (type == "SqlComputedColumn") {
        table.computed.push_back(std::move(column_name));
        continue;
      }
      SqlColumn made;
      made.name = std::move(column_name);
      const std::string* const is_nullable = property(*column, "IsNullable");
      made.is_nullable = is_nullable == nullptr || ascii_lower(*is_nullable) != "false";
      made.obstacle = column_obstacle(type, *column);
      const auto specifiers = related(*column, "TypeSpecifier", "Element");
      types.push_back(specifiers.empty() ? Specified{} : specified(*specifiers.front()));
      if (!specifiers.empty() &&
          specifiers.front()->attribute_or("Type", "") == "SqlXmlTypeSpecifier")
        types.back() = {.name = "xml"};
      table.columns.push_back(std::move(made));
    }
    types_.push_back(std::move(types));
    places_[element.attribute_or("Name", "")] = model_.tables.size();
    model_.tables.push_back(std::move(table));
  }

  static std::string column_obstacle(const std::string& type, const XmlElement& column) {
    if (type != "SqlSimpleColumn")
      return fmt::format("it is of a kind that is not known, {}", type);
    if (is_true(column, "IsColumnSet")) return "it is a column set";
    for (const XmlElement& child : column.children)
      if (child.attribute_or("Name", "").find("Encrypt") != std::string::npos)
        return "its values are encrypted";
    return {};
  }

  // An alias type's own nullability does not count: the column's is what its values were written
  // by.
  void resolve(SqlColumn& column, Specified type) const {
    std::string shown = type.name;
    if (type.is_own) {
      const auto alias = aliases_.find(type.name);
      if (alias != aliases_.end()) type = alias->second;
    }
    column.type_name = type.name;
    column.type = type.is_own ? SqlType::unknown : sql_type(type.name);
    column.length = type.length;
    column.is_max = type.is_max;
    column.precision = type.precision;
    column.scale = type.scale;
    constexpr unsigned real_digits_max = 24;
    if (column.type == SqlType::floating && type.has_precision && type.precision <= real_digits_max)
      column.type = SqlType::real;
    if (column.type == SqlType::unknown && column.obstacle.empty())
      column.obstacle = shown.empty() ? "its type is not told" : "its type is not known";
  }

  void finish() {
    for (std::size_t i = 0; i < model_.tables.size(); ++i)
      for (std::size_t j = 0; j < types_[i].size(); ++j)
        resolve(model_.tables[i].columns[j], std::move(types_[i][j]));
    for (auto& [name, keys] : keys_) {
      const auto place = places_.find(name);
      if (place == places_.end()) continue;  // of a view
      SqlTable& table = model_.tables[place->second];
      for (Key& key : keys) {
        const bool is_plain =
            !key.columns.empty() && std::ranges::all_of(key.columns, [&](const auto& column) {
              return std::ranges::find(table.columns, column, &SqlColumn::name) !=
                     table.columns.end();
            });
        if (!is_plain) continue;
        if (key.is_primary)
          table.primary_key = std::move(key.columns);
        else
          table.unique.push_back(std::move(key.columns));
      }
    }
  }

  DacModel model_;
  std::map<std::string, Specified> aliases_;
  std::map<std::string, std::vector<Key>> keys_;  // by table, as it is written
  std::map<std::string, std::size_t> places_;
  std::vector<std::vector<Specified>> types_;  // of the columns of each table
  std::size_t kept_bytes_ = 0;
};

std::string text_of(const XmlElement* parent, std::string_view name) {
  const XmlElement* const element = parent == nullptr ? nullptr : parent->child(name);
  if (element == nullptr) return {};
  const auto begin = element->text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return element->text.substr(begin, element->text.find_last_not_of(" \t\r\n") + 1 - begin);
}

}  // namespace

std::optional<std::vector<std::string>> split_dac_name(std::string_view name) {
  std::vector<std::string> parts;
  while (true) {
    if (!name.starts_with('[')) return std::nullopt;
    name.remove_prefix(1);
    std::string& part = parts.emplace_back();
    while (!name.starts_with(']') || name.starts_with("]]")) {
      if (name.empty()) return std::nullopt;
      part += name.front();
      name.remove_prefix(name.front() == ']' ? 2 : 1);
    }
    name.remove_prefix(1);
    if (name.empty()) return parts;
    if (!name.starts_with('.')) return std::nullopt;
    name.remove_prefix(1);
  }
}

DacModel read_dac_model(ByteSource& source) {
  return ModelReader().read(source);
}

DacOrigin parse_dac_origin(std::string_view document) {
  const XmlElement root = parse_xml(document, "Origin.xml");
  if (root.name != "DacOrigin")
    throw Error(Errc::corrupt, fmt::format("Origin.xml:{}: the root is no DacOrigin", root.line));
  DacOrigin origin;
  const XmlElement* const operation = root.child("Operation");
  origin.has_data = text_of(root.child("PackageProperties"), "ContainsExportedData") == "true";
  origin.server_version = text_of(root.child("Server"), "ServerVersion");
  origin.product_version = text_of(operation, "ProductVersion");
  origin.started = text_of(operation, "Start");
  origin.schema_version = text_of(&root, "ModelSchemaVersion");
  const std::string rows = text_of(root.child("ExportStatistics"), "TableRowCountTotalTag");
  if (!rows.empty()) {
    std::uint64_t count = 0;
    const auto [at, failure] = std::from_chars(rows.data(), rows.data() + rows.size(), count);
    if (failure != std::errc() || at != rows.data() + rows.size())
      throw Error(Errc::corrupt, fmt::format("Origin.xml: \"{}\" is no number of rows", rows));
    origin.rows = count;
  }
  if (const XmlElement* const checksums = root.child("Checksums"))
    for (const XmlElement& one : checksums->children)
      if (one.attribute_or("Uri", "") == "/model.xml") origin.model_sha256 = ascii_lower(one.text);
  return origin;
}

DacMetadata parse_dac_metadata(std::string_view document) {
  const XmlElement root = parse_xml(document, "DacMetadata.xml");
  return {text_of(&root, "Name"), text_of(&root, "Version")};
}

}  // namespace holdfast::engine::sqlserver
