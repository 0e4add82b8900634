// SPDX-License-Identifier: Apache-2.0
// JDBC URLs, and the same places as our own URIs. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "model/finding.h"

namespace holdfast::profile::magnolia {

enum class JdbcKind : std::uint8_t {
  server,    // `uri` names a database of a server
  embedded,  // `path` names its directory or file on this machine
  memory,    // gone with the process
  unknown,   // a form that is not understood; `uri` is the URL without its passwords
};

// Something in a URL that changes where or how the driver connects, and that we do otherwise.
struct JdbcRemark {
  model::Severity severity = model::Severity::note;
  std::string seen, why, mend;
  // What [[database]] says for this to be settled: "user", "uri" or one of its options.
  std::vector<std::string> settled_by;
};

struct JdbcUrl {
  JdbcKind kind = JdbcKind::unknown;
  std::string engine;  // derby, h2, postgresql, mariadb, oracle, sqlserver; else the subprotocol
  // "postgresql://host:port/db", "mysql://host:port/schema", "derby:/dir", "h2:/path.mv.db",
  // "oracle://host:port/service", "sqlserver://host:port/db", "sqlserver://host/db?instance=NAME":
  // with the port unless an instance has it, so that equal places are equal texts. Never holds a
  // password. Empty for embedded ones whose path is relative.
  std::string uri;
  std::string path;  // embedded: as the URL has it, h2's with its suffix; may be relative
  std::string user;
  std::shared_ptr<const Secret> password;
  std::string schema;                          // where tables are looked for, if the URL says it
  std::map<std::string, std::string> options;  // of the engine: "tls", "tls_ca"
  std::string domain;                          // sqlserver: of the user, wherever that is named
  bool has_login = false;  // sqlserver: neither user nor password of the database's own log in
  std::vector<JdbcRemark> remarks;
};

// Errc::corrupt for what does not begin with "jdbc:" and for one with control characters; forms
// that are not understood are JdbcKind::unknown. Source: the manuals of pgJDBC, MySQL Connector/J,
// MariaDB Connector/J, Derby ("Database connection URL attributes"), H2 ("Database URL Overview"),
// Oracle JDBC and the Microsoft JDBC Driver.
[[nodiscard]] JdbcUrl parse_jdbc_url(std::string_view url);

// One of our URIs as parse_jdbc_url() writes it: without user, and without what is said of the way
// there, so that equal places are equal texts. Those of sockets and of files as they are.
[[nodiscard]] std::string plain_place(std::string uri);

}  // namespace holdfast::profile::magnolia
