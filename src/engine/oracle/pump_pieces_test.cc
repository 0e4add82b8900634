// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_pieces.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace holdfast::engine::oracle {
namespace {

using namespace std::string_literals;

PumpTable three_columns() {
  PumpTable table;
  table.columns.resize(3);
  for (PumpColumn& column : table.columns) {
    column.type_number = 1;
    column.length_bytes = 300;
  }
  table.columns[1].type_number = 112;
  return table;
}

// Rows as text: values apart by commas, rows by semicolons; or the message of an Error.
std::string read(const std::string& bytes, const PumpTable& table = three_columns()) {
  BytesSource source(as_bytes(bytes));
  PumpInput input(source, {});
  std::string told;
  try {
    PieceReader reader(input, bytes.size(), table, {.with_values = true, .row_bytes_max = 1000});
    while (reader.next()) {
      for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const auto value = reader.value(i);
        told += (i == 0 ? "" : ",") + (value ? std::string(as_text(*value)) : "NULL");
      }
      told += reader.is_ambiguous() ? "?" : reader.is_cut() ? "!" : ";";
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    told += error.message();
  }
  return told;
}

TEST(PumpPieces, AreRows) {
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read("\x0C\x02\x01"s
                 "a\x01"s
                 "c"),
            "a,NULL,c;");
  EXPECT_EQ(read("\x3C\x00\x07\x01\x01"s
                 "a\x1C\x00\x05\x01\xFF"s),
            "byte 0: a piece of 6 bytes says that it has 7");
  EXPECT_EQ(read("\x3C\x00\x07\x01\x02"s
                 "ab\x1C\x00\x05\x01\xFF"s),
            "ab,NULL,NULL;NULL,NULL,NULL;");
  EXPECT_EQ(read("\x0C\x01\xFE\x00\x02"s
                 "ab"s),
            "ab,NULL,NULL;");
}

TEST(PumpPieces, HaveLobsBehindEverythingElse) {
  EXPECT_EQ(read("\x08\x02\x01"s
                 "a\x01"s
                 "c\x04\x01\x01"s
                 "b"),
            "a,b,c;");
  EXPECT_EQ(read("\x08\x02\x01"s
                 "a\x01"s
                 "c\x04\x01\xFF"s),
            "a,NULL,c;");
  EXPECT_EQ(read("\x08\x02\x01"s
                 "a\x01"s
                 "c\x04\x01\x00"s),
            "a,,c;");
  EXPECT_EQ(read("\x08\x02\x01"s
                 "a\x01"s
                 "c\x01\x01\x01"s
                 "x\x03\x01\x01"s
                 "y\x06\x01\x01"s
                 "z"),
            "a,xyz,c;");
  EXPECT_EQ(read("\x0C\x03\x01"s
                 "a\x01"s
                 "c\x01"s
                 "b"),
            "byte 0: a piece has a value of a LOB and others");
}

TEST(PumpPieces, AreNotAssignedWhereNobodyKnowsHow) {
  EXPECT_EQ(read("\x08\x01\x01"s
                 "a\x04\x01\x01"s
                 "b"),
            "a,NULL,b;");
  EXPECT_EQ(read("\x09\x01\x01"s
                 "a\x06\x01\x01"s
                 "b"),
            "ab,NULL,NULL;");
  PumpTable table = three_columns();
  table.columns.push_back(table.columns[0]);
  EXPECT_EQ(read("\x08\x01\x01"s
                 "a\x04\x01\x01"s
                 "b",
                 table),
            "a,NULL,b,NULL?");
}

TEST(PumpPieces, ThatAreNoneAreRefused) {
  for (const auto& [bytes, why] :
       {std::pair("\x04\x01\xFF"s, "byte 0: the first piece of a row is not flagged as such"),
        std::pair("\x08\x01\xFF\x08\x01\xFF"s, "byte 3: a row begins within another"),
        std::pair("\x4C\x01\xFF"s, "byte 0: a piece has the flags 0x4c"),
        std::pair("\x0C\x00"s, "byte 0: a piece has no values"),
        std::pair("\x0D\x01\xFF"s, "byte 0: the last value of a row goes on"),
        std::pair("\x09\x01\xFF"s, "byte 2: a value that goes on is NULL"),
        std::pair("\x0E\x01\xFF"s, "byte 0: a value does not go on where it should"),
        std::pair("\x09\x01\x01"s
                  "a\x04\x01\xFF"s,
                  "byte 4: a value does not go on where it should"),
        std::pair("\x08\x01\xFF"s, "byte 0: a row is not complete at the end of the rows"),
        std::pair("\x0C\x01\x05"s
                  "ab"s,
                  "byte 2: the rows end within a value"),
        std::pair("\x0C\x02\xFF"s, "byte 3: the rows end within a piece"),
        std::pair("\x0C\x01\x00"s, "byte 2: a value has no bytes"),
        std::pair("\x1C\x00\x00\x01\xFF"s, "byte 0: a piece says that it has no bytes"),
        std::pair("\x0C\x04\xFF\xFF\xFF\xFF"s,
                  "byte 5: a row has more values than its table has columns")})
    EXPECT_EQ(read(bytes), why);
}

TEST(PumpPieces, HaveRoomInTheirColumns) {
  PumpTable table = three_columns();
  table.columns[0].name = "A";
  table.columns[0].length_bytes = 2;
  EXPECT_EQ(read("\x0C\x01\x03"s
                 "abc"s,
                 table),
            "byte 2: a value of 3 bytes is in A, which has 2");
  EXPECT_EQ(read("\x09\x01\x02"s
                 "ab\x06\x01\x01"s
                 "c",
                 table),
            "byte 7: a value of 3 bytes is in A, which has 2");
}

TEST(PumpPieces, AreCutWhereARowIsTooLong) {
  std::string bytes =
      "\x08\x02\x01"s
      "a\x01"s
      "c"s;
  for (int i = 0; i < 10; ++i)
    bytes += (i == 0 ? "\x01"s : i == 9 ? "\x06"s : "\x03"s) + "\x01\xC8"s + std::string(200, 'x');
  EXPECT_EQ(read(bytes).back(), '!');
}

TEST(PumpPieces, EndWithTheFile) {
  const std::string bytes =
      "\x0C\x01\x02"s
      "a";
  BytesSource source(as_bytes(bytes));
  PumpInput input(source, {});
  const PumpTable table = three_columns();
  PieceReader reader(input, 100, table, {});
  EXPECT_THROW(static_cast<void>(reader.next()), Error);
}

}  // namespace
}  // namespace holdfast::engine::oracle
