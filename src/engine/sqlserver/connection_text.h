// SPDX-License-Identifier: Apache-2.0
// What a driver of ODBC is told to connect: its library, and the words that it understands.
//
// FreeTDS takes a file of authorities from a section of its configuration alone (those of 1.5 and
// later also from the words), and without one it accepts whatever certificate is shown. So where a
// server is to be verified, a section of ours names it, in a file that only this process can open:
// in memory, told by FREETDSCONF.
//
// Sources: FreeTDS User Guide 1.3, freetds.conf and ODBC connection attributes, and the driver
// itself (connectparams.c of 1.3.17: no escapes within braces; of 1.4: as Microsoft's); Microsoft,
// "DSN and Connection String Keywords and Attributes" of its driver 17 and 18.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/sqlserver/location.h"

namespace holdfast::engine::sqlserver {

enum class DriverKind : std::uint8_t { freetds, microsoft, other };

struct Driver {
  std::string library;  // a path, or a name of odbcinst.ini
  DriverKind kind = DriverKind::other;
};
// The location's, else the first that is installed at one of FreeTDS's usual places.
// Errc::not_found.
[[nodiscard]] Driver driver_for(const Location& location);

// "Driver=…;Server=…;" and so on, without account and password; `in_database` false leaves the
// database to the login. Errc::usage for what the driver cannot be told.
[[nodiscard]] std::string connection_text(const Location& location, const Driver& driver,
                                          bool in_database);
// "PWD={a;b};" for a value that may hold anything. In braces a driver knows `}` either doubled or,
// as FreeTDS until 1.3, as itself. Nothing if this one has no words for it.
[[nodiscard]] std::optional<std::string> keyword(std::string_view name, std::string_view value,
                                                 bool doubles_braces);
// Whether the answer depends on that.
[[nodiscard]] bool depends_on_braces(std::string_view value) noexcept;

// Of FreeTDS: the section that names the location's server with the authorities whom it trusts.
[[nodiscard]] std::string freetds_section(const Location& location);
// Adds it to the configuration of this process, once, under a name that is returned. Any thread.
[[nodiscard]] std::string add_freetds_section(const std::string& section);

// Whether the machine finds an address for a host's name. Asks whom it asks for names.
[[nodiscard]] bool is_known_host(const std::string& host);
// The authorities that a location trusts: `tls_ca`, else the system's. Errc::not_found, or usage
// for a file that holds no certificate.
[[nodiscard]] std::string authorities_of(const Location& location);

}  // namespace holdfast::engine::sqlserver
