// SPDX-License-Identifier: Apache-2.0
#include "job/inspect.h"

#include <gtest/gtest.h>

#include "job/test_instance.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class InspectTest : public InstanceTest {
 protected:
  static InspectedFile only(const fs::path& path, bool deep = false) {
    const auto all = inspect_paths({path}, deep, {});
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
  const auto all = inspect_paths({source() / "db"}, false, {});
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
  inspect_rows(source() / "db/orders.db", "log", rows, {});
  EXPECT_EQ(rows.names, std::vector<std::string>{"line"});
  EXPECT_EQ(rows.values, (std::vector<std::string>{"order 1", "order 2", "order 3"}));
  EXPECT_EQ(error_of([&] { inspect_rows(source() / "db/orders.db", "nothing", rows, {}); }),
            Errc::not_found);
  EXPECT_EQ(error_of([&] { inspect_rows(source() / "files/a.txt", "log", rows, {}); }),
            Errc::unsupported);
}

TEST_F(InspectTest, NamesAPathThatIsNotThere) {
  EXPECT_EQ(error_of([&] { static_cast<void>(inspect_paths({root() / "missing"}, false, {})); }),
            Errc::not_found);
}

}  // namespace
}  // namespace holdfast::job
