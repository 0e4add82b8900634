// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/header.h"

#include <array>
#include <cstring>

#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

using Headers = SqliteTest;

std::array<std::byte, header_bytes> front_of(const std::filesystem::path& path) {
  std::array<std::byte, header_bytes> front{};
  static_cast<void>(Connection(path, Access::read_only).read_front(front));
  return front;
}

TEST_F(Headers, AgreesWithSqlite) {
  make("a.db",
       "PRAGMA page_size=8192; PRAGMA encoding='UTF-16le'; PRAGMA auto_vacuum=INCREMENTAL; CREATE "
       "TABLE t (a);"
       "PRAGMA user_version=7; PRAGMA application_id=252006674; PRAGMA journal_mode=WAL");
  const std::optional<Header> header = parse_header(front_of(path("a.db")));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->page_size, 8192U);
  EXPECT_TRUE(header->wal);
  EXPECT_EQ(encoding_name(header->encoding), "UTF-16le");
  EXPECT_EQ(header->auto_vacuum, 2U);
  EXPECT_EQ(header->user_version, 7U);
  EXPECT_EQ(header->application_id, 252006674U);
  EXPECT_EQ(version_text(header->writer_version), library_version());
  EXPECT_EQ(std::uint64_t{header->page_count} * header->page_size,
            std::filesystem::file_size(path("a.db")));
}

TEST_F(Headers, KnowsTheLargestPageAndAnUnvouchedPageCount) {
  make("a.db", "PRAGMA page_size=65536; CREATE TABLE t (a)");
  auto front = front_of(path("a.db"));
  EXPECT_EQ(parse_header(front)->page_size, 65536U);
  EXPECT_EQ(parse_header(front)->page_count, 2U);
  front[95] ^= std::byte{1};  // version-valid-for no longer equals the change counter
  EXPECT_EQ(parse_header(front)->page_count, 0U);
}

TEST_F(Headers, RefusesTheImpossible) {
  make("a.db", "CREATE TABLE t (a)");
  const auto good = front_of(path("a.db"));
  for (const auto& [at, value] : std::vector<std::pair<std::size_t, int>>{{0, 'X'},
                                                                          {15, 1},
                                                                          {16, 3},
                                                                          {17, 7},
                                                                          {19, 0},
                                                                          {19, 9},
                                                                          {21, 63},
                                                                          {22, 0},
                                                                          {23, 31},
                                                                          {59, 4}}) {
    auto bad = good;
    bad[at] = static_cast<std::byte>(value);
    EXPECT_FALSE(parse_header(bad)) << "byte " << at;
  }
  EXPECT_FALSE(parse_header(ByteView(good).first(99)));
  EXPECT_FALSE(parse_header({}));
  EXPECT_FALSE(has_magic({}));
}

TEST(Siblings, AreKnownByTheirFirstBytes) {
  std::string wal("\x37\x7f\x06\x82", 4);
  wal.resize(32);
  EXPECT_TRUE(is_wal_file(as_bytes(wal)));
  EXPECT_FALSE(is_wal_file(as_bytes(wal).first(31)));
  std::string journal("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
  journal.resize(28);
  EXPECT_TRUE(is_journal_file(as_bytes(journal)));
  EXPECT_FALSE(is_journal_file(as_bytes(wal)));
}

TEST(Siblings, NameTheirSuperJournalAtTheEnd) {
  const auto end_with = [](const std::string& name, std::uint32_t sum_off_by = 0) {
    std::uint32_t sum = sum_off_by;
    for (const char c : name) sum += static_cast<std::uint32_t>(c);
    std::string end = "pages" + name;
    for (const std::uint32_t number : {static_cast<std::uint32_t>(name.size()), sum}) {
      for (const unsigned shift : {24U, 16U, 8U, 0U}) end += static_cast<char>(number >> shift);
    }
    return end + "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
  };
  EXPECT_EQ(super_journal_name(as_bytes(end_with("/srv/app.db-mj0123"))), "/srv/app.db-mj0123");
  EXPECT_EQ(super_journal_name(as_bytes(end_with("/srv/f\xc3\xbc.db-mj1"))),
            "/srv/f\xc3\xbc.db-mj1");
  EXPECT_EQ(super_journal_name(as_bytes(end_with("/srv/app.db-mj0123", 1))), "") << "a wrong sum";
  std::string end = end_with("/a");
  EXPECT_EQ(super_journal_name(as_bytes(end).first(end.size() - 1)), "");
  end[end.size() - 13] = '\x7f';  // a length beyond its beginning
  EXPECT_EQ(super_journal_name(as_bytes(end)), "");
  EXPECT_EQ(super_journal_name(as_bytes(end_with(std::string(513, 'x')))), "");
  EXPECT_EQ(super_journal_name(as_bytes(end_with(""))), "");
  EXPECT_EQ(super_journal_name({}), "");
}

}  // namespace
}  // namespace holdfast::engine::sqlite
