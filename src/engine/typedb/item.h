// SPDX-License-Identifier: Apache-2.0
// The items of a `.typedb` file: one protobuf message each.
//
// Sources: typedb/typedb, migrator/proto/data.proto of 2.0.0, migrator/data/data.proto of 2.5.0,
// migrator/database/data.proto of 2.29.1; typedb/typedb-protocol, proto/migration.proto and
// proto/concept.proto of 3.4.0 to 3.12.0. All have the same numbers; 3.x only adds value types, and
// its attributes own none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::engine::typedb {

enum class ValueType : std::uint8_t {
  none,
  string,
  boolean,
  integer,          // `long` in 2.x
  real,             // `double`
  datetime_millis,  // `datetime` of 2.x
  decimal,
  date,
  datetime,
  datetime_tz,
  duration,
  structure,
  unknown,  // of a kind that no release has
};

// Which members count depends on the type. Views point into the message.
struct Value {
  ValueType type = ValueType::none;
  std::string_view text;  // string; name of the zone (empty: `offset_seconds` counts) or struct
  bool boolean = false;
  std::int64_t number = 0;  // integer; ms since 1970; whole part; days since 0000-12-31; seconds
  double real = 0;
  std::uint64_t fraction = 0;     // decimal: of 10^-19, 0..10^19-1; duration: nanoseconds
  std::uint32_t nanoseconds = 0;  // 0..1,999,999,999: a leap second is one of two
  std::int32_t offset_seconds = 0;
  std::uint32_t months = 0, days = 0;
};
// What a file says of itself at its end. `players` are called roles there.
struct ThingCounts {
  std::int64_t entities = 0, attributes = 0, relations = 0, players = 0, ownerships = 0;
  friend bool operator==(const ThingCounts&, const ThingCounts&) = default;
};

enum class ItemKind : std::uint8_t { unknown, attribute, entity, relation, header, checksums };
[[nodiscard]] std::string_view item_kind_name(ItemKind kind) noexcept;

// Views point into the message.
struct Item {
  ItemKind kind = ItemKind::unknown;
  std::string_view id, label;          // of things
  Value value;                         // of an attribute
  std::string_view version, database;  // of the header
  ThingCounts counts;                  // of the checksums
};

// Gets what a thing refers to, in the order of the message, so that no number of them costs memory.
class ReferenceSink {
 public:
  virtual ~ReferenceSink() = default;
  ReferenceSink(const ReferenceSink&) = delete;
  ReferenceSink& operator=(const ReferenceSink&) = delete;
  virtual void owned(std::string_view attribute_id) = 0;
  virtual void role(std::string_view label) = 0;  // of the players that follow
  virtual void player(std::string_view id) = 0;

 protected:
  ReferenceSink() = default;
};

// `unknown` for an item of a kind that no release has, which has nothing else then; an attribute
// may have a value of such a type. Errc::corrupt
// for a message that is malformed, or a thing without an id, a label, or a value where it must have
// one; `into` may have been told of some references by then.
[[nodiscard]] Item parse_item(ByteView message, ReferenceSink& into);

}  // namespace holdfast::engine::typedb
