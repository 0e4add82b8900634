// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/exp_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace holdfast::engine::oracle {
namespace {

constexpr std::string_view magic = "EXPORT:V";
constexpr std::size_t magic_at = 3;
constexpr std::string_view direct_mark = "D\n";
// Two bytes of the front charset and a mark may each have gained a byte in a transfer as text.
constexpr std::size_t magic_at_most = 8;
constexpr std::uint32_t block_size_bytes_max = 1U << 20U;
constexpr std::size_t reserved_bytes = 9;

std::uint16_t be16(ByteView bytes) noexcept {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[0]) << 8U |
                                    std::to_integer<unsigned>(bytes[1]));
}

[[noreturn]] void refuse(std::string_view what) {
  throw Error(Errc::corrupt, fmt::format("the header's {} is no good", what));
}

// Reads the header from front to end.
class Fields {
 public:
  explicit Fields(ByteView front) : rest_(front) {}

  ByteView take(std::size_t count, std::string_view what) {
    if (rest_.size() < count)
      throw Error(Errc::corrupt, fmt::format("the file ends within the header's {}", what));
    const ByteView taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  std::uint16_t number(std::string_view what) { return be16(take(2, what)); }
  std::string_view line(std::string_view what) {
    const std::string_view text = as_text(rest_);
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) refuse(what);
    rest_ = rest_.subspan(end + 1);
    return text.substr(0, end);
  }
  std::uint32_t number_line(std::string_view what) {
    const std::string_view text = line(what);
    std::uint32_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, number);
    if (failure != std::errc() || rest != end) refuse(what);
    return number;
  }
  [[nodiscard]] std::string_view until_zero() const {
    const std::string_view text = as_text(rest_);
    return text.substr(0, std::min(text.find('\0'), text.size()));
  }

 private:
  ByteView rest_;
};

bool is_version(std::string_view text) noexcept {
  if (text.size() != 8) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool should_be_point = i == 2 || i == 5;
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (should_be_point ? text[i] != '.' : !is_digit) return false;
  }
  return true;
}

}  // namespace

std::string ExpHeader::release() const {
  const auto part = [this](std::size_t at) {
    const std::string digits = version.substr(at, 2);
    return digits.front() == '0' ? digits.substr(1) : digits;
  };
  return part(0) + "." + part(3);
}

bool ExpHeader::is_of_set_of(const ExpHeader& other) const {
  return version == other.version && user == other.user && is_dba == other.is_dba &&
         mode == other.mode && is_direct == other.is_direct &&
         block_size_bytes == other.block_size_bytes && client_charset == other.client_charset &&
         database_charset == other.database_charset && national_charset == other.national_charset &&
         created == other.created;
}

bool begins_as_exp(ByteView front) noexcept {
  if (front.empty() || front[0] != std::byte{3}) return false;
  const std::size_t found = as_text(front).substr(0, magic_at_most + magic.size()).find(magic);
  return found != std::string_view::npos && found >= magic_at;
}

bool is_in_text_mode(ByteView front) noexcept {
  const std::string_view text = as_text(front);
  const std::size_t end = text.find('\n', text.find(magic));
  return end != std::string_view::npos && text[end - 1] == '\r';
}

ExpHeader parse_exp_header(ByteView front) {
  ExpHeader header;
  Fields fields(front);
  if (fields.take(1, "generation")[0] != std::byte{3}) refuse("generation");
  header.front_charset = fields.number("character set");
  // Only here: a user FRED has the same two bytes further on.
  header.is_direct = as_text(front).substr(magic_at).starts_with(direct_mark);
  if (header.is_direct) fields.take(direct_mark.size(), "mark of the direct path");
  const std::string_view version = fields.line("version");
  if (!version.starts_with(magic) || !is_version(version.substr(magic.size()))) refuse("version");
  header.version = version.substr(magic.size());
  const std::string_view user = fields.line("user");
  if (!user.starts_with('D') && !user.starts_with('U')) refuse("user");
  header.is_dba = user.front() == 'D';
  header.user = user.substr(1);
  header.mode = fields.line("mode");
  if (header.mode != "RUSERS" && header.mode != "RTABLES" && header.mode != "RENTIRE")
    refuse("mode");
  header.block_size_bytes = fields.number_line("block size");
  if (header.block_size_bytes < 512 || header.block_size_bytes > block_size_bytes_max)
    refuse("block size");
  for (int i = 0; i < 3; ++i) static_cast<void>(fields.number_line("numbers"));
  header.client_charset = fields.number("client's character set");
  header.database_charset = fields.number("database's character set");
  header.national_charset = fields.number("national character set");
  header.file_number = fields.number("file number");
  fields.take(reserved_bytes, "reserved bytes");
  const ByteView length = fields.take(2, "file name");
  const std::size_t name_bytes =
      std::to_integer<std::size_t>(length[0]) | std::to_integer<std::size_t>(length[1]) << 8U;
  const std::string_view text = fields.until_zero();
  if (name_bytes > text.size()) refuse("file name");
  header.file_name = text.substr(text.size() - name_bytes);
  std::string_view created = text.substr(0, text.size() - name_bytes);
  created.remove_prefix(std::min(created.find_first_not_of(' '), created.size()));
  header.created = created;
  return header;
}

}  // namespace holdfast::engine::oracle
