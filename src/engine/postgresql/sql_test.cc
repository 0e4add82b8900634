// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/sql.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::postgresql {
namespace {

// Gives its text byte by byte, so that every boundary is crossed.
class Dripping final : public ByteSource {
 public:
  explicit Dripping(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    if (into.empty() || at_ == text_.size()) return 0;
    into[0] = static_cast<std::byte>(text_[at_++]);
    return 1;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

std::vector<std::string> pieces(const std::string& script) {
  Dripping source(script);
  ScriptReader reader(source);
  std::vector<std::string> found;
  while (auto piece = reader.next()) {
    found.push_back(piece->text);
    if (!piece->is_terminated) found.back() += " <unterminated>";
    while (const auto line = reader.copy_line()) found.push_back("> " + std::string(*line));
  }
  return found;
}

using Texts = std::vector<std::string>;

TEST(ScriptReader, SplitsAtSemicolonsThatEndStatements) {
  EXPECT_EQ(pieces("SELECT 1; SELECT ';';\nSELECT \";\" ; -- a ; b\nSELECT /* ; /* ; */ ; */ 2;"),
            (Texts{"SELECT 1", "SELECT ';'", "SELECT \";\"", "SELECT /* ; /* ; */ ; */ 2"}));
}

TEST(ScriptReader, KnowsHowQuotesEnd) {
  EXPECT_EQ(pieces(R"(SELECT 'it''s;' ; SELECT 'back\'; SELECT E'\';' ; SELECT "a"";";)"),
            (Texts{"SELECT 'it''s;'", "SELECT 'back\\'", "SELECT E'\\';'", "SELECT \"a\"\";\""}));
  EXPECT_EQ(pieces("SELECT $$a;$b$;$$; SELECT $x$;$$;$x$; SELECT a$1; SELECT $1;"),
            (Texts{"SELECT $$a;$b$;$$", "SELECT $x$;$$;$x$", "SELECT a$1", "SELECT $1"}));
}

TEST(ScriptReader, LeavesRulesAndBodiesWhole) {
  EXPECT_EQ(pieces("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3;"),
            (Texts{"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SELECT 3"}));
  const std::string body =
      "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; "
      "SELECT 2; END";
  EXPECT_EQ(pieces(body + "; SELECT 3;"), (Texts{body, "SELECT 3"}));
  // Elsewhere the words mean something else.
  EXPECT_EQ(pieces("BEGIN; SELECT 1; END;"), (Texts{"BEGIN", "SELECT 1", "END"}));
}

TEST(ScriptReader, GivesCopyDataLineByLine) {
  EXPECT_EQ(pieces("COPY t (a) FROM stdin;\n1;\n\\N\tx\n\\.\n\nSELECT 1;"),
            (Texts{"COPY t (a) FROM stdin", "> 1;", "> \\N\tx", "SELECT 1"}));
  EXPECT_EQ(pieces("COPY t FROM stdin;\n\\.\nSELECT 1;"), (Texts{"COPY t FROM stdin", "SELECT 1"}));
}

TEST(ScriptReader, SaysWhereAScriptEndsTooEarly) {
  EXPECT_EQ(pieces("SELECT 1; SELECT 'a"), (Texts{"SELECT 1", "SELECT 'a <unterminated>"}));
  for (const char* script :
       {"COPY t FROM stdin;\n1\n", "COPY t FROM stdin;\n1", "COPY t FROM stdin;"}) {
    Dripping source(script);
    ScriptReader reader(source);
    ASSERT_TRUE(reader.next());
    while (reader.copy_line()) {
    }
    EXPECT_FALSE(reader.copy_is_whole()) << script;
    EXPECT_FALSE(reader.next()) << script;
  }
}

TEST(ScriptReader, TellsCommandsOfPsqlAndCommentsOfPgDump) {
  Dripping source(
      "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\\connect shop\n\n--\n"
      "-- Name: t; Type: TABLE; Schema: public; Owner: -\n--\n\nCREATE TABLE t ();\nSELECT 1;\n\n"
      "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n");
  ScriptReader reader(source);
  EXPECT_EQ(reader.next()->text, "\\restrict abc");
  const auto command = reader.next();
  EXPECT_EQ(command->kind, ScriptPiece::Kind::command);
  EXPECT_EQ(command->text, "\\connect shop");
  const auto table = reader.next();
  EXPECT_EQ(table->text, "CREATE TABLE t ()");
  EXPECT_EQ(table->comment, "-- Name: t; Type: TABLE; Schema: public; Owner: -");
  EXPECT_EQ(reader.next()->comment, "");
  EXPECT_EQ(reader.next()->text, "\\unrestrict abc");
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.last_comment(), "-- PostgreSQL database dump complete");
  EXPECT_NE(reader.leading_comments().find("-- PostgreSQL database dump\n"), std::string::npos);
}

TEST(ScriptReader, RefusesWhatIsLongerThanItsBound) {
  Dripping source("SELECT '" + std::string(5000, 'x') + "';");
  ScriptReader reader(source, 1000);
  EXPECT_THROW(static_cast<void>(reader.next()), Error);
}

TEST(Tokens, AreNamesStringsNumbersAndSymbols) {
  const std::vector<Token> tokens =
      tokens_of("ALTER TABLE \"My \"\"T\" OWNER TO Shop; -- c\n E'\\'' $a$x$a$ 12.5e3 U&\"d\"");
  ASSERT_EQ(tokens.size(), 11U);
  EXPECT_TRUE(tokens[0].is("ALTER"));
  EXPECT_EQ(tokens[2].name(), "My \"T");
  EXPECT_FALSE(tokens[2].is("MY"));
  EXPECT_EQ(tokens[5].name(), "shop");
  EXPECT_TRUE(tokens[6].is_symbol(';'));
  EXPECT_EQ(tokens[7].text, "E'\\''");
  EXPECT_EQ(tokens[8].text, "$a$x$a$");
  EXPECT_EQ(tokens[9].kind, TokenKind::number);
  EXPECT_EQ(tokens[10].name(), "d");
}

}  // namespace
}  // namespace holdfast::engine::postgresql
