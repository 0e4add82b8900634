// SPDX-License-Identifier: Apache-2.0
#include "format/lock_file.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace holdfast::format {
namespace {

constexpr std::string_view full =
    R"({"time":"2026-11-20T10:56:01.5+01:00","exclusive":true,"hostname":"h","username":"u",)"
    R"("pid":4711,"uid":1000,"gid":100})";

TEST(LockFile, HasResticsOrderAndText) {
  LockFile lock;
  lock.time = parse_rfc3339("2026-11-20T10:56:01.5+01:00");
  lock.exclusive = true;
  lock.hostname = "h";
  lock.username = "u";
  lock.pid = 4711;
  lock.uid = 1000;
  lock.gid = 100;
  EXPECT_EQ(to_json(lock), full);
}

TEST(LockFile, LeavesOutUidAndGidOfRoot) {
  const std::string json = to_json(LockFile{});
  EXPECT_EQ(
      json,
      R"({"time":"1970-01-01T00:00:00Z","exclusive":false,"hostname":"","username":"","pid":0})");
}

TEST(LockFile, IsReadBack) {
  EXPECT_EQ(to_json(parse_lock_file(full)), full);
  const LockFile lock = parse_lock_file(R"({"time":"2026-11-20T10:56:01Z","exclusive":false})");
  EXPECT_FALSE(lock.exclusive);
  EXPECT_EQ(lock.pid, 0);
}

TEST(LockFile, RefusesWhatIsMalformed) {
  const auto refuse = [](std::string_view json) {
    try {
      static_cast<void>(parse_lock_file(json));
      ADD_FAILURE() << "no error for " << json;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::corrupt) << error.what();
    }
  };
  for (std::size_t size_bytes = 0; size_bytes < full.size(); ++size_bytes) {
    refuse(full.substr(0, size_bytes));
  }
  refuse("[]");
  refuse(R"({"exclusive":true})");
  refuse(R"({"time":"2026-11-20T10:56:01Z"})");
  refuse(R"({"time":"soon","exclusive":true})");
  refuse(R"({"time":"2026-11-20T10:56:01Z","exclusive":1})");
  refuse(R"({"time":"2026-11-20T10:56:01Z","exclusive":true,"uid":4294967296})");
  refuse(R"({"time":"2026-11-20T10:56:01Z","exclusive":true,"pid":"1"})");
}

}  // namespace
}  // namespace holdfast::format
