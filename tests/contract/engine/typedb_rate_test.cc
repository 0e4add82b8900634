// SPDX-License-Identifier: Apache-2.0
// Exports larger than memory: issue 5, "What it must show", 3. 10 million things where the long
// counts are wanted.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/secret.h"
#include "base/test_soak.h"
#include "engine/typedb/export_hold.h"
#include "tests/harness/typedb_server.h"

namespace holdfast::engine::typedb {
namespace {

// Counts what it is given.
class CountingSink final : public model::PartSink {
 public:
  [[nodiscard]] std::unique_ptr<Segment> segment(std::uint32_t /*number*/) override {
    return std::make_unique<Counting>(bytes_);
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  class Counting final : public Segment {
   public:
    explicit Counting(std::uint64_t& bytes) : bytes_(bytes) {}
    void write(ByteView bytes) override { bytes_ += bytes.size(); }
    void finish() override {}

   private:
    std::uint64_t& bytes_;
  };
  std::uint64_t bytes_ = 0;
};

// The most memory that this process ever had, MiB.
std::uint64_t peak_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (std::uint64_t kib = 0; word == "VmHWM:" && status >> kib) return kib / 1024;
  return 0;
}

TEST(TypedbExportHold, StreamsMoreThingsThanMemoryHas) {
  const std::uint64_t things = test::is_soak() ? 10'000'000 : 50'000;
  // Of a sanitizer's too, which keeps what was freed for a while; the things are 600 MB in a file
  // of 10 million, and three times that in memory.
  constexpr std::uint64_t more_mib_max = 500;
  test::TypedbServer server;
  server.put("shop", test::generated_typedb(things));
  ServerAccess access;
  access.target.address = server.address();
  access.user = "admin";
  access.password = std::make_shared<Secret>(std::string("password"));
  const TemporaryDirectory scratch("holdfast-typedb-test");
  HoldOptions options;
  options.scratch_directory = scratch.path();
  const std::uint64_t before_mib = peak_mib();
  const auto began = std::chrono::steady_clock::now();
  const std::unique_ptr<Hold> hold = hold_exports(access, {"shop"}, options);
  hold->capture();
  CountingSink data;
  hold->copy(0, hold->parts(0)[1], data, {});
  model::DatabaseFacts facts;
  hold->describe(0, facts);
  hold->release();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const std::uint64_t people = things / 3 + 1;
  EXPECT_EQ(facts.engine_facts.at("entities").as_uint(), people + 1);
  EXPECT_EQ(facts.engine_facts.at("attributes").as_uint(), people);
  EXPECT_EQ(facts.engine_facts.at("players").as_uint(), 2 * people);
  EXPECT_LT(peak_mib() - before_mib, more_mib_max);
  fmt::print("{} things of {} MB in {:.1f} s: {:.0f} things/s, {:.1f} MB/s, {} MiB more memory\n",
             3 * people + 1, data.bytes() / 1'000'000, took.count(),
             static_cast<double>(3 * people) / took.count(),
             static_cast<double>(data.bytes()) / 1e6 / took.count(), peak_mib() - before_mib);
}

}  // namespace
}  // namespace holdfast::engine::typedb
