// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/copy_binary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <concepts>
#include <limits>
#include <span>
#include <system_error>
#include <utility>

#include "engine/postgresql/copy_text.h"

namespace holdfast::engine::postgresql {
namespace {

constexpr std::array<std::pair<std::string_view, BinaryForm>, 19> forms{{
    {"int2", BinaryForm::int2},
    {"int4", BinaryForm::int4},
    {"int8", BinaryForm::int8},
    {"oid", BinaryForm::oid},
    {"bool", BinaryForm::boolean},
    {"float4", BinaryForm::float4},
    {"float8", BinaryForm::float8},
    {"numeric", BinaryForm::numeric},
    {"text", BinaryForm::text},
    {"varchar", BinaryForm::text},
    {"bpchar", BinaryForm::text},
    {"json", BinaryForm::text},
    {"jsonb", BinaryForm::jsonb},
    {"bytea", BinaryForm::bytea},
    {"uuid", BinaryForm::uuid},
    {"date", BinaryForm::date},
    {"time", BinaryForm::time},
    {"timestamp", BinaryForm::timestamp},
    {"timestamptz", BinaryForm::timestamptz},
}};

constexpr std::uint32_t null_length = 0xffffffff;
constexpr std::uint16_t end_of_rows = 0xffff;
constexpr std::uint8_t jsonb_version = 1;
constexpr std::int64_t us_per_second = 1'000'000;
constexpr std::int64_t us_per_day = 86'400 * us_per_second;

template <std::unsigned_integral Number>
void put(Bytes& into, Number number) {
  std::array<std::byte, sizeof(Number)> bytes;
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    bytes[i] = static_cast<std::byte>(number >> (8 * (sizeof(Number) - 1 - i)));
  append(into, ByteView(bytes));
}

// A value of fixed width, with its length.
template <std::unsigned_integral Number>
bool put_value(Bytes& into, Number number) {
  put(into, static_cast<std::uint32_t>(sizeof(Number)));
  put(into, number);
  return true;
}

bool put_bytes(Bytes& into, std::string_view bytes) {
  put(into, static_cast<std::uint32_t>(bytes.size()));
  append(into, bytes);
  return true;
}

template <typename Number>
bool read_whole(std::string_view text, Number& number) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && end == text.data() + text.size();
}

template <std::integral Number>
bool put_integer(Bytes& into, std::string_view text) {
  Number number{};
  return read_whole(text, number) &&
         put_value(into, static_cast<std::make_unsigned_t<Number>>(number));
}

template <typename Real, std::unsigned_integral Bits>
bool put_real(Bytes& into, std::string_view text) {
  Real real{};
  if (text == "NaN") {
    real = std::numeric_limits<Real>::quiet_NaN();
  } else if (text == "Infinity" || text == "-Infinity") {
    real = std::numeric_limits<Real>::infinity();
    if (text.front() == '-') real = -real;
  } else if (!read_whole(text, real)) {
    return false;
  }
  return put_value(into, std::bit_cast<Bits>(real));
}

bool put_boolean(Bytes& into, std::string_view text) {
  if (text != "t" && text != "f") return false;
  return put_value(into, static_cast<std::uint8_t>(text == "t" ? 1 : 0));
}

bool are_digits(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Digits to the base of 10,000, counted from the point; `weight` is that of the first, `scale` the
// count of decimal digits behind the point.
bool put_numeric(Bytes& into, std::string_view text) {
  constexpr std::size_t digits_max = 16'000;
  constexpr std::uint16_t negative = 0x4000, not_a_number = 0xc000;
  std::uint16_t sign = 0;
  std::string_view whole, fraction;
  if (text == "NaN") {
    sign = not_a_number;
  } else {
    if (text.starts_with('-')) {
      sign = negative;
      text.remove_prefix(1);
    }
    const auto point = text.find('.');
    whole = text.substr(0, point);
    if (point != std::string_view::npos) fraction = text.substr(point + 1);
    if (whole.empty() || !are_digits(whole) || !are_digits(fraction)) return false;
    if (whole.size() > digits_max || fraction.size() > digits_max) return false;
  }
  const std::size_t scale = fraction.size();
  while (whole.starts_with('0')) whole.remove_prefix(1);
  std::array<std::uint16_t, digits_max / 2 + 2> digits;
  std::size_t count = 0;
  const auto value_of = [](std::string_view four) {
    std::uint16_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value = static_cast<std::uint16_t>(value * 10 + (i < four.size() ? four[i] - '0' : 0));
    return value;
  };
  int weight = static_cast<int>((whole.size() + 3) / 4) - 1;
  if (const std::size_t odd = whole.size() % 4; odd != 0) {
    std::uint16_t value = 0;
    for (const char c : whole.substr(0, odd))
      value = static_cast<std::uint16_t>(value * 10 + (c - '0'));
    digits[count++] = value;
    whole.remove_prefix(odd);
  }
  for (; !whole.empty(); whole.remove_prefix(4)) digits[count++] = value_of(whole.substr(0, 4));
  for (; !fraction.empty(); fraction.remove_prefix(std::min<std::size_t>(4, fraction.size())))
    digits[count++] = value_of(fraction.substr(0, 4));
  std::span<const std::uint16_t> kept = std::span(digits).first(count);
  while (!kept.empty() && kept.front() == 0) {
    kept = kept.subspan(1);
    --weight;
  }
  while (!kept.empty() && kept.back() == 0) kept = kept.first(kept.size() - 1);
  if (kept.empty()) {
    weight = 0;
    if (sign == negative) sign = 0;
  }
  put(into, static_cast<std::uint32_t>(8 + 2 * kept.size()));
  put(into, static_cast<std::uint16_t>(kept.size()));
  put(into, static_cast<std::uint16_t>(weight));
  put(into, sign);
  put(into, static_cast<std::uint16_t>(scale));
  for (const std::uint16_t digit : kept) put(into, digit);
  return true;
}

bool put_hex(Bytes& into, std::string_view digits) {
  if (digits.size() % 2 != 0) return false;
  put(into, static_cast<std::uint32_t>(digits.size() / 2));
  const std::size_t begin = into.size();
  into.resize(begin + digits.size() / 2);
  return read_hex(digits, std::span(into).subspan(begin));
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

bool put_uuid(Bytes& into, std::string_view text) {
  constexpr std::size_t length = 36;
  if (text.size() != length) return false;
  put(into, std::uint32_t{16});
  for (const std::size_t group : {8U, 4U, 4U, 4U, 12U}) {
    const std::size_t begin = into.size();
    into.resize(begin + group / 2);
    if (!read_hex(text.substr(0, group), std::span(into).subspan(begin))) return false;
    text.remove_prefix(group);
    if (!text.empty() && !take(text, '-')) return false;
  }
  return true;
}

// Takes digits from the front of a text, at least `least`, at most `most`.
std::optional<int> take_digits(std::string_view& text, std::size_t least, std::size_t most) {
  int value = 0;
  std::size_t count = 0;
  while (count < most && count < text.size() && text[count] >= '0' && text[count] <= '9')
    value = value * 10 + (text[count++] - '0');
  if (count < least) return std::nullopt;
  text.remove_prefix(count);
  return value;
}

// "2026-11-20", from the front, to days since 2000-01-01.
std::optional<std::int64_t> take_days(std::string_view& text, bool before_christ) {
  const auto year = take_digits(text, 4, 7);
  if (!year || *year == 0 || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2, 2);
  if (!day || *month < 1 || *month > 12 || *day < 1) return std::nullopt;
  // Days of the proleptic Gregorian calendar, of which 400 years have 146,097: those are taken off,
  // as std::chrono knows years of 16 bits.
  const std::int64_t astronomical = before_christ ? 1 - *year : *year;
  std::int64_t eras = (astronomical - 2000) / 400;
  if (astronomical < 2000 + eras * 400) --eras;
  const std::chrono::year_month_day date{
      std::chrono::year(static_cast<int>(astronomical - eras * 400)),
      std::chrono::month(static_cast<unsigned>(*month)),
      std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  constexpr std::chrono::sys_days epoch = std::chrono::year(2000) / 1 / 1;
  return (std::chrono::sys_days(date) - epoch).count() + eras * 146'097;
}

// "10:56:01.5", from the front, to microseconds.
std::optional<std::int64_t> take_time(std::string_view& text) {
  const auto hours = take_digits(text, 2, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2, 2);
  if (!minutes || !take(text, ':')) return std::nullopt;
  const auto seconds = take_digits(text, 2, 2);
  if (!seconds || *hours > 24 || *minutes > 59 || *seconds > 59) return std::nullopt;
  std::int64_t us = (*hours * 3600LL + *minutes * 60LL + *seconds) * us_per_second;
  if (take(text, '.')) {
    const std::size_t before = text.size();
    const auto fraction = take_digits(text, 1, 6);
    if (!fraction) return std::nullopt;
    std::int64_t part = *fraction;
    for (std::size_t i = before - text.size(); i < 6; ++i) part *= 10;
    us += part;
  }
  return us <= us_per_day ? std::optional(us) : std::nullopt;
}

bool take_era(std::string_view& text) {
  if (!text.ends_with(" BC")) return false;
  text.remove_suffix(3);
  return true;
}

// As far as a date goes: from 4714-11-24 BC to 5874897-12-31.
constexpr std::int64_t days_min = -2'451'545, days_max = 2'145'031'948;

bool put_date(Bytes& into, std::string_view text) {
  using Limits = std::numeric_limits<std::int32_t>;
  if (text == "infinity") return put_value(into, static_cast<std::uint32_t>(Limits::max()));
  if (text == "-infinity") return put_value(into, static_cast<std::uint32_t>(Limits::min()));
  const bool before_christ = take_era(text);
  const auto days = take_days(text, before_christ);
  if (!days || !text.empty() || *days < days_min || *days > days_max) return false;
  return put_value(into, static_cast<std::uint32_t>(*days));
}

bool put_time(Bytes& into, std::string_view text) {
  const auto us = take_time(text);
  return us && text.empty() && put_value(into, static_cast<std::uint64_t>(*us));
}

bool put_timestamp(Bytes& into, std::string_view text, bool with_zone) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (text == "infinity") return put_value(into, static_cast<std::uint64_t>(Limits::max()));
  if (text == "-infinity") return put_value(into, static_cast<std::uint64_t>(Limits::min()));
  const bool before_christ = take_era(text);
  if (with_zone) {
    if (!text.ends_with("+00")) return false;
    text.remove_suffix(3);
  }
  const auto days = take_days(text, before_christ);
  if (!days || !take(text, ' ')) return false;
  const auto us = take_time(text);
  if (!us || !text.empty()) return false;
  // The last year that a timestamp knows is 294276.
  if (*days > Limits::max() / us_per_day - 1 || *days < Limits::min() / us_per_day + 1)
    return false;
  return put_value(into, static_cast<std::uint64_t>(*days * us_per_day + *us));
}

bool put_field(Bytes& into, BinaryForm form, std::string_view text) {
  switch (form) {
    case BinaryForm::int2:
      return put_integer<std::int16_t>(into, text);
    case BinaryForm::int4:
      return put_integer<std::int32_t>(into, text);
    case BinaryForm::int8:
      return put_integer<std::int64_t>(into, text);
    case BinaryForm::oid:
      return put_integer<std::uint32_t>(into, text);
    case BinaryForm::boolean:
      return put_boolean(into, text);
    case BinaryForm::float4:
      return put_real<float, std::uint32_t>(into, text);
    case BinaryForm::float8:
      return put_real<double, std::uint64_t>(into, text);
    case BinaryForm::numeric:
      return put_numeric(into, text);
    case BinaryForm::text:
      return put_bytes(into, text);
    case BinaryForm::jsonb:
      put(into, static_cast<std::uint32_t>(text.size() + 1));
      put(into, jsonb_version);
      append(into, text);
      return true;
    case BinaryForm::bytea:
      return text.starts_with("\\x") && put_hex(into, text.substr(2));
    case BinaryForm::uuid:
      return put_uuid(into, text);
    case BinaryForm::date:
      return put_date(into, text);
    case BinaryForm::time:
      return put_time(into, text);
    case BinaryForm::timestamp:
      return put_timestamp(into, text, false);
    case BinaryForm::timestamptz:
      return put_timestamp(into, text, true);
  }
  return false;
}

// Whether COPY TO could have written the escapes of a field.
bool are_usual_escapes(std::string_view field) noexcept {
  constexpr std::string_view usual = "bfnrtv\\";
  for (auto at = field.find('\\'); at != std::string_view::npos; at = field.find('\\', at + 2)) {
    if (at + 1 == field.size() || usual.find(field[at + 1]) == std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

std::optional<BinaryForm> binary_form_of(std::string_view type_name) noexcept {
  const auto* const found = std::find_if(forms.begin(), forms.end(),
                                         [&](const auto& form) { return form.first == type_name; });
  if (found == forms.end()) return std::nullopt;
  return found->second;
}

void BinaryRows::begin(Bytes& into) {
  append(into, std::string_view("PGCOPY\n\377\r\n\0", 11));
  put(into, std::uint32_t{0});  // flags
  put(into, std::uint32_t{0});  // bytes of an extension of the header
}

void BinaryRows::end(Bytes& into) {
  put(into, end_of_rows);
}

bool BinaryRows::add(std::string_view line, Bytes& into) {
  const std::size_t begin = into.size();
  bool is_plain = line.find('\r') == std::string_view::npos;  // to the server a line end
  put(into, static_cast<std::uint16_t>(columns_.size()));
  for (std::size_t i = 0; is_plain && i < columns_.size(); ++i) {
    const auto tab = line.find('\t');
    const std::string_view field = line.substr(0, tab);
    const bool last = i + 1 == columns_.size();
    if (last != (tab == std::string_view::npos)) {
      is_plain = false;
    } else if (field == "\\N") {
      put(into, null_length);
    } else if (field.find('\\') == std::string_view::npos) {
      is_plain = put_field(into, columns_[i], field);
    } else if (columns_[i] == BinaryForm::bytea && field.starts_with("\\\\x")) {
      is_plain = put_hex(into, field.substr(3));
    } else {
      is_plain = are_usual_escapes(field) && unescape_field(field, field_) &&
                 put_field(into, columns_[i], field_);
    }
    if (!last && is_plain) line.remove_prefix(tab + 1);
  }
  if (!is_plain) into.resize(begin);
  return is_plain;
}

namespace {

// Wider ones are passed on without being copied.
constexpr std::size_t narrow_bytes = std::size_t{64} << 10U;

// Whether a value of that form is its bytes, whatever they are.
bool is_raw(BinaryForm form) noexcept {
  return form == BinaryForm::text || form == BinaryForm::bytea;
}

// "-0044-03-15…" is the year 45 before Christ.
void write_year(std::string& text) {
  if (!text.starts_with('-')) return;
  int year = 0;
  const char* const begin = text.data() + 1;
  const auto [end, failure] = std::from_chars(begin, text.data() + text.size(), year);
  if (failure != std::errc()) return;  // and is no date
  text = fmt::format("{:04}{} BC", year + 1, std::string_view(end, text.data() + text.size()));
}

// As COPY TO writes it, in Holdfast's settings.
void write_moment(const model::Value& value, std::string& text) {
  text = value.text;
  const bool has_zone = value.kind == model::ValueKind::instant && text.ends_with('Z');
  if (has_zone) text.pop_back();
  const auto middle = text.find('T');
  if (middle != std::string::npos) text[middle] = ' ';
  if (has_zone) text += "+00";
  write_year(text);
}

}  // namespace

bool BinaryValues::add_value(BinaryForm form, const model::Value& value, Bytes& into) {
  switch (value.kind) {
    case model::ValueKind::real:
      if (form == BinaryForm::float8)
        return put_value(into, std::bit_cast<std::uint64_t>(value.real));
      return form == BinaryForm::float4 &&
             put_value(into, std::bit_cast<std::uint32_t>(static_cast<float>(value.real)));
    case model::ValueKind::date:
    case model::ValueKind::timestamp:
    case model::ValueKind::instant:
      write_moment(value, text_);
      return put_field(into, form, text_);
    case model::ValueKind::number:
      if (form != BinaryForm::boolean) return put_field(into, form, value.text);
      return (value.text == "1" || value.text == "0") &&
             put_field(into, form, value.text == "1" ? "t" : "f");
    default:
      return put_field(into, form, value.text);
  }
}

std::optional<std::size_t> BinaryValues::add(const model::Row& row, Bytes& into,
                                             const Write& write) {
  put(into, static_cast<std::uint16_t>(columns_.size()));
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const model::Value& value = row[i];
    if (value.kind == model::ValueKind::null) {
      put(into, null_length);
      continue;
    }
    const bool has_bytes =
        value.kind == model::ValueKind::bytes || value.kind == model::ValueKind::text;
    if (!is_raw(columns_[i]) || !has_bytes) {
      if (columns_[i] == BinaryForm::bytea || !add_value(columns_[i], value, into)) return i;
      continue;
    }
    if (value.text.size() > value_bytes_max) return i;
    if (value.text.size() <= narrow_bytes) {
      put_bytes(into, value.text);
      continue;
    }
    put(into, static_cast<std::uint32_t>(value.text.size()));
    write(into);
    into.clear();
    write(as_bytes(value.text));
  }
  return std::nullopt;
}

}  // namespace holdfast::engine::postgresql
