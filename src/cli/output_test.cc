// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fd.h"
#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

struct Streams {
  CapturedStream output, errors;
};

TEST(Output, FollowsTheVerbosity) {
  for (const unsigned verbosity : {0U, 1U, 2U, 3U}) {
    Streams streams;
    OutputSettings settings;
    settings.verbosity = verbosity;
    Output output(streams.output, streams.errors, settings);
    output.line("result");
    output.message("message");
    output.detail("detail");
    output.trace("trace");
    const std::vector<std::string> all{"result", "message", "detail", "trace"};
    EXPECT_EQ(lines_of(streams.output.text),
              (std::vector<std::string>(all.begin(), all.begin() + 1 + verbosity)));
  }
}

TEST(Output, KeepsTextForPeopleOutOfJson) {
  Streams streams;
  OutputSettings settings;
  settings.json = true;
  settings.verbosity = 3;
  Output output(streams.output, streams.errors, settings);
  output.message("message");
  output.detail("detail");
  output.note("note");
  output.warning("trouble");
  output.json_line(Json::object().set("a", 1));
  EXPECT_EQ(streams.output.text, "{\"a\":1}\n");
  EXPECT_EQ(streams.errors.text, "{\"message_type\":\"warning\",\"message\":\"trouble\"}\n");
}

TEST(Output, ClearsTheStatusBeforeALine) {
  Streams streams;
  OutputSettings settings;
  settings.is_terminal = true;
  settings.columns = [] { return 10U; };
  Output output(streams.output, streams.errors, settings);
  output.status("0123456789abcdef");
  output.line("result");
  output.status("");
  EXPECT_EQ(streams.output.text, "\r\x1b[2K012345678\r\x1b[2Kresult\n");
}

TEST(Output, ShowsNoStatusInAPipe) {
  Streams streams;
  Output output(streams.output, streams.errors, {});
  output.status("working");
  EXPECT_EQ(streams.output.text, "");
  EXPECT_EQ(output.columns(), 0U);
}

TEST(Output, RemembersWhatWasLost) {
  Streams streams;
  Output output(streams.output, streams.errors, {});
  output.line("taken");
  EXPECT_FALSE(output.lost());
  streams.output.broken = true;
  output.line("lost");
  EXPECT_TRUE(output.lost());
  EXPECT_THROW(output.raw().write(as_bytes("x")), Error);
}

TEST(Output, NoticesAFullDevice) {
  const Fd full = open_file("/dev/full", O_WRONLY);
  FdTextStream stream(full.get());
  EXPECT_FALSE(stream.write("text"));
}

// The last resort: no text steers the terminal, whoever forgot what on its way here.
TEST(Output, LetsNoTextSteerTheTerminal) {
  Streams streams;
  OutputSettings settings;
  settings.verbosity = 3;
  settings.is_terminal = true;
  settings.columns = [] { return 80U; };
  Output output(streams.output, streams.errors, settings);
  const std::string_view bad = "a\x1b[2J\nb";
  output.line(bad);
  output.message(bad);
  output.detail(bad);
  output.trace(bad);
  output.warning(bad);
  output.note(bad);
  output.error_line(bad);
  EXPECT_EQ(streams.output.text.find('\x1b'), std::string::npos);
  EXPECT_EQ(streams.errors.text.find('\x1b'), std::string::npos);
  EXPECT_TRUE(streams.output.text.starts_with("a\\x1b[2J\nb\n"));
  streams.output.text.clear();
  output.status(bad);
  EXPECT_EQ(streams.output.text, "\r\x1b[2Ka\\x1b[2J\\nb");
}

}  // namespace
}  // namespace holdfast::cli
