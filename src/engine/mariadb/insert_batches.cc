// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/insert_batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/values.h"
#include "engine/wide_row.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr std::size_t chunk_bytes = 1U << 20U;

// INSERT statements of many rows, where LOAD DATA LOCAL is forbidden.
class Inserter {
 public:
  Inserter(Connection& connection, const CopiedTable& table)
      : connection_(connection), table_(table) {
    packet_bytes_ = static_cast<std::size_t>(connection.number("SELECT @@max_allowed_packet"));
    statement_bytes_ = std::clamp<std::size_t>(packet_bytes_ / 2, 4096, 1U << 20U);
    for (const LoadColumn& column : table.columns)
      head_ += (head_.empty() ? "" : ", ") + quote_name(column.name);
    head_ = fmt::format("INSERT INTO {} ({}) VALUES ", quote_name(table.name), head_);
    sql_ = head_;
  }

  std::uint64_t run(ByteSource& source) {
    connection_.run("START TRANSACTION");
    Bytes chunk(chunk_bytes);
    std::string text;
    LineParser line;
    WideRowTurn turn(WideRowTurn::Way::writing);
    while (true) {
      turn.take(text.size() + chunk_bytes, connection_.stop());
      const std::size_t count = source.read(chunk);
      if (count == 0) break;
      const std::size_t known = text.size();
      text += as_text(ByteView(chunk).first(count));
      // Within values line breaks are escaped: a long row is not read again and again.
      if (text.find('\n', known) == std::string::npos) continue;
      turn.got(text.size(), connection_.stop());
      std::size_t at = 0;
      while (line.next(text, at)) {
        if (turn.wide() && at >= wide_row_bytes / 2) drop_read(text, at);
        add(line);
      }
      text.erase(0, at);
      if (!turn.wide()) continue;
      // What a wide row took is free before another is put together.
      flush();
      sql_ = std::string(head_);
      line = LineParser();
      turn.done();
    }
    if (!text.empty())
      throw Error(Errc::corrupt,
                  fmt::format("the data of table {} ends within a row", table_.name));
    flush();
    connection_.run("COMMIT");
    return rows_;
  }

 private:
  // Of what is long three copies at once would be too many.
  static void drop_read(std::string& text, std::size_t& at) {
    text.erase(0, std::exchange(at, 0));
    text.shrink_to_fit();
  }

  void add(const LineParser& line) {
    if (line.fields() != table_.columns.size())
      throw Error(Errc::corrupt,
                  fmt::format("row {} of table {} has {} fields instead of {}", rows_ + 1,
                              table_.name, line.fields(), table_.columns.size()));
    // Escaped, and with what stands around it.
    std::size_t row_bytes = 16 * line.fields();
    for (std::size_t i = 0; i < line.fields(); ++i) row_bytes += 2 * line.field(i).size();
    if (sql_.size() + row_bytes >= packet_bytes_) flush();
    sql_ += sql_.size() == head_.size() ? "(" : ",(";
    for (std::size_t i = 0; i < line.fields(); ++i) {
      if (i > 0) sql_ += ',';
      if (line.is_null(i)) {
        sql_ += "NULL";
      } else {
        if (!table_.columns[i].converted) sql_ += "_binary";
        // Grown by doubling, it would be copied while it is largest.
        if (line.field(i).size() >= chunk_bytes)
          sql_.reserve(sql_.size() + 2 * line.field(i).size() + chunk_bytes);
        append_quoted(sql_, line.field(i));
      }
    }
    sql_ += ')';
    ++rows_;
    if (sql_.size() >= statement_bytes_) flush();
  }

  void flush() {
    if (sql_.size() == head_.size()) return;
    if (sql_.size() >= packet_bytes_) refuse_size();
    connection_.run(sql_);
    sql_ = head_;
  }

  // The server would break the connection off.
  [[noreturn]] void refuse_size() const {
    constexpr std::size_t unit_bytes = 1024;
    const std::size_t needed = (sql_.size() / unit_bytes + 1) * unit_bytes;
    throw Error(Errc::unsupported,
                fmt::format("a row of table {} needs a statement of {} bytes, and "
                            "max_allowed_packet of the server is {}",
                            table_.name, sql_.size(), packet_bytes_))
        .set_hint(fmt::format("Set max_allowed_packet to {} or more (at most 1 GiB), or allow "
                              "local_infile, on the server.",
                              needed));
  }

  Connection& connection_;
  const CopiedTable& table_;
  std::size_t packet_bytes_, statement_bytes_;
  std::string head_, sql_;
  std::uint64_t rows_ = 0;
};

}  // namespace

std::uint64_t insert_rows(Connection& connection, const CopiedTable& table, ByteSource& source) {
  return Inserter(connection, table).run(source);
}

}  // namespace holdfast::engine::mariadb
