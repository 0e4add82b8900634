// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/row_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/sqlserver/bcp/bcp_encode.h"
#include "engine/sqlserver/bcp/bcp_values.h"
#include "engine/wide_row.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Value;
using model::ValueKind;
using Fields = std::span<const std::string_view>;

bool is_text(SqlType type) noexcept {
  return type >= SqlType::character && type <= SqlType::xml;
}

[[noreturn]] void refuse(const SqlColumn& column, std::string_view field) {
  throw Error(Errc::corrupt, fmt::format("`{}` is no {}", field.substr(0, 60), column.declared()));
}

void set(Value& into, ValueKind kind, std::string_view text) {
  into.kind = kind;
  into.text.assign(text);
}

bool is_digits(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Some drivers leave out the zero before a point.
void set_number(Value& into, const SqlColumn& column, std::string_view field) {
  const bool is_negative = field.starts_with('-');
  std::string_view whole = field.substr(is_negative ? 1 : 0), fraction;
  if (const auto point = whole.find('.'); point != std::string_view::npos) {
    fraction = whole.substr(point + 1);
    whole = whole.substr(0, point);
    if (!is_digits(fraction)) refuse(column, field);
  } else if (whole.empty()) {
    refuse(column, field);
  }
  if (!whole.empty() && !is_digits(whole)) refuse(column, field);
  while (whole.starts_with('0')) whole.remove_prefix(1);
  while (fraction.ends_with('0')) fraction.remove_suffix(1);
  into.kind = ValueKind::number;
  into.text.clear();
  if (is_negative && !(whole.empty() && fraction.empty())) into.text += '-';
  into.text.append(whole.empty() ? "0" : whole);
  if (!fraction.empty()) into.text.append(".").append(fraction);
}

void set_real(Value& into, const SqlColumn& column, std::string_view field) {
  double real = 0;
  if (field.size() != sizeof real) refuse(column, field);
  std::memcpy(&real, field.data(), sizeof real);
  into.kind = ValueKind::real;
  into.real = real;
  into.text.clear();
}

// Whether the text has digits where the shape has a 0, and its other characters where those are.
bool has_shape(std::string_view text, std::string_view shape) noexcept {
  return text.size() == shape.size() && std::ranges::equal(text, shape, [](char a, char b) {
           return b == '0' ? a >= '0' && a <= '9' : a == b;
         });
}

// A clock's reading at the front of the text, which loses it, with at least so many digits of a
// fraction and no zeros behind those.
void append_clock(std::string& to, const SqlColumn& column, std::string_view& text,
                  std::size_t digits_min) {
  constexpr std::size_t seconds_end = 8;
  if (!has_shape(text.substr(0, seconds_end), "00:00:00")) refuse(column, text);
  to.append(text.substr(0, seconds_end));
  text.remove_prefix(seconds_end);
  std::string_view fraction;
  if (text.starts_with('.')) {
    const auto end = std::min(text.find_first_not_of("0123456789", 1), text.size());
    fraction = text.substr(1, end - 1);
    text.remove_prefix(end);
  }
  while (fraction.ends_with('0') && fraction.size() > digits_min) fraction.remove_suffix(1);
  if (fraction.empty() && digits_min == 0) return;
  to.append(".").append(fraction);
  to.append(digits_min - std::min(digits_min, fraction.size()), '0');
}

void set_moment(Value& into, const SqlColumn& column, std::string_view field) {
  constexpr std::size_t date_end = 10;
  std::string_view rest = field;
  into.text.clear();
  if (column.type != SqlType::time) {
    if (!has_shape(rest.substr(0, date_end), "0000-00-00")) refuse(column, field);
    into.text.append(rest.substr(0, date_end));
    rest.remove_prefix(date_end);
  }
  into.kind = column.type == SqlType::time             ? ValueKind::time
              : column.type == SqlType::date           ? ValueKind::date
              : column.type == SqlType::datetimeoffset ? ValueKind::other
                                                       : ValueKind::timestamp;
  const bool has_offset = column.type == SqlType::datetimeoffset;
  if (column.type != SqlType::date) {
    if (column.type != SqlType::time) {
      if (!rest.starts_with(' ') && !rest.starts_with('T')) refuse(column, field);
      rest.remove_prefix(1);
      into.text += has_offset ? ' ' : 'T';
    }
    append_clock(into.text, column, rest, has_offset ? column.scale : 0);
  }
  if (has_offset) {
    if (!has_shape(rest, " +00:00") && !has_shape(rest, " -00:00")) refuse(column, field);
    into.text.append(rest);
    rest = {};
  }
  if (!rest.empty()) refuse(column, field);
}

bool set_text(Value& into, const SqlColumn& column, std::string_view field) {
  if (!decode_bcp(column, as_bytes(field), into)) return false;
  // As packages have it: in some code pages as many bytes are fewer characters.
  if (column.type == SqlType::character && !column.is_nullable) {
    const std::size_t units = utf16_units(into.text);
    if (units < column.length) into.text.append(column.length - units, ' ');
  }
  return true;
}

void set_guid(Value& into, const SqlColumn& column, std::string_view field) {
  constexpr std::size_t guid_characters = 36;
  if (field.size() != guid_characters) refuse(column, field);
  set(into, ValueKind::text, field);
  for (char& c : into.text)
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
}

bool set_plain(Value& into, const SqlColumn& column, std::string_view field) {
  if (is_text(column.type)) return set_text(into, column, field);
  switch (column.type) {
    case SqlType::bit:
    case SqlType::tinyint:
    case SqlType::smallint:
    case SqlType::integer:
    case SqlType::bigint:
    case SqlType::decimal:
    case SqlType::money:
    case SqlType::smallmoney:
      set_number(into, column, field);
      break;
    case SqlType::real:
    case SqlType::floating:
      set_real(into, column, field);
      break;
    case SqlType::date:
    case SqlType::time:
    case SqlType::datetime:
    case SqlType::datetime2:
    case SqlType::smalldatetime:
    case SqlType::datetimeoffset:
      set_moment(into, column, field);
      break;
    case SqlType::uniqueidentifier:
      set_guid(into, column, field);
      break;
    default:
      set(into, ValueKind::bytes, field);
  }
  return true;
}

// What a sql_variant is selected as: its type, three properties, and its value as a text, or as
// bytes: of a real the first one first.
enum VariantField : std::uint8_t { base, precision, scale, max_length, text, raw, variant_fields };

bool is_selected_raw(SqlType type) noexcept {
  return type == SqlType::binary || type == SqlType::varbinary || type == SqlType::real ||
         type == SqlType::floating;
}

std::string variant_case(std::string_view name) {
  return fmt::format("CASE CONVERT(varchar(128),SQL_VARIANT_PROPERTY({},'BaseType'))", name);
}

std::string variant_text(std::string_view name) {
  // As a whole too: of its branches a server may make another type.
  std::string sql = "CONVERT(nvarchar(max)," + variant_case(name);
  for (const std::string_view type : {"binary", "varbinary", "real", "float"})
    sql += fmt::format(" WHEN '{}' THEN NULL", type);
  for (const std::string_view type : {"money", "smallmoney"})
    sql +=
        fmt::format(" WHEN '{}' THEN CONVERT(nvarchar(max),CONVERT(decimal(19,4),{}))", type, name);
  for (const std::string_view type :
       {"date", "time", "datetime", "smalldatetime", "datetime2", "datetimeoffset"})
    sql += fmt::format(" WHEN '{0}' THEN CONVERT(nvarchar(max),CONVERT({0},{1}),121)", type, name);
  return sql + fmt::format(" ELSE CONVERT(nvarchar(max),{}) END)", name);
}

std::string variant_raw(std::string_view name) {
  std::string sql = "CONVERT(varbinary(8000)," + variant_case(name);
  for (const std::string_view type : {"binary", "varbinary"})
    sql += fmt::format(" WHEN '{}' THEN CONVERT(varbinary(8000),{})", type, name);
  const auto real = [&](std::string_view type, unsigned bytes) {
    sql += fmt::format(
        " WHEN '{0}' THEN CONVERT(varbinary(8000),CONVERT(binary({1}),CONVERT({0},{2})))", type,
        bytes, name);
  };
  real("real", 4);
  real("float", 8);
  return sql + " END)";
}

unsigned property(const SqlColumn& column, std::string_view field) {
  unsigned number = 0;
  const auto [end, failure] = std::from_chars(field.data(), field.data() + field.size(), number);
  if (failure != std::errc() || end != field.data() + field.size()) refuse(column, field);
  return number;
}

std::string raw_text(const SqlColumn& column, std::string_view bytes) {
  const std::byte* const at = as_bytes(bytes).data();
  if (column.type == SqlType::real && bytes.size() == 4)
    return fmt::format("{}", std::bit_cast<float>(load_be32(at)));
  if (column.type == SqlType::floating && bytes.size() == 8)
    return fmt::format("{}", std::bit_cast<double>(load_be64(at)));
  if (column.type == SqlType::real || column.type == SqlType::floating) refuse(column, bytes);
  return "0x" + to_hex(as_bytes(bytes));
}

bool set_variant(Value& into, const SqlColumn& column, Fields fields) {
  check_rule(fields.size() == variant_fields, "a sql_variant has its fields");
  SqlColumn own;
  own.name = column.name;
  own.type_name = ascii_lower(fields[base]);
  own.type = sql_type(own.type_name);
  own.precision = property(column, fields[precision]);
  own.scale = property(column, fields[scale]);
  const bool is_wide = own.type == SqlType::nchar || own.type == SqlType::nvarchar;
  own.length = property(column, fields[max_length]) / (is_wide ? 2U : 1U);
  if (own.type == SqlType::unknown || own.type == SqlType::variant) refuse(column, fields[base]);
  std::string shown;
  bool is_whole = true;
  if (is_selected_raw(own.type)) {
    shown = raw_text(own, fields[raw]);
  } else {
    // The text of whatever it is comes as any text does.
    SqlColumn its_text = own;
    its_text.type = SqlType::nvarchar;
    is_whole = set_text(into, its_text, fields[text]);
    shown = is_whole ? std::move(into.text) : "0x" + to_hex(as_bytes(fields[text]));
    if (is_whole && !is_text(own.type)) {
      static_cast<void>(set_plain(into, own, shown));
      shown = std::move(into.text);
    }
  }
  into.kind = ValueKind::other;
  into.text = fmt::format("{} {}", own.declared(), shown);
  return is_whole;
}

// How many bytes its fields have.
std::size_t set_row(model::Row& row, const Rows& rows, const SqlTable& table,
                    std::uint64_t number) {
  row.resize(table.columns.size());
  std::array<std::string_view, variant_fields> fields;
  std::size_t bytes = 0;
  unsigned at = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const SqlColumn& column = table.columns[i];
    const unsigned count = column.type == SqlType::variant ? unsigned{variant_fields} : 1U;
    if (rows.is_null(at)) {
      row[i].kind = ValueKind::null;
      row[i].text.clear();
    } else {
      for (unsigned j = 0; j < count; ++j) {
        fields[j] = rows.field(at + j);
        bytes += fields[j].size();
      }
      try {
        static_cast<void>(set_value(row[i], column, Fields(fields).first(count)));
      } catch (Error& error) {
        error.add_context(fmt::format("reading row {}, column {} of {}", number, column.name,
                                      table.name.display()));
        throw;
      }
    }
    at += count;
  }
  return bytes;
}

}  // namespace

std::vector<Selected> selected_of(const SqlColumn& column) {
  const std::string name = identifier(column.name);
  const auto converted = [&](std::string_view type, Fetch fetch) -> Selected {
    return {fmt::format("CONVERT({},{})", type, name), fetch};
  };
  constexpr unsigned units_max = 4000;
  switch (column.type) {
    case SqlType::money:
    case SqlType::smallmoney:
      return {converted("decimal(19,4)", Fetch::text)};
    case SqlType::real:
    case SqlType::floating:
      return {{name, Fetch::real}};
    case SqlType::date:
    case SqlType::time:
    case SqlType::datetime:
    case SqlType::datetime2:
    case SqlType::smalldatetime:
    case SqlType::datetimeoffset:
      return {{fmt::format("CONVERT(varchar(40),{},121)", name), Fetch::text}};
    case SqlType::character:
    case SqlType::varchar:
      // Each byte of a code page is one unit of UTF-16 at most.
      if (column.is_max || column.length > units_max)
        return {converted("nvarchar(max)", Fetch::bytes)};
      return {converted(fmt::format("nvarchar({})", column.length), Fetch::bytes)};
    case SqlType::text:
      return {{fmt::format("CONVERT(nvarchar(max),CONVERT(varchar(max),{}))", name), Fetch::bytes}};
    case SqlType::ntext:
    case SqlType::xml:
      return {converted("nvarchar(max)", Fetch::bytes)};
    case SqlType::image:
    case SqlType::clr:
      return {converted("varbinary(max)", Fetch::bytes)};
    case SqlType::rowversion:
      return {converted("binary(8)", Fetch::bytes)};
    case SqlType::nchar:
    case SqlType::nvarchar:
    case SqlType::binary:
    case SqlType::varbinary:
      return {{name, Fetch::bytes}};
    case SqlType::variant: {
      const auto of = [&](std::string_view type, std::string_view what) -> Selected {
        return {fmt::format("CONVERT({},SQL_VARIANT_PROPERTY({},'{}'))", type, name, what),
                Fetch::text};
      };
      return {of("varchar(128)", "BaseType"),
              of("int", "Precision"),
              of("int", "Scale"),
              of("int", "MaxLength"),
              {variant_text(name), Fetch::bytes},
              {variant_raw(name), Fetch::bytes}};
    }
    default:
      return {{name, Fetch::text}};
  }
}

bool set_value(Value& into, const SqlColumn& column, Fields fields) {
  if (column.type == SqlType::variant) return set_variant(into, column, fields);
  return set_plain(into, column, fields[0]);
}

void read_rows(Session& session, const SqlTable& table, model::RowSink& into,
               const std::stop_token& stop, std::string_view behind) {
  check_rule(table.obstacle().empty(), "rows are read of tables whose columns are known");
  std::string list;
  std::vector<Fetch> fetch;
  std::vector<model::Column> columns;
  for (const SqlColumn& column : table.columns) {
    for (const Selected& one : selected_of(column)) {
      list += (list.empty() ? "" : ",") + one.expression;
      fetch.push_back(one.fetch);
    }
    columns.push_back({column.name, column.declared()});
  }
  into.columns(columns);
  const std::string sql = fmt::format("SELECT {} FROM {}.{}{}", list, identifier(table.name.schema),
                                      identifier(table.name.table), behind);
  Rows rows = session.stream(sql, fetch);
  model::Row row;
  for (std::uint64_t count = 1; rows.next(); ++count) {
    const std::size_t bytes = set_row(row, rows, table, count);
    into.row(row);
    if (bytes >= wide_row_bytes) row = {};
    if (stop.stop_requested()) throw Error(Errc::cancelled, "stopped reading rows");
  }
}

}  // namespace holdfast::engine::sqlserver
