// SPDX-License-Identifier: Apache-2.0
#include "job/drill.h"

#include <gtest/gtest.h>

#include "archive/tree_walk.h"
#include "job/forget.h"
#include "job/journal.h"
#include "job/test_instance.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class DrillTest : public InstanceTest {
 protected:
  DrillTest() {
    instance_ = instance_at(source());
    fs::create_directories(scratch_);
    instance_.drill.scratch_dir = scratch_.string();
    snapshot_ = back_up(instance_);
  }

  DrillReport rehearse(const std::string& snapshot = "latest") {
    TestObserver observer;
    DrillReport report = drill(environment_, access_, snapshot, instance_, observer, stop_);
    EXPECT_TRUE(fs::is_empty(scratch_)) << "something was left behind";
    return report;
  }

  // The one check that fails; several are a failure of the test.
  static const DrillCheck* failed(const DrillReport& report, std::string_view name) {
    const auto found =
        std::find_if(report.checks.begin(), report.checks.end(),
                     [&](const DrillCheck& check) { return check.name == name && !check.passed; });
    return found == report.checks.end() ? nullptr : &*found;
  }
  static std::string failures(const DrillReport& report) {
    std::string text;
    for (const DrillCheck& check : report.checks) {
      if (!check.passed)
        text += check.component + ": " + check.name + ": " + check.expected + " / " + check.found +
                "\n";
    }
    return text;
  }

  std::vector<archive::Snapshot> proofs() {
    const OpenedRepository opened = open_repository(environment_, alone_, LockMode::shared, stop_);
    std::vector<archive::Snapshot> all = archive::load_snapshots(*opened.repository);
    std::erase_if(all, [](const archive::Snapshot& one) { return !proven_tree(one.file); });
    return all;
  }

  void expect_noticed(const std::string& sql, std::string_view check) {
    static_cast<void>(falsify_database(snapshot_, sql));
    const DrillReport report = rehearse();
    EXPECT_FALSE(report.passed());
    EXPECT_NE(failed(report, check), nullptr) << failures(report);
    EXPECT_FALSE(report.proof);
    EXPECT_TRUE(proofs().empty());
  }

  model::Instance instance_;
  fs::path scratch_ = root() / "scratch";
  format::Id snapshot_;
};

TEST_F(DrillTest, PassesAndRecordsTheProofOfTheTree) {
  const DrillReport report = rehearse();
  EXPECT_TRUE(report.passed()) << failures(report);
  EXPECT_EQ(report.snapshot, snapshot_);
  EXPECT_GT(report.restore_seconds, 0);
  EXPECT_GE(report.total_seconds, report.restore_seconds);
  ASSERT_TRUE(report.proof);
  const auto all = proofs();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].id, *report.proof);
  EXPECT_EQ(proven_tree(all[0].file), report.tree);
  EXPECT_EQ(all[0].file.paths, std::vector<std::string>{"/holdfast-proofs/shop"});
  OpenedRepository opened = open_repository(environment_, alone_, LockMode::shared, stop_);
  TestObserver observer;
  opened.repository->load_index(observer);
  const auto node =
      archive::find_node(*opened.repository, all[0].file.tree, "/holdfast-proofs/shop/proof.json");
  ASSERT_TRUE(node);
  const Bytes text = read_all(*archive::open_file(*opened.repository, *node), 1U << 20U);
  EXPECT_TRUE(Json::parse(as_text(text), "proof").at("passed").as_bool());
}

TEST_F(DrillTest, TheProofOfAnIncompleteSnapshotSaysSo) {
  instance_.files[0].paths.push_back((source() / "gone").string());
  instance_.accepts = {{"path-missing", "uploads", "gone for good", ""}};
  TestObserver observer;
  EXPECT_FALSE(
      backup_instance(environment_, alone_, instance_, {}, observer, stop_).manifest.complete);
  const DrillReport report = rehearse();
  EXPECT_TRUE(report.passed()) << failures(report);
  EXPECT_FALSE(report.complete);
  ASSERT_EQ(report.missing.size(), 1U);
  EXPECT_NE(report.missing[0].find((source() / "gone").string()), std::string::npos)
      << report.missing[0];
  const auto all = proofs();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(all[0].file.has_tag("incomplete"));
  EXPECT_EQ(proven_tree(all[0].file), report.tree);
}

TEST_F(DrillTest, ProofGoesWithItsTree) {
  ASSERT_TRUE(rehearse().proof);
  ForgetOptions forget;
  forget.ids = {snapshot_.hex()};
  TestObserver observer;
  static_cast<void>(forget_snapshots(
      environment_, access_, forget, [](const ForgetReport&) {}, observer, stop_));
  EXPECT_TRUE(proofs().empty());
}

TEST_F(DrillTest, NamesEachThingThatIsCompared) {
  const DrillReport report = rehearse();
  for (const std::string_view name :
       {"table orders", "table log", "index orders_by_day", "view big_orders", "trigger note_order",
        "definition of table orders", "listing", "files"}) {
    EXPECT_TRUE(
        std::any_of(report.checks.begin(), report.checks.end(),
                    [&](const DrillCheck& check) { return check.name == name && check.passed; }))
        << name;
  }
}

TEST_F(DrillTest, NoticesOneChangedByteInOneRow) {
  expect_noticed("UPDATE orders SET day = '2026-11-21' WHERE id = 2;", "table orders");
}
TEST_F(DrillTest, NoticesALostRow) {
  expect_noticed("DELETE FROM log WHERE rowid = 1;", "table log");
}
TEST_F(DrillTest, NoticesAMissingTable) {
  expect_noticed("DROP TABLE log;", "table log");
}
TEST_F(DrillTest, NoticesAMissingIndex) {
  expect_noticed("DROP INDEX orders_by_day;", "index orders_by_day");
}
TEST_F(DrillTest, NoticesAMissingView) {
  expect_noticed("DROP VIEW big_orders;", "view big_orders");
}
TEST_F(DrillTest, NoticesAMissingTrigger) {
  expect_noticed("DROP TRIGGER note_order;", "trigger note_order");
}
TEST_F(DrillTest, NoticesATableTooMany) {
  expect_noticed("CREATE TABLE extra(x);", "table extra");
}
TEST_F(DrillTest, NoticesAViewTooMany) {
  expect_noticed("CREATE VIEW more AS SELECT 1;", "view more");
}
TEST_F(DrillTest, NoticesAnotherDefinition) {
  expect_noticed(
      "DROP VIEW big_orders; CREATE VIEW big_orders AS SELECT * FROM orders WHERE total > 99;",
      "view big_orders");
}

TEST_F(DrillTest, NoticesALostFile) {
  static_cast<void>(
      falsify(snapshot_, "shop/files/uploads" + source().string() + "/files/sub", [](auto& nodes) {
        std::erase_if(nodes, [](const auto& node) { return node.name == "c.txt"; });
      }));
  const DrillReport report = rehearse();
  const DrillCheck* check = failed(report, "listing");
  ASSERT_NE(check, nullptr) << failures(report);
  EXPECT_NE(check->expected, check->found);
  EXPECT_NE(check->expected.find("4 files"), std::string::npos) << check->expected;
  EXPECT_NE(check->found.find("3 files"), std::string::npos) << check->found;
}

TEST_F(DrillTest, NoticesAWrongMode) {
  static_cast<void>(falsify(snapshot_, "shop/files/uploads" + source().string() + "/files/sub",
                            [](auto& nodes) { named(nodes, "b.txt").mode = 0644; }));
  const DrillReport report = rehearse();
  EXPECT_NE(failed(report, "listing"), nullptr) << failures(report);
}

TEST_F(DrillTest, NoticesALostPartOfADatabase) {
  static_cast<void>(
      falsify(snapshot_, "shop/databases/orders", [](auto& nodes) { nodes.clear(); }));
  const DrillReport report = rehearse();
  EXPECT_NE(failed(report, "restore"), nullptr) << failures(report);
}

TEST_F(DrillTest, NoticesADatabaseThatIsNone) {
  format::Node node;
  set_content(node, std::string(8192, 'x'));
  static_cast<void>(falsify(snapshot_, "shop/databases/orders", [&](auto& nodes) {
    named(nodes, "data.db").content = node.content;
    named(nodes, "data.db").size_bytes = node.size_bytes;
  }));
  EXPECT_NE(failed(rehearse(), "restore"), nullptr);
}

TEST_F(DrillTest, WithoutAnEngineIsNeverGreen) {
  const auto text = [&] {
    OpenedRepository opened = open_repository(environment_, alone_, LockMode::shared, stop_);
    TestObserver observer;
    opened.repository->load_index(observer);
    const auto found = archive::find_snapshot(*opened.repository, snapshot_.hex(), {});
    model::Manifest manifest =
        load_instance_tree(*opened.repository, found.snapshot.file.tree).manifest;
    manifest.databases[0].engine = "dbase";
    return model::to_json(manifest).dump();
  }();
  format::Node node;
  set_content(node, text);
  static_cast<void>(falsify(snapshot_, "shop", [&](auto& nodes) {
    named(nodes, "holdfast.json").content = node.content;
    named(nodes, "holdfast.json").size_bytes = node.size_bytes;
  }));
  const DrillReport report = rehearse();
  const DrillCheck* check = failed(report, "restore");
  ASSERT_NE(check, nullptr) << failures(report);
  EXPECT_NE(check->found.find("read and compared, not loaded"), std::string::npos);
  EXPECT_FALSE(report.passed());
}

TEST_F(DrillTest, AsksItsQueries) {
  instance_.drill.queries = {{"orders", "SELECT count(*) FROM orders", "3"},
                             {"", "SELECT sum(total) FROM orders", "410"}};
  EXPECT_TRUE(rehearse().passed());
  instance_.drill.queries = {{"orders", "SELECT count(*) FROM orders", "4"}};
  DrillReport report = rehearse();
  const DrillCheck* check = failed(report, "query 1");
  ASSERT_NE(check, nullptr);
  EXPECT_EQ(check->found, "3");
  instance_.drill.queries = {{"elsewhere", "SELECT 1", "1"}};
  report = rehearse();
  EXPECT_NE(failed(report, "query 1"), nullptr);
  instance_.drill.queries = {{"orders", "DELETE FROM orders", ""}};
  report = rehearse();
  EXPECT_NE(failed(report, "query 1"), nullptr);
}

// Errors of an endpoint come before anything is made.
TEST_F(DrillTest, TakesNoEndpointForAFile) {
  instance_.drill.endpoints = {instance_.databases[0]};
  TestObserver observer;
  EXPECT_EQ(error_of([&] {
              static_cast<void>(drill(environment_, access_, "latest", instance_, observer, stop_));
            }),
            Errc::unsupported);
  EXPECT_TRUE(fs::is_empty(scratch_));
  EXPECT_TRUE(find_journals(environment_.state_directory).empty());
  instance_.drill.endpoints[0].name = "elsewhere";
  EXPECT_TRUE(rehearse().passed());
}

TEST_F(DrillTest, WorksWithoutTheLiveDatabase) {
  fs::remove_all(source());
  const DrillReport report = rehearse();
  EXPECT_TRUE(report.passed()) << failures(report);
}

TEST_F(DrillTest, DrillsAnOlderSnapshotById) {
  run_sql(source() / "db/orders.db", "INSERT INTO orders(day, total) VALUES('2026-11-21', 1);");
  const format::Id newer = back_up(instance_);
  EXPECT_EQ(rehearse().snapshot, newer);
  EXPECT_EQ(rehearse(snapshot_.short_hex()).snapshot, snapshot_);
  EXPECT_EQ(proofs().size(), 2U);
}

TEST_F(DrillTest, LeavesNothingWhenItIsInterrupted) {
  TestObserver observer;
  observer.on_phase = [&](std::string_view name) {
    if (name.starts_with("rehearsing files")) stop_.request_stop();
  };
  EXPECT_EQ(error_of([&] {
              static_cast<void>(drill(environment_, access_, "latest", instance_, observer, stop_));
            }),
            Errc::cancelled);
  EXPECT_TRUE(fs::is_empty(scratch_));
}

}  // namespace
}  // namespace holdfast::job
