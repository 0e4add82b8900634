// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/rpc_module.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "base/process.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view module_name = "holdfast-grpc.so";

fs::path find_module(const fs::path& executable) {
  const fs::path directory = executable.parent_path();
  for (const fs::path& place :
       {directory / module_name, directory.parent_path() / "lib/holdfast" / module_name}) {
    std::error_code failure;
    if (fs::is_regular_file(place, failure)) return place;
  }
  throw Error(Errc::unsupported, fmt::format("servers of TypeDB cannot be called: there is no {}",
                                             (directory / module_name).native()))
      .set_hint("It is built together with the program, and belongs beside it.");
}

}  // namespace

std::unique_ptr<RpcChannel> open_channel(RpcTarget target, const fs::path& executable) {
  const fs::path path = find_module(executable);
  void* const module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    const char* const reason = ::dlerror();
    throw Error(Errc::unsupported, fmt::format("{} cannot be opened: {}", path.native(),
                                               reason != nullptr ? reason : "no reason is told"))
        .set_hint("It needs the gRPC library for C++: in Debian 12, package libgrpc++1.51.");
  }
  void* const door = ::dlsym(module, HOLDFAST_RPC_DOOR);
  if (door == nullptr) {
    throw Error(Errc::unsupported, fmt::format("{} is not of this release of Holdfast, {}",
                                               path.native(), HOLDFAST_VERSION))
        .set_hint("Put the one that was built with the program in its place.");
  }
  LogLine* const log_line = [](const char* line) {
    log(LogLevel::debug, "grpc", {{"says", line}});
  };
  return std::unique_ptr<RpcChannel>(
      reinterpret_cast<decltype(&holdfast_open_channel)>(door)(&target, log_line));
}

std::unique_ptr<RpcChannel> open_channel(RpcTarget target) {
  return open_channel(std::move(target), own_executable());
}

}  // namespace holdfast::engine::typedb
