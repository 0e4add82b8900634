// SPDX-License-Identifier: Apache-2.0
// What readers of JDBC URLs of several kinds share. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::profile::magnolia {

// Without %-escapes; nothing if that yields a control character.
[[nodiscard]] std::optional<std::string> decoded(std::string_view text);

// Escaped where a URI's part would end or change its meaning.
[[nodiscard]] std::string escaped(std::string_view text);

struct Place {
  std::string host, port;
};

// "host", "host:5432", "[::1]:5432"; nothing for several, and for what is none.
[[nodiscard]] std::optional<Place> place_of(std::string_view text, std::string_view usual_port);

}  // namespace holdfast::profile::magnolia
