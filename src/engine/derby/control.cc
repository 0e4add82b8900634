// SPDX-License-Identifier: Apache-2.0
#include "engine/derby/control.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"

namespace holdfast::engine::derby {
namespace {

constexpr std::uint64_t log_format = 0x80;       // FILE_STREAM_LOG_FILE
constexpr std::uint64_t container_format = 116;  // RAW_STORE_SINGLE_CONTAINER_FILE
constexpr std::uint64_t alloc_page_format = 118;
constexpr std::size_t control_bytes = 48;
constexpr std::size_t checksum_bytes = 8;  // a CRC-32 in the low half of a long
// In the first page: 4 bytes of format, 56 of a page header, 48 of an allocation page's, one byte
// that says how long the container header is which follows.
constexpr std::size_t container_length_at = 108;
constexpr std::size_t container_at = 109;
constexpr std::size_t container_bytes = 80;
constexpr std::size_t record_frame_bytes = 16;  // length, instant, length
constexpr std::uint32_t page_bytes_min = 1024, page_bytes_max = 262144;
constexpr unsigned flag_beta = 1, flag_not_synced = 2;
constexpr unsigned status_dropped = 1, status_committed_drop = 2;

std::uint64_t big_endian(ByteView bytes, std::size_t at, std::size_t count) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i)
    value = value << 8U | static_cast<std::uint64_t>(bytes[at + i]);
  return value;
}

bool ends_in_checksum(ByteView bytes) noexcept {
  const ByteView content = bytes.first(bytes.size() - checksum_bytes);
  return big_endian(bytes, content.size(), checksum_bytes) == crc32(content);
}

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\f';
}

// One line with those that go on with it; escapes are still in it.
std::string take_line(std::string_view text, std::size_t& at) {
  std::string line;
  while (at < text.size()) {
    while (at < text.size() && is_blank(text[at])) ++at;
    bool goes_on = false;
    for (; at < text.size() && text[at] != '\n' && text[at] != '\r'; ++at) {
      goes_on = text[at] == '\\' && !goes_on;
      line += text[at];
    }
    const bool windows = text.substr(at).starts_with("\r\n");
    at = std::min(text.size(), at + (windows ? 2 : 1));
    const bool comment = line.starts_with('#') || line.starts_with('!');
    if (!goes_on || comment) break;
    line.pop_back();
  }
  return line;
}

// A key or value from `at` on to `end`. False for an escape that is none.
bool take_escaped(std::string_view line, std::size_t& at, bool is_key, std::string& into) {
  for (; at < line.size(); ++at) {
    const char c = line[at];
    if (is_key && (c == '=' || c == ':' || is_blank(c))) return true;
    if (c != '\\') {
      into += c;
      continue;
    }
    if (++at == line.size()) return true;
    if (line[at] == 'u') {
      std::array<std::byte, 2> rune{};
      if (!read_hex(line.substr(at + 1, 4), rune)) return false;
      append_utf8(into, static_cast<unsigned>(big_endian(rune, 0, 2)));
      at += 4;
      continue;
    }
    constexpr std::string_view letters = "tnrf";
    const std::size_t letter = letters.find(line[at]);
    into += letter == std::string_view::npos ? line[at] : "\t\n\r\f"[letter];
  }
  return true;
}

}  // namespace

std::uint32_t crc32(ByteView bytes, std::uint32_t before) noexcept {
  return static_cast<std::uint32_t>(
      ::crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::optional<Properties> parse_properties(std::string_view text) {
  Properties properties;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string line = take_line(text, at);
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    std::string key;
    std::string value;
    std::size_t in_line = 0;
    if (!take_escaped(line, in_line, true, key)) return std::nullopt;
    while (in_line < line.size() && is_blank(line[in_line])) ++in_line;
    if (in_line < line.size() && (line[in_line] == '=' || line[in_line] == ':')) ++in_line;
    while (in_line < line.size() && is_blank(line[in_line])) ++in_line;
    if (!take_escaped(line, in_line, false, value)) return std::nullopt;
    properties[std::move(key)] = std::move(value);
  }
  return properties;
}

bool names_database(const Properties& properties) {
  const auto found = properties.find("derby.serviceProtocol");
  return found != properties.end() && found->second == "org.apache.derby.database.Database";
}

bool is_encrypted(const Properties& properties) {
  const auto found = properties.find("dataEncryption");
  return found != properties.end() && found->second == "true";
}

std::optional<LogControl> parse_log_control(ByteView bytes) {
  if (bytes.size() != control_bytes || !ends_in_checksum(bytes)) return std::nullopt;
  if (big_endian(bytes, 0, 4) != log_format) return std::nullopt;
  LogControl control;
  control.checkpoint_file = big_endian(bytes, 8, 4);
  control.checkpoint_position = big_endian(bytes, 12, 4);
  control.major = static_cast<std::uint32_t>(big_endian(bytes, 16, 4));
  control.minor = static_cast<std::uint32_t>(big_endian(bytes, 20, 4));
  const auto flags = static_cast<unsigned>(bytes[28]);
  control.beta = (flags & flag_beta) != 0;
  control.not_synced = (flags & flag_not_synced) != 0;
  return control;
}

std::optional<LogHeader> parse_log_header(ByteView bytes) {
  if (bytes.size() < log_header_bytes || big_endian(bytes, 0, 4) != log_format) return std::nullopt;
  return LogHeader{big_endian(bytes, 8, 8)};
}

std::optional<unsigned> count_records(ByteView log, std::uint64_t instant, unsigned records_max) {
  unsigned count = 0;
  while (count < records_max) {
    if (log.size() < 4) break;
    const std::uint64_t length = big_endian(log, 0, 4);
    if (length == 0) break;  // the end: what follows was reserved
    if (record_frame_bytes + length > log.size()) return std::nullopt;
    if (big_endian(log, 12 + length, 4) != length) return std::nullopt;
    if (count == 0 && big_endian(log, 4, 8) != instant) return std::nullopt;
    log = log.subspan(record_frame_bytes + length);
    ++count;
  }
  return count == 0 ? std::nullopt : std::optional(count);
}

std::optional<Container> parse_container(ByteView front) {
  if (front.size() < container_front_bytes || big_endian(front, 0, 2) != alloc_page_format)
    return std::nullopt;
  if (big_endian(front, container_length_at, 1) != container_bytes) return std::nullopt;
  const ByteView header = front.subspan(container_at, container_bytes);
  if (!ends_in_checksum(header) || big_endian(header, 0, 4) != container_format)
    return std::nullopt;
  Container container;
  const auto status = static_cast<unsigned>(big_endian(header, 4, 4));
  container.dropped = (status & (status_dropped | status_committed_drop)) != 0;
  const std::uint64_t page_bytes = big_endian(header, 8, 4);
  const bool possible = page_bytes >= page_bytes_min && page_bytes <= page_bytes_max &&
                        (page_bytes & (page_bytes - 1)) == 0;
  if (!possible) return std::nullopt;
  container.page_bytes = static_cast<std::uint32_t>(page_bytes);
  return container;
}

bool is_good_page(ByteView page, bool first) noexcept {
  if (page.size() < page_bytes_min) return false;
  const std::uint64_t expected = big_endian(page, page.size() - checksum_bytes, checksum_bytes);
  const ByteView content = page.first(page.size() - checksum_bytes);
  if (first) {
    constexpr std::array<std::byte, container_bytes> nothing{};
    std::uint32_t sum = crc32(content.first(container_at));
    sum = crc32(nothing, sum);
    return expected == crc32(content.subspan(container_at + container_bytes), sum);
  }
  if (expected == crc32(content)) return true;
  return expected == 0 &&
         std::all_of(content.begin(), content.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace holdfast::engine::derby
