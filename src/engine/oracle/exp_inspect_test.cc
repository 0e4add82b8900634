// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/exp_inspect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "engine/oracle/test_exp.h"

namespace holdfast::engine::oracle {
namespace {

using model::ValueKind;
using test::Collector;
using test::ExpOptions;
using test::GivenRows;
using test::TestExp;

class OracleExp : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& content, const std::string& name = "x.dmp") {
    const auto path = directory_.path() / name;
    write_file_durably(path, as_bytes(content));
    return path;
  }
  Inspection inspect(const std::string& content, bool deep = true) {
    auto inspection = inspect_exp(write(content), {.deep = deep}, {});
    EXPECT_TRUE(inspection.has_value());
    return inspection ? std::move(*inspection) : Inspection{};
  }
  GivenRows rows(const std::string& content, const model::TableName& table) {
    Collector collected;
    exp_rows(write(content), {}, table, collected, {});
    return collected.given;
  }
  TemporaryDirectory directory_{"exp"};
};

std::vector<std::string> codes(const Inspection& inspection) {
  std::vector<std::string> all;
  for (const model::Finding& finding : inspection.findings) all.push_back(finding.code);
  return all;
}

bool has(const Inspection& inspection, std::string_view code) {
  return std::ranges::find(inspection.findings, code, &model::Finding::code) !=
         inspection.findings.end();
}

std::map<std::string, std::uint64_t> counts(const Inspection& inspection) {
  std::map<std::string, std::uint64_t> all;
  for (const model::TableFacts& table : inspection.tables) all[table.table] = table.rows;
  return all;
}

using Counts = std::map<std::string, std::uint64_t>;

TEST_F(OracleExp, AWholeDumpTellsWhatItHolds) {
  const Inspection found = inspect(test::sample_exp().finish());
  EXPECT_EQ(found.kind, "Oracle export (exp 12.1)");
  EXPECT_TRUE(found.whole);
  EXPECT_TRUE(found.rows_counted);
  EXPECT_EQ(counts(found), (Counts{{"EMPTY", 0}, {"ORDERS", 3}, {"PARTS", 3}}));
  EXPECT_EQ(codes(found), (std::vector<std::string>{"oracle-exp-deferred", "oracle-exp-grantees"}));
  EXPECT_EQ(found.facts.at("user").as_string(), "SHOP");
  EXPECT_EQ(found.facts.at("database_charset").at("name").as_string(), "AL32UTF8");
  EXPECT_EQ(found.facts.at("created").as_string(), "Sun Nov 22 4:5:6 2026");
  EXPECT_EQ(found.facts.at("file_name").as_string(), "synthetic.dmp");
  const Json& parts = found.facts.at("tables").as_array().at(1);
  EXPECT_EQ(parts.at("partitions").dump(), R"([{"name":"LOW","rows":2},{"name":"HIGH","rows":1}])");
  EXPECT_EQ(parts.at("columns").as_array().at(0).at("type").as_string(), "NUMBER(10,0)");
}

TEST_F(OracleExp, ObjectsAreToldByKindAndName) {
  std::vector<std::pair<std::string, std::string>> objects;
  for (const auto& object : inspect(test::sample_exp().finish()).objects) {
    objects.emplace_back(object.kind, object.name);
    EXPECT_EQ(object.definition_sha256.size(), 64U);
  }
  EXPECT_EQ(objects, (std::vector<std::pair<std::string, std::string>>{
                         {"sequence", "ORDER_SEQ"},
                         {"table", "ORDERS"},
                         {"grant", "SELECT ON ORDERS TO READER"},
                         {"index", "ORDERS_PK"},
                         {"primary key", "ORDERS.ORDERS_PK"},
                         {"comment", "ORDERS"},
                         {"table", "PARTS"},
                         {"table", "EMPTY"},
                         {"view", "CHEAP"},
                         {"procedure", "PAY"},
                         {"check constraint", "ORDERS.POSITIVE"},
                         {"trigger", "WATCH_ORDERS"}}));
}

TEST_F(OracleExp, RowsAreDecodedByTheirTypes) {
  const GivenRows found = rows(test::sample_exp().finish(), {"SHOP", "ORDERS"});
  ASSERT_EQ(found.rows.size(), 3U);
  ASSERT_EQ(found.names.size(), 13U);
  EXPECT_EQ(found.names[1].type, "NUMBER(12,2)");
  const model::Row expected{
      model::Value::integer(1),
      model::Value::number("12.5"),
      model::Value::of_text("tea\nEXIT\nEXIT\n"),
      model::Value::of_text("A   "),
      model::Value::of_kind(ValueKind::timestamp, "2023-11-01T00:40:28"),
      model::Value::of_kind(ValueKind::timestamp, "2022-06-02T08:45:40.346906"),
      model::Value::of_kind(ValueKind::instant, "2022-06-02T08:45:40.346906Z"),
      model::Value::of_bytes(as_bytes(std::string_view("\0\xff\n", 3))),
      model::Value::of_real(3.141592653589793),
      model::Value::of_kind(ValueKind::other, "+05 12:30:10.123456000"),
      model::Value::of_text("Tee"),
      model::Value::of_text("a note"),
      model::Value::of_bytes(as_bytes(std::string_view("\xff\xff\n\0", 4)))};
  EXPECT_EQ(found.rows[0], expected);
  for (std::size_t i = 1; i < 13; ++i) EXPECT_EQ(found.rows[1][i].kind, ValueKind::null);
  EXPECT_EQ(found.rows[2][4].text, "-4711-01-01T00:00:00");
  EXPECT_EQ(found.rows[2][12].text, "\x01");
}

TEST_F(OracleExp, RowsOfAllPartitionsAreOneTables) {
  const GivenRows found = rows(test::sample_exp().finish(), {"SHOP", "PARTS"});
  ASSERT_EQ(found.rows.size(), 3U);
  EXPECT_EQ(found.rows[2][0], model::Value::integer(1200));
  EXPECT_TRUE(rows(test::sample_exp().finish(), {"", "EMPTY"}).rows.empty());
  EXPECT_THROW(rows(test::sample_exp().finish(), {"SHOP", "NONE"}), Error);
  EXPECT_THROW(rows(test::sample_exp().finish(), {"OTHER", "PARTS"}), Error);
}

TEST_F(OracleExp, DigestsAreThoseOfTheRows) {
  const std::string dump = test::sample_exp().finish();
  const Inspection found = inspect(dump);
  for (const model::TableFacts& table : found.tables) {
    model::RowHasher hasher;
    for (const model::Row& row : rows(dump, {table.schema, table.table}).rows) hasher.add(row);
    EXPECT_EQ(table.digest, hasher.digest().hex()) << table.table;
  }
  for (const model::TableFacts& table : inspect(dump, false).tables) EXPECT_EQ(table.digest, "");
}

TEST_F(OracleExp, TheDirectPathHasNoWordBehindItsRows) {
  ExpOptions options{.version = "10.02.01", .user = "FRED", .is_direct = true};
  const Inspection found = inspect(test::sample_exp(options).finish());
  EXPECT_TRUE(found.whole) << found.findings.front().seen;
  EXPECT_TRUE(found.facts.at("direct").as_bool());
  EXPECT_EQ(counts(found), (Counts{{"EMPTY", 0}, {"ORDERS", 3}, {"PARTS", 3}}));
  EXPECT_EQ(rows(test::sample_exp(options).finish(), {"FRED", "PARTS"}).rows[1][0],
            model::Value::integer(2));
}

TEST_F(OracleExp, AUserWhoseNameEndsLikeTheMarkIsNoDirectPath) {
  ExpOptions options{.user = "FRED", .user_flag = 'D'};
  const Inspection found = inspect(test::sample_exp(options).finish());
  EXPECT_TRUE(found.whole);
  EXPECT_FALSE(found.facts.at("direct").as_bool());
  EXPECT_TRUE(found.facts.at("is_dba").as_bool());
}

TEST_F(OracleExp, TheOldestExporterHasNoStringsBehindItsDescriptors) {
  ExpOptions options{.version = "08.01.05", .has_strings = false, .zone = ""};
  const Inspection found = inspect(test::sample_exp(options).finish());
  EXPECT_TRUE(found.whole) << found.findings.front().seen;
  EXPECT_EQ(found.kind, "Oracle export (exp 8.1)");
}

TEST_F(OracleExp, ObjectsBelongToWhomTheConnectNames) {
  TestExp dump({.user = "SYSTEM", .user_flag = 'D'});
  for (const char* user : {"ALFA", "BETA"}) {
    dump.line(std::string("CONNECT ") + user);
    dump.table("T", "(\"ID\" NUMBER)  STORAGE(INITIAL 1)");
    dump.begin_rows("T", {{"ID", 2, 22}});
    dump.row({test::number(user[0] == 'A' ? 1 : 2)});
    dump.end_rows();
    dump.line("ENDTABLE");
  }
  const Inspection found = inspect(dump.finish());
  ASSERT_EQ(found.tables.size(), 2U);
  EXPECT_EQ(found.tables[1].schema, "BETA");
  EXPECT_EQ(rows(dump.finish(), {"BETA", "T"}).rows.at(0).at(0), model::Value::integer(2));
  EXPECT_EQ(rows(dump.finish(), {"", "T"}).rows.at(0).at(0), model::Value::integer(1));
}

TEST_F(OracleExp, RowsAreInTheDatabasesCharactersAndNamesInTheClients) {
  ExpOptions options{.client = 846, .database = 178};
  TestExp dump(options);
  dump.table("\xc0\xcc", "(\"V\" VARCHAR2(9), \"C\" CLOB)  STORAGE(INITIAL 1)");
  dump.begin_rows("\xc0\xcc", {{"V", 1, 9, 178, 1}, {"C", 112, 72, 178, 1}});
  dump.row({"caf\xe9", "caf\xe9"});
  dump.end_rows();
  const Inspection found = inspect(dump.finish());
  EXPECT_EQ(counts(found), (Counts{{"이", 1}}));
  EXPECT_TRUE(has(found, "oracle-exp-charset-narrow"));
  EXPECT_TRUE(has(found, "oracle-exp-clob-unverified"));
  const GivenRows given = rows(dump.finish(), {"SHOP", "이"});
  EXPECT_EQ(given.rows.at(0).at(0).text, "café");
  EXPECT_EQ(given.rows.at(0).at(1).text, "café");
}

TEST_F(OracleExp, LongValuesAreReadAsDescribedAndMarked) {
  const std::string long_text(200'000, 'x');
  std::string large;
  for (int i = 0; i < 300'000; ++i) large += static_cast<char>(i * 7 % 251);
  TestExp dump;
  dump.table("L", "(\"A\" LONG)  STORAGE(INITIAL 1)");
  dump.begin_rows("L", {{"A", 8, 0}});
  dump.row({long_text});
  dump.row({"short"});
  dump.end_rows();
  dump.table("B", "(\"A\" NUMBER, \"B\" BLOB)  STORAGE(INITIAL 1)");
  dump.begin_rows("B", {{"A", 2, 22}, {"B", 113, 72}});
  dump.row({test::number(1), large});
  dump.row({std::nullopt, "small"});
  dump.end_rows();
  const Inspection found = inspect(dump.finish());
  EXPECT_TRUE(found.whole) << found.findings.front().seen;
  EXPECT_TRUE(has(found, "oracle-exp-long-values"));
  EXPECT_TRUE(inspect(dump.finish(), false).whole);
  EXPECT_EQ(rows(dump.finish(), {"SHOP", "L"}).rows.at(0).at(0).text, long_text);
  EXPECT_EQ(rows(dump.finish(), {"SHOP", "B"}).rows.at(0).at(1).text, large);
  EXPECT_EQ(rows(dump.finish(), {"SHOP", "B"}).rows.at(1).at(1).text, "small");
}

TEST_F(OracleExp, ARowTooLargeForADigestIsCounted) {
  TestExp dump;
  dump.table("L", "(\"A\" LONG)  STORAGE(INITIAL 1)");
  dump.begin_rows("L", {{"A", 8, 0}});
  dump.row({std::string((8U << 20U) + 1, 'x')});
  dump.end_rows();
  const Inspection found = inspect(dump.finish());
  EXPECT_TRUE(found.whole);
  EXPECT_TRUE(has(found, "oracle-exp-rows-large"));
  EXPECT_EQ(found.tables.at(0).rows, 1U);
  EXPECT_EQ(found.tables.at(0).digest, "");
}

TEST_F(OracleExp, ValuesThatAreNoneAreBytes) {
  TestExp dump;
  dump.table("T", "(\"D\" DATE)  STORAGE(INITIAL 1)");
  dump.begin_rows("T", {{"D", 12, 7}});
  dump.row({std::string(7, '\0')});
  dump.end_rows();
  const Inspection found = inspect(dump.finish());
  EXPECT_TRUE(found.whole);
  EXPECT_TRUE(has(found, "oracle-exp-value-undecodable"));
  EXPECT_EQ(rows(dump.finish(), {"SHOP", "T"}).rows.at(0).at(0).kind, ValueKind::bytes);
}

TEST_F(OracleExp, ValuesAreReadWhereNobodyAsksForDigests) {
  TestExp dump;
  dump.table("T", "(\"D\" DATE)  STORAGE(INITIAL 1)");
  dump.begin_rows("T", {{"D", 12, 7}});
  dump.row({std::string(7, '\0')});
  dump.end_rows();
  const auto found = inspect_exp(write(dump.finish()), {.deep = true, .digests = false}, {});
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(has(*found, "oracle-exp-value-undecodable"));
  EXPECT_EQ(found->tables.at(0).rows, 1U);
  EXPECT_EQ(found->tables[0].digest, "");
}

TEST_F(OracleExp, ARowHasNothingOfTheOneBefore) {
  const std::string wide(100'000, 'x');
  TestExp dump;
  dump.table("T", "(\"A\" VARCHAR2(40), \"D\" DATE, \"L\" LONG)  STORAGE(INITIAL 1)");
  dump.begin_rows("T", {{"A", 1, 40}, {"D", 12, 7}, {"L", 8, 0}});
  dump.row({"a text that is longer than the others", test::of_hex("787b0b0101291d"), wide});
  dump.row({"short", std::nullopt, std::nullopt});
  dump.row({std::nullopt, std::string(7, '\0'), "last"});
  dump.end_rows();
  const GivenRows found = rows(dump.finish(), {"SHOP", "T"});
  const auto text = [&](std::size_t row, std::size_t column) {
    return found.rows.at(row).at(column).text;
  };
  EXPECT_EQ(text(0, 1), "2023-11-01T00:40:28");
  EXPECT_TRUE(text(0, 2) == wide);
  EXPECT_EQ(text(1, 0), "short");
  for (const std::size_t column : {1U, 2U}) {
    EXPECT_EQ(found.rows[1][column].kind, ValueKind::null);
    EXPECT_EQ(text(1, column), "");
  }
  EXPECT_EQ(found.rows[2][0].kind, ValueKind::null);
  EXPECT_EQ(text(2, 0), "");
  EXPECT_EQ(text(2, 1), std::string(7, '\0'));
  EXPECT_EQ(text(2, 2), "last");
}

TEST_F(OracleExp, LocalTimesAreOfTheDatabasesZone) {
  for (const char* zone : {"-07:00", "Europe/Vienna"}) {
    TestExp dump({.zone = zone});
    dump.table("T", "(\"L\" TIMESTAMP (6) WITH LOCAL TIME ZONE)  STORAGE(INITIAL 1)");
    dump.begin_rows("T", {{"L", 231, 11}});
    dump.row({test::of_hex("787a0602092e29")});
    dump.end_rows();
    const bool is_offset = zone[0] == '-';
    EXPECT_EQ(has(inspect(dump.finish()), "oracle-exp-zone-unknown"), !is_offset);
    EXPECT_EQ(rows(dump.finish(), {"SHOP", "T"}).rows.at(0).at(0).text,
              is_offset ? "2022-06-02T15:45:40Z" : "2022-06-02T08:45:40Z");
  }
}

TEST_F(OracleExp, TypesThatCannotBeReadAreRefusedByName) {
  TestExp dump;
  dump.table("T", "(\"D\" \"SHOP\".\"POINT\")  STORAGE(INITIAL 1)");
  dump.begin_rows("T", {{"D", 121, 30}});
  dump.row({"?"});
  dump.end_rows();
  EXPECT_TRUE(has(inspect(dump.finish()), "oracle-exp-type-unread"));
  try {
    rows(dump.finish(), {"SHOP", "T"});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find("column D of SHOP.T"), std::string::npos) << error.message();
  }
  const auto tables = define_exp_tables(write(dump.finish()), {}, {});
  EXPECT_EQ(tables.at(0).columns.at(0).obstacle, "values of this type cannot be read here");
}

TEST_F(OracleExp, RowsOfSeveralTablesAreReadAtOnePass) {
  TestExp dump;
  for (const char* const name : {"A", "B", "C"}) {
    dump.table(name, "(\"N\" NUMBER)  STORAGE(INITIAL 1)");
    if (name[0] == 'C') continue;  // exported without its rows
    dump.begin_rows(name, {{"N"}});
    dump.row({test::number(name[0] == 'A' ? 1 : 2)});
    dump.end_rows();
    dump.line("ENDTABLE");
  }
  std::vector<std::string> seen;
  class Seen final : public model::RowSink {
   public:
    Seen(std::vector<std::string>& seen, std::string name) : seen_(seen), name_(std::move(name)) {}
    ~Seen() override { seen_.push_back(name_ + " ends"); }
    void columns(const std::vector<model::Column>& all) override {
      seen_.push_back(name_ + " has " + all.at(0).name + " " + all[0].type);
    }
    void row(const model::Row& row) override { seen_.push_back(name_ + " " + row.at(0).text); }

   private:
    std::vector<std::string>& seen_;
    std::string name_;
  };
  const model::RowTap tap = [&](std::string_view, const model::TableName& table) {
    return std::make_unique<Seen>(seen, table.display());
  };
  const std::vector<model::TableName> wanted{{"SHOP", "C"}, {"SHOP", "B"}, {"SHOP", "A"}};
  exp_tables(write(dump.finish()), {}, wanted, tap, {});
  EXPECT_EQ(seen, (std::vector<std::string>{"SHOP.A has N NUMBER", "SHOP.A 1", "SHOP.A ends",
                                            "SHOP.B has N NUMBER", "SHOP.B 2", "SHOP.B ends",
                                            "SHOP.C has N NUMBER", "SHOP.C ends"}));
}

TEST_F(OracleExp, ACompleteFileWithoutTablesIsNoGoodBackup) {
  const Inspection found = inspect(TestExp().finish());
  EXPECT_TRUE(found.whole);
  EXPECT_EQ(codes(found), std::vector<std::string>{"oracle-exp-empty"});
}

TEST_F(OracleExp, ATableWithoutItsRowsIsTold) {
  TestExp dump;
  dump.table("T", "(\"D\" DATE)  STORAGE(INITIAL 1)");
  dump.line("TABLE \"S\"");
  dump.line("CREATE GLOBAL TEMPORARY TABLE \"S\" (\"D\" DATE)");
  const Inspection found = inspect(dump.finish());
  ASSERT_EQ(codes(found), std::vector<std::string>{"oracle-exp-rows-absent"});
  EXPECT_NE(found.findings[0].seen.find("SHOP.T"), std::string::npos);
  EXPECT_EQ(found.findings[0].seen.find("SHOP.S"), std::string::npos);
}

TEST_F(OracleExp, PatchedCharacterSetsAreFound) {
  const std::string whole = test::sample_exp().finish();
  for (const std::size_t at :
       {std::size_t{2}, whole.find("72\n0\n") + 6, whole.find("72\n0\n") + 8}) {
    std::string patched = whole;
    patched[at] = '\x01';
    const Inspection found = inspect(patched);
    EXPECT_TRUE(has(found, "oracle-exp-charset-changed")) << at;
    EXPECT_FALSE(found.whole);
  }
}

TEST_F(OracleExp, AFileThatWasTransferredAsTextIsTold) {
  std::string damaged;
  for (const char c : test::sample_exp().finish()) {
    if (c == '\n') damaged += '\r';
    damaged += c;
  }
  EXPECT_EQ(codes(inspect(damaged)), std::vector<std::string>{"oracle-exp-text-mode"});
}

TEST_F(OracleExp, TheEndIsWholeBlocksOfZeros) {
  const std::string whole = test::sample_exp().finish();
  EXPECT_EQ(codes(inspect(whole + std::string(2048, '\0'))).back(), "oracle-exp-trailing");
  EXPECT_TRUE(inspect(whole + std::string(2048, '\0')).whole);
  EXPECT_EQ(codes(inspect(whole.substr(0, whole.size() - 1))).back(), "oracle-exp-truncated");
  EXPECT_EQ(codes(inspect(whole + "x")).back(), "oracle-exp-trailing");
  EXPECT_EQ(codes(inspect(whole.substr(0, whole.size() - 2048))).front(), "oracle-exp-truncated");
}

TEST_F(OracleExp, ATruncatedDumpTellsWhereAndWhat) {
  const std::string whole = test::sample_exp().finish();
  const Inspection found = inspect(whole.substr(0, whole.find("tea\n")));
  ASSERT_EQ(codes(found).front(), "oracle-exp-truncated");
  EXPECT_FALSE(found.whole);
  EXPECT_FALSE(found.rows_counted);
  EXPECT_NE(found.findings[0].seen.find("the rows of ORDERS"), std::string::npos)
      << found.findings[0].seen;
}

TEST_F(OracleExp, ARowTellsHowManyLargeValuesFollow) {
  TestExp dump;
  dump.table("T", "(\"A\" NUMBER)  STORAGE(INITIAL 1)");
  dump.begin_rows("T", {{"A", 2, 22}});
  dump.row({test::number(7)});
  dump.end_rows();
  std::string damaged = dump.finish();
  damaged[damaged.find("\xff\xff\n") - 2] = '\x01';
  const Inspection found = inspect(damaged);
  ASSERT_EQ(codes(found).front(), "oracle-exp-damaged");
  EXPECT_NE(found.findings[0].seen.find("1 large values instead of 0"), std::string::npos)
      << found.findings[0].seen;
}

TEST_F(OracleExp, OtherFilesAreNoneOfThese) {
  EXPECT_FALSE(inspect_exp(write("\x03\x01\x02random bytes"), {}, {}).has_value());
  EXPECT_FALSE(inspect_exp(write(""), {}, {}).has_value());
  EXPECT_FALSE(inspect_exp(directory_.path(), {}, {}).has_value());
}

TEST_F(OracleExp, FilesOfASetAreReadAsOne) {
  std::vector<std::filesystem::path> files;
  for (const std::string& content : test::sample_exp().finish_set(1))
    files.push_back(write(content, std::to_string(files.size()) + ".dmp"));
  ASSERT_GE(files.size(), 2U);
  std::ranges::reverse(files);
  const auto found = inspect_exp(files[0], {.deep = true, .others = files}, {});
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->whole) << found->findings.front().seen;
  EXPECT_EQ(found->members.size(), files.size() - 1);
  EXPECT_TRUE(has(*found, "oracle-exp-set"));
  EXPECT_EQ(counts(*found), (Counts{{"EMPTY", 0}, {"ORDERS", 3}, {"PARTS", 3}}));
  Collector collected;
  exp_rows(files[1], files, {"SHOP", "PARTS"}, collected, {});
  EXPECT_EQ(collected.given.rows.size(), 3U);
  EXPECT_EQ(inspect_exp(files.back(), {}, {})->findings.front().code, "oracle-exp-truncated");
  EXPECT_TRUE(has(*inspect_exp(files.front(), {}, {}), "oracle-exp-set-incomplete"));
}

TEST_F(OracleExp, TablesAreDefinedByTheirStatements) {
  const auto tables = define_exp_tables(write(test::sample_exp().finish()), {}, {});
  ASSERT_EQ(tables.size(), 3U);
  const model::TableDefinition& orders = tables[0];
  EXPECT_EQ(orders.name, (model::TableName{"SHOP", "ORDERS"}));
  EXPECT_EQ(orders.primary_key, std::vector<std::string>{"ID"});
  EXPECT_FALSE(orders.columns[0].is_nullable);
  EXPECT_EQ(orders.columns[1].precision, 12U);
  EXPECT_EQ(orders.columns[1].scale, 2);
  EXPECT_EQ(orders.columns[2].length, 40U);
  EXPECT_FALSE(orders.columns[3].is_padded);  // four bytes may be fewer characters
  EXPECT_EQ(orders.columns[6].kind, ValueKind::instant);
  EXPECT_EQ(orders.columns[6].fraction_digits, 3U);
  EXPECT_EQ(orders.columns[9].kind, ValueKind::other);
  EXPECT_EQ(orders.columns[10].length, 20U);
  EXPECT_EQ(tables[2].columns[0].precision, 10U);
}

TEST_F(OracleExp, StatementsComeAsAnImportRunsThem) {
  std::vector<std::string> texts;
  exp_statements(write(test::sample_exp().finish()), {},
                 [&](std::string_view schema, std::string_view text) {
                   EXPECT_EQ(schema, "SHOP");
                   texts.emplace_back(text);
                 },
                 {});
  ASSERT_EQ(texts.size(), 13U);
  EXPECT_EQ(texts[6], "COMMENT ON TABLE \"ORDERS\" IS 'what was\nordered'");
  EXPECT_TRUE(texts[10].starts_with("CREATE PROCEDURE pay AS\nBEGIN\n")) << texts[10];
  EXPECT_EQ(texts[12], "CREATE TRIGGER watch_orders\nBEGIN NULL; END;");
}

TEST_F(OracleExp, AReportOfTooManyNamesIsRefused) {
  TestExp dump;
  for (int i = 0; i < 30; ++i)
    dump.line("CREATE SEQUENCE \"" + std::string(1U << 20U, 'S') + "\" START WITH 1");
  try {
    static_cast<void>(inspect(dump.finish()));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
  }
}

TEST_F(OracleExp, AStatementWithoutAnEndIsDamage) {
  TestExp dump;
  dump.line("CREATE SEQUENCE \"" + std::string((8U << 20U) + 100, 'S'));
  EXPECT_EQ(codes(inspect(dump.finish())).front(), "oracle-exp-damaged");
  TestExp pieces;
  pieces.with_pieces("PROCACTION", std::vector<std::string>(200, std::string(60'000, 'x')));
  EXPECT_EQ(codes(inspect(pieces.finish())).front(), "oracle-exp-damaged");
}

TEST_F(OracleExp, AStopRequestEndsIt) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(static_cast<void>(inspect_exp(write(TestExp().finish()), {}, stop.get_token())),
               Error);
}

}  // namespace
}  // namespace holdfast::engine::oracle
