// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/wire.h"

#include <gtest/gtest.h>

#include <limits>

#include "engine/typedb/test_exports.h"

namespace holdfast::engine::typedb {
namespace {

TEST(TypedbWire, VarintsAreReadBack) {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{1} << 63U,
        std::numeric_limits<std::uint64_t>::max()}) {
    const std::string bytes = varint(value);
    const Varint read = read_varint(as_bytes(bytes + "x"));
    EXPECT_EQ(read.value, value);
    EXPECT_EQ(read.size_bytes, bytes.size());
    EXPECT_EQ(read_varint(as_bytes(std::string_view(bytes).substr(1))).size_bytes,
              bytes.size() - 1);
    EXPECT_EQ(read_varint(as_bytes(bytes).first(bytes.size() - 1)).size_bytes, 0U);
  }
  const Varint large = read_varint(as_bytes(std::string(9, '\xff') + "\2"));
  EXPECT_TRUE(large.too_large);
  EXPECT_EQ(large.size_bytes, 0U);
}

TEST(TypedbWire, ZigZagIsUndone) {
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1},
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()})
    EXPECT_EQ(zigzag(to_zigzag(value)), value);
  EXPECT_EQ(zigzag(3), -2);
}

TEST(TypedbWire, FieldsOfEveryTypeArePassed) {
  const std::string message = number_field(1, 300) + varint(2U << 3U | 5U) +
                              std::string("\1\0\0\0", 4) + double_field(3, 0.5) +
                              bytes_field(4, "text");
  WireReader reader(as_bytes(message));
  WireField field;
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.varint(), 300U);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.type, WireType::fixed32);
  EXPECT_EQ(field.value, 1U);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.fixed64(), 0x3fe0000000000000U);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.number, 4U);
  EXPECT_EQ(field.text(), "text");
  EXPECT_FALSE(reader.next(field));
}

}  // namespace
}  // namespace holdfast::engine::typedb
