// SPDX-License-Identifier: Apache-2.0
// Writes classic dumps for tests. They are synthetic: made from what is known of the format, not by
// Oracle, so that they prove that the reader keeps to that, and no more.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "model/value.h"

namespace holdfast::engine::oracle::test {

struct ExpOptions {
  std::string version = "12.01.00";
  std::string user = "SHOP";
  char user_flag = 'U';
  std::string mode = "RUSERS";
  std::size_t block_size_bytes = 2048;
  std::uint16_t client = 873, database = 873, national = 2000;
  bool is_direct = false;
  bool has_strings = true;  // not in exp 8.1
  std::string zone = "+00:00";
  std::string created = "Sun Nov 22 4:5:6 2026";
  std::string file_name = "synthetic.dmp";
};

struct TestColumn {
  std::string name;
  std::uint16_t type = 2, length = 22;
  std::uint16_t charset = 873, form = 1;  // of types 1, 96 and 112
};

// The bytes of each value; nothing: null. Of a LOB its content.
using TestRow = std::vector<std::optional<std::string>>;

inline std::string le16(std::size_t value) {
  return {static_cast<char>(value & 0xffU), static_cast<char>(value >> 8U & 0xffU)};
}
inline std::string be16(std::size_t value) {
  return {static_cast<char>(value >> 8U & 0xffU), static_cast<char>(value & 0xffU)};
}
inline std::string le32(std::size_t value) {
  return le16(value & 0xffffU) + le16(value >> 16U);
}
inline std::string of_hex(std::string_view hex) {
  const Bytes bytes = from_hex(hex).value();
  return std::string(as_text(bytes));
}
// A whole number from 0 as Oracle stores it.
inline std::string number(std::uint64_t value) {
  if (value == 0) return "\x80";
  std::string digits;
  int power = -1;
  for (; value > 0; value /= 100, ++power)
    digits.insert(digits.begin(), static_cast<char>(value % 100 + 1));
  digits.erase(digits.find_last_not_of('\x01') + 1);
  return static_cast<char>(0xc1 + power) + digits;
}
// ASCII as AL16UTF16 has it.
inline std::string wide(std::string_view ascii) {
  std::string text;
  for (const char c : ascii) text += {'\0', c};
  return text;
}

// Rows as they were given out.
struct GivenRows {
  std::vector<model::Column> names;
  std::vector<model::Row> rows;
};
class Collector final : public model::RowSink {
 public:
  void columns(const std::vector<model::Column>& all) override { given.names = all; }
  void row(const model::Row& one) override { given.rows.push_back(one); }
  GivenRows given;
};

class TestExp {
 public:
  explicit TestExp(ExpOptions options = {}) : options_(std::move(options)) {
    mark();
    content_ += descriptor(options_.database, options_.national);
    mark();
    content_ += descriptor(options_.client, options_.client);
    mark();
    if (options_.has_strings) {
      for (const std::string& text :
           {options_.zone, std::string(), std::string("BYTE"), std::string("UNUSED"),
            std::string("2"), std::string("INTERPRETED"), std::string("DISABLE:ALL")})
        content_ += le16(text.size()) + text;
      content_ += std::string("\0\0\n", 3);
    }
    line("METRICSU");
  }

  void line(std::string_view text) {
    mark();
    content_ += std::string(text) + "\n";
  }
  void with_text(std::string_view statement, std::string_view text) {
    line(statement);
    structure(2);
    content_ += le16(text.size()) + std::string(text) + "\n";
  }
  void view(std::string_view statement, std::string_view text) {
    line(statement);
    content_ += le16(text.size()) + std::string(text) + std::string("\0\0\n", 3);
  }
  void with_pieces(std::string_view statement, const std::vector<std::string>& pieces) {
    line(statement);
    structure(2);
    content_ += "\xfd\xff";
    for (const std::string& piece : pieces) {
      structure(2);
      content_ += le16(piece.size()) + piece;
    }
    content_ += std::string("\0\0\n", 3);
  }
  void table(std::string_view name, std::string_view rest) {
    line("TABLE \"" + std::string(name) + "\"");
    line("CREATE TABLE \"" + std::string(name) + "\" " + std::string(rest));
  }

  void begin_rows(std::string_view name, std::vector<TestColumn> columns) {
    columns_ = std::move(columns);
    std::string names, values;
    bool has_lobs = false;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      names += (i > 0 ? ", \"" : "\"") + columns_[i].name + "\"";
      values += (i > 0 ? ", :" : ":") + std::to_string(i + 1);
      has_lobs = has_lobs || is_lob(columns_[i]);
    }
    line("INSERT INTO \"" + std::string(name) + "\" (" + names + ") VALUES (" + values + ")");
    structure(2);
    content_ += le16(columns_.size());
    for (const TestColumn& column : columns_) {
      content_ += le16(column.type) + le16(column.length);
      if (column.type == 1 || column.type == 96 || column.type == 112) {
        structure(4);
        content_ += le16(column.charset) + le16(column.form);
      }
    }
    structure(4);
    content_ +=
        le16(has_lobs ? columns_.size() : 0) + le16(options_.is_direct && !has_lobs ? 1 : 0);
    is_direct_ = options_.is_direct && !has_lobs;
    for (const TestColumn& column : columns_) {
      if (!has_lobs) break;
      const std::string shown = is_lob(column) ? column.name : "";
      content_ += static_cast<char>(shown.size()) + shown + le16(0);
    }
  }
  void row(const TestRow& values) {
    std::string lobs;
    std::size_t lob_count = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      structure(2);
      if (!values[i]) {
        content_ += "\xfe\xff";
      } else if (is_lob(columns_[i])) {
        content_ += le16(36) + std::string(36, 'L');
        lobs += lob(*values[i]);
        ++lob_count;
      } else if (values[i]->size() >= 0xff00) {
        content_ += le16(0xff00) + le32(values[i]->size()) + *values[i];
      } else {
        content_ += le16(values[i]->size()) + *values[i];
      }
    }
    if (is_direct_) return;
    structure(2);
    content_ += le16(lob_count) + lobs;
  }
  void end_rows() {
    structure(2);
    content_ += "\xff\xff\n";
  }

  // The whole file.
  [[nodiscard]] std::string finish() const {
    return padded(block(1) + content_ + std::string(end));
  }
  // The same content in files of so many blocks, each behind a first block of its own.
  [[nodiscard]] std::vector<std::string> finish_set(std::size_t blocks) const {
    std::vector<std::string> files;
    const std::size_t share = blocks * options_.block_size_bytes;
    const std::string content = content_ + std::string(end);
    for (std::size_t at = 0; at < content.size(); at += share)
      files.push_back(padded(block(files.size() + 1) + content.substr(at, share)));
    return files;
  }
  // Where something begins, and which bytes say how long or how many something is.
  [[nodiscard]] const std::vector<std::size_t>& boundaries() const { return boundaries_; }
  [[nodiscard]] const std::vector<std::size_t>& structure_bytes() const { return structure_; }

 private:
  static constexpr std::string_view end = "METRICEUG0\nEXIT\nEXIT\n";

  static bool is_lob(const TestColumn& column) { return column.type == 112 || column.type == 113; }
  static std::string descriptor(std::uint16_t first, std::uint16_t second) {
    std::string record("\x64\0\0\0\0\x60", 6);
    record.resize(0x3a, '\x05');
    record += std::string("\0\x83", 2) + be16(first) + be16(second) + "\x03";
    record.resize(102, '\0');
    return record;
  }
  static std::string lob(std::string_view content) {
    if (content.size() < 0xff00) return le16(content.size()) + std::string(content);
    std::string stored = le16(0xfffc) + le32(content.size()) + le32(0);
    constexpr std::size_t chunk = 32'000;
    for (std::size_t at = 0; at < content.size(); at += chunk) {
      const std::string_view part = content.substr(at, chunk);
      stored += le16(part.size()) + std::string(part);
    }
    return stored;
  }
  void mark() { boundaries_.push_back(options_.block_size_bytes + content_.size()); }
  void structure(std::size_t count) {
    mark();
    for (std::size_t i = 0; i < count; ++i)
      structure_.push_back(options_.block_size_bytes + content_.size() + i);
  }
  [[nodiscard]] std::string block(std::size_t file_number) const {
    std::string front = "\x03" + be16(options_.client) + (options_.is_direct ? "D\n" : "") +
                        "EXPORT:V" + options_.version + "\n" + options_.user_flag + options_.user +
                        "\n" + options_.mode + "\n" + std::to_string(options_.block_size_bytes) +
                        "\n0\n72\n0\n" + be16(options_.client) + be16(options_.database) +
                        be16(options_.national) + be16(file_number) + std::string(9, '\0') +
                        le16(options_.file_name.size()) + std::string(30, ' ') + options_.created +
                        options_.file_name;
    front.resize(options_.block_size_bytes, '\0');
    return front;
  }
  [[nodiscard]] std::string padded(std::string file) const {
    const std::size_t block = options_.block_size_bytes;
    file.resize((file.size() + block - 1) / block * block, '\0');
    return file;
  }

  ExpOptions options_;
  std::string content_;
  std::vector<TestColumn> columns_;
  bool is_direct_ = false;
  std::vector<std::size_t> boundaries_, structure_;
};

// Rows of every type: one with all of them, one with nulls, one of the ends of what there is.
inline void add_orders(TestExp& dump, std::uint16_t db, std::uint16_t national) {
  dump.begin_rows("ORDERS", {{"ID", 2, 22},
                             {"PRICE", 2, 22},
                             {"NAME", 1, 40, db, 1},
                             {"CODE", 96, 4, db, 1},
                             {"MADE", 12, 7},
                             {"SEEN", 180, 11},
                             {"SENT", 181, 13},
                             {"HASH", 23, 16},
                             {"WEIGHT", 101, 8},
                             {"AGE", 183, 11},
                             {"TITLE", 1, 40, national, 2},
                             {"NOTE", 112, 72, db, 1},
                             {"SCAN", 113, 72}});
  dump.row({number(1), of_hex("c10d33"), "tea\nEXIT\nEXIT\n", "A   ", of_hex("787b0b0101291d"),
            of_hex("787a0602092e2914ad5d90"), of_hex("787a0602092e2914ad5d90163c"),
            of_hex("00ff0a"), of_hex("c00921fb54442d18"), of_hex("80000005485a46875bca00"),
            wide("Tee"), wide("a note"), of_hex("ffff0a00")});
  dump.row({number(2), std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt,
            std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt,
            std::nullopt});
  dump.row({number(3), "\x80", "milk", "B   ", of_hex("35580101010101"), of_hex("787a0602092e29"),
            std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt,
            of_hex("01")});
  dump.end_rows();
}

// A dump with a table of every type, nulls, LOBs, partitions, code, and other statements.
inline TestExp sample_exp(ExpOptions options = {}) {
  const std::uint16_t db = options.database, national = options.national;
  TestExp dump(std::move(options));
  dump.with_pieces("PROCACTION", {"BEGIN  \n", "NULL;\n", "EXIT\nEXIT\n", "END;\n"});
  dump.line("METRICEU 4");
  dump.line("CREATE SEQUENCE \"ORDER_SEQ\" MINVALUE 1 INCREMENT BY 1 START WITH 41");
  dump.table("ORDERS",
             "(\"ID\" NUMBER(10, 0) NOT NULL ENABLE, \"PRICE\" NUMBER(12, 2), \"NAME\" "
             "VARCHAR2(40), \"CODE\" CHAR(4), \"MADE\" DATE, \"SEEN\" TIMESTAMP (6), \"SENT\" "
             "TIMESTAMP (3) WITH TIME ZONE, \"HASH\" RAW(16), \"WEIGHT\" BINARY_DOUBLE, \"AGE\" "
             "INTERVAL DAY (2) TO SECOND (6), \"TITLE\" NVARCHAR2(20), \"NOTE\" CLOB, \"SCAN\" "
             "BLOB)  PCTFREE 10 STORAGE(INITIAL 65536) TABLESPACE \"USERS\" LOGGING");
  dump.with_text("ALTER TABLE \"ORDERS\" MODIFY DEFAULT",
                 "ALTER TABLE \"ORDERS\" MODIFY (\"PRICE\" DEFAULT 0\r\n  )");
  add_orders(dump, db, national);
  dump.line("GRANT SELECT ON \"ORDERS\" TO \"READER\"");
  dump.line("CREATE UNIQUE INDEX \"ORDERS_PK\" ON \"ORDERS\" (\"ID\" )  PCTFREE 10");
  dump.line(
      "ALTER TABLE \"ORDERS\" ADD  CONSTRAINT \"ORDERS_PK\" PRIMARY KEY (\"ID\") USING INDEX "
      "PCTFREE 10 ENABLE ");
  dump.with_text("COMMENT ON TABLE \"ORDERS\" IS ", "'what was\nordered'");
  dump.table("PARTS",
             "(\"ID\" NUMBER(10, 0), \"PLACE\" VARCHAR2(10))  PARTITION BY RANGE (\"ID\" )  "
             "(PARTITION \"LOW\" VALUES LESS THAN (10), PARTITION \"HIGH\" VALUES LESS THAN "
             "(MAXVALUE))");
  const std::vector<TestColumn> part{{"ID", 2, 22}, {"PLACE", 1, 10, db, 1}};
  dump.line("PARTITION \"LOW\"");
  dump.begin_rows("PARTS", part);
  dump.row({number(1), "here"});
  dump.row({number(2), std::nullopt});
  dump.end_rows();
  dump.line("PARTITION \"HIGH\"");
  dump.begin_rows("PARTS", part);
  dump.row({number(1200), "there"});
  dump.end_rows();
  dump.line("ENDPARTITION");
  dump.table("EMPTY", "(\"ID\" NUMBER(10, 0))  PCTFREE 10 TABLESPACE \"USERS\" LOGGING");
  dump.begin_rows("EMPTY", {{"ID", 2, 22}});
  dump.end_rows();
  dump.line("ENDTABLE");
  dump.view("CREATE VIEW \"CHEAP\" (\"ID\") AS ", "SELECT id\nFROM orders\nWHERE price < 10");
  dump.with_pieces("CREATE FORMAT71 PROCEDURE \"PAY\" ",
                   {"CREATE ", "PROCEDURE pay AS\n", "BEGIN\n", "INSERT INTO orders VALUES (1);\n",
                    "EXIT\nEXIT\n", "END;"});
  dump.line("TABLE \"ORDERS\"");
  dump.with_pieces("CALTER TABLE", {"ALTER TABLE \"ORDERS\" ADD", " CONSTRAINT \"POSITIVE\"",
                                    " CHECK (", "price >= 0", ") ENABLE NOVALIDATE"});
  dump.with_pieces("CREATE FORMAT92TRIG ", {"TRIGGER watch_orders\n", "BEGIN NULL; END;"});
  dump.line("ENDTABLE");
  return dump;
}

}  // namespace holdfast::engine::oracle::test
