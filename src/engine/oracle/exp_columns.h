// SPDX-License-Identifier: Apache-2.0
// The columns of a table's data in a classic dump: what the section says of their types, and how
// their values become those of all engines.
//
// Sources: types 1, 2, 8, 12, 23, 96, 112, 113 and 180 were measured in genuine dumps of 8.1 to 23;
// the others have the numbers and lengths of Oracle's call interface.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "engine/oracle/character_sets.h"
#include "model/value.h"

namespace holdfast::engine::oracle {

// A value's length word from here on is a mark.
inline constexpr std::uint16_t exp_length_end = 0xff00;
inline constexpr std::uint16_t exp_null = 0xfffe;
inline constexpr std::uint16_t exp_rows_end = 0xffff;
// Known by description only: a LONG in one piece of 32 bits' length, and a LOB in chunks.
inline constexpr std::uint16_t exp_long_piece = 0xff00;
inline constexpr std::uint16_t exp_lob_chunks = 0xfffc;

enum class ExpType : std::uint16_t {
  varchar2 = 1,
  number = 2,
  long_text = 8,
  date = 12,
  raw = 23,
  long_raw = 24,
  character = 96,
  binary_float = 100,
  binary_double = 101,
  clob = 112,
  blob = 113,
  timestamp = 180,
  timestamp_zone = 181,
  interval_ym = 182,
  interval_ds = 183,
  timestamp_local = 231,
};

struct ExpColumn {
  std::string name;
  std::uint16_t type = 0;
  std::uint16_t length = 0;   // the most bytes of a value, as the section says
  std::uint16_t charset = 0;  // 0: no characters
  bool is_national = false;
  // What its values' length words may be, by its type; above the second is a mark or damage.
  std::uint16_t bytes_min = 0, bytes_max = 0;

  [[nodiscard]] bool is(ExpType other) const noexcept {
    return type == static_cast<std::uint16_t>(other);
  }
  [[nodiscard]] bool is_lob() const noexcept { return is(ExpType::clob) || is(ExpType::blob); }
  [[nodiscard]] bool is_long() const noexcept {
    return is(ExpType::long_text) || is(ExpType::long_raw);
  }
  // "NUMBER", "VARCHAR2(20)"; where no statement tells more.
  [[nodiscard]] std::string type_text() const;
  // The kind of its values; nothing: they cannot be read.
  [[nodiscard]] std::optional<model::ValueKind> kind() const noexcept;
};

// Whether characters follow the length in a section's list of columns.
[[nodiscard]] bool exp_type_has_charset(std::uint16_t type) noexcept;
// Fills bytes_min and bytes_max. False: its type never has such a length in the list.
[[nodiscard]] bool set_exp_limits(ExpColumn& column) noexcept;

// Makes values of stored bytes. One thread.
class ExpDecoder {
 public:
  // The client's and the database's character sets; `zone` is DBTIMEZONE, "-07:00". Of a zone that
  // is no such offset UTC is taken.
  ExpDecoder(std::uint16_t client, std::uint16_t database, std::string_view zone);

  // Bytes that are no value of the column's type are kept as they are, kind bytes, and counted.
  // `into` keeps its buffer.
  void decode(const ExpColumn& column, ByteView stored, model::Value& into);
  [[nodiscard]] std::uint64_t undecodable() const noexcept { return undecodable_; }
  // Text of statements, names and the header: the client's. What is none of it has U+FFFD instead.
  [[nodiscard]] std::string client_text(std::string_view stored);

 private:
  void decode_sound(const ExpColumn& column, ByteView stored, model::Value& into);
  void decode_text(std::uint16_t charset, ByteView stored, model::Value& into);
  [[nodiscard]] TextDecoder* decoder_of(std::uint16_t charset);

  std::uint16_t client_, database_;
  int zone_minutes_ = 0;
  std::map<std::uint16_t, std::optional<TextDecoder>> decoders_;
  std::uint64_t undecodable_ = 0;
};

// "+01:30" as minutes; nothing for the name of a region, which is none.
[[nodiscard]] std::optional<int> zone_minutes_of(std::string_view zone) noexcept;

}  // namespace holdfast::engine::oracle
