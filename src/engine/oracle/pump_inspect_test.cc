// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_inspect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/fd.h"
#include "engine/oracle/test_pump.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;

struct Rows {
  std::vector<model::Column> names;
  std::vector<model::Row> rows;
};

class RowsSink final : public model::RowSink {
 public:
  explicit RowsSink(Rows& into) : into_(into) {}
  void columns(const std::vector<model::Column>& told) override { into_.names = told; }
  void row(const model::Row& row) override { into_.rows.push_back(row); }

 private:
  Rows& into_;
};

void read_rows(const fs::path& file, std::span<const fs::path> others,
               const model::TableName& table, Rows& rows) {
  RowsSink sink(rows);
  pump_rows(file, others, table, sink, {});
}

std::map<std::string, std::uint64_t> rows_of(const Inspection& inspection) {
  std::map<std::string, std::uint64_t> rows;
  for (const model::TableFacts& table : inspection.tables)
    rows[model::TableName{table.schema, table.table}.display()] = table.rows;
  return rows;
}

std::vector<std::string> codes_of(const Inspection& inspection) {
  std::vector<std::string> codes;
  for (const model::Finding& finding : inspection.findings) codes.push_back(finding.code);
  std::sort(codes.begin(), codes.end());
  return codes;
}

bool has_code(const Inspection& inspection, const std::string& code) {
  const auto codes = codes_of(inspection);
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

std::string text_of(const Json& facts, std::string_view key) {
  return std::string(facts.at(key).as_string());
}

template <typename Call>
Errc code_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return Errc::bug;
}

TestTable people() {
  TestTable table;
  table.name = "PEOPLE";
  table.columns = {{"ID", 2, 22,
                    "<PRECISION_NUM>6</PRECISION_NUM><SCALE>0</SCALE>"
                    "<NOT_NULL>1</NOT_NULL>"},
                   {"NAME", 1, 40},
                   {"NOTE", 112, 4000},
                   {"BORN", 12, 7, ""},
                   {"FACE", 113, 4000, ""}};
  table.rows = {
      {test_number(1), "Ada", test_utf16("first"), "\x77\x8F\x0C\x0A\x01\x01\x01", "\x01\x02"},
      {test_number(2), "Bob", std::nullopt, std::nullopt, std::nullopt},
      {test_number(-3), std::nullopt, test_utf16("third"), std::nullopt, std::nullopt},
      {test_number(4), std::nullopt, std::nullopt, std::nullopt, "\x03"}};
  table.keys =
      "<CON1_LIST><CON1_LIST_ITEM><CONTYPE>2</CONTYPE><ENABLED>7</ENABLED><COL_LIST>"
      "<COL_LIST_ITEM><POS_NUM>1</POS_NUM><COL><NAME>ID</NAME></COL></COL_LIST_ITEM></COL_LIST>"
      "</CON1_LIST_ITEM><CON1_LIST_ITEM><CONTYPE>3</CONTYPE><ENABLED>8</ENABLED><COL_LIST>"
      "<COL_LIST_ITEM><POS_NUM>2</POS_NUM><COL><NAME>BORN</NAME></COL></COL_LIST_ITEM>"
      "<COL_LIST_ITEM><POS_NUM>1</POS_NUM><COL><NAME>NAME</NAME></COL></COL_LIST_ITEM></COL_LIST>"
      "</CON1_LIST_ITEM></CON1_LIST>";
  return table;
}

TestTable numbers(std::int64_t rows) {
  TestTable table;
  table.name = "NUMBERS";
  table.columns = {{"N", 2, 22, ""}};
  for (std::int64_t i = 0; i < rows; ++i) table.rows.push_back({test_number(i)});
  return table;
}

class PumpInspect : public ::testing::Test {
 protected:
  Inspection look(const std::vector<fs::path>& paths, bool deep = true) {
    InspectOptions options;
    options.deep = deep;
    const std::vector<fs::path> others(paths.begin() + 1, paths.end());
    options.others = others;
    auto inspection = inspect_pump(paths.front(), options, {});
    EXPECT_TRUE(inspection.has_value());
    return inspection ? std::move(*inspection) : Inspection();
  }
  Inspection look(TestPump& pump, bool deep = true) {
    return look(pump.write(directory_.path()), deep);
  }
  Rows rows(const std::vector<fs::path>& paths, const std::string& table) {
    Rows rows;
    read_rows(paths.front(), std::span(paths).subspan(1), {"APP", table}, rows);
    return rows;
  }
  TemporaryDirectory directory_{"holdfast-pump"};
};

TEST_F(PumpInspect, IsNotMisledByNames) {
  const fs::path classic = directory_.path() / "expdat.dmp";
  write_file_durably(classic, as_bytes(std::string("\x03\x03\x69"
                                                   "EXPORT:V12.01.00\n")));
  EXPECT_FALSE(inspect_pump(classic, {}, {}).has_value());
  EXPECT_FALSE(inspect_pump(directory_.path(), {}, {}).has_value());
  EXPECT_FALSE(inspect_pump(directory_.path() / "none.dmp", {}, {}).has_value());
  TestPump pump;
  const fs::path other = directory_.path() / "notes.txt";
  fs::rename(pump.write(directory_.path()).front(), other);
  EXPECT_TRUE(inspect_pump(other, {}, {}).has_value());
}

TEST_F(PumpInspect, ReadsEveryGeneration) {
  const struct {
    unsigned major;
    const char *version, *kind;
  } generations[] = {{1, "10.02.00.01.00", "Oracle Data Pump export (10.2)"},
                     {2, "11.01.00.07.00", "Oracle Data Pump export (11.1)"},
                     {3, "11.02.00.04.00", "Oracle Data Pump export (11.2)"},
                     {4, "12.01.00.02.00", "Oracle Data Pump export (12.1)"},
                     {5, "19.00.00.00.00", "Oracle Data Pump export (19)"}};
  for (const auto& one : generations) {
    TestPump pump;
    pump.major = one.major;
    pump.version = one.version;
    pump.tables = {people(), numbers(3)};
    const Inspection found = look(pump);
    EXPECT_EQ(found.kind, one.kind);
    EXPECT_EQ(text_of(found.facts, "platform"), "SYNTHETIC");
    EXPECT_EQ(text_of(found.facts, "instance"), "synth");
    EXPECT_EQ(text_of(found.facts, "job"), "\"APP\".\"SYNTHETIC_JOB\"");
    const std::map<std::string, std::uint64_t> expected{{"APP.PEOPLE", 4}, {"APP.NUMBERS", 3}};
    EXPECT_EQ(rows_of(found), expected) << one.kind;
    EXPECT_EQ(found.whole, one.major == 4);
  }
}

TEST_F(PumpInspect, DecodesRowsWithLobsAndWithout) {
  TestPump pump;
  pump.tables = {people()};
  const auto paths = pump.write(directory_.path());
  const Rows found = rows(paths, "PEOPLE");
  ASSERT_EQ(found.rows.size(), 4U);
  using model::Value;
  EXPECT_EQ(found.rows[0],
            (model::Row{Value::integer(1), Value::of_text("Ada"), Value::of_text("first"),
                        Value::of_kind(model::ValueKind::timestamp, "1943-12-10T00:00:00"),
                        Value::of_bytes(as_bytes("\x01\x02"))}));
  EXPECT_EQ(found.rows[1], (model::Row{Value::integer(2), Value::of_text("Bob"), Value::null(),
                                       Value::null(), Value::null()}));
  EXPECT_EQ(found.rows[2][2], Value::of_text("third"));
  EXPECT_EQ(found.rows[3][4], Value::of_bytes(as_bytes("\x03")));
  EXPECT_EQ(found.rows[3][2], Value::null());
  model::RowHasher hasher;
  for (const model::Row& row : found.rows) hasher.add(row);
  const Inspection inspection = look(paths);
  ASSERT_EQ(inspection.tables.size(), 1U);
  EXPECT_EQ(inspection.tables[0].digest, hasher.digest().hex());
  EXPECT_EQ(look(paths, false).tables[0].digest, "");
}

TEST_F(PumpInspect, PutsLongLobsTogetherAndWideRowsToo) {
  TestPump pump;
  TestTable lobs;
  lobs.name = "LOBS";
  lobs.columns = {{"ID", 2, 22, ""}, {"DATA", 113, 4000, ""}};
  std::string content;
  for (int i = 0; i < 200'000; ++i) content += static_cast<char>(i * 7);
  lobs.rows = {{test_number(1), content}, {test_number(2), content.substr(0, 65520)}};
  TestTable wide;
  wide.name = "WIDE";
  TestRow row;
  for (int i = 0; i < 600; ++i) {
    wide.columns.push_back({fmt::format("C{}", i), 2, 22, ""});
    row.push_back(test_number(i));
  }
  wide.rows = {row, {test_number(9)}};
  pump.tables = {lobs, wide};
  const auto paths = pump.write(directory_.path());
  const Rows found = rows(paths, "LOBS");
  EXPECT_EQ(found.rows.at(0).at(1), model::Value::of_bytes(as_bytes(content)));
  EXPECT_EQ(found.rows.at(1).at(1).text.size(), 65520U);
  const Rows found_wide = rows(paths, "WIDE");
  EXPECT_EQ(found_wide.rows.at(0).at(599), model::Value::integer(599));
  EXPECT_EQ(found_wide.rows.at(1).at(0), model::Value::integer(9));
  EXPECT_EQ(found_wide.rows.at(1).at(1), model::Value::null());
  EXPECT_TRUE(look(paths).whole);
}

TEST_F(PumpInspect, AddsPartitionsUp) {
  TestPump pump;
  for (const char* name : {"P1", "P2", "P3"}) {
    pump.tables.push_back(numbers(name[1] - '0'));
    pump.tables.back().partition = name;
  }
  const auto paths = pump.write(directory_.path());
  const Inspection found = look(paths);
  EXPECT_TRUE(found.whole);
  EXPECT_EQ(rows_of(found), (std::map<std::string, std::uint64_t>{{"APP.NUMBERS", 6}}));
  const Json& table = found.facts.at("tables").as_array().front();
  ASSERT_EQ(table.at("partitions").as_array().size(), 3U);
  EXPECT_EQ(table.at("partitions").as_array()[2].at("rows").as_int(), 3);
  EXPECT_EQ(rows(paths, "NUMBERS").rows.size(), 6U);
}

TEST_F(PumpInspect, TellsInternalTablesFromTheUsers) {
  TestPump pump;
  pump.tables = {numbers(2), numbers(5), numbers(7)};
  pump.tables[1].schema = "SYS";
  pump.tables[1].name = "IMPDP_STATS";
  pump.tables[1].path = "SCHEMA_EXPORT/STATISTICS/MARKER";
  pump.tables[2].schema = "SYS";
  pump.tables[2].name = "KU$_OPTIONS";
  pump.tables[2].path = "DATABASE_EXPORT/NORMAL_OPTIONS/TABLE_DATA";
  const Inspection found = look(pump);
  EXPECT_TRUE(found.whole);
  EXPECT_EQ(rows_of(found), (std::map<std::string, std::uint64_t>{{"APP.NUMBERS", 2}}));
  EXPECT_EQ(found.facts.at("internal_tables").as_array().size(), 2U);
}

TEST_F(PumpInspect, KeepsTheFilesOfAJobTogether) {
  TestPump pump;
  pump.files = 3;
  pump.master_file = 2;
  pump.tables = {numbers(2), people(), numbers(5)};
  pump.tables[0].partition = "P1";
  pump.tables[2].partition = "P2";
  pump.tables[1].file = 2;
  pump.tables[2].file = 3;
  const auto paths = pump.write(directory_.path());
  const Inspection all = look({paths[2], paths[0], paths[1]});
  EXPECT_TRUE(all.whole);
  EXPECT_EQ(all.members, (std::vector<fs::path>{paths[0], paths[1]}));
  EXPECT_EQ(rows_of(all),
            (std::map<std::string, std::uint64_t>{{"APP.NUMBERS", 7}, {"APP.PEOPLE", 4}}));
  EXPECT_EQ(rows({paths[1], paths[0], paths[2]}, "NUMBERS").rows.size(), 7U);
  // With its master table it is known which files are missing, without it that one is.
  const Inspection second = look({paths[1]});
  EXPECT_FALSE(second.whole);
  EXPECT_TRUE(has_code(second, "oracle-pump-files-missing"));
  for (const std::size_t alone : {0U, 2U}) {
    const Inspection found = look({paths[alone]});
    EXPECT_FALSE(found.whole);
    EXPECT_EQ(codes_of(found), std::vector<std::string>{"oracle-pump-master-missing"});
  }
  EXPECT_EQ(code_of([&] { rows({paths[1], paths[0]}, "NUMBERS"); }), Errc::incomplete);
  EXPECT_EQ(rows({paths[1]}, "PEOPLE").rows.size(), 4U);
  EXPECT_EQ(code_of([&] { static_cast<void>(define_pump_tables(paths[1], {}, {})); }),
            Errc::incomplete);
}

TEST_F(PumpInspect, LeavesFilesOfOtherJobsAlone) {
  TestPump pump;
  pump.files = 2;
  const auto paths = pump.write(directory_.path());
  const fs::path elsewhere = directory_.path() / "elsewhere";
  fs::create_directory(elsewhere);
  TestPump other;
  other.guid = std::string(16, '\x33');
  const auto others = other.write(elsewhere);
  const Inspection found = look({paths[0], others[0], paths[1]});
  EXPECT_TRUE(found.whole);
  EXPECT_EQ(found.members, std::vector<fs::path>{paths[1]});
}

TEST_F(PumpInspect, RefusesOneFileTwice) {
  TestPump pump;
  const auto paths = pump.write(directory_.path());
  const fs::path copy = directory_.path() / "copy.dmp";
  fs::copy_file(paths[0], copy);
  EXPECT_TRUE(has_code(look({paths[0], copy}), "oracle-pump-set-contradicted"));
  EXPECT_TRUE(look({paths[0], paths[0]}).whole);
}

TEST_F(PumpInspect, SaysThatAJobNeverCameToItsEnd) {
  TestPump pump;
  pump.has_master = false;
  pump.tables = {people(), numbers(2)};
  const auto paths = pump.write(directory_.path());
  const Inspection found = look(paths);
  EXPECT_FALSE(found.whole);
  EXPECT_EQ(codes_of(found), std::vector<std::string>{"oracle-pump-master-missing"});
  EXPECT_EQ(rows_of(found),
            (std::map<std::string, std::uint64_t>{{"APP.PEOPLE", 4}, {"APP.NUMBERS", 2}}));
  // What is there is given all the same, and said to be no whole.
  Rows given;
  EXPECT_EQ(code_of([&] { read_rows(paths[0], {}, {"APP", "NUMBERS"}, given); }), Errc::incomplete);
  EXPECT_EQ(given.rows.size(), 2U);
}

TEST_F(PumpInspect, ComparesRowsWithWhatTheJobSays) {
  TestPump pump;
  pump.tables = {numbers(4)};
  pump.tables[0].rows_less = 1;
  const auto paths = pump.write(directory_.path());
  const Inspection found = look(paths, false);
  EXPECT_FALSE(found.whole);
  EXPECT_EQ(codes_of(found), (std::vector<std::string>{"oracle-pump-metadata-compressed",
                                                       "oracle-pump-rows-differ"}));
  EXPECT_EQ(code_of([&] { rows(paths, "NUMBERS"); }), Errc::corrupt);
}

TEST_F(PumpInspect, DoesNotCountWhatAnEarlierAttemptLeft) {
  TestPump pump;
  pump.tables = {numbers(4), numbers(3)};
  pump.tables[0].is_unlisted = true;
  const auto paths = pump.write(directory_.path());
  const Inspection found = look(paths);
  EXPECT_TRUE(found.whole);
  EXPECT_TRUE(has_code(found, "oracle-pump-unit-unlisted"));
  EXPECT_EQ(rows_of(found), (std::map<std::string, std::uint64_t>{{"APP.NUMBERS", 3}}));
  EXPECT_EQ(rows(paths, "NUMBERS").rows.size(), 3U);
}

TEST_F(PumpInspect, SaysWhatItCanOfCompressedAndEncryptedRows) {
  for (const auto& [name, value, code] :
       {std::tuple("COMPRESSION", "ALL", "oracle-pump-data-compressed"),
        std::tuple("COMPRESSION", "DATA_ONLY", "oracle-pump-data-compressed"),
        std::tuple("ENCRYPTION", "ALL", "oracle-pump-data-encrypted")}) {
    TestPump pump;
    pump.parameters[name] = value;
    pump.tables = {numbers(4)};
    pump.tables[0].raw_rows = "\x9E\x12 nothing that could be a row";
    const auto paths = pump.write(directory_.path());
    const Inspection found = look(paths);
    EXPECT_TRUE(found.whole);
    EXPECT_FALSE(found.deep || found.rows_counted);
    EXPECT_TRUE(has_code(found, code));
    EXPECT_EQ(rows_of(found), (std::map<std::string, std::uint64_t>{{"APP.NUMBERS", 4}}));
    EXPECT_EQ(found.tables[0].digest, "");
    EXPECT_EQ(code_of([&] { rows(paths, "NUMBERS"); }), Errc::unsupported);
  }
}

TEST_F(PumpInspect, ReadsDefinitionsThatAreNotCompressed) {
  TestPump pump;
  pump.plain_definitions = true;
  pump.parameters["COMPRESSION"] = "NONE";
  pump.tables = {numbers(1)};
  const Inspection found = look(pump);
  EXPECT_TRUE(found.whole);
  EXPECT_TRUE(found.findings.empty());
  EXPECT_EQ(found.facts.at("plain_definitions").as_int(), 1);
  EXPECT_EQ(found.facts.at("compressed_definitions").as_int(), 0);
}

TEST_F(PumpInspect, DefinesTablesWithTheirKeysAlsoEmptyOnes) {
  TestPump pump;
  TestTable empty = people();
  empty.name = "NOBODY";
  empty.rows.clear();
  pump.tables = {people(), empty};
  const auto tables = define_pump_tables(pump.write(directory_.path()).front(), {}, {});
  ASSERT_EQ(tables.size(), 2U);
  for (const model::TableDefinition& table : tables) {
    EXPECT_EQ(table.primary_key, std::vector<std::string>{"ID"});
    EXPECT_EQ(table.unique, (std::vector<std::vector<std::string>>{{"NAME", "BORN"}}));
    ASSERT_EQ(table.columns.size(), 5U);
    EXPECT_EQ(table.columns[0].type, "NUMBER(6)");
    EXPECT_EQ(table.columns[0].precision, 6U);
    EXPECT_FALSE(table.columns[0].is_nullable);
    EXPECT_EQ(table.columns[2].kind, model::ValueKind::text);
    EXPECT_EQ(table.columns[2].type, "CLOB");
  }
  pump.tables[1].is_defined = false;
  const auto paths = pump.write(directory_.path());
  EXPECT_EQ(code_of([&] { static_cast<void>(define_pump_tables(paths[0], {}, {})); }),
            Errc::unsupported);
}

TEST_F(PumpInspect, RefusesTypesThatItCannotReadByName) {
  TestPump pump;
  pump.tables = {numbers(2)};
  pump.tables[0].columns.push_back({"SHAPE", 121, 1, ""});
  const auto paths = pump.write(directory_.path());
  const Inspection found = look(paths);
  EXPECT_TRUE(has_code(found, "oracle-pump-values-unread"));
  EXPECT_EQ(found.tables[0].rows, 2U);
  EXPECT_EQ(found.tables[0].digest, "");
  try {
    rows(paths, "NUMBERS");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find("SHAPE"), std::string::npos);
  }
  EXPECT_EQ(code_of([&] { rows(paths, "NONE"); }), Errc::not_found);
}

TEST_F(PumpInspect, DefinesTablesBesideOneThatItCannotRead) {
  TestPump pump;
  TestTable shapes = numbers(2);
  shapes.name = "SHAPES";
  shapes.columns.push_back({"SHAPE", 121, 1, ""});
  pump.tables = {shapes, numbers(2)};
  const auto tables = define_pump_tables(pump.write(directory_.path()).front(), {}, {});
  ASSERT_EQ(tables.size(), 2U);
  EXPECT_EQ(tables[0].columns.back().obstacle, "");
  EXPECT_EQ(tables[1].name.table, "SHAPES");
  EXPECT_EQ(tables[1].columns.back().obstacle, "values of this type cannot be read here");
  EXPECT_EQ(tables[1].columns.front().obstacle, "");
}

TEST_F(PumpInspect, NamesTablesWhoseRowsWereNotExported) {
  TestPump pump;
  pump.tables = {numbers(2)};
  pump.tables[0].is_unlisted = true;
  pump.tables[0].rows.clear();
  EXPECT_TRUE(has_code(look(pump), "oracle-pump-rows-not-exported"));
}

TEST_F(PumpInspect, ReportsErrorsOfTheJob) {
  TestPump pump;
  pump.job_errors = 2;
  EXPECT_TRUE(has_code(look(pump), "oracle-pump-job-errors"));
}

TEST_F(PumpInspect, ShowsNoPassword) {
  TestPump pump;
  pump.parameters["ENCRYPTION_PASSWORD"] = "secret";
  EXPECT_EQ(look(pump).facts.dump().find("secret"), std::string::npos);
}

TEST_F(PumpInspect, EndsSoonWhenItIsToldTo) {
  TestPump pump;
  const auto paths = pump.write(directory_.path());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] { static_cast<void>(inspect_pump(paths[0], {}, stop.get_token())); }),
            Errc::cancelled);
}

TEST_F(PumpInspect, ReadsAStreamAsItReadsAFile) {
  TestPump pump;
  pump.tables = {people(), numbers(3)};
  const std::string content = pump.write().front();
  BytesSource source(as_bytes(content));
  const PumpFile file = read_pump_file(source, "1.dmp", PumpDepth::decoded, {});
  const Inspection streamed = tell_pump_job(std::span(&file, 1), true);
  const Inspection found = look(pump);
  EXPECT_EQ(streamed.facts.dump(), found.facts.dump());
  EXPECT_EQ(streamed.tables.size(), found.tables.size());
  for (std::size_t i = 0; i < found.tables.size(); ++i)
    EXPECT_EQ(streamed.tables[i].digest, found.tables[i].digest);
}

}  // namespace
}  // namespace holdfast::engine::oracle
