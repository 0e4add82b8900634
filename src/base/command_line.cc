// SPDX-License-Identifier: Apache-2.0
// Command lines as text: shown in messages and split like restic does. Declared in process.h.
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/process.h"

namespace holdfast {

namespace {

bool is_safe_in_shell(std::string_view argument) {
  constexpr std::string_view safe =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
  return !argument.empty() && argument.find_first_not_of(safe) == std::string_view::npos;
}

// What a terminal would not show as it is: control characters, and those without a width that
// change the direction or the order of their neighbours or break lines.
bool is_unprintable(char32_t rune) {
  return rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || rune == 0xad || rune == 0x61c ||
         (rune >= 0x200b && rune <= 0x200f) || (rune >= 0x2028 && rune <= 0x202e) ||
         (rune >= 0x2060 && rune <= 0x206f) || rune == 0xfeff;
}

bool has_unprintable(std::string_view argument) {
  if (!is_utf8(argument)) return true;
  while (!argument.empty()) {
    const Utf8Rune next = decode_utf8(argument);
    if (is_unprintable(next.rune)) return true;
    argument.remove_prefix(next.size_bytes);
  }
  return false;
}

// As Go's unicode.IsSpace.
bool is_space(char32_t rune) {
  return (rune >= 0x09 && rune <= 0x0d) || rune == 0x20 || rune == 0x85 || rune == 0xa0 ||
         rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200a) || rune == 0x2028 || rune == 0x2029 ||
         rune == 0x202f || rune == 0x205f || rune == 0x3000;
}

}  // namespace

std::string display(const std::vector<std::string>& argv) {
  std::string line;
  for (const std::string& argument : argv) {
    if (!line.empty()) line += ' ';
    line += is_safe_in_shell(argument) ? argument : shell_quote(argument);
  }
  return line;
}

std::string shell_quote(std::string_view text) {
  // The second form is the shell's for bytes that would otherwise reach the reader's terminal.
  const bool is_escaped = has_unprintable(text);
  std::string quoted = is_escaped ? "$'" : "'";
  for (const char byte : text) {
    const auto code = static_cast<unsigned char>(byte);
    if (is_escaped && (code < 0x20 || code >= 0x7f)) {
      quoted += fmt::format("\\x{:02x}", code);
    } else if (is_escaped && (byte == '\'' || byte == '\\')) {
      quoted += {'\\', byte};
    } else if (byte == '\'') {
      quoted += "'\\''";
    } else {
      quoted += byte;
    }
  }
  return quoted + '\'';
}

std::vector<std::string> split_command_line(std::string_view line) {
  std::vector<std::string> argv;
  std::string argument;
  const auto end_argument = [&] {
    if (!argument.empty()) argv.push_back(std::exchange(argument, {}));
  };
  char open_quote = '\0';
  bool is_after_backslash = false;
  while (!line.empty()) {
    const Utf8Rune next = decode_utf8(line);
    const std::string_view piece = line.substr(0, next.size_bytes == 0 ? 1 : next.size_bytes);
    const char first = piece.front();
    line.remove_prefix(piece.size());
    const bool is_quote = (first == '"' || first == '\'') && !is_after_backslash;
    is_after_backslash = first == '\\';
    if (is_quote && open_quote == '\0') {
      open_quote = first;
      end_argument();
    } else if (is_quote && open_quote == first) {
      open_quote = '\0';
      end_argument();
    } else if (open_quote == '\0' && (first == '\\' || is_space(next.rune))) {
      end_argument();
    } else {
      argument += piece;
    }
  }
  end_argument();
  if (open_quote != '\0') {
    throw Error(Errc::usage, fmt::format("a command line has an unclosed {} quote",
                                         open_quote == '"' ? "double" : "single"));
  }
  if (argv.empty()) throw Error(Errc::usage, "a command line is empty");
  return argv;
}

}  // namespace holdfast
