// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/quote.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::postgresql {
namespace {

TEST(PostgresqlQuote, QuotesNames) {
  EXPECT_EQ(quote_name("a"), "\"a\"");
  EXPECT_EQ(quote_name("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quote_name("a\\b'c"), "\"a\\b'c\"");
  EXPECT_EQ(quote_name(model::TableName{"my schema", "select"}), "\"my schema\".\"select\"");
  EXPECT_THROW(static_cast<void>(quote_name(std::string_view("a\0b", 3))), Error);
}

TEST(PostgresqlQuote, QuotesTextsWhateverTheSettingOfBackslashes) {
  EXPECT_EQ(quote_text("it's"), "'it''s'");
  EXPECT_EQ(quote_text("a\\b"), " E'a\\\\b'");
  EXPECT_EQ(quote_text(""), "''");
  EXPECT_THROW(static_cast<void>(quote_text(std::string_view("\0", 1))), Error);
}

TEST(PostgresqlQuote, QuotesForConnectionsScriptsAndPasswordFiles) {
  EXPECT_EQ(quote_conninfo("it's \\ here"), "'it\\'s \\\\ here'");
  EXPECT_EQ(quote_psql("it's"), "'it\\'s'");
  EXPECT_EQ(quote_passfile("a:b\\c"), "a\\:b\\\\c");
  EXPECT_THROW(static_cast<void>(quote_passfile("a\nb")), Error);
}

TEST(PostgresqlQuote, NamesPartsOfTables) {
  EXPECT_EQ(part_of_table({"public", "orders"}, 0), "tables/public/orders/00000.copy");
  EXPECT_EQ(part_of_table({"my schema", "a/b"}, 12), "tables/my%20schema/a%2Fb/00012.copy");
  EXPECT_EQ(part_of_table({"..", "."}, 1), "tables/%2E%2E/%2E/00001.copy");
}

}  // namespace
}  // namespace holdfast::engine::postgresql
