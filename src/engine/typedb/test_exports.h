// SPDX-License-Identifier: Apache-2.0
// `.typedb` files as every release writes them, and with damage, made here for tests that need no
// TypeDB. The same calls make the same bytes.
#pragma once

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "engine/typedb/item.h"

namespace holdfast::engine::typedb {

// What a call throws; Errc::bug if nothing.
template <typename Call>
Errc code_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return Errc::bug;
}

inline std::string varint(std::uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7U) text += static_cast<char>(0x80U | (value & 0x7fU));
  return text + static_cast<char>(value);
}
inline std::uint64_t to_zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1U) ^ (value < 0 ? ~std::uint64_t{0} : 0);
}
inline std::string number_field(unsigned number, std::uint64_t value) {
  return varint(number << 3U) + varint(value);
}
inline std::string bytes_field(unsigned number, std::string_view content) {
  return varint(number << 3U | 2U) + varint(content.size()) + std::string(content);
}
inline std::string double_field(unsigned number, double value) {
  std::string text = varint(number << 3U | 1U);
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (unsigned i = 0; i < 8; ++i) text += static_cast<char>(bits >> (8 * i));
  return text;
}
inline std::string sized(std::string_view message) {
  return varint(message.size()) + std::string(message);
}

inline std::string id_of(std::uint64_t number) {
  const std::string key = fmt::format("{:015x}", number);
  return to_base64(as_bytes(key));
}

// Role label and the ids of its players.
using Roles = std::vector<std::pair<std::string, std::vector<std::string>>>;

inline std::string owned_fields(const std::vector<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) text += bytes_field(3, bytes_field(1, id));
  return text;
}

// What a file is made of; counts what it is given.
class TestExport {
 public:
  std::string bytes;
  ThingCounts counts;

  TestExport& header(std::string_view version = "2.29.1", std::string_view database = "shop") {
    return item(bytes_field(15, bytes_field(1, version) + bytes_field(2, database)));
  }
  TestExport& entity(const std::string& id, std::string_view label,
                     const std::vector<std::string>& owned = {}) {
    ++counts.entities;
    counts.ownerships += static_cast<std::int64_t>(owned.size());
    return item(bytes_field(2, bytes_field(1, id) + bytes_field(2, label) + owned_fields(owned)));
  }
  TestExport& attribute(const std::string& id, std::string_view label, std::string_view value,
                        const std::vector<std::string>& owned = {}) {
    ++counts.attributes;
    counts.ownerships += static_cast<std::int64_t>(owned.size());
    return item(bytes_field(1, bytes_field(1, id) + bytes_field(2, label) + owned_fields(owned) +
                                   bytes_field(4, value)));
  }
  TestExport& relation(const std::string& id, std::string_view label, const Roles& roles,
                       const std::vector<std::string>& owned = {}) {
    ++counts.relations;
    counts.ownerships += static_cast<std::int64_t>(owned.size());
    std::string text = bytes_field(1, id) + bytes_field(2, label) + owned_fields(owned);
    for (const auto& [role, players] : roles) {
      std::string message = bytes_field(1, role);
      for (const std::string& player : players) message += bytes_field(2, bytes_field(1, player));
      counts.players += static_cast<std::int64_t>(players.size());
      text += bytes_field(4, message);
    }
    return item(bytes_field(3, text));
  }
  TestExport& checksums() { return checksums(counts); }
  TestExport& checksums(const ThingCounts& told) {
    const auto number = [](unsigned field, std::int64_t value) {
      return number_field(field, static_cast<std::uint64_t>(value));
    };
    return item(bytes_field(16, number(1, told.entities) + number(2, told.attributes) +
                                    number(3, told.relations) + number(4, told.players) +
                                    number(5, told.ownerships)));
  }
  TestExport& item(std::string_view message) {
    bytes += sized(message);
    return *this;
  }
};

inline std::string string_value(std::string_view text) {
  return bytes_field(1, text);
}

// One of each type that values have; those behind `datetime_millis` only in 3.x.
inline std::vector<std::string> values_of_every_type(bool with_3) {
  std::vector<std::string> all{string_value("Zoë"), number_field(2, 1),
                               number_field(3, ~std::uint64_t{0}), double_field(4, 0.1),
                               number_field(5, 1'500)};
  if (!with_3) return all;
  const std::string moment = number_field(1, to_zigzag(-1)) + number_field(2, 250'000'000);
  all.push_back(bytes_field(6, number_field(1, to_zigzag(-2)) + number_field(2, 5)));
  all.push_back(bytes_field(8, number_field(1, to_zigzag(719'163))));
  all.push_back(bytes_field(9, moment));
  all.push_back(bytes_field(10, bytes_field(1, moment) + bytes_field(2, "Asia/Tokyo")));
  all.push_back(bytes_field(10, bytes_field(1, moment) + number_field(3, to_zigzag(-5400))));
  all.push_back(bytes_field(11, number_field(1, 14) + number_field(2, 3) + number_field(3, 7)));
  all.push_back(bytes_field(12, bytes_field(1, "point")));
  return all;
}

// As 2.0.0 to 2.2.0 write an id: a key, whatever of it is no UTF-8 replaced.
inline std::string lossy_id(std::string_view key) {
  std::string id;
  for (const char c : key)
    id += static_cast<unsigned char>(c) < 0x80 ? std::string(1, c) : "\xEF\xBF\xBD";
  return id;
}

// A person with a name each, and who employs him: `people` of them. Ids are those of id_of():
// attributes from 1,000,000,000 on, relations from 2,000,000,000 on.
inline TestExport people_export(std::uint64_t people, std::string_view version = "2.29.1",
                                bool with_end = true) {
  TestExport made;
  made.header(version);
  made.entity(id_of(0), "company");
  for (std::uint64_t i = 1; i <= people; ++i) {
    const std::string name = id_of(1'000'000'000 + i);
    made.entity(id_of(i), "person", {name});
    made.attribute(name, "name", string_value(fmt::format("person {}", i)));
    made.relation(id_of(2'000'000'000 + i), "employment",
                  {{"employment:employee", {id_of(i)}}, {"employment:employer", {id_of(0)}}});
  }
  if (with_end) made.checksums();
  return made;
}
inline constexpr std::string_view people_schema_2 =
    "define\n\nperson sub entity, owns name, plays employment:employee;\n"
    "company sub entity, plays employment:employer;\nname sub attribute, value string;\n"
    "employment sub relation, relates employee, relates employer;\n";
inline constexpr std::string_view people_schema_3 =
    "define\n  entity person, owns name @key, plays employment:employee;\n"
    "  entity company, plays employment:employer;\n  attribute name, value string;\n"
    "  relation employment, relates employee @card(0..1), relates employer;\n";

}  // namespace holdfast::engine::typedb
