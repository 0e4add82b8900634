// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/location.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/error.h"
#include "engine/percent.h"
#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

constexpr std::array<std::string_view, 2> schemes{"postgresql://", "postgres://"};

// libpq's keywords that an instance file may set. Passwords, the user and what the sessions set
// themselves are not among them.
constexpr std::array<std::string_view, 21> keywords{"channel_binding",
                                                    "connect_timeout",
                                                    "gssencmode",
                                                    "hostaddr",
                                                    "keepalives",
                                                    "keepalives_count",
                                                    "keepalives_idle",
                                                    "keepalives_interval",
                                                    "krbsrvname",
                                                    "load_balance_hosts",
                                                    "requirepeer",
                                                    "require_auth",
                                                    "sslcert",
                                                    "sslcrl",
                                                    "sslkey",
                                                    "sslmode",
                                                    "sslnegotiation",
                                                    "sslrootcert",
                                                    "ssl_min_protocol_version",
                                                    "target_session_attrs",
                                                    "tcp_user_timeout"};

class UriReader {
 public:
  explicit UriReader(const model::Endpoint& endpoint) : endpoint_(endpoint) {}

  Location read() {
    location_.component = endpoint_.component;
    std::string_view rest = endpoint_.uri;
    const auto* const scheme =
        std::find_if(schemes.begin(), schemes.end(),
                     [&](std::string_view candidate) { return rest.starts_with(candidate); });
    if (scheme == schemes.end()) refuse("the URI does not begin with postgresql://");
    rest.remove_prefix(scheme->size());
    if (const auto mark = rest.find('?'); mark != std::string_view::npos) {
      read_parameters(rest.substr(mark + 1));
      rest = rest.substr(0, mark);
    }
    const auto slash = rest.find('/');
    if (slash == std::string_view::npos || slash + 1 == rest.size())
      refuse("the URI names no database");
    location_.database = decode(rest.substr(slash + 1));
    read_authority(rest.substr(0, slash));
    if (!location_.host.starts_with('/') && location_.host.find(',') != std::string::npos)
      refuse("the URI names several hosts; a copy is of one server");
    read_endpoint();
    return std::move(location_);
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const {
    throw Error(
        Errc::usage,
        fmt::format("{}: {}", endpoint_.component.empty() ? "database" : endpoint_.component, why))
        .set_hint(
            "A PostgreSQL database is named `postgresql://host:5432/database`, or "
            "`postgresql:///database?host=/socket/directory`.");
  }

  [[nodiscard]] std::string decode(std::string_view text) const {
    auto result = percent_decoded(text);
    if (!result) refuse("a % in the URI is not followed by a code");
    return std::move(*result);
  }

  void read_parameters(std::string_view text) {
    while (!text.empty()) {
      const auto end = std::min(text.find('&'), text.size());
      const std::string_view pair = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos)
        refuse(fmt::format("`{}` in the URI has no value", pair));
      const std::string key = decode(pair.substr(0, equals));
      std::string value = decode(pair.substr(equals + 1));
      if (key == "host") {
        location_.host = std::move(value);
      } else if (key == "port") {
        location_.port = std::move(value);
      } else if (key == "user") {
        location_.user = std::move(value);
      } else if (key == "password") {
        refuse("a password stands in the URI; use password_file or password_command");
      } else if (std::find(keywords.begin(), keywords.end(), key) == keywords.end()) {
        refuse(fmt::format("the URI's keyword `{}` is not known here", key));
      } else {
        location_.parameters.emplace_back(key, std::move(value));
      }
    }
  }

  void read_authority(std::string_view authority) {
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
      const std::string_view user = authority.substr(0, at);
      if (user.find(':') != std::string_view::npos)
        refuse("a password stands in the URI; use password_file or password_command");
      location_.user = decode(user);
      authority.remove_prefix(at + 1);
    }
    std::string_view port;
    if (authority.starts_with('[')) {
      const auto close = authority.find(']');
      if (close == std::string_view::npos) refuse("an address in the URI lacks its ]");
      if (close + 1 < authority.size() && authority[close + 1] != ':')
        refuse("something follows the address in the URI");
      port = authority.substr(std::min(close + 2, authority.size()));
      authority = authority.substr(1, close - 1);
    } else if (const auto colon = authority.rfind(':'); colon != std::string_view::npos) {
      port = authority.substr(colon + 1);
      authority = authority.substr(0, colon);
    }
    if (!authority.empty()) location_.host = decode(authority);
    if (!port.empty()) location_.port = std::string(port);
    const bool digits = std::all_of(location_.port.begin(), location_.port.end(),
                                    [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || location_.port.size() > 5) refuse("the port is no number");
  }

  void read_endpoint() {
    if (!endpoint_.user.empty()) {
      if (!location_.user.empty() && location_.user != endpoint_.user)
        refuse("the URI and `user` name different users");
      location_.user = endpoint_.user;
    }
    location_.password = endpoint_.password;
    location_.maintenance_database = "postgres";
    for (const auto& [key, value] : endpoint_.options) {
      if (key == "bin_dir") {
        location_.bin_dir = value;
        if (!location_.bin_dir.is_absolute()) refuse("`bin_dir` is not an absolute path");
      } else if (key == "maintenance_database") {
        location_.maintenance_database = value;
      } else if (key != "application_user" && key != "application_schema") {
        refuse(fmt::format("the postgresql engine has no option `{}`", key));
      }
    }
  }

  const model::Endpoint& endpoint_;
  Location location_;
};

std::string encode(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || c == '/';
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
  std::string text = fmt::format("database {}", database);
  if (!host.empty()) text += fmt::format(" at {}", host);
  if (!port.empty()) text += fmt::format(":{}", port);
  return text;
}

Location Location::with_database(std::string name) const {
  Location other = *this;
  other.database = std::move(name);
  return other;
}

std::string Location::conninfo() const {
  std::string text = "dbname=" + quote_conninfo(database);
  const auto add = [&](std::string_view key, std::string_view value) {
    if (!value.empty()) text += fmt::format(" {}={}", key, quote_conninfo(value));
  };
  add("host", host);
  add("port", port);
  add("user", user);
  for (const auto& [key, value] : parameters) add(key, value);
  return text;
}

std::string Location::uri() const {
  std::string text = fmt::format("postgresql:///{}", encode(database));
  char mark = '?';
  const auto add = [&](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    text += fmt::format("{}{}={}", mark, key, encode(value));
    mark = '&';
  };
  add("host", host);
  add("port", port);
  for (const auto& [key, value] : parameters) add(key, value);
  return text;
}

Location location_of(const model::Endpoint& endpoint) {
  return UriReader(endpoint).read();
}

}  // namespace holdfast::engine::postgresql
