// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/hold.h"

#include "engine/embedded/test_places.h"

namespace holdfast::engine::embedded {
namespace {

class EmbeddedHold : public PlacesTest {
 protected:
  [[nodiscard]] std::unique_ptr<Hold> hold(const std::vector<std::filesystem::path>& places,
                                           HoldOptions options = {}) const {
    std::vector<model::Endpoint> endpoints;
    for (const auto& place : places) endpoints.push_back(endpoint(place));
    return engine().hold(endpoints, options);
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, EmbeddedHold, testing::Values("derby", "h2"),
                         [](const auto& tested) { return tested.param; });

// What has lock files beside the database.
class DerbyHold : public EmbeddedHold {};
INSTANTIATE_TEST_SUITE_P(Kinds, DerbyHold, testing::Values("derby"));

TEST_P(EmbeddedHold, YieldsOneTreeForEachDatabaseOfOneMoment) {
  const auto one = make("one");
  const auto two = make("two");
  const auto held = hold({one, two});
  held->capture();
  EXPECT_FALSE(held->lets_writers_work());
  for (std::size_t i = 0; i < 2; ++i) {
    const std::vector<model::Part> parts = held->parts(i);
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_EQ(parts[0].kind, model::PartKind::tree);
    EXPECT_EQ(parts[0].directory, i == 0 ? one : two);
    EXPECT_EQ("/" + parts[0].path, parts[0].directory.native());
    EXPECT_GT(parts[0].bytes_estimate, 0U);
  }
  const model::Moment moment = held->moment(0);
  EXPECT_EQ(moment.kind, model::MomentKind::at_capture);
  EXPECT_EQ(moment.earliest, held->moment(1).earliest);
  EXPECT_EQ(moment.earliest, moment.latest);
  EXPECT_EQ(moment.position, is_derby() ? "1:24" : "2");
  EXPECT_FALSE(moment.fenced);
  held->release();
}

TEST_P(EmbeddedHold, LeavesLockFilesAndScratchOutOfTheTree) {
  const auto place = make(is_derby() ? "odd [name]*" : "odd");
  const auto held = hold({place});
  held->capture();
  const std::vector<std::string> exclude = held->parts(0)[0].exclude;
  if (!is_derby()) {
    EXPECT_TRUE(exclude.empty());
    return;
  }
  EXPECT_EQ(exclude.size(), 4U);
  EXPECT_EQ(exclude[0], home_.path().native() + "/odd \\[name]\\*/dbex.lck");
}

TEST_P(EmbeddedHold, KeepsOthersOutFromCaptureToRelease) {
  const auto place = make("db");
  const auto before = names_in(is_derby() ? place : home_.path());
  {
    const auto held = hold({place});
    EXPECT_FALSE(who_locks(lock_file(place)));
    held->capture();
    EXPECT_FALSE(Locker(lock_file(place)).had());
    held->release();
    EXPECT_FALSE(who_locks(lock_file(place)));
    EXPECT_EQ(names_in(is_derby() ? place : home_.path()), before);
  }
  {
    const auto held = hold({place});
    held->capture();
  }
  EXPECT_FALSE(who_locks(lock_file(place)));
  EXPECT_EQ(names_in(is_derby() ? place : home_.path()), before);
}

TEST_P(EmbeddedHold, RefusesWhatSomebodyHasOpenNamingHimAndHoldsNothing) {
  const auto one = make("one");
  const auto two = make("two");
  put_lock_file(two);
  const Locker locker(lock_file(two));
  const auto held = hold({one, two});
  try {
    held->capture();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unavailable);
    EXPECT_NE(error.message().find("pid " + std::to_string(locker.pid()) + " ("), std::string::npos)
        << error.message();
    EXPECT_NE(error.hint().find("[quiesce]"), std::string::npos);
  }
  EXPECT_FALSE(who_locks(lock_file(one)));
}

TEST_P(EmbeddedHold, TakesNoLockForAnOutline) {
  const auto place = make("db");
  put_lock_file(place);
  const Locker locker(lock_file(place));
  HoldOptions options;
  options.only_outline = true;
  const auto held = hold({place}, options);
  held->capture();
  model::DatabaseFacts facts;
  held->outline(0, facts);
  EXPECT_TRUE(facts.engine_facts.is_object());
  held->release();
}

TEST_P(EmbeddedHold, DescribesWhatItHolds) {
  const auto place = make("db");
  const auto held = hold({place});
  held->capture();
  model::DatabaseFacts facts;
  held->describe(0, facts);
  EXPECT_EQ(facts.version, is_derby() ? "10.14" : "format 2");
  EXPECT_FALSE(facts.engine_facts.string_or("file_mode", "").empty());
  EXPECT_TRUE(facts.tables.empty());
  held->release();
}

TEST_P(EmbeddedHold, DisownsACopyWhoseDatabaseWasReplaced) {
  const auto place = make("db");
  const auto held = hold({place});
  held->capture();
  std::filesystem::rename(place, path("other"));
  EXPECT_EQ(code_of([&] { held->release(); }), Errc::not_consistent);
}

TEST_P(EmbeddedHold, DisownsACopyThatWasWrittenToPastItsLock) {
  const auto place = make("db");
  const auto held = hold({place});
  held->capture();
  const auto written = is_derby() ? place / "seg0" / "c20.dat" : place;
  const Fd file = open_file(written, O_WRONLY);
  pwrite_all(file.get(), as_bytes("x"), std::filesystem::file_size(written), written.native());
  EXPECT_EQ(code_of([&] { held->release(); }), Errc::not_consistent);
}

TEST_P(DerbyHold, DisownsACopyWhoseLockWasRemoved) {
  const auto place = make("db");
  const auto held = hold({place});
  held->capture();
  std::filesystem::remove(lock_file(place));
  EXPECT_EQ(code_of([&] { held->release(); }), Errc::not_consistent);
}

// Derby makes db.lck before it finds out that it may not come in.
TEST_P(DerbyHold, RemovesWhatAVisitorLeftWhoWasKeptOut) {
  const auto place = make("db");
  {
    const auto held = hold({place});
    held->capture();
    write_file_durably(place / "db.lck", as_bytes("visitor"));
    held->release();
  }
  EXPECT_FALSE(std::filesystem::exists(place / "db.lck"));
}

TEST_P(DerbyHold, LeavesStaleLockFilesAsTheyWere) {
  const auto place = make("db");
  put_lock_file(place);
  write_file_durably(place / "db.lck", as_bytes("stale"));
  {
    const auto held = hold({place});
    held->capture();
    held->release();
  }
  EXPECT_EQ(read_text_file(place / "db.lck"), "stale");
  EXPECT_TRUE(std::filesystem::exists(lock_file(place)));
}

TEST_P(EmbeddedHold, CannotFenceNorStream) {
  const auto place = make("db");
  const auto held = hold({place});
  EXPECT_EQ(code_of([&] { static_cast<void>(held->fence(std::chrono::steady_clock::now())); }),
            Errc::unsupported);
  EXPECT_EQ(code_of([&] { static_cast<void>(held->parts(0)); }), Errc::bug);
  EXPECT_EQ(code_of([&] { held->release(); }), Errc::bug);
  held->capture();
  EXPECT_EQ(code_of([&] { held->capture(); }), Errc::bug);
}

TEST_P(EmbeddedHold, RefusesWhatIsNotThereOrNamedTwice) {
  EXPECT_EQ(code_of([&] { static_cast<void>(hold({path("absent")})); }), Errc::not_found);
  const auto place = make("db");
  EXPECT_EQ(code_of([&] { static_cast<void>(hold({place, place})); }), Errc::usage);
}

TEST_P(EmbeddedHold, StopsWhenToldTo) {
  const auto place = make("db");
  std::stop_source stop;
  HoldOptions options;
  options.stop = stop.get_token();
  const auto held = hold({place}, options);
  stop.request_stop();
  EXPECT_EQ(code_of([&] { held->capture(); }), Errc::cancelled);
  EXPECT_FALSE(who_locks(lock_file(place)));
}

}  // namespace
}  // namespace holdfast::engine::embedded
