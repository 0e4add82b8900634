// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/connection_text.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <map>
#include <mutex>
#include <sstream>
#include <vector>

#include "base/ascii.h"
#include "base/error.h"
#include "base/fd.h"

namespace holdfast::engine::sqlserver {
namespace {

namespace fs = std::filesystem;

// Where distributions have FreeTDS's driver.
constexpr std::array<std::string_view, 9> usual_libraries{
    "/usr/lib/x86_64-linux-gnu/odbc/libtdsodbc.so",
    "/usr/lib/aarch64-linux-gnu/odbc/libtdsodbc.so",
    "/usr/lib/odbc/libtdsodbc.so",
    "/usr/lib64/libtdsodbc.so.0",
    "/usr/lib64/libtdsodbc.so",
    "/usr/local/lib/odbc/libtdsodbc.so",
    "/usr/local/lib/libtdsodbc.so",
    "/usr/lib/libtdsodbc.so",
    "/usr/lib/libtdsodbc.so.0",
};
// Of Debian, and of Red Hat and SUSE.
constexpr std::array<std::string_view, 3> usual_authorities{
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
};
// A line of FreeTDS's configuration has 255 bytes.
constexpr std::size_t value_bytes_max = 200;

DriverKind kind_of(std::string_view library) {
  const std::string name = ascii_lower(library.substr(library.rfind('/') + 1));
  if (name.find("tdsodbc") != std::string::npos || name.find("freetds") != std::string::npos)
    return DriverKind::freetds;
  const bool is_microsoft = name.find("msodbcsql") != std::string::npos ||
                            (name.starts_with("odbc driver") && name.ends_with("for sql server"));
  return is_microsoft ? DriverKind::microsoft : DriverKind::other;
}

// This process's configuration of FreeTDS.
struct Configuration {
  std::mutex mutex;
  Fd file;
  std::size_t size_bytes = 0;
  std::map<std::string, std::string> names;  // by what they say
};

Configuration& configuration() {
  static Configuration the_only;
  return the_only;
}

// Others may read the environment at any time, also while the process ends, so that no array of it
// that they may be in is ever changed or freed: they see the former one or this.
void publish(const std::string& variable) {
  static std::string* const ours = new std::string(variable);
  static std::vector<char*>* const array = new std::vector<char*>{ours->data()};
  const std::string_view name = std::string_view(*ours).substr(0, ours->find('=') + 1);
  for (char** one = ::environ; one != nullptr && *one != nullptr; ++one)
    if (!std::string_view(*one).starts_with(name)) array->push_back(*one);
  array->push_back(nullptr);
  std::atomic_ref<char**>(::environ).store(array->data(), std::memory_order_release);
}

bool is_plain(std::string_view value) {
  return !value.empty() && value.size() <= value_bytes_max &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return c > ' ' && c != ';' && c != '#' && c != 0x7f; });
}

std::string words(std::string_view name, std::string_view value) {
  return fmt::format("{}={};", name, value);
}

std::string microsoft_text(const Location& location) {
  std::string text = words("Server", location.instance.empty()
                                         ? fmt::format("tcp:{},{}", location.host, location.port)
                                         : fmt::format("{}\\{}", location.host, location.instance));
  text += words("Encrypt", location.tls == Tls::off ? "no" : "yes");
  if (location.tls != Tls::off)
    text += words("TrustServerCertificate", location.tls == Tls::required ? "yes" : "no");
  if (location.tls == Tls::verified && !location.tls_ca.empty())
    throw Error(Errc::usage, fmt::format("{}: Microsoft's driver takes no `tls_ca`, only the "
                                         "authorities of this machine",
                                         location.display()))
        .set_hint("Add the file to the machine's (update-ca-certificates), or use FreeTDS.");
  return text;
}

std::string freetds_text(const Location& location) {
  std::string text;
  if (location.tls == Tls::verified) {
    text = words("Servername", add_freetds_section(freetds_section(location)));
  } else if (location.instance.empty()) {
    text = words("Server", location.host) + words("Port", std::to_string(location.port));
  } else {
    text = words("Server", fmt::format("{}\\{}", location.host, location.instance));
  }
  return text + words("TDS_Version", "7.4") + words("ClientCharset", "UTF-8") +
         words("Encryption", location.tls == Tls::off ? "off" : "require");
}

}  // namespace

Driver driver_for(const Location& location) {
  if (!location.driver.empty()) {
    if (location.driver.starts_with('/') && !fs::exists(location.driver))
      throw Error(Errc::not_found, fmt::format("there is no ODBC driver {}", location.driver))
          .set_hint(
              "Name the library of an ODBC driver by `driver`; FreeTDS's is in Debian's "
              "package tdsodbc.");
    return {location.driver, kind_of(location.driver)};
  }
  for (const std::string_view one : usual_libraries)
    if (std::error_code unknown; fs::exists(one, unknown))
      return {std::string(one), DriverKind::freetds};
  throw Error(Errc::not_found, "this machine has no ODBC driver for SQL Server")
      .set_hint("Install FreeTDS's (Debian: tdsodbc), or name a driver's library by `driver`.");
}

bool is_known_host(const std::string& host) {
  ::addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, nullptr, &found);
  if (found != nullptr) ::freeaddrinfo(found);
  return code == 0;
}

namespace {

bool holds_certificate(const std::string& path) {
  constexpr std::size_t size_bytes_max = 16U << 20U;
  std::istringstream file(read_text_file(path, size_bytes_max));
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("-----BEGIN ") && line.find("CERTIFICATE-----") != std::string::npos)
      return true;
  return false;
}

}  // namespace

std::string authorities_of(const Location& location) {
  if (!location.tls_ca.empty()) {
    if (!fs::exists(location.tls_ca))
      throw Error(Errc::not_found,
                  fmt::format("{}: there is no file {}", location.display(), location.tls_ca))
          .set_hint("Name a file with the certificate of the server's authority by `tls_ca`.");
    if (!holds_certificate(location.tls_ca))
      throw Error(Errc::usage, fmt::format("{}: {} holds no certificate in PEM form",
                                           location.display(), location.tls_ca))
          .set_hint("Name a file with the certificate of the server's authority by `tls_ca`.");
    return location.tls_ca;
  }
  for (const std::string_view one : usual_authorities)
    if (std::error_code unknown; fs::exists(one, unknown)) return std::string(one);
  throw Error(Errc::not_found,
              fmt::format("{}: this machine has no file of authorities", location.display()))
      .set_hint("Name one by `tls_ca`, or install ca-certificates.");
}

std::string freetds_section(const Location& location) {
  const std::string authorities = authorities_of(location);
  if (!is_plain(authorities))
    throw Error(Errc::usage, fmt::format("{}: FreeTDS's configuration has no words for `{}`",
                                         location.display(), authorities))
        .set_hint("Name a shorter path without spaces, `;` and `#` by `tls_ca`.");
  const std::string where = location.instance.empty() ? fmt::format("port = {}", location.port)
                                                      : "instance = " + location.instance;
  return fmt::format(
      "\thost = {}\n\t{}\n\ttds version = 7.4\n\tencryption = require\n\tca file = {}\n"
      "\tcheck certificate hostname = yes\n",
      location.host, where, authorities);
}

std::string add_freetds_section(const std::string& section) {
  Configuration& here = configuration();
  const std::lock_guard lock(here.mutex);
  if (const auto known = here.names.find(section); known != here.names.end()) return known->second;
  if (!here.file) {
    here.file = Fd(::memfd_create("holdfast-freetds", MFD_CLOEXEC));
    if (!here.file) throw system_error(errno, "making a file in memory");
    publish(fmt::format("FREETDSCONF=/proc/self/fd/{}", here.file.get()));
  }
  const std::string name = fmt::format("holdfast_{}", here.names.size() + 1);
  // Whoever reads just now looks for a section that is there already.
  const std::string text = fmt::format("[{}]\n{}", name, section);
  pwrite_all(here.file.get(), as_bytes(text), here.size_bytes, "the configuration of FreeTDS");
  here.size_bytes += text.size();
  here.names.emplace(section, name);
  return name;
}

bool depends_on_braces(std::string_view value) noexcept {
  return (value.starts_with('{') || value.find(';') != std::string_view::npos) &&
         value.find('}') != std::string_view::npos;
}

std::optional<std::string> keyword(std::string_view name, std::string_view value,
                                   bool doubles_braces) {
  const bool needs_braces = value.starts_with('{') || value.starts_with(' ') ||
                            value.ends_with(' ') || value.find(';') != std::string_view::npos;
  if (!needs_braces) return words(name, value);
  if (!doubles_braces) {
    if (value.find("};") != std::string_view::npos) return std::nullopt;
    return words(name, fmt::format("{{{}}}", value));
  }
  std::string inside;
  for (const char c : value) inside.append(c == '}' ? 2 : 1, c);
  return words(name, fmt::format("{{{}}}", inside));
}

std::string connection_text(const Location& location, const Driver& driver, bool in_database) {
  if (driver.library.find_first_of(";{}") != std::string::npos)
    throw Error(Errc::usage, fmt::format("`driver` cannot be `{}`", driver.library));
  std::string text = words("Driver", driver.library);
  // Drivers that nobody knows are told FreeTDS's words, but for its configuration.
  Location told = location;
  if (driver.kind == DriverKind::other && told.tls == Tls::verified) told.tls = Tls::required;
  text += driver.kind == DriverKind::microsoft ? microsoft_text(told) : freetds_text(told);
  text += words("APP", "holdfast");
  if (location.user.empty()) text += words("Trusted_Connection", "yes");
  if (!in_database) return text;
  const auto database =
      keyword("Database", location.database, driver.kind == DriverKind::microsoft);
  if (!database || depends_on_braces(location.database))
    throw Error(Errc::usage, fmt::format("{}: no driver has words for a database of this name",
                                         location.display()));
  return text + *database;
}

}  // namespace holdfast::engine::sqlserver
