// SPDX-License-Identifier: Apache-2.0
// Rows of COPY's text format as rows of its binary format, which a server takes in for about two
// thirds of the work: it parses neither lines nor numbers, dates and hex digits. Knows no server.
//
// Source: PostgreSQL documentation, COPY, "Binary Format". What a value of a type looks like is
// what the type's send function writes (backend/utils/adt); a test holds this against a server's
// own COPY TO … (FORMAT binary), byte for byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

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

}  // namespace holdfast::engine::postgresql
