// SPDX-License-Identifier: Apache-2.0
// Percent-encoding, as in the parts of a database's URI (RFC 3986, 2.1).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::engine {

// The text with every %XX made the byte it stands for; nothing if a % is not followed by two hex
// digits, or if there is a zero byte, which no name or path may hold.
[[nodiscard]] inline std::optional<std::string> percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return std::nullopt;
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    const auto byte = i + 2 < text.size() ? from_hex(text.substr(i + 1, 2)) : std::nullopt;
    if (!byte || byte->size() != 1 || byte->front() == std::byte{0}) return std::nullopt;
    result += static_cast<char>(byte->front());
    i += 2;
  }
  return result;
}

}  // namespace holdfast::engine
