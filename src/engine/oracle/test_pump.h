// SPDX-License-Identifier: Apache-2.0
// Writes Data Pump files as expdp does, for tests where no genuine file exists. What it writes is
// synthetic and says so: its platform is "SYNTHETIC". It follows what was measured, so that it
// proves nothing about Oracle, only about the reader.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"

namespace holdfast::engine::oracle {

using TestValue = std::optional<std::string>;  // as it is stored; nothing: NULL
using TestRow = std::vector<TestValue>;        // in the order of columns

struct TestColumn {
  std::string name;
  unsigned type = 1;
  unsigned length = 100;
  std::string more = "<CHARSETID>873</CHARSETID><CHARSETFORM>1</CHARSETFORM>";
  [[nodiscard]] bool is_apart() const { return type == 112 || type == 113; }
};

// NUMBER as Oracle stores whole ones.
inline std::string test_number(std::int64_t value) {
  if (value == 0) return "\x80";
  std::vector<int> digits;
  const bool negative = value < 0;
  for (std::uint64_t left = static_cast<std::uint64_t>(negative ? -value : value); left > 0;
       left /= 100)
    digits.insert(digits.begin(), static_cast<int>(left % 100));
  const int exponent = 0xC0 + static_cast<int>(digits.size());
  while (digits.back() == 0) digits.pop_back();
  std::string stored(1, static_cast<char>(negative ? 255 - exponent : exponent));
  for (const int digit : digits) stored += static_cast<char>(negative ? 101 - digit : digit + 1);
  if (negative) stored += '\x66';
  return stored;
}

// "7.1265", of which four digits are behind the point.
inline std::string test_position(std::uint64_t block, std::uint64_t offset) {
  std::string stored = test_number(static_cast<std::int64_t>(block));
  if (offset == 0) return stored;
  stored += static_cast<char>(offset / 100 + 1);
  if (offset % 100 != 0) stored += static_cast<char>(offset % 100 + 1);
  return stored;
}

inline std::string test_utf16(std::string_view ascii) {
  std::string wide;
  for (const char c : ascii) {
    wide += '\0';
    wide += c;
  }
  return wide;
}

inline std::string test_big_endian(std::uint64_t value, int size) {
  std::string bytes;
  for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>(value >> (8 * i) & 0xffU);
  return bytes;
}

// One value as it stands in a piece.
inline std::string test_stored(const TestValue& value) {
  if (!value) return "\xFF";
  if (value->size() < 0xFE) return static_cast<char>(value->size()) + *value;
  return '\xFE' + test_big_endian(value->size(), 2) + *value;
}

inline std::string test_piece(unsigned flags, std::size_t count, const std::string& values) {
  std::string piece = static_cast<char>(count) + values;
  if ((flags & 0x10U) != 0) piece = test_big_endian(piece.size() + 3, 2) + piece;
  return static_cast<char>(flags) + piece;
}

// A row in pieces; LOBs and long rows in chains of `chain_bytes`.
inline std::string test_row(const std::vector<TestColumn>& columns, const TestRow& row,
                            std::size_t chain_bytes = 65520) {
  std::vector<TestValue> inner, lobs;
  for (std::size_t i = 0; i < columns.size(); ++i)
    (columns[i].is_apart() ? lobs : inner).push_back(i < row.size() ? row[i] : TestValue());
  while (!lobs.empty() && !lobs.back()) lobs.pop_back();
  const bool plain = std::none_of(columns.begin(), columns.end(),
                                  [](const TestColumn& column) { return column.is_apart(); });
  if (lobs.empty())
    while (inner.size() > 1 && !inner.back()) inner.pop_back();
  struct Piece {
    unsigned flags;
    std::size_t count;
    std::string values;
  };
  std::vector<Piece> pieces;
  for (std::size_t at = 0; at < inner.size();) {
    Piece& piece = pieces.emplace_back(Piece{0, 0, ""});
    for (; at < inner.size() && piece.count < 255; ++at, ++piece.count)
      piece.values += test_stored(inner[at]);
  }
  for (const TestValue& lob : lobs) {
    if (!lob || lob->size() <= chain_bytes) {
      pieces.push_back({0, 1, test_stored(lob)});
      continue;
    }
    for (std::size_t at = 0; at < lob->size(); at += chain_bytes) {
      const bool goes_on = at + chain_bytes < lob->size();
      pieces.push_back(
          {(goes_on ? 1U : 0U) | (at > 0 ? 2U : 0U), 1, test_stored(lob->substr(at, chain_bytes))});
    }
  }
  std::string all;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    unsigned flags = pieces[i].flags;
    if (i == 0) flags |= 0x08U;
    if (i + 1 == pieces.size()) flags |= 0x04U;
    if (plain && pieces[i].values.size() < 60'000) flags |= pieces.size() == 1 ? 0x30U : 0x10U;
    all += test_piece(flags, pieces[i].count, pieces[i].values);
  }
  return all;
}

// The document of a unit ("STRMTABLE_T"), or of a table as it was created ("TABLE_T").
inline std::string test_document(std::string_view schema, std::string_view table,
                                 const std::vector<TestColumn>& columns,
                                 std::string_view kind = "STRMTABLE_T",
                                 std::string_view more = "") {
  const std::string named =
      fmt::format("<OWNER_NAME>{}</OWNER_NAME><NAME>{}</NAME>", schema, table);
  std::string document = fmt::format(
      "<?xml version=\"1.0\"?><ROWSET><ROW>\n  <{}><VERS_MAJOR>1</VERS_MAJOR>"
      "<CHARSET>AL32UTF8</CHARSET><NCHARSET>AL16UTF16</NCHARSET><DBTIMEZONE>+01:30</DBTIMEZONE>",
      kind);
  document += kind == "TABLE_T" ? "<SCHEMA_OBJ>" + named + "</SCHEMA_OBJ>" : named;
  document += "<COL_LIST>";
  for (const TestColumn& column : columns)
    document += fmt::format(
        "<COL_LIST_ITEM><NAME>{}</NAME><TYPE_NUM>{}</TYPE_NUM><LENGTH>{}</LENGTH>{}"
        "</COL_LIST_ITEM>",
        column.name, column.type, column.length, column.more);
  return document + fmt::format("</COL_LIST>{}</{}></ROW></ROWSET>", more, kind);
}

struct TestTable {
  std::string schema = "APP", name;
  std::vector<TestColumn> columns;
  std::vector<TestRow> rows;
  std::uint32_t file = 1;
  std::string partition = "";
  std::string path = "SCHEMA_EXPORT/TABLE/TABLE_DATA";
  std::string keys = "";  // of its definition
  std::size_t chain_bytes = 65520;
  std::string raw_rows = "";   // instead of rows, which are then only told
  std::int64_t rows_less = 0;  // than the master table tells
  bool is_unlisted = false;    // the master table does not know of the unit
  bool is_defined = true;      // the master table has its definition
};

class TestPump {
 public:
  unsigned major = 4, minor = 1;
  std::uint32_t files = 1, master_file = 1;
  bool has_master = true, plain_definitions = false;
  std::map<std::string, std::string> parameters{{"COMPRESSION", "METADATA_ONLY"},
                                                {"CLIENT_COMMAND", "app/secret@db schemas=app"}};
  std::uint16_t charset_id = 873;
  std::string charset = "AL32UTF8", version = "12.01.00.02.00", guid = std::string(16, '\x5A');
  std::int64_t job_errors = 0;
  std::vector<TestTable> tables;

  // The files, in the order of their numbers.
  [[nodiscard]] std::vector<std::string> write() {
    contents_.assign(files, "");
    master_rows_.clear();
    for (std::uint32_t i = 0; i < files; ++i) contents_[i].assign(block_bytes, '\0');
    add_row({{"PROCESS_ORDER", test_number(-1)},
             {"DUPLICATE", test_number(0)},
             {"NAME", "SYNTHETIC_JOB"},
             {"USER_NAME", "APP"},
             {"GUID", guid},
             {"JOB_MODE", "SCHEMA"},
             {"DB_VERSION", "12.1.0.2.0"},
             {"JOB_VERSION", "12.1.0.2.0"},
             {"INSTANCE", "synth"},
             {"ERROR_COUNT", test_number(job_errors)}});
    add_row({{"PROCESS_ORDER", test_number(-73)}, {"NAME", charset}, {"OBJECT_NAME", "AL16UTF16"}});
    std::int64_t number = 0;
    for (const auto& [name, value] : parameters)
      add_row({{"PROCESS_ORDER", test_number(-59)},
               {"DUPLICATE", test_number(++number)},
               {"NAME", name},
               {"VALUE_T", value}});
    std::int64_t order = 0;
    definition(++order);
    for (const TestTable& table : tables) add_table(table, order += 2);
    for (std::uint32_t i = 0; i < files; ++i)
      add_row({{"PROCESS_ORDER", test_number(-21)},
               {"DUPLICATE", test_number(i + 1)},
               {"FILE_NAME", fmt::format("/synthetic/{}.dmp", i + 1)},
               {"COMPLETED_BYTES", test_number(std::int64_t(contents_[i].size()))}});
    std::uint64_t master_block = 0, master_bytes = 0;
    if (has_master) {
      std::string& into = contents_[master_file - 1];
      master_block = into.size() / block_bytes + 1;
      std::string rows;
      for (const auto& row : master_rows_) rows += master_row(row);
      master_bytes = unit(into, test_document("APP", "SYNTHETIC_JOB", master_columns()), rows) + 8;
    }
    for (std::uint32_t i = 0; i < files; ++i)
      header(contents_[i], i + 1, has_master && i + 1 == master_file, master_block, master_bytes);
    return contents_;
  }

  // The same in a directory, as 1.dmp, 2.dmp …
  std::vector<std::filesystem::path> write(const std::filesystem::path& directory) {
    std::vector<std::filesystem::path> paths;
    for (const std::string& content : write()) {
      paths.push_back(directory / fmt::format("{}.dmp", paths.size() + 1));
      write_file_durably(paths.back(), as_bytes(content));
    }
    return paths;
  }

  static constexpr std::size_t block_bytes = 4096;

 private:
  using MasterRow = std::map<std::string, std::string>;

  static std::vector<TestColumn> master_columns() {
    std::vector<TestColumn> columns;
    for (const char* name :
         {"COMPLETED_BYTES", "COMPLETED_ROWS",  "DB_VERSION",       "DUMP_ALLOCATION",
          "DUMP_FILEID",     "DUMP_LENGTH",     "DUMP_ORIG_LENGTH", "DUMP_POSITION",
          "DUPLICATE",       "ERROR_COUNT",     "FILE_NAME",        "GUID",
          "INSTANCE",        "JOB_MODE",        "JOB_VERSION",      "NAME",
          "OBJECT_NAME",     "OBJECT_SCHEMA",   "OBJECT_TYPE_PATH", "PARTITION_NAME",
          "PROCESS_ORDER",   "TARGET_XML_CLOB", "USER_NAME",        "VALUE_N",
          "VALUE_T",         "XML_CLOB"}) {
      const std::string_view text = name;
      const bool is_number = text.ends_with("_BYTES") || text.ends_with("_ROWS") ||
                             (text.starts_with("DUMP_")) || text == "DUPLICATE" ||
                             text == "ERROR_COUNT" || text == "PROCESS_ORDER" || text == "VALUE_N";
      if (text.ends_with("CLOB"))
        columns.push_back({name, 112, 4000});
      else if (text == "GUID")
        columns.push_back({name, 23, 16, ""});
      else
        columns.push_back({name, is_number ? 2U : 1U, is_number ? 22U : 4000U});
    }
    return columns;
  }
  void add_row(MasterRow row) { master_rows_.push_back(std::move(row)); }
  static std::string master_row(const MasterRow& row) {
    const std::vector<TestColumn> columns = master_columns();
    TestRow values;
    for (const TestColumn& column : columns) {
      const auto found = row.find(column.name);
      values.push_back(found == row.end() || found->second.empty() ? TestValue()
                                                                   : TestValue(found->second));
    }
    return test_row(columns, values);
  }

  // Appends a unit and fills its last block; how long it is.
  std::uint64_t unit(std::string& into, const std::string& document,
                     const std::string& rows) const {
    const std::string text = test_big_endian(charset_id, 2) + document;
    const std::uint64_t data_at = (4096 + text.size() + 7) / 8 * 8;
    const std::uint64_t total = (data_at + rows.size() + 7) / 8 * 8;
    std::string unit("\xFF\xFF\x24\x24\x0A\x00", 6);
    for (const std::uint64_t number :
         {std::uint64_t{text.size()}, std::uint64_t{4096}, std::uint64_t{rows.size()}, data_at,
          std::uint64_t{8}, total})
      unit += test_big_endian(number, 8);
    unit.resize(4096, '\0');
    unit += text;
    unit.resize(data_at, '\0');
    unit += rows;
    unit.resize(total, '\0');
    into += unit;
    fill(into);
    return total;
  }
  static void fill(std::string& into) {
    into.resize((into.size() + block_bytes - 1) / block_bytes * block_bytes, '\0');
  }

  // The definition of an object that is no table, in a block of its own.
  void definition(std::int64_t order) {
    std::string& into = contents_[0];
    const std::uint64_t block = into.size() / block_bytes + 1;
    const std::string text = plain_definitions
                                 ? "<?xml version=\"1.0\"?><ROWSET><ROW><USER_T/></ROW></ROWSET>"
                                 : std::string("KGC\x80\x01\x44HDR", 9) + "synthetic";
    into += text;
    fill(into);
    add_row({{"PROCESS_ORDER", test_number(order)},
             {"DUPLICATE", test_number(0)},
             {"OBJECT_TYPE_PATH", "SCHEMA_EXPORT/SEQUENCE/SEQUENCE"},
             {"OBJECT_SCHEMA", "APP"},
             {"OBJECT_NAME", "NUMBERS"},
             {"DUMP_FILEID", test_number(1)},
             {"DUMP_POSITION", test_position(block, 0)},
             {"DUMP_LENGTH", test_number(std::int64_t(text.size()))},
             {"DUMP_ORIG_LENGTH", test_number(std::int64_t(text.size()) + 100)}});
  }

  void add_table(const TestTable& table, std::int64_t order) {
    std::string rows = table.raw_rows;
    if (rows.empty())
      for (const TestRow& row : table.rows) rows += test_row(table.columns, row, table.chain_bytes);
    std::string& into = contents_[table.file - 1];
    const std::uint64_t block = into.size() / block_bytes + 1;
    const std::string told = test_number(std::int64_t(table.rows.size()) + table.rows_less);
    if (table.is_defined)
      add_row({{"PROCESS_ORDER", test_number(order - 1)},
               {"DUPLICATE", test_number(0)},
               {"OBJECT_TYPE_PATH", "SCHEMA_EXPORT/TABLE/TABLE"},
               {"OBJECT_SCHEMA", table.schema},
               {"OBJECT_NAME", table.name},
               {"DUMP_FILEID", test_number(0)},
               {"XML_CLOB", test_utf16(test_document(table.schema, table.name, table.columns,
                                                     "TABLE_T", table.keys))}});
    if (!table.is_unlisted)
      add_row({{"PROCESS_ORDER", test_number(order)},
               {"DUPLICATE", test_number(0)},
               {"OBJECT_TYPE_PATH", table.path},
               {"OBJECT_SCHEMA", table.schema},
               {"OBJECT_NAME", table.name},
               {"PARTITION_NAME", table.partition},
               {"COMPLETED_ROWS", told}});
    if (rows.empty()) return;
    const std::uint64_t total =
        unit(into, test_document(table.schema, table.name, table.columns), rows) + 8;
    const std::int64_t plain_bytes =
        std::int64_t(total) + (table.raw_rows.empty() || table.rows.empty() ? 0 : 1000);
    if (!table.is_unlisted)
      add_row({{"PROCESS_ORDER", test_number(order)},
               {"DUPLICATE", test_number(1'000'001)},
               {"OBJECT_TYPE_PATH", table.path},
               {"COMPLETED_ROWS", told},
               {"DUMP_FILEID", test_number(table.file)},
               {"DUMP_POSITION", test_number(std::int64_t(block))},
               {"DUMP_ALLOCATION", test_number(std::int64_t((total + 4095) / 4096))},
               {"DUMP_LENGTH", test_number(std::int64_t(total))},
               {"DUMP_ORIG_LENGTH", test_number(plain_bytes)},
               {"ERROR_COUNT", test_number(0)}});
  }

  void header(std::string& file, std::uint32_t number, bool with_master, std::uint64_t master_block,
              std::uint64_t master_bytes) const {
    const auto put = [&](std::size_t at, const std::string& bytes) {
      std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(at));
    };
    const bool is_old = major < 4;
    put(0x00, {static_cast<char>(major), static_cast<char>(minor)});
    put(0x06, std::string("\x00\x67\x80\xBC", 4));
    put(0x0e, std::string(1, with_master ? '\1' : '\0'));
    put(0x0f, guid);
    put(0x1f, test_big_endian(number, 4));
    put(0x23, test_big_endian(block_bytes, 4));
    put(0x27, test_big_endian(charset_id, 2));
    put(0x29, test_big_endian(2026, 2) + std::string("\x0B\x14\x0A\x38\x01", 5));
    put(0x30, test_big_endian(is_old ? 2 : 514, 4) + std::string("\x02\x00", 2));
    if (with_master) put(0x36, test_big_endian(master_block, 4) + test_big_endian(master_bytes, 8));
    put(0x43, "\"APP\".\"SYNTHETIC_JOB\"");
    put(is_old ? 0x85 : 0x200, "SYNTHETIC");
    put(is_old ? 0xea : 0x265, "synth");
    put(is_old ? 0x127 : 0x2a2, charset);
    put(is_old ? 0x1dd : 0x358, version);
  }

  std::vector<std::string> contents_;
  std::vector<MasterRow> master_rows_;
};

}  // namespace holdfast::engine::oracle
