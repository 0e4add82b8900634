// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/location.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <system_error>

#include "base/bytes.h"
#include "base/error.h"
#include "base/path.h"
#include "engine/percent.h"
#include "engine/typedb/releases.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view scheme = "typedb:";

// What both kinds of endpoint have in common.
class Refuser {
 public:
  Refuser(const model::Endpoint& endpoint, std::string_view hint)
      : endpoint_(endpoint), hint_(hint) {}

 protected:
  [[noreturn]] void refuse(std::string_view why) const {
    throw Error(
        Errc::usage,
        fmt::format("{}: {}", endpoint_.component.empty() ? "database" : endpoint_.component, why))
        .set_hint(hint_);
  }
  [[nodiscard]] fs::path absolute_path(const std::string& value) const {
    if (!value.starts_with('/')) refuse(fmt::format("`{}` is no absolute path", value));
    return clean_path(value);
  }
  [[nodiscard]] const std::string& checked_release(const std::string& value) const {
    if (!range_of(value)) refuse(fmt::format("`{}` is no release of TypeDB", value));
    return value;
  }

  const model::Endpoint& endpoint_;

 private:
  std::string_view hint_;
};

class Reader : Refuser {
 public:
  explicit Reader(const model::Endpoint& endpoint)
      : Refuser(endpoint, "Write typedb:/path/of/the/data/directory/NAME.") {}

  Location run() {
    for (const auto& [name, value] : endpoint_.options) take(name, value);
    std::string_view path = endpoint_.uri;
    if (path.starts_with(scheme)) {
      path.remove_prefix(scheme.size());
      if (path.starts_with("///")) path.remove_prefix(2);  // an empty authority, as in file:///
    }
    if (!path.starts_with('/') || path.starts_with("//") ||
        path.find('\0') != std::string_view::npos)
      refuse(fmt::format("`{}` is no absolute path", endpoint_.uri));
    std::error_code unknown;
    const fs::path clean = clean_path(path);
    location_.database = fs::weakly_canonical(clean, unknown);
    if (unknown) location_.database = clean;
    location_.data_directory = location_.database.parent_path();
    const std::string name = location_.name();
    if (!location_.data_directory.has_relative_path())
      refuse(fmt::format("`{}` is no database in a data directory", endpoint_.uri));
    if (name == import_directory || name.starts_with('.'))
      refuse(fmt::format("`{}` is no database", name));
    if (!endpoint_.user.empty()) refuse("a directory has no `user`");
    return std::move(location_);
  }

 private:
  void take(std::string_view name, const std::string& value) {
    if (name == "home") {
      location_.home = absolute_path(value);
    } else if (name == "release") {
      location_.release = checked_release(value);
    } else if (name == "method") {
      if (value != "auto" && value != "cold" && value != "hot")
        refuse(fmt::format("there is no method `{}`, only auto, cold and hot", value));
      if (value != "auto") location_.method = value == "cold" ? Method::cold : Method::hot;
    } else {
      refuse(fmt::format("a directory of the typedb engine has no option `{}`", name));
    }
  }

  Location location_;
};

class ServerReader : Refuser {
 public:
  explicit ServerReader(const model::Endpoint& endpoint)
      : Refuser(endpoint, "Write typedb://HOST:1729/NAME, an IPv6 address in brackets.") {}

  ServerLocation run() {
    std::string_view rest = endpoint_.uri;
    if (!names_server(endpoint_))
      refuse(fmt::format("`{}` is no uri of a server of TypeDB", endpoint_.uri));
    rest.remove_prefix(scheme.size() + 2);
    const std::size_t slash = rest.find('/');
    read_authority(rest.substr(0, slash));
    if (slash != std::string_view::npos) location_.database = decoded(rest.substr(slash + 1));
    check_name();
    for (const auto& [name, value] : endpoint_.options) take(name, value);
    if (!location_.tls && !location_.tls_ca.empty())
      refuse("`tls_ca` is for `tls` = \"verified\" alone");
    if (endpoint_.user.empty()) return std::move(location_);
    if (!location_.user.empty() && location_.user != endpoint_.user)
      refuse(fmt::format("`user` is {}, the uri says {}", endpoint_.user, location_.user));
    location_.user = endpoint_.user;
    return std::move(location_);
  }

 private:
  [[nodiscard]] std::string decoded(std::string_view text) const {
    auto result = percent_decoded(text);
    if (!result) refuse(fmt::format("`{}` is badly escaped", text));
    return std::move(*result);
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
    if (location_.host.empty()) refuse(fmt::format("`{}` names no host", endpoint_.uri));
    if (port.empty()) return;
    const char* const first = port.data() + 1;
    const char* const last = port.data() + port.size();
    const auto [end, error] = std::from_chars(first, last, location_.port);
    if (port.front() != ':' || error != std::errc() || end != last || location_.port == 0)
      refuse(fmt::format("`{}` is no port", port.substr(1)));
  }

  void check_name() const {
    const std::string& name = location_.database;
    if (name.empty()) refuse(fmt::format("`{}` names no database", endpoint_.uri));
    if (name.find_first_of("/?#") != std::string::npos || !is_utf8(name))
      refuse(fmt::format("`{}` cannot be the name of a database", name));
    if (name.starts_with('_'))
      refuse(fmt::format(
          "`{}` is the server's own, which it neither exports nor imports: it is copied with the "
          "data directory",
          name));
  }

  void take(std::string_view name, const std::string& value) {
    if (name == "tls") {
      if (value != "off" && value != "verified")
        refuse(fmt::format("`tls` cannot be `{}`, only off and verified", value));
      location_.tls = value == "verified";
    } else if (name == "tls_ca") {
      location_.tls_ca = absolute_path(value);
    } else if (name == "release") {
      location_.release = checked_release(value);
    } else if (name == "program") {
      location_.program = absolute_path(value);
    } else if (name == "exchange_directory") {
      location_.exchange_directory = absolute_path(value);
    } else {
      refuse(fmt::format("a server of the typedb engine has no option `{}`", name));
    }
  }

  ServerLocation location_;
};

}  // namespace

std::string ServerLocation::address() const {
  const bool is_address6 = host.find(':') != std::string::npos;
  return is_address6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string ServerLocation::display() const {
  return fmt::format("database {} at {}", database, address());
}

Location location_of(const model::Endpoint& endpoint) {
  return Reader(endpoint).run();
}

bool names_server(const model::Endpoint& endpoint) noexcept {
  std::string_view rest = endpoint.uri;
  if (!rest.starts_with(scheme)) return false;
  rest.remove_prefix(scheme.size());
  return rest.starts_with("//") && !rest.starts_with("///");
}

ServerLocation server_location_of(const model::Endpoint& endpoint) {
  return ServerReader(endpoint).run();
}

}  // namespace holdfast::engine::typedb
