// SPDX-License-Identifier: Apache-2.0
// Json over simdjson's DOM parser; writing is by hand, because it has to match Go byte for byte.
#include "base/json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace holdfast {

namespace {

constexpr std::size_t depth_max = 256;

// Whether a byte stands in a JSON string as it is. Bytes from 0x80 on need a closer look.
constexpr std::array<bool, 256> plain_bytes = [] {
  std::array<bool, 256> plain{};
  for (std::size_t byte = 0x20; byte < 0x80; ++byte) plain[byte] = true;
  for (const char special : {'"', '\\', '<', '>', '&'}) {
    plain[static_cast<unsigned char>(special)] = false;
  }
  return plain;
}();

void append_escaped_byte(std::string& to, unsigned char byte) {
  constexpr std::string_view hex_digits = "0123456789abcdef";
  switch (byte) {
    case '"':
      to += "\\\"";
      return;
    case '\\':
      to += "\\\\";
      return;
    case '\n':
      to += "\\n";
      return;
    case '\r':
      to += "\\r";
      return;
    case '\t':
      to += "\\t";
      return;
    default:
      to += "\\u00";
      to += hex_digits[byte >> 4U];
      to += hex_digits[byte & 15U];
  }
}

[[noreturn]] void throw_not_json(std::string_view what, std::string_view reason) {
  throw Error(Errc::corrupt, fmt::format("{} is not valid JSON: {}", what, reason));
}

std::string_view reason_of(simdjson::error_code code) noexcept {
  switch (code) {
    case simdjson::EMPTY:
      return "it is empty";
    case simdjson::CAPACITY:
      return "it is larger than 4 GiB";
    case simdjson::DEPTH_ERROR:
      return "it is nested deeper than 256 levels";
    case simdjson::UTF8_ERROR:
      return "it is not UTF-8";
    case simdjson::NUMBER_ERROR:
      return "a number is malformed or out of range";
    case simdjson::STRING_ERROR:
    case simdjson::UNCLOSED_STRING:
    case simdjson::UNESCAPED_CHARS:
      return "a string is malformed";
    default:
      return "its structure is malformed";
  }
}

// Turns simdjson's tree into ours.
class Converter {
 public:
  explicit Converter(std::string_view what) : what_(what) {}

  Json convert(simdjson::dom::element element, std::size_t depth = 0) const {
    using simdjson::dom::element_type;
    switch (element.type()) {
      case element_type::OBJECT:
        return Json(object(take<simdjson::dom::object>(element), below(depth)));
      case element_type::ARRAY: {
        Json::Array items;
        const std::size_t item_depth = below(depth);
        for (const auto item : take<simdjson::dom::array>(element)) {
          items.push_back(convert(item, item_depth));
        }
        return Json(std::move(items));
      }
      case element_type::STRING:
        return Json(text(take<std::string_view>(element)));
      case element_type::INT64:
        return Json(take<std::int64_t>(element));
      case element_type::UINT64:
        return Json(take<std::uint64_t>(element));
      case element_type::DOUBLE:
        return Json(take<double>(element));
      case element_type::BOOL:
        return Json(take<bool>(element));
      case element_type::NULL_VALUE:
        return {};
    }
    throw_not_json(what_, "a value is of an unknown kind");
  }

 private:
  template <typename T>
  T take(simdjson::dom::element element) const {
    T value;
    const simdjson::error_code code = element.get(value);
    if (code != simdjson::SUCCESS) throw_not_json(what_, reason_of(code));
    return value;
  }

  // The parser's own limit does not count an empty array or object, so it is watched here as well.
  std::size_t below(std::size_t depth) const {
    if (depth == depth_max) throw_not_json(what_, reason_of(simdjson::DEPTH_ERROR));
    return depth + 1;
  }

  // An escaped lone surrogate passes the parser but has no UTF-8 form.
  std::string_view text(std::string_view value) const {
    if (!is_utf8(value)) throw_not_json(what_, "a string holds half of a surrogate pair");
    return value;
  }

  Json::Object object(simdjson::dom::object members, std::size_t depth) const {
    Json::Object object;
    std::vector<std::string_view> keys;
    for (const auto member : members) {
      keys.push_back(text(member.key));
      object.emplace_back(std::string(member.key), convert(member.value, depth));
    }
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) {
      constexpr std::size_t shown_bytes_max = 64;
      throw_not_json(what_, fmt::format("the key \"{}\" stands twice in one object",
                                        twice->substr(0, shown_bytes_max)));
    }
    return object;
  }

  std::string_view what_;
};

void append_integer(std::string& to, auto value) {
  std::array<char, 24> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  to.append(buffer.data(), end);
}

// As Go's encoding/json: the shortest digits that read back as the same value, written out between
// 1e-6 and 1e21 and with an exponent elsewhere.
void append_double(std::string& to, double value) {
  if (!std::isfinite(value))
    throw Error(Errc::bug, "JSON cannot express a number that is not finite");
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(value),
                                 std::chars_format::scientific)
                       .ptr;
  const std::string_view shortest(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const std::size_t e = shortest.find('e');
  std::string digits(shortest.substr(0, e));
  if (digits.size() > 1) digits.erase(1, 1);  // the point
  int exponent = 0;
  const char* exponent_begin = shortest.data() + e + (shortest[e + 1] == '+' ? 2 : 1);
  std::from_chars(exponent_begin, end, exponent);

  if (std::signbit(value)) to += '-';
  if (value != 0 && (exponent < -6 || exponent >= 21)) {
    to += digits[0];
    if (digits.size() > 1) to.append(".").append(digits, 1);
    to += exponent < 0 ? "e-" : "e+";
    append_integer(to, std::abs(exponent));
  } else if (exponent < 0) {
    to += "0.";
    to.append(static_cast<std::size_t>(-exponent - 1), '0').append(digits);
  } else {
    const auto whole_digits = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() <= whole_digits) {
      to.append(digits).append(whole_digits - digits.size(), '0');
    } else {
      to.append(digits, 0, whole_digits).append(".").append(digits, whole_digits);
    }
  }
}

// Writes a value; with an indent of 0 in the compact form.
class Writer {
 public:
  Writer(std::string& to, unsigned indent) : to_(to), indent_(indent) {}

  void write(const Json& value, unsigned depth = 0) {
    if (value.is_array()) {
      write_all('[', value.as_array(), ']', depth, [](const Json&) {});
    } else if (value.is_object()) {
      write_all('{', value.as_object(), '}', depth, [this](const Json::Member& member) {
        append_json_string(to_, member.first);
        to_ += indent_ == 0 ? ":" : ": ";
      });
    } else {
      value.append_to(to_);
    }
  }

 private:
  static const Json& value_of(const Json& item) { return item; }
  static const Json& value_of(const Json::Member& member) { return member.second; }

  template <typename Items>
  void write_all(char open, const Items& items, char close, unsigned depth, auto write_key) {
    to_ += open;
    bool is_first = true;
    for (const auto& item : items) {
      if (!is_first) to_ += ',';
      is_first = false;
      new_line(depth + 1);
      write_key(item);
      write(value_of(item), depth + 1);
    }
    if (!items.empty()) new_line(depth);
    to_ += close;
  }

  void new_line(unsigned depth) {
    if (indent_ == 0) return;
    to_ += '\n';
    to_.append(std::size_t{indent_} * depth, ' ');
  }

  std::string& to_;
  unsigned indent_;
};

[[noreturn]] void throw_other_kind(std::string_view wanted) {
  throw Error(Errc::corrupt, fmt::format("a JSON value is not {}", wanted));
}

// Runs a conversion of a member, naming its key if the value is of another kind.
auto of_member(std::string_view key, auto convert) {
  return in_context(fmt::format("reading \"{}\"", key), convert);
}

}  // namespace

void append_json_string(std::string& to, std::string_view text) {
  to += '"';
  std::size_t plain_from = 0;
  std::size_t at = 0;
  const auto flush = [&](std::size_t resume_at) {
    to.append(text, plain_from, at - plain_from);
    at = plain_from = resume_at;
  };
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (plain_bytes[byte]) {
      ++at;
    } else if (byte < 0x80) {
      flush(at + 1);
      append_escaped_byte(to, byte);
    } else {
      const Utf8Rune next = decode_utf8(text.substr(at));
      if (next.size_bytes == 0) {
        flush(at + 1);
        to += "\\ufffd";
      } else if (next.rune == 0x2028 || next.rune == 0x2029) {
        flush(at + next.size_bytes);
        to += next.rune == 0x2028 ? "\\u2028" : "\\u2029";
      } else {
        at += next.size_bytes;
      }
    }
  }
  flush(at);
  to += '"';
}

Json Json::parse(std::string_view text, std::string_view what) {
  if (text.empty()) throw_not_json(what, "it is empty");
  simdjson::dom::parser parser;
  // simdjson refuses at the limit, not beyond it. A capacity of 0 would be no capacity at all.
  simdjson::error_code code = parser.allocate(std::max<std::size_t>(text.size(), 1), depth_max + 1);
  if (code == simdjson::MEMALLOC) throw std::bad_alloc();
  if (code != simdjson::SUCCESS) throw_not_json(what, reason_of(code));
  simdjson::dom::element root;
  code = parser.parse(text.data(), text.size(), true).get(root);
  if (code == simdjson::MEMALLOC) throw std::bad_alloc();
  if (code != simdjson::SUCCESS) throw_not_json(what, reason_of(code));
  return Converter(what).convert(root);
}

bool Json::is_null() const noexcept {
  return std::holds_alternative<std::nullptr_t>(value_);
}
bool Json::is_bool() const noexcept {
  return std::holds_alternative<bool>(value_);
}
bool Json::is_number() const noexcept {
  return is_integer() || std::holds_alternative<double>(value_);
}
bool Json::is_integer() const noexcept {
  return std::holds_alternative<std::int64_t>(value_) ||
         std::holds_alternative<std::uint64_t>(value_);
}
bool Json::is_string() const noexcept {
  return std::holds_alternative<std::string>(value_);
}
bool Json::is_array() const noexcept {
  return std::holds_alternative<Array>(value_);
}
bool Json::is_object() const noexcept {
  return std::holds_alternative<Object>(value_);
}

bool Json::as_bool() const {
  if (const auto* value = std::get_if<bool>(&value_)) return *value;
  throw_other_kind("true or false");
}

std::int64_t Json::as_int() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) {
    if (*value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return static_cast<std::int64_t>(*value);
    }
  }
  throw_other_kind("an integer of 64 bits with sign");
}

std::uint64_t Json::as_uint() const {
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return *value;
  throw_other_kind("an integer of 64 bits without sign");
}

double Json::as_double() const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*value);
  throw_other_kind("a number");
}

const std::string& Json::as_string() const {
  if (const auto* value = std::get_if<std::string>(&value_)) return *value;
  throw_other_kind("a string");
}

const Json::Array& Json::as_array() const {
  if (const auto* value = std::get_if<Array>(&value_)) return *value;
  throw_other_kind("an array");
}

Json::Array& Json::as_array() {
  if (auto* value = std::get_if<Array>(&value_)) return *value;
  throw_other_kind("an array");
}

const Json::Object& Json::as_object() const {
  if (const auto* value = std::get_if<Object>(&value_)) return *value;
  throw_other_kind("an object");
}

Json::Object& Json::as_object() {
  if (auto* value = std::get_if<Object>(&value_)) return *value;
  throw_other_kind("an object");
}

const Json* Json::find(std::string_view key) const noexcept {
  const auto* members = std::get_if<Object>(&value_);
  if (members == nullptr) return nullptr;
  for (const auto& [name, value] : *members) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Json& Json::at(std::string_view key) const {
  if (const Json* value = find(key)) return *value;
  if (!is_object()) {
    throw Error(Errc::corrupt, fmt::format("a JSON value with \"{}\" is not an object", key));
  }
  throw Error(Errc::corrupt, fmt::format("a JSON object has no \"{}\"", key));
}

std::string Json::string_or(std::string_view key, std::string_view otherwise) const {
  const Json* value = find(key);
  if (value == nullptr || value->is_null()) return std::string(otherwise);
  return of_member(key, [&] { return value->as_string(); });
}

std::int64_t Json::int_or(std::string_view key, std::int64_t otherwise) const {
  const Json* value = find(key);
  if (value == nullptr || value->is_null()) return otherwise;
  return of_member(key, [&] { return value->as_int(); });
}

std::uint64_t Json::uint_or(std::string_view key, std::uint64_t otherwise) const {
  const Json* value = find(key);
  if (value == nullptr || value->is_null()) return otherwise;
  return of_member(key, [&] { return value->as_uint(); });
}

bool Json::bool_or(std::string_view key, bool otherwise) const {
  const Json* value = find(key);
  if (value == nullptr || value->is_null()) return otherwise;
  return of_member(key, [&] { return value->as_bool(); });
}

Json& Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Object{};
  check_rule(is_object(), "Json::set() is called on an object");
  for (auto& [name, held] : as_object()) {
    if (name == key) {
      held = std::move(value);
      return *this;
    }
  }
  as_object().emplace_back(std::string(key), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) value_ = Array{};
  check_rule(is_array(), "Json::push() is called on an array");
  as_array().push_back(std::move(value));
  return *this;
}

std::string Json::dump() const {
  std::string text;
  append_to(text);
  return text;
}

std::string Json::dump_indented() const {
  std::string text;
  Writer(text, 2).write(*this);
  return text;
}

void Json::append_to(std::string& text) const {
  switch (value_.index()) {
    case 0:
      text += "null";
      return;
    case 1:
      text += as_bool() ? "true" : "false";
      return;
    case 2:
      return append_integer(text, as_int());
    case 3:
      return append_integer(text, as_uint());
    case 4:
      return append_double(text, as_double());
    case 5:
      return append_json_string(text, as_string());
    default:
      return Writer(text, 0).write(*this);
  }
}

}  // namespace holdfast
