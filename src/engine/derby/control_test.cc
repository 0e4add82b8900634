// SPDX-License-Identifier: Apache-2.0
#include "engine/derby/control.h"

#include <gtest/gtest.h>

#include "engine/derby/test_database.h"

namespace holdfast::engine::derby {
namespace {

TEST(DerbyControl, HasTheUsualChecksum) {
  EXPECT_EQ(crc32(as_bytes("123456789")), 0xcbf43926U);
  EXPECT_EQ(crc32(as_bytes("56789"), crc32(as_bytes("1234"))), 0xcbf43926U);
}

TEST(DerbyControl, ReadsTheControlFileOfARealDatabase) {
  // Written by Derby 10.14.2.
  const auto bytes = from_hex(
      "0000008000000009000000010004"
      "8c200000000a0000000effffffff000000000000000000000000"
      "0000000018bd0e1e");
  ASSERT_TRUE(bytes);
  const auto control = parse_log_control(*bytes);
  ASSERT_TRUE(control);
  EXPECT_EQ(control->major, 10U);
  EXPECT_EQ(control->minor, 14U);
  EXPECT_EQ(control->checkpoint_file, 1U);
  EXPECT_EQ(control->checkpoint_position, 0x48c20U);
  EXPECT_FALSE(control->beta);
}

TEST(DerbyControl, AFlippedBitIsNoControlFile) {
  const std::string good = log_control(1, 24);
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    EXPECT_FALSE(parse_log_control(as_bytes(bad))) << at;
  }
  EXPECT_FALSE(parse_log_control(as_bytes(good.substr(1))));
  EXPECT_FALSE(parse_log_control({}));
}

TEST(DerbyControl, KnowsFlags) {
  const auto control = parse_log_control(as_bytes(log_control(1, 24, 10, 15, 3)));
  ASSERT_TRUE(control);
  EXPECT_TRUE(control->beta);
  EXPECT_TRUE(control->not_synced);
}

TEST(DerbyControl, ReadsPropertiesAsJavaWritesThem) {
  const auto found = parse_properties(
      "# comment\n! another\n\n a = b \nc:d\\=e\\:f\nlong=one\\\n   two\r\nempty=\nbare\n"
      "\\u0061\\u00e4=\\u20ac\\t\\n\npath=C\\:\\\\data\n#c \\\nlast=1");
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, (Properties{{"a", "b "},
                                {"c", "d=e:f"},
                                {"long", "onetwo"},
                                {"empty", ""},
                                {"bare", ""},
                                {"a\xc3\xa4", "\xe2\x82\xac\t\n"},
                                {"path", "C:\\data"},
                                {"last", "1"}}));
  EXPECT_FALSE(parse_properties("a=\\u12"));
  EXPECT_FALSE(parse_properties("a=\\uxyzw"));
}

TEST(DerbyControl, KnowsWhoseAndWhetherEncrypted) {
  EXPECT_TRUE(names_database({{"derby.serviceProtocol", "org.apache.derby.database.Database"}}));
  EXPECT_FALSE(names_database({{"derby.serviceProtocol", "other"}}));
  EXPECT_FALSE(names_database({}));
  EXPECT_TRUE(is_encrypted({{"dataEncryption", "true"}}));
  EXPECT_FALSE(is_encrypted({}));
}

TEST(DerbyControl, CountsRecordsFromACheckpointOn) {
  const std::string log = log_file(7, 5);
  EXPECT_EQ(parse_log_header(as_bytes(log))->number, 7U);
  const std::uint64_t instant = std::uint64_t{7} << 32U | log_header_bytes;
  const ByteView records = as_bytes(log).subspan(log_header_bytes);
  EXPECT_EQ(count_records(records, instant, 4), 4U);
  EXPECT_EQ(count_records(records, instant, 100), 5U);
  EXPECT_FALSE(count_records(records, instant + 1, 100));
  EXPECT_FALSE(count_records(records.subspan(1), instant, 100));
  EXPECT_FALSE(count_records(records.first(50), instant, 100));  // the second is cut off
  EXPECT_FALSE(count_records({}, instant, 100));
}

TEST(DerbyControl, ChecksPagesOfEverySize) {
  for (const unsigned page_bytes : {4096U, 8192U, 32768U}) {
    const std::string text = container(3, page_bytes);
    const ByteView bytes = as_bytes(text);
    const auto found = parse_container(bytes);
    ASSERT_TRUE(found) << page_bytes;
    EXPECT_EQ(found->page_bytes, page_bytes);
    EXPECT_TRUE(is_good_page(bytes.first(page_bytes), true));
    EXPECT_FALSE(is_good_page(bytes.first(page_bytes), false));
    EXPECT_TRUE(is_good_page(bytes.subspan(page_bytes, page_bytes), false));
  }
  EXPECT_TRUE(is_good_page(as_bytes(std::string(4096, '\0')), false));  // reserved, never written
  std::string page = with_checksum(std::string(4088, 'x'));
  page[17] = 'y';
  EXPECT_FALSE(is_good_page(as_bytes(page), false));
}

TEST(DerbyControl, RefusesContainersThatCannotBe) {
  const std::string good = container(1);
  for (const std::size_t at : {0U, 1U, 108U, 109U, 117U, 120U, 188U}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    EXPECT_FALSE(parse_container(as_bytes(bad))) << at;
  }
  EXPECT_FALSE(parse_container(as_bytes(good).first(188)));
  EXPECT_FALSE(parse_container(as_bytes(container(1, 4100))));
}

}  // namespace
}  // namespace holdfast::engine::derby
