// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/location.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "engine/percent.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr std::string_view default_socket = "/run/mysqld/mysqld.sock";
constexpr std::size_t schema_characters_max = 64;

class Parser {
 public:
  explicit Parser(const model::Endpoint& endpoint) : endpoint_(endpoint) {}

  Location run() {
    read_uri();
    for (const auto& [name, value] : endpoint_.options) read_option(name, value);
    if (!endpoint_.user.empty()) {
      if (!location_.user.empty() && location_.user != endpoint_.user) {
        refuse(fmt::format("`user` is {}, the uri says {}", endpoint_.user, location_.user));
      }
      location_.user = endpoint_.user;
    }
    return std::move(location_);
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const {
    throw Error(
        Errc::usage,
        fmt::format("{}: {}", endpoint_.component.empty() ? "database" : endpoint_.component, why))
        .set_hint(
            "A schema is named `mysql://[user@]host[:port]/schema`, or "
            "`mysql:///schema?socket=/path`.");
  }

  [[nodiscard]] std::string decoded(std::string_view text) const {
    auto result = percent_decoded(text);
    if (!result) refuse(fmt::format("`{}` is badly escaped", text));
    return std::move(*result);
  }

  void read_uri() {
    std::string_view rest = endpoint_.uri;
    const std::size_t colon = rest.find(':');
    const std::string_view scheme = rest.substr(0, colon);
    if (colon == std::string_view::npos || (scheme != "mysql" && scheme != "mariadb"))
      refuse(fmt::format("`{}` is no uri of a MariaDB or MySQL schema", endpoint_.uri));
    rest.remove_prefix(colon + 1);
    if (!rest.starts_with("//")) refuse(fmt::format("`{}` has no `//`", endpoint_.uri));
    rest.remove_prefix(2);
    const std::size_t question = rest.find('?');
    const std::string_view query =
        question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);
    rest = rest.substr(0, question);
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) refuse(fmt::format("`{}` names no schema", endpoint_.uri));
    read_authority(rest.substr(0, slash));
    location_.schema = decoded(rest.substr(slash + 1));
    check_schema();
    read_query(query);
    if (location_.host == "localhost") {
      location_.host.clear();  // as everywhere with this server: the socket
    }
    if (location_.host.empty() && location_.socket.empty())
      location_.socket = std::string(default_socket);
  }

  void check_schema() const {
    const std::string& schema = location_.schema;
    if (schema.empty()) refuse(fmt::format("`{}` names no schema", endpoint_.uri));
    if (!is_utf8(schema)) refuse("the schema's name is not UTF-8");
    std::size_t characters = 0;
    for (const char c : schema) {
      if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++characters;
    }
    if (characters > schema_characters_max || schema.ends_with(' '))
      refuse(fmt::format("`{}` cannot be the name of a schema", schema));
    for (const std::string_view own :
         {"mysql", "information_schema", "performance_schema", "sys"}) {
      if (schema == own) refuse(fmt::format("`{}` is the server's own", schema));
    }
  }

  void read_authority(std::string_view authority) {
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
      const std::string_view user = authority.substr(0, at);
      if (user.find(':') != std::string_view::npos) refuse("the uri holds a password");
      location_.user = decoded(user);
      authority.remove_prefix(at + 1);
    }
    std::string_view port;
    if (authority.starts_with('[')) {
      const std::size_t end = authority.find(']');
      if (end == std::string_view::npos) refuse("the address lacks its `]`");
      location_.host = std::string(authority.substr(1, end - 1));
      port = authority.substr(end + 1);
    } else {
      const std::size_t colon = authority.find(':');
      location_.host = decoded(authority.substr(0, colon));
      if (colon != std::string_view::npos) port = authority.substr(colon);
    }
    if (port.empty()) return;
    port.remove_prefix(1);
    const auto [end, error] =
        std::from_chars(port.data(), port.data() + port.size(), location_.port);
    if (error != std::errc() || end != port.data() + port.size() || location_.port == 0 ||
        location_.port > 65535)
      refuse(fmt::format("`{}` is no port", port));
  }

  void read_query(std::string_view query) {
    while (!query.empty()) {
      const std::size_t end = query.find('&');
      const std::string_view item = query.substr(0, end);
      query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
      const std::size_t equals = item.find('=');
      const std::string_view key = item.substr(0, equals);
      if (key != "socket" || equals == std::string_view::npos)
        refuse(fmt::format("the uri has an unknown parameter `{}`", key));
      location_.socket = decoded(item.substr(equals + 1));
      if (!location_.socket.starts_with('/')) refuse("`socket` is no absolute path");
      if (!location_.host.empty() && location_.host != "localhost")
        refuse("the uri has both a host and a socket");
    }
  }

  void read_option(const std::string& name, const std::string& value) {
    const auto wrong = [&] { refuse(fmt::format("`{}` cannot be `{}`", name, value)); };
    if (name == "nontransactional") {
      if (value == "refuse") {
        location_.non_transactional = NonTransactional::refuse;
      } else if (value != "lock") {
        wrong();
      }
    } else if (name == "tls") {
      if (value == "off") {
        location_.tls = Tls::off;
      } else if (value == "required") {
        location_.tls = Tls::required;
      } else if (value == "verified") {
        location_.tls = Tls::verified;
      } else if (value != "preferred") {
        wrong();
      }
    } else if (name == "tls_ca") {
      location_.tls_ca = value;
    } else if (name == "grants") {
      location_.restores_grants = value == "restore";
      if (value != "leave" && value != "restore") wrong();
    } else if (name == "definer") {
      if (value != "keep") location_.definer = value;
      if (value != "keep" && value != "current" && value.find('@') == std::string::npos) wrong();
    } else if (name != "application_user") {
      refuse(fmt::format("the mariadb engine has no option `{}`", name));
    }
  }

  const model::Endpoint& endpoint_;
  Location location_;
};

std::string encoded(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '/';
    if (plain) {
      result += c;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

}  // namespace

std::string Location::display() const {
  if (host.empty()) return fmt::format("{} on {}", schema, socket);
  return fmt::format("{} on {}:{}", schema, host, port);
}

Location location_of(const model::Endpoint& endpoint) {
  return Parser(endpoint).run();
}

std::string uri_of(const Location& location, std::string_view schema) {
  if (location.host.empty())
    return fmt::format("mysql:///{}?socket={}", encoded(schema), encoded(location.socket));
  const bool is_address6 = location.host.find(':') != std::string::npos;
  return fmt::format("mysql://{}:{}/{}", is_address6 ? "[" + location.host + "]" : location.host,
                     location.port, encoded(schema));
}

}  // namespace holdfast::engine::mariadb
