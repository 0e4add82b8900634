// SPDX-License-Identifier: Apache-2.0
// The two programs side by side, started as a user starts them: each reads, checks, restores and
// cleans up what the other wrote, in both versions of the format; what both print as JSON is the
// same; and locks, signals and exit codes mean the same to both.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "harness/listing.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// Every member that `theirs` has is in `ours`, with an equal value, but for members named in
// `other_value`, which must only be there. What is missing or differs, a line each.
void compare(const Json& theirs, const Json& ours, const std::set<std::string>& other_value,
             const std::string& where, std::string& differences) {
  if (theirs.is_object() && ours.is_object()) {
    for (const auto& [key, value] : theirs.as_object()) {
      const Json* const found = ours.find(key);
      if (found == nullptr) {
        differences += where + "." + key + " is missing\n";
      } else if (!other_value.contains(key)) {
        compare(value, *found, other_value, where + "." + key, differences);
      }
    }
  } else if (theirs.is_array() && ours.is_array()) {
    if (theirs.as_array().size() != ours.as_array().size()) {
      differences += where + " has another length\n";
      return;
    }
    for (std::size_t i = 0; i < theirs.as_array().size(); ++i) {
      compare(theirs.as_array()[i], ours.as_array()[i], other_value,
              where + "[" + std::to_string(i) + "]", differences);
    }
  } else if (!(theirs == ours)) {
    differences += where + ": " + theirs.dump() + " and " + ours.dump() + "\n";
  }
}

std::string compare(const Json& theirs, const Json& ours,
                    const std::set<std::string>& other_value = {}) {
  std::string differences;
  compare(theirs, ours, other_value, "", differences);
  return differences;
}

Json as_array(const std::vector<Json>& lines) {
  Json array = Json::array();
  for (const Json& line : lines) array.push(line);
  return array;
}

class CliInterop : public testing::TestWithParam<unsigned> {
 protected:
  CliInterop() {
    // restic would spend half a second on a key of its own with each run.
    make_repository(place_.repository(), place_password, GetParam());
    fs::create_directories(source() / "sub");
    write_text(source() / "a", "content of a");
    write_text(source() / "sub" / "b\nc", "content of b");
    write_text(source() / "large", std::string(3'000'000, 'x'));
    fs::create_symlink("a", source() / "link");
    fs::permissions(source() / "sub", fs::perms::owner_all | fs::perms::sticky_bit);
  }
  [[nodiscard]] fs::path source() const { return place_ / "source"; }

  Outcome restic(std::vector<std::string> words, int exit_code = 0) {
    words.insert(words.begin(), "restic");
    const Outcome outcome = place_.run(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << words[1] << ": " << outcome.text();
    return outcome;
  }
  Outcome holdfast(const std::vector<std::string>& words, int exit_code = 0) {
    const Outcome outcome = place_.holdfast(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << words[0] << ": " << outcome.text();
    return outcome;
  }
  // The message of that type among JSON lines.
  static Json message(const Outcome& outcome, std::string_view type) {
    Json found;
    for (const Json& line : outcome.lines()) {
      if (line.string_or("message_type", "") == type) found = line;
    }
    return found;
  }
  void expect_restored(const fs::path& target) {
    // The directories above the source are restored with it.
    EXPECT_EQ(
        difference(list_directory(source()), list_directory(target / source().relative_path())),
        "");
  }

  Place place_;
};

INSTANTIATE_TEST_SUITE_P(Versions, CliInterop, testing::Values(1U, 2U),
                         [](const auto& each) { return "Version" + std::to_string(each.param); });

TEST_P(CliInterop, ResticUsesWhatWeWrote) {
  holdfast({"backup", source().string()});
  write_text(source() / "a", "another content");
  holdfast({"backup", "--tag", "second", source().string()});
  restic({"check", "--read-data"});
  EXPECT_EQ(restic({"snapshots", "--json"}).document().as_array().size(), 2U);
  restic({"restore", "latest", "--target", (place_ / "out").string()});
  expect_restored(place_ / "out");
  restic({"tag", "--add", "kept", "latest"});
  restic({"forget", "--keep-tag", "kept", "--prune"});
  restic({"check", "--read-data"});
  make_repository(place_ / "copy", place_password, GetParam());
  restic({"-r", (place_ / "copy").string(), "copy", "--from-repo", place_.repository().string(),
          "--from-password-file", place_.password_file().string()});
  holdfast({"-r", (place_ / "copy").string(), "check", "--read-data"});
  holdfast({"check", "--read-data"});
  holdfast({"restore", "latest", "--target", (place_ / "again").string(), "--verify"});
  expect_restored(place_ / "again");
}

TEST_P(CliInterop, WeUseWhatResticWrote) {
  fs::remove_all(place_.repository());
  restic({"init", "--repository-version", std::to_string(GetParam())});
  restic({"backup", source().string()});
  write_text(source() / "a", "another content");
  restic({"backup", source().string()});
  holdfast({"check", "--read-data"});
  holdfast({"restore", "latest", "--target", (place_ / "out").string()});
  expect_restored(place_ / "out");
  EXPECT_EQ(holdfast({"dump", "latest", (source() / "a").string()}).output, "another content");
  holdfast({"forget", "--keep-last", "1", "--prune", "--max-unused", "0"});
  holdfast({"check", "--read-data"});
  restic({"check", "--read-data"});
  EXPECT_EQ(restic({"snapshots", "--json"}).document().as_array().size(), 1U);
  write_text(place_ / "new", "another password\n");
  holdfast({"key", "add", "--new-password-file", (place_ / "new").string()});
  restic({"-p", (place_ / "new").string(), "snapshots"});
}

// The directories above the source are in the snapshot too, and others change them at any time; so
// the source's own tree is compared, with all below it by their ids.
TEST_P(CliInterop, ADirectorySavedByBothIsStoredOnce) {
  const auto own_tree = [&] {
    return holdfast({"cat", "tree", "latest:" + source().string()}).output;
  };
  restic({"backup", source().string()});
  const std::string first = own_tree();
  const Json ours = message(holdfast({"backup", "--json", source().string()}), "summary");
  EXPECT_EQ(ours.at("data_blobs").as_uint(), 0U);
  EXPECT_EQ(ours.at("files_unmodified").as_uint(), 3U);
  EXPECT_EQ(own_tree(), first);
  const Json theirs = message(restic({"backup", "--json", source().string()}), "summary");
  EXPECT_EQ(theirs.at("data_blobs").as_uint(), 0U);
  EXPECT_EQ(theirs.at("files_unmodified").as_uint(), 3U);
  EXPECT_EQ(own_tree(), first);
}

TEST_P(CliInterop, BothPrintTheSameJson) {
  holdfast({"backup", "--tag", "x,y", source().string()});
  restic({"backup", "--tag", "z", (source() / "sub").string()});
  const std::vector<std::vector<std::string>> documents{
      {"snapshots", "--json"},
      {"snapshots", "--json", "latest"},
      {"snapshots", "--json", "--tag", "z"},
      {"snapshots", "--json", "--tag", "none"},
      {"forget", "--dry-run", "--json", "--keep-last", "1", "--group-by", "host"},
      // Keeping the oldest while a counter is unfilled is younger than restic 0.14, so no counters
      // of days here.
      {"forget", "--dry-run", "--json", "--keep-within", "1y", "--group-by", ""},
      {"forget", "--dry-run", "--json", "--keep-tag", "z", "--group-by", "host"},
  };
  for (const auto& words : documents) {
    EXPECT_EQ(compare(restic(words).document(), holdfast(words).document()), "")
        << words[0] << " " << words.back();
  }
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"ls", "--json", "latest"},
           {"ls", "--json", "latest", source().string()},
           {"ls", "--json", "latest", source().string(), "--recursive"},
       }) {
    EXPECT_EQ(compare(as_array(restic(words).lines()), as_array(holdfast(words).lines())), "")
        << words.size();
  }
  // restic 0.14 shows keys by the front of their ids.
  EXPECT_EQ(compare(restic({"key", "list", "--json"}).document(),
                    holdfast({"key", "list", "--json"}).document(), {"id"}),
            "");
}

// Groups come in no order from restic.
TEST_P(CliInterop, BothGroupSnapshotsAlike) {
  holdfast({"backup", source().string()});
  restic({"backup", (source() / "sub").string()});
  const auto sorted = [](const Json& document, std::string_view member) {
    std::vector<Json> groups = document.as_array();
    std::sort(groups.begin(), groups.end(), [&](const Json& a, const Json& b) {
      return a.at(member).dump() < b.at(member).dump();
    });
    return as_array(groups);
  };
  const std::vector<std::string> grouped{"snapshots", "--json", "--group-by", "host,paths"};
  EXPECT_EQ(compare(sorted(restic(grouped).document(), "group_key"),
                    sorted(holdfast(grouped).document(), "group_key")),
            "");
  const std::vector<std::string> forget{"forget", "--dry-run", "--json", "--keep-last", "1"};
  EXPECT_EQ(compare(sorted(restic(forget).document(), "paths"),
                    sorted(holdfast(forget).document(), "paths")),
            "");
}

TEST_P(CliInterop, BothCountABackupAlike) {
  make_repository(place_ / "second", place_password, GetParam());
  const std::vector<std::string> words{"backup", "--json", source().string()};
  for (int round = 0; round < 2; ++round) {
    const Json theirs = message(restic(words), "summary");
    std::vector<std::string> elsewhere{"-r", (place_ / "second").string()};
    elsewhere.insert(elsewhere.end(), words.begin(), words.end());
    const Json ours = message(holdfast(elsewhere), "summary");
    // Chunks are cut by the repository's own polynomial; the id is shortened by restic 0.14. Trees
    // hold the times of the directories above the source, which others change meanwhile; a time
    // whose fraction ends in zeros is written in fewer digits.
    EXPECT_EQ(compare(theirs, ours, {"snapshot_id", "total_duration", "data_blobs", "data_added"}),
              "");
    EXPECT_NEAR(theirs.at("data_added").as_double(), ours.at("data_added").as_double(), 100.0);
    EXPECT_TRUE(ours.at("snapshot_id").as_string().size() == 64);
    write_text(source() / "a", "changed");
  }
}

// restic 0.14 has no JSON here; its text tells the same figures. Packs of data are neither small to
// it nor to newer ones, which differ in what they call that. Newer ones also say what is not yet
// compressed.
TEST_P(CliInterop, BothCountAPruneAlike) {
  std::string noise;
  for (std::uint32_t state = 1; noise.size() < 5'000'000; state = state * 1664525U + 1013904223U) {
    noise += static_cast<char>(state >> 24U);
  }
  write_text(source() / "noise", noise);
  holdfast({"backup", source().string()});
  fs::remove(source() / "a");
  holdfast({"backup", source().string()});
  holdfast({"forget", "--keep-last", "1"});
  write_text(place_.repository() / "data" / "00" / std::string(64, '0'), "left over");
  const auto figures = [](const Outcome& outcome) {
    std::string found;
    std::string_view text = outcome.output;
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      for (const char* label :
           {"used:", "unused:", "unreferenced:", "total:", "unused size:", "to repack:",
            "this removes:", "to delete:", "total prune:", "remaining:", "unused size after prune:",
            "totally used packs:", "partly used packs:", "unused packs:", "to keep:"}) {
        if (line.starts_with(label)) found += std::string(line) + "\n";
      }
    }
    return found;
  };
  for (const std::vector<std::string>& flags : std::vector<std::vector<std::string>>{
           {}, {"--max-unused", "0"}, {"--max-unused", "unlimited"}, {"--repack-cacheable-only"}}) {
    std::vector<std::string> words{"prune", "--dry-run", "-v"};
    words.insert(words.end(), flags.begin(), flags.end());
    const std::string theirs = figures(restic(words));
    EXPECT_NE(theirs.find("partly used packs:"), std::string::npos) << theirs;
    EXPECT_EQ(figures(holdfast(words)), theirs);
  }
}

TEST_P(CliInterop, TextThatScriptsReadIsTheSame) {
  const auto last_line = [](const Outcome& outcome) {
    const std::string text = outcome.output.substr(0, outcome.output.size() - 1);
    return text.substr(text.rfind('\n') + 1);
  };
  const auto without_id = [](std::string line) {
    return line.replace(line.find(' ') + 1, 8, "ID");
  };
  const std::string theirs = last_line(restic({"backup", source().string()}));
  EXPECT_EQ(without_id(theirs), "snapshot ID saved");
  EXPECT_EQ(without_id(last_line(holdfast({"backup", source().string()}))), without_id(theirs));
  EXPECT_EQ(holdfast({"ls", "-q", "latest", (source() / "sub").string()}).output,
            source().string() + "/sub\n" + source().string() + "/sub/b\\nc\n");
  EXPECT_EQ(holdfast({"cat", "config"}).output, restic({"cat", "config"}).output);
  // Also of a repository that keeps the key as it was drawn, as ours do.
  EXPECT_EQ(holdfast({"cat", "masterkey"}).output, restic({"cat", "masterkey"}).output);
}

// What a mistake or a state of the repository means, by exit code. restic 0.14 says 1 where newer
// ones say 10, 11 or 12.
using ExitCodes = CliInterop;
INSTANTIATE_TEST_SUITE_P(Versions, ExitCodes, testing::Values(2U));

TEST_P(ExitCodes, AreThoseOfRestic) {
  write_text(place_ / "wrong", "wrong");
  holdfast({"-p", (place_ / "wrong").string(), "snapshots"}, 12);
  holdfast({"-r", (place_ / "nowhere").string(), "snapshots"}, 10);
  holdfast({"snapshots", "--no-such-flag"}, 1);
  holdfast({"backup", source().string(), (place_ / "missing").string()}, 3);
  holdfast({"backup", (place_ / "missing").string()}, 1);
  holdfast({"restore", "feedfeed", "--target", (place_ / "out").string()}, 1);
}

// A backup of standard input that waits for its data, so that it holds the repository as long as
// the test likes.
class Waiting {
 public:
  Waiting(Place& place, std::vector<std::string> argv)
      : fifo_(place / ("fifo" + std::to_string(::rand()))) {
    if (::mkfifo(fifo_.c_str(), 0600) != 0) throw system_error(errno, "making a fifo");
    writer_ = open_file(fifo_, O_RDWR);
    RunOptions options;
    options.input = fifo_;
    program_.emplace(place.start_program(argv, options));
    // Under its final name: before that nobody else sees it for a lock.
    has_begun_ = eventually([&] {
      const fs::directory_iterator files(place.repository() / "locks");
      return std::any_of(begin(files), end(files), [](const fs::directory_entry& file) {
        return file.path().filename().native().size() == 64;
      });
    });
  }
  [[nodiscard]] bool has_begun() const noexcept { return has_begun_; }
  [[nodiscard]] Started& program() { return *program_; }
  void feed(std::string_view text) { write_all(writer_.get(), as_bytes(text), "fifo"); }
  Outcome finish() {
    writer_.reset();
    return program_->wait();
  }

 private:
  fs::path fifo_;
  Fd writer_;
  std::optional<Started> program_;
  bool has_begun_ = false;
};

TEST_P(ExitCodes, TellThatResticHoldsTheRepository) {
  Waiting backup(place_, {"restic", "backup", "--stdin"});
  ASSERT_TRUE(backup.has_begun());
  const Outcome outcome = holdfast({"prune"}, 11);
  EXPECT_TRUE(outcome.says("locked")) << outcome.text();
  holdfast({"snapshots"});
  backup.feed("data");
  EXPECT_EQ(backup.finish().exit_code, 0);
  holdfast({"prune"});
}

TEST_P(ExitCodes, LetResticSeeThatWeHoldTheRepository) {
  Waiting backup(place_, {place_.program().string(), "backup", "--stdin"});
  ASSERT_TRUE(backup.has_begun());
  restic({"prune"}, 1);
  // restic sends the holder a hangup to see whether it lives.
  restic({"unlock"});
  EXPECT_FALSE(fs::is_empty(place_.repository() / "locks"));
  backup.feed("data");
  const Outcome outcome = backup.finish();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  restic({"check", "--read-data"});
}

TEST_P(ExitCodes, TellOfAnInterrupt) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Waiting backup(place_, {place_.program().string(), "backup", "--stdin", "--json"});
    ASSERT_TRUE(backup.has_begun());
    backup.feed("some data");
    backup.program().kill(signal);
    const Outcome outcome = backup.program().wait();
    EXPECT_EQ(outcome.exit_code, 130) << outcome.text();
    EXPECT_TRUE(outcome.says("\"name\":\"cancelled\"")) << outcome.text();
    EXPECT_TRUE(fs::is_empty(place_.repository() / "locks"));
  }
  EXPECT_EQ(holdfast({"snapshots", "--json"}).output, "[]\n");
}

// Whatever a backup waits for, the first interrupt ends it at once, and with it the command that
// was to give the data.
TEST_P(ExitCodes, ComeAtOnceWhenNothingComesIn) {
  const fs::path pid_file = place_ / "pid";
  const fs::path asked = place_ / "asked";
  const std::string hangs = "trap 'echo > " + asked.string() +
                            "; exit' TERM; sleep 1000 & echo $! > " + pid_file.string() + "; wait";
  for (const bool from_command : {false, true}) {
    std::vector<std::string> words{place_.program().string(), "backup"};
    if (from_command) {
      words.insert(words.end(), {"--stdin-from-command", "--", "sh", "-c", hangs});
    } else {
      words.emplace_back("--stdin");
    }
    Waiting backup(place_, words);
    ASSERT_TRUE(backup.has_begun());
    if (from_command) {
      ASSERT_TRUE(eventually([&] { return read_text(pid_file).ends_with('\n'); }));
    }
    const auto begun = std::chrono::steady_clock::now();
    backup.program().kill(SIGINT);
    const Outcome outcome = backup.program().wait();
    EXPECT_EQ(outcome.exit_code, 130) << outcome.text();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(60));
    EXPECT_TRUE(fs::is_empty(place_.repository() / "locks"));
  }
  EXPECT_TRUE(fs::exists(asked)) << "the command was killed unasked";
  const auto child = static_cast<pid_t>(std::stol(read_text(pid_file)));
  EXPECT_TRUE(eventually([&] {
    // A zombie has no command line; nobody reaps it in some containers.
    return ::kill(child, 0) != 0 ||
           read_text("/proc/" + std::to_string(child) + "/cmdline").empty();
  }));
}

// Services and cron jobs of users have no HOME.
TEST_P(ExitCodes, DoNotDependOnAHome) {
  holdfast({"backup", source().string()});
  for (const fs::path& open : {place_.root(), place_.repository(), place_.password_file()}) {
    fs::permissions(open, fs::perms::others_read | fs::perms::others_exec, fs::perm_options::add);
  }
  for (const auto& entry : fs::recursive_directory_iterator(place_.repository())) {
    fs::permissions(entry.path(), fs::perms::others_read | fs::perms::others_exec,
                    fs::perm_options::add);
  }
  RunOptions options;
  for (const char* name : {"HOME", "HOLDFAST_STATE_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME",
                           "HOLDFAST_CACHE_DIR", "RESTIC_CACHE_DIR"}) {
    options.environment[name] = "";
  }
  if (::geteuid() == 0)
    options.wrapper = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"snapshots"}, {"ls", "latest"}, {"cat", "config"}, {"check"}, {"version"}}) {
    std::vector<std::string> all = words;
    all.insert(all.begin(), "--no-lock");
    const Outcome outcome = place_.holdfast(all, options);
    EXPECT_EQ(outcome.exit_code, 0) << words[0] << ": " << outcome.text();
    EXPECT_EQ(outcome.errors, "") << words[0];
  }
  const Outcome outcome = place_.holdfast({"resume"}, options);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(outcome.says("Set HOLDFAST_STATE_DIR")) << outcome.text();
}

TEST_P(ExitCodes, AreNotTouchedByARequestForTheStatus) {
  Waiting backup(place_, {place_.program().string(), "backup", "--stdin"});
  ASSERT_TRUE(backup.has_begun());
  backup.program().kill(SIGHUP);
  backup.program().kill(SIGUSR1);
  const auto has_told = [&] {
    for (const auto& entry : fs::directory_iterator(place_.runs())) {
      if (read_text(entry.path()).find(" files, ") != std::string::npos) return true;
    }
    return false;
  };
  EXPECT_TRUE(eventually(has_told));
  EXPECT_EQ(backup.finish().exit_code, 0);
}

// Whoever may look at a process must not see the password there.
TEST_P(ExitCodes, KeepThePasswordToThemselves) {
  place_.environment()["RESTIC_PASSWORD"] = std::string(place_password);
  place_.environment()["RESTIC_PASSWORD_FILE"] = "";
  place_.environment()["HOLDFAST_PASSWORD_FILE"] = "";
  Waiting backup(place_, {place_.program().string(), "backup", "--stdin"});
  ASSERT_TRUE(backup.has_begun());
  const fs::path process = fs::path("/proc") / std::to_string(backup.program().pid());
  for (const char* name : {"environ", "cmdline"}) {
    EXPECT_EQ(read_text(process / name).find(place_password), std::string::npos) << name;
  }
  EXPECT_EQ(backup.finish().exit_code, 0);
}

}  // namespace
}  // namespace holdfast::test
