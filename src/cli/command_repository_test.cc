// SPDX-License-Identifier: Apache-2.0
// init, cat, check, forget, prune, key and unlock, run in this process.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <filesystem>

#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_below(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return files;
}

class RepositoryVerbs : public testing::Test {
 protected:
  void fill() {
    world.done({"init"});
    for (const char* day : {"01", "02", "03"}) {
      world.write("d/a", std::string("content of day ") + day);
      world.done(
          {"backup", "-q", "--time", std::string("2020-01-") + day + " 10:00:00", world.path("d")});
    }
  }
  std::vector<Json> snapshots() {
    return world.done({"snapshots", "--json"}).json_lines().at(0).as_array();
  }
  std::string id(std::size_t number) { return snapshots().at(number).at("id").as_string(); }
  World world;
};

TEST_F(RepositoryVerbs, InitTellsWhatItMade) {
  const Json json = world.done({"init", "--json"}).message("initialized");
  EXPECT_EQ(json.at("id").as_string().size(), 64U);
  EXPECT_EQ(json.at("repository").as_string(), world.path("repository"));
  EXPECT_EQ(world.run({"init"}).exit_code, 1);
}

TEST_F(RepositoryVerbs, InitMakesBothVersionsAndCopiesTheChunker) {
  world.done({"init", "--repository-version", "1"});
  const Json first = Json::parse(world.done({"cat", "config"}).output, "config");
  EXPECT_EQ(first.at("version").as_uint(), 1U);
  world.variables.set_secret("RESTIC_FROM_PASSWORD", Secret("sesame"));
  world.done({"-r", world.path("second"), "init", "--copy-chunker-params", "--from-repo",
              world.path("repository")});
  const Json second =
      Json::parse(world.done({"-r", world.path("second"), "cat", "config"}).output, "config");
  EXPECT_EQ(second.at("version").as_uint(), 2U);
  EXPECT_EQ(second.at("chunker_polynomial"), first.at("chunker_polynomial"));
  EXPECT_EQ(world.run({"init", "--repository-version", "3"}).exit_code, 1);
  EXPECT_EQ(
      world.run({"-r", world.path("third"), "init", "--from-repo", world.path("second")}).exit_code,
      1);
}

TEST_F(RepositoryVerbs, CatPrintsEveryKindOfObject) {
  fill();
  EXPECT_NE(world.done({"cat", "masterkey"}).output.find("\"encrypt\": \""), std::string::npos);
  const fs::path root = world.path("repository");
  const std::string key = files_below(root / "keys").at(0).filename();
  EXPECT_EQ(
      Json::parse(world.done({"cat", "key", key.substr(0, 8)}).output, "key").at("kdf").as_string(),
      "scrypt");
  EXPECT_EQ(Json::parse(world.done({"cat", "snapshot", id(0)}).output, "snapshot")
                .at("hostname")
                .as_string(),
            "testhost");
  const std::string index = files_below(root / "index").at(0).filename();
  const Json json = Json::parse(world.done({"cat", "index", index}).output, "index");
  const Json& blob = json.at("packs").as_array().at(0).at("blobs").as_array().at(0);
  EXPECT_FALSE(world.done({"cat", "blob", blob.at("id").as_string()}).output.empty());
  const std::string pack = json.at("packs").as_array().at(0).at("id").as_string();
  EXPECT_EQ(world.done({"cat", "pack", pack}).output,
            read_text_file(root / "data" / pack.substr(0, 2) / pack));
  EXPECT_EQ(world.done({"cat", "tree", "latest:" + world.path("d")}).output.substr(0, 23),
            "{\"nodes\":[{\"name\":\"a\",\"");
}

TEST_F(RepositoryVerbs, CatRefusesWhatItCannotFind) {
  fill();
  EXPECT_EQ(world.run({"cat", "dog"}).exit_code, 1);
  EXPECT_EQ(world.run({"cat", "index"}).exit_code, 1);
  EXPECT_EQ(world.run({"cat", "config", "x"}).exit_code, 1);
  EXPECT_EQ(world.run({"cat", "blob", std::string(64, '0')}).exit_code, 1);
  EXPECT_EQ(world.run({"cat", "blob", "short"}).exit_code, 1);
  EXPECT_EQ(world.run({"cat", "snapshot", "feedfeed"}).exit_code, 1);
}

TEST_F(RepositoryVerbs, CheckFindsNothingWhereNothingIsWrong) {
  fill();
  EXPECT_EQ(world.done({"check", "--read-data", "--json"}).output,
            "{\"message_type\":\"summary\",\"num_errors\":0,\"broken_packs\":null,\"suggest_repair_"
            "index\":false,"
            "\"suggest_prune\":false}\n");
  EXPECT_EQ(lines_of(world.done({"check", "--read-data-subset", "1/2"}).output).back(),
            "no errors were found");
  EXPECT_EQ(world.run({"check", "--read-data", "--read-data-subset", "1/2"}).exit_code, 1);
  EXPECT_EQ(world.run({"check", "--read-data-subset", "5/2"}).exit_code, 1);
}

TEST_F(RepositoryVerbs, CheckFindsADamagedPack) {
  fill();
  const fs::path pack = files_below(world.path("repository/data")).at(0);
  fs::permissions(pack, fs::perms::owner_all);
  const Fd file = open_file(pack, O_RDWR);
  std::array<std::byte, 1> byte{};
  pread_exact(file.get(), byte, 20, "pack");
  byte[0] ^= std::byte{1};
  pwrite_all(file.get(), byte, 20, "pack");
  const Outcome outcome = world.run({"check", "--read-data", "--json"});
  EXPECT_EQ(outcome.exit_code, 1);
  const Json summary = outcome.message("summary");
  EXPECT_GE(summary.at("num_errors").as_uint(), 1U);
  EXPECT_EQ(summary.at("broken_packs").as_array().at(0).as_string(), pack.filename().string());
  EXPECT_EQ(outcome.json_errors().at(0).at("message_type").as_string(), "error");
  EXPECT_EQ(outcome.json_errors().back().at("name").as_string(), "corrupt");
  EXPECT_NE(world.run({"check", "--read-data"}).errors.find(pack.filename().string()),
            std::string::npos);
}

TEST_F(RepositoryVerbs, ForgetAppliesAPolicy) {
  fill();
  const auto groups =
      world.done({"forget", "--keep-last", "1", "--json"}).json_lines().at(0).as_array();
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].at("host").as_string(), "testhost");
  EXPECT_TRUE(groups[0].at("tags").is_null());
  EXPECT_EQ(groups[0].at("keep").as_array().size(), 1U);
  EXPECT_EQ(groups[0].at("remove").as_array().size(), 2U);
  const Json& reason = groups[0].at("reasons").as_array().at(0);
  EXPECT_EQ(reason.at("matches").dump(), "[\"last snapshot\"]");
  EXPECT_EQ(reason.at("snapshot").at("id"), groups[0].at("keep").as_array()[0].at("id"));
  EXPECT_EQ(snapshots().size(), 1U);
}

TEST_F(RepositoryVerbs, ForgetOnlyTellsInADryRun) {
  fill();
  const std::string text = world.done({"forget", "--keep-daily", "2", "-n"}).output;
  EXPECT_NE(text.find("keep 2 snapshots:"), std::string::npos);
  EXPECT_NE(text.find("daily snapshot"), std::string::npos);
  EXPECT_NE(text.find("Would have removed the following snapshots:\n{" + id(0).substr(0, 8) + "}"),
            std::string::npos);
  EXPECT_EQ(snapshots().size(), 3U);
}

TEST_F(RepositoryVerbs, ForgetRemovesByName) {
  fill();
  const std::string first = id(0);
  world.done({"forget", first.substr(0, 12), "latest"});
  ASSERT_EQ(snapshots().size(), 1U);
  EXPECT_NE(id(0), first);
}

TEST_F(RepositoryVerbs, ForgetRefusesToRemoveEverything) {
  fill();
  EXPECT_EQ(world.run({"forget"}).exit_code, 1);
  EXPECT_EQ(world.run({"forget", "--keep-tag", "none"}).exit_code, 1);
  EXPECT_EQ(world.run({"forget", "--unsafe-allow-remove-all"}).exit_code, 1);
  EXPECT_EQ(world.run({"forget", "--keep-last", "-2"}).exit_code, 1);
  EXPECT_EQ(world.run({"forget", "--keep-last", "few"}).exit_code, 1);
  EXPECT_EQ(world.run({"forget", "--keep-within", "long"}).exit_code, 1);
  EXPECT_EQ(world.run({"forget", "--keep-last", "1", "--no-lock"}).exit_code, 1);
  EXPECT_EQ(world.run({"forget", "feedfeed"}).exit_code, 1);
  EXPECT_EQ(snapshots().size(), 3U);
  world.done({"forget", "--unsafe-allow-remove-all", "--host", "testhost"});
  EXPECT_EQ(snapshots().size(), 0U);
}

TEST_F(RepositoryVerbs, ForgetPrunesIfAsked) {
  fill();
  const Outcome dry = world.done({"forget", "--keep-last", "1", "--prune", "-n", "--json"});
  EXPECT_GT(dry.message("summary").at("blobs").at("remove_total").as_uint(), 0U);
  EXPECT_EQ(snapshots().size(), 3U);
  const Outcome real =
      world.done({"forget", "--keep-last", "1", "--prune", "--json", "--max-unused", "0"});
  EXPECT_GT(real.message("summary").at("bytes").at("remove_total").as_uint(), 0U);
  world.done({"check", "--read-data"});
  EXPECT_EQ(world.done({"prune", "--json"}).message("summary").at("blobs").at("unused").as_uint(),
            0U);
}

TEST_F(RepositoryVerbs, PruneTellsWhatItDid) {
  fill();
  world.done({"forget", "-q", "--keep-last", "1"});
  EXPECT_GT(
      world.done({"prune", "-n", "--json"}).message("summary").at("blobs").at("unused").as_uint(),
      0U);
  const std::string text = world.done({"prune", "--max-unused", "0%", "-v"}).output;
  EXPECT_NE(text.find("remaining:"), std::string::npos);
  const Json json = world.done({"prune", "--json"}).message("summary");
  for (const char* part : {"blobs", "bytes", "packfiles"}) EXPECT_TRUE(json.at(part).is_object());
  EXPECT_EQ(json.at("blobs").at("unused").as_uint(), 0U);
  EXPECT_EQ(world.run({"prune", "--max-unused", "all"}).exit_code, 1);
  EXPECT_EQ(world.run({"prune", "--no-lock"}).exit_code, 1);
  EXPECT_EQ(world.run({"prune", "--unsafe-recover-no-free-space", "wrong"}).exit_code, 1);
  EXPECT_EQ(world.run({"prune", "--repack-uncompressed", "--compression", "off"}).exit_code, 1);
}

TEST_F(RepositoryVerbs, PruneRemovesWhatInterruptedRunsHaveLeft) {
  fill();
  const fs::path left = fs::path(world.path("repository")) / "data" / "3f" /
                        ("3f" + std::string(62, '0') + "-tmp-1234567890");
  world.write("repository/data/3f/" + left.filename().string(), "half a pack");
  fs::last_write_time(left, fs::file_time_type::clock::now() - std::chrono::hours(30));
  const std::string planned = world.done({"prune", "-n"}).output;
  EXPECT_NE(planned.find("temporary files of interrupted writes to remove: 1 (11 B)"),
            std::string::npos)
      << planned;
  EXPECT_TRUE(fs::exists(left));
  const std::string done = world.done({"prune"}).output;
  EXPECT_NE(done.find("temporary files of interrupted writes removed: 1 (11 B)"), std::string::npos)
      << done;
  EXPECT_FALSE(fs::exists(left));
  const Json json = world.done({"prune", "--json"}).message("summary");
  EXPECT_EQ(json.at("leftovers").at("files").as_uint(), 0U);
}

TEST_F(RepositoryVerbs, SayWhichDirectoryOfTheRepositoryIsGone) {
  fill();
  const fs::path repository = world.path("repository");
  for (const char* directory : {"snapshots", "index", "keys"}) {
    fs::rename(repository / directory, repository / "away");
    for (const char* verb : {"snapshots", "prune", "check"}) {
      if (directory == std::string("index") && verb == std::string("snapshots")) continue;
      const Outcome outcome = world.run({verb});
      EXPECT_EQ(outcome.exit_code, 1) << verb << " without " << directory;
      const std::string text = outcome.output + outcome.errors;
      EXPECT_NE(text.find((repository / directory).string()), std::string::npos) << text;
    }
    fs::rename(repository / "away", repository / directory);
  }
  world.done({"check"});
}

TEST_F(RepositoryVerbs, PruneCountsPacksAsRestic) {
  fill();
  world.done({"forget", "-q", "--keep-last", "1"});
  const Json packs = world.done({"prune", "-n", "--json"}).message("summary").at("packfiles");
  std::vector<std::string> members;
  for (const auto& [key, value] : packs.as_object()) members.push_back(key);
  EXPECT_EQ(members,
            (std::vector<std::string>{"used", "unused", "partly_used", "unreferenced", "total",
                                      "keep", "repack", "remove", "remove_total"}));
  EXPECT_GT(packs.at("unused").as_uint(), 0U);
  EXPECT_EQ(packs.at("total").as_uint(), packs.at("used").as_uint() + packs.at("unused").as_uint() +
                                             packs.at("partly_used").as_uint());
  EXPECT_EQ(packs.at("remove_total"), packs.at("remove"));
  world.done({"prune", "-n", "--repack-smaller-than", "8M", "--repack-cacheable-only"});
  world.done({"prune", "-n", "--repack-small"});  // of older restic; means nothing
}

TEST_F(RepositoryVerbs, CheckLooksAtTheSnapshotsAskedFor) {
  fill();
  world.done({"backup", "-q", "--host", "other", world.write("e/b", "of another host")});
  // The tree of the last snapshot is lost.
  const std::string tree = snapshots().at(3).at("tree").as_string();
  for (const fs::path& index : files_below(world.path("repository/index"))) {
    const std::string text = world.done({"cat", "index", index.filename().string()}).output;
    if (text.find(tree) != std::string::npos) fs::remove(index);
  }
  EXPECT_EQ(world.run({"check"}).exit_code, 1);
  EXPECT_EQ(world.run({"check", "latest"}).exit_code, 1);
  EXPECT_EQ(world.run({"check", "--host", "other"}).exit_code, 1);
  const Outcome sound = world.done({"check", "--read-data", "--host", "testhost"});
  EXPECT_NE(sound.output.find("only 3 of 4 snapshots are checked"), std::string::npos)
      << sound.output;
  world.done({"check", id(0), id(1)});
  EXPECT_EQ(world.run({"check", "feedfeed"}).exit_code, 1);
  EXPECT_EQ(world.run({"check", "--tag", "none"}).exit_code, 1) << "nothing was checked";
}

TEST_F(RepositoryVerbs, KeysComeAndGo) {
  world.done({"init"});
  const std::string password_file = world.write("second", "other\n");
  const Json added = world
                         .done({"key", "add", "--json", "--new-password-file", password_file,
                                "--user", "u", "--host", "h"})
                         .message("key");
  auto keys = world.done({"key", "list", "--json"}).json_lines().at(0).as_array();
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_TRUE(keys[0].at("current").as_bool());
  EXPECT_EQ(keys[0].at("userName").as_string(), "tester");
  EXPECT_EQ(keys[1].at("id"), added.at("id"));
  EXPECT_EQ(keys[1].at("hostName").as_string(), "h");
  EXPECT_EQ(world.done({"-p", password_file, "snapshots", "--json"}).output, "[]\n");
  const std::string table = world.done({"key", "list"}).output;
  EXPECT_NE(table.find("\n*" + keys[0].at("id").as_string().substr(0, 8)), std::string::npos)
      << table;
  EXPECT_NE(table.find("\n " + keys[1].at("id").as_string().substr(0, 8)), std::string::npos)
      << table;
  EXPECT_EQ(world.run({"key", "remove", keys[0].at("id").as_string()}).exit_code, 1);
  world.done({"key", "remove", keys[1].at("id").as_string().substr(0, 10)});
  EXPECT_EQ(world.run({"-p", password_file, "snapshots"}).exit_code, 12);
  world.done({"key", "passwd", "--new-password-file", password_file});
  EXPECT_EQ(world.run({"snapshots"}).exit_code, 12);
  EXPECT_EQ(world.run({"-p", password_file, "snapshots"}).exit_code, 0);
}

TEST_F(RepositoryVerbs, KeysMayHaveNoPasswordOnlyIfAskedFor) {
  EXPECT_EQ(world.run({"init", "--insecure-no-password", "-p", "/x"}).exit_code, 1);
  world.variables = {};
  world.variables.set("RESTIC_REPOSITORY", world.path("repository"));
  world.done({"init", "--insecure-no-password"});
  EXPECT_EQ(world.run({"snapshots"}).exit_code, 1);
  world.done({"snapshots", "--insecure-no-password"});
}

TEST_F(RepositoryVerbs, UnlockRemovesLocks) {
  world.done({"init"});
  EXPECT_EQ(world.done({"unlock", "--json"}).message("summary").at("locks_removed").as_uint(), 0U);
  EXPECT_EQ(world.run({"unlock", "now"}).exit_code, 1);
}

TEST_F(RepositoryVerbs, LeaveNoLockBehind) {
  fill();
  world.done({"check"});
  world.done({"prune"});
  EXPECT_EQ(world.run({"cat", "dog"}).exit_code, 1);
  EXPECT_TRUE(files_below(world.path("repository/locks")).empty());
}

TEST_F(RepositoryVerbs, WorkWithoutWritingIfToldNotToLock) {
  fill();
  const fs::path locks = world.path("repository/locks");
  fs::remove(locks);
  EXPECT_EQ(world.run({"snapshots", "--no-lock"}).exit_code, 0);
  EXPECT_EQ(world.run({"check", "--no-lock"}).exit_code, 0);
  EXPECT_EQ(world.run({"restore", "latest", "--no-lock", "-t", world.path("out")}).exit_code, 0);
  EXPECT_FALSE(fs::exists(locks));
}

}  // namespace
}  // namespace holdfast::cli
