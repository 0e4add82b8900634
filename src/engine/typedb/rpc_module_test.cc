// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/rpc_module.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "base/fd.h"
#include "base/process.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

// Nobody listens there.
RpcTarget nobody() {
  RpcTarget target;
  target.address = "127.0.0.1:1";
  return target;
}

class RpcModule : public testing::Test {
 protected:
  // What opening a channel for a program in this home says: "name: message".
  [[nodiscard]] std::string said() const {
    try {
      static_cast<void>(open_channel(nobody(), home_.path() / "bin/holdfast"));
    } catch (const Error& error) {
      return std::string(errc_name(error.code())) + ": " + error.what();
    }
    return "no error";
  }
  void put(const std::string& place, const std::string& content) const {
    fs::create_directories((home_.path() / place).parent_path());
    std::ofstream(home_.path() / place) << content;
  }
  [[nodiscard]] std::string at(const std::string& place) const {
    return (home_.path() / place).native();
  }

  const fs::path built_ = own_executable().parent_path() / "holdfast-grpc.so";
  TemporaryDirectory home_{"holdfast-rpc-module-"};
};

// The library makes a start longer by 11 ms and more (docs/adr/0009).
TEST_F(RpcModule, IsNoPartOfTheProgramsStart) {
  const Command trace{.argv = {own_executable().native()},
                      .environment = {{"LD_TRACE_LOADED_OBJECTS", "1"}}};  // ld.so(8)
  const std::string libraries = run_process(trace).output;
  EXPECT_NE(libraries.find("libstdc++"), std::string::npos) << libraries;
  EXPECT_EQ(libraries.find("grpc"), std::string::npos) << libraries;
  EXPECT_EQ(libraries.find("absl"), std::string::npos) << libraries;
}

TEST_F(RpcModule, IsFoundBesideTheProgramOrWhereItIsInstalled) {
  fs::create_directories(home_.path() / "bin");
  EXPECT_EQ(said(), "unsupported: servers of TypeDB cannot be called: there is no " +
                        at("bin/holdfast-grpc.so") +
                        "; It is built together with the program, and belongs beside it.");
  fs::create_directories(home_.path() / "lib/holdfast");
  fs::create_symlink(built_, home_.path() / "lib/holdfast/holdfast-grpc.so");
  EXPECT_EQ(said(), "no error");
  put("bin/holdfast-grpc.so", "text");
  EXPECT_EQ(said().rfind("unsupported: " + at("bin/holdfast-grpc.so") + " cannot be opened: ", 0),
            0U)
      << said();
}

TEST_F(RpcModule, NamesTheLibraryThatIsNotInstalled) {
  std::string module = read_text_file(built_, std::size_t{1} << 30U);
  const std::string needed("libgrpc++.so.1.51");
  const std::size_t name = module.find(needed);
  ASSERT_NE(name, std::string::npos);
  module.replace(name, needed.size(), "libgrpc++.so.none");
  put("bin/holdfast-grpc.so", module);
  EXPECT_EQ(said(),
            "unsupported: " + at("bin/holdfast-grpc.so") +
                " cannot be opened: libgrpc++.so.none: cannot open shared object file: No such "
                "file or directory; It needs the gRPC library for C++: in Debian 12, package "
                "libgrpc++1.51.");
}

TEST_F(RpcModule, OfAnotherReleaseIsRefused) {
  std::string module = read_text_file(built_, std::size_t{1} << 30U);
  const std::string door(HOLDFAST_RPC_DOOR);
  std::size_t doors = 0;
  for (std::size_t at = 0; (at = module.find(door, at)) != std::string::npos; ++doors) {
    module.replace(at + door.size() - 1, 1, "x");
  }
  ASSERT_GE(doors, 1U);
  put("bin/holdfast-grpc.so", module);
  EXPECT_EQ(said().rfind("unsupported: " + at("bin/holdfast-grpc.so") +
                             " is not of this release of Holdfast, " HOLDFAST_VERSION,
                         0),
            0U)
      << said();
}

// An Error is one on either side of the door, with all that it says; so is a status.
TEST_F(RpcModule, ThrowsTheErrorsOfTheProgram) {
  const std::unique_ptr<RpcChannel> channel = open_channel(nobody());
  EXPECT_EQ(channel->target().address, "127.0.0.1:1");
  std::stop_source stop;
  stop.request_stop();
  std::string message;
  try {
    static_cast<void>(in_context(
        "asking", [&] { return channel->call("/a.B/c", as_bytes("x"), stop.get_token()); }));
  } catch (Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled);
    error.set_hint("Again.");
    message = error.what();
  }
  EXPECT_EQ(message, "interrupted while calling TypeDB at 127.0.0.1:1 (while asking); Again.");
  const RpcAnswer answer = channel->call("/a.B/c", as_bytes("x"), {});
  EXPECT_EQ(answer.status.code, RpcCode::unavailable) << answer.status.message;
  const std::unique_ptr<RpcCall> call = channel->begin("/a.B/c", {});
  EXPECT_FALSE(call->read());
  EXPECT_FALSE(call->finish().ok());
  EXPECT_THROW(static_cast<void>(call->finish()), Error);
}

}  // namespace
}  // namespace holdfast::engine::typedb
