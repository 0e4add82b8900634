// SPDX-License-Identifier: Apache-2.0
// Where the database of an endpoint is, a directory or on a server, and how it is to be copied.
// Touches no file but to resolve links, and connects to nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "model/endpoint.h"

namespace holdfast::engine::typedb {

enum class Method : std::uint8_t {
  any,   // cold while no server has it open, else hot
  cold,  // only while no server has it open
  hot,   // beside a server
};

struct Location {
  std::filesystem::path database;        // its directory; the last name is the database's
  std::filesystem::path data_directory;  // of the server: where that lies
  std::filesystem::path home;            // option `home`: of the distribution; empty: not told
  std::string release;                   // option `release`: of the server; empty: not told
  Method method = Method::any;           // option `method`: "auto", "cold", "hot"

  [[nodiscard]] std::string name() const { return database.filename().native(); }
};

// "typedb:/data/directory/name" or "/data/directory/name". Errc::usage for anything else, for
// unknown options, and for what is never a database of somebody's: `_import`, where a server keeps
// what it has not finished.
[[nodiscard]] Location location_of(const model::Endpoint& endpoint);

// Of TypeDB's own protocol, in every release.
inline constexpr std::uint16_t default_port = 1729;

// A database that is asked of its server.
struct ServerLocation {
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = default_port;
  std::string database;
  std::string user;               // of 3.x; 2.x has none
  bool tls = false;               // option `tls`: "off" or "verified"
  std::filesystem::path tls_ca;   // option `tls_ca`: PEM; empty: the system's
  std::string release;            // option `release`: 2.x, and 3.x before 3.11, do not tell it
  std::filesystem::path program;  // option `program`, for 2.x: the vendor's; empty: not told
  // Option `exchange_directory`, for 2.x: the server and we see it under the same path; empty:
  // pipes in a scratch directory, where the server is on this host.
  std::filesystem::path exchange_directory;

  // "db.example.org:1729", "[::1]:1729".
  [[nodiscard]] std::string address() const;
  // "database shop at db.example.org:1729": for messages.
  [[nodiscard]] std::string display() const;
};

// Whether the database is asked of a server, and not a directory: "typedb://host…", but not
// "typedb:///…".
[[nodiscard]] bool names_server(const model::Endpoint& endpoint) noexcept;
// "typedb://[user@]host[:port]/name", an IPv6 address in brackets. Errc::usage naming what is
// wrong: a password in the URI, two users, unknown options, or a name that begins with `_`, which
// are the server's own.
[[nodiscard]] ServerLocation server_location_of(const model::Endpoint& endpoint);

// Users and their passwords: it goes with a whole instance, never alone, and to no other name.
inline constexpr std::string_view system_database = "_system";
inline constexpr std::string_view import_directory = "_import";

}  // namespace holdfast::engine::typedb
