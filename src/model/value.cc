// SPDX-License-Identifier: Apache-2.0
// Values, their canonical encoding and the digest of a table. docs/digest.md says the same in
// prose.
#include "model/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/sha256_lanes.h"

namespace holdfast::model {
namespace {

// Longer than any number of any database served (PostgreSQL: 131,072 digits before the point and
// 16,383 after it), short enough that "1e999999999" is no way to fill the memory.
constexpr std::int64_t digits_max = 200'000;

// Part of docs/digest.md: never renumbered.
constexpr std::byte tag(ValueKind kind) noexcept {
  switch (kind) {
    case ValueKind::null:
      return std::byte{0};
    case ValueKind::number:
      return std::byte{1};
    case ValueKind::real:
      return std::byte{2};
    case ValueKind::text:
      return std::byte{3};
    case ValueKind::bytes:
      return std::byte{4};
    case ValueKind::date:
      return std::byte{5};
    case ValueKind::time:
      return std::byte{6};
    case ValueKind::timestamp:
      return std::byte{7};
    case ValueKind::instant:
      return std::byte{8};
    case ValueKind::other:
      return std::byte{9};
  }
  return std::byte{255};
}

std::uint64_t canonical_bits(double value) noexcept {
  if (std::isnan(value)) return 0x7ff8'0000'0000'0000U;
  if (value == 0) return 0;
  return std::bit_cast<std::uint64_t>(value);
}

void append_le64(Bytes& to, std::uint64_t value) {
  std::array<std::byte, 8> bytes{};
  store_le64(bytes.data(), value);
  append(to, ByteView(bytes));
}

void append_varint(Bytes& to, std::uint64_t value) {
  while (value >= 0x80) {
    to.push_back(static_cast<std::byte>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  to.push_back(static_cast<std::byte>(value));
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// The parts of a decimal text: sign, all its digits, and where the point stands among them.
struct Decimal {
  bool negative = false;
  std::string digits;
  std::int64_t point = 0;
};

std::optional<Decimal> parse_decimal(std::string_view text) {
  Decimal decimal;
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+'))
    decimal.negative = text[at++] == '-';
  while (at < text.size() && is_digit(text[at])) decimal.digits += text[at++];
  decimal.point = static_cast<std::int64_t>(decimal.digits.size());
  if (at < text.size() && text[at] == '.') {
    ++at;
    while (at < text.size() && is_digit(text[at])) decimal.digits += text[at++];
  }
  if (decimal.digits.empty()) return std::nullopt;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at + 1 < text.size() && text[at] == '+' && is_digit(text[at + 1])) ++at;
    std::int64_t exponent = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + at, end, exponent);
    if (error != std::errc() || rest != end) return std::nullopt;
    if (exponent > digits_max || exponent < -digits_max) {
      // Zero stays zero however it is scaled; anything else would not fit.
      if (decimal.digits.find_first_not_of('0') != std::string::npos) return std::nullopt;
      exponent = 0;
    }
    decimal.point += exponent;
    at = text.size();
  }
  if (at != text.size()) return std::nullopt;
  return decimal;
}

std::string render(Decimal decimal) {
  const std::size_t first = decimal.digits.find_first_not_of('0');
  if (first == std::string::npos) return "0";
  decimal.digits.erase(0, first);
  decimal.point -= static_cast<std::int64_t>(first);
  decimal.digits.erase(decimal.digits.find_last_not_of('0') + 1);

  const auto count = static_cast<std::int64_t>(decimal.digits.size());
  std::string text = decimal.negative ? "-" : "";
  if (decimal.point <= 0) {
    text += "0.";
    text.append(static_cast<std::size_t>(-decimal.point), '0');
    return text + decimal.digits;
  }
  if (decimal.point >= count) {
    text += decimal.digits;
    text.append(static_cast<std::size_t>(decimal.point - count), '0');
    return text;
  }
  const auto point = static_cast<std::size_t>(decimal.point);
  return text + decimal.digits.substr(0, point) + "." + decimal.digits.substr(point);
}

}  // namespace

std::string_view value_kind_name(ValueKind kind) noexcept {
  switch (kind) {
    case ValueKind::null:
      return "null";
    case ValueKind::number:
      return "number";
    case ValueKind::real:
      return "real";
    case ValueKind::text:
      return "text";
    case ValueKind::bytes:
      return "bytes";
    case ValueKind::date:
      return "date";
    case ValueKind::time:
      return "time";
    case ValueKind::timestamp:
      return "timestamp";
    case ValueKind::instant:
      return "instant";
    case ValueKind::other:
      return "other";
  }
  return "unknown";
}

Value Value::integer(std::int64_t value) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {ValueKind::number, 0, std::string(text.data(), end)};
}

Value Value::number(std::string_view decimal) {
  const std::optional<Decimal> parsed = parse_decimal(decimal);
  const auto too_long = [](const Decimal& d) {
    const auto count = static_cast<std::int64_t>(d.digits.size());
    return count > digits_max || d.point > digits_max || d.point < -digits_max;
  };
  if (!parsed || too_long(*parsed)) {
    throw Error(Errc::corrupt, fmt::format("`{}` is no decimal number", decimal.substr(0, 60)));
  }
  return {ValueKind::number, 0, render(*parsed)};
}

Value Value::of_real(double value) {
  return {ValueKind::real, std::bit_cast<double>(canonical_bits(value)), {}};
}

Value Value::of_text(std::string_view utf8) {
  return {is_utf8(utf8) ? ValueKind::text : ValueKind::bytes, 0, std::string(utf8)};
}

Value Value::of_bytes(ByteView bytes) {
  return {ValueKind::bytes, 0, std::string(as_text(bytes))};
}

Value Value::of_kind(ValueKind kind, std::string text) {
  check_rule(kind != ValueKind::null && kind != ValueKind::real, "the kind is held as text");
  return {kind, 0, std::move(text)};
}

bool operator==(const Value& a, const Value& b) noexcept {
  if (a.kind != b.kind) return false;
  if (a.kind == ValueKind::null) return true;
  if (a.kind == ValueKind::real) return canonical_bits(a.real) == canonical_bits(b.real);
  return a.text == b.text;
}

namespace {

// Texts of so many bytes are hashed where they are.
constexpr std::size_t hashed_apart_bytes = std::size_t{1} << 20U;
// Rows are hashed when so many wait, or so many bytes of them.
constexpr std::size_t waiting_rows_max = 32;
constexpr std::size_t waiting_bytes_max = std::size_t{64} << 10U;

// All of a value but the text itself.
void append_head(Bytes& to, const Value& value) {
  to.push_back(tag(value.kind));
  if (value.kind == ValueKind::null) return;
  if (value.kind == ValueKind::real) {
    append_le64(to, canonical_bits(value.real));
  } else {
    append_varint(to, value.text.size());
  }
}

bool has_text(const Value& value) noexcept {
  return value.kind != ValueKind::null && value.kind != ValueKind::real;
}

bool is_wide(const Row& row) noexcept {
  return std::any_of(row.begin(), row.end(), [](const Value& value) {
    return has_text(value) && value.text.size() >= hashed_apart_bytes;
  });
}

Sha256Digest hash_of_wide(const Row& row) {
  Sha256 hash;
  Bytes heads;
  for (const Value& value : row) {
    append_head(heads, value);
    if (!has_text(value)) continue;
    if (value.text.size() < hashed_apart_bytes) {
      append(heads, value.text);
      continue;
    }
    hash.update(heads);
    heads.clear();
    hash.update(as_bytes(value.text));
  }
  hash.update(heads);
  return hash.finish();
}

}  // namespace

void append_canonical(Bytes& to, const Row& row) {
  for (const Value& value : row) {
    append_head(to, value);
    if (has_text(value)) append(to, value.text);
  }
}

void TableDigest::add(const Sha256Digest& row) noexcept {
  TableDigest one;
  one.rows_ = 1;
  for (std::size_t limb = 0; limb < one.sum_.size(); ++limb) {
    one.sum_[limb] = load_le64(row.data() + 8 * limb);
  }
  add(one);
}

void TableDigest::add(const TableDigest& other) noexcept {
  rows_ += other.rows_;
  std::uint64_t carry = 0;
  for (std::size_t limb = 0; limb < sum_.size(); ++limb) {
    const std::uint64_t with_carry = sum_[limb] + carry;
    const std::uint64_t total = with_carry + other.sum_[limb];
    carry = static_cast<std::uint64_t>(with_carry < carry) +
            static_cast<std::uint64_t>(total < with_carry);
    sum_[limb] = total;
  }
}

std::string TableDigest::hex() const {
  std::array<std::byte, 32> bytes{};
  for (std::size_t limb = 0; limb < sum_.size(); ++limb) {
    store_le64(bytes.data() + 8 * limb, sum_[limb]);
  }
  return to_hex(bytes);
}

void RowHasher::add(const Row& row) {
  if (is_wide(row)) return digest_.add(hash_of_wide(row));
  if (ends_.size() == waiting_rows_max || waiting_.size() >= waiting_bytes_max)
    static_cast<void>(digest());
  append_canonical(waiting_, row);
  ends_.push_back(waiting_.size());
}

const TableDigest& RowHasher::digest() {
  std::array<ByteView, waiting_rows_max> rows;
  std::array<Sha256Digest, waiting_rows_max> hashes;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    rows[i] = ByteView(waiting_).subspan(begin, ends_[i] - begin);
    begin = ends_[i];
  }
  sha256_each(std::span(rows).first(ends_.size()), std::span(hashes).first(ends_.size()));
  for (std::size_t i = 0; i < ends_.size(); ++i) digest_.add(hashes[i]);
  waiting_.clear();
  ends_.clear();
  return digest_;
}

}  // namespace holdfast::model
