// SPDX-License-Identifier: Apache-2.0
// The verbs on instances, run in this process on an instance of files.
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/test_world.h"
#include "job/journal.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;

class Instances : public testing::Test {
 protected:
  Instances() {
    world.write("srv/files/a.txt", "alpha");
    world.write("srv/files/sub/b.txt", "beta");
    world.write("shop.toml", instance("srv"));
    world.done({"init"});
  }
  [[nodiscard]] std::string instance(const std::string& place) const {
    return "name = \"shop\"\n[[files]]\nname = \"uploads\"\npaths = [\"" +
           world.path(place + "/files") + "\"]\n";
  }
  [[nodiscard]] std::string file() const { return world.path("shop.toml"); }

  // 512 bytes that are an empty SQLite database.
  [[nodiscard]] static std::string empty_database() {
    std::string bytes("SQLite format 3", 16);
    bytes += std::string("\x02\x00\x01\x01\x00\x40\x20\x20\x00\x00\x00\x01\x00\x00\x00\x01", 16);
    bytes += std::string(12, '\0') + std::string("\x00\x00\x00\x04", 4) + std::string(8, '\0');
    bytes += std::string("\x00\x00\x00\x01", 4) + std::string(32, '\0');
    bytes += std::string("\x00\x00\x00\x01\x00\x2e\x66\x71", 8);
    bytes += std::string("\x0d\x00\x00\x00\x00\x02\x00\x00", 8);
    bytes.resize(512, '\0');
    return bytes;
  }
  // Changes a byte in the middle of the largest file of packs.
  void damage_largest_pack() const {
    fs::path largest;
    for (const auto& item : fs::recursive_directory_iterator(world.path("repository/data"))) {
      if (item.is_regular_file() &&
          (largest.empty() || item.file_size() > fs::file_size(largest))) {
        largest = item.path();
      }
    }
    std::string bytes = read_text_file(largest);
    bytes[bytes.size() / 2] = static_cast<char>(~bytes[bytes.size() / 2]);
    fs::permissions(largest, fs::perms(0600));
    const Fd pack = open_file(largest, O_WRONLY | O_TRUNC);
    write_all(pack.get(), as_bytes(bytes), largest.string());
  }
  World world;
};

TEST_F(Instances, AreDraftedByDiscover) {
  const Outcome text = world.done({"discover", world.path("srv")});
  EXPECT_NE(text.output.find("name = \"srv\""), std::string::npos) << text.output;
  const Json json = world.done({"discover", "--json", world.path("srv")}).message("instance");
  EXPECT_EQ(json.at("files").as_array().size(), 1U);
  EXPECT_EQ(json.at("instance_file").as_string(), text.output);
  EXPECT_EQ(world.run({"discover", world.path("missing")}).exit_code, 1);
}

TEST_F(Instances, ArePreflighted) {
  EXPECT_NE(world.done({"preflight", "-I", file()}).output.find("ready for a backup"),
            std::string::npos);
  EXPECT_TRUE(
      world.done({"preflight", "-I", file(), "--json"}).message("summary").at("ready").as_bool());
  fs::remove_all(world.path("srv/files"));
  const Outcome text = world.run({"preflight", "-I", file()});
  EXPECT_EQ(text.exit_code, 20);
  EXPECT_NE(text.output.find("blocker: path-missing (uploads)"), std::string::npos) << text.output;
  EXPECT_NE(text.output.find("mend:"), std::string::npos) << text.output;
  const Outcome json = world.run({"preflight", "-I", file(), "--json"});
  EXPECT_EQ(json.exit_code, 20);
  EXPECT_EQ(json.message("finding").at("code").as_string(), "path-missing");
  EXPECT_FALSE(json.message("summary").at("ready").as_bool());
  const Outcome accepted =
      world.done({"preflight", "-I", file(), "--accept", "path-missing:uploads"});
  EXPECT_NE(accepted.output.find("accepted blocker: path-missing"), std::string::npos)
      << accepted.output;
  EXPECT_EQ(world.run({"preflight", "-I", file(), "--accept", "Path Missing"}).exit_code, 1);
  EXPECT_EQ(world.run({"preflight", "-I", file(), "--fix=no-such-code"}).exit_code, 1);
  EXPECT_EQ(world.run({"preflight"}).exit_code, 1);
}

TEST_F(Instances, GoIntoEveryRepositoryTheyName) {
  fs::permissions(world.write("other.password", "other\n"), fs::perms(0600));
  const std::string other = world.path("other");
  world.write("shop.toml", instance("srv") + "[repository]\nlocation = \"" +
                               world.path("repository") + "\"\nextra_locations = [{location = \"" +
                               other + "\", password_file = \"" + world.path("other.password") +
                               "\"}]\n");
  const auto count = [&](const std::string& repository) {
    const Outcome listed = world.done({"snapshots", "-I", file(), "--repo", repository, "--json"});
    return listed.json_lines().front().as_array().size();
  };
  // It is not there yet, and the main one has its copy all the same.
  const Outcome warned = world.done({"preflight", "-I", file()});
  EXPECT_NE(warned.output.find("warning: repository-unusable"), std::string::npos);
  const Outcome half = world.run({"backup", "-I", file()});
  EXPECT_EQ(half.exit_code, 3) << half.errors;
  EXPECT_NE(half.errors.find(other + ": "), std::string::npos) << half.errors;
  EXPECT_NE(half.output.find(other + ": no copy"), std::string::npos) << half.output;
  // Its password is the one that the instance file has for it.
  world.done({"init", "-I", file(), "--repo", other + "/"});
  const Json whole = world.done({"backup", "-I", file(), "--json"}).message("summary");
  EXPECT_EQ(whole.at("repositories").as_array().size(), 2U);
  EXPECT_EQ(whole.at("repositories").as_array()[0].at("snapshot_id"), whole.at("snapshot_id"));
  EXPECT_EQ(count(world.path("repository")), 2U);
  EXPECT_EQ(count(other), 1U);
  // Named alone, it alone is written to.
  const Json one =
      world.done({"backup", "-I", file(), "--json", "--repo", other}).message("summary");
  EXPECT_EQ(one.find("repositories"), nullptr);
  EXPECT_EQ(count(world.path("repository")), 2U);
  EXPECT_EQ(count(other), 2U);
  // A password that cannot be had is that repository's failure.
  fs::remove(world.path("other.password"));
  const Outcome missing = world.run({"backup", "-I", file(), "--json"});
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_EQ(missing.message("summary").at("repositories").as_array()[1].at("name").as_string(),
            "not_found");
  EXPECT_EQ(count(world.path("repository")), 3U);
}

TEST_F(Instances, AreBackedUpDrilledAndRestored) {
  const Outcome backup = world.done({"backup", "-I", file()});
  EXPECT_NE(backup.output.find("files uploads: 9 B in 2 files"), std::string::npos)
      << backup.output;
  EXPECT_NE(backup.output.find("saved"), std::string::npos) << backup.output;
  const Json summary =
      world.done({"backup", "-I", file(), "--json", "--scrub", "--tag", "x,y"}).message("summary");
  EXPECT_TRUE(summary.at("complete").as_bool());
  EXPECT_FALSE(summary.at("snapshot_id").as_string().empty());

  const Json drill = world.done({"drill", "-I", file(), "--json", "--junit", world.path("j.xml")})
                         .message("summary");
  EXPECT_TRUE(drill.at("passed").as_bool());
  EXPECT_NE(world.read("j.xml").find("<testsuite name=\"drill of shop\""), std::string::npos);
  const Outcome snapshots = world.done({"snapshots"});
  EXPECT_NE(snapshots.output.find("/holdfast-proofs/shop"), std::string::npos) << snapshots.output;

  world.write("srv/files/a.txt", "changed");
  EXPECT_EQ(world.run({"restore", "latest", "-I", file()}).exit_code, 20);
  EXPECT_EQ(world.read("srv/files/a.txt"), "changed");
  const Outcome restored = world.done({"restore", "latest", "-I", file(), "--replace"});
  EXPECT_EQ(world.read("srv/files/a.txt"), "alpha");
  EXPECT_NE(restored.output.find("remove it with: rm -rf"), std::string::npos) << restored.output;
  world.write("new.toml", instance("new"));
  const Json clone =
      world.done({"restore", "latest", "-I", world.path("new.toml"), "--json"}).message("summary");
  EXPECT_EQ(clone.at("role").as_string(), "clone");
  EXPECT_EQ(world.read("new/files/sub/b.txt"), "beta");
}

TEST_F(Instances, AreReportedThoughAHookFailsAfterwards) {
  world.write("hooked.toml", instance("srv") +
                                 "[hooks]\nafter_backup = [[\"false\"]]\nafter_restore = "
                                 "[[\"false\"]]\n");
  const std::string hooked = world.path("hooked.toml");
  const Outcome text = world.run({"backup", "-I", hooked});
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_NE(text.output.find("saved"), std::string::npos) << text.output;
  EXPECT_NE(text.errors.find("hook after_backup failed"), std::string::npos) << text.errors;
  const Outcome json = world.run({"backup", "-I", hooked, "--json"});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_FALSE(json.message("summary").at("snapshot_id").as_string().empty());
  EXPECT_FALSE(json.message("summary").at("hook_failure").as_string().empty());

  const Outcome restored = world.run({"restore", "latest", "-I", hooked, "--replace"});
  EXPECT_EQ(restored.exit_code, 1);
  EXPECT_NE(restored.output.find("restored uploads"), std::string::npos) << restored.output;
  EXPECT_NE(restored.errors.find("hook after_restore failed"), std::string::npos)
      << restored.errors;
  const Outcome exported =
      world.run({"export", "-I", hooked, "--target", world.path("out"), "--json"});
  EXPECT_EQ(exported.exit_code, 1);
  EXPECT_FALSE(exported.message("summary").at("hook_failure").as_string().empty());
  EXPECT_TRUE(fs::exists(world.path("out/holdfast.json")));
}

TEST_F(Instances, AreNotCalledWholeWhereSomethingIsMissing) {
  world.write("two.toml", instance("srv") + "[[files]]\nname = \"more\"\npaths = [\"" +
                              world.path("srv/files/sub") + "\"]\n");
  world.done({"backup", "-I", world.path("two.toml")});
  world.write("new.toml", instance("new"));
  const std::vector<std::string> words = {"restore", "latest", "-I", world.path("new.toml")};
  EXPECT_EQ(world.run(words).exit_code, 20);
  std::vector<std::string> accepting = words;
  accepting.insert(accepting.end(), {"--accept", "target-missing:more"});
  const Outcome text = world.run(accepting);
  EXPECT_EQ(text.exit_code, 3);
  EXPECT_NE(text.output.find("missing more: "), std::string::npos) << text.output;
  accepting.insert(accepting.end(), {"--replace", "--json"});
  const Outcome json = world.run(accepting);
  EXPECT_EQ(json.exit_code, 3);
  EXPECT_FALSE(json.message("summary").at("complete").as_bool());
  EXPECT_EQ(json.message("summary").at("missing").as_array().size(), 1U);
}

TEST_F(Instances, AreDrilledOnlyIfTheResultCanBeWritten) {
  world.done({"backup", "-I", file()});
  for (const std::string& place : {world.path("no/such/j.xml"), world.path("srv")}) {
    const Outcome refused = world.run({"drill", "-I", file(), "--junit", place});
    EXPECT_EQ(refused.exit_code, 1) << place;
    EXPECT_EQ(refused.output.find("passed"), std::string::npos) << refused.output;
    EXPECT_NE(refused.errors.find("cannot be written"), std::string::npos) << refused.errors;
  }
}

TEST_F(Instances, AreReportedThoughTheResultOfADrillCannotBeWritten) {
  std::string noise;
  for (std::uint32_t i = 1, state = 1; i <= 100'000; ++i) {
    state = state * 1664525U + 1013904223U;
    noise += static_cast<char>(state >> 24U);
  }
  world.write("srv/files/noise", noise);
  world.done({"backup", "-I", file()});
  // The command for the password takes the directory away after it was looked at.
  const std::string going = instance("srv") + "[repository]\nlocation = \"" +
                            world.path("repository") +
                            "\"\npassword_command = [\"sh\", \"-c\", \"rmdir '" +
                            world.path("out") + "'; echo sesame\"]\n";
  const auto drill = [&](const std::string& text) {
    fs::create_directory(world.path("out"));
    world.write("going.toml", text);
    return world.run({"drill", "-I", world.path("going.toml"), "--junit", world.path("out/j.xml")});
  };
  const Outcome passed = drill(going);
  EXPECT_EQ(passed.exit_code, 1);
  EXPECT_NE(passed.output.find("is proven"), std::string::npos) << passed.output;
  EXPECT_NE(passed.errors.find("out/j.xml"), std::string::npos) << passed.errors;
  damage_largest_pack();
  const Outcome failed = drill(going);
  EXPECT_EQ(failed.exit_code, 21);
  EXPECT_NE(failed.output.find("FAILED: uploads"), std::string::npos) << failed.output;
  EXPECT_NE(failed.errors.find("out/j.xml"), std::string::npos) << failed.errors;
}

TEST_F(Instances, RefuseOptionsOfTheOtherForm) {
  EXPECT_EQ(world.run({"backup", "-I", file(), "--stdin"}).exit_code, 1);
  EXPECT_EQ(world.run({"backup", "--scrub", world.path("srv")}).exit_code, 1);
  EXPECT_EQ(world.run({"restore", "latest", "--replace", "--target", world.path("x")}).exit_code,
            1);
  EXPECT_EQ(world.run({"restore", "-I", file()}).exit_code, 1);
}

TEST_F(Instances, RefuseFlagsThatFitNeitherEachOtherNorThem) {
  world.done({"backup", "-I", file()});
  world.write("schema.tql", "define entity person;");
  const std::string schema = world.path("schema.tql");
  const auto said = [&](std::vector<std::string> words) {
    const Outcome outcome = world.run(words);
    EXPECT_EQ(outcome.exit_code, 1) << words.back();
    return outcome.errors;
  };
  const std::string data = world.path("shop.typedb");
  EXPECT_NE(said({"import", data, "-I", file(), "--data-only", "--schema", schema})
                .find("--data-only and --schema exclude each other"),
            std::string::npos);
  EXPECT_NE(said({"import", data, "-I", file(), "--data-only", "--replace"})
                .find("--data-only and --replace exclude each other"),
            std::string::npos);
  EXPECT_NE(said({"restore", "latest", "-I", file(), "--sequence", "x"}).find("--sequence"),
            std::string::npos);
  EXPECT_NE(said({"restore", "latest", "-I", file(), "--sequence", "7"})
                .find("--sequence is of one database, and 0 are to be restored"),
            std::string::npos);
  EXPECT_NE(said({"restore", "latest", "-I", file(), "--schema", ""}).find("names no file"),
            std::string::npos);
  EXPECT_NE(said({"restore", "latest", "-I", file(), "--schema", world.path("absent")})
                .find("is not there"),
            std::string::npos);
  world.write("new.toml", instance("new"));
  EXPECT_NE(said({"migrate", "-I", file(), "--to", world.path("new.toml"), "--schema", schema})
                .find("--schema is of one database, and 0 are to be restored"),
            std::string::npos);
  EXPECT_EQ(
      world.run({"restore", "latest", "--sequence", "7", "--target", world.path("x")}).exit_code,
      1);
  EXPECT_FALSE(fs::exists(world.path("new")));
}

// Whoever has an instance file needs no other flag for what lies in its repository.
TEST_F(Instances, TellEveryVerbWhereTheRepositoryIsAndWhoseSnapshotsAreMeant) {
  world.write("password", "sesame");
  fs::permissions(world.path("password"), fs::perms(0600));
  world.write("shop.toml", instance("srv") + "[repository]\nlocation = \"" + world.path("own") +
                               "\"\npassword_file = \"" + world.path("password") + "\"\n");
  world.done({"init", "-I", file()});
  world.done({"backup", "-I", file()});
  world.done({"drill", "-I", file()});
  // Somebody else's, newer; one of them of the very path that the instance's snapshots have.
  world.done({"backup", world.path("srv"), "-r", world.path("own")});
  world.done({"backup", "--stdin", "--stdin-filename", "shop", "-r", world.path("own")}, "data");
  const Outcome listed = world.done({"snapshots", "-I", file()});
  EXPECT_NE(listed.output.find("2 snapshots"), std::string::npos) << listed.output;
  EXPECT_NE(listed.output.find("/holdfast-proofs/shop"), std::string::npos) << listed.output;
  EXPECT_NE(world.done({"ls", "latest", "-I", file()}).output.find("/shop/holdfast.json"),
            std::string::npos);
  world.done({"restore", "latest", "-I", file(), "--target", world.path("plain")});
  EXPECT_TRUE(fs::exists(world.path("plain/shop/RESTORE.md")));
  EXPECT_EQ(world.read("srv/files/a.txt"), "alpha");
  world.done({"check", "-I", file()});
  world.done({"forget", "-I", file(), "--keep-last", "1", "--prune"});
  world.done({"forget", "-I", file(), "--unsafe-allow-remove-all"});
  const Outcome left = world.done({"snapshots", "-r", world.path("own")});
  EXPECT_NE(left.output.find("2 snapshots"), std::string::npos) << left.output;
  EXPECT_NE(left.output.find(world.path("srv")), std::string::npos) << left.output;
}

TEST_F(Instances, AreExportedAndImported) {
  EXPECT_EQ(world.run({"export", "-I", file()}).exit_code, 1);
  const Outcome exported = world.done({"export", "-I", file(), "--target", world.path("out")});
  EXPECT_NE(exported.output.find("exported to"), std::string::npos) << exported.output;
  EXPECT_TRUE(fs::exists(world.path("out/RESTORE.md")));
  EXPECT_EQ(world.run({"export", "-I", file(), "--target", world.path("out")}).exit_code, 1);
  const Json inspected =
      world.done({"inspect", "--json", "--deep", world.path("out")}).message("file");
  EXPECT_TRUE(inspected.at("whole").as_bool());
  world.write("new.toml", instance("new"));
  world.done({"import", world.path("out"), "-I", world.path("new.toml")});
  EXPECT_EQ(world.read("new/files/a.txt"), "alpha");
}

TEST_F(Instances, AreIncompleteWhenSomethingAcceptedIsMissing) {
  world.write("shop.toml", instance("srv") + "[[files]]\nname = \"gone\"\npaths = [\"" +
                               world.path("gone") + "\"]\n");
  EXPECT_EQ(world.run({"backup", "-I", file()}).exit_code, 20);
  const Outcome outcome = world.run({"backup", "-I", file(), "--accept", "path-missing:gone"});
  EXPECT_EQ(outcome.exit_code, 3) << outcome.errors;

  const Outcome drilled = world.run({"drill", "-I", file(), "--junit", world.path("j.xml")});
  EXPECT_EQ(drilled.exit_code, 3) << drilled.errors;
  EXPECT_NE(drilled.output.find("missing gone: "), std::string::npos) << drilled.output;
  EXPECT_NE(drilled.output.find("what is in snapshot"), std::string::npos) << drilled.output;
  EXPECT_NE(drilled.errors.find("some of shop is not in it"), std::string::npos) << drilled.errors;
  EXPECT_NE(world.read("j.xml").find("skipped=\"1\""), std::string::npos);
  const Outcome json = world.run({"drill", "-I", file(), "--json"});
  EXPECT_EQ(json.exit_code, 3);
  EXPECT_TRUE(json.message("summary").at("passed").as_bool());
  EXPECT_FALSE(json.message("summary").at("complete").as_bool());
  EXPECT_EQ(json.message("summary").at("missing").as_array().size(), 1U);

  // The command for the password takes the directory away after it was looked at.
  world.write("going.toml", instance("srv") + "[repository]\nlocation = \"" +
                                world.path("repository") +
                                "\"\npassword_command = [\"sh\", \"-c\", \"rmdir '" +
                                world.path("out") + "'; echo sesame\"]\n");
  fs::create_directory(world.path("out"));
  const Outcome unwritten =
      world.run({"drill", "-I", world.path("going.toml"), "--junit", world.path("out/j.xml")});
  EXPECT_EQ(unwritten.exit_code, 1) << unwritten.errors;
  EXPECT_NE(unwritten.output.find("missing gone: "), std::string::npos) << unwritten.output;
  EXPECT_NE(unwritten.errors.find("while writing the result"), std::string::npos)
      << unwritten.errors;
}

// Hooks for what fails before the repository is opened.
class EarlyHooks : public Instances {
 protected:
  // The shop with a command for its password, whose on_error hook tells whether the instance is
  // locked.
  void write_instance(const std::string& password_command, const std::string& more = "") {
    world.write("shop.toml",
                instance("srv") + "[repository]\nlocation = \"" + world.path("repository") +
                    "\"\npassword_command = [\"sh\", \"-c\", \"" + password_command +
                    "\"]\n[hooks]\non_error = [[\"sh\", \"-c\", \"flock -n '" +
                    world.path("state/instances/shop.lock") + "' echo free >> '" + marks() +
                    "' || echo locked >> '" + marks() + "'\"]" + more + "]\n");
  }
  [[nodiscard]] std::string marks() const { return world.path("marks"); }
};

TEST_F(EarlyHooks, RunUnderTheLockOfTheInstance) {
  write_instance("exit 1");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"backup"}, std::vector<std::string>{"restore", "latest"}}) {
    std::vector<std::string> all = words;
    all.insert(all.end(), {"-I", file()});
    const Outcome outcome = world.run(all);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.errors;
    EXPECT_EQ(world.read("marks"), "locked\n") << words.front();
    fs::remove(marks());
  }
}

TEST_F(EarlyHooks, DoNotRunForARunThatAnotherKeepsOut) {
  write_instance("touch '" + world.path("asked") + "'; exit 1");
  const job::InstanceLock other(world.path("state"), "shop");
  EXPECT_EQ(world.run({"backup", "-I", file()}).exit_code, 11);
  EXPECT_EQ(world.run({"restore", "latest", "-I", file()}).exit_code, 11);
  EXPECT_FALSE(fs::exists(marks()));
  EXPECT_FALSE(fs::exists(world.path("asked"))) << "nothing is asked for a run that cannot be";
}

TEST_F(EarlyHooks, WhoseFailureIsTold) {
  write_instance("exit 1", ", [\"sh\", \"-c\", \"echo no mail >&2; exit 3\"]");
  const Outcome outcome = world.run({"backup", "-I", file()});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.errors;
  EXPECT_NE(outcome.errors.find("the password command"), std::string::npos) << outcome.errors;
  EXPECT_NE(outcome.errors.find("hook on_error failed"), std::string::npos) << outcome.errors;
  EXPECT_NE(outcome.errors.find("no mail"), std::string::npos) << outcome.errors;
}

TEST_F(Instances, AreToldOfLeavingsThatCouldNotBeRemoved) {
  {
    const auto journal = job::Journal::begin(world.path("state"), "shop", "export", "/bin/true");
    journal->announce("scratch", "made a part of a copy",
                      Json().set("path", world.path("part")).set("parent", nullptr));
  }
  const Outcome text = world.run({"resume", "-I", file()});
  EXPECT_EQ(text.exit_code, 3);
  EXPECT_NE(text.errors.find("warning: export of shop"), std::string::npos) << text.errors;
  EXPECT_NE(text.errors.find("could not be removed"), std::string::npos) << text.errors;
  const Outcome json = world.run({"resume", "--json"});
  EXPECT_EQ(json.exit_code, 3);
  EXPECT_EQ(json.message("summary").at("left").as_array().size(), 1U);
  EXPECT_TRUE(json.message("summary").at("failed").as_array().empty());
  const Outcome backup = world.done({"backup", "-I", file()});
  EXPECT_NE(backup.errors.find("could not be removed"), std::string::npos) << backup.errors;
}

TEST_F(Instances, SayWhatAFileIs) {
  world.write("empty.db", empty_database());
  const Outcome text = world.done({"inspect", "--deep", world.path("empty.db")});
  EXPECT_NE(text.output.find("SQLite"), std::string::npos) << text.output;
  EXPECT_EQ(
      world.done({"inspect", "--json", world.path("srv/files/a.txt")}).message("file").at("known"),
      Json(false));
  EXPECT_EQ(world.run({"inspect"}).exit_code, 1);
  EXPECT_EQ(world.run({"inspect", "--rows", "t", world.path("empty.db")}).exit_code, 1);
  world.write("cut.db", empty_database().substr(0, 300));
  EXPECT_EQ(world.run({"inspect", world.path("cut.db")}).exit_code, 1);
}

TEST_F(Instances, SayWhatATypedbExportIs) {
  // A header and checksums of nothing, each behind its length.
  const std::string header = std::string("\x10\x7a\x0e\x0a\x06") + "2.29.1" + "\x12\x04shop";
  const std::string whole = header + std::string("\x03\x82\x01\x00", 4);
  const std::string file = world.write("shop.typedb", whole);
  const std::string schema = world.write("shop.tql", "define person sub entity;");
  const Json known =
      world.done({"inspect", "--json", "--deep", "--schema", schema, file}).message("file");
  EXPECT_EQ(known.at("engine").as_string(), "typedb");
  EXPECT_TRUE(known.at("facts").at("identities_compared").as_bool());
  EXPECT_TRUE(known.at("facts").at("labels_compared").as_bool());
  const Outcome text = world.done({"inspect", file});
  EXPECT_NE(text.output.find("TypeDB 2.29.1 export, whole"), std::string::npos) << text.output;
  EXPECT_NE(text.output.find("typedb-export-identities-unchecked"), std::string::npos);
  world.write("shop.typedb", header);
  const Outcome ended = world.run({"inspect", file});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_NE(ended.output.find("shop.typedb ends at byte 17 without its checksums"),
            std::string::npos)
      << ended.output;
  world.write("empty.db", empty_database());
  EXPECT_EQ(world.run({"inspect", "--schema", schema, world.path("empty.db")}).exit_code, 1);
}

TEST_F(Instances, ListTheGrantsOfTheirDatabases) {
  world.write("empty.db", empty_database());
  world.write("shop.toml", "name = \"shop\"\n[[database]]\nname = \"db\"\nuri = \"sqlite:" +
                               world.path("empty.db") + "\"\n");
  EXPECT_NE(world.done({"grants", "backup", "-I", file()}).output.find("-- db ("),
            std::string::npos);
  EXPECT_EQ(world.done({"grants", "backup", "-I", file(), "--json"})
                .message("grants")
                .at("component")
                .as_string(),
            "db");
  EXPECT_EQ(world.run({"grants", "everything", "-I", file()}).exit_code, 1);
}

TEST_F(Instances, HaveNothingToResume) {
  EXPECT_NE(world.done({"resume"}).output.find("nothing was left"), std::string::npos);
  EXPECT_TRUE(world.done({"resume", "--json", "-I", file()})
                  .message("summary")
                  .at("undone")
                  .as_array()
                  .empty());
}

}  // namespace
}  // namespace holdfast::cli
