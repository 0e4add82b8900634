// SPDX-License-Identifier: Apache-2.0
// JDBC URLs of SQL Server: of Microsoft's driver and of jTDS. Pure.
//
// Source: Microsoft JDBC Driver, "Building the connection URL" and "Setting the connection
// properties"; jTDS 1.3, "Frequently asked questions" (URL format, properties).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "profile/magnolia/jdbc_url.h"

namespace holdfast::profile::magnolia {

// What parse_jdbc_url() says of "jdbc:sqlserver://…" and "jdbc:jtds:sqlserver://…", and of one of
// our URIs behind "jdbc:". TLS is never less than the application asks for: a login that it would
// send in the clear is encrypted, by whatever certificate.
void read_sqlserver(std::string_view text, JdbcUrl& url);

// The URL with "***" in place of every password, for whatever people or logs see. Values end where
// the drivers end them, behind braces or at a semicolon alone; of a form that is not understood no
// property is left. Other texts as redacted_uri() does it.
[[nodiscard]] std::string redacted_sqlserver(std::string_view text);

// The same URL with the place of one of our URIs. What belonged to the old place goes: a mirroring
// partner, and with another host the name in its certificate and its service's. Nothing if `uri` is
// none of SQL Server's.
[[nodiscard]] std::optional<std::string> redirected_sqlserver(std::string_view text,
                                                              std::string_view uri);

// A URL for one of our URIs, for jTDS or Microsoft's driver, with TLS as an endpoint's options say
// it, and the domain of a user "DOMAIN\name". Empty if `uri` is none of SQL Server's.
[[nodiscard]] std::string sqlserver_jdbc_url(std::string_view uri,
                                             const std::map<std::string, std::string>& options,
                                             std::string_view user, bool is_jtds);

}  // namespace holdfast::profile::magnolia
