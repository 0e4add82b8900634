// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/probe.h"

#include "engine/sqlite/test_database.h"
#include "model/test_finding_codes.h"

namespace holdfast::engine::sqlite {
namespace {

using ProbeTest = SqliteTest;

TEST_F(ProbeTest, SaysWhatIsThere) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  const Probe probe = probe_database(endpoint("a.db"));
  EXPECT_TRUE(probe.exists);
  EXPECT_FALSE(probe.empty);
  EXPECT_TRUE(probe.findings.empty());
  EXPECT_EQ(probe.facts.string_or("journal_mode", ""), "wal");
  EXPECT_GE(probe.scratch_bytes, probe.size_bytes);
  EXPECT_TRUE(probe.abilities.fence);
  EXPECT_EQ(probe.own_files.size(), 4U) << "the file and its three siblings";
}

TEST_F(ProbeTest, NamesWhatIsWrong) {
  const auto finds = [&](const char* code) {
    const Probe probe = probe_database(endpoint("a.db"));
    return has_code(probe.findings, code) && !probe.empty;
  };
  write_file_durably(path("a.db"), as_bytes(std::string(5000, 'x')));
  EXPECT_TRUE(finds("sqlite-not-a-database"));
  std::filesystem::remove(path("a.db"));
  std::filesystem::create_directory(path("a.db"));
  EXPECT_TRUE(finds("sqlite-not-a-file"));
  std::filesystem::remove(path("a.db"));
  make("a.db", shop_sql);
  EXPECT_TRUE(finds("sqlite-rollback-journal"));
  std::filesystem::create_hard_link(path("a.db"), path("b.db"));
  EXPECT_TRUE(finds("sqlite-several-names"));
  std::filesystem::resize_file(path("a.db"), 4096);
  EXPECT_TRUE(finds("sqlite-truncated"));
}

TEST_F(ProbeTest, NamesADamagedSchema) {
  make("a.db", shop_sql);
  std::string bytes = read_text_file(path("a.db"));
  for (std::size_t at = bytes.find("CREATE TABLE items"); at != std::string::npos;
       at = bytes.find("CREATE TABLE items", at + 1)) {
    bytes.replace(at, 12, "CREATE ELBAT");
  }
  write_file_durably(path("a.db"), as_bytes(bytes));
  EXPECT_TRUE(has_code(probe_database(endpoint("a.db")).findings, "sqlite-damaged"));
}

TEST_F(ProbeTest, NamesSiblingsWithoutADatabase) {
  write_file_durably(path("a.db-wal"), as_bytes("x"));
  const Probe probe = probe_database(endpoint("a.db"));
  EXPECT_FALSE(probe.exists);
  EXPECT_TRUE(has_code(probe.findings, "sqlite-orphaned-siblings"));
}

TEST_F(ProbeTest, NamesWhoKeepsEverybodyOut) {
  make("a.db", shop_sql);
  Connection hog(path("a.db"), Access::read_write);
  hog.run("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE");
  const Probe probe = probe_database(endpoint("a.db"));
  EXPECT_TRUE(has_code(probe.findings, "sqlite-held-exclusively"));
  EXPECT_TRUE(probe.needs_stop);
  EXPECT_FALSE(probe.empty);
}

TEST_F(ProbeTest, EndsSoonAfterAStopRequest) {
  make("a.db", shop_sql);
  Connection hog(path("a.db"), Access::read_write);
  hog.run("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE");
  expect_stoppable([&](const std::stop_token& stop) {
    static_cast<void>(probe_database(endpoint("a.db"), stop));
  });
}

TEST_F(ProbeTest, AnswersEvenWhereTheFileCannotBeOpened) {
  // Longer than any path that SQLite opens.
  std::string name;
  for (int depth = 0; depth < 4; ++depth) name += std::string(200, 'd') + "/";
  std::filesystem::create_directories(path(name));
  make("a.db", shop_sql);
  std::filesystem::rename(path("a.db"), path(name + "a.db"));
  Probe probe;
  ASSERT_NO_THROW(probe = probe_database(endpoint(name + "a.db")));
  EXPECT_TRUE(probe.exists);
  EXPECT_FALSE(probe.empty);
  EXPECT_TRUE(has_code(probe.findings, "sqlite-content-unobservable"));
  EXPECT_TRUE(model::has_blocker(probe.findings));
}

TEST_F(ProbeTest, MendsTheRollbackJournal) {
  make("a.db", shop_sql);
  EXPECT_NE(mend_database(endpoint("a.db"), "sqlite-rollback-journal").find("WAL"),
            std::string::npos);
  EXPECT_EQ(probe_database(endpoint("a.db")).facts.string_or("journal_mode", ""), "wal");
  EXPECT_EQ(names(), std::vector<std::string>{"a.db"});
  EXPECT_EQ(
      code_of([&] { static_cast<void>(mend_database(endpoint("a.db"), "sqlite-truncated")); }),
      Errc::unsupported);
}

TEST(Findings, AreAllListedInTheDocumentation) {
  const model::FindingCodes in_page = model::codes_in_page(HOLDFAST_SOURCES, "sqlite-");
  std::size_t found = 0;
  for (const char* file : {"probe.cc", "inspect.cc"}) {
    for (const auto& [code, severities] : model::codes_in_source(
             std::string(HOLDFAST_SOURCES "/src/engine/sqlite/") + file, "sqlite-")) {
      EXPECT_TRUE(in_page.contains(code)) << code;
      ++found;
    }
  }
  EXPECT_GE(found, 18U);
}

}  // namespace
}  // namespace holdfast::engine::sqlite
