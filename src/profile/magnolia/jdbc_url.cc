// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/jdbc_url.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/error.h"
#include "base/uri.h"
#include "profile/magnolia/jdbc_parts.h"
#include "profile/magnolia/jdbc_sqlserver.h"

namespace holdfast::profile::magnolia {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;  // names as written

Parameters parameters_of(std::string_view text, char separator) {
  Parameters parameters;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view one = text.substr(0, end);
    const std::size_t equals = std::min(one.find('='), one.size());
    if (!one.empty()) {
      parameters.emplace_back(one.substr(0, equals),
                              equals < one.size() ? one.substr(equals + 1) : std::string_view());
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parameters;
}

// The value of a parameter, its name in any case; nothing if it is not there.
std::optional<std::string> value_of(const Parameters& parameters, std::string_view name) {
  for (const auto& [key, value] : parameters) {
    if (ascii_lower(key) == ascii_lower(name)) return value;
  }
  return std::nullopt;
}

void take_account(JdbcUrl& url, std::string_view user, std::string_view password) {
  if (!user.empty()) url.user = user;
  if (!password.empty()) url.password = std::make_shared<const Secret>(std::string(password));
}

void read_postgresql(std::string_view rest, JdbcUrl& url) {
  url.engine = "postgresql";
  const std::size_t mark = std::min(rest.find('?'), rest.size());
  const Parameters parameters =
      parameters_of(mark < rest.size() ? rest.substr(mark + 1) : std::string_view(), '&');
  rest = rest.substr(0, mark);
  std::string_view authority;
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    authority = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  } else if (rest.starts_with('/')) {
    rest.remove_prefix(1);
  }
  const auto place = place_of(authority, "5432");
  const auto database = decoded(rest);
  const auto user = decoded(value_of(parameters, "user").value_or(""));
  const auto password = decoded(value_of(parameters, "password").value_or(""));
  if (user && password) take_account(url, *user, *password);
  // Without a name the driver takes the user's.
  const std::string name = database && database->empty() ? url.user : database.value_or("");
  if (!place || name.empty()) return;
  url.schema = decoded(value_of(parameters, "currentSchema").value_or("")).value_or("");
  url.uri = "postgresql://" + place->host + ":" + place->port + "/" + escaped(name);
  char joint = '?';
  for (const char* kept : {"sslmode", "sslrootcert", "sslcert"}) {
    auto value = value_of(parameters, kept);
    if (!value && kept == std::string_view("sslmode")) {
      const auto ssl = value_of(parameters, "ssl");
      if (ssl && ascii_lower(*ssl) != "false") value = "verify-full";
    }
    if (!value || value->empty()) continue;
    url.uri += joint + std::string(kept) + "=" + escaped(decoded(*value).value_or(""));
    joint = '&';
  }
  url.kind = JdbcKind::server;
}

void read_mysql_tls(const Parameters& parameters, JdbcUrl& url) {
  const std::string mode = ascii_lower(value_of(parameters, "sslMode").value_or(""));
  const std::string old = ascii_lower(value_of(parameters, "useSSL").value_or(""));
  if (mode == "disabled" || mode == "disable") {
    url.options["tls"] = "off";
  } else if (mode == "required" || mode == "trust") {
    url.options["tls"] = "required";
  } else if (mode.starts_with("verify")) {
    url.options["tls"] = "verified";
  } else if (mode.empty() && old == "false") {
    url.options["tls"] = "off";
  }
  const auto authority = value_of(parameters, "serverSslCert");
  if (authority && authority->starts_with('/')) url.options["tls_ca"] = *authority;
}

void read_mysql(std::string_view rest, JdbcUrl& url) {
  url.engine = "mariadb";
  if (!rest.starts_with("//")) return;  // loadbalance:, replication: and the like: many servers
  rest.remove_prefix(2);
  const std::size_t mark = std::min(rest.find('?'), rest.size());
  const Parameters parameters =
      parameters_of(mark < rest.size() ? rest.substr(mark + 1) : std::string_view(), '&');
  rest = rest.substr(0, mark);
  const std::size_t slash = rest.rfind('/');
  std::string_view authority = rest.substr(0, std::min(slash, rest.size()));
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view account = authority.substr(0, at);
    const std::size_t colon = std::min(account.find(':'), account.size());
    take_account(url, decoded(account.substr(0, colon)).value_or(""),
                 decoded(account.substr(std::min(colon + 1, account.size()))).value_or(""));
    authority.remove_prefix(at + 1);
  }
  const auto user = decoded(value_of(parameters, "user").value_or(""));
  const auto password = decoded(value_of(parameters, "password").value_or(""));
  if (user && password) take_account(url, *user, *password);
  const auto place = place_of(authority, "3306");
  const auto schema = decoded(slash < rest.size() ? rest.substr(slash + 1) : std::string_view());
  if (!place || !schema || schema->empty()) return;
  const auto socket = value_of(parameters, "localSocket");
  if (socket && socket->starts_with('/')) {
    url.uri = "mysql:///" + escaped(*schema) + "?socket=" + escaped(*socket);
  } else {
    url.uri = "mysql://" + place->host + ":" + place->port + "/" + escaped(*schema);
  }
  read_mysql_tls(parameters, url);
  url.kind = JdbcKind::server;
}

void read_derby(std::string_view rest, JdbcUrl& url) {
  url.engine = "derby";
  const std::size_t semicolon = std::min(rest.find(';'), rest.size());
  const Parameters parameters = parameters_of(rest.substr(semicolon), ';');
  std::string_view path = rest.substr(0, semicolon);
  take_account(url, value_of(parameters, "user").value_or(""),
               value_of(parameters, "password").value_or(""));
  if (path.starts_with("memory:")) {
    url.kind = JdbcKind::memory;
    return;
  }
  // The network client, and databases in jars or on the class path, which are read-only.
  if (path.starts_with("//") || path.starts_with("jar:") || path.starts_with("classpath:")) return;
  if (path.starts_with("directory:")) path.remove_prefix(10);
  if (path.empty()) return;
  url.kind = JdbcKind::embedded;
  url.path = path;
  if (url.path.starts_with('/')) url.uri = "derby:" + url.path;
}

void read_h2(std::string_view rest, JdbcUrl& url) {
  url.engine = "h2";
  const std::size_t semicolon = std::min(rest.find(';'), rest.size());
  const Parameters parameters = parameters_of(rest.substr(semicolon), ';');
  std::string_view path = rest.substr(0, semicolon);
  take_account(url, value_of(parameters, "user").value_or(""),
               value_of(parameters, "password").value_or(""));
  url.schema = value_of(parameters, "schema").value_or("");
  if (path.starts_with("mem:")) {
    url.kind = JdbcKind::memory;
    return;
  }
  for (const std::string_view prefix : {"file:", "nio:", "nioMapped:", "async:"}) {
    if (path.starts_with(prefix)) path.remove_prefix(prefix.size());
  }
  const std::size_t colon = path.find(':');
  if (path.empty() || (colon != std::string_view::npos && path.find('/') > colon)) return;
  const bool has_old_store =
      ascii_lower(value_of(parameters, "mv_store").value_or("true")) == "false";
  url.kind = JdbcKind::embedded;
  url.path = std::string(path) + (has_old_store ? ".h2.db" : ".mv.db");
  if (url.path.starts_with('/')) url.uri = "h2:" + url.path;
}

void read_oracle(std::string_view rest, JdbcUrl& url) {
  url.engine = "oracle";
  for (const std::string_view driver : {"thin:", "oci:", "oci8:"}) {
    if (rest.starts_with(driver)) rest.remove_prefix(driver.size());
  }
  const std::size_t at = rest.rfind('@');
  if (at == std::string_view::npos) return;
  const std::string_view account = rest.substr(0, at);
  const std::size_t slash = std::min(account.find('/'), account.size());
  take_account(url, account.substr(0, slash), account.substr(std::min(slash + 1, account.size())));
  rest.remove_prefix(at + 1);
  rest = rest.substr(0, rest.find('?'));
  if (rest.starts_with("//")) rest.remove_prefix(2);
  // host:port/service or host:port:sid
  std::size_t end = rest.find('/');
  if (end == std::string_view::npos) {
    end = rest.rfind(':');
    if (end == std::string_view::npos || rest.find(':') == end) return;
  }
  const auto place = place_of(rest.substr(0, end), "1521");
  if (!place || end + 1 >= rest.size()) return;
  url.uri = "oracle://" + place->host + ":" + place->port + "/" + escaped(rest.substr(end + 1));
  url.kind = JdbcKind::server;
}

}  // namespace

JdbcUrl parse_jdbc_url(std::string_view text) {
  if (!ascii_lower(text.substr(0, 5)).starts_with("jdbc:"))
    throw Error(Errc::corrupt, "no JDBC URL: " + redacted_sqlserver(text).substr(0, 200));
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    throw Error(Errc::corrupt, "a JDBC URL with control characters");
  std::string_view rest = text.substr(5);
  const std::size_t colon = std::min(rest.find(':'), rest.size());
  const std::string protocol = ascii_lower(rest.substr(0, colon));
  const std::string_view whole = rest;
  rest.remove_prefix(std::min(colon + 1, rest.size()));
  JdbcUrl url;
  url.engine = protocol;
  if (protocol == "postgresql" || protocol == "pgsql") {
    read_postgresql(rest, url);
  } else if (protocol == "mysql" || protocol == "mariadb") {
    read_mysql(rest, url);
  } else if (protocol == "derby") {
    read_derby(rest, url);
  } else if (protocol == "h2") {
    read_h2(rest, url);
  } else if (protocol == "oracle") {
    read_oracle(rest, url);
  } else if (protocol == "sqlserver") {
    read_sqlserver(text, url);
  } else if (protocol == "jtds" && rest.starts_with("sqlserver:")) {
    read_sqlserver(text, url);
  }
  if (url.kind == JdbcKind::unknown) {
    // Oracle's account stands in front of the `@` in a form of its own.
    const std::size_t at = protocol == "oracle" ? whole.rfind('@') : std::string_view::npos;
    url.uri = at == std::string_view::npos ? redacted_sqlserver(text).substr(5)
                                           : "oracle:" + redacted_uri(whole.substr(at));
  }
  return url;
}

std::string plain_place(std::string uri) {
  const std::size_t scheme = uri.find("://");
  if (scheme == std::string::npos) return uri;  // of a file
  const std::size_t host = scheme + 3;
  const std::size_t query = std::min(uri.find('?'), uri.size());
  // What belongs to the place: sockets, and instances of SQL Server.
  const bool is_socket = uri.find("host=", query) != std::string::npos ||
                         uri.find("socket=", query) != std::string::npos;
  if (!is_socket && uri.find("instance=", query) == std::string::npos) uri.resize(query);
  const std::size_t user = uri.substr(0, uri.find('/', host)).rfind('@');
  if (user != std::string::npos && user >= host) uri.erase(host, user + 1 - host);
  if (is_socket) return uri;
  try {
    const JdbcUrl url = parse_jdbc_url("jdbc:" + uri);
    if (url.kind == JdbcKind::server) return url.uri;
  } catch (const Error&) {
    return uri;
  }
  return uri;
}

}  // namespace holdfast::profile::magnolia
