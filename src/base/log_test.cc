// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace holdfast {
namespace {

// Stands in for standard error; a datagram socket keeps apart what was written by separate calls.
class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
    reading_.reset(ends[0]);
    const Fd writing(ends[1]);
    real_.reset(::dup(STDERR_FILENO));
    ::dup2(writing.get(), STDERR_FILENO);
  }
  ~LogTest() override {
    ::dup2(real_.get(), STDERR_FILENO);
    set_log_level(LogLevel::warn);
  }

  // What the next write(2) brought, or nothing.
  std::string next() {
    std::array<char, 4096> buffer;
    const ssize_t count = ::recv(reading_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return count < 0 ? "(nothing)" : std::string(buffer.data(), static_cast<std::size_t>(count));
  }

 private:
  Fd reading_;
  Fd real_;
};

TEST_F(LogTest, WritesALineInOneWrite) {
  log(LogLevel::warn, "slow server", {{"host", "db1"}, {"ms", "250"}});
  EXPECT_EQ(next(), "warn: slow server host=db1 ms=250\n");
  EXPECT_EQ(next(), "(nothing)");
}

TEST_F(LogTest, PrintsTheLevelAndEverythingMoreUrgent) {
  EXPECT_TRUE(log_enabled(LogLevel::error));
  EXPECT_TRUE(log_enabled(LogLevel::warn));
  EXPECT_FALSE(log_enabled(LogLevel::info));
  log(LogLevel::info, "quiet");
  EXPECT_EQ(next(), "(nothing)");
  set_log_level(LogLevel::debug);
  log(LogLevel::debug, "loud");
  EXPECT_EQ(next(), "debug: loud\n");
  set_log_level(LogLevel::error);
  log(LogLevel::warn, "quiet");
  log(LogLevel::error, "loud");
  EXPECT_EQ(next(), "error: loud\n");
}

TEST_F(LogTest, QuotesValuesThatWouldBeMisread) {
  log(LogLevel::warn, "m",
      {{"a", "two words"},
       {"b", ""},
       {"c", "say \"hi\""},
       {"d", "x=y"},
       {"e", "a\\b"},
       {"f", "ü"}});
  EXPECT_EQ(next(),
            "warn: m a=\"two words\" b=\"\" c=\"say \\\"hi\\\"\" d=\"x=y\" e=\"a\\\\b\" f=\"ü\"\n");
}

TEST_F(LogTest, EscapesWhatCouldForgeALineOrSteerATerminal) {
  log(LogLevel::warn, "bad\nerror: forged",
      {{"path", "a\nb\t\x1b[31m\x7f"},
       {"raw", "\xff"},
       {"c1", "\xc2\x9b"},
       {"bidi", "\xe2\x80\xae"}});
  EXPECT_EQ(next(),
            "warn: bad\\nerror: forged path=\"a\\nb\\t\\x1b[31m\\x7f\" raw=\"\\xff\" "
            "c1=\"\\xc2\\x9b\" bidi=\"\\xe2\\x80\\xae\"\n");
}

TEST_F(LogTest, KeepsTheLinesOfManyThreadsApart) {
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([] { log(LogLevel::warn, "same", {{"key", "value"}}); });
    }
  }
  for (int i = 0; i < 4; ++i) EXPECT_EQ(next(), "warn: same key=value\n");
}

}  // namespace
}  // namespace holdfast
