// SPDX-License-Identifier: Apache-2.0
#include "base/uri.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace holdfast {

namespace {

constexpr std::string_view mask = "***";
// Parameters that name a secret, in whole or at their end ("sslpassword", "auth_token").
constexpr std::array<std::string_view, 10> secret_names{
    "password", "passwd",    "passphrase",      "pwd",        "secret",
    "token",    "secretkey", "secretaccesskey", "accountkey", "apikey"};

int hex_digit(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

// Of a parameter's name the letters and digits, in lower case and without %-escapes.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (std::size_t i = 0; i < name.size(); ++i) {
    char letter = name[i];
    if (letter == '%' && i + 2 < name.size() && hex_digit(name[i + 1]) >= 0 &&
        hex_digit(name[i + 2]) >= 0) {
      letter = static_cast<char>(hex_digit(name[i + 1]) * 16 + hex_digit(name[i + 2]));
      i += 2;
    }
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    if ((letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9')) plain += letter;
  }
  return plain;
}

bool names_secret(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return false;  // part of a path
  const std::string plain = plain_name(name);
  return std::any_of(secret_names.begin(), secret_names.end(),
                     [&](std::string_view secret) { return plain.ends_with(secret); });
}

// Where the part in front of the host ends, in what follows "//": at its `@`, npos without one. A
// slash ends it, unless what stands in front of that can be no host: then the slash belongs to a
// password that should have been escaped.
std::size_t user_end(std::string_view rest) {
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos) return at;
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.ends_with(']')) return std::string_view::npos;
  const std::string_view port = authority.substr(colon + 1);
  if (port.find_first_not_of("0123456789") == std::string_view::npos) return std::string_view::npos;
  return rest.rfind('@');
}

// Masks the values of secret parameters in `text`. A value in quotes goes to its closing quote.
std::string mask_parameters(std::string_view text) {
  constexpr std::string_view separators = "?&;, #";
  std::string masked;
  while (!text.empty()) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) break;
    const std::size_t before = text.substr(0, equals).find_last_of(separators);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    const bool is_secret = names_secret(text.substr(begin, equals - begin));
    masked += text.substr(0, equals + 1);
    text.remove_prefix(equals + 1);
    if (!is_secret) continue;
    const bool is_quoted = text.starts_with('\'') || text.starts_with('"') || text.starts_with('{');
    std::size_t end = 0;
    if (is_quoted) {
      end = text.find(text.front() == '{' ? '}' : text.front(), 1);
      end = end == std::string_view::npos ? text.size() : end + 1;
    }
    end = std::min(text.find_first_of("&; #", end), text.size());
    if (end > 0) masked += mask;
    text.remove_prefix(end);
  }
  masked += text;
  return masked;
}

}  // namespace

std::string redacted_uri(std::string_view uri) {
  std::string shown;
  const std::size_t slashes = uri.find("://");
  if (slashes != std::string_view::npos) {
    const std::string_view rest = uri.substr(slashes + 3);
    const std::size_t at = user_end(rest);
    const std::size_t colon = at == std::string_view::npos ? at : rest.substr(0, at).find(':');
    if (colon != std::string_view::npos) {
      shown += uri.substr(0, slashes + 3 + colon + 1);
      if (at > colon + 1) shown += mask;
      uri = rest.substr(at);
    }
  }
  return shown + mask_parameters(uri);
}

bool holds_password(std::string_view uri) {
  return redacted_uri(uri) != uri;
}

std::string_view without_query(std::string_view uri) {
  return uri.substr(0, uri.find('?'));
}

}  // namespace holdfast
