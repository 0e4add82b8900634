// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/export_file.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "engine/typedb/test_exports.h"

namespace holdfast::engine::typedb {
namespace {

// Gives a few bytes at a time.
class Trickle final : public ByteSource {
 public:
  Trickle(std::string_view bytes, std::size_t step) : rest_(as_bytes(bytes)), step_(step) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    const std::size_t count = std::min({rest_.size(), step_, into.size()});
    std::copy_n(rest_.begin(), count, into.begin());
    rest_ = rest_.subspan(count);
    room_max = std::max(room_max, into.size());
    return count;
  }
  std::size_t room_max = 0;

 private:
  ByteView rest_;
  std::size_t step_;
};

TEST(TypedbExportReader, GivesEachItemWithItsPlace) {
  const std::string bytes = sized("a") + sized("") + sized(std::string(300, 'b'));
  Trickle source(bytes, 1);
  ExportReader reader(source, "x.typedb");
  auto piece = reader.next();
  ASSERT_TRUE(piece);
  EXPECT_EQ(as_text(piece->message), "a");
  EXPECT_EQ(piece->offset, 0U);
  piece = reader.next();
  ASSERT_TRUE(piece);
  EXPECT_TRUE(piece->message.empty());
  EXPECT_EQ(piece->offset, 2U);
  piece = reader.next();
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->message.size(), 300U);
  EXPECT_EQ(piece->offset, 3U);
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.offset(), bytes.size());
  EXPECT_FALSE(reader.truncation());
}

TEST(TypedbExportReader, ItemsLargerThanTheBufferComeWhole) {
  std::string large(5U << 20U, 'x');
  large.back() = 'z';
  const std::string bytes = sized("a") + sized(large) + sized("b");
  Trickle source(bytes, 100'000);
  ExportReader reader(source, "x.typedb");
  EXPECT_EQ(as_text(reader.next()->message), "a");
  EXPECT_EQ(as_text(reader.next()->message), large);
  EXPECT_EQ(as_text(reader.next()->message), "b");
  EXPECT_FALSE(reader.next());
}

TEST(TypedbExportReader, EveryCutIsToldToTheByte) {
  const std::string bytes = sized("abc") + sized(std::string(200, 'x'));
  for (std::size_t end = 0; end <= bytes.size(); ++end) {
    Trickle source(std::string_view(bytes).substr(0, end), 7);
    ExportReader reader(source, "x.typedb");
    const bool whole = end == 0 || end == 4 || end == bytes.size();
    try {
      while (reader.next()) {
      }
      EXPECT_TRUE(whole) << end;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::corrupt);
      EXPECT_FALSE(whole) << end;
      ASSERT_TRUE(reader.truncation());
      EXPECT_EQ(reader.truncation()->end_offset, end);
      EXPECT_EQ(reader.truncation()->item_offset, end < 4 ? 0U : 4U);
      const std::size_t missing = end < 4 ? 4 - end : end == 5 ? 0 : bytes.size() - end;
      EXPECT_EQ(reader.truncation()->missing_bytes, missing) << end;
    }
  }
}

TEST(TypedbExportReader, LengthAloneAllocatesNothing) {
  const std::string bytes = varint(60U << 20U) + "abc";
  Trickle source(bytes, 1000);
  ExportReader reader(source, "x.typedb");
  EXPECT_THROW(static_cast<void>(reader.next()), Error);
  EXPECT_LE(source.room_max, 1U << 20U);
  EXPECT_EQ(reader.truncation()->missing_bytes, (60U << 20U) - 3U);
}

TEST(TypedbExportReader, LengthsThatNoItemHasAreRefused) {
  for (const std::string& bytes :
       {varint(std::uint64_t{1} << 40U) + "abc", std::string(11, '\xff')}) {
    Trickle source(bytes, 1000);
    ExportReader reader(source, "x.typedb");
    EXPECT_THROW(static_cast<void>(reader.next()), Error);
    EXPECT_FALSE(reader.truncation());
  }
}

}  // namespace
}  // namespace holdfast::engine::typedb
