// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/switch.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <map>

#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

class Switch : public SqliteTest {
 protected:
  [[nodiscard]] Announce announce() {
    return [this](std::string_view, const Json& undo) { journal_.push_back(undo); };
  }
  // Puts a one-table database in the place of "a.db".
  bool put(const std::filesystem::path& kept = {}) {
    NewFile file(path("a.db"), announce());
    Connection(file.path(), Access::read_write).run("CREATE TABLE fresh (a)");
    return file.switch_in(Json::object(), kept, announce());
  }
  void undo_all() const {
    for (auto entry = journal_.rbegin(); entry != journal_.rend(); ++entry) undo_switch(*entry);
  }
  std::vector<Json> journal_;
};

TEST_F(Switch, PutsAFileWhereNoneWas) {
  EXPECT_FALSE(put());
  EXPECT_EQ(names(), std::vector<std::string>{"a.db"});
  undo_all();
  undo_all();
  EXPECT_TRUE(names().empty());
}

TEST_F(Switch, GivesAnEmptyFileBack) {
  write_file_durably(path("a.db"), {}, 0640);
  ::chmod(path("a.db").c_str(), 0640);
  EXPECT_FALSE(put());
  struct stat found {};
  ASSERT_EQ(::stat(path("a.db").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0640U) << "whoever made the empty file chose its mode";
  undo_all();
  EXPECT_EQ(std::filesystem::file_size(path("a.db")), 0U);
  EXPECT_EQ(names(), std::vector<std::string>{"a.db"});
}

TEST_F(Switch, KeepsAllOfADatabaseWithItsLog) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  { Connection(path("a.db"), Access::read_write).run("DELETE FROM items WHERE id = 1"); }
  ASSERT_TRUE(std::filesystem::exists(path("a.db-wal")));
  EXPECT_TRUE(put(path("a.db_before")));
  EXPECT_EQ(names(), (std::vector<std::string>{"a.db", "a.db_before"}))
      << "an old log would poison the new database";
  EXPECT_EQ(
      Connection(path("a.db_before"), Access::immutable).integer("SELECT count(*) FROM items"), 2);
  undo_all();
  undo_all();
  EXPECT_EQ(names(), std::vector<std::string>{"a.db"});
  EXPECT_EQ(text("a.db", "SELECT count(*) FROM items"), "2");
}

TEST_F(Switch, KeepsWhatIsNoDatabaseToo) {
  write_file_durably(path("a.db"), as_bytes("a letter"));
  write_file_durably(path("a.db-wal"), as_bytes("its log"));
  EXPECT_TRUE(put(path("a.db_before")));
  EXPECT_EQ(names(), (std::vector<std::string>{"a.db", "a.db_before", "a.db_before-wal"}));
  undo_all();
  EXPECT_EQ(read_text_file(path("a.db")), "a letter");
  EXPECT_EQ(read_text_file(path("a.db-wal")), "its log");
}

TEST_F(Switch, KeepsADamagedDatabaseAsItIs) {
  make("whole.db", shop_sql);
  const std::string good = read_text_file(path("whole.db"));
  std::filesystem::remove(path("whole.db"));
  std::string bad_root = good;
  for (std::size_t at = 100; at < 200; ++at) bad_root[at] = '\xff';
  const std::map<std::string, std::string> damages{
      {"truncated", good.substr(0, good.size() / 2)},
      {"truncated within a page", good.substr(0, good.size() - 100)},
      {"truncated within its header", good.substr(0, 50)},
      {"bytes 100 to 200", bad_root},
  };
  for (const auto& [name, bytes] : damages) {
    write_file_durably(path("a.db"), as_bytes(bytes));
    EXPECT_EQ(code_of([&] { put(); }), Errc::exists) << name << ": damaged is not empty";
    EXPECT_EQ(read_text_file(path("a.db")), bytes) << name;
    journal_.clear();
    EXPECT_TRUE(put(path("a.db_before"))) << name;
    EXPECT_EQ(names(), (std::vector<std::string>{"a.db", "a.db_before"})) << name;
    EXPECT_EQ(read_text_file(path("a.db_before")), bytes) << name;
    EXPECT_EQ(text("a.db", "SELECT count(*) FROM fresh"), "0") << name;
    undo_all();
    EXPECT_EQ(names(), std::vector<std::string>{"a.db"}) << name;
    EXPECT_EQ(read_text_file(path("a.db")), bytes) << name;
  }
}

TEST_F(Switch, RefusesADatabaseThatIsInUse) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  Connection application(path("a.db"), Access::read_write);
  ASSERT_EQ(application.begin_read(), Begin::done);
  EXPECT_EQ(code_of([&] { put(path("a.db_before")); }), Errc::unavailable);
  application.rollback();
  EXPECT_EQ(application.integer("SELECT count(*) FROM items"), 3);
  EXPECT_FALSE(std::filesystem::exists(path("a.db_before")));
}

TEST_F(Switch, RefusesWhatItMustNotOverwrite) {
  make("a.db", shop_sql);
  EXPECT_EQ(code_of([&] { put(); }), Errc::exists);
  make("a.db_before", shop_sql);
  EXPECT_EQ(code_of([&] { put(path("a.db_before")); }), Errc::exists);
  EXPECT_EQ(text("a.db", "SELECT count(*) FROM items"), "3");
  EXPECT_EQ(code_of([&] { check_place(home_.path(), true, path("kept")); }), Errc::exists);
  EXPECT_EQ(names(), (std::vector<std::string>{"a.db", "a.db_before"}))
      << "an unfinished file was left";
}

TEST_F(Switch, RefusesAPlaceWithALogOfAnother) {
  write_file_durably(path("a.db-wal"), as_bytes("somebody's"));
  EXPECT_EQ(code_of([&] { put(); }), Errc::exists);
}

TEST_F(Switch, UndoneAtEachStepItPutsBackWhatWasThere) {
  make("a.db", shop_sql);
  ASSERT_TRUE(put(path("a.db_before")));
  // As if it had died between keeping the old name and taking the place.
  const Json& entry = journal_.back();
  std::filesystem::rename(path("a.db"), entry.at("new").as_string());
  std::filesystem::create_hard_link(path("a.db_before"), path("a.db"));
  undo_all();
  EXPECT_EQ(names(), std::vector<std::string>{"a.db"});
  EXPECT_EQ(text("a.db", "SELECT count(*) FROM items"), "3");
}

TEST_F(Switch, DoesNotUndoOverSomebodyElsesFile) {
  make("a.db", shop_sql);
  ASSERT_TRUE(put(path("a.db_before")));
  std::filesystem::remove(path("a.db"));
  write_file_durably(path("a.db"), as_bytes("a third one"));
  EXPECT_EQ(code_of([&] { undo_all(); }), Errc::exists);
  EXPECT_EQ(read_text_file(path("a.db")), "a third one");
  EXPECT_TRUE(std::filesystem::exists(path("a.db_before")));
}

TEST_F(Switch, RefusesAnUndoItDoesNotUnderstand) {
  EXPECT_EQ(code_of([] { undo_switch(Json::object()); }), Errc::corrupt);
  EXPECT_EQ(code_of([] { undo_switch(Json::object().set("kind", "burn").set("path", "/x")); }),
            Errc::corrupt);
  EXPECT_EQ(code_of([] { undo_switch(Json::object().set("kind", "remove").set("path", "x")); }),
            Errc::corrupt);
  EXPECT_NO_THROW(undo_switch(Json::object().set("kind", "none")));
}

}  // namespace
}  // namespace holdfast::engine::sqlite
