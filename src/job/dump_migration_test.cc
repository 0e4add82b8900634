// SPDX-License-Identifier: Apache-2.0
// Rows of a foreign file into a database of another kind. The file is a scripted one, the
// target is SQLite; servers are tests/integration's.
#include "job/dump_migration.h"

#include <gtest/gtest.h>

#include <limits>
#include <mutex>
#include <set>
#include <utility>

#include "engine/oracle/test_exp.h"
#include "engine/sqlserver/dac/test_dac.h"
#include "job/test_instance.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;
using model::ColumnDefinition;
using model::Row;
using model::TableDefinition;
using model::Value;
using model::ValueKind;

// Files that hold what the test says.
class ScriptedReader final : public engine::FileReader {
 public:
  struct Table {
    TableDefinition definition;
    std::vector<Row> rows;
  };
  std::vector<Table> tables;
  bool is_whole = true;
  std::uint64_t counts_more = 0;            // rows of the first table that are never given
  std::vector<fs::path> members;            // of the set
  mutable std::mutex mutex;                 // guards read
  mutable std::set<model::TableName> read;  // tables whose rows were asked for

  [[nodiscard]] std::string_view name() const noexcept override { return "scripted"; }
  [[nodiscard]] std::optional<engine::Inspection> inspect(const fs::path& /*file*/,
                                                          const engine::InspectOptions& options,
                                                          std::stop_token /*stop*/) const override {
    engine::Inspection found;
    found.kind = "scripted file";
    found.whole = is_whole || !options.deep;
    found.deep = options.deep;
    found.members = members;
    if (!found.whole) {
      model::Finding finding;
      finding.code = "scripted-truncated";
      finding.severity = model::Severity::blocker;
      finding.seen = "its end is missing";
      found.findings.push_back(finding);
    }
    for (const Table& table : tables)
      found.tables.push_back({table.definition.name.schema, table.definition.name.table,
                              table.rows.size() + (found.tables.empty() ? counts_more : 0), ""});
    return found;
  }
  [[nodiscard]] std::vector<TableDefinition> define_tables(
      const fs::path& /*file*/, std::span<const fs::path> /*others*/,
      std::stop_token /*stop*/) const override {
    std::vector<TableDefinition> found;
    for (const Table& table : tables) found.push_back(table.definition);
    return found;
  }
  void inspect_rows(const fs::path& /*file*/, std::span<const fs::path> /*others*/,
                    const model::TableName& name, model::RowSink& into,
                    std::stop_token stop) const override {
    {
      const std::lock_guard guard(mutex);
      read.insert(name);
    }
    for (const Table& table : tables) {
      if (table.definition.name != name) continue;
      std::vector<model::Column> columns;
      for (const ColumnDefinition& one : table.definition.columns)
        columns.push_back({one.name, one.type});
      into.columns(columns);
      for (const Row& row : table.rows) {
        if (stop.stop_requested()) throw Error(Errc::cancelled, "stopped");
        into.row(row);
      }
    }
  }
};

ColumnDefinition column(std::string name, std::string type, ValueKind kind) {
  ColumnDefinition one;
  one.name = std::move(name);
  one.type = std::move(type);
  one.kind = kind;
  return one;
}

Value of(ValueKind kind, std::string text) {
  return Value::of_kind(kind, std::move(text));
}

class DumpMigrationTest : public InstanceTest {
 protected:
  DumpMigrationTest() {
    write(file(), "anything");
    ColumnDefinition id = column("ID", "NUMBER(9)", ValueKind::number);
    id.precision = 9;
    id.scale = 0;
    id.is_nullable = false;
    ColumnDefinition at = column("AT", "TIMESTAMP(9)", ValueKind::timestamp);
    at.fraction_digits = 9;
    jobs_.definition.name = {"FMEMC", "JOBS"};
    jobs_.definition.columns = {id,
                                column("N", "NUMBER", ValueKind::number),
                                column("R", "BINARY_DOUBLE", ValueKind::real),
                                column("S", "VARCHAR2(9)", ValueKind::text),
                                column("B", "BLOB", ValueKind::bytes),
                                column("D", "DATE", ValueKind::date),
                                at,
                                column("Z", "TIMESTAMP WITH TIME ZONE", ValueKind::instant),
                                column("I", "INTERVAL", ValueKind::other)};
    jobs_.definition.primary_key = {"ID"};
    jobs_.rows = {
        {Value::integer(1), Value::number("-0.10"), Value::of_real(0.1), Value::of_text("Zoë 😀"),
         of(ValueKind::bytes, std::string("\0\xff", 2)), of(ValueKind::date, "-4712-01-01"),
         of(ValueKind::timestamp, "9999-12-31T23:59:59.123456789"),
         of(ValueKind::instant, "2026-11-20T10:56:01Z"), of(ValueKind::other, "+02-06")},
        {Value::integer(999'999'999), Value::number(std::string(38, '9')), Value::of_real(-0.0),
         Value::of_text(std::string("a\0b", 3)), of(ValueKind::bytes, ""), Value::null(),
         Value::null(), Value::null(), Value::null()},
        {Value::integer(-3), Value::null(), Value::of_real(std::numeric_limits<double>::infinity()),
         Value::of_text(""), Value::null(), Value::null(), Value::null(), Value::null(),
         Value::null()}};
    lines_.definition.name = {"FMEMC", "LINES"};
    lines_.definition.columns = {column("LINE", "CLOB", ValueKind::text)};
    for (int i = 0; i < 5000; ++i) lines_.rows.push_back({Value::of_text(std::to_string(i))});
    empty_.definition.name = {"FMEMC", "SCHEDULERS"};
    empty_.definition.columns = {id};
    reader_.tables = {jobs_, lines_, empty_};
  }

  [[nodiscard]] fs::path file() const { return root() / "dump.dmp"; }
  [[nodiscard]] fs::path place() const { return root() / "archive.db"; }
  [[nodiscard]] model::Instance target() const {
    model::Instance instance;
    instance.name = "archive";
    instance.file = "archive.toml";
    model::DatabaseSettings database;
    database.name = "main";
    database.engine = "sqlite";
    database.uri = "sqlite:" + place().string();
    instance.databases.push_back(database);
    instance.limits.parallel = 2;
    return instance;
  }
  InstanceRestoreReport migrate(const InstanceRestoreOptions& options = {}) {
    return migrate_rows(environment_, reader_, files_, to_, options, observer_, stop_);
  }
  // Nothing stays.
  void expect_failure(Errc code, std::string_view words,
                      const InstanceRestoreOptions& options = {}) {
    std::string message;
    EXPECT_EQ(error_of([&] { static_cast<void>(migrate(options)); }, &message), code) << message;
    EXPECT_NE(message.find(words), std::string::npos) << message;
    EXPECT_FALSE(fs::exists(place()));
    EXPECT_TRUE(journals_are_gone());
    for (const auto& entry : fs::directory_iterator(root()))
      EXPECT_EQ(entry.path().string().find("holdfast-"), std::string::npos) << entry.path();
  }
  // Nothing was even begun.
  void expect_refusal(Errc code, std::string_view words,
                      const InstanceRestoreOptions& options = {}) {
    expect_failure(code, words, options);
    EXPECT_TRUE(reader_.read.empty());
  }
  ScriptedReader::Table jobs_, lines_, empty_;
  ScriptedReader reader_;
  model::Instance to_ = target();
  std::vector<fs::path> files_{file()};
  TestObserver observer_;
};

TEST_F(DumpMigrationTest, MovesEveryKindOfValueExactly) {
  const InstanceRestoreReport report = migrate();
  EXPECT_EQ(report.databases, std::vector<std::string>{"rows → sqlite:" + place().string() +
                                                       ": 3 tables, 5,003 rows, digests equal"});
  EXPECT_TRUE(report.missing.empty());
  EXPECT_EQ(ask(place(), "SELECT typeof(ID) || N || AT || Z || I || D || S FROM JOBS WHERE ID = 1"),
            "integer-0.19999-12-31T23:59:59.1234567892026-11-20T10:56:01Z+02-06-4712-01-01Zoë 😀");
  EXPECT_EQ(ask(place(), "SELECT N FROM JOBS WHERE ID = 999999999"), std::string(38, '9'));
  EXPECT_EQ(ask(place(), "SELECT hex(B) || length(CAST(S AS BLOB)) FROM JOBS WHERE B = x''"), "3");
  EXPECT_EQ(ask(place(), "SELECT count(*) || sum(LINE) FROM LINES"), "500012497500");
  EXPECT_EQ(ask(place(), "SELECT count(*) FROM SCHEDULERS"), "0");
  EXPECT_TRUE(journals_are_gone());
  EXPECT_TRUE(observer_.warnings.empty());
}

TEST_F(DumpMigrationTest, TellsWhatIsHeldOtherwiseBeforeItBegins) {
  bool was_told = false;
  observer_.on_phase = [&](std::string_view phase) {
    if (phase == "making databases") was_told = observer_.found("columns-held-otherwise", "main");
  };
  const InstanceRestoreReport report = migrate();
  EXPECT_TRUE(was_told);
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(
      report.findings[0].seen,
      "table FMEMC.JOBS: N (NUMBER) as text, which is that of each number exactly; D (DATE) "
      "as text, which is that of each date exactly; AT (TIMESTAMP(9)) as text, which is that "
      "of each timestamp exactly; Z (TIMESTAMP WITH TIME ZONE) as text, which is that of each "
      "instant exactly; I (INTERVAL) as text, which is that of each value exactly");
}

TEST_F(DumpMigrationTest, RefusesWhatHasNoCounterpartBeforeItReadsARow) {
  reader_.tables[0].definition.columns[4].obstacle = "its content is elsewhere";
  reader_.tables[2].definition.columns[0].obstacle = "nobody knows";
  expect_refusal(Errc::unsupported,
                 "SQLite has no exact counterpart for table FMEMC.JOBS, column B (BLOB): its "
                 "content is elsewhere; table FMEMC.SCHEDULERS, column ID (NUMBER(9)): nobody "
                 "knows");
}

TEST_F(DumpMigrationTest, TakesTheTablesThatAreNamed) {
  reader_.tables[0].definition.columns[4].obstacle = "its content is elsewhere";
  InstanceRestoreOptions options;
  options.tables = {"FMEMC.LINES", "SCHEDULERS"};
  static_cast<void>(migrate(options));
  EXPECT_EQ(
      ask(place(), "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema ORDER BY 1)"),
      "LINES,SCHEDULERS");
  EXPECT_EQ(reader_.read.size(), 2U);
  EXPECT_TRUE(observer_.warnings.empty());
}

TEST_F(DumpMigrationTest, RefusesATableThatIsNotThere) {
  InstanceRestoreOptions options;
  options.tables = {"FMEMC.*", "OTHER.*"};
  expect_refusal(Errc::not_found, "has no table \"OTHER.*\"", options);
}

TEST_F(DumpMigrationTest, RefusesADamagedFile) {
  reader_.is_whole = false;
  expect_refusal(Errc::corrupt, "its end is missing");
  EXPECT_TRUE(observer_.found("scripted-truncated", "main"));
}

TEST_F(DumpMigrationTest, RefusesAFileThatIsNotThere) {
  files_ = {root() / "none.dmp"};
  expect_refusal(Errc::not_found, "none.dmp does not exist");
}

TEST_F(DumpMigrationTest, RefusesAFileThatIsNotOfTheSet) {
  files_.push_back(root() / "dump2.dmp");
  write(files_[1], "more");
  expect_refusal(Errc::usage, "dump2.dmp does not belong to");
  reader_.members = {files_[1]};
  EXPECT_EQ(migrate().databases.size(), 1U);
}

TEST_F(DumpMigrationTest, RefusesTablesThatFallTogether) {
  reader_.tables[1].definition.name = {"OTHER", "Jobs"};
  expect_refusal(Errc::unsupported, "table OTHER.Jobs: would have the name of table FMEMC.JOBS");
}

TEST_F(DumpMigrationTest, RefusesAPlaceThatIsTaken) {
  run_sql(place(), "CREATE TABLE mine (a)");
  std::string message;
  EXPECT_EQ(error_of([&] { static_cast<void>(migrate()); }, &message), Errc::exists);
  EXPECT_NE(message.find("archive.db exists and is not empty"), std::string::npos) << message;
  EXPECT_EQ(ask(place(), "SELECT group_concat(name) FROM sqlite_schema"), "mine");
  EXPECT_TRUE(reader_.read.empty());
}

TEST_F(DumpMigrationTest, RefusesWhatItCannotDo) {
  InstanceRestoreOptions options;
  options.replace = true;
  expect_refusal(Errc::usage, "--replace", options);
  options = {};
  options.schema_file = "/tmp/x";
  expect_refusal(Errc::usage, "--schema", options);
  to_.databases.push_back(to_.databases[0]);
  to_.databases[1].name = "other";
  expect_refusal(Errc::usage, "names 2 databases");
  options = {};
  options.components = {"other"};
  to_.databases[1].engine = "cobol";
  expect_refusal(Errc::blocked, "engine-missing", options);
}

// With nothing left of all other tables.
TEST_F(DumpMigrationTest, NamesTheValueThatDoesNotFit) {
  const auto refused = [&](std::size_t at, Value value, std::string_view words) {
    reader_.tables[0].rows = jobs_.rows;
    reader_.tables[0].rows[1][at] = std::move(value);
    expect_failure(Errc::unsupported, words);
  };
  refused(1, of(ValueKind::other, "inf"),
          "table FMEMC.JOBS, column N (NUMBER), row 2: it is of kind other and not number");
  refused(2, Value::of_real(std::numeric_limits<double>::quiet_NaN()),
          "column R (BINARY_DOUBLE), row 2: it is no number");
  refused(6, of(ValueKind::date, "2026-01-01"), "it is of kind date and not timestamp");
  refused(5, of(ValueKind::date, "yesterday"), "row 2: it is no date: yesterday");
}

TEST_F(DumpMigrationTest, RefusesRowsOfOtherColumns) {
  reader_.tables[0].rows[2].pop_back();
  expect_failure(Errc::not_consistent, "row 3: 8 values for 9 columns");
}

TEST_F(DumpMigrationTest, MissesRowsThatWereCountedBefore) {
  reader_.counts_more = 1;
  expect_failure(Errc::not_consistent, "table FMEMC.JOBS has 4 rows, and 3 were read");
}

TEST_F(DumpMigrationTest, LeavesNothingWhereAKeyDoesNotHold) {
  reader_.tables[0].rows.push_back(jobs_.rows[0]);
  expect_failure(Errc::differs, "JOBS");
}

TEST_F(DumpMigrationTest, LeavesNothingWhenItIsStopped) {
  observer_.on_phase = [&](std::string_view phase) {
    if (phase == "converting rows") stop_.request_stop();
  };
  expect_failure(Errc::cancelled, "");
}

TEST_F(DumpMigrationTest, MakesTheDirectoryOfTheDatabase) {
  const fs::path below = root() / "some/where/archive.db";
  to_.databases[0].uri = "sqlite:" + below.string();
  reader_.counts_more = 1;
  EXPECT_EQ(error_of([&] { static_cast<void>(migrate()); }), Errc::not_consistent);
  EXPECT_FALSE(fs::exists(root() / "some"));
  reader_.counts_more = 0;
  static_cast<void>(migrate());
  EXPECT_EQ(ask(below, "SELECT count(*) FROM JOBS"), "3");
}

TEST_F(DumpMigrationTest, RunsTheHooksOfTheTarget) {
  const fs::path marks = root() / "marks";
  const auto mark = [&](const std::string& word) {
    return std::vector<std::string>{"/bin/sh", "-c", "echo " + word + " >> " + marks.string()};
  };
  to_.hooks.before_restore = {mark("before")};
  to_.hooks.after_restore = {mark("after")};
  to_.hooks.on_error = {mark("error")};
  static_cast<void>(migrate());
  EXPECT_EQ(read(marks), "before\nafter\n");
  fs::remove(place());
  reader_.is_whole = false;
  expect_failure(Errc::corrupt, "");
  EXPECT_EQ(read(marks), "before\nafter\nerror\n");
}

// As import does.
TEST_F(DumpMigrationTest, ImportsAFileOfTheTargetsKind) {
  const InstanceRestoreReport report =
      migrate_dump(environment_, {source() / "db/orders.db"}, to_, {}, observer_, stop_);
  EXPECT_EQ(ask(place(), "SELECT count(*) FROM orders"), "3");
  EXPECT_EQ(ask(place(), "SELECT count(*) FROM big_orders"), "1");
  ASSERT_EQ(report.databases.size(), 1U);
  EXPECT_TRUE(report.databases[0].starts_with("main → ")) << report.databases[0];
}

TEST_F(DumpMigrationTest, MovesADumpOfOracleIntoADatabase) {
  using engine::oracle::test::number;
  engine::oracle::test::TestExp dump;
  dump.table("JOBS",
             "(\"ID\" NUMBER(9, 0) NOT NULL ENABLE, \"NAME\" VARCHAR2(20), \"AT\" DATE, CONSTRAINT "
             "\"JOBS_PK\" PRIMARY KEY (\"ID\"))  STORAGE(INITIAL 1)");
  dump.begin_rows("JOBS", {{"ID"}, {"NAME", 1, 20}, {"AT", 12, 7}});
  for (std::uint64_t i = 1; i <= 300; ++i)
    dump.row(
        {number(i), "J\xc3\xb6" + std::to_string(i),
         i == 7 ? std::nullopt : std::optional(engine::oracle::test::of_hex("787b0b0101291d"))});
  dump.end_rows();
  dump.line("ENDTABLE");
  write(file(), dump.finish());
  const InstanceRestoreReport report =
      migrate_dump(environment_, files_, to_, {}, observer_, stop_);
  EXPECT_EQ(report.databases, std::vector<std::string>{"rows → sqlite:" + place().string() +
                                                       ": 1 table, 300 rows, digests equal"});
  EXPECT_EQ(ask(place(), "SELECT count(*) || sum(ID) || max(NAME) FROM JOBS"), "30045150Jö99");
  EXPECT_EQ(ask(place(), "SELECT \"AT\" FROM JOBS WHERE ID = 300"), "2023-11-01T00:40:28");
  EXPECT_EQ(ask(place(), "SELECT ID FROM JOBS WHERE \"AT\" IS NULL"), "7");
  EXPECT_EQ(ask(place(), "SELECT group_concat(name) FROM pragma_table_info('JOBS') WHERE pk"),
            "ID");
}

TEST_F(DumpMigrationTest, MovesAPackageOfSqlServerIntoADatabase) {
  write(file(), engine::sqlserver::test::types_package().file());
  const InstanceRestoreReport report =
      migrate_dump(environment_, {file()}, to_, {}, observer_, stop_);
  ASSERT_EQ(report.databases.size(), 1U);
  EXPECT_TRUE(report.databases[0].ends_with(": 2 tables, 3 rows, digests equal"))
      << report.databases[0];
  EXPECT_TRUE(observer_.found("sqlserver-dac-not-consistent", "main"));
  std::string columns;
  const auto samples = engine::sqlserver::test::type_samples();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto& one = samples[i];
    if (one.type == "real" || one.type == "float") continue;
    const std::string name = "c" + std::to_string(i + 1);
    const bool is_bytes = one.shown.starts_with("0x");
    EXPECT_EQ(ask(place(), "SELECT " + (is_bytes ? "'0x' || lower(hex(" + name + "))" : name) +
                               " FROM Required"),
              one.shown)
        << one.type;
    columns += (columns.empty() ? "" : ", ") + name;
  }
  EXPECT_EQ(ask(place(), "SELECT count(*) FROM Nullable WHERE coalesce(" + columns + ") IS NULL"),
            "1");
}

}  // namespace
}  // namespace holdfast::job
