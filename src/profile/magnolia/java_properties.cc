// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/java_properties.h"

#include <algorithm>
#include <cstdint>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\f';
}

class Reader {
 public:
  Reader(std::string_view text, std::string_view file) : rest_(text), file_(file) {}

  std::vector<JavaProperty> read() {
    std::vector<JavaProperty> properties;
    while (!rest_.empty()) {
      const std::size_t first = line_;
      const std::string logical = next_logical();
      if (logical.empty()) continue;
      properties.push_back(split(logical, first));
    }
    return properties;
  }

 private:
  [[nodiscard]] Error error(std::size_t line, const std::string& message) const {
    return Error(Errc::corrupt, std::string(file_) + ":" + std::to_string(line) + ": " + message);
  }

  std::string_view next_natural() {
    const std::size_t end = std::min(rest_.find_first_of("\r\n"), rest_.size());
    const std::string_view line = rest_.substr(0, end);
    const bool is_pair = rest_.substr(end).starts_with("\r\n");
    rest_.remove_prefix(std::min(end + (is_pair ? 2 : 1), rest_.size()));
    ++line_;
    while_space(natural_ = line);
    return natural_;
  }
  static void while_space(std::string_view& line) {
    while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
  }

  // A line with those that continue it, without the backslashes that join them; empty for a
  // comment.
  std::string next_logical() {
    std::string_view line = next_natural();
    if (line.empty() || line.front() == '#' || line.front() == '!') return {};
    std::string logical;
    for (;;) {
      std::size_t backslashes = 0;
      while (backslashes < line.size() && line[line.size() - 1 - backslashes] == '\\')
        ++backslashes;
      const bool continues = backslashes % 2 == 1;
      logical += line.substr(0, line.size() - (continues ? 1 : 0));
      if (!continues || rest_.empty()) return logical;
      line = next_natural();
    }
  }

  [[nodiscard]] JavaProperty split(std::string_view logical, std::size_t line) const {
    std::size_t end = 0;
    while (end < logical.size() && logical[end] != '=' && logical[end] != ':' &&
           !is_space(logical[end])) {
      end += logical[end] == '\\' ? 2 : 1;
    }
    end = std::min(end, logical.size());
    std::string_view value = logical.substr(end);
    while_space(value);
    if (!value.empty() && (value.front() == '=' || value.front() == ':')) {
      value.remove_prefix(1);
      while_space(value);
    }
    return {unescape(logical.substr(0, end), line), unescape(value, line), line};
  }

  [[nodiscard]] std::string unescape(std::string_view text, std::size_t line) const {
    std::string result;
    std::uint32_t high = 0;  // of a surrogate pair whose low half must follow
    for (std::size_t i = 0; i < text.size(); ++i) {
      std::uint32_t unit = static_cast<unsigned char>(text[i]);
      if (unit == '\\' && i + 1 < text.size()) {
        const char escaped = text[++i];
        unit = static_cast<unsigned char>(escaped);
        if (escaped == 'u') {
          unit = hex_of(text.substr(i + 1), line);
          i += 4;
        } else if (escaped == 't') {
          unit = '\t';
        } else if (escaped == 'n') {
          unit = '\n';
        } else if (escaped == 'r') {
          unit = '\r';
        } else if (escaped == 'f') {
          unit = '\f';
        }
      }
      if (unit == 0) throw error(line, "a NUL");
      const bool is_low = unit >= 0xDC00 && unit < 0xE000;
      if (is_low != (high != 0)) throw error(line, "half of a surrogate pair");
      if (unit >= 0xD800 && unit < 0xDC00) {
        high = unit;
        continue;
      }
      append_utf8(is_low ? 0x10000 + ((high - 0xD800) << 10U) + (unit - 0xDC00) : unit, result);
      high = 0;
    }
    if (high != 0) throw error(line, "half of a surrogate pair");
    return result;
  }

  [[nodiscard]] std::uint32_t hex_of(std::string_view digits, std::size_t line) const {
    std::uint32_t unit = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const char c = i < digits.size() ? digits[i] : '?';
      std::uint32_t digit = 0;
      if (c >= '0' && c <= '9') {
        digit = static_cast<std::uint32_t>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        digit = static_cast<std::uint32_t>(c - 'a' + 10);
      } else if (c >= 'A' && c <= 'F') {
        digit = static_cast<std::uint32_t>(c - 'A' + 10);
      } else {
        throw error(line, "\\u without four hex digits");
      }
      unit = unit * 16 + digit;
    }
    return unit;
  }

  static void append_utf8(std::uint32_t rune, std::string& to) {
    const auto tail = [&](unsigned shift) {
      to += static_cast<char>(0x80U | ((rune >> shift) & 0x3FU));
    };
    if (rune < 0x80) {
      to += static_cast<char>(rune);
    } else if (rune < 0x800) {
      to += static_cast<char>(0xC0U | (rune >> 6U));
      tail(0);
    } else if (rune < 0x10000) {
      to += static_cast<char>(0xE0U | (rune >> 12U));
      tail(6);
      tail(0);
    } else {
      to += static_cast<char>(0xF0U | (rune >> 18U));
      tail(12);
      tail(6);
      tail(0);
    }
  }

  std::string_view rest_, file_, natural_;
  std::size_t line_ = 1;
};

}  // namespace

std::vector<JavaProperty> parse_java_properties(std::string_view text, std::string_view file) {
  return Reader(text, file).read();
}

}  // namespace holdfast::profile::magnolia
