// SPDX-License-Identifier: Apache-2.0
// HTTPS by libmicrohttpd, with a thread for each connection: one may wait for the sink while others
// are served, and what waits does not read, so that TCP keeps the client from sending.
//
// Source: GNU libmicrohttpd manual 0.9.75 ("Flow control"; MHD_set_connection_option: a timeout of
// 0 that is set to another begins anew).
#include "engine/sqlserver/receiver/s3_http.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/ascii.h"
#include "base/c_handle.h"
#include "base/error.h"
#include "base/fd.h"

namespace holdfast::engine::sqlserver {

namespace {

using Clock = std::chrono::steady_clock;

// Of the head of a request and of what is read and written at once.
constexpr std::size_t connection_memory_bytes = std::size_t{128} << 10U;
constexpr std::size_t stream_block_bytes = std::size_t{1} << 20U;
// What is read of a body that nobody wants, so that a client that asked nothing hears the answer.
constexpr std::uint64_t unwanted_bytes_max = std::uint64_t{64} << 20U;
// Who sends less than this in the mean, after the first silence_max, counts as silent.
constexpr std::uint64_t slowest_bytes_per_second = 4096;
// No TLS before 1.2.
constexpr const char* tls_priorities = "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1";

Fd listening_socket(unsigned port) {
  const auto prepared = [port](int family, const sockaddr* address, socklen_t size) {
    Fd made(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!made) return made;
    const int on = 1, off = 0;
    ::setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6) {
      ::setsockopt(made.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (::bind(made.get(), address, size) == 0 && ::listen(made.get(), SOMAXCONN) == 0) return made;
    const int number = errno;
    if (number == EADDRINUSE) {
      throw Error(Errc::unavailable, "port " + std::to_string(port) +
                                         " for the receiver of backups is taken by another program")
          .set_hint("Name a free port in the endpoint's option receiver.");
    }
    if (family == AF_INET) {
      throw system_error(number, "cannot listen at port " + std::to_string(port));
    }
    return Fd();
  };
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(static_cast<std::uint16_t>(port));
  Fd made = prepared(AF_INET6, reinterpret_cast<const sockaddr*>(&six), sizeof six);
  if (made) return made;
  sockaddr_in four{};  // a machine without IPv6
  four.sin_family = AF_INET;
  four.sin_port = htons(static_cast<std::uint16_t>(port));
  made = prepared(AF_INET, reinterpret_cast<const sockaddr*>(&four), sizeof four);
  if (!made) throw system_error(errno, "cannot make a socket for the receiver of backups");
  return made;
}

unsigned port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw system_error(errno, "cannot tell the port of a socket");
  }
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

// While it lives, the client is not taken for silent: it waits for us.
class OurTurn {
 public:
  OurTurn(MHD_Connection* connection, std::chrono::seconds silence_max)
      : connection_(connection), silence_max_(silence_max) {
    MHD_set_connection_option(connection_, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
  }
  ~OurTurn() {
    MHD_set_connection_option(connection_, MHD_CONNECTION_OPTION_TIMEOUT,
                              static_cast<unsigned>(silence_max_.count()));
  }
  OurTurn(const OurTurn&) = delete;
  OurTurn& operator=(const OurTurn&) = delete;

 private:
  MHD_Connection* connection_;
  std::chrono::seconds silence_max_;
};

// What libmicrohttpd keeps for us with a request.
struct Request {
  std::string target;
  std::unique_ptr<HttpExchange> exchange;  // from the end of its head on
  bool is_replied = false;
  std::uint64_t body_bytes = 0;
  Clock::time_point begun;
  Clock::duration waited{0};  // of our own doing
};

MHD_Result add_header(void* closure, MHD_ValueKind /*kind*/, const char* key, const char* value) {
  auto& head = *static_cast<S3Head*>(closure);
  head.headers.emplace_back(ascii_lower(std::string_view(key)), value == nullptr ? "" : value);
  return MHD_YES;
}

}  // namespace

struct HttpServer::State {
  Begin begin;
  std::chrono::seconds silence_max;
  Secret key;
  std::string certificate;
  unsigned port = 0;
  std::mutex mutex;  // guards all to `daemon`
  std::condition_variable_any changed;
  // Connections whose next head is awaited, since when.
  std::map<MHD_Connection*, std::pair<int, Clock::time_point>> awaited;
  std::string complaint;  // of the library, about its start
  MHD_Daemon* daemon = nullptr;
  std::jthread watch;  // ends who dawdles with a head

  void await_head(MHD_Connection* connection) {
    const auto* const info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const std::lock_guard lock(mutex);
    if (info != nullptr) awaited[connection] = {info->connect_fd, Clock::now()};
  }
  void forget(MHD_Connection* connection) {
    const std::lock_guard lock(mutex);
    awaited.erase(connection);
  }
  void watch_heads(const std::stop_token& stop);
  MHD_Result handle(MHD_Connection* connection, const char* method, const char* data,
                    std::size_t* size, Request& request);
  MHD_Result take(MHD_Connection* connection, ByteView body, Request& request);
  MHD_Result send(MHD_Connection* connection, Request& request);
};

void HttpServer::State::watch_heads(const std::stop_token& stop) {
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const Clock::time_point now = Clock::now();
    for (const auto& [connection, each] : awaited) {
      // The library sees the end of the connection and closes it.
      if (now - each.second > silence_max) ::shutdown(each.first, SHUT_RDWR);
    }
    changed.wait_for(lock, stop, std::chrono::milliseconds(500), [] { return false; });
  }
}

MHD_Result HttpServer::State::take(MHD_Connection* connection, ByteView body, Request& request) {
  const Clock::time_point now = Clock::now();
  request.body_bytes += body.size();
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now - request.begun - request.waited);
  if (seconds > silence_max &&
      request.body_bytes <
          slowest_bytes_per_second * static_cast<std::uint64_t>((seconds - silence_max).count())) {
    return MHD_NO;
  }
  if (request.exchange->is_decided() && request.body_bytes > unwanted_bytes_max) return MHD_NO;
  {
    const OurTurn ours(connection, silence_max);
    request.exchange->take(body);
  }
  request.waited += Clock::now() - now;
  return MHD_YES;
}

MHD_Result HttpServer::State::handle(MHD_Connection* connection, const char* method,
                                     const char* data, std::size_t* size, Request& request) {
  if (request.is_replied) return MHD_YES;
  if (!request.exchange) {
    forget(connection);
    S3Head head;
    head.method = method;
    head.target = std::move(request.target);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, &add_header, &head);
    const std::string* const expects = head.header("expect");
    const bool asks_first = expects != nullptr && equal_but_for_case(*expects, "100-continue");
    request.begun = Clock::now();
    request.exchange = begin(std::move(head));
    if (request.exchange->is_decided() && asks_first) return send(connection, request);
    return MHD_YES;
  }
  if (*size == 0) return send(connection, request);
  const ByteView body(reinterpret_cast<const std::byte*>(data), *size);
  *size = 0;
  return take(connection, body, request);
}

namespace {

// Of the library's answer: what its bytes come from.
struct Stream {
  std::function<void(std::uint64_t, std::span<std::byte>)> read;
  std::uint64_t size_bytes = 0;
  MHD_Connection* connection = nullptr;
  std::chrono::seconds silence_max{};
};

ssize_t read_stream(void* closure, std::uint64_t at, char* into, std::size_t most) {
  auto& stream = *static_cast<Stream*>(closure);
  if (at >= stream.size_bytes) return MHD_CONTENT_READER_END_OF_STREAM;
  const auto count =
      static_cast<std::size_t>(std::min<std::uint64_t>(most, stream.size_bytes - at));
  const OurTurn ours(stream.connection, stream.silence_max);
  try {
    stream.read(at, std::span(reinterpret_cast<std::byte*>(into), count));
  } catch (...) {  // the client sees the connection break; who offers the bytes has been told
    return MHD_CONTENT_READER_END_WITH_ERROR;
  }
  return static_cast<ssize_t>(count);
}

void free_stream(void* closure) {
  delete static_cast<Stream*>(closure);
}

}  // namespace

MHD_Result HttpServer::State::send(MHD_Connection* connection, Request& request) {
  HttpReply reply;
  {
    const OurTurn ours(connection, silence_max);
    reply = request.exchange->reply();
  }
  request.is_replied = true;
  using Response = CHandle<MHD_Response, MHD_destroy_response>;
  Response response;
  if (reply.stream) {
    auto stream = std::make_unique<Stream>(
        Stream{std::move(reply.stream), reply.stream_bytes, connection, silence_max});
    response.reset(MHD_create_response_from_callback(reply.stream_bytes, stream_block_bytes,
                                                     &read_stream, stream.get(), &free_stream));
    if (response) static_cast<void>(stream.release());
  } else {
    response.reset(MHD_create_response_from_buffer(reply.body.size(), reply.body.data(),
                                                   MHD_RESPMEM_MUST_COPY));
  }
  if (!response) return MHD_NO;
  for (const auto& [name, value] : reply.headers) {
    MHD_add_response_header(response.get(), name.c_str(), value.c_str());
  }
  return MHD_queue_response(connection, reply.status, response.get());
}

namespace {

// The library's callbacks. Nothing may be thrown through it.
void* note_target(void* /*closure*/, const char* target, MHD_Connection* /*connection*/) {
  auto request = std::make_unique<Request>();
  request->target = target;
  return request.release();
}

}  // namespace

HttpServer::HttpServer(Options options, Begin begin) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.begin = std::move(begin);
  state.silence_max = options.silence_max;
  state.key = std::move(options.key);
  state.certificate = std::move(options.certificate);
  Fd socket = listening_socket(options.port);
  state.port = port_of(socket.get());

  const auto log = [](void* closure, const char* format, va_list arguments) {
    char text[256];
    const int size = std::vsnprintf(text, sizeof text, format, arguments);
    auto& self = *static_cast<State*>(closure);
    const std::lock_guard lock(self.mutex);
    if (size > 0 && self.daemon == nullptr && self.complaint.empty()) self.complaint = text;
  };
  const auto handle = [](void* closure, MHD_Connection* connection, const char* /*url*/,
                         const char* method, const char* /*version*/, const char* data,
                         std::size_t* size, void** context) -> MHD_Result {
    try {
      return static_cast<State*>(closure)->handle(connection, method, data, size,
                                                  *static_cast<Request*>(*context));
    } catch (...) {  // out of memory: this connection ends
      return MHD_NO;
    }
  };
  const auto completed = [](void* closure, MHD_Connection* connection, void** context,
                            MHD_RequestTerminationCode /*how*/) {
    delete static_cast<Request*>(*context);
    *context = nullptr;
    static_cast<State*>(closure)->await_head(connection);
  };
  const auto connected = [](void* closure, MHD_Connection* connection, void** /*context*/,
                            MHD_ConnectionNotificationCode what) {
    auto& self = *static_cast<State*>(closure);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) self.await_head(connection);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) self.forget(connection);
  };
  const MHD_LogCallback on_log = log;
  const MHD_AccessHandlerCallback on_request = handle;
  const MHD_RequestCompletedCallback on_completed = completed;
  const MHD_NotifyConnectionCallback on_connection = connected;
  // A Secret's text ends with a zero, as that of every string does.
  MHD_Daemon* const daemon = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC |
          MHD_USE_TLS | MHD_USE_ERROR_LOG,
      static_cast<std::uint16_t>(state.port), nullptr, nullptr, on_request, &state,
      MHD_OPTION_EXTERNAL_LOGGER, on_log, &state, MHD_OPTION_LISTEN_SOCKET, socket.get(),
      MHD_OPTION_HTTPS_MEM_KEY, state.key.reveal().data(), MHD_OPTION_HTTPS_MEM_CERT,
      state.certificate.c_str(), MHD_OPTION_HTTPS_PRIORITIES, tls_priorities,
      MHD_OPTION_CONNECTION_LIMIT, options.connections_max, MHD_OPTION_CONNECTION_TIMEOUT,
      static_cast<unsigned>(state.silence_max.count()), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      connection_memory_bytes, MHD_OPTION_URI_LOG_CALLBACK, &note_target, nullptr,
      MHD_OPTION_NOTIFY_COMPLETED, on_completed, &state, MHD_OPTION_NOTIFY_CONNECTION,
      on_connection, &state, MHD_OPTION_END);
  if (daemon == nullptr) {
    const std::lock_guard lock(state.mutex);
    std::string why = state.complaint;
    while (!why.empty() && (why.back() == '\n' || why.back() == '.')) why.pop_back();
    throw Error(Errc::corrupt, "cannot serve HTTPS with the receiver's certificate and key: " + why)
        .set_hint("Both are PEM files, the key without a password, and belong together.");
  }
  static_cast<void>(socket.release());  // the library closes it
  {
    const std::lock_guard lock(state.mutex);
    state.daemon = daemon;
  }
  state.watch = std::jthread([&state](const std::stop_token& stop) { state.watch_heads(stop); });
}

HttpServer::~HttpServer() {
  state_->watch = {};
  MHD_stop_daemon(state_->daemon);
}

unsigned HttpServer::port() const noexcept {
  return state_->port;
}

}  // namespace holdfast::engine::sqlserver
