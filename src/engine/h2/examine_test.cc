// SPDX-License-Identifier: Apache-2.0
#include "engine/h2/examine.h"

#include <gtest/gtest.h>

#include "base/fd.h"
#include "engine/h2/h2.h"
#include "engine/h2/test_store.h"

namespace holdfast::engine::h2 {
namespace {

using embedded::Depth;
using embedded::Examination;

class H2Examine : public testing::Test {
 protected:
  using Codes = std::vector<std::string>;
  [[nodiscard]] Codes codes(TestStore store, Depth depth = Depth::whole) {
    return codes_of(store.bytes(), depth);
  }
  [[nodiscard]] Codes codes_of(ByteView bytes, Depth depth = Depth::whole) {
    write_file_durably(place_, bytes);
    last_ = examine_database(place_, depth, {});
    Codes found;
    for (const model::Finding& one : last_.findings) {
      EXPECT_FALSE(one.seen.empty() || one.why.empty() || one.mend.empty()) << one.code;
      found.push_back(one.code);
    }
    return found;
  }
  TemporaryDirectory home_{"holdfast-h2-test"};
  std::filesystem::path place_ = home_.path() / "db.mv.db";
  Examination last_;
};

TEST_F(H2Examine, FindsNothingWrongWithAClosedDatabase) {
  for (const Depth depth : {Depth::front, Depth::rest, Depth::whole})
    EXPECT_EQ(codes(TestStore(), depth), Codes{});
  EXPECT_EQ(last_.version, "format 2");
  EXPECT_EQ(last_.position, "2");
  EXPECT_EQ(last_.size_bytes, 4 * block_bytes);
  EXPECT_EQ(last_.facts.string_or("created", ""), "2026-11-21T13:33:13.576Z");
}

TEST_F(H2Examine, NotesFormat1) {
  EXPECT_EQ(codes(TestStore(1)), Codes{"h2-format-1"});
}

TEST_F(H2Examine, NotesThatItWasNotClosedUnlessSomebodyHasIt) {
  EXPECT_EQ(codes(TestStore(2, false)), Codes{"h2-not-closed"});
  EXPECT_EQ(codes(TestStore(2, false), Depth::front), Codes{});
}

TEST_F(H2Examine, DamageIsABlocker) {
  TestStore store;
  store.bytes().resize(3 * block_bytes);
  EXPECT_EQ(codes(store).front(), "h2-damaged");
  EXPECT_TRUE(model::has_blocker(last_.findings));
}

TEST_F(H2Examine, OneHeaderIsEnoughButSaidSo) {
  TestStore store;
  store.bytes()[9] ^= std::byte{1};
  EXPECT_EQ(codes(store), (Codes{"h2-header-damaged", "h2-not-closed"}));
}

TEST_F(H2Examine, CopiesWhatItCannotLookInto) {
  EXPECT_EQ(codes(TestStore(9)), Codes{"h2-format-unknown"});
  EXPECT_FALSE(model::has_blocker(last_.findings));
  EXPECT_EQ(codes_of(as_bytes("H2encrypt\n" + std::string(5000, 'x'))), Codes{"h2-encrypted"});
  EXPECT_FALSE(model::has_blocker(last_.findings));
}

TEST_F(H2Examine, OtherFilesAreNone) {
  EXPECT_EQ(codes_of(as_bytes("hello")), Codes{"h2-not-a-database"});
  EXPECT_FALSE(last_.known);
}

TEST_F(H2Examine, SeesWhatACompactionLeft) {
  write_file_durably(place_.native() + ".newFile", as_bytes("x"));
  EXPECT_EQ(codes(TestStore()), Codes{"h2-compaction-left"});
}

TEST_F(H2Examine, ComparesTheDriverByItsName) {
  const auto driver_codes = [&](unsigned format, const char* jar) {
    static_cast<void>(codes(TestStore(format)));
    return kind().compare_driver(last_, jar).size();
  };
  EXPECT_EQ(driver_codes(1, "/lib/h2-1.4.200.jar"), 0U);
  EXPECT_EQ(driver_codes(2, "/lib/h2-2.1.214.jar"), 0U);
  EXPECT_EQ(driver_codes(3, "/lib/h2-2.2.224.jar"), 0U);
  EXPECT_EQ(driver_codes(1, "/lib/h2-2.1.214.jar"), 1U);
  EXPECT_EQ(driver_codes(2, "/lib/h2-2.3.232.jar"), 1U);
  EXPECT_EQ(driver_codes(2, "/lib/h2.jar"), 0U);
}

}  // namespace
}  // namespace holdfast::engine::h2
