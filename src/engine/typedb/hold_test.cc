// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/hold.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fd.h"
#include "engine/embedded/test_places.h"
#include "engine/typedb/database_lock.h"
#include "engine/typedb/facts.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

class TypedbHold : public testing::Test {
 protected:
  [[nodiscard]] fs::path path(const std::string& name) const {
    return home_.path() / "data" / name;
  }
  fs::path make_3(const std::string& name) const {
    make_database_3(path(name));
    return path(name);
  }
  fs::path make_2(const std::string& name) const {
    make_database_2(path(name), 2);
    return path(name);
  }
  [[nodiscard]] std::unique_ptr<Hold> hold(const std::vector<fs::path>& places,
                                           const std::string& method = "",
                                           const HoldOptions& options = {}) const {
    std::vector<model::Endpoint> endpoints;
    for (const fs::path& place : places) {
      model::Endpoint endpoint;
      endpoint.component = "shop";
      endpoint.engine = "typedb";
      endpoint.uri = "typedb:" + place.native();
      if (!method.empty()) endpoint.options["method"] = method;
      endpoints.push_back(std::move(endpoint));
    }
    return make_hold(endpoints, options);
  }
  template <typename Body>
  static Errc code_of(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return Errc::bug;
  }
  TemporaryDirectory home_{"holdfast-typedb-test"};
};

TEST_F(TypedbHold, HasOneTreeOfADatabaseThatNobodyHasOpen) {
  for (const fs::path& place : {make_2("old"), make_3("new")}) {
    const auto held = hold({place});
    held->capture();
    EXPECT_FALSE(held->lets_writers_work());
    const std::vector<model::Part> parts = held->parts(0);
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_EQ(parts[0].kind, model::PartKind::tree);
    EXPECT_EQ(parts[0].directory, place);
    EXPECT_EQ("/" + parts[0].path, place.native());
    model::DatabaseFacts facts;
    held->describe(0, facts);
    EXPECT_EQ(facts.engine_facts.string_or("copied", ""), "cold");
    held->release();
  }
}

TEST_F(TypedbHold, LeavesOutWhatAServerMakesAnew) {
  const fs::path place = make_3("odd[1]");
  make_checkpoint(place, "1800000000000000.tmp", "20");
  const auto held = hold({place});
  held->capture();
  const std::vector<std::string> exclude = held->parts(0)[0].exclude;
  const std::string prefix = path("odd").native() + "\\[1]/";
  EXPECT_NE(std::find(exclude.begin(), exclude.end(), prefix + "storage"), exclude.end());
  EXPECT_NE(std::find(exclude.begin(), exclude.end(), prefix + "schema/LOG*"), exclude.end());
  EXPECT_NE(std::find(exclude.begin(), exclude.end(), prefix + "checkpoint/1800000000000000.tmp"),
            exclude.end());
}

TEST_F(TypedbHold, DoesNotTakeALinkToALogForTheLog) {
  const fs::path place = make_3("new");
  fs::rename(place / "wal", path("elsewhere"));
  fs::create_directory_symlink(path("elsewhere"), place / "wal");
  EXPECT_EQ(code_of([&] { hold({place})->capture(); }), Errc::unsupported);
  EXPECT_FALSE(who_has(place));
  const auto held = hold({place}, "hot");
  held->capture();
  EXPECT_EQ(held->moment(0).position, "record 20");
}

TEST_F(TypedbHold, DoesNotDescribeAColdCopyThatLacksTables) {
  const fs::path place = make_2("old");
  fs::remove(place / "data" / "000012.sst");
  const auto held = hold({place});
  held->capture();
  model::DatabaseFacts facts;
  EXPECT_EQ(code_of([&] { held->describe(0, facts); }), Errc::not_consistent);
}

TEST_F(TypedbHold, DoesNotDescribeALogThatBeginsLateWithoutItsCheckpoint) {
  const fs::path place = make_3("new");
  fs::remove(place / "wal" / segment_name(1));
  {
    const auto held = hold({place}, "hot");
    held->capture();
    model::DatabaseFacts facts;
    held->describe(0, facts);
  }
  fs::remove_all(place / "checkpoint");
  const auto held = hold({place}, "hot");
  held->capture();
  model::DatabaseFacts facts;
  EXPECT_EQ(code_of([&] { held->describe(0, facts); }), Errc::not_consistent);
}

// Nothing could be restored from it.
TEST_F(TypedbHold, RefusesALogWithoutARecord) {
  const fs::path place = make_3("new");
  fs::remove(place / "wal" / segment_name(11));
  fs::remove_all(place / "checkpoint");
  put_segment(place, 1, "");
  EXPECT_EQ(code_of([&] { hold({place}, "hot")->capture(); }), Errc::not_consistent);
  const auto held = hold({place});
  held->capture();
  model::DatabaseFacts facts;
  EXPECT_EQ(code_of([&] { held->describe(0, facts); }), Errc::not_consistent);
}

TEST_F(TypedbHold, KeepsServersOutOfAllDatabasesFromCaptureToRelease) {
  const fs::path old = make_2("old");
  const fs::path other = make_3("new");
  const auto held = hold({old, other});
  held->capture();
  for (const fs::path& file :
       {old / "schema/LOCK", old / "data/LOCK", other / "storage/OptimisedPrefix25/LOCK"})
    EXPECT_FALSE(embedded::Locker(file).had()) << file;
  held->release();
  EXPECT_FALSE(who_has(old));
  EXPECT_FALSE(who_has(other));
}

TEST_F(TypedbHold, RefusesAColdCopyUnderAServerNamingIt) {
  const fs::path one = make_2("one");
  const fs::path two = make_2("two");
  const embedded::Locker server(two / "data/LOCK");
  const auto held = hold({one, two}, "cold");
  try {
    held->capture();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unavailable);
    EXPECT_NE(error.message().find("pid " + std::to_string(server.pid()) + " ("),
              std::string::npos);
    EXPECT_NE(error.hint().find("[quiesce]"), std::string::npos);
  }
  EXPECT_FALSE(who_has(one));
}

TEST_F(TypedbHold, CopiesTypedb3BesideItsServer) {
  const fs::path place = make_3("new");
  const embedded::Locker server(place / "storage/OptimisedPrefix11/LOCK");
  const auto held = hold({place});
  held->capture();
  EXPECT_TRUE(held->lets_writers_work());
  EXPECT_EQ(held->parts(0).size(), 8U);
  EXPECT_EQ(held->moment(0).position, "record 20");
  EXPECT_EQ(held->moment(0).kind, model::MomentKind::at_capture);
  model::DatabaseFacts facts;
  held->describe(0, facts);
  EXPECT_EQ(facts.engine_facts.string_or("copied", ""), "hot");
  EXPECT_EQ(facts.engine_facts.string_or("encoding", ""), "3.x/a");
  EXPECT_EQ(facts.engine_facts.uint_or("watermark", 0), 15U);
  EXPECT_EQ(facts.version, "3.0.0 to 3.10.4");
  held->release();
}

TEST_F(TypedbHold, DisownsAColdCopyThatAServerWroteTo) {
  const fs::path place = make_3("new");
  {
    const auto held = hold({place});
    held->capture();
    put_segment(place, 21, wal_commits(21, 21));
    EXPECT_EQ(code_of([&] { held->release(); }), Errc::not_consistent);
  }
  const fs::path old = make_2("old");
  const auto held = hold({old});
  held->capture();
  fs::rename(old, path("moved"));
  make_2("old");
  EXPECT_EQ(code_of([&] { held->release(); }), Errc::not_consistent);
}

TEST_F(TypedbHold, DoesNotDescribeAHotCopyOfADamagedLog) {
  const fs::path place = make_3("new");
  put_segment(place, 1, wal_commits(1, 9));
  const auto held = hold({place}, "hot");
  held->capture();
  model::DatabaseFacts facts;
  EXPECT_EQ(code_of([&] { held->describe(0, facts); }), Errc::not_consistent);
}

TEST_F(TypedbHold, TakesNoLockForAnOutline) {
  const fs::path place = make_3("new");
  put_segment(place, 21, wal_commits(21, 22, wal_commit));
  const embedded::Locker server(place / "storage/OptimisedPrefix11/LOCK");
  HoldOptions options;
  options.only_outline = true;
  const auto held = hold({place, make_2("old")}, "cold", options);
  held->capture();
  model::DatabaseFacts facts;
  held->outline(0, facts);
  EXPECT_EQ(encoding_in(facts.engine_facts), Encoding::v3_b);
  held->outline(1, facts);
  EXPECT_EQ(encoding_in(facts.engine_facts), Encoding::v2_2);
  held->release();
}

TEST_F(TypedbHold, RefusesWhatIsNotThereOrNamedTwice) {
  EXPECT_EQ(code_of([&] { static_cast<void>(hold({path("absent")})); }), Errc::not_found);
  const fs::path place = make_3("new");
  EXPECT_EQ(code_of([&] { static_cast<void>(hold({place, place})); }), Errc::usage);
}

TEST_F(TypedbHold, KeepsItsStages) {
  const auto held = hold({make_3("new")});
  EXPECT_EQ(code_of([&] { static_cast<void>(held->fence({})); }), Errc::unsupported);
  EXPECT_EQ(code_of([&] { static_cast<void>(held->parts(0)); }), Errc::bug);
  EXPECT_EQ(code_of([&] { held->release(); }), Errc::bug);
  held->capture();
  EXPECT_EQ(code_of([&] { held->capture(); }), Errc::bug);
}

TEST_F(TypedbHold, StopsWhenToldTo) {
  const fs::path place = make_3("new");
  std::stop_source stop;
  HoldOptions options;
  options.stop = stop.get_token();
  const auto held = hold({place}, "", options);
  stop.request_stop();
  EXPECT_EQ(code_of([&] { held->capture(); }), Errc::cancelled);
  EXPECT_FALSE(who_has(place));
}

}  // namespace
}  // namespace holdfast::engine::typedb
