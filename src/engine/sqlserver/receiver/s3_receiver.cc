// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/receiver/s3_receiver.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "engine/sqlserver/receiver/s3_exchange.h"
#include "engine/sqlserver/receiver/s3_http.h"
#include "engine/sqlserver/receiver/s3_offers.h"
#include "engine/sqlserver/receiver/s3_pieces.h"
#include "engine/sqlserver/receiver/s3_signature.h"
#include "engine/sqlserver/receiver/s3_uploads.h"

namespace holdfast::engine::sqlserver {

namespace {

constexpr std::size_t url_characters_max = 254;  // that SQL Server takes
constexpr std::size_t access_key_characters = 20, secret_characters = 40;
constexpr std::string_view bucket_prefix = "holdfast-";
constexpr std::size_t bucket_characters = 10;
constexpr std::string_view lower_alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

// Each character as likely as any other.
std::string random_text(std::string_view characters, std::size_t size) {
  std::string result;
  while (result.size() < size) {
    std::array<std::byte, 64> bytes;
    fill_random(bytes);
    for (const std::byte each : bytes) {
      const auto value = std::to_integer<std::size_t>(each);
      if (value < 256 / characters.size() * characters.size() && result.size() < size) {
        result += characters[value % characters.size()];
      }
    }
  }
  return result;
}

// The host as it stands in URLs, and the port.
std::pair<std::string, unsigned> split_address(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const auto port = colon == std::string::npos
                        ? std::nullopt
                        : s3_number(std::string_view(address).substr(colon + 1), 65535);
  const std::string host = address.substr(0, std::min(colon, address.size()));
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!port || host.empty() || host.find_first_of("/ @?#") != std::string::npos ||
      (!is_bracketed && host.find_first_of(":[]") != std::string::npos)) {
    throw Error(Errc::usage, "the receiver's address " + address + " is none")
        .set_hint("It is host:port, as SQL Server finds this machine: backup.example:9443.");
  }
  return {host, static_cast<unsigned>(*port)};
}

void check_name(const std::string& name) {
  check_rule(
      !name.empty() && name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                              "0123456789-._") == std::string::npos,
      "the name of a backup is of letters, digits and -._");
}

}  // namespace

struct S3Receiver::State {
  State(const Options& options, std::stop_token stop_token)
      : pieces(options.memory_bytes_max, options.scratch_directory),
        uploads(pieces),
        store{"", {}, uploads, offers, pieces, {}},
        stop(std::move(stop_token), [this] { close(); }) {}
  void close() noexcept {
    store.is_closed = true;
    pieces.close();
    uploads.close();
  }

  std::string host;
  S3Pieces pieces;
  S3Uploads uploads;
  S3Offers offers;
  S3Store store;
  std::unique_ptr<HttpServer> server;
  std::stop_callback<std::function<void()>> stop;
};

S3Receiver::S3Receiver(const Options& options, std::stop_token stop) {
  const auto [host, port] = split_address(options.address);
  HttpServer::Options http;
  http.port = port;
  http.certificate = read_text_file(options.certificate, std::size_t{1} << 20U);
  http.key = Secret(read_text_file(options.key, std::size_t{1} << 20U));
  http.connections_max = options.connections_max;
  http.silence_max = options.silence_max;
  state_ = std::make_unique<State>(options, std::move(stop));
  state_->host = host;
  S3Store& store = state_->store;
  store.bucket = std::string(bucket_prefix) + random_text(lower_alphabet, bucket_characters);
  store.key.access_key = random_text(alphabet, access_key_characters);
  store.key.secret = Secret(random_text(alphabet, secret_characters));
  state_->server = std::make_unique<HttpServer>(
      std::move(http), [&store](S3Head head) { return make_exchange(store, std::move(head)); });
}

S3Receiver::~S3Receiver() {
  state_->close();
  state_->server.reset();
}

std::string S3Receiver::credential_name() const {
  return "s3://" + state_->host + ":" + std::to_string(port()) + "/" + state_->store.bucket;
}

Secret S3Receiver::credential_secret() const {
  return Secret(state_->store.key.access_key + ":" +
                std::string(state_->store.key.secret.reveal()));
}

std::string S3Receiver::url(std::string_view name) const {
  std::string made = credential_name() + "/" + std::string(name);
  if (made.size() > url_characters_max) {
    throw Error(Errc::usage, "SQL Server takes no URL of more than " +
                                 std::to_string(url_characters_max) + " characters: " + made);
  }
  return made;
}

unsigned S3Receiver::port() const noexcept {
  return state_->server->port();
}

void S3Receiver::expect(const std::string& name, ByteSink& sink) {
  check_name(name);
  check_rule(!state_->offers.find(name), "a name is expected or offered");
  state_->uploads.expect(name, sink);
}

S3Receiver::Received S3Receiver::finish(std::string_view name) {
  return state_->uploads.finish(name);
}

void S3Receiver::raise_failure(std::string_view name) const {
  state_->uploads.raise_failure(name);
  state_->offers.raise_failure(name);
}

void S3Receiver::offer(const std::string& name, model::RandomSource& source) {
  check_name(name);
  check_rule(!state_->uploads.is_expected(name), "a name is expected or offered");
  state_->offers.offer(name, source);
}

void S3Receiver::withdraw(std::string_view name) noexcept {
  state_->uploads.withdraw(name);
  state_->offers.withdraw(name);
}

}  // namespace holdfast::engine::sqlserver
