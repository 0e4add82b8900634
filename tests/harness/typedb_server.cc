// SPDX-License-Identifier: Apache-2.0
#include "tests/harness/typedb_server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>

#include "tests/harness/self_signed.h"
#include "tests/harness/typedb_answers.h"

namespace holdfast::test {
namespace {

std::string to_text(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) throw std::runtime_error("a message cannot be unpacked");
  for (const grpc::Slice& slice : slices)
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}

}  // namespace

struct TypedbServer::State {
  TypedbServerOptions options;
  SelfSigned identity;
  grpc::AsyncGenericService service;
  std::unique_ptr<grpc::ServerCompletionQueue> queue;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
  std::thread accepting;
  std::vector<std::thread> calls;  // of `accepting`

  std::mutex ending_mutex;  // guards `is_ending`: after that nobody asks for a call
  bool is_ending = false;

  mutable std::mutex mutex;  // guards all below
  TypedbContent content;
  struct Planted {
    std::size_t message;
    TypedbFault fault;
  };
  std::map<std::string, Planted> planted;
  std::map<std::string, std::size_t> messages;
};

// One call, on a thread of its own.
class TypedbServer::Call final : public TypedbCall {
 public:
  explicit Call(State& state) : state_(state) { context_.AsyncNotifyWhenDone(&done_); }
  ~Call() override {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  void ask_for() {
    state_.service.RequestCall(&context_, &stream_, &queue_, state_.queue.get(), this);
  }
  void run() {
    const std::string path = context_.method();
    method_ = path.substr(path.rfind('/') + 1);
    {
      const std::lock_guard lock(state_.mutex);
      state_.messages[method_] = 0;
    }
    TypedbStatus status;
    try {
      status = answer(path);
    } catch (const TypedbStatus& thrown) {
      status = thrown;
    } catch (const std::exception& broken) {
      status = {3, broken.what(), {}};
    }
    if (cancelled_) return wait_for_end();
    stream_.Finish(
        grpc::Status(static_cast<grpc::StatusCode>(status.code), status.message, status.details),
        this);
    static_cast<void>(wait());
  }

  void begin() override {
    stream_.SendInitialMetadata(this);
    static_cast<void>(wait());
  }
  [[nodiscard]] std::optional<std::string> read() override {
    for (;;) {
      grpc::ByteBuffer buffer;
      stream_.Read(&buffer, this);
      if (!wait()) return std::nullopt;
      if (next_fault() != TypedbFault::drop) return to_text(buffer);
    }
  }
  void write(std::string message) override {
    const TypedbFault fault = next_fault();
    if (fault == TypedbFault::drop) return;
    if (fault == TypedbFault::cut) message.resize(message.size() / 2);
    if (fault == TypedbFault::garbage)
      message = "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7fgarbage";
    send(message);
    if (fault == TypedbFault::twice) send(message);
  }
  [[nodiscard]] std::string token() const override {
    const auto& metadata = context_.client_metadata();
    const auto found = metadata.find("authorization");
    return found == metadata.end() ? std::string()
                                   : std::string(found->second.data(), found->second.size());
  }

 private:
  TypedbStatus answer(const std::string& path) {
    // Content is of one call at a time; but a call that waits for its client lets others in.
    return answer_typedb(path, *this, state_.content, state_.mutex);
  }
  bool wait() {
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
      if (tag != &done_) return ok;
      done_came_ = true;
    }
    return false;
  }
  void wait_for_end() {
    void* tag = nullptr;
    bool ok = false;
    while (!done_came_ && queue_.Next(&tag, &ok)) done_came_ = done_came_ || tag == &done_;
  }
  void send(const std::string& message) {
    const grpc::Slice slice(message);
    stream_.Write(grpc::ByteBuffer(&slice, 1), this);
    if (!wait()) {
      cancelled_ = true;
      throw TypedbStatus{1, "the client is gone", {}};
    }
  }
  // Of the message that comes now; does what can be done without it.
  TypedbFault next_fault() {
    TypedbFault fault = TypedbFault::none;
    {
      const std::lock_guard lock(state_.mutex);
      const std::size_t number = state_.messages[method_]++;
      const auto found = state_.planted.find(method_);
      if (found != state_.planted.end() && found->second.message == number)
        fault = found->second.fault;
    }
    switch (fault) {
      case TypedbFault::error:
        throw TypedbStatus{13, "planted", {}};
      case TypedbFault::end:
        throw TypedbStatus{};
      case TypedbFault::close:
        context_.TryCancel();
        cancelled_ = true;
        throw TypedbStatus{1, "closed", {}};
      case TypedbFault::stall:
        wait_for_end();
        cancelled_ = true;
        throw TypedbStatus{1, "stalled", {}};
      default:
        return fault;
    }
  }

  State& state_;
  grpc::CompletionQueue queue_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  std::string method_;
  int done_ = 0;  // its address is a tag
  bool done_came_ = false, cancelled_ = false;
};

TypedbServer::TypedbServer(TypedbServerOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->content.options = state_->options;
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  if (state_->options.tls) {
    state_->identity = make_self_signed("127.0.0.1");
    grpc::SslServerCredentialsOptions ssl;
    ssl.pem_key_cert_pairs.push_back({state_->identity.key, state_->identity.certificate});
    credentials = grpc::SslServerCredentials(ssl);
  }
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", credentials, &state_->port);
  builder.SetMaxReceiveMessageSize(-1);
  // The vendor's drivers ping their servers more often than gRPC's own C++ library likes.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.RegisterAsyncGenericService(&state_->service);
  state_->queue = builder.AddCompletionQueue();
  state_->server = builder.BuildAndStart();
  if (!state_->server) throw std::runtime_error("the stand-in does not start");
  state_->content.address = address();
  auto first = std::make_unique<Call>(*state_);
  first->ask_for();
  state_->accepting = std::thread([&state = *state_, waiting = std::move(first)]() mutable {
    void* tag = nullptr;
    bool ok = false;
    while (state.queue->Next(&tag, &ok)) {
      if (!ok) continue;
      auto next = std::make_unique<Call>(state);
      {
        const std::lock_guard lock(state.ending_mutex);
        if (!state.is_ending) next->ask_for();
      }
      state.calls.emplace_back([call = std::move(waiting)] { call->run(); });
      waiting = std::move(next);
    }
  });
}

TypedbServer::~TypedbServer() {
  {
    const std::lock_guard lock(state_->ending_mutex);
    state_->is_ending = true;
  }
  state_->server->Shutdown(std::chrono::system_clock::now());
  state_->queue->Shutdown();
  state_->accepting.join();
  for (std::thread& call : state_->calls) call.join();
}

std::string TypedbServer::address() const {
  return "127.0.0.1:" + std::to_string(state_->port);
}
const std::string& TypedbServer::certificate() const {
  return state_->identity.certificate;
}
void TypedbServer::put(const std::string& name, TypedbDatabase database) {
  const std::lock_guard lock(state_->mutex);
  state_->content.databases[name] = std::move(database);
}
std::map<std::string, TypedbDatabase> TypedbServer::databases() const {
  const std::lock_guard lock(state_->mutex);
  return state_->content.databases;
}
void TypedbServer::plant(std::string method, std::size_t message, TypedbFault fault) {
  const std::lock_guard lock(state_->mutex);
  state_->planted[std::move(method)] = {message, fault};
}
std::size_t TypedbServer::messages(const std::string& method) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->messages.find(method);
  return found == state_->messages.end() ? 0 : found->second;
}
void TypedbServer::forget_tokens() {
  const std::lock_guard lock(state_->mutex);
  state_->content.tokens.clear();
}
bool TypedbServer::has_session(const std::string& database) const {
  const std::lock_guard lock(state_->mutex);
  for (const auto& [id, name] : state_->content.sessions)
    if (name == database) return true;
  return false;
}
void TypedbServer::write(const std::string& database, bool is_writing) {
  const std::lock_guard lock(state_->mutex);
  if (is_writing) {
    state_->content.written.insert(database);
  } else {
    state_->content.written.erase(database);
  }
}
void TypedbServer::refuse_next(std::size_t count) {
  const std::lock_guard lock(state_->mutex);
  state_->content.refusals = count;
}

void TypedbServer::change_at_export(const std::string& database, std::string schema) {
  const std::lock_guard lock(state_->mutex);
  state_->content.changes[database] = std::move(schema);
}
std::size_t TypedbServer::pulses() const {
  const std::lock_guard lock(state_->mutex);
  return state_->content.pulses;
}

}  // namespace holdfast::test
