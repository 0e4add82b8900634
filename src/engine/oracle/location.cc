// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/location.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/percent.h"

namespace holdfast::engine::oracle {
namespace {

constexpr std::string_view scheme = "oracle:";
constexpr std::size_t name_bytes_max = 128;
// The server's own; neither tool exports them.
constexpr std::array<std::string_view, 8> own_schemas{"SYS",    "SYSTEM", "OUTLN", "DBSNMP",
                                                      "CTXSYS", "MDSYS",  "XDB",   "ORDSYS"};

bool is_letter(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

class Reader {
 public:
  explicit Reader(const model::Endpoint& endpoint) : endpoint_(endpoint) {}

  Location run() {
    read_uri();
    if (!endpoint_.user.empty()) {
      const std::string user = checked_name("user", endpoint_.user);
      if (!location_.user.empty() && location_.user != user)
        refuse(fmt::format("`user` is {}, the uri says {}", user, location_.user));
      location_.user = user;
    }
    if (location_.user == "SYS")
      refuse("SYS sees no consistent state of other schemas: name another user");
    if (location_.user.empty() && location_.alias.empty())
      refuse("no user: without one, a wallet must know it, and that takes an alias");
    for (const auto& [name, value] : endpoint_.options) take(name, value);
    if (location_.schema.empty()) location_.schema = location_.user;
    if (location_.schema.empty()) refuse("`schema` must be named where a wallet knows the user");
    if (std::find(own_schemas.begin(), own_schemas.end(), location_.schema) != own_schemas.end())
      refuse(fmt::format("schema {} is the server's own", location_.schema));
    if (!location_.exchange_directory.empty() && location_.directory.empty())
      refuse("`exchange_directory` says where `directory` is seen, which is not set");
    if (location_.method == Method::datapump && location_.directory.empty())
      refuse("Data Pump writes on the server: `directory` must name a directory object");
    if (location_.kept_directory.empty()) location_.kept_directory = "/var/tmp";
    return std::move(location_);
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const {
    throw Error(
        Errc::usage,
        fmt::format("{}: {}", endpoint_.component.empty() ? "database" : endpoint_.component, why))
        .set_hint(
            "A schema is named `oracle://host:1521/SERVICE`, or `oracle:ALIAS` of "
            "tnsnames.ora, with `user` and, if it is another's, `schema`.");
  }

  [[nodiscard]] std::string checked_name(std::string_view what, std::string_view name) const {
    if (!is_plain_name(name))
      refuse(fmt::format("`{}` cannot be `{}`: only names that need no quotes", what, name));
    return ascii_upper(name);
  }

  void read_uri() {
    std::string_view rest = endpoint_.uri;
    if (!rest.starts_with(scheme))
      refuse(fmt::format("`{}` is no uri of an Oracle database", endpoint_.uri));
    rest.remove_prefix(scheme.size());
    if (!rest.starts_with("//")) {
      location_.alias = std::string(rest);
      const bool is_alias =
          !rest.empty() && is_letter(rest.front()) &&
          std::all_of(rest.begin(), rest.end(), [](char c) {
            return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '-';
          });
      if (!is_alias) refuse(fmt::format("`{}` is no alias of tnsnames.ora", rest));
      return;
    }
    rest.remove_prefix(2);
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos)
      refuse(fmt::format("`{}` names no service", endpoint_.uri));
    read_authority(rest.substr(0, slash));
    location_.service = std::string(rest.substr(slash + 1));
    const bool is_service =
        !location_.service.empty() &&
        std::all_of(location_.service.begin(), location_.service.end(), [](char c) {
          return is_letter(c) || is_digit(c) ||
                 std::string_view("_.-$#").find(c) != std::string::npos;
        });
    if (!is_service) refuse(fmt::format("`{}` is no name of a service", location_.service));
  }

  void read_authority(std::string_view authority) {
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
      const std::string_view user = authority.substr(0, at);
      if (user.find(':') != std::string_view::npos) refuse("the uri holds a password");
      const auto decoded = percent_decoded(user);
      if (!decoded) refuse(fmt::format("`{}` is badly escaped", user));
      location_.user = checked_name("user", *decoded);
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
      location_.host = std::string(authority.substr(0, colon));
      if (colon != std::string_view::npos) port = authority.substr(colon);
    }
    const bool is_host = !location_.host.empty() &&
                         std::all_of(location_.host.begin(), location_.host.end(), [](char c) {
                           return is_letter(c) || is_digit(c) ||
                                  std::string_view("_.-:%").find(c) != std::string::npos;
                         });
    if (!is_host) refuse(fmt::format("`{}` names no host", endpoint_.uri));
    if (port.empty()) return;
    const char* const first = port.data() + 1;
    const char* const last = port.data() + port.size();
    const auto [end, error] = std::from_chars(first, last, location_.port);
    if (port.front() != ':' || error != std::errc() || end != last || location_.port == 0 ||
        location_.port > 65535)
      refuse(fmt::format("`{}` is no port", port.substr(1)));
  }

  [[nodiscard]] std::filesystem::path absolute(std::string_view name,
                                               const std::string& value) const {
    if (!value.starts_with('/')) refuse(fmt::format("`{}` is no absolute path", name));
    return value;
  }

  void take(std::string_view name, const std::string& value) {
    if (name == "schema") {
      location_.schema = checked_name(name, value);
    } else if (name == "directory") {
      location_.directory = checked_name(name, value);
    } else if (name == "method") {
      if (value == "exp") {
        location_.method = Method::exp;
      } else if (value == "datapump") {
        location_.method = Method::datapump;
      } else if (value != "auto") {
        refuse(fmt::format("`method` cannot be `{}`, only auto, datapump and exp", value));
      }
    } else if (name == "home") {
      location_.home = absolute(name, value);
    } else if (name == "tns_admin") {
      location_.tns_admin = absolute(name, value);
    } else if (name == "exchange_directory") {
      location_.exchange_directory = absolute(name, value);
    } else if (name == "kept_directory") {
      location_.kept_directory = absolute(name, value);
    } else if (name != "application_user") {
      refuse(fmt::format("the oracle engine has no option `{}`", name));
    }
  }

  const model::Endpoint& endpoint_;
  Location location_;
};

}  // namespace

std::string_view method_name(Method method) noexcept {
  switch (method) {
    case Method::automatic:
      break;
    case Method::exp:
      return "exp";
    case Method::datapump:
      return "datapump";
  }
  return "auto";
}

bool is_plain_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= name_bytes_max && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '$'; });
}

Method method_for(const Location& location) noexcept {
  if (location.method != Method::automatic) return location.method;
  return location.directory.empty() ? Method::exp : Method::datapump;
}

std::string Location::connect_text() const {
  if (host.empty()) return alias;
  const bool is_address6 = host.find(':') != std::string::npos;
  return fmt::format("//{}:{}/{}", is_address6 ? "[" + host + "]" : host, port, service);
}

std::string Location::descriptor() const {
  if (host.empty()) return alias;
  return fmt::format(
      "(DESCRIPTION=(ENABLE=BROKEN)(ADDRESS=(PROTOCOL=TCP)(HOST={})(PORT={}))"
      "(CONNECT_DATA=(SERVICE_NAME={})))",
      host, port, service);
}

std::string Location::display() const {
  const std::string place = connect_text();
  return fmt::format("schema {} at {}", schema, place.starts_with("//") ? place.substr(2) : place);
}

Location location_of(const model::Endpoint& endpoint) {
  return Reader(endpoint).run();
}

}  // namespace holdfast::engine::oracle
