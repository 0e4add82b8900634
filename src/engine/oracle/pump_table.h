// SPDX-License-Identifier: Apache-2.0
// What a Data Pump file says of a table: the document before its rows, and the longer one that the
// master table keeps of each table, or the file itself where metadata is not compressed.
//
// Source: measured in genuine files; numbers of types are those of Oracle's data dictionary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "engine/oracle/character_sets.h"
#include "model/table_definition.h"
#include "model/value.h"

namespace holdfast::engine::oracle {

// Documents that are longer are not read.
inline constexpr std::size_t pump_document_bytes_max = std::size_t{8} << 20U;

struct PumpColumn {
  std::string name;
  unsigned type_number = 0;  // 1 VARCHAR2, 2 NUMBER, 12 DATE, 112 CLOB, …
  std::uint64_t length_bytes = 0;
  std::optional<unsigned> precision;
  std::optional<int> scale;
  bool is_nullable = true;
  bool is_hidden = false;  // made by the server; rows of a unit may have it nevertheless
  std::uint16_t charset_id = 0;
  bool is_national = false;
  std::uint64_t length_characters = 0;  // 0: not told

  // CLOB, NCLOB or BLOB: their values come behind those of all other columns.
  [[nodiscard]] bool is_apart() const noexcept { return type_number == 112 || type_number == 113; }
  // Whether both are the same column; how many characters it has need not be told.
  friend bool operator==(const PumpColumn& a, const PumpColumn& b) noexcept;
};

struct PumpTable {
  model::TableName name;
  bool is_stream = false;           // of a unit; its columns are those of the rows
  std::string charset, national;    // "AL32UTF8", "AL16UTF16"; streams only
  std::optional<int> zone_minutes;  // of the database; streams only
  std::vector<PumpColumn> columns;
  std::vector<std::string> primary_key;
  std::vector<std::vector<std::string>> unique;
};

// The table of a document in UTF-8; nothing if it is a document of something else. Errc::corrupt
// with `what` for what is none.
[[nodiscard]] std::optional<PumpTable> parse_pump_table(std::string_view document,
                                                        std::string_view what);

// "NUMBER(10,2)", "VARCHAR2(20 CHAR)", as Oracle declares it; "type 121" if it is not known.
[[nodiscard]] std::string pump_type_name(const PumpColumn& column);

// Why values of this table cannot be read, naming the column; empty: they can.
[[nodiscard]] std::string why_unreadable(const PumpTable& table);

// A column that cannot be read says so: ColumnDefinition::obstacle.
[[nodiscard]] model::TableDefinition define(const PumpTable& table);

// Values of one table as they are stored, made those of the model. One thread.
class PumpDecoder {
 public:
  // why_unreadable() has told nothing. The table outlives it.
  explicit PumpDecoder(const PumpTable& table);
  // Errc::corrupt naming the column.
  [[nodiscard]] model::Value decode(std::size_t column, ByteView stored);

 private:
  [[nodiscard]] model::Value text(const PumpColumn& column, ByteView stored);

  const PumpTable& table_;
  std::vector<std::string> contexts_;  // of errors, by column
  std::map<std::uint16_t, TextDecoder> texts_;
};

}  // namespace holdfast::engine::oracle
