// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/target.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fd.h"
#include "engine/embedded/test_places.h"
#include "engine/typedb/releases.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

class TypedbTarget : public testing::Test {
 protected:
  TypedbTarget() {
    location_.data_directory = place_.path() / "server" / "data";
    location_.database = location_.data_directory / "shop";
    fs::create_directories(location_.data_directory);
  }
  [[nodiscard]] std::vector<std::string> codes_for(std::string_view encoding) const {
    std::vector<std::string> codes;
    for (const model::Finding& one : check_target(facts_of(encoding), location_, options_)) {
      EXPECT_EQ(one.severity, model::Severity::blocker);
      codes.push_back(one.code);
    }
    return codes;
  }
  [[nodiscard]] static model::DatabaseFacts facts_of(std::string_view encoding) {
    model::DatabaseFacts facts;
    facts.engine_facts = Json::object();
    if (!encoding.empty()) facts.engine_facts.set("encoding", encoding);
    return facts;
  }
  [[nodiscard]] bool is_refused(std::string_view encoding) const {
    try {
      refuse_wrong_release(facts_of(encoding), location_);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unsupported);
      EXPECT_FALSE(error.hint().empty());
      return true;
    }
    return false;
  }

  TemporaryDirectory place_{"holdfast-typedb-test"};
  Location location_;
  LoadOptions options_;
};

using Codes = std::vector<std::string>;

TEST_F(TypedbTarget, IsToldWhichRecordTheCopyHasNot) {
  location_.release = "3.10.4";
  model::DatabaseFacts facts = facts_of("3.x/a");
  facts.engine_facts.set("last_sequence", std::uint64_t{20});
  for (const std::uint64_t last : {1U, 20U}) {
    options_.sequence = last;
    EXPECT_TRUE(check_target(facts, location_, options_).empty()) << last;
  }
  options_.sequence = 21;
  const auto findings = check_target(facts, location_, options_);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].code, "typedb-sequence-missing");
  EXPECT_NE(findings[0].seen.find("ends at 20"), std::string::npos) << findings[0].seen;
  EXPECT_NE(why_no_end_at(facts, 0), "");
  EXPECT_NE(why_no_end_at(facts_of("3.x/a"), 1), "");
  facts.engine_facts.set("encoding", "2.x/1");
  EXPECT_NE(why_no_end_at(facts, 20).find("2.6.0 to 2.7.1"), std::string::npos);
}

TEST_F(TypedbTarget, IsNotTheUsersOfAServerForAnotherDatabase) {
  location_.release = "3.10.4";
  model::DatabaseFacts facts = facts_of("3.x/a");
  facts.engine_facts.set("name", "_system");
  const auto findings = check_target(facts, location_, options_);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].code, "typedb-system-mismatch");
  location_.database = location_.data_directory / "_system";
  EXPECT_TRUE(check_target(facts, location_, options_).empty());
  facts.engine_facts.set("name", "shop");
  EXPECT_EQ(check_target(facts, location_, options_).size(), 1U);
}

TEST_F(TypedbTarget, MayRunIfItIsStoppedFirst) {
  location_.release = "3.10.4";
  make_database_3(location_.data_directory / "other");
  const embedded::Locker locker(location_.data_directory / "other/storage/OptimisedPrefix17/LOCK");
  EXPECT_EQ(check_target(facts_of("3.x/a"), location_, options_).at(0).severity,
            model::Severity::blocker);
  options_.is_stopped_first = true;
  EXPECT_EQ(check_target(facts_of("3.x/a"), location_, options_).at(0).severity,
            model::Severity::note);
}

TEST_F(TypedbTarget, NamesReleasesWhereAPackageWasUpgraded) {
  const auto found = check_installed({"2.29.1", "a jar"}, Encoding::v2_1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->code, "typedb-release-differs");
  EXPECT_NE(found->seen.find("2.29.1"), std::string::npos) << found->seen;
  EXPECT_NE((found->seen + found->mend).find("2.6.0 to 2.7.1"), std::string::npos) << found->mend;
  EXPECT_FALSE(check_installed({"3.12.3", ""}, Encoding::v3_a));
  EXPECT_TRUE(check_installed({"3.10.4", ""}, Encoding::v3_b));
  EXPECT_FALSE(check_installed({"", "nothing tells"}, Encoding::v2_0));
}

TEST_F(TypedbTarget, IsToldForEveryEncodingAndRelease) {
  for (const Encoding encoding :
       {Encoding::v2_0, Encoding::v2_1, Encoding::v2_2, Encoding::v3_a, Encoding::v3_b}) {
    for (const ReleaseRange& range : release_ranges) {
      location_.release = range.first;
      const bool opens = encoding == range.encoding ||
                         (encoding == Encoding::v3_a && range.encoding == Encoding::v3_b);
      const std::string_view name = encoding_name(encoding);
      EXPECT_EQ(codes_for(name), opens ? Codes{} : Codes{"typedb-encoding-mismatch"})
          << name << " into " << range.first;
      EXPECT_EQ(is_refused(name), !opens) << name << " into " << range.first;
    }
  }
}

TEST_F(TypedbTarget, IsUnknownIfNothingTellsItsRelease) {
  EXPECT_EQ(codes_for("3.x/a"), Codes{"typedb-release-unobservable"});
  EXPECT_FALSE(is_refused("3.x/a"));
  location_.release = "3.10.4";
  EXPECT_EQ(codes_for(""), Codes{"typedb-release-unobservable"});
  EXPECT_EQ(codes_for("9.x"), Codes{"typedb-release-unobservable"});
}

TEST_F(TypedbTarget, IsOfTheDistributionAroundOrNamed) {
  const fs::path home = place_.path() / "typedb-all-linux-x86_64-3.10.4";
  put_file(home / "server" / "typedb_server_bin", "");
  location_.home = home;
  EXPECT_EQ(release_of(location_).text, "3.10.4");
  EXPECT_EQ(codes_for("3.x/b"), Codes{"typedb-encoding-mismatch"});
  location_.home.clear();
  EXPECT_EQ(release_of(location_).text, "");
  location_.data_directory = home / "server" / "data";
  EXPECT_EQ(release_of(location_).text, "3.10.4");
  location_.home = place_.path();
  EXPECT_EQ(release_of(location_).text, "");
}

TEST_F(TypedbTarget, IsInUseWhileAServerHasAnyDatabaseThereOpen) {
  location_.release = "3.12.3";
  make_database_3(location_.data_directory / "_system");
  const embedded::Locker server(location_.data_directory /
                                "_system/storage/OptimisedPrefix25/LOCK");
  EXPECT_EQ(codes_for("3.x/a"), Codes{"typedb-target-in-use"});
}

}  // namespace
}  // namespace holdfast::engine::typedb
