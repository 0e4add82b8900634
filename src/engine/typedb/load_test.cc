// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/load.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"
#include "engine/embedded/test_places.h"
#include "engine/typedb/checkpoint.h"
#include "engine/typedb/directory.h"
#include "engine/typedb/hold.h"
#include "engine/typedb/switch.h"
#include "engine/typedb/test_parts.h"
#include "engine/typedb/test_rocks.h"
#include "engine/typedb/test_server.h"
#include "engine/typedb/typedb.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

// The parameter: whether the copy is a tree.
class TypedbLoad : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    fs::create_directories(data());
    make_database_3(copy());
    fs::remove_all(copy() / "storage");
    fs::remove_all(copy() / "checkpoint");
    facts_.name = "shop";
    facts_.engine_facts.set("encoding", "3.x/a").set("last_sequence", std::uint64_t{20});
    into_.component = "shop";
    into_.engine = "typedb";
    into_.uri = "typedb:" + place().native();
    into_.options["release"] = "3.10.4";
    options_.kept_suffix = "_before_20261121T000000Z";
    options_.before_change = [this](std::string_view, const Json& undo) { undos_.push_back(undo); };
  }
  LoadReport load() {
    return load_database(TestParts(copy(), GetParam()), facts_, location_of(into_), options_, {});
  }
  void undo_all() {
    for (auto undo = undos_.rbegin(); undo != undos_.rend(); ++undo) undo_switch(*undo);
  }
  // Another database, with more records.
  void put_old() {
    make_database_3(place());
    put_segment(place(), 21, wal_commits(21, 22));
  }
  [[nodiscard]] static std::uint64_t last_of(const fs::path& database) {
    return examine_wal(database / "wal", true, {}).last_sequence.value_or(0);
  }
  [[nodiscard]] static std::vector<std::string> names_in(const fs::path& directory) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  template <typename Body>
  static Errc code_of(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return Errc::bug;
  }
  void put_checkpoint(const char* name, const char* metadata) const {
    const fs::path made = copy() / "checkpoint" / name;
    fs::create_directories(made);
    for (const std::string_view keyspace : keyspace_names)
      fs::copy(HOLDFAST_SOURCES "/tests/fixtures/typedb/tables", made / keyspace);
    put_file(made / "STORAGE_METADATA", metadata);
  }
  [[nodiscard]] fs::path copy() const { return home_.path() / "copy" / "shop"; }
  [[nodiscard]] fs::path server() const { return home_.path() / "server"; }
  [[nodiscard]] fs::path data() const { return server() / "data"; }
  [[nodiscard]] fs::path place() const { return data() / "shop"; }
  [[nodiscard]] fs::path kept() const {
    return server() / ("data" + options_.kept_suffix) / "shop";
  }

  TemporaryDirectory home_{"holdfast-typedb-test"};
  model::DatabaseFacts facts_;
  model::Endpoint into_;
  LoadOptions options_;
  std::vector<Json> undos_;
};
INSTANTIATE_TEST_SUITE_P(Parts, TypedbLoad, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "Tree" : "Streams"; });

// Trees bring modes of their own, and may have links.
class TypedbTreeLoad : public TypedbLoad {};
INSTANTIATE_TEST_SUITE_P(Parts, TypedbTreeLoad, testing::Values(true));
class TypedbStreamsLoad : public TypedbLoad {};
INSTANTIATE_TEST_SUITE_P(Parts, TypedbStreamsLoad, testing::Values(false));

TEST_P(TypedbLoad, PutsADatabaseIntoADataDirectoryThatHasOthers) {
  make_database_3(data() / "other");
  const LoadReport report = load();
  EXPECT_EQ(last_of(place()), 20U);
  EXPECT_TRUE(report.kept.empty());
  EXPECT_EQ(report.found->engine_facts.at("last_sequence").as_uint(), 20U);
  EXPECT_EQ(names_in(data()), (std::vector<std::string>{"other", "shop"}));
  EXPECT_EQ(names_in(server()), std::vector<std::string>{"data"});
}

TEST_P(TypedbLoad, KeepsWhatItReplacesBesideTheDataDirectory) {
  put_old();
  EXPECT_EQ(code_of([&] { load(); }), Errc::exists);
  options_.replace = true;
  const LoadReport report = load();
  EXPECT_EQ(last_of(place()), 20U);
  EXPECT_EQ(last_of(kept()), 22U);
  ASSERT_EQ(report.kept.size(), 1U);
  EXPECT_NE(report.kept[0].find("rm -r -- "), std::string::npos);
  EXPECT_EQ(names_in(data()), std::vector<std::string>{"shop"});
  undo_all();
  EXPECT_EQ(last_of(place()), 22U);
  EXPECT_EQ(names_in(server()), std::vector<std::string>{"data"});
  undo_all();
  EXPECT_EQ(last_of(place()), 22U);
}

TEST_P(TypedbLoad, RehearsesEvenASystemDatabaseInADirectoryOfItsOwn) {
  Probe probe;
  probe.abilities.scratch = true;
  const fs::path directory = home_.path() / "drill";
  fs::create_directory(directory);
  facts_.uri = "typedb:/srv/typedb/server/data/_system";
  facts_.engine_facts.set("name", "_system");
  const std::unique_ptr<Scratch> scratch = engine().scratch(probe, directory);
  into_ = scratch->endpoint();
  options_.on_scratch = true;
  EXPECT_EQ(load().found->engine_facts.at("last_sequence").as_uint(), 20U);
  model::DatabaseFacts found;
  engine().describe(into_, found, {});
  EXPECT_EQ(found.engine_facts.at("last_sequence").as_uint(), 20U);
  EXPECT_EQ(engine().undo(Json::object().set("scratch", directory.native()), into_), "");
}

TEST_P(TypedbLoad, UndoneLeavesNothing) {
  load();
  EXPECT_TRUE(switch_stands(undos_.back()));
  undo_all();
  EXPECT_FALSE(switch_stands(undos_.back()));
  EXPECT_TRUE(names_in(data()).empty());
  EXPECT_EQ(names_in(server()), std::vector<std::string>{"data"});
}

TEST_P(TypedbLoad, DoesNotUndoOverWhatSomebodyElsePutThere) {
  put_old();
  options_.replace = true;
  load();
  erase_tree(place());
  make_database_3(place());
  EXPECT_EQ(code_of([&] { check_switch_undo(undos_.back()); }), Errc::exists);
  EXPECT_EQ(code_of([&] { undo_switch(undos_.back()); }), Errc::exists);
  EXPECT_EQ(last_of(kept()), 22U);
}

TEST_P(TypedbLoad, RefusesWhileAServerHasAnyDatabaseThereOpen) {
  make_database_3(data() / "_system");
  const embedded::Locker locker(data() / "_system/storage/OptimisedPrefix17/LOCK");
  try {
    load();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unavailable);
    EXPECT_NE(error.message().find("pid " + std::to_string(locker.pid()) + " ("),
              std::string::npos);
  }
  EXPECT_TRUE(undos_.empty());
}

TEST_P(TypedbLoad, DoesNotUndoUnderAServer) {
  load();
  fs::create_directories(place() / "storage" / "OptimisedPrefix11");
  put_file(place() / "storage" / "OptimisedPrefix11" / "LOCK", "");
  {
    const embedded::Locker locker(place() / "storage/OptimisedPrefix11/LOCK");
    EXPECT_EQ(code_of([&] { undo_switch(undos_.back()); }), Errc::unavailable);
  }
  undo_all();
  EXPECT_TRUE(names_in(data()).empty());
}

TEST_P(TypedbLoad, RefusesAReleaseThatWouldPassOverCommitsBeforeAnythingIsCopied) {
  facts_.engine_facts.set("encoding", "3.x/b");
  try {
    load();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find("3.11.0 and later"), std::string::npos) << error.message();
    EXPECT_NE(error.hint().find("3.11.0 or later"), std::string::npos);
  }
  EXPECT_TRUE(undos_.empty());
  into_.options["release"] = "2.29.1";
  facts_.engine_facts.set("encoding", "3.x/a");
  EXPECT_EQ(code_of([&] { load(); }), Errc::unsupported);
}

TEST_P(TypedbLoad, CutsTheRestOfAWriteOff) {
  put_segment(copy(), 11, wal_commits(11, 20) + wal_record(21, wal_commit_old).substr(0, 20));
  const LoadReport report = load();
  EXPECT_FALSE(examine_wal(place() / "wal", true, {}).torn);
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("20 bytes"), std::string::npos);
}

TEST_P(TypedbLoad, KeepsACheckpointWhoseTablesAreProven) {
  put_checkpoint("1700000000000000", "15");
  const LoadReport report = load();
  EXPECT_TRUE(report.notes.empty()) << report.notes[0];
  EXPECT_EQ(list_checkpoints(place()).size(), 1U);
}

TEST_P(TypedbLoad, LeavesOutACheckpointThatIsDamaged) {
  put_checkpoint("1700000000000000", "15");
  const fs::path table = copy() / "checkpoint/1700000000000000/OptimisedPrefix16/000009.sst";
  std::string damaged = read_text_file(table);
  damaged[500] = static_cast<char>(damaged[500] ^ 1);
  put_file(table, damaged);
  const LoadReport report = load();
  EXPECT_TRUE(list_checkpoints(place()).empty());
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("OptimisedPrefix16"), std::string::npos);
  EXPECT_EQ(last_of(place()), 20U);
}

TEST_P(TypedbLoad, DoesNotPutADamagedLogInPlace) {
  std::string damaged = wal_commits(1, 10);
  damaged[40] = static_cast<char>(damaged[40] ^ 1);
  put_segment(copy(), 1, damaged);
  EXPECT_EQ(code_of([&] { load(); }), Errc::not_consistent);
  EXPECT_EQ(names_in(server()), std::vector<std::string>{"data"});
  EXPECT_TRUE(names_in(data()).empty());
}

TEST_P(TypedbLoad, DoesNotPutALogInPlaceThatLacksRecords) {
  put_segment(copy(), 11, wal_commits(11, 19));
  EXPECT_EQ(code_of([&] { load(); }), Errc::differs);
  fs::remove(copy() / "wal" / segment_name(1));
  EXPECT_EQ(code_of([&] { load(); }), Errc::not_consistent);
}

TEST_P(TypedbLoad, LeavesItBesideUntilItIsSwitchedIn) {
  put_old();
  options_.replace = true;
  options_.leave_beside = true;
  LoadReport report = load();
  ASSERT_TRUE(report.switch_in);
  EXPECT_EQ(last_of(place()), 22U);
  EXPECT_EQ(report.switch_in().size(), 1U);
  EXPECT_EQ(last_of(place()), 20U);
  undo_all();
  EXPECT_EQ(last_of(place()), 22U);
}

TEST_P(TypedbLoad, PutsADatabaseOfTypedb2InPlaceOnceEveryBlockIsProven) {
  for (int encoding = 0; encoding <= 2; ++encoding) {
    erase_tree(copy());
    { const TestDatabase2 made(copy(), encoding); }
    facts_.engine_facts = Json::object().set("encoding", fmt::format("2.x/{}", encoding));
    into_.options["release"] = encoding == 0 ? "2.5.0" : encoding == 1 ? "2.7.1" : "2.29.1";
    load();
    {
      TestRocks data(place() / "data", encoding, true);
      EXPECT_EQ(data.get("key 000099"), "value 99");
    }
    erase_tree(place());
    for (const auto& entry : fs::directory_iterator(copy() / "data")) {
      if (entry.path().extension() != ".sst") continue;
      std::string content = read_text_file(entry.path());
      content[20] = static_cast<char>(content[20] ^ 1);
      put_file(entry.path(), content);
    }
    EXPECT_EQ(code_of([&] { load(); }), Errc::corrupt);
    EXPECT_TRUE(names_in(data()).empty());
  }
}

TEST_P(TypedbLoad, EndsALogAtTheRecordThatWasAskedFor) {
  put_checkpoint("1700000000000000", "15");
  options_.sequence = 15;
  LoadReport report = load();
  EXPECT_EQ(last_of(place()), 15U);
  EXPECT_EQ(report.found->engine_facts.at("last_sequence").as_uint(), 15U);
  EXPECT_EQ(list_checkpoints(place()).size(), 1U);
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("ends at record 15"), std::string::npos) << report.notes[0];
  erase_tree(place());
  options_.sequence = 14;
  report = load();
  EXPECT_EQ(last_of(place()), 14U);
  EXPECT_TRUE(list_checkpoints(place()).empty());
  EXPECT_NE(report.notes[0].find("a checkpoint"), std::string::npos) << report.notes[0];
}

TEST_P(TypedbLoad, EndsALogBeforeANewerReleaseWroteToIt) {
  put_segment(copy(), 11, wal_commits(11, 20, wal_commit));
  facts_.engine_facts.set("encoding", "3.x/b");
  into_.options["release"] = "3.12.3";
  options_.sequence = 10;
  EXPECT_EQ(load().found->engine_facts.at("encoding").as_string(), "3.x/a");
  erase_tree(place());
  options_.sequence = 11;
  EXPECT_EQ(load().found->engine_facts.at("encoding").as_string(), "3.x/b");
}

TEST_P(TypedbLoad, RefusesARecordThatTheCopyHasNotBeforeAnythingIsCopied) {
  for (const std::uint64_t last : {0U, 21U}) {
    options_.sequence = last;
    EXPECT_EQ(code_of([&] { load(); }), Errc::not_found);
  }
  facts_.engine_facts.set("encoding", "2.x/2");
  into_.options["release"] = "2.29.1";
  options_.sequence = 10;
  EXPECT_EQ(code_of([&] { load(); }), Errc::not_found);
  EXPECT_TRUE(undos_.empty());
}

// It leads to the very log that was copied, of which --sequence would cut off the rest.
TEST_P(TypedbTreeLoad, DoesNotFollowLinksInACopy) {
  class TreeWithLinks final : public model::PartSource {
   public:
    explicit TreeWithLinks(fs::path directory) : directory_(std::move(directory)) {}
    [[nodiscard]] std::vector<Entry> list() const override {
      return {{directory_.native().substr(1), model::PartKind::tree, 0}};
    }
    [[nodiscard]] std::unique_ptr<ByteSource> open(std::string_view) const override { return {}; }
    [[nodiscard]] std::unique_ptr<model::RandomSource> open_random(
        std::string_view) const override {
      return {};
    }
    void restore_tree(std::string_view, const fs::path& directory) const override {
      fs::copy(directory_, directory,
               fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    }
    [[nodiscard]] const Json& facts() const override { return facts_; }

   private:
    fs::path directory_;
    Json facts_ = Json::object();
  };
  const fs::path original = home_.path() / "original";
  fs::rename(copy() / "wal", original);
  fs::create_directory_symlink(original, copy() / "wal");
  options_.sequence = 10;
  EXPECT_EQ(code_of([&] {
              static_cast<void>(
                  load_database(TreeWithLinks(copy()), facts_, location_of(into_), options_, {}));
            }),
            Errc::corrupt);
  EXPECT_EQ(examine_wal(original, true, {}).last_sequence, 20U);
  EXPECT_EQ(names_in(server()), std::vector<std::string>{"data"});
}

TEST_P(TypedbLoad, PutsNothingElseInThePlaceOfTheUsers) {
  facts_.engine_facts.set("name", "shop");
  into_.uri = "typedb:" + (data() / "_system").native();
  EXPECT_EQ(code_of([&] { load(); }), Errc::usage);
  facts_.engine_facts.set("name", "_system");
  EXPECT_EQ(load().found->engine_facts.at("last_sequence").as_uint(), 20U);
  into_.uri = "typedb:" + place().native();
  EXPECT_EQ(code_of([&] { load(); }), Errc::usage);
}

TEST_P(TypedbLoad, NeedsADataDirectory) {
  fs::remove(data());
  EXPECT_EQ(code_of([&] { load(); }), Errc::not_found);
}

TEST_P(TypedbLoad, RefusesWhatItCannotDo) {
  options_.tables = {{"", "person"}};
  EXPECT_EQ(code_of([&] { load(); }), Errc::unsupported);
  EXPECT_EQ(code_of([] { undo_switch(Json::object().set("kind", "drop")); }), Errc::corrupt);
  EXPECT_EQ(
      code_of([] { undo_switch(Json::object().set("kind", "remove").set("path", "relative")); }),
      Errc::corrupt);
}

TEST_P(TypedbStreamsLoad, GivesFilesOfAHotCopyTheModeOfTheDataDirectory) {
  ::chmod(data().c_str(), 0750);
  load();
  struct stat found {};
  ASSERT_EQ(::stat((place() / "wal" / segment_name(1)).c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0640U);
  ASSERT_EQ(::stat((place() / "wal").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0750U);
}

TEST_P(TypedbStreamsLoad, DoesNotOpenFilesOfAHotCopyToOthers) {
  ::chmod(data().c_str(), 0755);
  facts_.engine_facts.set("file_mode", "0700");
  load();
  struct stat found {};
  ASSERT_EQ(::stat((place() / "wal" / segment_name(1)).c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(place().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0700U);
}

}  // namespace
}  // namespace holdfast::engine::typedb
