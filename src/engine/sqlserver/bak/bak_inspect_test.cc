// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bak/bak_inspect.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "engine/sqlserver/bak/test_bak.h"
#include "engine/sqlserver/sqlserver.h"

namespace holdfast::engine::sqlserver {
namespace {

namespace fs = std::filesystem;
using test::TestBak;
using test::TestSet;

class BakInspect : public ::testing::Test {
 protected:
  fs::path file(const std::string& name, const std::string& content) {
    const fs::path path = directory_.path() / name;
    write_file_durably(path, as_bytes(content));
    paths_.push_back(path);
    return path;
  }
  Inspection inspect(const fs::path& path, bool deep = false) {
    InspectOptions options;
    options.deep = deep;
    options.others = paths_;
    auto found = engine().inspect(path, options, {});
    EXPECT_TRUE(found);
    return found ? std::move(*found) : Inspection{};
  }
  static std::string codes(const Inspection& inspection) {
    std::string found;
    for (const model::Finding& one : inspection.findings)
      found += (found.empty() ? "" : " ") + one.code;
    return found;
  }
  static std::string state(const Inspection& inspection) {
    return inspection.facts.string_or("state", "");
  }
  static TestBak stripe(std::uint16_t number, std::uint16_t sequence) {
    TestBak bak;
    bak.families = 2;
    bak.family = number;
    bak.sequence = sequence;
    bak.sets[0].first_page = number == 1 && sequence == 1 ? 0 : 64;
    return bak;
  }

  TemporaryDirectory directory_{"bak-inspect-"};
  std::vector<fs::path> paths_;
};

TEST_F(BakInspect, TellsWhatABackupIs) {
  const fs::path path = file("any.name", TestBak{}.plain());
  const Inspection found = inspect(path, true);
  EXPECT_TRUE(found.whole);
  EXPECT_TRUE(found.deep);
  EXPECT_EQ(found.kind, "SQL Server backup (full backup of Shop)");
  EXPECT_EQ(found.version, "16.0.4321");
  EXPECT_EQ(state(found), "complete");
  const Json& set = found.facts.at("sets").as_array().at(0);
  EXPECT_EQ(set.at("release").as_string(), "SQL Server 2022");
  EXPECT_EQ(set.at("type").as_string(), "full");
  EXPECT_EQ(set.at("pages").at("right").as_uint(), 24U);
  EXPECT_EQ(set.at("files").as_array().at(1).at("kind").as_string(), "log");
  EXPECT_EQ(inspect(file("packed", TestBak{}.packed())).kind,
            "SQL Server backup (full backup of Shop, compressed)");
}

TEST_F(BakInspect, AStripeAloneIsNeverWhole) {
  for (const bool deep : {false, true}) {
    paths_.clear();
    const Inspection found = inspect(file("one.bak", stripe(1, 1).plain()), deep);
    EXPECT_FALSE(found.whole);
    EXPECT_EQ(codes(found), "sqlserver-bak-stripe");
    EXPECT_EQ(state(found), "stripe");
    EXPECT_NE(found.findings[0].seen.find("stripe 1 of 2"), std::string::npos);
  }
}

// How many there are stands in two places, which no checksum holds.
TEST_F(BakInspect, AStripeWhoseNumberOfStripesIsDamagedIsNotWhole) {
  constexpr std::size_t head_bytes = 22;
  for (const std::size_t field : {20U, 24U}) {
    paths_.clear();
    std::string content = stripe(1, 1).plain();
    content[content.find("RAID") + head_bytes + field] = '\0';
    EXPECT_EQ(codes(inspect(file("one.bak", content))), "sqlserver-bak-stripe") << field;
  }
}

TEST_F(BakInspect, AllStripesTogetherAreWhole) {
  // Its number stands in one of two places; which is not known.
  for (const TestBak& second : {stripe(2, 1), stripe(1, 2)}) {
    for (const bool is_packed : {false, true}) {
      paths_.clear();
      const fs::path one =
          file("one.bak", is_packed ? stripe(1, 1).packed() : stripe(1, 1).plain());
      const fs::path two = file("two.bak", is_packed ? second.packed() : second.plain());
      file("other.bak", TestBak{}.plain());
      file("text.bak", "some text");
      for (const bool deep : {false, true}) {
        const Inspection found = inspect(two, deep);
        EXPECT_TRUE(found.whole) << codes(found);
        EXPECT_EQ(state(found), "complete in stripes");
        EXPECT_EQ(found.members, std::vector<fs::path>{one});
        if (deep) {
          const Json& pages = found.facts.at("sets").as_array().at(0).at("pages");
          EXPECT_EQ(pages.at("right").as_uint(), 48U);
        }
      }
    }
  }
}

TEST_F(BakInspect, StripesOfWhichOneIsDamagedAreNotWhole) {
  const fs::path one = file("one.bak", stripe(1, 1).plain());
  const std::string second = stripe(2, 1).plain();
  file("two.bak", second.substr(0, second.size() - 512));
  const Inspection found = inspect(one);
  EXPECT_FALSE(found.whole);
  EXPECT_EQ(codes(found), "sqlserver-bak-truncated");
  EXPECT_TRUE(found.findings[0].seen.starts_with("two.bak: ")) << found.findings[0].seen;
}

TEST_F(BakInspect, StripesOfOtherTimesAreToldApart) {
  const fs::path one = file("one.bak", stripe(1, 1).plain());
  TestBak later = stripe(2, 1);
  later.sets.push_back(TestSet{});
  file("two.bak", later.plain());
  EXPECT_EQ(codes(inspect(one)), "sqlserver-bak-stripes-differ sqlserver-bak-several-sets");
}

TEST_F(BakInspect, AMirrorIsNoSecondStripe) {
  const fs::path one = file("one.bak", stripe(1, 1).plain());
  file("mirror.bak", stripe(1, 1).plain());
  const Inspection found = inspect(one);
  EXPECT_EQ(codes(found), "sqlserver-bak-stripe");
  EXPECT_TRUE(found.members.empty());
}

TEST_F(BakInspect, RowsAreRefusedByName) {
  const fs::path path = file("one.bak", TestBak{}.plain());
  class Nothing final : public model::RowSink {
    void columns(const std::vector<model::Column>& /*columns*/) override {}
    void row(const model::Row& /*row*/) override {}
  } nothing;
  try {
    engine().inspect_rows(path, {}, {"dbo", "orders"}, nothing);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find("one.bak"), std::string::npos);
  }
}

TEST_F(BakInspect, EndsSoonAfterARequestToStop) {
  const fs::path path = file("one.bak", TestBak{}.plain());
  std::stop_source stop;
  stop.request_stop();
  try {
    static_cast<void>(engine().inspect(path, {}, stop.get_token()));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled);
  }
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
