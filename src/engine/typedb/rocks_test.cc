// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/rocks.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/capture.h"
#include "engine/typedb/database_lock.h"
#include "engine/typedb/directory.h"
#include "engine/typedb/hold.h"
#include "engine/typedb/rocks_manifest.h"
#include "engine/typedb/test_rocks.h"
#include "engine/typedb/test_server.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

template <typename Body>
Errc code_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return Errc::bug;
}

// The parameter: an encoding of TypeDB 2.
class TypedbRocks : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { server_ = std::make_unique<TestDatabase2>(database(), GetParam()); }
  [[nodiscard]] fs::path database() const { return place_.path() / "data" / "shop"; }
  [[nodiscard]] fs::path copy() const { return place_.path() / "copy" / "shop"; }
  [[nodiscard]] Capture capture(std::function<void(std::string_view)> before = {},
                                std::size_t descriptors_max = 1000) const {
    CaptureOptions options;
    options.descriptors_max = descriptors_max;
    options.before = std::move(before);
    return capture_rocks(database(), options);
  }
  void copy_out(const std::function<void()>& meanwhile = {}) const {
    model::Endpoint endpoint;
    endpoint.uri = "typedb:" + database().native();
    const std::vector<model::Endpoint> endpoints{endpoint};
    const auto held = make_hold(endpoints, {});
    held->capture();
    EXPECT_TRUE(held->lets_writers_work());
    if (meanwhile) meanwhile();
    copy_streams(*held, 0, copy());
    model::DatabaseFacts facts;
    held->describe(0, facts);
    EXPECT_EQ(facts.engine_facts.string_or("encoding", ""), fmt::format("2.x/{}", GetParam()));
    EXPECT_EQ(facts.engine_facts.string_or("copied", ""), "hot");
    held->release();
  }
  // All names below, with sizes.
  [[nodiscard]] std::map<std::string, std::uint64_t> files() const {
    std::map<std::string, std::uint64_t> all;
    for (const auto& entry : fs::recursive_directory_iterator(place_.path()))
      all[entry.path().native()] = entry.is_regular_file() ? entry.file_size() : 0;
    return all;
  }

  TemporaryDirectory place_{"holdfast-typedb-test"};
  std::unique_ptr<TestDatabase2> server_;
};
INSTANTIATE_TEST_SUITE_P(Encodings, TypedbRocks, testing::Values(0, 1, 2));

TEST_P(TypedbRocks, AreCopiedBesideTheirServerWithWhatIsOnlyInItsLog) {
  copy_out();
  TestRocks schema(copy() / "schema", GetParam(), false);
  EXPECT_EQ(schema.get("key 000009"), "value 9");
  TestRocks data(copy() / "data", GetParam(), true);
  EXPECT_EQ(data.get("key 000079"), "value 79");
  EXPECT_EQ(data.get("key 000099"), "value 99");
  EXPECT_EQ(data.get("key 000100"), "");
}

TEST_P(TypedbRocks, HaveNoTraceOfHavingBeenRead) {
  const auto before = files();
  { const Capture found = capture(); }
  EXPECT_EQ(files(), before);
  EXPECT_TRUE(who_has(database()));
}

TEST_P(TypedbRocks, HaveNothingThatIsWrittenLater) {
  copy_out([&] {
    server_->data.put_rows(100, 200);
    server_->data.flush();
    server_->data.compact();
    server_->data.put_rows(200, 300);
  });
  verify_rocks(copy() / "schema", {});
  verify_rocks(copy() / "data", {});
  EXPECT_EQ(encoding_number(copy() / "schema"), static_cast<std::uint32_t>(GetParam()));
  TestRocks data(copy() / "data", GetParam(), true);
  EXPECT_EQ(data.get("key 000099"), "value 99");
  EXPECT_EQ(data.get("key 000100"), "");
}

// Its records would be in a table that the copy has not, and in a log that is gone.
TEST_P(TypedbRocks, AreReadAgainIfALogWentToATableMeanwhile) {
  int flushes = 0;
  const Capture found = capture([&](std::string_view step) {
    if (step != "opening" || ++flushes != 2) return;
    server_->data.put_rows(100, 110);
    server_->data.flush();
  });
  EXPECT_EQ(flushes, 3);
  EXPECT_GT(found.data_sequence, 100U);
}

TEST_P(TypedbRocks, AreReadAgainIfTypesChangeMeanwhile) {
  int times = 0;
  const Capture found = capture([&](std::string_view step) {
    if (step == "data" && ++times == 1) server_->schema.put_rows(10, 11);
  });
  EXPECT_EQ(times, 2);
  EXPECT_EQ(found.schema_sequence, read_rocks(database() / "schema").last_sequence);
  EXPECT_EQ(code_of([&] {
              static_cast<void>(capture([&](std::string_view step) {
                if (step == "data") server_->schema.put_rows(10, 11);
              }));
            }),
            Errc::not_consistent);
}

TEST_P(TypedbRocks, AreRefusedWithMoreFilesThanMayBeOpened) {
  EXPECT_EQ(code_of([&] { static_cast<void>(capture({}, 5)); }), Errc::unsupported);
}

TEST_P(TypedbRocks, AreNamedIfTheyAreGone) {
  server_.reset();
  fs::remove_all(database() / "data");
  EXPECT_EQ(code_of([&] { static_cast<void>(capture()); }), Errc::not_found);
}

TEST_P(TypedbRocks, AreFoundDamaged) {
  server_->data.compact();
  server_.reset();
  verify_rocks(database() / "data", {});
  for (const auto& entry : fs::directory_iterator(database() / "data")) {
    if (entry.path().extension() != ".sst") continue;
    std::string content = read_text_file(entry.path());
    content[20] = static_cast<char>(content[20] ^ 1);
    put_file(entry.path(), content);
  }
  EXPECT_EQ(code_of([&] { verify_rocks(database() / "data", {}); }), Errc::corrupt);
}

TEST_P(TypedbRocks, AreFoundDamagedInTheirLogs) {
  server_.reset();
  verify_rocks(database() / "data", {});
  const std::vector<RocksLogFile> logs = rocks_logs(database() / "data");
  ASSERT_FALSE(logs.empty());
  const std::string whole = read_text_file(logs.back().path);
  ASSERT_GT(whole.size(), 100U);
  // Torn at its end it is what a server leaves that was ended.
  put_file(logs.back().path, whole.substr(0, whole.size() - 3));
  verify_rocks(database() / "data", {});
  std::string damaged = whole;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  put_file(logs.back().path, damaged);
  verify_rocks(database() / "data", {});
  damaged = whole;
  damaged[20] = static_cast<char>(damaged[20] ^ 1);
  put_file(logs.back().path, damaged);
  EXPECT_EQ(code_of([&] { verify_rocks(database() / "data", {}); }), Errc::corrupt);
}

TEST_P(TypedbRocks, AreVerifiedUntilToldToStop) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] { verify_rocks(database() / "data", stop.get_token()); }), Errc::cancelled);
}

TEST_P(TypedbRocks, TellTheirEncoding) {
  EXPECT_EQ(encoding_number(database() / "schema"), static_cast<std::uint32_t>(GetParam()));
  EXPECT_EQ(encoding_name(*examine_database(database(), false, {}).encoding),
            fmt::format("2.x/{}", GetParam()));
}

}  // namespace
}  // namespace holdfast::engine::typedb
