// SPDX-License-Identifier: Apache-2.0
// Where a database of a SQL Server is, as an endpoint says it. Pure; connects to nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "model/endpoint.h"

namespace holdfast::engine::sqlserver {

// How a database is copied: by the server's own BACKUP, or row by row.
enum class Method : std::uint8_t { automatic, physical, logical };
[[nodiscard]] std::string_view method_name(
    Method method) noexcept;  // "auto", "physical", "logical"

// `verified`: the server's certificate must be of a known authority and of its name.
enum class Tls : std::uint8_t { verified, required, off };

// What gives readers one moment of all tables: a database snapshot, or one session under SNAPSHOT
// isolation.
enum class Isolation : std::uint8_t { automatic, database_snapshot, session };

struct Location {
  std::string host;
  unsigned port = 1433;
  std::string instance;  // asked for at the server's browser; empty: the port is known
  std::string database;
  std::string user;    // "holdfast", or "DOMAIN\\holdfast"; empty: a ticket of Kerberos
  std::string driver;  // of ODBC: its name or the path of its library; empty: FreeTDS's
  Tls tls = Tls::verified;
  std::string tls_ca;  // a file of authorities; empty: the system's
  Method method = Method::automatic;
  Isolation isolation = Isolation::automatic;
  std::string backup_directory;              // of the server, in its words; empty: none
  std::filesystem::path exchange_directory;  // where we see what is in it; empty: nowhere
  // Where the server finds us when it writes to an s3:// address: "backup.example:9443", and what
  // we show it there. Empty: nowhere.
  std::string receiver;
  std::filesystem::path receiver_certificate, receiver_key;
  // Whether the server compresses its backups. What it does not is deduplicated and compressed
  // here.
  bool compress = false;
  std::string data_directory, log_directory;  // of restored files; empty: as the server has it

  // "shop at db1:1433", for messages.
  [[nodiscard]] std::string display() const;
  // The same for every database of one server.
  [[nodiscard]] std::string server() const;
};

// `sqlserver://[user@]host[:port]/database[?instance=NAME]`. Errc::usage naming what is wrong.
[[nodiscard]] Location location_of(const model::Endpoint& endpoint);
// The URI of another database of the same server.
[[nodiscard]] std::string uri_of(const Location& location, std::string_view database);

}  // namespace holdfast::engine::sqlserver
