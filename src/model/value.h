// SPDX-License-Identifier: Apache-2.0
// Typed values and rows, with the one canonical encoding on which digests, row output, reference
// checks and migrations across engines stand. docs/digest.md is the specification.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"

namespace holdfast::model {

enum class ValueKind : std::uint8_t {
  null,
  number,  // exact: canonical decimal text, "-12.5": no exponent, no superfluous zeros, no "-0"
  real,    // IEEE double; one NaN, -0.0 counts as 0.0
  text,    // UTF-8 (or raw bytes where the database holds invalid text: flagged by kind bytes)
  bytes,
  date,       // "2026-11-20", proleptic Gregorian; "-0044-03-15" before year 1
  time,       // "10:56:01.5", no trailing zeros
  timestamp,  // "2026-11-20T10:56:01.5", no zone
  instant,    // "2026-11-20T10:56:01.5Z", always UTC
  other,      // engine's own canonical text of a type without a common meaning, e.g. a geometry
};
[[nodiscard]] std::string_view value_kind_name(ValueKind kind) noexcept;

struct Value {
  ValueKind kind = ValueKind::null;
  double real = 0;   // kind real
  std::string text;  // every other kind but null; raw bytes for kind bytes

  [[nodiscard]] static Value null() { return {}; }
  [[nodiscard]] static Value integer(std::int64_t value);
  [[nodiscard]] static Value number(
      std::string_view decimal);  // canonicalises; Errc::corrupt if no decimal
  [[nodiscard]] static Value of_real(double value);
  [[nodiscard]] static Value of_text(std::string_view utf8);
  [[nodiscard]] static Value of_bytes(ByteView bytes);
  [[nodiscard]] static Value of_kind(ValueKind kind,
                                     std::string text);  // date, time, timestamp, instant, other
  // As the canonical encoding has it: NaN equals NaN, -0.0 equals 0.0.
  friend bool operator==(const Value& a, const Value& b) noexcept;
};

using Row = std::vector<Value>;

struct Column {
  std::string name;
  std::string type;  // as the engine declares it
};

struct TableName {
  std::string schema;  // empty where the engine has none
  std::string table;
  [[nodiscard]] std::string display() const {
    return schema.empty() ? table : schema + "." + table;
  }
  friend auto operator<=>(const TableName&, const TableName&) = default;
};

// Takes the rows of one table. One thread at a time.
class RowSink {
 public:
  virtual ~RowSink() = default;
  RowSink(const RowSink&) = delete;
  RowSink& operator=(const RowSink&) = delete;
  virtual void columns(const std::vector<Column>& columns) = 0;  // first, once
  virtual void row(const Row& row) = 0;

 protected:
  RowSink() = default;
};

// Appends the canonical encoding of a row (docs/digest.md).
void append_canonical(Bytes& to, const Row& row);

// The order-independent digest of a table's rows: count and sum modulo 2^256 of the rows' SHA-256.
// Adding two of them gives the digest of both tables' rows together.
class TableDigest {
 public:
  void add(const Sha256Digest& row) noexcept;
  void add(const TableDigest& other) noexcept;
  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::string hex() const;  // 64 digits
  friend bool operator==(const TableDigest&, const TableDigest&) = default;

 private:
  std::uint64_t rows_ = 0;
  std::array<std::uint64_t, 4> sum_{};  // little-endian limbs
};

// Makes the digest of rows that come one by one. One thread at a time.
class RowHasher {
 public:
  void add(const Row& row);
  // Of all rows so far.
  [[nodiscard]] const TableDigest& digest();

 private:
  TableDigest digest_;
  // Encodings of rows that are not in it yet, one after the other, and where each ends: several are
  // hashed at once, faster than one by one.
  Bytes waiting_;
  std::vector<std::size_t> ends_;
};

}  // namespace holdfast::model
