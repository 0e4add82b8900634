// SPDX-License-Identifier: Apache-2.0
// Programs of a line stand in for the Java program.
#include "engine/java/link.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace holdfast::engine::java {
namespace {

Command shell(std::string script) {
  return {.argv = {"/bin/sh", "-c", std::move(script)}};
}

Error error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  return {Errc::bug, "no Error came"};
}

void send_text(Link& link, std::string_view text) {
  FrameWriter frames;
  frames.begin('Q');
  frames.raw(as_bytes(text));
  frames.end();
  link.send(frames);
}

TEST(Link, CarriesFramesBothWays) {
  Link link(shell("exec cat"), {});
  EXPECT_FALSE(link.receive_if_any());
  send_text(link, "one");
  send_text(link, "two");
  EXPECT_EQ(as_text(link.receive().body), "one");
  EXPECT_EQ(as_text(link.receive().body), "two");
  EXPECT_FALSE(link.receive_if_any());
  EXPECT_TRUE(link.wait_for_end());
}

TEST(Link, TellsWhatAProgramSaidLast) {
  Link link(shell("for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 3"), {});
  const Error error = error_of([&] { static_cast<void>(link.receive()); });
  EXPECT_EQ(error.code(), Errc::failed_child);
  EXPECT_EQ(error.message(),
            "the Java program ended with code 3: line 3; line 4; line 5; line 6; line 7");
}

TEST(Link, NoticesAnEndWhileSending) {
  Link link(shell("exit 1"), {});
  const Error error = error_of([&] {
    for (int i = 0; i < 1000; ++i) send_text(link, std::string(100'000, 'x'));
  });
  EXPECT_EQ(error.code(), Errc::failed_child);
}

TEST(Link, IsNotBlockedByWhatAProgramComplainsOf) {
  // More than the pipe holds, before it answers.
  Link link(shell("yes complaint | head -c 1000000 >&2; exec cat"), {});
  send_text(link, "one");
  EXPECT_EQ(as_text(link.receive().body), "one");
}

TEST(Link, RefusesWhatIsNoFrame) {
  Link link(shell("echo Picked up options; exec cat"), {});
  EXPECT_EQ(error_of([&] { static_cast<void>(link.receive()); }).code(), Errc::corrupt);
}

TEST(Link, EndsWaitingAfterAStopRequest) {
  std::stop_source stop;
  Link link(shell("exec sleep 1000"), stop.get_token());
  std::jthread stopping([&] { stop.request_stop(); });
  EXPECT_EQ(error_of([&] { static_cast<void>(link.receive()); }).code(), Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::engine::java
