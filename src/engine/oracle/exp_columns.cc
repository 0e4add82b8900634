// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/exp_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/oracle/values.h"

namespace holdfast::engine::oracle {
namespace {

using model::Value;
using model::ValueKind;

void set_bytes(Value& into, ByteView stored) {
  into.kind = ValueKind::bytes;
  into.text.assign(as_text(stored));
}

constexpr std::uint16_t plain_bytes_max = exp_length_end - 1;
constexpr std::uint16_t number_bytes_max = 22;

// What a length word may be for types whose values are all about as long.
constexpr std::pair<std::uint16_t, std::uint16_t> limits_of(const ExpColumn& column) {
  switch (static_cast<ExpType>(column.type)) {
    case ExpType::number:
      return {1, number_bytes_max};
    case ExpType::date:
      return {7, 7};
    case ExpType::timestamp:
    case ExpType::timestamp_local:
      return {7, 11};
    case ExpType::timestamp_zone:
      return {7, 13};
    case ExpType::binary_float:
      return {4, 4};
    case ExpType::binary_double:
      return {8, 8};
    case ExpType::interval_ym:
      return {5, 5};
    case ExpType::interval_ds:
      return {11, 11};
    case ExpType::varchar2:
    case ExpType::character:
    case ExpType::raw:
      return {0, column.length};
    default:
      return {0, plain_bytes_max};
  }
}

}  // namespace

bool exp_type_has_charset(std::uint16_t type) noexcept {
  return type == 1 || type == 96 || type == 112;
}

bool set_exp_limits(ExpColumn& column) noexcept {
  const auto [least, most] = limits_of(column);
  column.bytes_min = least;
  column.bytes_max = std::min(most, plain_bytes_max);
  switch (static_cast<ExpType>(column.type)) {  // those that were measured
    case ExpType::number:
    case ExpType::date:
    case ExpType::timestamp:
      return column.length == most;
    case ExpType::long_text:
      return column.length == 0;
    default:
      return true;
  }
}

std::string ExpColumn::type_text() const {
  const char* const n = is_national ? "N" : "";
  switch (static_cast<ExpType>(type)) {
    case ExpType::varchar2:
      return fmt::format("{}VARCHAR2({})", n, length);
    case ExpType::number:
      return "NUMBER";
    case ExpType::long_text:
      return "LONG";
    case ExpType::date:
      return "DATE";
    case ExpType::raw:
      return fmt::format("RAW({})", length);
    case ExpType::long_raw:
      return "LONG RAW";
    case ExpType::character:
      return fmt::format("{}CHAR({})", n, length);
    case ExpType::binary_float:
      return "BINARY_FLOAT";
    case ExpType::binary_double:
      return "BINARY_DOUBLE";
    case ExpType::clob:
      return fmt::format("{}CLOB", n);
    case ExpType::blob:
      return "BLOB";
    case ExpType::timestamp:
      return "TIMESTAMP";
    case ExpType::timestamp_zone:
      return "TIMESTAMP WITH TIME ZONE";
    case ExpType::timestamp_local:
      return "TIMESTAMP WITH LOCAL TIME ZONE";
    case ExpType::interval_ym:
      return "INTERVAL YEAR TO MONTH";
    case ExpType::interval_ds:
      return "INTERVAL DAY TO SECOND";
  }
  return fmt::format("type {}", type);
}

std::optional<ValueKind> ExpColumn::kind() const noexcept {
  switch (static_cast<ExpType>(type)) {
    case ExpType::varchar2:
    case ExpType::character:
    case ExpType::long_text:
    case ExpType::clob:
      return ValueKind::text;
    case ExpType::number:
      return ValueKind::number;
    case ExpType::date:
    case ExpType::timestamp:
      return ValueKind::timestamp;
    case ExpType::raw:
    case ExpType::long_raw:
    case ExpType::blob:
      return ValueKind::bytes;
    case ExpType::binary_float:
    case ExpType::binary_double:
      return ValueKind::real;
    case ExpType::timestamp_zone:
    case ExpType::timestamp_local:
      return ValueKind::instant;
    case ExpType::interval_ym:
    case ExpType::interval_ds:
      return ValueKind::other;
  }
  return std::nullopt;
}

std::optional<int> zone_minutes_of(std::string_view zone) noexcept {
  const auto digit = [zone](std::size_t i) { return zone[i] - '0'; };
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return std::nullopt;
  for (const std::size_t i : {1U, 2U, 4U, 5U})
    if (digit(i) < 0 || digit(i) > 9) return std::nullopt;
  const int minutes = (digit(1) * 10 + digit(2)) * 60 + digit(4) * 10 + digit(5);
  return zone[0] == '-' ? -minutes : minutes;
}

ExpDecoder::ExpDecoder(std::uint16_t client, std::uint16_t database, std::string_view zone)
    : client_(client), database_(database), zone_minutes_(zone_minutes_of(zone).value_or(0)) {}

TextDecoder* ExpDecoder::decoder_of(std::uint16_t charset) {
  const auto [place, is_new] = decoders_.try_emplace(charset);
  if (is_new) {
    const CharacterSet* const set = find_character_set(charset);
    if (set != nullptr) place->second.emplace(*set);
  }
  return place->second ? &*place->second : nullptr;
}

void ExpDecoder::decode_text(std::uint16_t charset, ByteView stored, Value& into) {
  TextDecoder* const decoder = decoder_of(charset);
  if (decoder != nullptr)
    decoder->decode(stored, into);
  else
    set_bytes(into, stored);
  if (into.kind != ValueKind::text) ++undecodable_;
}

void ExpDecoder::decode_sound(const ExpColumn& column, ByteView stored, Value& into) {
  switch (static_cast<ExpType>(column.type)) {
    case ExpType::varchar2:
    case ExpType::character:
      return decode_text(column.charset, stored, into);
    case ExpType::long_text:
      return decode_text(database_, stored, into);
    case ExpType::clob: {
      // The server keeps what would need several bytes a character two by two.
      const CharacterSet* const set = find_character_set(column.charset);
      const bool is_wide = set == nullptr || set->is_multibyte;
      return decode_text(is_wide ? utf16be_id : column.charset, stored, into);
    }
    case ExpType::number:
      return decode_number(stored, into);
    case ExpType::date:
      return decode_date(stored, into);
    case ExpType::timestamp:
      return decode_timestamp(stored, into);
    case ExpType::timestamp_zone:
      return decode_instant(stored, into);
    case ExpType::timestamp_local:
      return decode_local_instant(stored, zone_minutes_, into);
    case ExpType::binary_float:
      return decode_binary_float(stored, into);
    case ExpType::binary_double:
      return decode_binary_double(stored, into);
    case ExpType::interval_ym:
      return decode_interval_ym(stored, into);
    case ExpType::interval_ds:
      return decode_interval_ds(stored, into);
    default:
      return set_bytes(into, stored);
  }
}

void ExpDecoder::decode(const ExpColumn& column, ByteView stored, Value& into) {
  try {
    decode_sound(column, stored, into);
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    ++undecodable_;
    set_bytes(into, stored);
  }
}

std::string ExpDecoder::client_text(std::string_view stored) {
  TextDecoder* const decoder = decoder_of(client_);
  if (decoder != nullptr) {
    Value value = decoder->decode(as_bytes(stored));
    if (value.kind == ValueKind::text) return std::move(value.text);
  }
  std::string text;
  for (const char byte : stored) {
    if (static_cast<unsigned char>(byte) < 0x80)
      text += byte;
    else
      text += "\uFFFD";
  }
  return text;
}

}  // namespace holdfast::engine::oracle
