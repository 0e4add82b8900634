// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/copy_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"

namespace holdfast::engine::postgresql {
namespace {

using model::Value;
using model::ValueKind;

constexpr std::array<std::pair<std::string_view, TextForm>, 23> forms{{
    {"bool", TextForm::boolean},        {"int2", TextForm::number},
    {"int4", TextForm::number},         {"int8", TextForm::number},
    {"oid", TextForm::number},          {"numeric", TextForm::number},
    {"float4", TextForm::single_real},  {"float8", TextForm::double_real},
    {"text", TextForm::text},           {"varchar", TextForm::text},
    {"bpchar", TextForm::text},         {"char", TextForm::text},
    {"name", TextForm::text},           {"citext", TextForm::text},
    {"json", TextForm::text},           {"xml", TextForm::text},
    {"bytea", TextForm::bytea},         {"date", TextForm::date},
    {"time", TextForm::time},           {"timestamp", TextForm::timestamp},
    {"timestamptz", TextForm::instant}, {"xid", TextForm::number},
    {"xid8", TextForm::number},
}};

[[noreturn]] void refuse(std::string_view what, std::string_view text) {
  throw Error(Errc::corrupt, fmt::format("`{}` is no {}", text.substr(0, 60), what));
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool are_digits(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void set(Value& value, ValueKind kind, std::string_view text) {
  value.kind = kind;
  value.text.assign(text);
}

void set_number(Value& value, std::string_view text) {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity")
    return set(value, ValueKind::other, text);
  // PostgreSQL writes neither exponents nor superfluous zeros before the point; what is left to do
  // is to cut zeros behind it.
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  const auto point = digits.find('.');
  const std::string_view whole = digits.substr(0, point);
  const bool plain =
      !whole.empty() && are_digits(whole) && (whole.size() == 1 || whole.front() != '0');
  if (!plain) {
    value = Value::number(text);
    return;
  }
  if (point == std::string_view::npos) {
    if (digits == "0") text = digits;
    return set(value, ValueKind::number, text);
  }
  const std::string_view fraction = digits.substr(point + 1);
  if (!are_digits(fraction)) refuse("number", text);
  while (text.ends_with('0')) text.remove_suffix(1);
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text == "-0") text = "0";
  set(value, ValueKind::number, text);
}

template <typename Real>
void set_real(Value& value, std::string_view text) {
  Real real{};
  if (text == "NaN") {
    real = std::numeric_limits<Real>::quiet_NaN();
  } else if (text == "Infinity") {
    real = std::numeric_limits<Real>::infinity();
  } else if (text == "-Infinity") {
    real = -std::numeric_limits<Real>::infinity();
  } else {
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), real);
    if (failure != std::errc() || end != text.data() + text.size()) refuse("real number", text);
  }
  value = Value::of_real(static_cast<double>(real));
}

void set_bytes(Value& value, std::string_view text) {
  if (!text.starts_with("\\x")) refuse("bytea in hex", text);
  value.kind = ValueKind::bytes;
  value.text.resize(text.size() / 2 - 1);
  if (!read_hex(text.substr(2), std::as_writable_bytes(std::span(value.text))))
    refuse("bytea in hex", text);
}

// "2026-11-20 10:56:01.5+00 BC" and its shorter relatives.
void set_moment(Value& value, TextForm form, std::string_view text) {
  if (text == "infinity" || text == "-infinity") return set(value, ValueKind::other, text);
  const std::string_view all = text;
  const bool before = text.ends_with(" BC");
  if (before) text.remove_suffix(3);
  value.kind = form == TextForm::date      ? ValueKind::date
               : form == TextForm::instant ? ValueKind::instant
                                           : ValueKind::timestamp;
  if (form == TextForm::instant) {
    if (!text.ends_with("+00")) refuse("moment in UTC", all);
    text.remove_suffix(3);
  }
  value.text.clear();
  if (before) value.text += '-';
  value.text += text;
  const auto space = value.text.find(' ');
  if ((space == std::string::npos) != (form == TextForm::date)) refuse("date or moment", all);
  if (space != std::string::npos) value.text[space] = 'T';
  if (form == TextForm::instant) value.text += 'Z';
}

void set_value(Value& value, TextForm form, std::string_view text) {
  switch (form) {
    case TextForm::number:
      return set_number(value, text);
    case TextForm::boolean:
      if (text != "t" && text != "f") refuse("boolean", text);
      return set(value, ValueKind::number, text == "t" ? "1" : "0");
    case TextForm::single_real:
      return set_real<float>(value, text);
    case TextForm::double_real:
      return set_real<double>(value, text);
    case TextForm::text:
      return set(value, is_utf8(text) ? ValueKind::text : ValueKind::bytes, text);
    case TextForm::bytea:
      return set_bytes(value, text);
    case TextForm::date:
    case TextForm::timestamp:
    case TextForm::instant:
      return set_moment(value, form, text);
    case TextForm::time:
      return set(value, ValueKind::time, text);
    case TextForm::other:
      return set(value, ValueKind::other, text);
  }
}

// One escape; `rest` begins behind the backslash and loses what belongs to it.
char unescape(std::string_view& rest) {
  const char c = rest.front();
  rest.remove_prefix(1);
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    case 'x': {
      if (rest.empty() || hex_digit(rest.front()) < 0) return 'x';
      int code = 0;
      for (int i = 0; i < 2 && !rest.empty() && hex_digit(rest.front()) >= 0; ++i) {
        code = code * 16 + hex_digit(rest.front());
        rest.remove_prefix(1);
      }
      return static_cast<char>(code);
    }
    default:
      break;
  }
  if (c < '0' || c > '7') return c;
  int code = c - '0';
  for (int i = 0; i < 2 && !rest.empty() && rest.front() >= '0' && rest.front() <= '7'; ++i) {
    code = code * 8 + (rest.front() - '0');
    rest.remove_prefix(1);
  }
  return static_cast<char>(code & 0xff);
}

}  // namespace

bool unescape_field(std::string_view field, std::string& into) {
  into.clear();
  while (!field.empty()) {
    const auto slash = std::min(field.find('\\'), field.size());
    into.append(field.substr(0, slash));
    field.remove_prefix(slash);
    if (field.empty()) return true;
    field.remove_prefix(1);
    if (field.empty()) return false;
    into += unescape(field);
  }
  return true;
}

TextForm form_of(std::string_view type_name) noexcept {
  const auto* const found = std::find_if(forms.begin(), forms.end(),
                                         [&](const auto& form) { return form.first == type_name; });
  return found == forms.end() ? TextForm::other : found->second;
}

void RowReader::read(ByteView line, model::Row& row) {
  std::string_view rest = as_text(line);
  if (rest.ends_with('\n')) rest.remove_suffix(1);
  row.resize(columns_.size());
  if (columns_.empty()) {
    if (!rest.empty()) throw Error(Errc::corrupt, "a row has fields, its table has no columns");
    return;
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto tab = rest.find('\t');
    const bool last = i + 1 == columns_.size();
    if (last != (tab == std::string_view::npos)) {
      throw Error(Errc::corrupt,
                  fmt::format("a row does not have the {} columns of its table", columns_.size()));
    }
    const std::string_view field = rest.substr(0, tab);
    if (!last) rest.remove_prefix(tab + 1);
    if (field == "\\N") {
      row[i].kind = ValueKind::null;
      row[i].text.clear();
    } else if (columns_[i].form == TextForm::bytea && field.starts_with("\\\\x")) {
      // Hex digits need no escaping, and may be many.
      set_value(row[i], columns_[i].form, field.substr(1));
    } else if (field.find('\\') == std::string_view::npos) {
      set_value(row[i], columns_[i].form, field);
    } else {
      if (!unescape_field(field, field_)) refuse("field: it ends within an escape", field);
      set_value(row[i], columns_[i].form, field_);
    }
  }
}

std::vector<model::Column> columns_of(const std::vector<CopyColumn>& columns) {
  std::vector<model::Column> result;
  for (const CopyColumn& column : columns) result.push_back({column.name, column.type});
  return result;
}

void LineCutter::write(ByteView bytes) {
  while (!bytes.empty()) {
    const void* const found = std::memchr(bytes.data(), '\n', bytes.size());
    const std::size_t count =
        found == nullptr
            ? bytes.size()
            : static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data()) + 1;
    if (begun_.size() + count > line_bytes_max_)
      throw Error(Errc::corrupt, "a row is longer than any row can be");
    if (found != nullptr && begun_.empty()) {
      line_(bytes.first(count));
    } else {
      append(begun_, bytes.first(count));
      if (found != nullptr) {
        line_(begun_);
        begun_.clear();
      }
    }
    bytes = bytes.subspan(count);
  }
}

void LineCutter::finish() {
  if (begun_.empty()) return;
  line_(begun_);
  begun_.clear();
}

}  // namespace holdfast::engine::postgresql
