// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/item.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "engine/typedb/test_exports.h"
#include "engine/typedb/test_values.h"
#include "engine/typedb/wire.h"

namespace holdfast::engine::typedb {
namespace {

struct Heard final : ReferenceSink {
  std::string text;
  void owned(std::string_view id) override { text += fmt::format("owned {};", id); }
  void role(std::string_view label) override { text += fmt::format("role {};", label); }
  void player(std::string_view id) override { text += fmt::format("player {};", id); }
};

Value value_in(const std::string& value, std::string& keep) {
  Heard heard;
  keep = bytes_field(1, bytes_field(1, "id") + bytes_field(2, "l") + bytes_field(4, value));
  return parse_item(as_bytes(keep), heard).value;
}

std::string shown(const std::string& value) {
  std::string keep;
  return display(value_in(value, keep));
}

std::string refusal(std::string_view message) {
  Heard heard;
  try {
    static_cast<void>(parse_item(as_bytes(message), heard));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    return error.message();
  }
  return "none";
}

std::string moment(std::int64_t seconds, unsigned nanoseconds) {
  return number_field(1, to_zigzag(seconds)) + number_field(2, nanoseconds);
}

TEST(TypedbItem, RelationTellsItsReferencesInOrder) {
  TestExport made;
  made.relation("r1", "employment", {{"employment:employee", {"p1", "p2"}}, {"x:y", {}}},
                {"a1", "a2"});
  const std::string_view message = std::string_view(made.bytes).substr(1);
  Heard heard;
  const Item item = parse_item(as_bytes(message), heard);
  EXPECT_EQ(item.kind, ItemKind::relation);
  EXPECT_EQ(item.id, "r1");
  EXPECT_EQ(item.label, "employment");
  EXPECT_EQ(heard.text, "owned a1;owned a2;role employment:employee;player p1;player p2;role x:y;");
}

TEST(TypedbItem, RoleMayComeBehindItsPlayers) {
  Heard heard;
  const std::string role = bytes_field(2, bytes_field(1, "p")) + bytes_field(1, "e:r");
  const std::string message =
      bytes_field(3, bytes_field(1, "r") + bytes_field(2, "e") + bytes_field(4, role));
  static_cast<void>(parse_item(as_bytes(message), heard));
  EXPECT_EQ(heard.text, "role e:r;player p;");
}

TEST(TypedbItem, HeaderAndChecksumsAreRead) {
  TestExport made;
  made.header("3.4.0", "base");
  Heard heard;
  const Item header = parse_item(as_bytes(made.bytes).subspan(1), heard);
  EXPECT_EQ(header.version, "3.4.0");
  EXPECT_EQ(header.database, "base");
  TestExport end;
  end.checksums({1, 2, 3, 4, 5});
  const Item checksums = parse_item(as_bytes(end.bytes).subspan(1), heard);
  EXPECT_EQ(checksums.kind, ItemKind::checksums);
  EXPECT_EQ(checksums.counts, (ThingCounts{1, 2, 3, 4, 5}));
}

TEST(TypedbItem, ValuesOfEveryReleaseAreExact) {
  EXPECT_EQ(shown(string_value("Zoë")), "Zoë");
  EXPECT_EQ(shown(number_field(2, 1)), "true");
  EXPECT_EQ(shown(number_field(2, 0)), "false");
  EXPECT_EQ(shown(number_field(3, 0)), "0");
  EXPECT_EQ(shown(number_field(3, ~std::uint64_t{0})), "-1");
  EXPECT_EQ(shown(number_field(3, std::uint64_t{1} << 63U)), "-9223372036854775808");
  EXPECT_EQ(shown(double_field(4, 0.1)), "0.1");
  EXPECT_EQ(shown(double_field(4, -0.0)), "-0");
  EXPECT_EQ(shown(number_field(5, 1'500)), "1970-01-01T00:00:01.5");
  EXPECT_EQ(shown(number_field(5, static_cast<std::uint64_t>(-1))), "1969-12-31T23:59:59.999");
}

TEST(TypedbItem, ValuesOfTypeDb3AreExact) {
  const auto decimal = [](std::int64_t whole, std::uint64_t fraction) {
    return bytes_field(6, number_field(1, to_zigzag(whole)) + number_field(2, fraction));
  };
  EXPECT_EQ(shown(decimal(1, 5'000'000'000'000'000'000U)), "1.5dec");
  EXPECT_EQ(shown(decimal(-2, 5'000'000'000'000'000'000U)), "-1.5dec");
  EXPECT_EQ(shown(decimal(-1, 1)), "-0.9999999999999999999dec");
  EXPECT_EQ(shown(decimal(std::numeric_limits<std::int64_t>::min(), 0)), "-9223372036854775808dec");
  EXPECT_EQ(shown(bytes_field(8, number_field(1, to_zigzag(719'163)))), "1970-01-01");
  EXPECT_EQ(shown(bytes_field(8, number_field(1, to_zigzag(1)))), "0001-01-01");
  EXPECT_EQ(shown(bytes_field(9, moment(-1, 250'000'000))), "1969-12-31T23:59:59.25");
  EXPECT_EQ(shown(bytes_field(10, bytes_field(1, moment(0, 0)) + bytes_field(2, "Asia/Tokyo"))),
            "1970-01-01T00:00:00Z Asia/Tokyo");
  EXPECT_EQ(
      shown(bytes_field(10, bytes_field(1, moment(0, 0)) + number_field(3, to_zigzag(-5400)))),
      "1969-12-31T22:30:00-01:30");
  EXPECT_EQ(shown(bytes_field(
                11, number_field(1, 14) + number_field(2, 3) + number_field(3, 1'000'000'001))),
            "P14M3DT1.000000001S");
  EXPECT_EQ(shown(bytes_field(12, bytes_field(1, "point"))), "struct point");
}

TEST(TypedbItem, ValuesBeyondTheCalendarAreNumbers) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(shown(bytes_field(9, moment(most, 1))), "9223372036854775807s.000000001");
  EXPECT_EQ(shown(bytes_field(8, number_field(1, to_zigzag(2'000'000'000)))), "day 2000000000");
  EXPECT_EQ(shown(number_field(5, std::uint64_t{1} << 63U)), "-9223372036854776s.192");
  EXPECT_EQ(shown(bytes_field(10, bytes_field(1, moment(most, 0)) + number_field(3, 7200))),
            "9223372036854775807s+01:00");
}

TEST(TypedbItem, ThingsThatLackSomethingAreRefused) {
  EXPECT_EQ(refusal(bytes_field(2, bytes_field(2, "person"))), "the entity has no id");
  EXPECT_EQ(refusal(bytes_field(3, bytes_field(1, "r"))), "the relation has no label");
  EXPECT_EQ(refusal(bytes_field(1, bytes_field(1, "a") + bytes_field(2, "name"))),
            "the attribute has no value");
  EXPECT_EQ(refusal(bytes_field(2, bytes_field(1, "e") + bytes_field(2, "p") + bytes_field(3, ""))),
            "a reference has no id");
  EXPECT_EQ(refusal(bytes_field(3, bytes_field(1, "r") + bytes_field(2, "e") +
                                       bytes_field(4, bytes_field(2, bytes_field(1, "p"))))),
            "a role has no label");
  EXPECT_EQ(refusal(bytes_field(15, "") + bytes_field(16, "")), "an item is two things");
}

TEST(TypedbItem, MalformedFieldsAreRefused) {
  EXPECT_EQ(refusal(bytes_field(2, bytes_field(1, "\xff"))), "field 1 is no UTF-8");
  EXPECT_EQ(refusal(bytes_field(2, number_field(1, 3))),
            "field 1 is a varint instead of counted bytes");
  EXPECT_EQ(refusal(varint(2U << 3U | 2U) + varint(9) + "abc"),
            "field 2 says it has 9 bytes where 3 are left");
  EXPECT_EQ(refusal(varint(2U << 3U | 3U)), "field 2 has the unknown wire type 3");
  EXPECT_EQ(refusal(std::string(1, '\0')), "0 is no tag of a field");
  EXPECT_EQ(refusal("\x80"), "the tag of a field is cut short or too large");
  EXPECT_EQ(refusal(varint(9U << 3U) + std::string(10, '\xff')),
            "field 9 is a number of more than 64 bits");
  EXPECT_EQ(refusal(varint(9U << 3U | 1U) + "abc"), "field 9 is cut short");
}

TEST(TypedbItem, ValuesOutOfRangeAreRefused) {
  const auto attribute = [](const std::string& value) {
    return bytes_field(1, bytes_field(1, "a") + bytes_field(2, "n") + bytes_field(4, value));
  };
  EXPECT_EQ(refusal(attribute(bytes_field(6, number_field(2, 10'000'000'000'000'000'000U)))),
            "a decimal's fraction is not below one");
  EXPECT_EQ(refusal(attribute(bytes_field(9, moment(0, 2'000'000'000)))),
            "a datetime's nanoseconds are not below a second");
  EXPECT_EQ(refusal(attribute(bytes_field(10, bytes_field(1, moment(0, 0))))),
            "a datetime-tz lacks its moment or its zone");
}

TEST(TypedbItem, KindsOfTheFutureAreUnknown) {
  Heard heard;
  EXPECT_EQ(parse_item(as_bytes(bytes_field(17, "x")), heard).kind, ItemKind::unknown);
  EXPECT_EQ(parse_item({}, heard).kind, ItemKind::unknown);
}

}  // namespace
}  // namespace holdfast::engine::typedb
