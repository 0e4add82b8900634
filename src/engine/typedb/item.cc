// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/item.h"

#include <fmt/format.h>

#include <array>
#include <bit>

#include "base/error.h"
#include "engine/typedb/wire.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::uint64_t fractions_per_unit = 10'000'000'000'000'000'000U;

[[noreturn]] void refuse(std::string_view why) {
  throw Error(Errc::corrupt, std::string(why));
}

std::int64_t as_signed(std::uint64_t wire) noexcept {
  return static_cast<std::int64_t>(wire);
}
// int32 and uint32 are cut to their width, as protobuf's own readers do.
std::uint32_t as_u32(std::uint64_t wire) noexcept {
  return static_cast<std::uint32_t>(wire);
}

void read_decimal(ByteView message, Value& value) {
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.number == 1) value.number = zigzag(field.varint());
    if (field.number == 2) value.fraction = field.varint();
  }
  if (value.fraction >= fractions_per_unit) refuse("a decimal's fraction is not below one");
}

void read_date(ByteView message, Value& value) {
  WireReader reader(message);
  for (WireField field; reader.next(field);)
    if (field.number == 1) value.number = static_cast<std::int32_t>(zigzag(field.varint()));
}

void read_datetime(ByteView message, Value& value) {
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.number == 1) value.number = zigzag(field.varint());
    if (field.number == 2) value.nanoseconds = as_u32(field.varint());
  }
  if (value.nanoseconds >= 2'000'000'000) refuse("a datetime's nanoseconds are not below a second");
}

void read_datetime_tz(ByteView message, Value& value) {
  bool has_moment = false, has_zone = false;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.number == 1) {
      read_datetime(field.message(), value);
      has_moment = true;
    } else if (field.number == 2) {
      value.text = field.text();
      has_zone = true;
    } else if (field.number == 3) {
      value.text = {};
      value.offset_seconds = static_cast<std::int32_t>(zigzag(field.varint()));
      has_zone = true;
    }
  }
  if (!has_moment || !has_zone) refuse("a datetime-tz lacks its moment or its zone");
}

void read_duration(ByteView message, Value& value) {
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.number == 1) value.months = as_u32(field.varint());
    if (field.number == 2) value.days = as_u32(field.varint());
    if (field.number == 3) value.fraction = field.varint();
  }
}

void read_struct(ByteView message, Value& value) {
  WireReader reader(message);
  for (WireField field; reader.next(field);)
    if (field.number == 1) value.text = field.text();
}

void read_plain(const WireField& field, ValueType type, Value& value) {
  value.type = type;
  if (type == ValueType::string) {
    value.text = field.text();
  } else if (type == ValueType::boolean) {
    value.boolean = field.varint() != 0;
  } else if (type == ValueType::real) {
    value.real = std::bit_cast<double>(field.fixed64());
  } else {
    value.number = as_signed(field.varint());
  }
}

void read_composed(const WireField& field, ValueType type,
                   void (*read)(ByteView message, Value& value), Value& value) {
  value.type = type;
  read(field.message(), value);
}

Value read_value(ByteView message) {
  Value value;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.number > 12 || field.number == 7) {  // 7 was never used
      if (value.type == ValueType::none) value.type = ValueType::unknown;
      continue;
    }
    value = Value{};  // of a oneof the last counts
    switch (field.number) {
      case 1:
        read_plain(field, ValueType::string, value);
        break;
      case 2:
        read_plain(field, ValueType::boolean, value);
        break;
      case 3:
        read_plain(field, ValueType::integer, value);
        break;
      case 4:
        read_plain(field, ValueType::real, value);
        break;
      case 5:
        read_plain(field, ValueType::datetime_millis, value);
        break;
      case 6:
        read_composed(field, ValueType::decimal, read_decimal, value);
        break;
      case 8:
        read_composed(field, ValueType::date, read_date, value);
        break;
      case 9:
        read_composed(field, ValueType::datetime, read_datetime, value);
        break;
      case 10:
        read_composed(field, ValueType::datetime_tz, read_datetime_tz, value);
        break;
      case 11:
        read_composed(field, ValueType::duration, read_duration, value);
        break;
      default:
        read_composed(field, ValueType::structure, read_struct, value);
    }
  }
  return value;
}

// The id in a message that holds nothing else: an owned attribute, a player.
std::string_view id_in(ByteView message) {
  std::string_view id;
  WireReader reader(message);
  for (WireField field; reader.next(field);)
    if (field.number == 1) id = field.text();
  if (id.empty()) refuse("a reference has no id");
  return id;
}

void read_role(ByteView message, ReferenceSink& into) {
  std::string_view label;
  WireField field;
  for (WireReader reader(message); reader.next(field);)
    if (field.number == 1) label = field.text();
  if (label.empty()) refuse("a role has no label");
  into.role(label);
  for (WireReader reader(message); reader.next(field);)
    if (field.number == 2) into.player(id_in(field.message()));
}

void read_thing(ByteView message, Item& item, ReferenceSink& into) {
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.number == 1) {
      item.id = field.text();
    } else if (field.number == 2) {
      item.label = field.text();
    } else if (field.number == 3) {
      into.owned(id_in(field.message()));
    } else if (field.number == 4 && item.kind == ItemKind::attribute) {
      item.value = read_value(field.message());
    } else if (field.number == 4 && item.kind == ItemKind::relation) {
      read_role(field.message(), into);
    }
  }
  const std::string_view kind = item_kind_name(item.kind);
  if (item.id.empty()) refuse(fmt::format("the {} has no id", kind));
  if (item.label.empty()) refuse(fmt::format("the {} has no label", kind));
  if (item.kind == ItemKind::attribute && item.value.type == ValueType::none)
    refuse("the attribute has no value");
}

void read_header(ByteView message, Item& item) {
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.number == 1) item.version = field.text();
    if (field.number == 2) item.database = field.text();
  }
}

void read_checksums(ByteView message, ThingCounts& counts) {
  const std::array<std::int64_t*, 6> places{
      nullptr,           &counts.entities, &counts.attributes,
      &counts.relations, &counts.players,  &counts.ownerships};
  WireReader reader(message);
  for (WireField field; reader.next(field);)
    if (field.number < places.size()) *places[field.number] = as_signed(field.varint());
}

ItemKind kind_of(std::uint32_t number) noexcept {
  switch (number) {
    case 1:
      return ItemKind::attribute;
    case 2:
      return ItemKind::entity;
    case 3:
      return ItemKind::relation;
    case 15:
      return ItemKind::header;
    case 16:
      return ItemKind::checksums;
    default:
      return ItemKind::unknown;
  }
}

}  // namespace

std::string_view item_kind_name(ItemKind kind) noexcept {
  static constexpr std::array<std::string_view, 6> names{"unknown",  "attribute", "entity",
                                                         "relation", "header",    "checksums"};
  return names[static_cast<std::size_t>(kind)];
}

Item parse_item(ByteView message, ReferenceSink& into) {
  Item item;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    const ItemKind kind = kind_of(field.number);
    if (kind == ItemKind::unknown) continue;
    if (item.kind != ItemKind::unknown) refuse("an item is two things");
    item.kind = kind;
    if (kind == ItemKind::header) {
      read_header(field.message(), item);
    } else if (kind == ItemKind::checksums) {
      read_checksums(field.message(), item.counts);
    } else {
      read_thing(field.message(), item, into);
    }
  }
  return item;
}

}  // namespace holdfast::engine::typedb
