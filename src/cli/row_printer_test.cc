// SPDX-License-Identifier: Apache-2.0
#include "cli/row_printer.h"

#include <gtest/gtest.h>

#include <limits>

namespace holdfast::cli {
namespace {

const std::vector<model::Column> columns{{"id", "INT"}, {"a,b", "TEXT"}};

template <typename Printer>
std::string print(const std::vector<model::Row>& rows) {
  BytesSink output;
  Printer printer(output);
  printer.columns(columns);
  for (const model::Row& row : rows) printer.row(row);
  return std::string(as_text(output.bytes));
}

const std::vector<model::Row> rows{
    {model::Value::integer(1), model::Value::of_text("plain")},
    {model::Value::null(), model::Value::of_text("")},
    {model::Value::of_real(0.5), model::Value::of_text("say \"hi\",\n")},
    {model::Value::number("123456789012345678901234567890"),
     model::Value::of_bytes(as_bytes("\x01\xff"))},
};

TEST(CsvPrinter, QuotesWhatNeedsIt) {
  EXPECT_EQ(print<CsvPrinter>(rows),
            "id,\"a,b\"\r\n1,plain\r\n,\"\"\r\n0.5,\"say "
            "\"\"hi\"\",\n\"\r\n123456789012345678901234567890,\\x01ff\r\n");
}

TEST(JsonRowPrinter, PrintsAnObjectARow) {
  EXPECT_EQ(print<JsonRowPrinter>(rows),
            "{\"id\":1,\"a,b\":\"plain\"}\n{\"id\":null,\"a,b\":\"\"}\n{\"id\":0.5,\"a,b\":\"say "
            "\\\"hi\\\",\\n\"}\n"
            "{\"id\":\"123456789012345678901234567890\",\"a,b\":{\"base64\":\"Af8=\"}}\n");
}

TEST(JsonRowPrinter, HasWordsForWhatJsonCannotSay) {
  const double infinite = std::numeric_limits<double>::infinity();
  EXPECT_EQ(
      print<JsonRowPrinter>({{model::Value::of_real(infinite), model::Value::of_text("\xff")}}),
      "{\"id\":\"inf\",\"a,b\":{\"base64\":\"/w==\"}}\n");
}

}  // namespace
}  // namespace holdfast::cli
