// SPDX-License-Identifier: Apache-2.0
#include "engine/derby/examine.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "engine/derby/derby.h"
#include "engine/derby/test_database.h"

namespace holdfast::engine::derby {
namespace {

using embedded::Depth;
using embedded::Examination;

class DerbyExamine : public testing::Test {
 protected:
  void SetUp() override { make_database(place_); }

  [[nodiscard]] Examination look(Depth depth = Depth::whole) const {
    return examine_database(place_, depth, {});
  }
  [[nodiscard]] std::vector<std::string> codes(Depth depth = Depth::whole) const {
    std::vector<std::string> found;
    for (const model::Finding& one : look(depth).findings) {
      EXPECT_FALSE(one.seen.empty() || one.why.empty() || one.mend.empty()) << one.code;
      found.push_back(one.code);
    }
    return found;
  }
  void put(const char* name, const std::string& content) const {
    write_file_durably(place_ / name, as_bytes(content));
  }
  using Codes = std::vector<std::string>;

  TemporaryDirectory home_{"holdfast-derby-test"};
  std::filesystem::path place_ = home_.path() / "db";
};

TEST_F(DerbyExamine, FindsNothingWrongWithAClosedDatabase) {
  for (const Depth depth : {Depth::front, Depth::rest, Depth::whole})
    EXPECT_EQ(codes(depth), Codes{});
  const Examination found = look();
  EXPECT_TRUE(found.known);
  EXPECT_EQ(found.version, "10.14");
  EXPECT_EQ(found.position, "1:24");
  EXPECT_EQ(found.facts.uint_or("pages", 0), 5U);
  EXPECT_EQ(found.facts.uint_or("containers", 0), 2U);
  EXPECT_TRUE(found.facts.bool_or("closed", false));
  EXPECT_GT(found.size_bytes, 77'000U);
}

TEST_F(DerbyExamine, SeesThatItWasNotShutDown) {
  put("log/log1.dat", log_file(1, 9));
  EXPECT_EQ(codes(), Codes{"derby-not-closed"});
  put("log/log1.dat", log_file(1, 3));
  put("log/log2.dat", log_file(2, 1));
  EXPECT_EQ(codes(), Codes{"derby-not-closed"});
  put("log/log2.dat", "");  // made just before the crash
  EXPECT_EQ(codes(), Codes{"derby-not-closed"});
  put("seg0/c30.dat", "");
  EXPECT_EQ(codes(), Codes{"derby-not-closed"});
}

TEST_F(DerbyExamine, AnUncheckpointedDatabaseNeedsItsFirstLog) {
  put("log/log.ctrl", log_control(0, 0));
  put("log/logmirror.ctrl", log_control(0, 0));
  EXPECT_EQ(codes(), Codes{"derby-not-closed"});
  std::filesystem::remove(place_ / "log/log1.dat");
  EXPECT_EQ(codes(), Codes{"derby-damaged"});
}

TEST_F(DerbyExamine, LivesWithOneOfTwoControlFiles) {
  put("log/log.ctrl", "rubbish");
  EXPECT_EQ(codes(), Codes{"derby-control-damaged"});
  EXPECT_EQ(codes(Depth::front), Codes{});  // it may be being written
  std::filesystem::remove(place_ / "log/logmirror.ctrl");
  EXPECT_EQ(codes(), Codes{"derby-damaged"});
}

TEST_F(DerbyExamine, MissesLogFilesThatRecoveryNeeds) {
  std::filesystem::remove(place_ / "log/log1.dat");
  EXPECT_EQ(codes(), Codes{"derby-damaged"});
  put("log/log1.dat", log_file(2, 3));
  EXPECT_EQ(codes(), Codes{"derby-damaged"});
  put("log/log1.dat", log_file(1, 0));  // nothing where the checkpoint should be
  EXPECT_EQ(codes(), Codes{"derby-damaged"});
}

TEST_F(DerbyExamine, AGapInTheLogIsDamage) {
  put("log/log2.dat", log_file(2, 1));
  put("log/log4.dat", log_file(4, 1));
  EXPECT_EQ(codes(), Codes{"derby-damaged"});
}

TEST_F(DerbyExamine, ALogNumberBeyondAllMeasureEndsSoon) {
  put("log/log18446744073709551615.dat", log_file(1, 1));
  EXPECT_EQ(codes(), Codes{"derby-damaged"});
}

TEST_F(DerbyExamine, FindsAFlippedBitInAnyPage) {
  for (const std::size_t at : {200U, 4096U + 7, 2U * 4096 + 4095}) {
    std::string text = container(3);
    text[at] = static_cast<char>(text[at] ^ 1);
    put("seg0/c10.dat", text);
    EXPECT_EQ(codes(), Codes{"derby-damaged"}) << at;
    EXPECT_EQ(codes(Depth::rest), Codes{});
  }
}

TEST_F(DerbyExamine, FindsAContainerThatIsCutOff) {
  put("seg0/c10.dat", container(3).substr(0, 3 * 4096 - 1));
  EXPECT_EQ(codes(Depth::rest), Codes{"derby-damaged"});
  put("seg0/c10.dat", "");
  EXPECT_EQ(codes(Depth::rest), Codes{"derby-damaged"});
}

TEST_F(DerbyExamine, AnEncryptedDatabaseIsNotedAndItsPagesAreNotJudged) {
  make_database(place_, "dataEncryption=true\n");
  std::string text = container(3);
  text[5000] = 'x';
  put("seg0/c10.dat", text);
  EXPECT_EQ(codes(), Codes{"derby-encrypted"});
}

TEST_F(DerbyExamine, ALogElsewhereIsABlocker) {
  make_database(place_, "logDevice=/srv/log\n");
  EXPECT_EQ(codes(), Codes{"derby-log-elsewhere"});
}

TEST_F(DerbyExamine, KnowsVersionsToComeAndRisks) {
  put("log/log.ctrl", log_control(1, 24, 11, 0, 2));
  EXPECT_EQ(codes(), (Codes{"derby-version-unknown", "derby-not-synced"}));
}

TEST_F(DerbyExamine, OtherDirectoriesAreNone) {
  put("service.properties", "derby.serviceProtocol=other\n");
  EXPECT_EQ(codes(), Codes{"derby-not-a-database"});
  EXPECT_FALSE(look().known);
  std::filesystem::remove(place_ / "service.properties");
  EXPECT_EQ(codes(), Codes{"derby-not-a-database"});
}

TEST_F(DerbyExamine, ComparesTheDriverByItsName) {
  const auto driver_codes = [&](const char* jar) {
    Codes found;
    for (const auto& one : kind().compare_driver(look(), jar)) found.push_back(one.code);
    return found;
  };
  EXPECT_EQ(driver_codes("/lib/derby-10.14.2.0.jar"), Codes{});
  EXPECT_EQ(driver_codes("/lib/derby-10.16.1.1.jar"), Codes{"derby-upgrade-pending"});
  EXPECT_EQ(driver_codes("/lib/derby-10.9.1.0.jar"), Codes{"derby-driver-older"});
  EXPECT_EQ(driver_codes("/lib/derby.jar"), Codes{});
}

TEST_F(DerbyExamine, StopsWhenToldTo) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(static_cast<void>(examine_database(place_, Depth::whole, stop.get_token())), Error);
}

}  // namespace
}  // namespace holdfast::engine::derby
