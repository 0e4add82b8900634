// SPDX-License-Identifier: Apache-2.0
// The door between the program and its module holdfast-grpc.so, which is rpc.cc and all that it
// stands on: the gRPC library would make every start of the program longer (docs/adr/0009). The
// module is never closed, so that errors and threads that come from it can outlive its channels.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/typedb/rpc.h"

// The function's name in the module. A module of another release has none of this name, and what
// the two would take for each other's objects never meets.
#define HOLDFAST_RPC_DOOR "holdfast_open_channel_" HOLDFAST_VERSION

namespace holdfast::engine::typedb {

// For a line that the gRPC library logs; any thread. The module's own log would have a level of its
// own.
using LogLine = void(const char* line);

// In rpc.cc. The channel is the caller's; throws as the program itself does.
extern "C" __attribute__((visibility("default"))) RpcChannel* holdfast_open_channel(
    RpcTarget* target, LogLine* log_line) __asm__(HOLDFAST_RPC_DOOR);

// As open_channel() of rpc.h, for a program at `executable`: the module lies beside it or, where it
// is installed, in ../lib/holdfast.
[[nodiscard]] std::unique_ptr<RpcChannel> open_channel(RpcTarget target,
                                                       const std::filesystem::path& executable);

}  // namespace holdfast::engine::typedb
