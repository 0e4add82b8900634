// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/jdbc_parts.h"

#include <algorithm>

#include "base/ascii.h"

namespace holdfast::profile::magnolia {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      c = static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
      i += 2;
    }
    result += c;
  }
  return result;
}

std::string escaped(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') ||
                          std::string_view("-._~$/").find(c) != std::string_view::npos;
    if (is_plain) {
      result += c;
    } else {
      result += '%';
      result += digits[byte >> 4U];
      result += digits[byte & 15U];
    }
  }
  return result;
}

std::optional<Place> place_of(std::string_view text, std::string_view usual_port) {
  Place place{"localhost", std::string(usual_port)};
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    place.host = text.substr(0, end + 1);
    text.remove_prefix(end + 1);
  } else {
    const std::size_t end = std::min(text.find(':'), text.size());
    if (end > 0) place.host = text.substr(0, end);
    text.remove_prefix(end);
  }
  if (text.starts_with(':')) {
    text.remove_prefix(1);
    if (!text.empty()) place.port = text;
  } else if (!text.empty()) {
    return std::nullopt;
  }
  const std::string_view inside =
      place.host.starts_with('[') ? std::string_view(place.host).substr(1, place.host.size() - 2)
                                  : std::string_view(place.host);
  const bool is_host = std::all_of(inside.begin(), inside.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || (c == ':' && place.host.starts_with('['));
  });
  const bool is_port =
      place.port.size() <= 5 && place.port.find_first_not_of("0123456789") == std::string::npos;
  if (!is_host || !is_port || inside.empty()) return std::nullopt;
  place.host = ascii_lower(place.host);
  return place;
}

}  // namespace holdfast::profile::magnolia
