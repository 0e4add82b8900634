// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <string_view>

#include "base/ascii.h"
#include "engine/oracle/character_sets.h"

namespace holdfast::engine::oracle {
namespace {

constexpr std::array magic{std::byte{0x00}, std::byte{0x67}, std::byte{0x80}, std::byte{0xBC}};
constexpr std::size_t magic_offset = 6;

// Where texts stand, which 12.1 has moved.
struct Places {
  std::size_t platform, instance, charset, db_version;
};
constexpr Places old_places{0x85, 0xea, 0x127, 0x1dd};
constexpr Places new_places{0x200, 0x265, 0x2a2, 0x358};
constexpr std::size_t job_offset = 0x43;
constexpr std::size_t job_bytes_max = 2 * 128 * 4 + 5;  // two names of 128 characters in quotes
constexpr std::size_t text_bytes_max = 100;

class Front {
 public:
  explicit Front(ByteView bytes) {
    const std::size_t count = std::min(bytes.size(), bytes_.size());
    std::copy_n(bytes.begin(), count, bytes_.begin());
  }
  [[nodiscard]] std::uint64_t number(std::size_t at, std::size_t size) const {
    std::uint64_t value = 0;
    for (const std::byte byte : ByteView(bytes_).subspan(at, size))
      value = value << 8U | std::to_integer<std::uint64_t>(byte);
    return value;
  }
  [[nodiscard]] ByteView until_zero(std::size_t at, std::size_t size_max) const {
    const ByteView all = ByteView(bytes_).subspan(at, size_max);
    const auto end = std::find(all.begin(), all.end(), std::byte{0});
    return all.first(static_cast<std::size_t>(end - all.begin()));
  }
  [[nodiscard]] std::string text(std::size_t at) const {
    const std::string found(as_text(until_zero(at, text_bytes_max)));
    const bool printable =
        std::all_of(found.begin(), found.end(), [](char c) { return c >= ' ' && c <= '~'; });
    return printable ? found : std::string();
  }
  [[nodiscard]] ByteView bytes(std::size_t at, std::size_t size) const {
    return ByteView(bytes_).subspan(at, size);
  }

 private:
  std::array<std::byte, pump_header_bytes> bytes_{};
};

std::string date(const Front& front) {
  const auto year = front.number(0x29, 2), month = front.number(0x2b, 1),
             day = front.number(0x2c, 1), hour = front.number(0x2d, 1),
             minute = front.number(0x2e, 1), second = front.number(0x2f, 1);
  if (year < 1990 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
      minute > 59 || second > 59)
    return "";
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", year, month, day, hour, minute, second);
}

std::string job(const Front& front, std::uint16_t charset_id) {
  const ByteView stored = front.until_zero(job_offset, job_bytes_max);
  if (const CharacterSet* set = find_character_set(charset_id)) {
    model::Value value = TextDecoder(*set).decode(stored);
    if (value.kind == model::ValueKind::text) return std::move(value.text);
  }
  return is_utf8(as_text(stored)) ? std::string(as_text(stored)) : std::string();
}

}  // namespace

bool PumpHeader::has_blocks() const noexcept {
  return std::has_single_bit(block_bytes) && block_bytes >= 512 && block_bytes <= 1U << 20U;
}

bool is_pump_file(ByteView front) noexcept {
  return front.size() >= magic_offset + magic.size() &&
         is_equal(front.subspan(magic_offset, magic.size()), magic);
}

PumpHeader parse_pump_header(ByteView bytes) {
  const Front front(bytes);
  PumpHeader header;
  header.major = static_cast<unsigned>(front.number(0, 1));
  header.minor = static_cast<unsigned>(front.number(1, 1));
  header.has_master = front.number(0x0e, 1) != 0;
  header.guid = ascii_upper(to_hex(front.bytes(0x0f, 16)));
  header.number = static_cast<std::uint32_t>(front.number(0x1f, 4));
  header.block_bytes = static_cast<std::uint32_t>(front.number(0x23, 4));
  header.charset_id = static_cast<std::uint16_t>(front.number(0x27, 2));
  header.created = date(front);
  // Two generations have a flag more before the four that all have.
  header.flags = static_cast<std::uint32_t>(front.number(0x30, 4));
  header.master_block = static_cast<std::uint32_t>(front.number(0x36, 4));
  header.master_bytes = front.number(0x3a, 8);
  header.job = job(front, header.charset_id);
  const Places& places = header.major < 4 ? old_places : new_places;
  header.platform = front.text(places.platform);
  header.instance = front.text(places.instance);
  header.charset = front.text(places.charset);
  header.db_version = front.text(places.db_version);
  return header;
}

std::string pump_release(const PumpHeader& header) {
  unsigned parts[2] = {0, 0};
  std::size_t part = 0;
  for (const char c : header.db_version) {
    if (c == '.' && ++part == 2) break;
    if (c >= '0' && c <= '9' && parts[part] < 1000)
      parts[part] = parts[part] * 10 + static_cast<unsigned>(c - '0');
  }
  if (parts[0] >= 18) return std::to_string(parts[0]);
  if (parts[0] != 0) return fmt::format("{}.{}", parts[0], parts[1]);
  switch (header.major) {
    case 0:
      return "10.1";
    case 1:
      return "10.2";
    case 2:
      return "11.1";
    case 3:
      return "11.2";
    case 4:
      return "12.1";
    default:
      return "12.2 or later";
  }
}

}  // namespace holdfast::engine::oracle
