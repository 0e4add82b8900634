// SPDX-License-Identifier: Apache-2.0
// What users get wrong, and machines: each with its exit code, one clear error that names the
// object, and nothing written.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "harness/listing.h"
#include "harness/program.h"
#include "harness/repository_files.h"
#include "harness/shop.h"
#include "harness/sqlite_file.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

class BadInput : public testing::Test {
 protected:
  BadInput() {
    make_repository(place_.repository(), place_password);
    fs::create_directory(place_ / "source");
    write_text(place_ / "source" / "file", "content\n");
  }

  // One error line, which says all of `words`, with this exit code.
  static void expect_error(const Outcome& outcome, int exit_code,
                           const std::vector<std::string>& words) {
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.text();
    std::istringstream lines(outcome.errors);
    std::vector<std::string> errors;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("error: ") || line.starts_with("warning: ")) errors.push_back(line);
    }
    ASSERT_EQ(errors.size(), 1U) << outcome.text();
    EXPECT_EQ(outcome.errors.find("bug"), std::string::npos) << outcome.text();
    for (const std::string& word : words) {
      EXPECT_NE(outcome.errors.find(word), std::string::npos) << word << " in " << outcome.text();
    }
  }
  // The same, and the repository is as it was.
  void expect_refused(const std::vector<std::string>& words, int exit_code,
                      const std::vector<std::string>& said, const RunOptions& options = {}) {
    const Listing before = content();
    expect_error(place_.holdfast(words, options), exit_code, said);
    EXPECT_EQ(difference(before, content()), "");
  }
  // Of the repository, without the place where locks come and go.
  [[nodiscard]] Listing content() const {
    Listing listing = list_directory(place_.repository());
    listing.erase("locks");
    return listing;
  }
  [[nodiscard]] std::string source() const { return (place_ / "source").string(); }
  std::string back_up() {
    const Outcome outcome = place_.holdfast({"backup", "--json", source()});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    return outcome.lines().back().at("snapshot_id").as_string();
  }
  // A run that holds its lock until its input ends: `backup --stdin` from a pipe with a name.
  Started hold_lock() {
    const fs::path pipe = place_ / "pipe";
    EXPECT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    // Opened for both, so that neither side waits for the other.
    pipe_ = open_file(pipe, O_RDWR);
    Started holder = place_.start({"backup", "--stdin"}, {.input = pipe});
    EXPECT_TRUE(eventually([&] {
      return !files_of(place_.repository(), storage::FileKind::lock).empty() || holder.has_ended();
    }));
    return holder;
  }

  Place place_;
  Fd pipe_;
};

TEST_F(BadInput, WrongPassword) {
  write_text(place_ / "wrong", "not it\n");
  const RunOptions wrong{.environment = {{"HOLDFAST_PASSWORD_FILE", (place_ / "wrong").string()}}};
  expect_refused({"snapshots"}, 12, {"password"}, wrong);
  expect_refused({"backup", source()}, 12, {"password"}, wrong);
}

TEST_F(BadInput, NoRepository) {
  const std::string nowhere = (place_ / "nowhere").string();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"-r", nowhere, "snapshots"},
        {"-r", nowhere, "backup", source()}}) {
    expect_refused(words, 10, {nowhere});
    EXPECT_FALSE(fs::exists(nowhere));
  }
}

TEST_F(BadInput, NoRepositoryNamed) {
  expect_refused({"snapshots"}, 1, {"repository"},
                 {.environment = {{"HOLDFAST_REPOSITORY", ""}, {"RESTIC_REPOSITORY", ""}}});
}

TEST_F(BadInput, RepositoryThatIsThereAlready) {
  expect_refused({"init"}, 1, {place_.repository().string()});
}

TEST_F(BadInput, RepositoryOfAnUnknownKindKeepsItsPasswordToItself) {
  const Outcome outcome = place_.holdfast({"-r", "rest:https://me:hush@example.org/", "snapshots"});
  expect_error(outcome, 1, {"rest"});
  EXPECT_FALSE(outcome.says("hush")) << outcome.text();
}

TEST_F(BadInput, Locked) {
  back_up();
  Started holder = hold_lock();
  const Outcome outcome = place_.holdfast({"prune"});
  expect_error(outcome, 11, {std::to_string(holder.pid()), "unlock"});
  holder.kill(SIGTERM);
  EXPECT_EQ(holder.wait().exit_code, 130);
}

TEST_F(BadInput, MissingSourcePath) {
  const std::string missing = (place_ / "missing").string();
  const Outcome nothing = place_.holdfast({"backup", missing});
  EXPECT_EQ(nothing.exit_code, 1) << nothing.text();
  EXPECT_TRUE(nothing.says(missing)) << nothing.text();
  EXPECT_TRUE(files_of(place_.repository(), storage::FileKind::snapshot).empty());
  const Outcome partly = place_.holdfast({"backup", source(), missing});
  EXPECT_EQ(partly.exit_code, 3) << partly.text();
  EXPECT_TRUE(partly.says(missing)) << partly.text();
}

TEST_F(BadInput, ReadOnlyRepository) {
  back_up();
  std::vector<std::string> wrapper;
  std::string program = place_.program().string();
  for (const auto& entry : fs::recursive_directory_iterator(place_.repository())) {
    fs::permissions(entry.path(), entry.is_directory() ? fs::perms(0555) : fs::perms(0444));
  }
  fs::permissions(place_.repository(), fs::perms(0555));
  if (::geteuid() == 0) {  // whom no mode holds back
    wrapper = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"};
    program = (place_ / "holdfast").string();
    fs::copy_file(place_.program(), program);
    fs::permissions(place_.root(), fs::perms(0755));
    fs::permissions(place_.password_file(), fs::perms(0644));
    fs::permissions(place_.scratch(), fs::perms(0777));
  }
  const Outcome refused = place_.run({program, "backup", source()}, {.wrapper = wrapper});
  expect_error(refused, 1, {place_.repository().string()});
  const Outcome listed = place_.run({program, "snapshots", "--no-lock"}, {.wrapper = wrapper});
  EXPECT_EQ(listed.exit_code, 0) << listed.text();
  fs::permissions(place_.repository(), fs::perms(0755));
  for (const auto& entry : fs::recursive_directory_iterator(place_.repository())) {
    if (entry.is_directory()) fs::permissions(entry.path(), fs::perms(0755));
  }
}

TEST_F(BadInput, NoSpaceInTheRepository) {
  write_text(place_ / "source" / "large", [] {
    std::string noise(6U << 20U, '\0');
    std::uint32_t state = 1;
    for (char& byte : noise)
      byte = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
    return noise;
  }());
  // A disk of its own where that is permitted, else storages that say so.
  const fs::path disk = place_ / "disk";
  fs::create_directory(disk);
  const bool mounted = ::mount("none", disk.c_str(), "tmpfs", 0, "size=2m,mode=0700") == 0;
  const std::string repository = (disk / "repository").string();
  make_repository(repository, place_password);
  RunOptions options{
      .environment = {{"HOLDFAST_REPOSITORY", repository}, {"RESTIC_REPOSITORY", repository}}};
  std::vector<std::string> argv = {place_.program().string(), "backup", source()};
  if (!mounted) {
    argv.front() = HOLDFAST_FAULT_PROGRAM;
    options.environment["HOLDFAST_TEST_FAULT"] = "fail:call=put:file=pack:count=0:code=no_space";
  }
  const Outcome outcome = place_.run(argv, options);
  expect_error(outcome, 1, {});
  if (mounted) {
    EXPECT_TRUE(outcome.says("no space left")) << outcome.text();
  }
  options.environment.erase("HOLDFAST_TEST_FAULT");
  const Outcome listed = place_.holdfast({"snapshots", "--json"}, options);
  EXPECT_EQ(listed.exit_code, 0) << listed.text();
  EXPECT_TRUE(listed.array().empty());
  if (mounted) ::umount2(disk.c_str(), MNT_DETACH);
}

TEST_F(BadInput, UnknownSnapshot) {
  back_up();
  expect_refused({"restore", "0123abcd", "--target", (place_ / "out").string()}, 1, {"0123abcd"});
  EXPECT_FALSE(fs::exists(place_ / "out"));
}

TEST_F(BadInput, AmbiguousSnapshot) {
  const std::string first = back_up();
  const auto repository = open_repository(place_.repository(), place_password);
  const Bytes json =
      repository->load_unpacked(storage::FileKind::snapshot, *format::parse_id(first));
  format::SnapshotFile snapshot = format::parse_snapshot_file(as_text(json));
  std::string prefix;
  std::vector<bool> seen(256, false);
  seen[static_cast<unsigned char>(first.front())] = true;
  while (prefix.empty()) {
    ++snapshot.time.seconds;
    const std::string id =
        repository->save_unpacked(storage::FileKind::snapshot, format::to_json(snapshot)).hex();
    if (seen[static_cast<unsigned char>(id.front())]) prefix = id.substr(0, 1);
    seen[static_cast<unsigned char>(id.front())] = true;
  }
  expect_refused({"restore", prefix, "--target", (place_ / "out").string()}, 1, {prefix});
  EXPECT_FALSE(fs::exists(place_ / "out"));
}

TEST_F(BadInput, InvalidFlagsAndVerbs) {
  expect_refused({"backup", "--exlude", "x", source()}, 1, {"--exlude", "--exclude"});
  expect_refused({"bakcup", source()}, 1, {"bakcup", "backup"});
  expect_refused({"backup", "--tag"}, 1, {"tag"});
  expect_refused({"restore", "latest"}, 1, {"target"});
  expect_refused({"forget", "--keep-last", "many"}, 1, {"keep-last", "many"});
  expect_refused({"prune", "--max-unused", "lots"}, 1, {"lots"});
  expect_refused({"backup", source(), "--quiet", "--verbose"}, 1, {"--quiet", "--verbose"});
}

TEST_F(BadInput, ErrorsAreJsonIfAsked) {
  const Outcome outcome =
      place_.holdfast({"restore", "0123abcd", "--target", "/nowhere", "--json"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  const Json error = Json::parse(outcome.errors, "standard error");
  EXPECT_EQ(error.at("message_type").as_string(), "exit_error");
  EXPECT_EQ(error.at("code").as_int(), 1);
  EXPECT_EQ(error.at("name").as_string(), "not_found");
}

class BadInstanceFile : public BadInput {
 protected:
  // Line 1 is the name; `text` begins with line 2.
  void expect_line(const std::string& text, int line, const std::vector<std::string>& said) {
    const std::string path = (place_ / "shop.toml").string();
    write_text(path, "name = \"shop\"\n" + text);
    std::vector<std::string> words = said;
    words.push_back(path + ":" + std::to_string(line));
    expect_refused({"backup", "-I", path}, 1, words);
    expect_refused({"preflight", "-I", path}, 1, words);
  }
};

TEST_F(BadInstanceFile, IsToldWithItsLine) {
  const std::string repository = "[repository]\nlocation = \"/srv/repository\"\n";
  expect_line(repository + "pasword_file = \"/x\"\n", 4, {"pasword_file", "password_file"});
  expect_line(repository + "[limits]\nfence_ms = \"fast\"\n", 5, {"fence_ms"});
  expect_line(repository + "[[files]]\nname = \"a\"\npaths = [\"relative\"]\n", 6,
              {"absolute", "relative"});
  expect_line(repository + "[[databases]]\nname = \"a\"\n", 4, {"databases", "database"});
  expect_line(repository + "[[database]]\nname = \"a\"\n", 4, {"uri"});
  expect_line(repository + "[[database]\n", 4, {});
  expect_line(repository + "[quiesce]\nstop = [\"/bin/true\"]\n", 4, {"start"});
}

TEST_F(BadInstanceFile, PasswordThatEverybodyCanRead) {
  fs::permissions(place_.password_file(), fs::perms(0644));
  expect_line("[repository]\nlocation = \"/srv/repository\"\npassword_file = \"" +
                  place_.password_file().string() + "\"\n",
              4, {place_.password_file().string(), "chmod"});
}

TEST_F(BadInstanceFile, IsMissing) {
  expect_refused({"backup", "-I", (place_ / "none.toml").string()}, 1, {"none.toml"});
}

// Runs that are interrupted after a second, and would go on for long.
class Interrupts : public BadInput {
 protected:
  void expect_soon_ended(const std::vector<std::string>& words) {
    Started run = place_.start(words);
    ::usleep(1'000'000);
    ASSERT_FALSE(run.has_ended()) << run.wait().text();
    const auto begun = std::chrono::steady_clock::now();
    run.kill(SIGINT);
    const Outcome outcome = run.wait();
    EXPECT_EQ(outcome.exit_code, 130) << outcome.text();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(8)) << outcome.text();
  }
  [[nodiscard]] std::string instance_path() const { return (place_ / "slow.toml").string(); }
};

// Ten databases, for each of whose locks it would wait for two seconds.
TEST_F(Interrupts, EndLooksAtDatabases) {
  std::string instance = "name = \"shop\"\n";
  std::vector<std::unique_ptr<SqliteFile>> holders;
  for (int i = 0; i < 10; ++i) {
    const std::string file = (place_ / ("database-" + std::to_string(i))).string();
    holders.push_back(std::make_unique<SqliteFile>(file));
    holders.back()->run("create table t (a); pragma locking_mode = exclusive; begin exclusive");
    instance +=
        "[[database]]\nname = \"d" + std::to_string(i) + "\"\nuri = \"sqlite:" + file + "\"\n";
  }
  write_text(instance_path(), instance);
  expect_soon_ended({"preflight", "-I", instance_path()});
}

// One file, whose check computes something large for each row of an index, which took no such time
// to make.
TEST_F(Interrupts, EndTheDeepLookAtAFile) {
  const std::string file = (place_ / "slow.db").string();
  SqliteFile(file).run(
      "create table t (a); create index i on t (a > 0);"
      "with recursive n(i) as (values (1) union all select i + 1 from n where i < 10000)"
      "insert into t select i from n;"
      "pragma writable_schema = on;"
      "update sqlite_schema set sql ="
      " 'create index i on t (length(hex(zeroblob(5000000 + a))) > 0)' where name = 'i'");
  expect_soon_ended({"inspect", "--deep", file});
}

TEST_F(Interrupts, EndPasswordCommands) {
  const std::string file = (place_ / "database").string();
  SqliteFile(file).run("create table t (a)");
  write_text(instance_path(), "name = \"shop\"\n[[database]]\nname = \"d\"\nuri = \"sqlite:" +
                                  file + "\"\npassword_command = [\"sleep\", \"30\"]\n");
  expect_soon_ended({"preflight", "-I", instance_path()});
}

TEST_F(BadInput, InterruptLeavesNoSnapshotAndNoLock) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Started run = hold_lock();
    // Sent to look whether the holder of a lock lives; it must not end.
    run.kill(SIGHUP);
    run.kill(signal);
    const Outcome outcome = run.wait();
    expect_error(outcome, 130, {"interrupted"});
    EXPECT_TRUE(files_of(place_.repository(), storage::FileKind::snapshot).empty());
    EXPECT_TRUE(files_of(place_.repository(), storage::FileKind::lock).empty());
    fs::remove(place_ / "pipe");
  }
}

TEST_F(BadInput, AFullOutputIsAFailure) {
  back_up();
  const Outcome outcome =
      place_.run({"sh", "-c", place_.program().string() + " snapshots > /dev/full"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_TRUE(outcome.says("standard output")) << outcome.text();
}

}  // namespace
}  // namespace holdfast::test
