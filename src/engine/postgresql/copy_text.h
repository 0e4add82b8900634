// SPDX-License-Identifier: Apache-2.0
// The text format of COPY: rows to typed values, exactly as docs/digest.md has them. Knows no
// server.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "model/value.h"

namespace holdfast::engine::postgresql {

// How the text of a column becomes a value.
enum class TextForm : std::uint8_t {
  number,
  boolean,
  single_real,
  double_real,
  text,
  bytea,
  date,
  time,
  timestamp,
  instant,
  other,
};

struct CopyColumn {
  std::string name;
  std::string type;  // as the server declares it: "numeric(12,2)"
  TextForm form = TextForm::other;
};

// The form of a type of pg_catalog by its name in pg_type: "int4", "timestamptz". Whatever has no
// common meaning (arrays, ranges, jsonb, uuid …) is other.
[[nodiscard]] TextForm form_of(std::string_view type_name) noexcept;

// Reads one row, with or without its line end, into `row`, whose memory is used again. `nulls`,
// escapes and the count of columns are as COPY TO writes them; Errc::corrupt for anything else.
class RowReader {
 public:
  explicit RowReader(std::vector<CopyColumn> columns) : columns_(std::move(columns)) {}
  [[nodiscard]] const std::vector<CopyColumn>& columns() const noexcept { return columns_; }
  void read(ByteView line, model::Row& row);

 private:
  std::vector<CopyColumn> columns_;
  std::string field_;  // unescaped
};

// Undoes the escapes of one field. False if it ends within one.
[[nodiscard]] bool unescape_field(std::string_view field, std::string& into);

// The columns as a RowSink wants them.
[[nodiscard]] std::vector<model::Column> columns_of(const std::vector<CopyColumn>& columns);

// Cuts text that comes in pieces of any size into lines, each with its line end, but perhaps the
// last. Errc::corrupt for a line longer than `line_bytes_max`.
class LineCutter {
 public:
  explicit LineCutter(std::function<void(ByteView)> line,
                      std::size_t line_bytes_max = std::size_t{2} << 30U)
      : line_(std::move(line)), line_bytes_max_(line_bytes_max) {}
  void write(ByteView bytes);
  void finish();  // gives out what is left

 private:
  std::function<void(ByteView)> line_;
  std::size_t line_bytes_max_;
  Bytes begun_;
};

}  // namespace holdfast::engine::postgresql
