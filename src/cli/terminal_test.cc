// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::cli {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    out = Fd(ends[0]);
    in = Fd(ends[1]);
  }
  Fd out, in;
};

TEST(InterruptibleSource, ReadsToTheEnd) {
  Pipe pipe;
  write_all(pipe.in.get(), as_bytes("text"), "pipe");
  pipe.in.reset();
  InterruptibleSource source(pipe.out.get(), {});
  EXPECT_EQ(as_text(read_all(source, 100)), "text");
}

TEST(InterruptibleSource, EndsWithAStopRequest) {
  Pipe pipe;
  std::stop_source stop;
  InterruptibleSource source(pipe.out.get(), stop.get_token());
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop.request_stop();
  });
  std::array<std::byte, 4> into{};
  EXPECT_THROW(static_cast<void>(source.read(into)), Error);
}

TEST(ReadNamedFile, ReadsAFileAndAPipe) {
  const TemporaryDirectory directory("holdfast-cli-test");
  const std::string file = directory.path() / "file";
  write_file_durably(file, as_bytes("text"));
  EXPECT_EQ(read_named_file(file, 4, {}), "text");
  EXPECT_THROW(static_cast<void>(read_named_file(file, 3, {})), Error);
  EXPECT_THROW(static_cast<void>(read_named_file(directory.path() / "none", 3, {})), Error);
  const std::string fifo = directory.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const std::jthread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const Fd in = open_file(fifo, O_WRONLY);
    write_all(in.get(), as_bytes("late"), "fifo");
  });
  EXPECT_EQ(read_named_file(fifo, 100, {}), "late");
}

TEST(ReadNamedFile, EndsWithAStopRequestWhereNobodyWrites) {
  const TemporaryDirectory directory("holdfast-cli-test");
  const std::string fifo = directory.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  std::stop_source stop;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop.request_stop();
  });
  EXPECT_THROW(static_cast<void>(read_named_file(fifo, 100, stop.get_token())), Error);
}

// A terminal of our own: what is written to `control` is what somebody types.
class Terminal : public testing::Test {
 protected:
  void SetUp() override {
    control = Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(control);
    ASSERT_EQ(::grantpt(control.get()), 0);
    ASSERT_EQ(::unlockpt(control.get()), 0);
    std::array<char, 64> name{};
    ASSERT_EQ(::ptsname_r(control.get(), name.data(), name.size()), 0);
    terminal = open_file(name.data(), O_RDWR | O_NOCTTY);
  }
  [[nodiscard]] bool echoes() const {
    termios state{};
    EXPECT_EQ(::tcgetattr(terminal.get(), &state), 0);
    return (state.c_lflag & static_cast<tcflag_t>(ECHO)) != 0;
  }
  Fd control, terminal;
};

TEST_F(Terminal, IsAskedWithoutEcho) {
  bool echoed_while_asking = true;
  std::jthread typist([&] {
    while (echoes()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    echoed_while_asking = echoes();
    write_all(control.get(), as_bytes("sesame\n"), "terminal");
  });
  EXPECT_EQ(ask_on_terminal(terminal.get(), "", {}).reveal(), "sesame");
  typist.join();
  EXPECT_FALSE(echoed_while_asking);
  EXPECT_TRUE(echoes());
}

TEST_F(Terminal, EchoesAgainAfterAnInterrupt) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(static_cast<void>(ask_on_terminal(terminal.get(), "", stop.get_token())), Error);
  EXPECT_TRUE(echoes());
}

TEST_F(Terminal, TellsItsWidth) {
  winsize size{};
  size.ws_col = 97;
  ASSERT_EQ(::ioctl(terminal.get(), TIOCSWINSZ, &size), 0);
  EXPECT_EQ(terminal_columns(terminal.get()), 97U);
  const Pipe pipe;
  EXPECT_EQ(terminal_columns(pipe.out.get()), 0U);
}

}  // namespace
}  // namespace holdfast::cli
