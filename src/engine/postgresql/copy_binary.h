// SPDX-License-Identifier: Apache-2.0
// Rows of COPY's text format, and typed values, as rows of its binary format, which a server takes
// in for about two thirds of the work: it parses neither lines nor numbers, dates and hex digits.
// Knows no server.
//
// Source: PostgreSQL documentation, COPY, "Binary Format". What a value of a type looks like is
// what the type's send function writes (backend/utils/adt); a test holds this against a server's
// own COPY TO … (FORMAT binary), byte for byte.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "model/value.h"

namespace holdfast::engine::postgresql {

enum class BinaryForm : std::uint8_t {
  int2,
  int4,
  int8,
  oid,
  boolean,
  float4,
  float8,
  numeric,
  text,  // its own bytes
  jsonb,
  bytea,
  uuid,
  date,
  time,
  timestamp,
  timestamptz,
};

// The form of a type of pg_catalog by its name in pg_type: "int4", "bpchar". Nothing for those that
// are copied as text.
[[nodiscard]] std::optional<BinaryForm> binary_form_of(std::string_view type_name) noexcept;

class BinaryRows {
 public:
  explicit BinaryRows(std::vector<BinaryForm> columns) : columns_(std::move(columns)) {}

  static void begin(Bytes& into);
  // Adds a row, which is UTF-8 and stands without its line end. False, with nothing added, for one
  // that COPY TO would not write with Holdfast's settings (ISO dates, UTC, hex) and that might mean
  // something else to the server: the text is for it to judge.
  [[nodiscard]] bool add(std::string_view line, Bytes& into);
  static void end(Bytes& into);

 private:
  std::vector<BinaryForm> columns_;
  std::string field_;  // unescaped
};

// The most bytes of a text or a bytea that a server takes: with its length they fit what it
// allocates at once. Source: PostgreSQL's MaxAllocSize (utils/memutils.h) and VARHDRSZ.
inline constexpr std::size_t value_bytes_max = 0x3fff'ffff - 4;

// Typed values in that format, between begin() and end() of BinaryRows.
class BinaryValues {
 public:
  using Write = std::function<void(ByteView)>;
  explicit BinaryValues(std::vector<BinaryForm> columns) : columns_(std::move(columns)) {}

  // Adds a row with a value for each column. A wide value is not copied: `into`, which is empty
  // then, and its bytes go to `write` at once. Returns the column whose type does not take its
  // value; the rest of the row is left out then, and nothing may follow.
  [[nodiscard]] std::optional<std::size_t> add(const model::Row& row, Bytes& into,
                                               const Write& write);

 private:
  [[nodiscard]] bool add_value(BinaryForm form, const model::Value& value, Bytes& into);

  std::vector<BinaryForm> columns_;
  std::string text_;  // a value as COPY writes it
};

}  // namespace holdfast::engine::postgresql
