// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/quote.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/manifest.h"

namespace holdfast::engine::postgresql {
namespace {

void refuse_nul(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    throw Error(Errc::usage, "a name or text for PostgreSQL has a NUL byte in it");
}

// `text` between `quote`s; `quote` and `\` within it are escaped by `escape` before them.
std::string escaped(std::string_view text, char quote, char escape) {
  refuse_nul(text);
  std::string result(1, quote);
  for (const char c : text) {
    if (c == quote || (escape == '\\' && c == '\\')) result += escape;
    result += c;
  }
  return result + quote;
}

}  // namespace

std::string quote_name(std::string_view name) {
  return escaped(name, '"', '"');
}

std::string quote_name(const model::TableName& table) {
  return quote_name(table.schema) + "." + quote_name(table.table);
}

std::string quote_text(std::string_view text) {
  refuse_nul(text);
  std::string result;
  bool backslashes = false;
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += c;
    backslashes = backslashes || c == '\\';
    result += c;
  }
  return (backslashes ? " E'" : "'") + result + "'";
}

std::string quote_conninfo(std::string_view text) {
  return escaped(text, '\'', '\\');
}

std::string quote_psql(std::string_view text) {
  return escaped(text, '\'', '\\');
}

std::string quote_passfile(std::string_view text) {
  refuse_nul(text);
  std::string result;
  for (const char c : text) {
    if (c == '\n') throw Error(Errc::usage, "a password file cannot hold a line break");
    if (c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string part_of_table(const model::TableName& table, std::size_t range) {
  return fmt::format("tables/{}/{}/{:05}.copy", model::escape_name(table.schema),
                     model::escape_name(table.table), range);
}

}  // namespace holdfast::engine::postgresql
