// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/xml.h"
#include "engine/oracle/values.h"

namespace holdfast::engine::oracle {
namespace {

using model::ValueKind;

constexpr std::uint64_t hidden_property = 0x20;
constexpr int float_scale = -127;

// Types whose values are read, and what they become.
struct Type {
  unsigned number;
  std::string_view name;
  ValueKind kind;
};
constexpr std::array types{
    Type{1, "VARCHAR2", ValueKind::text},
    Type{2, "NUMBER", ValueKind::number},
    Type{8, "LONG", ValueKind::text},
    Type{12, "DATE", ValueKind::timestamp},
    Type{23, "RAW", ValueKind::bytes},
    Type{24, "LONG RAW", ValueKind::bytes},
    Type{96, "CHAR", ValueKind::text},
    Type{100, "BINARY_FLOAT", ValueKind::real},
    Type{101, "BINARY_DOUBLE", ValueKind::real},
    Type{112, "CLOB", ValueKind::text},
    Type{113, "BLOB", ValueKind::bytes},
    Type{180, "TIMESTAMP", ValueKind::timestamp},
    Type{181, "TIMESTAMP WITH TIME ZONE", ValueKind::instant},
    Type{182, "INTERVAL YEAR TO MONTH", ValueKind::other},
    Type{183, "INTERVAL DAY TO SECOND", ValueKind::other},
    Type{231, "TIMESTAMP WITH LOCAL TIME ZONE", ValueKind::instant},
};

const Type* find_type(unsigned number) noexcept {
  const auto found = std::find_if(types.begin(), types.end(),
                                  [&](const Type& type) { return type.number == number; });
  return found == types.end() ? nullptr : &*found;
}

// The text of a child, or nothing if it has none that is no white space.
std::string_view told(const XmlElement& of, std::string_view name) {
  const XmlElement* child = of.child(name);
  if (child == nullptr) return {};
  std::string_view text = child->text;
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

template <typename T>
std::optional<T> number(const XmlElement& of, std::string_view name, std::string_view what) {
  const std::string_view text = told(of, name);
  if (text.empty()) return std::nullopt;
  T value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size())
    throw Error(Errc::corrupt, fmt::format("{}:{}: \"{}\" is no {}", what, of.line, text, name));
  return value;
}

PumpColumn parse_column(const XmlElement& item, std::string_view what) {
  PumpColumn column;
  column.name = told(item, "NAME");
  const auto type = number<unsigned>(item, "TYPE_NUM", what);
  if (column.name.empty() || !type)
    throw Error(Errc::corrupt,
                fmt::format("{}:{}: a column without a name or a type", what, item.line));
  column.type_number = *type;
  column.length_bytes = number<std::uint64_t>(item, "LENGTH", what).value_or(0);
  column.precision = number<unsigned>(item, "PRECISION_NUM", what);
  column.scale = number<int>(item, "SCALE", what);
  column.is_nullable = number<unsigned>(item, "NOT_NULL", what).value_or(0) == 0;
  column.is_hidden =
      (number<std::uint64_t>(item, "PROPERTY", what).value_or(0) & hidden_property) != 0;
  column.charset_id = number<std::uint16_t>(item, "CHARSETID", what).value_or(0);
  column.is_national = number<unsigned>(item, "CHARSETFORM", what).value_or(0) == 2;
  // The longer document has it where a column has room to spare.
  auto characters = number<std::uint64_t>(item, "CHARLENGTH", what);
  if (!characters) characters = number<std::uint64_t>(item, "SPARE3", what);
  column.length_characters = characters.value_or(0);
  return column;
}

std::optional<int> zone(std::string_view text) {
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  int value = 0;
  for (const std::size_t at : {1U, 2U, 4U, 5U}) {
    if (text[at] < '0' || text[at] > '9') return std::nullopt;
    value = at == 4 ? value * 6 + text[at] - '0' : value * 10 + text[at] - '0';
  }
  return text[0] == '-' ? -value : value;
}

// Primary and unique keys: constraints of type 2 and 3.
void parse_keys(const XmlElement& table, std::string_view what, PumpTable& into) {
  const XmlElement* list = table.child("CON1_LIST");
  if (list == nullptr) return;
  for (const XmlElement* item : list->all("CON1_LIST_ITEM")) {
    const unsigned type = number<unsigned>(*item, "CONTYPE", what).value_or(0);
    const XmlElement* columns = item->child("COL_LIST");
    if ((type != 2 && type != 3) || columns == nullptr) continue;
    if (number<std::uint64_t>(*item, "ENABLED", what).value_or(0) == 0) continue;
    std::vector<std::pair<unsigned, std::string>> places;
    for (const XmlElement* place : columns->all("COL_LIST_ITEM"))
      if (const XmlElement* column = place->child("COL"))
        places.emplace_back(number<unsigned>(*place, "POS_NUM", what).value_or(0),
                            told(*column, "NAME"));
    std::sort(places.begin(), places.end());
    std::vector<std::string> key;
    for (auto& [place, name] : places) key.push_back(std::move(name));
    if (key.empty()) continue;
    if (type == 2)
      into.primary_key = std::move(key);
    else
      into.unique.push_back(std::move(key));
  }
}

}  // namespace

bool operator==(const PumpColumn& a, const PumpColumn& b) noexcept {
  return a.name == b.name && a.type_number == b.type_number && a.length_bytes == b.length_bytes &&
         a.precision == b.precision && a.scale == b.scale && a.is_nullable == b.is_nullable &&
         a.charset_id == b.charset_id && a.is_national == b.is_national &&
         (a.length_characters == b.length_characters || a.length_characters == 0 ||
          b.length_characters == 0);
}

std::optional<PumpTable> parse_pump_table(std::string_view document, std::string_view what) {
  const XmlElement root = parse_xml(document, what);
  const XmlElement* row = root.name == "ROWSET" ? root.child("ROW") : nullptr;
  if (row == nullptr) return std::nullopt;
  PumpTable table;
  const XmlElement* of = row->child("STRMTABLE_T");
  table.is_stream = of != nullptr;
  const XmlElement* named = of;
  if (of == nullptr) {
    of = row->child("TABLE_T");
    named = of == nullptr ? nullptr : of->child("SCHEMA_OBJ");
  }
  if (of == nullptr || named == nullptr) return std::nullopt;
  table.name = {std::string(told(*named, "OWNER_NAME")), std::string(told(*named, "NAME"))};
  table.charset = told(*of, "CHARSET");
  table.national = told(*of, "NCHARSET");
  table.zone_minutes = zone(told(*of, "DBTIMEZONE"));
  const XmlElement* columns = of->child("COL_LIST");
  if (table.name.table.empty() || columns == nullptr)
    throw Error(Errc::corrupt, fmt::format("{}: a table without a name or columns", what));
  for (const XmlElement* item : columns->all("COL_LIST_ITEM"))
    table.columns.push_back(parse_column(*item, what));
  if (table.columns.empty())
    throw Error(Errc::corrupt, fmt::format("{}: a table without columns", what));
  if (!table.is_stream) {
    std::erase_if(table.columns, [](const PumpColumn& column) { return column.is_hidden; });
    parse_keys(*of, what, table);
  }
  return table;
}

std::string pump_type_name(const PumpColumn& column) {
  const Type* type = find_type(column.type_number);
  if (type == nullptr) return fmt::format("type {}", column.type_number);
  const char* national = column.is_national ? "N" : "";
  switch (column.type_number) {
    case 1:
    case 96: {
      const bool by_character = column.length_characters != 0 &&
                                column.length_characters != column.length_bytes &&
                                !column.is_national;
      return fmt::format(
          "{}{}({}{})", national, type->name,
          by_character || column.is_national ? column.length_characters : column.length_bytes,
          by_character ? " CHAR" : "");
    }
    case 2:
      if (column.precision && (!column.scale || *column.scale == float_scale))
        return fmt::format("FLOAT({})", *column.precision);
      if (column.scale && column.precision && *column.scale == 0)
        return fmt::format("NUMBER({})", *column.precision);
      if (column.scale && *column.scale != float_scale)
        return fmt::format("NUMBER({},{})",
                           column.precision ? std::to_string(*column.precision) : "*",
                           *column.scale);
      return "NUMBER";
    case 23:
      return fmt::format("RAW({})", column.length_bytes);
    case 112:
      return fmt::format("{}CLOB", national);
    case 180:
      return fmt::format("TIMESTAMP({})", column.scale.value_or(6));
    case 181:
      return fmt::format("TIMESTAMP({}) WITH TIME ZONE", column.scale.value_or(6));
    case 231:
      return fmt::format("TIMESTAMP({}) WITH LOCAL TIME ZONE", column.scale.value_or(6));
    case 182:
      return fmt::format("INTERVAL YEAR({}) TO MONTH", column.precision.value_or(2));
    case 183:
      return fmt::format("INTERVAL DAY({}) TO SECOND({})", column.precision.value_or(2),
                         column.scale.value_or(6));
    default:
      return std::string(type->name);
  }
}

namespace {

// Why a column's values cannot be read; empty: they can.
std::string obstacle_of(const PumpTable& table, std::size_t index) {
  const PumpColumn& column = table.columns[index];
  const Type* type = find_type(column.type_number);
  if (type == nullptr) return "values of this type cannot be read here";
  // Where a LONG stands among others is not known.
  if ((column.type_number == 8 || column.type_number == 24) &&
      (index + 1 < table.columns.size() ||
       std::any_of(table.columns.begin(), table.columns.end(),
                   [](const PumpColumn& one) { return one.is_apart(); })))
    return "it is read only as the last column of a table without LOBs";
  if (type->kind == ValueKind::text && find_character_set(column.charset_id) == nullptr &&
      (column.type_number != 8 || column.charset_id != 0))
    return fmt::format("its character set {} is not known", column.charset_id);
  return "";
}

}  // namespace

std::string why_unreadable(const PumpTable& table) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const PumpColumn& column = table.columns[i];
    if (const std::string why = obstacle_of(table, i); !why.empty())
      return fmt::format("column {} of {} is of {}: {}", column.name, table.name.display(),
                         pump_type_name(column), why);
  }
  return "";
}

model::TableDefinition define(const PumpTable& table) {
  model::TableDefinition definition;
  definition.name = table.name;
  definition.primary_key = table.primary_key;
  definition.unique = table.unique;
  for (const PumpColumn& column : table.columns) {
    model::ColumnDefinition one;
    one.name = column.name;
    one.type = pump_type_name(column);
    one.obstacle = obstacle_of(table, definition.columns.size());
    if (const Type* type = find_type(column.type_number)) one.kind = type->kind;
    one.is_nullable = column.is_nullable;
    one.is_padded = column.type_number == 96;
    if (column.type_number == 1 || column.type_number == 96) {
      const std::uint64_t bytes =
          column.is_national ? column.length_bytes / 2 : column.length_bytes;
      one.length = column.length_characters != 0 ? column.length_characters : bytes;
    }
    if (column.type_number == 23) one.length = column.length_bytes;
    const bool is_float = !column.scale || *column.scale == float_scale;
    if (column.type_number == 2 && !is_float) {
      one.precision = column.precision.value_or(38);
      one.scale = column.scale;
    }
    if (column.type_number == 180 || column.type_number == 181 || column.type_number == 231)
      one.fraction_digits = static_cast<unsigned>(std::clamp(column.scale.value_or(6), 0, 9));
    definition.columns.push_back(std::move(one));
  }
  return definition;
}

PumpDecoder::PumpDecoder(const PumpTable& table) : table_(table) {
  for (const PumpColumn& column : table.columns) {
    contexts_.push_back("reading column " + column.name);
    for (const std::uint16_t id : {column.charset_id, utf16be_id})
      if (const CharacterSet* set = find_character_set(id)) texts_.try_emplace(id, *set);
  }
  // A LONG need not name its set.
  if (const CharacterSet* set = find_character_set(table.charset))
    texts_.try_emplace(set->id, *set);
}

model::Value PumpDecoder::text(const PumpColumn& column, ByteView stored) {
  std::uint16_t id = column.charset_id;
  if (column.type_number == 8 && id == 0)
    if (const CharacterSet* set = find_character_set(table_.charset)) id = set->id;
  if (column.type_number == 112) {
    // Measured with AL32UTF8; databases of single bytes keep their own.
    const CharacterSet* set = find_character_set(id);
    if (column.is_national || (set != nullptr && set->is_multibyte)) id = utf16be_id;
  }
  const auto decoder = texts_.find(id);
  if (decoder == texts_.end())
    throw Error(Errc::corrupt, fmt::format("its character set {} is not known", id));
  return decoder->second.decode(stored);
}

model::Value PumpDecoder::decode(std::size_t index, ByteView stored) {
  const PumpColumn& column = table_.columns.at(index);
  return in_context(contexts_[index], [&] {
    model::Value value;
    switch (column.type_number) {
      case 1:
      case 8:
      case 96:
      case 112:
        value = text(column, stored);
        break;
      case 2:
        decode_number(stored, value);
        break;
      case 12:
        decode_date(stored, value);
        break;
      case 100:
        decode_binary_float(stored, value);
        break;
      case 101:
        decode_binary_double(stored, value);
        break;
      case 180:
        decode_timestamp(stored, value);
        break;
      case 181:
        decode_instant(stored, value);
        break;
      case 231:
        decode_local_instant(stored, table_.zone_minutes.value_or(0), value);
        break;
      case 182:
        decode_interval_ym(stored, value);
        break;
      case 183:
        decode_interval_ds(stored, value);
        break;
      default:
        value = model::Value::of_bytes(stored);
    }
    return value;
  });
}

}  // namespace holdfast::engine::oracle
