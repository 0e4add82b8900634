// SPDX-License-Identifier: Apache-2.0
#include "job/inspect.h"

#include <gtest/gtest.h>

#include "engine/oracle/test_exp.h"
#include "engine/typedb/test_directories.h"
#include "engine/typedb/test_exports.h"
#include "job/test_instance.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class InspectTest : public InstanceTest {
 protected:
  static InspectedFile only(const fs::path& path, bool deep = false, const fs::path& schema = {}) {
    const auto all = inspect_paths({path}, {deep, schema}, {});
    EXPECT_EQ(all.size(), 1U);
    return all.at(0);
  }
};

// Remembers rows as text.
class Rows final : public model::RowSink {
 public:
  void columns(const std::vector<model::Column>& columns) override {
    for (const model::Column& column : columns) names.push_back(column.name);
  }
  void row(const model::Row& row) override {
    for (const model::Value& value : row) values.push_back(value.text);
  }
  std::vector<std::string> names, values;
};

TEST_F(InspectTest, KnowsADatabase) {
  const InspectedFile file = only(source() / "db/orders.db", true);
  EXPECT_TRUE(file.known);
  EXPECT_TRUE(file.whole);
  EXPECT_TRUE(file.deep);
  EXPECT_EQ(file.engine, "sqlite");
  EXPECT_EQ(file.tables.size(), 2U);
  const Json json = to_json(file);
  EXPECT_EQ(json.at("tables").as_array().size(), 2U);
  EXPECT_TRUE(json.at("whole").as_bool());
}

TEST_F(InspectTest, SaysThatADatabaseIsCutOff) {
  fs::resize_file(source() / "db/orders.db", 5000);
  EXPECT_FALSE(only(source() / "db/orders.db", true).whole);
}

TEST_F(InspectTest, DoesNotPretendToKnowAFile) {
  EXPECT_FALSE(only(source() / "files/a.txt").known);
}

TEST_F(InspectTest, LooksAtEachFileOfADirectory) {
  write(source() / "db/notes.txt", "hello");
  const auto all = inspect_paths({source() / "db"}, {}, {});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].path, source() / "db/orders.db");
  EXPECT_FALSE(only(source() / "files").known);
}

TEST_F(InspectTest, KnowsAnExport) {
  TestObserver observer;
  static_cast<void>(
      export_instance(environment_, instance_at(source()), root() / "export", {}, observer, stop_));
  InspectedFile file = only(root() / "export", true);
  EXPECT_EQ(file.engine, "holdfast");
  EXPECT_TRUE(file.whole) << (file.findings.empty() ? "" : file.findings[0].seen);
  EXPECT_EQ(file.facts.at("instance").as_string(), "shop");
  fs::remove(root() / ("export/files/uploads" + source().string() + "/files/a.txt"));
  EXPECT_FALSE(only(root() / "export", true).whole);
  fs::resize_file(root() / "export/databases/orders/data.db", 100);
  file = only(root() / "export");
  EXPECT_FALSE(file.whole);
  EXPECT_EQ(file.findings.back().code, "inspect-failed");
}

TEST_F(InspectTest, KnowsARepository) {
  const InspectedFile file = only(root() / "repository");
  EXPECT_EQ(file.engine, "restic");
  EXPECT_EQ(file.facts.at("keys").as_uint(), 1U);
}

TEST_F(InspectTest, ReadsTheRowsOfATable) {
  Rows rows;
  inspect_rows({source() / "db/orders.db"}, "log", rows, {});
  EXPECT_EQ(rows.names, std::vector<std::string>{"line"});
  EXPECT_EQ(rows.values, (std::vector<std::string>{"order 1", "order 2", "order 3"}));
  EXPECT_EQ(error_of([&] { inspect_rows({source() / "db/orders.db"}, "nothing", rows, {}); }),
            Errc::not_found);
  EXPECT_EQ(error_of([&] { inspect_rows({source() / "files/a.txt"}, "log", rows, {}); }),
            Errc::unsupported);
}

TEST_F(InspectTest, KnowsATypedbExport) {
  write(root() / "dump.typedb", engine::typedb::people_export(3).bytes);
  const InspectedFile file = only(root() / "dump.typedb");
  EXPECT_EQ(file.engine, "typedb");
  EXPECT_EQ(file.kind, "TypeDB 2.29.1 export");
  EXPECT_TRUE(file.whole);
  const Json json = to_json(file);
  EXPECT_EQ(json.at("tables").as_array().at(1).dump(),
            R"({"schema":"entity","table":"person","rows":3})")
      << "counted without --deep";
  EXPECT_FALSE(file.deep) << "ids were not compared";
  EXPECT_TRUE(only(root() / "dump.typedb", true).deep);
  EXPECT_EQ(file.findings.at(0).code, "typedb-export-identities-unchecked");
  EXPECT_TRUE(only(root() / "dump.typedb", true).findings.empty());
}

TEST_F(InspectTest, SaysWhereATypedbExportIsCutOff) {
  const std::string whole = engine::typedb::people_export(3).bytes;
  write(root() / "dump.typedb", whole.substr(0, whole.size() - 1));
  const InspectedFile file = only(root() / "dump.typedb", true);
  EXPECT_TRUE(file.known);
  EXPECT_FALSE(file.whole);
  EXPECT_EQ(file.findings.at(0).code, "typedb-export-truncated");
  EXPECT_NE(file.findings[0].seen.find("dump.typedb ends at byte " +
                                       std::to_string(whole.size() - 1) + ", 1 bytes before"),
            std::string::npos)
      << file.findings[0].seen;
}

TEST_F(InspectTest, ComparesATypedbExportWithItsSchema) {
  write(root() / "dump.typedb", engine::typedb::people_export(3).bytes);
  write(root() / "whole.tql", engine::typedb::people_schema_2);
  write(root() / "other.tql", "define\nperson sub entity;\n");
  write(root() / "none.tql", "define \"");
  EXPECT_TRUE(only(root() / "dump.typedb", true, root() / "whole.tql").findings.empty());
  const InspectedFile file = only(root() / "dump.typedb", true, root() / "other.tql");
  EXPECT_FALSE(file.whole);
  EXPECT_EQ(file.findings.at(0).code, "typedb-export-label-undefined");
  const auto refused = [&](const fs::path& path, const char* schema) {
    return error_of([&] { static_cast<void>(only(path, false, root() / schema)); });
  };
  EXPECT_EQ(refused(root() / "dump.typedb", "none.tql"), Errc::corrupt);
  EXPECT_EQ(refused(root() / "dump.typedb", "missing.tql"), Errc::not_found);
}

TEST_F(InspectTest, ResultsAreToldEvenIfNothingWasComparedWithTheSchema) {
  write(root() / "whole.tql", engine::typedb::people_schema_2);
  const auto all = inspect_paths({source() / "db/orders.db"}, {false, root() / "whole.tql"}, {});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].engine, "sqlite");
  EXPECT_TRUE(all[0].whole);
  EXPECT_TRUE(all[1].known);
  EXPECT_FALSE(all[1].whole);
  EXPECT_EQ(all[1].findings.at(0).code, "typedb-schema-unused");
}

TEST_F(InspectTest, FilesBesideTypedbDatabasesAreInspectedToo) {
  const std::string whole = engine::typedb::people_export(3).bytes;
  engine::typedb::make_database_3(root() / "server/data/shop");
  write(root() / "server/data/cut.typedb", whole.substr(0, whole.size() - 1));
  write(root() / "server/data/notes.txt", "hello");
  for (const fs::path& place : {root() / "server/data", root() / "server"}) {
    const auto all = inspect_paths({place}, {}, {});
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].kind, "TypeDB data directory");
    EXPECT_EQ(all[1].path, root() / "server/data/cut.typedb");
    EXPECT_FALSE(all[1].whole);
  }
}

TEST_F(InspectTest, OneBadEntryHidesNoDatabase) {
  engine::typedb::make_database_3(root() / "server/shop");
  engine::typedb::make_database_2(root() / "server/old", 2);
  fs::remove(root() / "server/shop/wal" / engine::typedb::segment_name(11));
  fs::create_directory(root() / "server/shop/wal" / engine::typedb::segment_name(11));
  fs::remove(root() / "server/old/data/CURRENT");
  fs::create_symlink("CURRENT", root() / "server/old/data/CURRENT");
  const InspectedFile file = only(root() / "server");
  EXPECT_TRUE(file.known);
  EXPECT_FALSE(file.whole);
  EXPECT_EQ(file.facts.at("databases").as_array().size(), 2U);
}

TEST_F(InspectTest, KnowsTypedbDataDirectoriesAtAndBelowTheOneThatIsNamed) {
  engine::typedb::make_database_3(root() / "server/data/shop");
  engine::typedb::make_database_2(root() / "server/old/shop", 2);
  EXPECT_EQ(only(root() / "server/data/shop").kind, "TypeDB database");
  const InspectedFile data = only(root() / "server/data");
  EXPECT_EQ(data.kind, "TypeDB data directory");
  EXPECT_TRUE(data.whole);
  const auto all = inspect_paths({root() / "server"}, {}, {});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].facts.at("databases").as_array().at(0).at("opened_by").as_string(),
            "2.8.0 to 2.29.1");
  fs::remove(root() / "server/data/shop/wal" / engine::typedb::segment_name(11));
  EXPECT_FALSE(only(root() / "server/data").whole);
}

TEST_F(InspectTest, NamesAPathThatIsNotThere) {
  EXPECT_EQ(error_of([&] { static_cast<void>(inspect_paths({root() / "missing"}, {}, {})); }),
            Errc::not_found);
}

TEST_F(InspectTest, FilesOfOneSetAreOneThing) {
  engine::oracle::test::TestExp dump;
  dump.table("T", "(\"N\" NUMBER)  STORAGE(INITIAL 1)");
  dump.begin_rows("T", {{"N"}});
  for (std::uint64_t i = 1; i <= 2000; ++i) dump.row({engine::oracle::test::number(i)});
  dump.end_rows();
  const std::vector<std::string> contents = dump.finish_set(4);
  ASSERT_GE(contents.size(), 2U);
  std::vector<fs::path> files;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    files.push_back(root() / "set" / ("part" + std::to_string(i) + ".dmp"));
    write(files.back(), contents[i]);
  }
  const std::vector<fs::path> others(files.begin() + 1, files.end());
  for (const auto& all : {inspect_paths(files, {}, {}), inspect_paths({root() / "set"}, {}, {})}) {
    ASSERT_EQ(all.size(), 1U);
    EXPECT_TRUE(all[0].whole);
    EXPECT_EQ(all[0].members, others);
    EXPECT_EQ(all[0].tables.at(0).rows, 2000U);
    EXPECT_EQ(to_json(all[0]).at("members").as_array().size(), others.size());
  }
  EXPECT_FALSE(only(files[0]).whole);
  Rows rows;
  inspect_rows(files, "T", rows, {});
  EXPECT_EQ(rows.values.size(), 2000U);
  write(root() / "other.dmp", "no part of it");
  files.push_back(root() / "other.dmp");
  EXPECT_EQ(error_of([&] { inspect_rows(files, "T", rows, {}); }), Errc::usage);
}

}  // namespace
}  // namespace holdfast::job
