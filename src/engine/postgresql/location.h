// SPDX-License-Identifier: Apache-2.0
// Where a database is, as the URI of an endpoint says it, and as libpq and its programs want it.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "model/endpoint.h"

namespace holdfast::engine::postgresql {

// `postgresql://[user@]host[:port]/database[?keyword=value&…]`, or `postgresql:///database?host=
// /socket/directory&port=5433`. The scheme may be `postgres`. Keywords are those of libpq that say
// where and how to connect (host, port, sslmode, sslrootcert, sslcert, sslkey, connect_timeout …).
struct Location {
  std::string component;  // for messages
  std::string host;       // name, address, socket directory; empty: libpq's default
  std::string port;       // empty: libpq's default
  std::string database;
  std::string user;                                             // empty: libpq's default
  std::vector<std::pair<std::string, std::string>> parameters;  // the other keywords
  std::shared_ptr<const Secret> password;                       // nullptr: none given

  // Options of the instance file.
  std::filesystem::path bin_dir;     // of pg_dump and the like; empty: looked for
  std::string maintenance_database;  // where databases are created from; default "postgres"

  // "database shop at db.example.org:5432": for messages.
  [[nodiscard]] std::string display() const;
  // Another database of the same server.
  [[nodiscard]] Location with_database(std::string name) const;
  // The connection string without password: `dbname='shop' host='…' …`.
  [[nodiscard]] std::string conninfo() const;
  // The same place as a URI, without password and without user: for endpoints.
  [[nodiscard]] std::string uri() const;
};

// Errc::usage naming what is wrong: scheme, no database, a password in the URI, an unknown keyword
// or option, two users.
[[nodiscard]] Location location_of(const model::Endpoint& endpoint);

}  // namespace holdfast::engine::postgresql
