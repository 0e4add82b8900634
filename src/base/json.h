// SPDX-License-Identifier: Apache-2.0
// A JSON value, read by simdjson and written exactly as Go's encoding/json writes it (no spaces,
// HTML characters escaped, Go 1.19 rules), because the names of restic's objects depend on it.
//
// Source of the writing rules: docs/format.md, "JSON". Hot paths (trees, index files) use JsonText
// for writing and simdjson's on-demand reader directly, inside format/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace holdfast {

// Appends `text` as a JSON string with quotes, as Go 1.19 does: `<` `>` `&` and U+2028/2029 become
// \uXXXX, each invalid UTF-8 byte becomes \ufffd, control bytes \u00xx except \n \r \t.
void append_json_string(std::string& to, std::string_view text);

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;  // in order of writing; keys unique

  Json() noexcept = default;  // null
  Json(std::nullptr_t) noexcept {}
  Json(bool value) : value_(value) {}
  template <typename T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  Json(T value) {
    // One form for each number, so that == works: only negative ones are held signed.
    if (std::is_signed_v<T> && value < T{}) {
      value_ = static_cast<std::int64_t>(value);
    } else {
      value_ = static_cast<std::uint64_t>(value);
    }
  }
  Json(double value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  [[nodiscard]] static Json array() { return Json(Array{}); }
  [[nodiscard]] static Json object() { return Json(Object{}); }

  // Parses one JSON document. Errc::corrupt, naming `what`, for anything that is not one, is nested
  // deeper than 256, repeats a key in an object, or is not UTF-8.
  [[nodiscard]] static Json parse(std::string_view text, std::string_view what);

  [[nodiscard]] bool is_null() const noexcept;
  [[nodiscard]] bool is_bool() const noexcept;
  [[nodiscard]] bool is_number() const noexcept;   // any of the three number kinds
  [[nodiscard]] bool is_integer() const noexcept;  // int64 or uint64
  [[nodiscard]] bool is_string() const noexcept;
  [[nodiscard]] bool is_array() const noexcept;
  [[nodiscard]] bool is_object() const noexcept;

  // The value as a kind; Errc::corrupt if it is of another kind or out of range.
  [[nodiscard]] bool as_bool() const;
  [[nodiscard]] std::int64_t as_int() const;
  [[nodiscard]] std::uint64_t as_uint() const;
  [[nodiscard]] double as_double() const;
  [[nodiscard]] const std::string& as_string() const;
  [[nodiscard]] const Array& as_array() const;
  [[nodiscard]] Array& as_array();
  [[nodiscard]] const Object& as_object() const;
  [[nodiscard]] Object& as_object();

  // The member of an object, or nullptr if it is not there (or this is no object).
  [[nodiscard]] const Json* find(std::string_view key) const noexcept;
  // The member of an object; Errc::corrupt naming the key if it is not there.
  [[nodiscard]] const Json& at(std::string_view key) const;
  // The member, or a default where it is missing or null; Errc::corrupt if of another kind.
  [[nodiscard]] std::string string_or(std::string_view key, std::string_view otherwise) const;
  [[nodiscard]] std::int64_t int_or(std::string_view key, std::int64_t otherwise) const;
  [[nodiscard]] std::uint64_t uint_or(std::string_view key, std::uint64_t otherwise) const;
  [[nodiscard]] bool bool_or(std::string_view key, bool otherwise) const;

  // Sets a member of an object (this becomes one if null), keeping the place of an existing key.
  Json& set(std::string_view key, Json value);
  // Appends to an array (this becomes one if null).
  Json& push(Json value);

  // One line, Go's compact form; or indented by two spaces a level, for people. Errc::bug for a
  // number that is infinite or not a number, which JSON cannot express.
  [[nodiscard]] std::string dump() const;
  [[nodiscard]] std::string dump_indented() const;
  void append_to(std::string& text) const;  // the compact form

  friend bool operator==(const Json&, const Json&) = default;

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, Array,
               Object>
      value_{nullptr};
};

}  // namespace holdfast
