// SPDX-License-Identifier: Apache-2.0
#include "engine/java/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "base/secret.h"

namespace holdfast::engine::java {
namespace {

using model::Value;
using model::ValueKind;

constexpr std::size_t head_bytes = 5;  // length and type
constexpr std::size_t chain_max = 64;
// What a text keeps for the next row; more is given back.
constexpr std::size_t kept_bytes_max = std::size_t{1} << 20U;
constexpr std::size_t number_bytes_max = 200'002;

[[noreturn]] void refuse(std::string_view what) {
  throw Error(Errc::corrupt, fmt::format("the Java program sent {}", what));
}

std::uint32_t load_be32(const std::byte* from) noexcept {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8U | std::to_integer<std::uint32_t>(from[i]);
  return value;
}

void store_be32(std::byte* at, std::uint32_t value) noexcept {
  for (int i = 3; i >= 0; --i, value >>= 8U) at[i] = static_cast<std::byte>(value & 0xffU);
}

// Tags of docs/digest.md, in their order.
constexpr std::array kinds{
    ValueKind::null, ValueKind::number, ValueKind::real,      ValueKind::text,    ValueKind::bytes,
    ValueKind::date, ValueKind::time,   ValueKind::timestamp, ValueKind::instant, ValueKind::other};

ValueKind kind_of(std::uint8_t tag) {
  if (tag >= kinds.size()) refuse(fmt::format("a value of the unknown kind {}", tag));
  return kinds.at(tag);
}

std::uint8_t tag_of(ValueKind kind) noexcept {
  return static_cast<std::uint8_t>(std::find(kinds.begin(), kinds.end(), kind) - kinds.begin());
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// Whether a number is as docs/digest.md has it.
bool is_canonical_number(std::string_view text) {
  if (text.size() > number_bytes_max) return false;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  if (whole.empty() || !std::all_of(whole.begin(), whole.end(), is_digit)) return false;
  if (whole.size() > 1 && whole.front() == '0') return false;
  if (point == std::string_view::npos) return whole != "0" || !negative;
  const std::string_view fraction = text.substr(point + 1);
  return !fraction.empty() && std::all_of(fraction.begin(), fraction.end(), is_digit) &&
         fraction.back() != '0';
}

// Moments are digits and a few signs, and never long.
bool is_moment(ValueKind kind, std::string_view text) {
  constexpr std::size_t moment_bytes_max = 48;
  if (text.empty() || text.size() > moment_bytes_max) return false;
  const std::string_view signs = kind == ValueKind::date        ? "-"
                                 : kind == ValueKind::time      ? ":."
                                 : kind == ValueKind::timestamp ? "-:.T"
                                                                : "-:.TZ";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_digit(c) || signs.find(c) != std::string_view::npos;
  });
}

void check_value(const Value& value) {
  switch (value.kind) {
    case ValueKind::number:
      if (!is_canonical_number(value.text)) refuse("a number that is not written as one");
      return;
    case ValueKind::text:
    case ValueKind::other:
      if (!is_utf8(value.text)) refuse("a text that is not UTF-8");
      return;
    case ValueKind::date:
    case ValueKind::time:
    case ValueKind::timestamp:
    case ValueKind::instant:
      if (!is_moment(value.kind, value.text)) refuse("a moment that is not written as one");
      return;
    case ValueKind::null:
    case ValueKind::real:
    case ValueKind::bytes:
      return;
  }
}

// Only these come and go in pieces; everything else is short.
bool may_be_wide(ValueKind kind) noexcept {
  return kind == ValueKind::text || kind == ValueKind::bytes || kind == ValueKind::other;
}

}  // namespace

void FrameReader::add(ByteView bytes) {
  const std::span<std::byte> free = room(bytes.size());
  std::copy(bytes.begin(), bytes.end(), free.begin());
  added(bytes.size());
}

std::span<std::byte> FrameReader::room(std::size_t size_bytes) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < size_bytes && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < size_bytes) buffer_.resize(end_ + size_bytes);
  return std::span(buffer_).subspan(end_);
}

void FrameReader::added(std::size_t size_bytes) {
  end_ += size_bytes;
}

std::optional<Frame> FrameReader::next() {
  const std::size_t there = end_ - begin_;
  if (there < head_bytes) return std::nullopt;
  const std::byte* const front = buffer_.data() + begin_;
  const std::size_t size_bytes = load_be32(front);
  if (size_bytes < 1 || size_bytes > frame_bytes_max)
    refuse(fmt::format("a frame of {} bytes", size_bytes));
  if (there < size_bytes + 4) return std::nullopt;
  begin_ += size_bytes + 4;
  return Frame{static_cast<char>(front[4]), ByteView(front + head_bytes, size_bytes - 1)};
}

ByteView BodyReader::take(std::size_t size_bytes) {
  if (rest_.size() < size_bytes) refuse("a frame that ends before its end");
  const ByteView taken = rest_.first(size_bytes);
  rest_ = rest_.subspan(size_bytes);
  return taken;
}

std::uint8_t BodyReader::u8() {
  return std::to_integer<std::uint8_t>(take(1).front());
}

std::uint32_t BodyReader::u32() {
  return load_be32(take(4).data());
}

std::uint64_t BodyReader::u64() {
  const std::uint64_t high = u32();
  return high << 32U | u32();
}

std::string_view BodyReader::text() {
  const std::size_t size_bytes = u32();
  return as_text(take(size_bytes));
}

void BodyReader::check_end() const {
  if (!rest_.empty()) refuse("a frame that goes on behind its end");
}

FrameWriter::~FrameWriter() {
  clear();
}

void FrameWriter::begin(char type) {
  check_rule(!open_, "a frame is begun between frames");
  open_ = true;
  begin_ = bytes_.size();
  u32(0);
  u8(static_cast<std::uint8_t>(type));
}

void FrameWriter::end() {
  const std::size_t size_bytes = bytes_.size() - begin_ - 4;
  check_rule(open_ && size_bytes <= frame_bytes_max, "a frame is ended within its bounds");
  store_be32(bytes_.data() + begin_, static_cast<std::uint32_t>(size_bytes));
  open_ = false;
  begin_ = bytes_.size();
}

void FrameWriter::u8(std::uint8_t value) {
  bytes_.push_back(static_cast<std::byte>(value));
}

void FrameWriter::u32(std::uint32_t value) {
  std::array<std::byte, 4> bytes{};
  store_be32(bytes.data(), value);
  raw(bytes);
}

void FrameWriter::text(std::string_view text) {
  if (text.size() > frame_bytes_max / 2)
    throw Error(Errc::usage, fmt::format("a text of {} bytes is too long", text.size()));
  u32(static_cast<std::uint32_t>(text.size()));
  raw(as_bytes(text));
}

void FrameWriter::clear() noexcept {
  wipe(bytes_.data(), bytes_.size());
  bytes_.clear();
  begin_ = 0;
  open_ = false;
}

std::vector<std::string_view> append_row(FrameWriter& into, const model::Row& row) {
  std::vector<std::string_view> in_pieces;
  for (const Value& value : row) {
    const std::uint8_t tag = tag_of(value.kind);
    if (value.kind == ValueKind::null) {
      into.u8(tag);
    } else if (value.kind == ValueKind::real) {
      const auto bits = std::bit_cast<std::uint64_t>(value.real);
      into.u8(tag);
      into.u32(static_cast<std::uint32_t>(bits >> 32U));
      into.u32(static_cast<std::uint32_t>(bits & 0xffff'ffffU));
    } else if (value.text.size() > value_bytes_max) {
      throw Error(
          Errc::unsupported,
          fmt::format("a value of {} bytes, more than 2 GiB, cannot be loaded", value.text.size()));
    } else if (into.size_bytes() + value.text.size() <= piece_bytes || !may_be_wide(value.kind)) {
      into.u8(tag);
      into.text(value.text);
    } else {
      into.u8(tag | value_in_pieces);
      into.u32(static_cast<std::uint32_t>(value.text.size()));
      in_pieces.push_back(value.text);
    }
  }
  return in_pieces;
}

void RowReader::take(const Frame& frame, const std::function<void(model::Row&)>& row) {
  if (frame.type == (awaited_.empty() ? 'd' : 'p')) {
    if (frame.type == 'd') return take_rows(frame.body, row);
    return take_piece(frame.body, row);
  }
  refuse(fmt::format("a frame of the type {} where a {} was due", int{frame.type},
                     awaited_.empty() ? "row" : "piece of a value"));
}

void RowReader::take_rows(ByteView body, const std::function<void(model::Row&)>& row) {
  BodyReader reader(body);
  if (row_.empty()) refuse("rows of a table without columns");
  while (!reader.is_at_end()) {
    for (std::size_t i = 0; i < row_.size(); ++i) {
      Value& value = row_[i];
      const std::uint8_t tag = reader.u8();
      value.kind = kind_of(tag & static_cast<std::uint8_t>(~value_in_pieces));
      const bool is_text = value.kind != ValueKind::null && value.kind != ValueKind::real;
      if ((tag & value_in_pieces) != 0) {
        if (!may_be_wide(value.kind)) refuse("a value in pieces that has none");
        await(i, reader.u32());
      } else if (is_text) {
        value.text.assign(reader.text());
        check_value(value);
      } else {
        value.text.clear();
        if (value.kind == ValueKind::real) value.real = std::bit_cast<double>(reader.u64());
      }
    }
    if (!awaited_.empty()) {
      reader.check_end();
      std::reverse(awaited_.begin(), awaited_.end());
      finish_values();
    }
    if (awaited_.empty()) hand_over(row);
  }
}

void RowReader::await(std::size_t column, std::uint32_t size_bytes) {
  if (size_bytes > value_bytes_max) refuse(fmt::format("a value of {} bytes", size_bytes));
  awaited_.push_back({column, size_bytes});
  awaited_row_bytes_ += size_bytes;
  row_[column].text.clear();
}

void RowReader::take_piece(ByteView piece, const std::function<void(model::Row&)>& row) {
  const Awaited& now = awaited_.back();
  std::string& text = row_[now.column].text;
  if (piece.empty() || piece.size() > now.size_bytes - text.size())
    refuse("a piece that does not fit its value");
  // All of it at once, so that it is never there twice; but not before any of it has come.
  if (text.empty()) text.reserve(now.size_bytes);
  text += as_text(piece);
  finish_values();
  if (awaited_.empty()) hand_over(row);
}

// Those whose bytes have all come.
void RowReader::finish_values() {
  while (!awaited_.empty()) {
    const Value& value = row_[awaited_.back().column];
    if (value.text.size() < awaited_.back().size_bytes) return;
    check_value(value);
    awaited_.pop_back();
  }
}

void RowReader::hand_over(const std::function<void(model::Row&)>& row) {
  ++rows_;
  row(row_);
  if (awaited_row_bytes_ == 0) return;
  awaited_row_bytes_ = 0;
  for (Value& value : row_) {
    if (value.text.capacity() > kept_bytes_max) std::string().swap(value.text);
  }
}

Refusal parse_refusal(ByteView body) {
  BodyReader reader(body);
  Refusal refusal;
  const std::uint8_t kind = reader.u8();
  if (kind > static_cast<std::uint8_t>(Refusal::Kind::not_found))
    refuse(fmt::format("an error of the unknown kind {}", kind));
  refusal.kind = static_cast<Refusal::Kind>(kind);
  const std::uint32_t count = reader.u32();
  if (count < 1 || count > chain_max) refuse(fmt::format("an error of {} parts", count));
  for (std::uint32_t i = 0; i < count; ++i) {
    Refusal::Link link;
    link.sqlstate = reader.text();
    link.code = static_cast<std::int32_t>(reader.u32());
    link.message = reader.text();
    refusal.chain.push_back(std::move(link));
  }
  reader.check_end();
  return refusal;
}

Versions parse_versions(ByteView body) {
  BodyReader reader(body);
  Versions versions;
  versions.driver = reader.text();
  versions.java = reader.text();
  versions.product = reader.text();
  versions.product_version = reader.text();
  reader.check_end();
  return versions;
}

}  // namespace holdfast::engine::java
