// SPDX-License-Identifier: Apache-2.0
// Copies of TypeDB's directories beside whoever writes to them: issue 5, "What it must show", 2.
// What a server would make of a copy is found out here by rules of our own, which share nothing
// with what made it.
#include <gtest/gtest.h>
#include <lz4frame.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/test_soak.h"
#include "engine/typedb/hold.h"
#include "engine/typedb/probe.h"
#include "engine/typedb/test_rocks.h"
#include "engine/typedb/test_server.h"
#include "tests/contract/engine/typedb_progress.h"
#include "tests/contract/engine/writer_process.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr int copies_in_short = 10, copies_in_soak = 100;
// Each is read from its first record on, and logs only grow.
constexpr int copies_of_one_log = 20;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("there is no " + path.native());
  return {std::istreambuf_iterator<char>(file), {}};
}

// All of an LZ4 frame, which ends where the text does.
std::string unpacked(std::string_view frame) {
  LZ4F_dctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0)
    throw std::runtime_error("no LZ4");
  const std::unique_ptr<LZ4F_dctx, decltype(&LZ4F_freeDecompressionContext)> owned(
      context, LZ4F_freeDecompressionContext);
  std::string text;
  std::size_t hint = 1;
  while (!frame.empty()) {
    std::array<char, 4096> buffer{};
    std::size_t made = buffer.size(), taken = frame.size();
    hint = LZ4F_decompress(context, buffer.data(), &made, frame.data(), &taken, nullptr);
    if (LZ4F_isError(hint) != 0 || (made == 0 && taken == 0)) break;
    text.append(buffer.data(), made);
    frame.remove_prefix(taken);
  }
  if (hint != 0 || !frame.empty()) throw std::runtime_error("a payload is damaged");
  return text;
}

// What a server of TypeDB 3 loads from a directory; throws where one of its releases would not
// start, or would not have all.
//
// Source: typedb/typedb, storage/storage.rs (load), storage/recovery/checkpoint.rs,
// durability/wal.rs of 3.0.0, 3.8.1 and 3.12.3: the newest name among the checkpoints counts, to
// 3.8.1 even if it is not complete; releases before 3.4.1 do not cut off a torn end.
class Loading {
 public:
  explicit Loading(const fs::path& database) : database_(database) {
    read_checkpoint();
    read_log();
    if (watermark_ > last_) throw std::runtime_error("the checkpoint is ahead of the log");
  }
  [[nodiscard]] std::uint64_t last() const noexcept { return last_; }
  [[nodiscard]] std::uint64_t watermark() const noexcept { return watermark_; }
  [[nodiscard]] const std::set<int>& types() const noexcept { return types_; }

 private:
  void read_checkpoint() {
    if (!fs::exists(database_ / "checkpoint")) return;
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(database_ / "checkpoint"))
      all.push_back(entry.path());
    if (all.empty()) return;
    const fs::path newest = *std::max_element(all.begin(), all.end());
    const std::string name = newest.filename();
    for (const char c : name)
      if (std::isdigit(static_cast<unsigned char>(c)) == 0)
        throw std::runtime_error("a checkpoint that is being made");
    watermark_ = std::stoull(content_of(newest / "STORAGE_METADATA"));
    for (const char* length : {"11", "15", "16", "17", "25"}) {
      const fs::path keyspace = newest / (std::string("OptimisedPrefix") + length);
      std::string manifest = content_of(keyspace / "CURRENT");
      manifest.pop_back();
      for (const std::string& file :
           {manifest, std::string("000007.sst"), std::string("000009.sst")})
        if (content_of(keyspace / file) != "records up to " + std::to_string(watermark_))
          throw std::runtime_error("a file of another checkpoint");
    }
    if (std::distance(fs::directory_iterator(newest), {}) != 6)
      throw std::runtime_error("more than a checkpoint has");
  }

  void read_log() {
    std::vector<fs::path> segments;
    for (const auto& entry : fs::directory_iterator(database_ / "wal"))
      segments.push_back(entry.path());
    std::sort(segments.begin(), segments.end());
    for (const fs::path& segment : segments) read_segment(segment);
  }

  void read_segment(const fs::path& path) {
    const std::string content = content_of(path), name = path.filename();
    if (name.size() != 29 || content.empty()) throw std::runtime_error(name + " is no segment");
    std::string_view left = content;
    bool first = true;
    while (!left.empty()) {
      if (left.size() < 17) throw std::runtime_error(name + " ends in a header");
      const std::uint64_t sequence = number_at(left, 0), length = number_at(left, 8);
      const int type = static_cast<unsigned char>(left[16]);
      if (left.size() - 17 < length) throw std::runtime_error(name + " ends in a payload");
      const std::string payload = unpacked(left.substr(17, length));
      left.remove_prefix(17 + length);
      if (std::exchange(first, false) && std::stoull(name.substr(4)) != sequence)
        throw std::runtime_error(name + " begins with another record");
      const bool commit = type == 0 || type == 2;
      if (sequence != (commit ? last_ + 1 : last_)) throw std::runtime_error("a record is missing");
      last_ = sequence;
      types_.insert(type);
      if (commit && payload != "commit " + std::to_string(sequence))
        throw std::runtime_error("a commit of another number");
    }
  }
  static std::uint64_t number_at(std::string_view text, std::size_t at) {
    std::uint64_t number = 0;
    for (const char c : text.substr(at, 8)) number = number << 8U | static_cast<unsigned char>(c);
    return number;
  }

  const fs::path& database_;
  std::uint64_t watermark_ = 0, last_ = 0;
  std::set<int> types_;
};

class TypedbHotCopies : public testing::Test {
 protected:
  [[nodiscard]] fs::path database() const { return place_.path() / "data" / "shop"; }
  [[nodiscard]] static model::Endpoint endpoint(const fs::path& database) {
    model::Endpoint endpoint;
    endpoint.component = database.filename();
    endpoint.engine = "typedb";
    endpoint.uri = "typedb:" + database.native();
    endpoint.options["method"] = "hot";
    return endpoint;
  }
  [[nodiscard]] std::unique_ptr<Hold> hold() const {
    const model::Endpoint one = endpoint(database());
    return make_hold({&one, 1}, {});
  }
  TemporaryDirectory place_{"holdfast-typedb-test"};
};

class TypedbHotCopiesOf3 : public TypedbHotCopies,
                           public testing::WithParamInterface<TestServer::Checkpoints> {};
INSTANTIATE_TEST_SUITE_P(Releases, TypedbHotCopiesOf3,
                         testing::Values(TestServer::Checkpoints::renamed,
                                         TestServer::Checkpoints::in_place),
                         [](const auto& tested) {
                           return tested.param == TestServer::Checkpoints::renamed ? "FromV382On"
                                                                                   : "BeforeV382";
                         });

TEST_P(TypedbHotCopiesOf3, AreRestorableWithEveryRecordAcknowledgedBeforeTheyBegan) {
  const int copies = holdfast::test::is_soak() ? copies_in_soak : copies_in_short;
  std::unique_ptr<TestServer> server;
  for (int i = 0; i < copies; ++i) {
    if (i % copies_of_one_log == 0) {
      server.reset();
      erase_tree(database());
      server = std::make_unique<TestServer>(database(), GetParam());
      while (server->checkpoints() == 0) ::usleep(100);
    }
    const fs::path copy = place_.path() / fmt::format("copy{}", i);
    server->go_on();
    const std::uint64_t acknowledged = server->acknowledged();
    const std::unique_ptr<Hold> held = hold();
    held->capture();
    EXPECT_TRUE(held->lets_writers_work());
    copy_streams(*held, 0, copy);
    model::DatabaseFacts facts;
    held->describe(0, facts);
    const std::string position = held->moment(0).position;
    held->release();
    const Loading loaded(copy);
    EXPECT_GE(loaded.last(), acknowledged);
    EXPECT_GT(loaded.watermark(), 0U);
    EXPECT_EQ(facts.engine_facts.at("last_sequence").as_uint(), loaded.last());
    EXPECT_EQ(facts.engine_facts.at("watermark").as_uint(), loaded.watermark());
    EXPECT_EQ(position, fmt::format("record {}", loaded.last()));
    const bool is_new = GetParam() == TestServer::Checkpoints::renamed;
    EXPECT_EQ(facts.version, is_new ? "3.11.0 and later" : "3.0.0 to 3.10.4");
    EXPECT_EQ(loaded.types(), (std::set<int>{is_new ? 2 : 0, 1, 10}));
    erase_tree(copy);
  }
}

class TypedbHotCopiesOf2 : public TypedbHotCopies {
 protected:
  // Less than what can be written before a capture gives up, and more than fits into few files.
  static constexpr std::uint64_t things_before = 80, things_meanwhile = 160;

  void wait_for(std::uint64_t things) {
    while (progress_->made < things) ::usleep(500);
  }
  void allow(std::uint64_t more) { progress_->allowed += more; }

  test::TypedbProgressFile progress_{(place_.path() / "progress").native()};
};

// The parameter: an encoding of TypeDB 2.
class TypedbHotCopiesOfEach2 : public TypedbHotCopiesOf2,
                               public testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Encodings, TypedbHotCopiesOfEach2, testing::Values(0, 1, 2));

TEST_P(TypedbHotCopiesOfEach2, OpenWithSchemaAndDataOfOneMind) {
  test::WriterProcess writer({TYPEDB_WRITER, std::to_string(GetParam()), database().native(),
                              (place_.path() / "progress").native()});
  allow(500);
  wait_for(500);
  std::uint64_t vanished = 0;
  for (int i = 0; i < copies_in_short; ++i) {
    const fs::path copy = place_.path() / fmt::format("copy{}", i);
    const std::uint64_t acknowledged = progress_->made;
    allow(things_before);
    const std::unique_ptr<Hold> held = hold();
    held->capture();
    EXPECT_TRUE(held->lets_writers_work());
    allow(things_meanwhile);
    model::DatabaseFacts facts;
    held->describe(0, facts);
    EXPECT_EQ(facts.engine_facts.string_or("encoding", ""), fmt::format("2.x/{}", GetParam()));
    wait_for(progress_->allowed);
    for (const model::Part& part : held->parts(0))
      vanished += fs::exists(database() / part.path) ? 0 : 1;
    copy_streams(*held, 0, copy);
    held->release();
    TestRocks schema(copy / "schema", GetParam(), false), data(copy / "data", GetParam(), true);
    const TestRocks::Commits things = data.commits();
    EXPECT_GE(things.count, acknowledged);
    EXPECT_EQ(schema.get(test::type_key(things.newest_type)), "a type");
    if (GetParam() > 0) {
      EXPECT_EQ(schema.get(std::string(2, '\0')),
                little_endian(static_cast<std::uint64_t>(GetParam()), 4));
    }
  }
  EXPECT_GT(vanished, 0U);
}

// What is made in `shop` first and in `store` after that: a copy of both at one moment has as much
// in both, or one more in the first.
TEST_F(TypedbHotCopiesOf2, DatabasesOfOneServerAreOfOneMoment) {
  const fs::path second = place_.path() / "data" / "store";
  const test::WriterProcess writer({TYPEDB_WRITER, "2", database().native(),
                                    (place_.path() / "progress").native(), second.native()});
  allow(200);
  wait_for(200);
  for (int i = 0; i < copies_in_short; ++i) {
    allow(things_before);
    const std::array endpoints{endpoint(database()), endpoint(second)};
    EXPECT_TRUE(probe_database(endpoints[1], {}).abilities.fence);
    const std::unique_ptr<Hold> held = make_hold(endpoints, {});
    while (!held->fence(std::chrono::steady_clock::now() + std::chrono::seconds(2))) {
    }
    const std::uint64_t fenced_at = progress_->made;
    held->capture();
    EXPECT_LE(progress_->made, fenced_at + 1) << "writers were not kept out";
    held->unfence();
    std::array<std::uint64_t, 2> counts{};
    for (std::size_t each = 0; each < counts.size(); ++each) {
      const fs::path copy = place_.path() / fmt::format("copy{}_{}", i, each);
      copy_streams(*held, each, copy);
      counts[each] = TestRocks(copy / "data", 2, true).commits().count;
    }
    held->release();
    EXPECT_LE(counts[1], counts[0]);
    EXPECT_LE(counts[0], counts[1] + 1);
    wait_for(progress_->allowed);
  }
}

}  // namespace
}  // namespace holdfast::engine::typedb
