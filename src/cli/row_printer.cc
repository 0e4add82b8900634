// SPDX-License-Identifier: Apache-2.0
#include "cli/row_printer.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/json.h"

namespace holdfast::cli {

namespace {

std::string csv_field(std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of("\",\r\n") == std::string_view::npos &&
                     text.front() != ' ' && text.back() != ' ';
  if (plain) return std::string(text);
  std::string field = "\"";
  for (const char c : text) {
    if (c == '"') field += '"';
    field += c;
  }
  return field + "\"";
}

std::string csv_value(const model::Value& value) {
  switch (value.kind) {
    case model::ValueKind::null:
      return "";
    case model::ValueKind::real:
      return fmt::format("{}", value.real);
    case model::ValueKind::bytes:
      return "\\x" + to_hex(as_bytes(value.text));
    default:
      return csv_field(value.text);
  }
}

Json base64_value(std::string_view bytes) {
  return Json::object().set("base64", to_base64(as_bytes(bytes)));
}

Json json_number(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc() && end == text.data() + text.size()) return number;
  return text;
}

Json json_value(const model::Value& value) {
  switch (value.kind) {
    case model::ValueKind::null:
      return nullptr;
    case model::ValueKind::number:
      return json_number(value.text);
    case model::ValueKind::real:
      return std::isfinite(value.real) ? Json(value.real) : Json(fmt::format("{}", value.real));
    case model::ValueKind::bytes:
      return base64_value(value.text);
    default:
      return is_utf8(value.text) ? Json(value.text) : base64_value(value.text);
  }
}

}  // namespace

void CsvPrinter::columns(const std::vector<model::Column>& columns) {
  std::string line;
  for (const model::Column& column : columns)
    line += (line.empty() ? "" : ",") + csv_field(column.name);
  line += "\r\n";
  output_.write(as_bytes(line));
}

void CsvPrinter::row(const model::Row& row) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += ',';
    line += csv_value(row[i]);
  }
  line += "\r\n";
  output_.write(as_bytes(line));
}

void JsonRowPrinter::columns(const std::vector<model::Column>& columns) {
  names_.clear();
  for (const model::Column& column : columns) names_.push_back(column.name);
}

void JsonRowPrinter::row(const model::Row& row) {
  Json line = Json::object();
  for (std::size_t i = 0; i < row.size() && i < names_.size(); ++i)
    line.set(names_[i], json_value(row[i]));
  output_.write(as_bytes(line.dump() + "\n"));
}

}  // namespace holdfast::cli
