// SPDX-License-Identifier: Apache-2.0
// Where a schema of a MariaDB or MySQL server is, as an endpoint says it. Pure; connects to
// nothing.
#pragma once

#include <cstdint>
#include <string>

#include "model/endpoint.h"

namespace holdfast::engine::mariadb {

enum class Tls : std::uint8_t { preferred, off, required, verified };
// What to do with tables whose engine knows no transactions.
enum class NonTransactional : std::uint8_t { lock, refuse };

struct Location {
  std::string host;  // empty: a socket
  unsigned port = 3306;
  std::string socket;  // empty: a host
  std::string schema;
  std::string user;
  Tls tls = Tls::preferred;
  std::string tls_ca;
  NonTransactional non_transactional = NonTransactional::lock;
  bool restores_grants = false;
  std::string definer;  // empty: kept; else "name@host", or "current" for whoever loads

  // "shop on db1:3306", for messages.
  [[nodiscard]] std::string display() const;
};

// `mysql://[user@]host[:port]/schema`, or `mysql:///schema?socket=/path`; `mariadb:` is the same.
// Errc::usage naming what is wrong.
[[nodiscard]] Location location_of(const model::Endpoint& endpoint);
// The URI of another schema of the same server.
[[nodiscard]] std::string uri_of(const Location& location, std::string_view schema);

}  // namespace holdfast::engine::mariadb
