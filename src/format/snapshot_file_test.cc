// SPDX-License-Identifier: Apache-2.0
#include "format/snapshot_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace holdfast::format {
namespace {

#define ID(digit) digit digit digit digit digit digit digit digit
constexpr std::string_view id_a = ID("aaaaaaaa");
constexpr std::string_view id_b = ID("bbbbbbbb");
constexpr std::string_view id_c = ID("cccccccc");

// As restic 0.19 writes it.
constexpr std::string_view full =
    R"({"time":"2026-11-20T10:56:01.123456789+01:00","parent":")" ID("bbbbbbbb") R"(","tree":")" ID(
        "aaaaaaaa") R"(","paths":["/a/b","/c\u0026d"],"hostname":"h","username":"u","uid":1000,"gid":100,)"
                    R"("excludes":["*.tmp"],"tags":["x","y"],"original":")" ID(
                        "cccccccc") R"(","program_version":"restic 0.19.1","summary":{"backup_start":"2026-11-20T10:56:01.1+01:00",)"
                                    R"("backup_end":"2026-11-20T10:56:02.2+01:00","files_new":1,"files_changed":2,)"
                                    R"("files_unmodified":3,"dirs_new":4,"dirs_changed":5,"dirs_unmodified":6,"data_blobs":7,)"
                                    R"("tree_blobs":8,"data_added":9,"data_added_packed":10,"total_files_processed":11,)"
                                    R"("total_bytes_processed":18446744073709551615}})";
#undef ID

std::string minimal() {
  return R"({"time":"2022-01-02T03:04:05Z","tree":")" + std::string(id_a) + R"(","paths":["/"]})";
}

std::string with(std::string_view member) {
  std::string text = minimal();
  text.pop_back();
  return text + "," + std::string(member) + "}";
}

TEST(SnapshotFile, IsWrittenAsItWasRead) {
  const SnapshotFile snapshot = parse_snapshot_file(full);
  EXPECT_EQ(to_json(snapshot), full);
  EXPECT_EQ(snapshot.parent, parse_id(id_b));
  EXPECT_EQ(snapshot.original, parse_id(id_c));
  EXPECT_EQ(snapshot.time.utc_offset_seconds, 3600);
  EXPECT_EQ(snapshot.paths, (std::vector<std::string>{"/a/b", "/c&d"}));
  EXPECT_EQ(snapshot.summary.value().total_bytes_processed, 18446744073709551615U);
  EXPECT_TRUE(snapshot.has_tag("y"));
  EXPECT_FALSE(snapshot.has_tag("z"));
}

TEST(SnapshotFile, LeavesOutWhatIsEmpty) {
  EXPECT_EQ(to_json(parse_snapshot_file(minimal())), minimal());
}

TEST(SnapshotFile, TakesNullForMissing) {
  EXPECT_EQ(to_json(parse_snapshot_file(with(
                R"("parent":null,"tags":null,"excludes":null,"original":null,"summary":null)"))),
            minimal());
}

TEST(SnapshotFile, KeepsMembersOfOthersBehindItsOwn) {
  const std::string json = with(R"("label":"x","delete":{"After":[1,2.5,null]})");
  EXPECT_EQ(to_json(parse_snapshot_file(json)), json);
  const SnapshotFile moved =
      parse_snapshot_file(R"({"label":"x","time":"2022-01-02T03:04:05Z","paths":["/"],"tree":")" +
                          std::string(id_a) + "\"}");
  EXPECT_EQ(to_json(moved), with(R"("label":"x")"));
  EXPECT_EQ(moved.other.at("label").as_string(), "x");
}

TEST(SnapshotFile, KeepsMembersOfOthersInTheSummary) {
  const SnapshotFile snapshot =
      parse_snapshot_file(with(R"("summary":{"command":"rustic backup"})"));
  EXPECT_EQ(snapshot.summary.value().other.at("command").as_string(), "rustic backup");
  EXPECT_NE(to_json(snapshot).find(R"("total_bytes_processed":0,"command":"rustic backup"}})"),
            std::string::npos);
}

// Were each compared with each, this would take minutes.
TEST(SnapshotFile, IsNotSlowedDownByManyMembersOfOthers) {
  constexpr std::size_t count = 300'000;
  std::string members;
  for (std::size_t i = 0; i < count; ++i)
    members += fmt::format("{}\"k{}\":0", i == 0 ? "" : ",", i);
  const std::string json = with(fmt::format(R"("summary":{{{0}}},{0})", members));
  const SnapshotFile snapshot = parse_snapshot_file(json);
  EXPECT_EQ(snapshot.other.as_object().size(), count);
  EXPECT_EQ(snapshot.summary.value().other.as_object().size(), count);
  EXPECT_GT(to_json(snapshot).size(), json.size());
}

TEST(SnapshotFile, WritesPathsThatAreNotUtf8AsGoDoes) {
  SnapshotFile snapshot = parse_snapshot_file(minimal());
  snapshot.paths = {"/bad\xff"};
  EXPECT_NE(to_json(snapshot).find(R"("paths":["/bad\ufffd"])"), std::string::npos);
}

TEST(SnapshotFile, RefusesWhatIsMalformed) {
  const auto refuse = [](std::string_view json) {
    try {
      static_cast<void>(parse_snapshot_file(json));
      ADD_FAILURE() << "no error for " << json;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::corrupt) << error.what();
    }
  };
  for (std::size_t size_bytes = 0; size_bytes < full.size(); ++size_bytes) {
    refuse(full.substr(0, size_bytes));
  }
  refuse("[]");
  refuse(R"({"time":"2022-01-02T03:04:05Z","paths":["/"]})");
  refuse(R"({"time":"2022-01-02T03:04:05Z","paths":["/"],"tree":null})");
  refuse(R"({"time":"2022-01-02T03:04:05Z","paths":["/"],"tree":")" + std::string(64, '0') + "\"}");
  refuse(R"({"paths":["/"],"tree":")" + std::string(id_a) + "\"}");
  refuse(with(R"("parent":"abc")"));
  refuse(with(R"("uid":4294967296)"));
  refuse(with(R"("uid":-1)"));
  refuse(with(R"("tags":"x")"));
  refuse(with(R"("tags":[1])"));
  refuse(with(R"("summary":[])"));
  refuse(with(R"("summary":{"files_new":-1})"));
}

}  // namespace
}  // namespace holdfast::format
