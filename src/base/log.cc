// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "base/bytes.h"

namespace holdfast {

namespace {

std::atomic<LogLevel> level_shown{LogLevel::warn};

constexpr std::array<std::string_view, 4> level_names{"error", "warn", "info", "debug"};

// Control characters (C1 and the bidirectional overrides too: terminals obey them) become escapes.
bool is_control(char32_t rune) noexcept {
  return rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || (rune >= 0x2028 && rune <= 0x202e) ||
         (rune >= 0x2066 && rune <= 0x2069);
}

void append_escaped_byte(std::string& to, char byte) {
  constexpr std::string_view hex_digits = "0123456789abcdef";
  if (byte == '\n') {
    to += "\\n";
  } else if (byte == '\t') {
    to += "\\t";
  } else {
    const auto value = static_cast<unsigned char>(byte);
    to += "\\x";
    to += hex_digits[value >> 4U];
    to += hex_digits[value & 15U];
  }
}

void append_printable(std::string& to, std::string_view text, bool is_quoted) {
  while (!text.empty()) {
    const Utf8Rune next = decode_utf8(text);
    const std::size_t size_bytes = next.size_bytes == 0 ? 1 : next.size_bytes;
    const std::string_view piece = text.substr(0, size_bytes);
    if (next.size_bytes == 0 || is_control(next.rune)) {
      for (const char byte : piece) append_escaped_byte(to, byte);
    } else {
      if (is_quoted && (next.rune == '"' || next.rune == '\\')) to += '\\';
      to += piece;
    }
    text.remove_prefix(size_bytes);
  }
}

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char byte : value) {
    const auto code = static_cast<unsigned char>(byte);
    if (code <= 0x20 || code >= 0x7f || byte == '"' || byte == '\\' || byte == '=') return true;
  }
  return false;
}

}  // namespace

void set_log_level(LogLevel most_talkative) noexcept {
  level_shown.store(most_talkative, std::memory_order_relaxed);
}

bool log_enabled(LogLevel level) noexcept {
  return level <= level_shown.load(std::memory_order_relaxed);
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!log_enabled(level)) return;
  std::string line(level_names[static_cast<std::size_t>(level)]);
  line += ": ";
  append_printable(line, message, false);
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += '=';
    const bool is_quoted = needs_quotes(value);
    if (is_quoted) line += '"';
    append_printable(line, value, is_quoted);
    if (is_quoted) line += '"';
  }
  line += '\n';
  while (::write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) {
  }
}

}  // namespace holdfast
