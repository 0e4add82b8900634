// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/location.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"
#include "base/bytes.h"
#include "base/error.h"
#include "engine/percent.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::string_view scheme = "sqlserver://";
constexpr std::size_t name_units_max = 128;  // of sysname, in UTF-16
// The server's own; master among them, which is restored in another way.
constexpr std::array<std::string_view, 5> own_databases{"master", "model", "msdb", "tempdb",
                                                        "resource"};

bool is_host_character(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("_.-:%").find(c) != std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(const model::Endpoint& endpoint) : endpoint_(endpoint) {}

  Location run() {
    read_uri();
    for (const auto& [name, value] : endpoint_.options) take(name, value);
    if (!endpoint_.user.empty()) {
      if (!location_.user.empty() && location_.user != endpoint_.user)
        refuse_option(fmt::format("`user` is {}, the uri says {}", endpoint_.user, location_.user));
      location_.user = endpoint_.user;
    }
    if (location_.user.empty() && endpoint_.password != nullptr)
      refuse_option("there is a password, and no user: without one, a ticket of Kerberos logs in");
    check_together();
    return std::move(location_);
  }

 private:
  [[noreturn]] void refuse(std::string_view why,
                           std::string_view hint =
                               "A database is named `sqlserver://[user@]host[:port]/database`, or "
                               "`sqlserver://host/database?instance=NAME`.") const {
    throw Error(
        Errc::usage,
        fmt::format("{}: {}", endpoint_.component.empty() ? "database" : endpoint_.component, why))
        .set_hint(std::string(hint));
  }
  [[noreturn]] void refuse_option(std::string_view why) const {
    refuse(why, "Correct it in the instance file; docs/instance-file.md says what each option is.");
  }

  [[nodiscard]] std::string decoded(std::string_view text) const {
    auto result = percent_decoded(text);
    if (!result) refuse(fmt::format("`{}` is badly escaped", text));
    return std::move(*result);
  }

  void read_uri() {
    std::string_view rest = endpoint_.uri;
    if (!rest.starts_with(scheme))
      refuse(fmt::format("`{}` is no uri of a SQL Server database", endpoint_.uri));
    rest.remove_prefix(scheme.size());
    const std::size_t question = rest.find('?');
    const std::string_view query =
        question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);
    rest = rest.substr(0, question);
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos)
      refuse(fmt::format("`{}` names no database", endpoint_.uri));
    const bool has_port = read_authority(rest.substr(0, slash));
    location_.database = decoded(rest.substr(slash + 1));
    check_database();
    if (query.empty()) return;
    if (!query.starts_with("instance="))
      refuse(
          fmt::format("the uri has an unknown parameter `{}`", query.substr(0, query.find('='))));
    location_.instance = decoded(query.substr(query.find('=') + 1));
    const bool is_instance =
        !location_.instance.empty() &&
        std::all_of(location_.instance.begin(), location_.instance.end(), [](char c) {
          return (is_host_character(c) && c != ':' && c != '%' && c != '.') || c == '$' || c == '#';
        });
    if (!is_instance) refuse(fmt::format("`{}` is no name of an instance", location_.instance));
    if (has_port && location_.port != Location{}.port)
      refuse("the uri has both a port and an instance: the port alone finds it");
  }

  void check_database() const {
    const std::string& name = location_.database;
    if (name.empty()) refuse(fmt::format("`{}` names no database", endpoint_.uri));
    if (!is_utf8(name)) refuse("the database's name is not UTF-8");
    std::size_t units = 0;
    for (const char c : name) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20) refuse("the database's name has a control character");
      units += (byte & 0xC0U) == 0x80U ? 0 : byte >= 0xf0 ? 2 : 1;
    }
    if (units > name_units_max) refuse(fmt::format("`{}` cannot be the name of a database", name));
    for (const std::string_view own : own_databases)
      if (equal_but_for_case(name, own))
        refuse(fmt::format("{} is the server's own database", name),
               "Name a database of yours; the server's own are backed up by its own means.");
  }

  // Whether it names a port.
  bool read_authority(std::string_view authority) {
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
      location_.host = std::string(authority.substr(0, colon));
      if (colon != std::string_view::npos) port = authority.substr(colon);
    }
    if (location_.host.empty() ||
        !std::all_of(location_.host.begin(), location_.host.end(), is_host_character))
      refuse(fmt::format("`{}` names no host", endpoint_.uri));
    if (port.empty()) return false;
    location_.port = port_of(port.substr(1));
    if (port.front() != ':' || location_.port == 0)
      refuse(fmt::format("`{}` is no port", port.substr(1)));
    return true;
  }

  // 0 if it is none.
  static unsigned port_of(std::string_view text) {
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error != std::errc() || end != text.data() + text.size() || port > 65535 ? 0 : port;
  }

  [[nodiscard]] std::string absolute(std::string_view name, const std::string& value) const {
    if (!value.starts_with('/')) refuse_option(fmt::format("`{}` is no absolute path", name));
    return value;
  }

  // Of the server, on Linux or Windows: "/var/opt/mssql/backup", "D:\backup", "\\files\backup".
  [[nodiscard]] std::string of_server(std::string_view name, std::string value) const {
    const bool has_drive =
        value.size() > 2 && value[1] == ':' && (value[2] == '\\' || value[2] == '/');
    if (!value.starts_with('/') && !value.starts_with("\\\\") && !has_drive)
      refuse_option(fmt::format("`{}` is no absolute path of the server", name));
    while (value.size() > 1 && (value.ends_with('/') || value.ends_with('\\'))) value.pop_back();
    return value;
  }

  template <typename Value, std::size_t Size>
  [[nodiscard]] Value chosen(
      std::string_view name, const std::string& value,
      const std::array<std::pair<std::string_view, Value>, Size>& all) const {
    std::string words;
    for (const auto& [word, meaning] : all) {
      if (value == word) return meaning;
      words += fmt::format("{}{}", words.empty() ? "" : ", ", word);
    }
    refuse_option(fmt::format("`{}` cannot be `{}`, only {}", name, value, words));
  }

  void take(const std::string& name, const std::string& value) {
    if (name == "driver") {
      location_.driver = value;
    } else if (name == "tls") {
      location_.tls = chosen<Tls, 3>(
          name, value,
          {{{"verified", Tls::verified}, {"required", Tls::required}, {"off", Tls::off}}});
    } else if (name == "tls_ca") {
      location_.tls_ca = absolute(name, value);
    } else if (name == "method") {
      location_.method = chosen<Method, 3>(name, value,
                                           {{{"auto", Method::automatic},
                                             {"physical", Method::physical},
                                             {"logical", Method::logical}}});
    } else if (name == "isolation") {
      location_.isolation =
          chosen<Isolation, 3>(name, value,
                               {{{"auto", Isolation::automatic},
                                 {"database_snapshot", Isolation::database_snapshot},
                                 {"session", Isolation::session}}});
    } else if (name == "backup_directory") {
      location_.backup_directory = of_server(name, value);
    } else if (name == "exchange_directory") {
      location_.exchange_directory = absolute(name, value);
    } else if (name == "receiver") {
      take_receiver(value);
    } else if (name == "receiver_certificate") {
      location_.receiver_certificate = absolute(name, value);
    } else if (name == "receiver_key") {
      location_.receiver_key = absolute(name, value);
    } else if (name == "compress") {
      location_.compress = chosen<bool, 2>(name, value, {{{"no", false}, {"yes", true}}});
    } else if (name == "data_directory") {
      location_.data_directory = of_server(name, value);
    } else if (name == "log_directory") {
      location_.log_directory = of_server(name, value);
    } else if (name != "application_user") {
      refuse_option(fmt::format("the sqlserver engine has no option `{}`", name));
    }
  }

  void take_receiver(const std::string& value) {
    const std::size_t colon = value.rfind(':');
    const bool is_one =
        colon != std::string::npos && colon > 0 &&
        std::all_of(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(colon),
                    is_host_character) &&
        port_of(std::string_view(value).substr(colon + 1)) != 0;
    if (!is_one)
      refuse_option(
          fmt::format("`receiver` cannot be `{}`: it is a host and a port, as the server "
                      "reaches us",
                      value));
    location_.receiver = value;
  }

  void check_together() const {
    const Location& it = location_;
    if (it.tls == Tls::off && !it.tls_ca.empty())
      refuse_option("`tls_ca` says whom to trust, and `tls` is off");
    if (!it.exchange_directory.empty() && it.backup_directory.empty())
      refuse_option("`exchange_directory` says where `backup_directory` is seen, which is not set");
    if (it.receiver.empty() && (!it.receiver_certificate.empty() || !it.receiver_key.empty()))
      refuse_option(
          "`receiver_certificate` and `receiver_key` are of a `receiver`, which is not set");
    if (!it.receiver.empty() && (it.receiver_certificate.empty() || it.receiver_key.empty()))
      refuse_option(
          "a `receiver` shows a certificate: `receiver_certificate` and `receiver_key` are not "
          "both set");
    const bool has_way = !it.receiver.empty() || !it.exchange_directory.empty();
    if (it.method == Method::physical && !has_way)
      refuse_option(
          "the server writes its backups itself: `backup_directory` and `exchange_directory` "
          "must name where, or `receiver` whom it reaches");
  }

  const model::Endpoint& endpoint_;
  Location location_;
};

std::string encoded(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/' ||
                          c == '$';
    if (is_plain) {
      result += c;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

}  // namespace

std::string_view method_name(Method method) noexcept {
  switch (method) {
    case Method::automatic:
      break;
    case Method::physical:
      return "physical";
    case Method::logical:
      return "logical";
  }
  return "auto";
}

std::string Location::display() const {
  return fmt::format("{} at {}", database, server());
}

std::string Location::server() const {
  const std::string place = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  return instance.empty() ? fmt::format("{}:{}", place, port)
                          : fmt::format("{}\\{}", place, instance);
}

Location location_of(const model::Endpoint& endpoint) {
  return Reader(endpoint).run();
}

std::string uri_of(const Location& location, std::string_view database) {
  const std::string place =
      location.host.find(':') != std::string::npos ? "[" + location.host + "]" : location.host;
  if (location.instance.empty())
    return fmt::format("sqlserver://{}:{}/{}", place, location.port, encoded(database));
  return fmt::format("sqlserver://{}/{}?instance={}", place, encoded(database),
                     encoded(location.instance));
}

}  // namespace holdfast::engine::sqlserver
