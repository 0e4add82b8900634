// SPDX-License-Identifier: Apache-2.0
// What a server says of itself before anybody logs in: `grants` is asked for accounts that are yet
// to be made.
#pragma once

#include <string>
#include <string_view>

#include "engine/mariadb/location.h"

namespace holdfast::engine::mariadb {

// Its version, "10.11.19-MariaDB"; empty if it cannot be reached, or greets otherwise.
[[nodiscard]] std::string greeted_version(const Location& location);
// The version in the first packet of a server; empty if there is none. Pure.
// Source: mariadb.com/kb/en/connection (initial handshake packet).
[[nodiscard]] std::string version_in_greeting(std::string_view packet);

}  // namespace holdfast::engine::mariadb
