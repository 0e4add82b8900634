// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bak/mtf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/utf8.h"
#include "engine/sqlserver/checks.h"

namespace holdfast::engine::sqlserver {
namespace {

// Fields of a block or record; zero or empty where they are not in it.
class Fields {
 public:
  explicit Fields(ByteView bytes) : bytes_(bytes) {}

  [[nodiscard]] ByteView bytes(std::size_t at, std::size_t count) const noexcept {
    if (at > bytes_.size() || count > bytes_.size() - at) return {};
    return bytes_.subspan(at, count);
  }
  [[nodiscard]] std::uint8_t u8(std::size_t at) const noexcept {
    return at < bytes_.size() ? std::to_integer<std::uint8_t>(bytes_[at]) : std::uint8_t{0};
  }
  [[nodiscard]] std::uint16_t u16(std::size_t at) const noexcept {
    const ByteView field = bytes(at, 2);
    return field.empty() ? std::uint16_t{0} : load_le16(field.data());
  }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const noexcept {
    const ByteView field = bytes(at, 4);
    return field.empty() ? 0 : load_le32(field.data());
  }
  [[nodiscard]] std::uint64_t u64(std::size_t at) const noexcept {
    const ByteView field = bytes(at, 8);
    return field.empty() ? 0 : load_le64(field.data());
  }
  // At `at` stand its size in bytes and its offset from the beginning.
  [[nodiscard]] std::string text(std::size_t at) const {
    return utf16_text(bytes(u16(at + 2), u16(at)));
  }
  [[nodiscard]] std::string date(std::size_t at) const { return mtf_date(bytes(at, 5)); }
  [[nodiscard]] std::string guid(std::size_t at) const { return guid_text(bytes(at, 16)); }
  [[nodiscard]] Lsn lsn(std::size_t at) const noexcept {
    return {u32(at), u32(at + 4), u16(at + 8)};
  }

 private:
  ByteView bytes_;
};

Tag tag_at(ByteView bytes) noexcept {
  Tag found{};
  std::transform(bytes.begin(), bytes.begin() + 4, found.begin(),
                 [](std::byte one) { return static_cast<char>(one); });
  return found;
}

bool is_tag(const Tag& type) noexcept {
  return std::all_of(type.begin(), type.end(),
                     [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

// The collation's name from what [MS-TDS] 2.2.5.1.2 calls COLLATION: 20 bits of language, flags,
// version, one byte of sort order for those of before Windows collations.
std::string collation_name(ByteView bytes) {
  struct Language {
    std::uint32_t lcid;
    std::string_view name;
  };
  static constexpr std::array languages{Language{0x0409, "Latin1_General"},
                                        Language{0x0404, "Chinese_Taiwan_Stroke"},
                                        Language{0x0405, "Czech"},
                                        Language{0x0406, "Danish_Norwegian"},
                                        Language{0x0408, "Greek"},
                                        Language{0x040a, "Traditional_Spanish"},
                                        Language{0x040b, "Finnish_Swedish"},
                                        Language{0x040c, "French"},
                                        Language{0x040d, "Hebrew"},
                                        Language{0x040e, "Hungarian"},
                                        Language{0x0411, "Japanese"},
                                        Language{0x0412, "Korean_Wansung"},
                                        Language{0x0415, "Polish"},
                                        Language{0x0418, "Romanian"},
                                        Language{0x0419, "Cyrillic_General"},
                                        Language{0x041e, "Thai"},
                                        Language{0x041f, "Turkish"},
                                        Language{0x0422, "Ukrainian"},
                                        Language{0x042a, "Vietnamese"},
                                        Language{0x0804, "Chinese_PRC"},
                                        Language{0x0c0a, "Modern_Spanish"}};
  const std::uint32_t word = load_le32(bytes.data());
  const auto sort_order = std::to_integer<unsigned>(bytes[4]);
  const auto has = [&](unsigned bit) { return (word >> bit & 1U) != 0; };
  constexpr unsigned ignore_case = 20, ignore_accent = 21, ignore_kana = 22, ignore_width = 23,
                     binary = 24, binary2 = 25;
  if (sort_order == 52) return "SQL_Latin1_General_CP1_CI_AS";
  const auto* const found = std::find_if(languages.begin(), languages.end(), [&](const auto& one) {
    return one.lcid == (word & 0xfffffU);
  });
  if (sort_order != 0 || found == languages.end()) return {};
  static constexpr std::array<std::string_view, 4> versions{"", "_90", "_100", "_140"};
  const std::uint32_t version = word >> 28U;
  if (version >= versions.size()) return {};
  std::string name = fmt::format("{}{}", found->name, versions[version]);
  if (has(binary)) return name + "_BIN";
  if (has(binary2)) return name + "_BIN2";
  name += has(ignore_case) ? "_CI" : "_CS";
  name += has(ignore_accent) ? "_AI" : "_AS";
  if (!has(ignore_kana)) name += "_KS";
  if (!has(ignore_width)) name += "_WS";
  return name;
}

}  // namespace

std::string tag_text(const Tag& tag) {
  return {tag.begin(), tag.end()};
}

std::optional<BlockHead> parse_block_head(ByteView bytes) noexcept {
  if (bytes.size() < block_head_bytes) return std::nullopt;
  BlockHead head;
  head.type = tag_at(bytes);
  head.attributes = load_le32(bytes.data() + 4);
  head.streams_at = load_le16(bytes.data() + 8);
  const bool is_right = xor16(bytes.first(50)) == load_le16(bytes.data() + 50);
  if (!is_tag(head.type) || !is_right) return std::nullopt;
  return head;
}

std::optional<StreamHead> parse_stream_head(ByteView bytes) noexcept {
  if (bytes.size() < stream_head_bytes) return std::nullopt;
  StreamHead head;
  head.type = tag_at(bytes);
  head.media = load_le16(bytes.data() + 6);
  head.size_bytes = load_le64(bytes.data() + 8);
  head.encryption = load_le16(bytes.data() + 16);
  head.compression = load_le16(bytes.data() + 18);
  const bool is_right = xor16(bytes.first(20)) == load_le16(bytes.data() + 20);
  if (!is_tag(head.type) || !is_right) return std::nullopt;
  return head;
}

std::string mtf_date(ByteView five_bytes) {
  if (five_bytes.size() < 5) return {};
  std::uint64_t bits = 0;
  for (const std::byte one : five_bytes.first(5))
    bits = bits << 8U | std::to_integer<unsigned>(one);
  const auto take = [&](unsigned from, unsigned count) {
    return static_cast<unsigned>(bits >> from & ((std::uint64_t{1} << count) - 1));
  };
  const unsigned month = take(22, 4), day = take(17, 5), hour = take(12, 5), minute = take(6, 6),
                 second = take(0, 6);
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return {};
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", take(26, 14), month, day, hour, minute,
                     second);
}

std::string utf16_text(ByteView bytes) {
  std::string text;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    char32_t rune = load_le16(bytes.data() + i);
    const bool is_high = rune >= 0xd800 && rune < 0xdc00;
    if (is_high && i + 3 < bytes.size()) {
      const char32_t low = load_le16(bytes.data() + i + 2);
      if (low >= 0xdc00 && low < 0xe000) {
        rune = 0x10000 + ((rune - 0xd800) << 10U) + (low - 0xdc00);
        i += 2;
      }
    }
    if (rune >= 0xd800 && rune < 0xe000) rune = 0xfffd;
    append_utf8(text, rune);
  }
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

std::string guid_text(ByteView bytes) {
  if (bytes.size() < 16) return {};
  constexpr std::size_t dash = 16;
  constexpr std::array<std::size_t, 20> order{3,    2, 1, 0,    dash, 5,  4,  dash, 7,  6,
                                              dash, 8, 9, dash, 10,   11, 12, 13,   14, 15};
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  for (const std::size_t place : order) {
    if (place == dash) {
      text += '-';
      continue;
    }
    const auto byte = std::to_integer<unsigned>(bytes[place]);
    text += {digits[byte >> 4U], digits[byte & 0xfU]};
  }
  return text;
}

std::string Lsn::text() const {
  return fmt::format("{}:{}:{}", file, block, slot);
}

TapeBlock parse_tape(ByteView block) {
  const Fields fields(block);
  TapeBlock tape;
  tape.family_id = fields.u32(52);
  tape.sequence = fields.u16(60);
  tape.filemark_units = fields.u16(64);
  tape.name = fields.text(68);
  tape.description = fields.text(72);
  tape.software = fields.text(80);
  tape.block_bytes = fields.u16(84);
  tape.vendor = fields.u16(86);
  tape.date = fields.date(88);
  return tape;
}

std::optional<MediaSet> parse_media_set(ByteView stream) {
  if (stream.size() < 26) return std::nullopt;
  const Fields fields(stream);
  MediaSet media;
  media.guid = fields.guid(0);
  media.families = std::max({fields.u16(20), fields.u16(24), std::uint16_t{1}});
  media.family = fields.u16(22);
  return media;
}

SetBlock parse_set(ByteView block) {
  const Fields fields(block);
  SetBlock set;
  set.kind = fields.u32(52);
  set.number = fields.u16(62);
  set.name = fields.text(64);
  set.description = fields.text(68);
  set.user = fields.text(76);
  set.date = fields.date(88);
  const std::size_t own_bytes = fields.u16(44), own_at = fields.u16(46);
  if (own_bytes >= 16) set.guid = fields.guid(own_at);
  return set;
}

VolumeBlock parse_volume(ByteView block) {
  const Fields fields(block);
  return {fields.text(56), fields.text(60), fields.text(64)};
}

EndBlock parse_end(ByteView block) {
  const Fields fields(block);
  return {fields.u32(56), fields.u16(78)};
}

std::optional<SetFacts> parse_set_facts(ByteView record) {
  constexpr std::size_t collation_end = 221;
  if (record.size() < collation_end) return std::nullopt;
  const Fields fields(record);
  SetFacts facts;
  facts.flags = fields.u32(8);
  facts.build = fields.u16(24);
  facts.minor = fields.u8(26);
  facts.major = fields.u8(27);
  facts.first = fields.lsn(32);
  facts.last = fields.lsn(42);
  facts.checkpoint = fields.lsn(52);
  facts.full = fields.lsn(62);
  facts.created = fields.date(72);
  facts.start = fields.date(77);
  facts.finish = fields.date(82);
  facts.type = static_cast<char>(fields.u8(87));
  facts.compatibility = fields.u8(91);
  facts.database_version = fields.u16(94);
  facts.size_bytes = fields.u64(96);
  facts.database = fields.text(104);
  facts.server = fields.text(108);
  facts.lcid = fields.u32(116);
  facts.binding_guid = fields.guid(124);
  facts.family_guid = fields.guid(224);
  const ByteView collation = fields.bytes(216, 5);
  facts.collation_bytes = to_hex(collation);
  facts.collation = collation_name(collation);
  return facts;
}

std::optional<DatabaseFile> parse_database_file(ByteView record) {
  constexpr std::size_t names_end = 56;
  if (record.size() < names_end) return std::nullopt;
  const Fields fields(record);
  DatabaseFile file;
  file.flags = fields.u32(8);
  file.id = fields.u32(20);
  file.pages = fields.u32(24);
  file.sector_bytes = fields.u32(32);
  file.filegroup = fields.u32(36);
  file.size_bytes = fields.u64(40);
  file.logical_name = fields.text(48);
  file.physical_name = fields.text(52);
  return file;
}

}  // namespace holdfast::engine::sqlserver
