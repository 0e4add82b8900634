// SPDX-License-Identifier: Apache-2.0
// Calls of a gRPC server, as far as TypeDB's needs them: messages are bytes here, and what is in
// them is protocol.h's affair. rpc.cc is the only file that knows the gRPC library; both are in a
// module that is opened with the first channel (rpc_module.h).
//
// Source: grpc.io, "gRPC over HTTP2" (method paths, status codes, metadata) and grpc/status.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/secret.h"

namespace holdfast::engine::typedb {

// The numbers of grpc/status.h.
enum class RpcCode : std::uint8_t {
  ok,
  cancelled,
  unknown,
  invalid_argument,
  deadline_exceeded,
  not_found,
  already_exists,
  permission_denied,
  resource_exhausted,
  failed_precondition,
  aborted,
  out_of_range,
  unimplemented,
  internal,
  unavailable,
  data_loss,
  unauthenticated,
};

// How a call ended, as its server says.
struct RpcStatus {
  RpcCode code = RpcCode::ok;
  std::string message;
  Bytes details;  // of trailer grpc-status-details-bin; often empty
  [[nodiscard]] bool ok() const noexcept { return code == RpcCode::ok; }
};

struct RpcTarget {
  std::string address;  // "host:1729", "[::1]:1729"
  bool tls = false;
  std::string root_certificates;  // PEM; empty: the system's
  // How long the server may be silent while we wait for its next message, or for room for ours.
  std::chrono::milliseconds patience{std::chrono::minutes(5)};
};

// Larger messages are refused: 250 items of a million bytes each.
inline constexpr std::size_t message_bytes_max = 256U << 20U;

// One call that is under way. One thread at a time. The destructor cancels what has not ended, and
// returns soon.
class RpcCall {
 public:
  RpcCall() = default;
  virtual ~RpcCall() = default;
  RpcCall(const RpcCall&) = delete;
  RpcCall& operator=(const RpcCall&) = delete;

  // Sends a message and waits until the library has let go of it: no more than a window of the
  // connection is in memory. False if the server has ended the call: finish() says why. All three
  // throw Errc::unavailable past the patience, and Errc::cancelled soon after a stop request.
  [[nodiscard]] virtual bool write(ByteView message) = 0;
  // No more messages from us.
  virtual void end_writes() = 0;
  // The next message; nothing at the end of the call. `patience` instead of the target's.
  [[nodiscard]] virtual std::optional<Bytes> read(
      std::optional<std::chrono::milliseconds> patience = {}) = 0;
  // After read() gave nothing, or write() false.
  [[nodiscard]] virtual RpcStatus finish() = 0;
};

struct RpcAnswer {
  RpcStatus status;
  Bytes message;  // if ok
};

// A connection to a server, made by the first call. Any thread, but set_token().
class RpcChannel {
 public:
  RpcChannel() = default;
  virtual ~RpcChannel() = default;
  RpcChannel(const RpcChannel&) = delete;
  RpcChannel& operator=(const RpcChannel&) = delete;

  // Goes with every call from now on: "authorization: Bearer …".
  virtual void set_token(Secret token) = 0;
  // `method` is its path: "/package.Service/method". The call lives no longer than the channel.
  [[nodiscard]] virtual std::unique_ptr<RpcCall> begin(std::string_view method,
                                                       std::stop_token stop) = 0;
  // One message there, one back. An answer without a message is RpcCode::internal.
  [[nodiscard]] virtual RpcAnswer call(std::string_view method, ByteView request,
                                       std::stop_token stop) = 0;

  [[nodiscard]] virtual const RpcTarget& target() const noexcept = 0;
};

// Opens the module, if it is not open yet; it stays so. Errc::unsupported if it, or the gRPC
// library, is not there. Any thread.
[[nodiscard]] std::unique_ptr<RpcChannel> open_channel(RpcTarget target);

}  // namespace holdfast::engine::typedb
