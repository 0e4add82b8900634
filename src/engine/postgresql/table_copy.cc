// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/table_copy.h"

#include <fmt/format.h>

#include <cstring>
#include <map>
#include <span>

#include "base/error.h"
#include "engine/postgresql/catalog.h"
#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

constexpr std::size_t copy_bytes = std::size_t{64} << 10U;
// Of a row that is put together to be sent as binary; longer ones are passed on as they come.
constexpr std::size_t row_bytes_max = std::size_t{1} << 20U;

}  // namespace

std::vector<BinaryForm> binary_forms_of(Connection& connection, const model::TableName& table,
                                        const std::vector<std::string>& columns) {
  const Rows rows =
      connection.query(fmt::format("SELECT a.attname, t.typname FROM pg_catalog.pg_attribute a"
                                   " JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
                                   " WHERE a.attrelid = {}::pg_catalog.regclass AND a.attnum > 0"
                                   " AND t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace",
                                   quote_text(quote_name(table))));
  std::map<std::string_view, std::string_view> types;
  for (std::size_t i = 0; i < rows.size(); ++i) types[rows.view(i, 0)] = rows.view(i, 1);
  std::vector<BinaryForm> forms;
  for (const std::string& column : columns) {
    const auto type = types.find(column);
    const auto form = type == types.end() ? std::nullopt : binary_form_of(type->second);
    if (!form) return {};
    forms.push_back(*form);
  }
  return forms;
}

TableCopy::TableCopy(Connection& connection, const model::TableName& table,
                     const std::vector<std::string>& columns, std::string_view encoding,
                     bool frozen)
    : connection_(connection),
      text_statement_(copy_in_statement(table, columns, encoding, frozen)),
      binary_statement_(copy_in_binary_statement(table, columns, frozen)) {
  // The binary format has no encoding of its own: it is the session's, which is UTF8 then.
  if (encoding == "UTF8" && connection.encoding() == "UTF8")
    forms_ = binary_forms_of(connection, table, columns);
}

std::uint64_t TableCopy::copy(ByteSource& source) {
  Bytes buffer(copy_bytes);
  std::size_t held = 0;
  std::uint64_t rows = 0;
  if (!forms_.empty()) {
    rows = copy_binary(source, buffer, held);
    if (held == 0) return rows;
    // The first line of a stream tells the server how lines end; this is not the first.
    const std::string_view left = as_text(ByteView(buffer).first(held));
    if (rows > 0 && left.substr(0, left.find('\n')).find('\r') != std::string_view::npos)
      throw Error(Errc::corrupt, "a bare carriage return stands in a row");
  }
  Connection::CopyIn copy(connection_, text_statement_);
  copy.write(ByteView(buffer).first(held));
  while (const std::size_t count = source.read(buffer)) copy.write(ByteView(buffer).first(count));
  return rows + copy.end();
}

std::uint64_t TableCopy::copy_binary(ByteSource& source, Bytes& buffer, std::size_t& held) {
  Connection::CopyIn copy(connection_, binary_statement_);
  BinaryRows rows(forms_);
  Bytes binary;
  BinaryRows::begin(binary);
  bool is_plain = true, is_over = false;
  while (is_plain && held < row_bytes_max) {
    if (held == buffer.size()) buffer.resize(2 * held);
    const std::size_t count = source.read(std::span(buffer).subspan(held));
    if (count == 0) break;
    std::string_view rest = as_text(ByteView(buffer).first(held + count));
    auto end = rest.find('\n', held);
    for (; end != std::string_view::npos; end = rest.find('\n')) {
      const std::string_view line = rest.substr(0, end);
      is_over = is_over || line == "\\.";
      is_plain = is_over || rows.add(line, binary);
      if (!is_plain) break;
      rest.remove_prefix(end + 1);
      if (binary.size() < copy_bytes) continue;
      copy.write(binary);
      binary.clear();
    }
    // What follows the end of the data means nothing.
    held = is_over ? 0 : rest.size();
    if (held > 0) std::memmove(buffer.data(), rest.data(), held);
  }
  BinaryRows::end(binary);
  copy.write(binary);
  return copy.end();
}

}  // namespace holdfast::engine::postgresql
