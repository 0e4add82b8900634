// SPDX-License-Identifier: Apache-2.0
// Reading JSON without building it in memory: simdjson's on-demand reader, with the checks that
// make its laziness safe. Private to this room, and the only file of it that knows simdjson.
//
// A caller consumes every value it is given: with a getter, text_of(), raw_string() or pass_over().
// Then a document that walk_json() lets pass is well-formed JSON from its first to its last byte.
#pragma once

#include <fmt/format.h>
#include <simdjson.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "format/tree.h"

namespace holdfast::format {

using JsonParser = simdjson::ondemand::parser;
using JsonDocument = simdjson::ondemand::document;
using JsonValue = simdjson::ondemand::value;
using JsonObject = simdjson::ondemand::object;
using JsonArray = simdjson::ondemand::array;
using JsonMember = simdjson::simdjson_result<simdjson::ondemand::field>;

static_assert(json_padding_bytes >= simdjson::SIMDJSON_PADDING);

inline constexpr unsigned json_depth_max = 256;

// Lends a parser of this thread, a second one to a walk inside a walk.
class ParserLoan {
 public:
  ParserLoan() {
    if (idle().empty()) {
      parser_ = std::make_unique<JsonParser>();
    } else {
      parser_ = std::move(idle().back());
      idle().pop_back();
    }
  }
  ~ParserLoan() {
    // A parser keeps several bytes for each byte of the largest document it has read.
    constexpr std::size_t kept_capacity_max = 8U * 1024 * 1024;
    if (parser_->capacity() <= kept_capacity_max && idle().size() < idle_max) {
      idle().push_back(std::move(parser_));
    }
  }
  ParserLoan(const ParserLoan&) = delete;
  ParserLoan& operator=(const ParserLoan&) = delete;
  [[nodiscard]] JsonParser& operator*() const noexcept { return *parser_; }

 private:
  static constexpr std::size_t idle_max = 4;
  static std::vector<std::unique_ptr<JsonParser>>& idle() {
    thread_local std::vector<std::unique_ptr<JsonParser>> parsers = [] {
      std::vector<std::unique_ptr<JsonParser>> none;
      none.reserve(idle_max);  // so that giving back cannot throw
      return none;
    }();
    return parsers;
  }
  std::unique_ptr<JsonParser> parser_;
};

// Hands the document in `json`, which is followed by json_padding_bytes of zeros, to `read`, and
// checks that nothing follows it. simdjson's errors become Errc::corrupt; `place` is called for one
// and says where the reader is: "tree entry 3".
template <typename Place, typename Read>
void walk_json(ByteView json, Place&& place, Read&& read) {
  const ParserLoan parser;
  try {
    JsonDocument document = (*parser).iterate(simdjson::padded_string_view(
        as_text(json).data(), json.size(), json.size() + json_padding_bytes));
    read(document);
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
      throw Error(Errc::corrupt, fmt::format("{}: bytes follow the end of the JSON", place()));
    }
  } catch (const simdjson::simdjson_error& error) {
    throw Error(Errc::corrupt, fmt::format("{}: {}", place(), error.what()));
  }
}

// The text between the quotes at `at`, if it holds no escapes. The reader has seen the end quote.
inline std::optional<std::string_view> unescaped_text(const char* at) noexcept {
  const char* end = at;
  while (*end != '"' && *end != '\\') ++end;
  if (*end == '\\') return std::nullopt;
  return std::string_view(at, static_cast<std::size_t>(end - at));
}

// A member's key; valid as long as the walk.
inline std::string_view key_of(JsonMember& member) {
  const simdjson::ondemand::raw_json_string raw = member.key();
  if (const auto text = unescaped_text(raw.raw())) return *text;
  return member.unescaped_key();
}

// A string that is written without escapes; nothing if it has some. For ids and base64.
inline std::optional<std::string_view> raw_string(JsonValue value) {
  const simdjson::ondemand::raw_json_string raw = value.get_raw_json_string();
  return unescaped_text(raw.raw());
}

// Any string; valid as long as the walk.
inline std::string_view text_of(JsonValue value) {
  const std::string_view token = value.raw_json_token();
  if (!token.empty() && token.front() == '"') {
    if (const auto text = unescaped_text(token.data() + 1)) {
      static_cast<void>(value.get_raw_json_string().value());
      return *text;
    }
  }
  return value.get_string();
}

// The JSON of a scalar, without the white space behind it. Does not consume the value.
inline std::string_view json_of(JsonValue value) {
  const std::string_view token = value.raw_json_token();
  return token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
}

// Reads a value that nobody asked for to its end, so that malformed JSON is noticed there too.
inline void pass_over(JsonValue value, unsigned depth = 0) {
  if (depth >= json_depth_max) {
    throw simdjson::simdjson_error(simdjson::DEPTH_ERROR);
  }
  switch (value.type().value()) {
    case simdjson::ondemand::json_type::object:
      for (JsonMember member : value.get_object()) {
        static_cast<void>(key_of(member));
        pass_over(member.value(), depth + 1);
      }
      return;
    case simdjson::ondemand::json_type::array:
      for (auto item : value.get_array()) pass_over(item.value(), depth + 1);
      return;
    case simdjson::ondemand::json_type::number:
      static_cast<void>(value.get_number().value());
      return;
    case simdjson::ondemand::json_type::string:
      static_cast<void>(value.get_string().value());
      return;
    case simdjson::ondemand::json_type::boolean:
      static_cast<void>(value.get_bool().value());
      return;
    case simdjson::ondemand::json_type::null:
      if (!value.is_null()) throw simdjson::simdjson_error(simdjson::N_ATOM_ERROR);
      return;
  }
}

}  // namespace holdfast::format
