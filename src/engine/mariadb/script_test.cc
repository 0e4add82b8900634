// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/script.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace holdfast::engine::mariadb {
namespace {

// One byte at a time, so that every boundary is crossed.
class Dripping final : public ByteSource {
 public:
  explicit Dripping(std::string_view text) : text_(text) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    if (at_ == text_.size() || into.empty()) return 0;
    into[0] = static_cast<std::byte>(text_[at_++]);
    return 1;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::vector<std::string> statements(std::string_view text) {
  Dripping source(text);
  Script script(source);
  std::vector<std::string> result;
  while (const auto statement = script.next()) result.push_back(statement->text);
  return result;
}

TEST(MariadbScript, SplitsAtDelimitersOutsideOfQuotesAndComments) {
  EXPECT_EQ(
      statements("SET a=';';\n-- x;\nB `;` \";\" /* ; */ 'it''s\\';' # ;\n c;;D\n"),
      (std::vector<std::string>{"SET a=';'", "B `;` \";\" /* ; */ 'it''s\\';' # ;\n c", "D"}));
  EXPECT_TRUE(statements("").empty());
  EXPECT_TRUE(statements(" \n;;; -- only\n").empty());
  EXPECT_EQ(statements("a - - b; c--d; e -- f").size(), 3U);
}

// As the servers' client: what is hidden from other servers is no comment.
TEST(MariadbScript, ReadsQuotesInWhatIsHidden) {
  EXPECT_EQ(statements("/*!50003 CREATE*/ /*!50003 TRIGGER a SET @a='*/;' */;b;").size(), 2U);
  EXPECT_EQ(statements("/*!50003 a /* it's */ ';' */;b;").size(), 2U);
  EXPECT_EQ(statements("/*M!999999\\- enable the sandbox mode */ \na;").size(), 1U);
  EXPECT_EQ(statements("/*!999999\\- enable the sandbox mode */ \na;").size(), 1U);
  EXPECT_EQ(statements("/*!999999 a */ b;"), (std::vector<std::string>{"/*!999999 a */ b"}));
}

TEST(MariadbScript, FollowsDelimiterCommands) {
  EXPECT_EQ(statements("DELIMITER ;;\nBEGIN a; b; END ;;\ndelimiter ;\nc;"),
            (std::vector<std::string>{"BEGIN a; b; END ", "c"}));
}

TEST(MariadbScript, EndsStatementsAtTheEndOfALine) {
  Dripping source("A 'x;\n' ;B\n; C;\nD; \nE;");
  Script script(source, 1U << 20U, ";\n");
  EXPECT_EQ(script.next()->text, "A 'x;\n' ;B\n; C");
  EXPECT_EQ(script.next()->text, "D; \nE");
  EXPECT_FALSE(script.next());
  EXPECT_FALSE(script.ended_within());
}

TEST(MariadbScript, PassesMarksOn) {
  Dripping source("-- holdfast: table: a\nX;\nY;\n-- holdfast: view: b\nZ;");
  Script script(source);
  EXPECT_EQ(script.next()->marked, "table: a");
  EXPECT_EQ(script.next()->marked, "table: a");
  EXPECT_EQ(script.next()->marked, "view: b");
  EXPECT_FALSE(script.next());
}

TEST(MariadbScript, TellsOfEndsWithinStatements) {
  for (const char* text : {"a 'open", "a `open", "a /* open", "a \"x\\"}) {
    Dripping source(text);
    Script script(source);
    EXPECT_THROW(while (script.next()){}, Error) << text;
    EXPECT_TRUE(script.ended_within()) << text;
  }
  Dripping source("a; b");
  Script script(source);
  while (script.next()) {
  }
  EXPECT_TRUE(script.ended_within());
}

TEST(MariadbScript, BoundsStatements) {
  const std::string text(3U << 20U, 'x');
  BytesSource source(as_bytes(text));
  Script script(source, 1U << 20U);
  EXPECT_THROW(static_cast<void>(script.next()), Error);
}

}  // namespace
}  // namespace holdfast::engine::mariadb
