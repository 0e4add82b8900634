// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/rpc.h"

#include <fmt/format.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <functional>
#include <utility>
#include <vector>

#include "engine/typedb/rpc_module.h"

namespace holdfast::engine::typedb {
namespace {

// Stack traces come with errors.
constexpr int metadata_bytes_max = 256 * 1024;
// A peer that is gone while nothing is said: servers in Java end connections that ask more often
// than once in five minutes.
constexpr int keepalive_ms = 330'000, keepalive_timeout_ms = 20'000;

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(message_bytes_max));
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, metadata_bytes_max);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive_ms);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive_timeout_ms);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A database is not reached through a proxy for web pages, nor told by DNS how to be called.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  // A call that changes something is not sent twice.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // Each channel has a connection of its own, which ends with it.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

std::shared_ptr<grpc::ChannelCredentials> credentials_of(const RpcTarget& target) {
  if (!target.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = target.root_certificates;
  return grpc::SslCredentials(options);
}

Bytes to_bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  Bytes bytes;
  bytes.reserve(buffer.Length());
  if (!buffer.Dump(&slices).ok()) {
    throw Error(Errc::corrupt, "a message of the server cannot be unpacked");
  }
  for (const grpc::Slice& slice : slices)
    append(bytes, ByteView(reinterpret_cast<const std::byte*>(slice.begin()), slice.size()));
  return bytes;
}

// The library would write to standard error what our errors say in better words.
void keep_library_quiet(LogLine* log_line) {
  static LogLine* const log_of_program = log_line;
  static const bool done = [] {
    gpr_set_log_function([](gpr_log_func_args* line) { log_of_program(line->message); });
    return true;
  }();
  static_cast<void>(done);
}

RpcCode to_code(grpc::StatusCode code) noexcept {
  constexpr auto last = static_cast<int>(RpcCode::unauthenticated);
  return code >= 0 && code <= last ? static_cast<RpcCode>(code) : RpcCode::unknown;
}

class GrpcCall final : public RpcCall {
 public:
  // `target` lives longer.
  GrpcCall(const RpcTarget& target, grpc::GenericStub& stub, const std::string& method,
           const Secret& token, std::stop_token stop);
  ~GrpcCall() override;

  void start();
  [[nodiscard]] bool write(ByteView message) override;
  void end_writes() override;
  [[nodiscard]] std::optional<Bytes> read(
      std::optional<std::chrono::milliseconds> patience) override;
  [[nodiscard]] RpcStatus finish() override;

 private:
  // The end of the one operation that is under way; whether it went well.
  bool wait(std::chrono::milliseconds longest);
  void refuse_if_stopped() const;
  void ask_for_status();

  const RpcTarget& target_;
  std::stop_token stop_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::Status status_;
  bool writes_ended_ = false, finished_ = false;
  // Last: it must be gone before the context is.
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

GrpcCall::GrpcCall(const RpcTarget& target, grpc::GenericStub& stub, const std::string& method,
                   const Secret& token, std::stop_token stop)
    : target_(target), stop_(std::move(stop)) {
  if (!token.empty()) {
    context_.AddMetadata("authorization", fmt::format("Bearer {}", token.reveal()));
  }
  stream_ = stub.PrepareCall(&context_, method, &queue_);
}

GrpcCall::~GrpcCall() {
  on_stop_.reset();
  void* tag = nullptr;
  bool went_well = false;
  if (!finished_) {
    context_.TryCancel();
    ask_for_status();
    static_cast<void>(queue_.Next(&tag, &went_well));
  }
  queue_.Shutdown();
  while (queue_.Next(&tag, &went_well)) {
  }
}

void GrpcCall::start() {
  on_stop_.emplace(stop_, [this] { context_.TryCancel(); });
  stream_->StartCall(this);
  // A server that is not there is found out by what follows.
  static_cast<void>(wait(target_.patience));
}

bool GrpcCall::wait(std::chrono::milliseconds longest) {
  void* tag = nullptr;
  bool went_well = false;
  const gpr_timespec deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                             gpr_time_from_millis(longest.count(), GPR_TIMESPAN));
  const auto next = queue_.AsyncNext(&tag, &went_well, deadline);
  if (next != grpc::CompletionQueue::GOT_EVENT) {
    context_.TryCancel();
    static_cast<void>(queue_.Next(&tag, &went_well));
    refuse_if_stopped();
    throw Error(Errc::unavailable,
                fmt::format("TypeDB at {} has been silent for {} s", target_.address,
                            static_cast<double>(longest.count()) / 1000));
  }
  refuse_if_stopped();
  return went_well;
}

void GrpcCall::refuse_if_stopped() const {
  if (stop_.stop_requested()) {
    throw Error(Errc::cancelled,
                fmt::format("interrupted while calling TypeDB at {}", target_.address));
  }
}

void GrpcCall::ask_for_status() {
  finished_ = true;
  stream_->Finish(&status_, this);
}

bool GrpcCall::write(ByteView message) {
  const grpc::Slice slice(message.data(), message.size());
  stream_->Write(grpc::ByteBuffer(&slice, 1), this);
  return wait(target_.patience);
}

void GrpcCall::end_writes() {
  if (std::exchange(writes_ended_, true)) return;
  stream_->WritesDone(this);
  // A call that the server has ended already is none of this one's concern.
  static_cast<void>(wait(target_.patience));
}

std::optional<Bytes> GrpcCall::read(std::optional<std::chrono::milliseconds> patience) {
  grpc::ByteBuffer buffer;
  stream_->Read(&buffer, this);
  if (!wait(patience.value_or(target_.patience))) return std::nullopt;
  return to_bytes(buffer);
}

RpcStatus GrpcCall::finish() {
  check_rule(!finished_, "a call is finished once");
  ask_for_status();
  static_cast<void>(wait(target_.patience));
  RpcStatus status{to_code(status_.error_code()), status_.error_message(), {}};
  append(status.details, std::string_view(status_.error_details()));
  return status;
}

class GrpcChannel final : public RpcChannel {
 public:
  // The name as one of DNS, and not as a form of address that the library has beside it.
  explicit GrpcChannel(RpcTarget target)
      : target_(std::move(target)),
        channel_(grpc::CreateCustomChannel("dns:///" + target_.address, credentials_of(target_),
                                           channel_arguments())),
        stub_(channel_) {}

  void set_token(Secret token) override { token_ = std::move(token); }
  [[nodiscard]] std::unique_ptr<RpcCall> begin(std::string_view method,
                                               std::stop_token stop) override;
  [[nodiscard]] RpcAnswer call(std::string_view method, ByteView request,
                               std::stop_token stop) override;
  [[nodiscard]] const RpcTarget& target() const noexcept override { return target_; }

 private:
  const RpcTarget target_;
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  Secret token_;
};

std::unique_ptr<RpcCall> GrpcChannel::begin(std::string_view method, std::stop_token stop) {
  auto call =
      std::make_unique<GrpcCall>(target_, stub_, std::string(method), token_, std::move(stop));
  call->start();
  return call;
}

RpcAnswer GrpcChannel::call(std::string_view method, ByteView request, std::stop_token stop) {
  const std::unique_ptr<RpcCall> call = begin(method, std::move(stop));
  RpcAnswer answer;
  std::optional<Bytes> message;
  if (call->write(request)) {
    call->end_writes();
    message = call->read();
    // Nothing follows; and the status is not there before that is known.
    if (message && call->read()) {
      throw Error(Errc::corrupt,
                  fmt::format("TypeDB at {} answers {} twice", target_.address, method));
    }
  }
  answer.status = call->finish();
  if (answer.status.ok() && !message) {
    answer.status = {RpcCode::internal, "an answer without a message", {}};
  }
  if (message) answer.message = std::move(*message);
  return answer;
}

}  // namespace

RpcChannel* holdfast_open_channel(RpcTarget* target, LogLine* log_line) {
  keep_library_quiet(log_line);
  return std::make_unique<GrpcChannel>(std::move(*target)).release();
}

}  // namespace holdfast::engine::typedb
