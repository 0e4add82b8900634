// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/character_sets.h"

#include <iconv.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/utf8.h"

namespace holdfast::engine::oracle {
namespace {

// By number. Sets without a counterpart that is exactly theirs have no name for iconv.
constexpr std::array sets{
    CharacterSet{1, "US7ASCII", "", false, 1},
    CharacterSet{2, "WE8DEC", "DEC-MCS", false, 1},
    CharacterSet{10, "WE8PC850", "CP850", false, 1},
    CharacterSet{28, "WE8PC858", "CP858", false, 1},
    CharacterSet{31, "WE8ISO8859P1", "ISO-8859-1", false, 1},
    CharacterSet{32, "EE8ISO8859P2", "ISO-8859-2", false, 1},
    CharacterSet{35, "CL8ISO8859P5", "ISO-8859-5", false, 1},
    CharacterSet{36, "AR8ISO8859P6", "ISO-8859-6", false, 1},
    CharacterSet{37, "EL8ISO8859P7", "ISO-8859-7", false, 1},
    CharacterSet{38, "IW8ISO8859P8", "ISO-8859-8", false, 1},
    CharacterSet{39, "WE8ISO8859P9", "ISO-8859-9", false, 1},
    CharacterSet{41, "TH8TISASCII", "TIS-620", false, 1},
    CharacterSet{45, "VN8MSWIN1258", "CP1258", false, 1},
    CharacterSet{46, "WE8ISO8859P15", "ISO-8859-15", false, 1},
    CharacterSet{47, "BLT8ISO8859P13", "ISO-8859-13", false, 1},
    CharacterSet{51, "CL8KOI8U", "KOI8-U", false, 1},
    CharacterSet{150, "EE8PC852", "CP852", false, 1},
    CharacterSet{152, "RU8PC866", "CP866", false, 1},
    CharacterSet{170, "EE8MSWIN1250", "CP1250", false, 1},
    CharacterSet{171, "CL8MSWIN1251", "CP1251", false, 1},
    CharacterSet{173, "BG8MSWIN", "", false, 1},
    CharacterSet{174, "EL8MSWIN1253", "CP1253", false, 1},
    CharacterSet{175, "IW8MSWIN1255", "CP1255", false, 1},
    CharacterSet{177, "TR8MSWIN1254", "CP1254", false, 1},
    CharacterSet{178, "WE8MSWIN1252", "CP1252", false, 1},
    CharacterSet{179, "BLT8MSWIN1257", "CP1257", false, 1},
    CharacterSet{196, "CL8KOI8R", "KOI8-R", false, 1},
    CharacterSet{560, "AR8MSWIN1256", "CP1256", false, 1},
    CharacterSet{829, "JA16VMS", "", true, 2},
    CharacterSet{830, "JA16EUC", "EUC-JP", true, 3},
    CharacterSet{832, "JA16SJIS", "CP932", true, 2},
    CharacterSet{837, "JA16EUCTILDE", "EUC-JP-MS", true, 3},
    CharacterSet{838, "JA16SJISTILDE", "CP932", true, 2},
    CharacterSet{840, "KO16KSC5601", "EUC-KR", true, 2},
    CharacterSet{846, "KO16MSWIN949", "CP949", true, 2},
    CharacterSet{850, "ZHS16CGB231280", "EUC-CN", true, 2},
    CharacterSet{852, "ZHS16GBK", "GBK", true, 2},
    CharacterSet{854, "ZHS32GB18030", "GB18030", true, 4},
    CharacterSet{860, "ZHT32EUC", "EUC-TW", true, 4},
    CharacterSet{865, "ZHT16BIG5", "BIG5", true, 2},
    CharacterSet{867, "ZHT16MSWIN950", "CP950", true, 2},
    CharacterSet{868, "ZHT16HKSCS", "BIG5-HKSCS", true, 2},
    CharacterSet{870, "AL24UTFFSS", "", true, 3},
    CharacterSet{871, "UTF8", "", true, 3},
    CharacterSet{872, "UTFE", "", true, 4},
    CharacterSet{873, "AL32UTF8", "", true, 4},
    CharacterSet{2000, "AL16UTF16", "", true, 4},
    CharacterSet{2002, "AL16UTF16LE", "", true, 4},
};
static_assert(std::ranges::is_sorted(sets, {}, &CharacterSet::id));

constexpr std::uint16_t ja16sjis_id = 832;

constexpr bool is_high_surrogate(char32_t unit) noexcept {
  return unit >= 0xd800 && unit < 0xdc00;
}
constexpr bool is_low_surrogate(char32_t unit) noexcept {
  return unit >= 0xdc00 && unit < 0xe000;
}
constexpr char32_t of_surrogates(char32_t high, char32_t low) noexcept {
  return 0x10000 + ((high - 0xd800) << 10U) + (low - 0xdc00);
}

bool from_utf16(std::string_view stored, bool is_big_endian, std::string& utf8) {
  if (stored.size() % 2 != 0) return false;
  utf8.reserve(stored.size());
  const auto unit_at = [&](std::size_t at) {
    const auto first = static_cast<unsigned char>(stored[at]);
    const auto second = static_cast<unsigned char>(stored[at + 1]);
    return static_cast<char32_t>(is_big_endian ? first << 8U | second : second << 8U | first);
  };
  for (std::size_t at = 0; at < stored.size(); at += 2) {
    const char32_t unit = unit_at(at);
    if (is_low_surrogate(unit)) return false;
    if (!is_high_surrogate(unit)) {
      append_utf8(utf8, unit);
      continue;
    }
    at += 2;
    if (at == stored.size() || !is_low_surrogate(unit_at(at))) return false;
    append_utf8(utf8, of_surrogates(unit, unit_at(at)));
  }
  return true;
}

// A surrogate in three bytes, as only CESU-8 has them.
std::optional<char32_t> surrogate_at(std::string_view text) noexcept {
  if (text.size() < 3) return std::nullopt;
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) != 0xed || (byte(1) & 0xe0U) != 0xa0 || (byte(2) & 0xc0U) != 0x80)
    return std::nullopt;
  return 0xd000U | static_cast<char32_t>(byte(1) & 0x3fU) << 6U | (byte(2) & 0x3fU);
}

// Oracle's UTF8 also holds characters of four bytes where a program put them in unchecked.
bool from_cesu8(std::string_view stored, std::string& utf8) {
  utf8.reserve(stored.size());
  while (!stored.empty()) {
    const Utf8Rune rune = decode_utf8(stored);
    if (rune.size_bytes > 0) {
      utf8.append(stored.substr(0, rune.size_bytes));
      stored.remove_prefix(rune.size_bytes);
      continue;
    }
    const auto high = surrogate_at(stored);
    const auto low = high ? surrogate_at(stored.substr(3)) : std::nullopt;
    if (!low || !is_high_surrogate(*high) || !is_low_surrogate(*low)) return false;
    append_utf8(utf8, of_surrogates(*high, *low));
    stored.remove_prefix(6);
  }
  return true;
}

// JA16SJIS differs from JA16SJISTILDE in one character: 81 60 is a wave dash, not a wide tilde.
void put_wave_dashes(std::string& utf8) {
  constexpr std::string_view tilde = "\uff5e", dash = "\u301c";
  for (std::size_t at = utf8.find(tilde); at != std::string::npos; at = utf8.find(tilde, at + 3))
    utf8.replace(at, tilde.size(), dash);
}

}  // namespace

const CharacterSet* find_character_set(std::uint16_t id) noexcept {
  const auto* const found = std::ranges::lower_bound(sets, id, {}, &CharacterSet::id);
  return found != sets.end() && found->id == id ? &*found : nullptr;
}

const CharacterSet* find_character_set(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(sets, name, &CharacterSet::name);
  return found != sets.end() ? &*found : nullptr;
}

class TextDecoder::Converter {
 public:
  // Nothing if the C library has no such set installed.
  static std::unique_ptr<Converter> make(std::string_view iconv_name) {
    const iconv_t handle = ::iconv_open("UTF-8", std::string(iconv_name).c_str());
    if (handle == reinterpret_cast<iconv_t>(-1)) return nullptr;
    return std::unique_ptr<Converter>(new Converter(handle));
  }
  ~Converter() { ::iconv_close(handle_); }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  // False: no text of the set.
  [[nodiscard]] bool convert(std::string_view stored, std::string& utf8) {
    ::iconv(handle_, nullptr, nullptr, nullptr, nullptr);
    std::string from(stored);
    char* in = from.data();
    std::size_t in_bytes = from.size();
    // No set gives more: a character of two bytes may become two of two, or one of four.
    utf8.resize(stored.size() * 2 + 16);
    char* out = utf8.data();
    std::size_t out_bytes = utf8.size();
    constexpr auto failed = static_cast<std::size_t>(-1);
    const bool whole = ::iconv(handle_, &in, &in_bytes, &out, &out_bytes) != failed &&
                       in_bytes == 0 &&
                       ::iconv(handle_, nullptr, nullptr, &out, &out_bytes) != failed;
    utf8.resize(utf8.size() - out_bytes);
    return whole;
  }

 private:
  explicit Converter(iconv_t handle) : handle_(handle) {}
  iconv_t handle_;
};

TextDecoder::TextDecoder(const CharacterSet& set) : set_(&set) {
  switch (set.id) {
    case unicode_1_1_id:
    case utf8_id:
      way_ = Way::utf8;
      return;
    case cesu8_id:
      way_ = Way::cesu8;
      return;
    case utf16be_id:
      way_ = Way::utf16be;
      return;
    case utf16le_id:
      way_ = Way::utf16le;
      return;
    default:
      break;
  }
  if (set.iconv_name.empty()) return;
  converter_ = Converter::make(set.iconv_name);
  if (!converter_) return;
  way_ = set.is_multibyte ? Way::iconv : Way::table;
  if (way_ != Way::table) return;
  fill_table(*converter_);
  converter_.reset();
}

TextDecoder::~TextDecoder() = default;
TextDecoder::TextDecoder(TextDecoder&&) noexcept = default;
TextDecoder& TextDecoder::operator=(TextDecoder&&) noexcept = default;

// Each byte for itself: what iconv() makes of VN8MSWIN1258 would depend on its neighbour.
void TextDecoder::fill_table(Converter& converter) {
  table_ = std::make_unique<std::array<std::string, 256>>();
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char stored = static_cast<char>(byte);
    std::string& utf8 = (*table_)[byte];
    if (!converter.convert({&stored, 1}, utf8)) utf8.clear();
  }
}

bool TextDecoder::is_complete() const noexcept {
  return way_ != Way::ascii || set_->id == us7ascii_id;
}

bool TextDecoder::convert(std::string_view stored, std::string& utf8) {
  switch (way_) {
    case Way::ascii:
      return false;  // it is none, else nobody had asked
    case Way::utf8:
      utf8 = stored;
      return is_utf8(stored);
    case Way::cesu8:
      return from_cesu8(stored, utf8);
    case Way::utf16be:
      return from_utf16(stored, true, utf8);
    case Way::utf16le:
      return from_utf16(stored, false, utf8);
    case Way::table:
      utf8.reserve(stored.size() * 2);
      for (const char byte : stored) {
        const std::string& character = (*table_)[static_cast<unsigned char>(byte)];
        if (character.empty()) return false;
        utf8 += character;
      }
      return true;
    case Way::iconv:
      if (!converter_->convert(stored, utf8)) return false;
      if (set_->id == ja16sjis_id) put_wave_dashes(utf8);
      return true;
  }
  return false;
}

void TextDecoder::decode(ByteView stored, model::Value& into) {
  const std::string_view bytes = as_text(stored);
  const bool is_wide = way_ == Way::utf16be || way_ == Way::utf16le;
  into.kind = model::ValueKind::text;
  into.text.clear();
  const bool is_ascii = !is_wide && ascii_prefix_bytes(bytes) == bytes.size();
  if (!is_ascii && convert(bytes, into.text)) return;
  if (!is_ascii) into.kind = model::ValueKind::bytes;
  into.text.assign(bytes);
}

model::Value TextDecoder::decode(ByteView stored) {
  model::Value value;
  decode(stored, value);
  return value;
}

}  // namespace holdfast::engine::oracle
