// SPDX-License-Identifier: Apache-2.0
// A server of HTTPS: connections, threads, limits and patience. It knows nothing of S3.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/secret.h"
#include "engine/sqlserver/receiver/s3_request.h"

namespace holdfast::engine::sqlserver {

struct HttpReply {
  unsigned status = 200;
  S3Fields headers;
  std::string body;
  // Instead of a body, bytes that are fetched as they are sent: fills `into` from there, of
  // `stream_bytes` in all. What it throws breaks the connection off.
  std::function<void(std::uint64_t offset_bytes, std::span<std::byte> into)> stream;
  std::uint64_t stream_bytes = 0;
};

// One request, on one thread. It throws nothing.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;
  // Whether the head alone has decided the reply, so that the body need not come.
  [[nodiscard]] virtual bool is_decided() const noexcept = 0;
  // The next bytes of the body. It may wait as long as it needs to: meanwhile nothing is read, and
  // nobody is taken for silent.
  virtual void take(ByteView body) noexcept = 0;
  // Once, when the body is there, or was not waited for.
  [[nodiscard]] virtual HttpReply reply() noexcept = 0;

 protected:
  HttpExchange() = default;
};

class HttpServer {
 public:
  struct Options {
    unsigned port = 0;  // 0: a free one
    std::string certificate;
    Secret key;                     // both PEM
    unsigned connections_max = 64;  // each has a thread
    // Between two signs of life of a client, and for the head of a request.
    std::chrono::seconds silence_max{60};
  };
  // On any thread, several at once.
  using Begin = std::function<std::unique_ptr<HttpExchange>(S3Head head)>;

  // Listens at all addresses of this machine. Errc::unavailable if the port is taken, Errc::corrupt
  // if certificate and key are none or do not belong together.
  HttpServer(Options options, Begin begin);
  // Ends all connections, once no exchange waits any more.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  [[nodiscard]] unsigned port() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::engine::sqlserver
