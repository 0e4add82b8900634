// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bcp/bcp_variant.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>

#include "base/error.h"
#include "engine/oracle/character_sets.h"
#include "engine/sqlserver/bcp/bcp_values.h"
#include "engine/sqlserver/checks.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Value;
using model::ValueKind;

struct Base {
  std::uint8_t id;
  std::string_view name;
  std::uint8_t property_bytes;
  std::uint8_t value_bytes;  // 0: of several lengths
};
constexpr std::array bases{
    Base{0x24, "uniqueidentifier", 0, 16},
    Base{0x28, "date", 0, 3},
    Base{0x29, "time", 1, 0},
    Base{0x2a, "datetime2", 1, 0},
    Base{0x2b, "datetimeoffset", 1, 0},
    Base{0x30, "tinyint", 0, 1},
    Base{0x32, "bit", 0, 1},
    Base{0x34, "smallint", 0, 2},
    Base{0x38, "int", 0, 4},
    Base{0x3a, "smalldatetime", 0, 4},
    Base{0x3b, "real", 0, 4},
    Base{0x3c, "money", 0, 8},
    Base{0x3d, "datetime", 0, 8},
    Base{0x3e, "float", 0, 8},
    Base{0x6a, "decimal", 2, 0},
    Base{0x6c, "numeric", 2, 0},
    Base{0x7a, "smallmoney", 0, 4},
    Base{0x7f, "bigint", 0, 8},
    Base{0xa5, "varbinary", 2, 0},
    Base{0xa7, "varchar", 7, 0},
    Base{0xad, "binary", 2, 0},
    Base{0xaf, "char", 7, 0},
    Base{0xe7, "nvarchar", 7, 0},
    Base{0xef, "nchar", 7, 0},
};

struct Variant {
  const Base* base = nullptr;
  ByteView properties, value;
  SqlColumn column;  // of its own type

  [[nodiscard]] unsigned property(std::size_t at) const {
    return std::to_integer<unsigned>(properties[at]);
  }
};

std::optional<Variant> parse(ByteView stored) {
  const auto id = std::to_integer<std::uint8_t>(stored[0]);
  const auto* const base = std::ranges::find(bases, id, &Base::id);
  const auto count = std::to_integer<std::size_t>(stored[1]);
  if (base == bases.end() || count != base->property_bytes || stored.size() < 2 + count)
    return std::nullopt;
  Variant variant;
  variant.base = base;
  variant.properties = stored.subspan(2, count);
  variant.value = stored.subspan(2 + count);
  if (base->value_bytes > 0 && variant.value.size() != base->value_bytes) return std::nullopt;
  SqlColumn& column = variant.column;
  column.type_name = base->name;
  column.type = sql_type(base->name);
  switch (count) {
    case 1:
      column.scale = variant.property(0);
      break;
    case 2:
      column.length = load_le16(variant.properties.data());
      column.precision = variant.property(0);
      column.scale = variant.property(1);
      break;
    case 7:
      column.length = load_le16(variant.properties.data() + 5);
      if (id == 0xe7 || id == 0xef) column.length /= 2;
      break;
    default:
      break;
  }
  return variant;
}

bool decode_code_page(const Variant& variant, Value& into) {
  const std::string_view text = as_text(variant.value);
  into.text.assign(text);
  if (ascii_prefix_bytes(text) == text.size()) return true;
  const std::string_view page = code_page_of(variant.properties.first(5));
  if (page.empty()) return false;
  const oracle::CharacterSet set{0, page, page, true, 4};
  oracle::TextDecoder(set).decode(variant.value, into);
  return into.kind == ValueKind::text;
}

// A sign and as many bytes as are needed.
bool decode_number(const Variant& variant, Value& into) {
  const std::size_t size = variant.value.size();
  if (size < 2 || size > 17 || std::to_integer<unsigned>(variant.value[0]) > 1) return false;
  UInt128 magnitude = 0;
  for (std::size_t i = size; i-- > 1;)
    magnitude = magnitude << 8U | std::to_integer<unsigned>(variant.value[i]);
  return set_decimal(into, variant.value[0] == std::byte{0}, magnitude, variant.column.scale);
}

// Fewer digits have fewer bytes; in columns all have those of seven.
bool decode_time(const Variant& variant, Value& into) {
  const unsigned scale = variant.column.scale, bytes = variant_time_bytes(scale);
  const std::size_t behind = bcp_layout(variant.column).bytes_max - 5;
  if (scale > 7 || variant.value.size() != bytes + behind) return false;
  std::array<std::byte, 16> stored{};
  std::ranges::copy(variant.value.first(bytes), stored.begin());
  const std::uint64_t ticks = load_le64(stored.data()) * variant_time_ticks(scale);
  constexpr std::uint64_t ticks_per_day = 864'000'000'000;
  if (ticks >= ticks_per_day) return false;
  store_le64(stored.data(), ticks);
  std::ranges::copy(variant.value.subspan(bytes), stored.begin() + 5);
  return decode_bcp(variant.column, ByteView(stored).first(5 + behind), into);
}

bool decode_value(const Variant& variant, Value& into) {
  switch (variant.column.type) {
    case SqlType::character:
    case SqlType::varchar:
      return decode_code_page(variant, into);
    case SqlType::decimal:
      return decode_number(variant, into);
    case SqlType::time:
    case SqlType::datetime2:
    case SqlType::datetimeoffset:
      return decode_time(variant, into);
    case SqlType::binary:
    case SqlType::varbinary:
      into.text = "0x" + to_hex(variant.value);
      into.kind = ValueKind::other;
      return true;
    default:
      return decode_bcp(variant.column, variant.value, into);
  }
}

}  // namespace

std::string_view code_page_of(ByteView collation) noexcept {
  const std::uint32_t word = load_le32(collation.data());
  const auto sort_order = std::to_integer<unsigned>(collation[4]);
  constexpr std::uint32_t flag_utf8 = 1U << 26U, lcid_mask = 0xfffff;
  if ((word & flag_utf8) != 0) return "UTF-8";
  struct Range {
    std::uint32_t first, last;
    std::string_view page;
  };
  static constexpr std::array by_order{
      Range{30, 34, "CP437"},    Range{40, 49, "CP850"},    Range{50, 54, "CP1252"},
      Range{55, 61, "CP850"},    Range{71, 75, "CP1252"},   Range{80, 99, "CP1250"},
      Range{104, 108, "CP1251"}, Range{112, 124, "CP1253"}, Range{128, 130, "CP1254"},
      Range{136, 138, "CP1255"}, Range{144, 146, "CP1256"}, Range{152, 160, "CP1257"},
      Range{183, 186, "CP1252"}, Range{210, 217, "CP1252"}};
  static constexpr std::array by_language{
      Range{0x0402, 0x0402, "CP1251"}, Range{0x0404, 0x0404, "CP950"},
      Range{0x0405, 0x0405, "CP1250"}, Range{0x0406, 0x0407, "CP1252"},
      Range{0x0408, 0x0408, "CP1253"}, Range{0x0409, 0x040c, "CP1252"},
      Range{0x040d, 0x040d, "CP1255"}, Range{0x040e, 0x040e, "CP1250"},
      Range{0x040f, 0x0410, "CP1252"}, Range{0x0411, 0x0411, "CP932"},
      Range{0x0412, 0x0412, "CP949"},  Range{0x0413, 0x0414, "CP1252"},
      Range{0x0415, 0x0415, "CP1250"}, Range{0x0418, 0x0418, "CP1250"},
      Range{0x0419, 0x0419, "CP1251"}, Range{0x041a, 0x041c, "CP1250"},
      Range{0x041d, 0x041d, "CP1252"}, Range{0x041e, 0x041e, "CP874"},
      Range{0x041f, 0x041f, "CP1254"}, Range{0x0422, 0x0423, "CP1251"},
      Range{0x0424, 0x0424, "CP1250"}, Range{0x0425, 0x0427, "CP1257"},
      Range{0x042a, 0x042a, "CP1258"}, Range{0x0804, 0x0804, "CP936"},
      Range{0x0c0a, 0x0c0a, "CP1252"}};
  const bool by_sort_order = sort_order != 0;
  const std::uint32_t number = by_sort_order ? sort_order : word & lcid_mask;
  const auto find = [number](const auto& ranges) -> std::string_view {
    for (const Range& range : ranges)
      if (number >= range.first && number <= range.last) return range.page;
    return {};
  };
  return by_sort_order ? find(by_order) : find(by_language);
}

bool decode_variant(const SqlColumn& column, ByteView stored, Value& into) {
  const auto variant = parse(stored);
  into.kind = ValueKind::other;
  if (!variant) {
    into.text = fmt::format("type 0x{} 0x{}", to_hex(stored.first(1)), to_hex(stored.subspan(1)));
    return false;
  }
  const std::string type = variant->column.declared();
  const bool is_known =
      in_context("reading column " + column.name, [&] { return decode_value(*variant, into); });
  if (!is_known) {
    into.text = fmt::format("{} 0x{}", type, to_hex(variant->value));
  } else if (into.kind == ValueKind::real) {
    const bool is_single = variant->column.type == SqlType::real;
    into.text = is_single ? fmt::format("{} {}", type, static_cast<float>(into.real))
                          : fmt::format("{} {}", type, into.real);
  } else {
    into.text = type + " " + into.text;
  }
  into.kind = ValueKind::other;
  return is_known;
}

}  // namespace holdfast::engine::sqlserver
