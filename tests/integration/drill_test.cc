// SPDX-License-Identifier: Apache-2.0
// A drill of an untouched snapshot proves it; whatever is changed in a copy behind Holdfast's back,
// be it one byte of one row, the drill names it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "harness/program.h"
#include "harness/shop.h"
#include "harness/sqlite_file.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

struct Tampering {
  const char* name;
  std::function<void(const fs::path& instance, const fs::path& uploads)> change;
  const char* named;  // what the drill must say
};

// One instance with one snapshot, for all cases: each writes its own changed copy beside it.
class Drill : public testing::TestWithParam<Tampering> {
 protected:
  static void SetUpTestSuite() {
    place_ = std::make_unique<Place>();
    shop_ = std::make_unique<Shop>(*place_);
    shop_->write_instance(
        "[[drill.query]]\ncomponent = \"orders\"\nsql = \"select count(*) from orders\"\n"
        "expect = \"500\"\n");
    const Outcome outcome = shop_->back_up();
    ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
    original_ = shop_->snapshots().front();
  }
  static void TearDownTestSuite() {
    shop_.reset();
    place_.reset();
  }

  static Outcome drill(const std::string& snapshot, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"drill", snapshot, "-I", shop_->instance_path()};
    words.insert(words.end(), more.begin(), more.end());
    return place_->holdfast(words);
  }
  static std::size_t proofs() {
    const Outcome outcome = place_->holdfast({"snapshots", "--json", "--tag", "holdfast-proof"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    return outcome.array().size();
  }

  static std::unique_ptr<Place> place_;
  static std::unique_ptr<Shop> shop_;
  static std::string original_;
};

std::unique_ptr<Place> Drill::place_;
std::unique_ptr<Shop> Drill::shop_;
std::string Drill::original_;

TEST_F(Drill, ProvesAnUntouchedSnapshotAndForgetsTheProofWithIt) {
  const Outcome second = shop_->back_up();
  ASSERT_EQ(second.exit_code, 0) << second.text();
  const std::string snapshot = shop_->snapshots().back();
  const fs::path junit = *place_ / "junit.xml";
  const Outcome outcome = drill(snapshot, {"--junit", junit.string()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_TRUE(outcome.says("proven")) << outcome.text();
  EXPECT_NE(read_text(junit).find("failures=\"0\""), std::string::npos) << read_text(junit);
  EXPECT_EQ(proofs(), 1U);
  const Outcome listed = place_->holdfast({"snapshots"});
  EXPECT_TRUE(listed.says("proven") || listed.says("proof")) << listed.text();

  const Outcome forgotten = place_->holdfast({"forget", snapshot});
  EXPECT_EQ(forgotten.exit_code, 0) << forgotten.text();
  EXPECT_EQ(proofs(), 0U);
}

TEST_F(Drill, NoticesAQueryWithAnotherAnswer) {
  const std::string path = (*place_ / "asking.toml").string();
  write_text(path, shop_->instance_text(shop_->home()) +
                       "[[drill.query]]\ncomponent = \"orders\"\nsql = \"select count(*) from "
                       "orders\"\nexpect = \"501\"\n");
  const Outcome outcome = place_->holdfast({"drill", original_, "-I", path});
  EXPECT_EQ(outcome.exit_code, 21) << outcome.text();
  EXPECT_TRUE(outcome.says("query 1")) << outcome.text();
}

TEST_P(Drill, Notices) {
  const fs::path copy = *place_ / fmt::format("copy-{}", GetParam().name);
  const Outcome restored = place_->holdfast({"restore", original_, "--target", copy.string()});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  GetParam().change(copy / "shop", copy / "shop/files/uploads" / shop_->uploads().relative_path());
  // restic names a relative path in the snapshot as it is given: the instance at the root.
  const Outcome saved = place_->run(
      {"env", "-C", copy.string(), "restic", "--no-cache", "backup", "--json", "--quiet", "shop"});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const std::string snapshot = saved.lines().back().at("snapshot_id").as_string();
  const std::size_t proofs_before = proofs();

  const Outcome outcome = drill(snapshot);
  EXPECT_EQ(outcome.exit_code, 21) << outcome.text();
  EXPECT_TRUE(outcome.says(GetParam().named)) << GetParam().named << " in " << outcome.text();
  EXPECT_EQ(proofs(), proofs_before) << "a failed drill proves nothing";
  EXPECT_TRUE(fs::is_empty(place_->scratch())) << "nothing stays behind";
}

const char* const orders = "databases/orders/data.db";

INSTANTIATE_TEST_SUITE_P(
    Tamperings, Drill,
    testing::Values(
        Tampering{"OneByteOfOneRow",
                  [](const fs::path& instance, const fs::path&) {
                    run_sql(instance / orders,
                            "update customers set note = x'00ff11' "
                            "where name = 'customer 7'");
                  },
                  "table customers"},
        Tampering{"OneRowLess",
                  [](const fs::path& instance, const fs::path&) {
                    run_sql(instance / orders, "delete from orders where id = 77");
                  },
                  "table orders"},
        Tampering{"MissingTable",
                  [](const fs::path& instance, const fs::path&) {
                    run_sql(instance / orders, "drop table customers");
                  },
                  "table customers"},
        Tampering{"MissingIndex",
                  [](const fs::path& instance, const fs::path&) {
                    run_sql(instance / orders, "drop index orders_by_customer");
                  },
                  "index orders_by_customer"},
        Tampering{"MissingTrigger",
                  [](const fs::path& instance, const fs::path&) {
                    run_sql(instance / orders, "drop trigger no_negative");
                  },
                  "trigger no_negative"},
        Tampering{"MissingView",
                  [](const fs::path& instance, const fs::path&) {
                    run_sql(instance / orders, "drop view totals");
                  },
                  "view totals"},
        Tampering{"ChangedTrigger",
                  [](const fs::path& instance, const fs::path&) {
                    run_sql(instance / orders,
                            "drop trigger no_negative; create trigger no_negative before insert on "
                            "orders begin select 1; end");
                  },
                  "trigger no_negative"},
        Tampering{"DamagedPage",
                  [](const fs::path& instance, const fs::path&) {
                    const fs::path file = instance / orders;
                    std::string bytes = read_text(file);
                    for (std::size_t i = 4096 * 2; i < 4096 * 3; ++i) bytes[i] = '\x5a';
                    write_text(file, bytes);
                  },
                  "orders"},
        Tampering{"LostDatabaseFile",
                  [](const fs::path& instance, const fs::path&) { fs::remove(instance / orders); },
                  "orders"},
        Tampering{"LostFile",
                  [](const fs::path&, const fs::path& uploads) {
                    fs::remove(uploads / "2026" / "photo.jpg");
                  },
                  "uploads"},
        Tampering{"OneByteOfOneFile",
                  [](const fs::path&, const fs::path& uploads) {
                    std::string bytes = read_text(uploads / "report.csv");
                    bytes[5000] = 'b';
                    const auto time = fs::last_write_time(uploads / "report.csv");
                    write_text(uploads / "report.csv", bytes);
                    fs::last_write_time(uploads / "report.csv", time);
                  },
                  "uploads"},
        Tampering{"WrongMode",
                  [](const fs::path&, const fs::path& uploads) {
                    fs::permissions(uploads / "2026" / "secret.txt", fs::perms::owner_all);
                  },
                  "uploads"},
        Tampering{
            "AddedFile",
            [](const fs::path&, const fs::path& uploads) { write_text(uploads / "one-more", "x"); },
            "uploads"}),
    [](const auto& theme) { return std::string(theme.param.name); });

}  // namespace
}  // namespace holdfast::test
