// SPDX-License-Identifier: Apache-2.0
#include "cli/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace holdfast::cli {

namespace {

struct RuneRange {
  char32_t first, last;
};

// What takes two cells: Unicode's East Asian Width W and F, in the blocks that matter.
constexpr std::array wide_runes{
    RuneRange{0x1100, 0x115F},   RuneRange{0x2E80, 0x303E},   RuneRange{0x3041, 0xA4CF},
    RuneRange{0xAC00, 0xD7A3},   RuneRange{0xF900, 0xFAFF},   RuneRange{0xFE30, 0xFE6F},
    RuneRange{0xFF00, 0xFF60},   RuneRange{0xFFE0, 0xFFE6},   RuneRange{0x1F300, 0x1F64F},
    RuneRange{0x1F680, 0x1F6FF}, RuneRange{0x1F900, 0x1FAFF}, RuneRange{0x20000, 0x3FFFD},
};
// What takes none: combining marks and joiners.
constexpr std::array zero_runes{
    RuneRange{0x0300, 0x036F}, RuneRange{0x0483, 0x0489}, RuneRange{0x0591, 0x05BD},
    RuneRange{0x200B, 0x200F}, RuneRange{0x20D0, 0x20FF}, RuneRange{0xFE00, 0xFE0F},
    RuneRange{0xFE20, 0xFE2F},
};
// What a terminal or a reader's eye may be deceived by: controls, line separators, bidirectional
// overrides, tags.
constexpr std::array steering_runes{
    RuneRange{0x0000, 0x001F},   RuneRange{0x007F, 0x009F}, RuneRange{0x2028, 0x202E},
    RuneRange{0x2066, 0x2069},   RuneRange{0xFEFF, 0xFEFF}, RuneRange{0xFFF9, 0xFFFB},
    RuneRange{0xE0000, 0xE007F},
};
constexpr std::array space_runes{
    RuneRange{0x0009, 0x000D}, RuneRange{0x0020, 0x0020}, RuneRange{0x0085, 0x0085},
    RuneRange{0x00A0, 0x00A0}, RuneRange{0x1680, 0x1680}, RuneRange{0x2000, 0x200A},
    RuneRange{0x2028, 0x2029}, RuneRange{0x202F, 0x202F}, RuneRange{0x205F, 0x205F},
    RuneRange{0x3000, 0x3000},
};

template <std::size_t count>
bool in_ranges(char32_t rune, const std::array<RuneRange, count>& ranges) noexcept {
  return std::any_of(ranges.begin(), ranges.end(), [rune](const RuneRange& range) {
    return rune >= range.first && rune <= range.last;
  });
}

std::size_t rune_width(char32_t rune) noexcept {
  if (rune < 0x300) return 1;
  if (in_ranges(rune, zero_runes)) return 0;
  return in_ranges(rune, wide_runes) ? 2 : 1;
}

// Bytes that are not UTF-8 count as one character each.
Utf8Rune next_rune(std::string_view text) noexcept {
  const Utf8Rune rune = decode_utf8(text);
  return rune.size_bytes == 0 ? Utf8Rune{0xFFFD, 1} : rune;
}

void append_utf8(std::string& to, char32_t rune) {
  const auto byte = [&to](char32_t value) {
    to.push_back(static_cast<char>(static_cast<unsigned char>(value)));
  };
  if (rune < 0x80) {
    byte(rune);
  } else if (rune < 0x800) {
    byte(0xC0 | (rune >> 6U));
    byte(0x80 | (rune & 0x3FU));
  } else if (rune < 0x10000) {
    byte(0xE0 | (rune >> 12U));
    byte(0x80 | ((rune >> 6U) & 0x3FU));
    byte(0x80 | (rune & 0x3FU));
  } else {
    byte(0xF0 | (rune >> 18U));
    byte(0x80 | ((rune >> 12U) & 0x3FU));
    byte(0x80 | ((rune >> 6U) & 0x3FU));
    byte(0x80 | (rune & 0x3FU));
  }
}

std::string from_utf16(std::string_view bytes, bool big_endian) {
  std::string text;
  const auto unit_at = [&](std::size_t at) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    const auto second = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<char32_t>(big_endian ? first << 8U | second : second << 8U | first);
  };
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) {
    char32_t rune = unit_at(at);
    if (rune >= 0xD800 && rune < 0xDC00 && at + 3 < bytes.size()) {
      const char32_t low = unit_at(at + 2);
      if (low >= 0xDC00 && low < 0xE000) {
        rune = 0x10000 + ((rune - 0xD800) << 10U) + (low - 0xDC00);
        at += 2;
      }
    }
    append_utf8(text, rune >= 0xD800 && rune < 0xE000 ? 0xFFFD : rune);
  }
  return text;
}

}  // namespace

namespace {

std::string printable(std::string_view raw, bool keeps_lines) {
  std::string text;
  text.reserve(raw.size());
  while (!raw.empty()) {
    const Utf8Rune rune = decode_utf8(raw);
    if (rune.size_bytes == 0) {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(raw[0]));
      raw.remove_prefix(1);
      continue;
    }
    if (rune.rune == '\n') {
      text += keeps_lines ? "\n" : "\\n";
    } else if (rune.rune == '\t') {
      text += "\\t";
    } else if (rune.rune == '\r') {
      text += "\\r";
    } else if (!in_ranges(rune.rune, steering_runes)) {
      text += raw.substr(0, rune.size_bytes);
    } else if (rune.rune < 0x80) {
      text += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(rune.rune));
    } else if (rune.rune < 0x10000) {
      text += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(rune.rune));
    } else {
      text += fmt::format("\\U{:08x}", static_cast<std::uint32_t>(rune.rune));
    }
    raw.remove_prefix(rune.size_bytes);
  }
  return text;
}

}  // namespace

std::string printable(std::string_view raw) {
  return printable(raw, false);
}

std::string printable_lines(std::string_view raw) {
  const auto is_plain = [](char c) { return (c >= ' ' && c < 0x7f) || c == '\n'; };
  if (std::all_of(raw.begin(), raw.end(), is_plain)) return std::string(raw);
  return printable(raw, true);
}

std::size_t display_width(std::string_view text) noexcept {
  std::size_t width = 0;
  while (!text.empty()) {
    const Utf8Rune rune = next_rune(text);
    width += rune_width(rune.rune);
    text.remove_prefix(rune.size_bytes);
  }
  return width;
}

std::string_view fitting_front(std::string_view text, std::size_t width) noexcept {
  std::size_t taken = 0;
  std::size_t used = 0;
  while (taken < text.size()) {
    const Utf8Rune rune = next_rune(text.substr(taken));
    used += rune_width(rune.rune);
    if (used > width) break;
    taken += rune.size_bytes;
  }
  return text.substr(0, taken);
}

std::string shortened_front(std::string_view text, std::size_t width) {
  std::size_t left = display_width(text);
  if (left <= width) return std::string(text);
  if (width == 0) return {};
  while (!text.empty() && left > width - 1) {
    const Utf8Rune rune = next_rune(text);
    left -= rune_width(rune.rune);
    text.remove_prefix(rune.size_bytes);
  }
  return "…" + std::string(text);
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> result;
  std::string line;
  const auto end_line = [&] {
    if (!line.empty()) result.push_back(std::move(line));
    line.clear();
  };
  for (const std::string& source : lines_of(text)) {
    if (source.empty() || source[0] == ' ') {
      end_line();
      result.push_back(source);
      continue;
    }
    for (const std::string& word : split(source, ' ')) {
      if (word.empty()) continue;
      if (!line.empty() && display_width(line) + 1 + display_width(word) > width) end_line();
      if (!line.empty()) line += ' ';
      line += word;
    }
  }
  end_line();
  return result;
}

std::string format_percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return {};
  const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return fmt::format("{:.2f}%", std::min(percent, 100.0));
}

std::string decode_text(std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) return std::string(bytes.substr(3));
  if (bytes.starts_with("\xFF\xFE")) return from_utf16(bytes.substr(2), false);
  if (bytes.starts_with("\xFE\xFF")) return from_utf16(bytes.substr(2), true);
  return std::string(bytes);
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty()) {
    const Utf8Rune rune = next_rune(text);
    if (!in_ranges(rune.rune, space_runes)) break;
    text.remove_prefix(rune.size_bytes);
  }
  while (!text.empty()) {
    std::size_t at = text.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
    const Utf8Rune rune = decode_utf8(text.substr(at));
    if (rune.size_bytes != text.size() - at || !in_ranges(rune.rune, space_runes)) break;
    text.remove_suffix(rune.size_bytes);
  }
  return text;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string joined(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (&part != parts.data()) text += separator;
    text += part;
  }
  return text;
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace holdfast::cli
