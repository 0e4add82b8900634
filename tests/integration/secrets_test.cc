// SPDX-License-Identifier: Apache-2.0
// No password leaves the process: not in an argument, an output, a log, the manifest, the state
// directory, a child's environment, or a core file. Everything a run leaves behind is searched.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "harness/program.h"
#include "harness/repository_files.h"
#include "harness/shop.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// In no word of anybody else.
const std::vector<std::string> secrets = {"Zt7-first-secret-q9", "Zt7-second-secret-q9",
                                          "Zt7-wrong-secret-q9"};
std::string first() {
  return secrets[0];
}
std::string second() {
  return secrets[1];
}
std::string wrong() {
  return secrets[2];
}

bool holds_secret(const std::string& text) {
  for (const std::string& secret : secrets) {
    if (text.find(secret) != std::string::npos) return true;
  }
  return false;
}

// Looks at the arguments of every process, and at the environment of every one below a run of ours,
// again and again.
class Sampler {
 public:
  Sampler() : thread_([this](const std::stop_token& stop) { run(stop); }) {}

  [[nodiscard]] std::set<std::string> found() {
    const std::lock_guard lock(mutex_);
    return found_;
  }
  [[nodiscard]] std::size_t seen() {
    const std::lock_guard lock(mutex_);
    return seen_.size();
  }

 private:
  static std::string parent_of(const fs::path& process) {
    const std::string status = read_text(process / "status");
    const std::size_t at = status.find("PPid:\t");
    return at == std::string::npos ? "" : status.substr(at + 6, status.find('\n', at) - at - 6);
  }

  void run(const std::stop_token& stop) {
    const std::string self = std::to_string(::getpid());
    while (!stop.stop_requested()) {
      for (const auto& process : fs::directory_iterator("/proc")) {
        const std::string pid = process.path().filename().string();
        if (pid.find_first_not_of("0123456789") != std::string::npos || pid == self) continue;
        const std::string words = read_text(process.path() / "cmdline");
        const std::lock_guard lock(mutex_);
        if (holds_secret(words)) found_.insert("arguments: " + words);
        // What we start is handed a secret on purpose, in its environment; what that starts is not.
        if (parent_of(process.path()) == self) continue;
        const std::string variables = read_text(process.path() / "environ");
        if (!variables.empty()) seen_.insert(words);
        if (holds_secret(variables)) found_.insert("environment of " + words);
      }
      ::usleep(3000);
    }
  }

  std::mutex mutex_;  // guards all below
  std::set<std::string> found_, seen_;
  std::jthread thread_;
};

class Secrets : public testing::Test {
 protected:
  Secrets() {
    make_repository(place_.repository(), first());
    write_text(place_.password_file(), first() + "\n");
    write_text(place_ / "second", second() + "\n");
    write_text(place_ / "wrong", wrong() + "\n");
    for (const char* name : {"second", "wrong"}) fs::permissions(place_ / name, fs::perms(0600));
    fs::create_directory(place_ / "dumps");
  }

  // Shell that writes down what a child of ours can see: itself, us, and the state directory.
  std::string look(const std::string& name) {
    const std::string file = (place_ / "dumps" / name).string();
    return "tr '\\0' '\\n' < /proc/self/environ > " + file + "-own\n" +
           "tr '\\0' '\\n' < /proc/$PPID/environ > " + file + "-parent\n" +
           "tr '\\0' '\\n' < /proc/$PPID/cmdline > " + file + "-words\n" +
           "cat /proc/$PPID/limits > " + file + "-limits\n" + "cp -r " + place_.state().string() +
           " " + file + "-state\n";
  }

  // No file below the place holds a secret but those that are its home.
  void expect_nothing_written() {
    const std::set<fs::path> homes = {place_.password_file(), place_ / "second", place_ / "wrong"};
    std::size_t searched = 0;
    for (const auto& entry : fs::recursive_directory_iterator(place_.root())) {
      if (!entry.is_regular_file() || homes.contains(entry.path())) continue;
      EXPECT_FALSE(holds_secret(read_text(entry.path()))) << entry.path();
      EXPECT_NE(entry.path().filename().string().substr(0, 4), "core") << entry.path();
      ++searched;
    }
    EXPECT_GT(searched, 20U);
    EXPECT_TRUE(sampler_.found().empty()) << *sampler_.found().begin();
  }

  Outcome run(const std::vector<std::string>& words, const Variables& variables) {
    RunOptions options;
    options.environment = {{"HOLDFAST_PASSWORD_FILE", ""}, {"RESTIC_PASSWORD_FILE", ""}};
    for (const auto& [name, value] : variables) options.environment[name] = value;
    return place_.holdfast(words, options);
  }

  Place place_;
  Sampler sampler_;
};

TEST_F(Secrets, OfTheRepositoryStayInside) {
  const std::string source = (place_ / "source").string();
  fs::create_directory(source);
  write_text(place_ / "source" / "file", "content\n");
  const Variables by_file = {{"HOLDFAST_PASSWORD_FILE", place_.password_file().string()}};
  const Variables by_command = {
      {"RESTIC_PASSWORD_COMMAND", "cat " + place_.password_file().string()}};
  const Variables by_variable = {{"HOLDFAST_PASSWORD", first()}};
  const Variables by_restics_variable = {{"RESTIC_PASSWORD", first()}};
  for (const Variables& variables : {by_file, by_command, by_variable, by_restics_variable}) {
    for (const std::vector<std::string>& words : {std::vector<std::string>{"backup", "-vv", source},
                                                  {"snapshots", "--json"},
                                                  {"check", "--read-data", "-vv"},
                                                  {"key", "list"},
                                                  {"key", "list", "--json"},
                                                  {"cat", "config"},
                                                  {"stats"},
                                                  {"backup", "--stdin-from-command", "--", "env"},
                                                  {"backup", "--no-such-flag"}}) {
      const Outcome outcome = run(words, variables);
      EXPECT_NE(outcome.exit_code, 2) << outcome.text();
      EXPECT_NE(outcome.exit_code, 12) << outcome.text();
    }
  }
  const Outcome dumped = run({"dump", "latest", "/stdin"}, by_file);
  EXPECT_EQ(dumped.exit_code, 0) << dumped.text();
  EXPECT_TRUE(dumped.says("PATH=")) << "the command's environment was saved: " << dumped.text();

  const Variables wrong_ones[] = {{{"HOLDFAST_PASSWORD_FILE", (place_ / "wrong").string()}},
                                  {{"HOLDFAST_PASSWORD", wrong()}}};
  for (const Variables& variables : wrong_ones) {
    const Outcome outcome = run({"snapshots", "-vv"}, variables);
    EXPECT_EQ(outcome.exit_code, 12) << outcome.text();
  }
  // A command that fails and prints it, a location that holds it.
  const Outcome failing =
      run({"snapshots"}, {{"HOLDFAST_PASSWORD_COMMAND",
                           "sh -c \"cat '" + place_.password_file().string() + "'; exit 4\""}});
  EXPECT_EQ(failing.exit_code, 1) << failing.text();
  const Outcome location =
      run({"snapshots"}, {{"HOLDFAST_REPOSITORY", "rest:https://me:" + wrong() + "@example.org/x"},
                          {"HOLDFAST_PASSWORD", first()}});
  EXPECT_EQ(location.exit_code, 1) << location.text();

  const Outcome changed =
      run({"key", "passwd", "--new-password-file", (place_ / "second").string()}, by_file);
  EXPECT_EQ(changed.exit_code, 0) << changed.text();
  const Outcome opened = run({"snapshots"}, {{"HOLDFAST_PASSWORD", second()}});
  EXPECT_EQ(opened.exit_code, 0) << opened.text();
  expect_nothing_written();
}

TEST_F(Secrets, OfOtherProgramsAreNotHandedToChildren) {
  Shop shop(place_);
  const std::string hook = (place_ / "hook.sh").string();
  write_text(hook, "env > " + (place_ / "dumps").string() + "/$HOLDFAST_HOOK\n");
  const std::string run_hook = "[[\"sh\", \"" + hook + "\"]]\n";
  shop.write_instance(shop.quiesce("sh " + hook, "sh " + hook) + "[hooks]\nbefore_backup = " +
                      run_hook + "after_backup = " + run_hook + "on_error = " + run_hook);
  const Variables variables = {
      {"HOLDFAST_FROM_REPOSITORY", "rest:https://me:" + first() + "@example.org/x"},
      {"RESTIC_FROM_REPOSITORY", "rest:https://me:" + second() + "@example.org/x"},
      {"DATABASE_URL", "postgresql://example.org/shop?user=me&password=" + second()},
      {"https_proxy", "http://me:" + wrong() + "@proxy.example.org:3128"},
      {"PGPASSWORD", second()},
      {"MYSQL_PWD", second()},
      {"AWS_SECRET_ACCESS_KEY", second()},
      {"PLAIN_URL", "https://me@example.org:8080/x"}};
  const Outcome saved = shop.back_up({}, {.environment = variables});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  fs::remove_all(shop.uploads());
  const Outcome failed = shop.back_up({}, {.environment = variables});
  EXPECT_EQ(failed.exit_code, 20) << failed.text();
  for (const char* name : {"before_backup", "after_backup", "on_error", "stop", "start"}) {
    const std::string seen = read_text(place_ / "dumps" / name);
    EXPECT_NE(seen.find("HOLDFAST_HOOK=" + std::string(name)), std::string::npos) << name;
    EXPECT_NE(seen.find("PLAIN_URL=https://me@example.org:8080/x"), std::string::npos) << name;
    EXPECT_FALSE(holds_secret(seen)) << seen;
  }
}

TEST_F(Secrets, OfAnInstanceStayInside) {
  Shop shop(place_);
  const std::string hook = (place_ / "hook.sh").string();
  write_text(hook, look("hook-$HOLDFAST_HOOK"));
  const std::string hooks =
      "[hooks]\nbefore_backup = [[\"sh\", \"" + hook + "\"]]\nafter_backup = [[\"sh\", \"" + hook +
      "\"]]\non_error = [[\"sh\", \"" + hook + "\"]]\nbefore_restore = [[\"sh\", \"" + hook +
      "\"]]\nafter_restore = [[\"sh\", \"" + hook + "\"]]\n";
  const std::string quiesce = shop.quiesce(look("stop"), look("start"));
  shop.write_instance(quiesce + hooks);
  const Outcome by_file = shop.back_up({"-vv"});
  ASSERT_EQ(by_file.exit_code, 0) << by_file.text();
  // The variable is there too, though the instance file decides.
  const Outcome with_variable =
      shop.back_up({"--json"}, {.environment = {{"HOLDFAST_PASSWORD", first()}}});
  ASSERT_EQ(with_variable.exit_code, 0) << with_variable.text();
  const Outcome drilled = place_.holdfast({"drill", "-I", shop.instance_path(), "-vv"});
  EXPECT_EQ(drilled.exit_code, 0) << drilled.text();
  const fs::path home = place_ / "new";
  const Outcome restored =
      place_.holdfast({"restore", "latest", "-I", shop.write_instance_for(home, hooks), "-vv"});
  EXPECT_EQ(restored.exit_code, 0) << restored.text();
  const Outcome plain =
      place_.holdfast({"restore", "latest", "--target", (place_ / "plain").string()});
  EXPECT_EQ(plain.exit_code, 0) << plain.text();
  const Outcome exported = place_.holdfast(
      {"export", "-I", shop.instance_path(), "--target", (place_ / "exported").string()});
  EXPECT_EQ(exported.exit_code, 0) << exported.text();

  // A password that the engine has no use for is refused, and not told.
  const std::string text = shop.instance_text(shop.home());
  write_text(place_ / "odd.toml",
             text + "[[database]]\nname = \"odd\"\nuri = \"sqlite:" + shop.stock().string() +
                 "\"\npassword_file = \"" + (place_ / "second").string() + "\"\n");
  const Outcome odd = place_.holdfast({"preflight", "-I", (place_ / "odd.toml").string(), "-vv"});
  EXPECT_NE(odd.exit_code, 0) << odd.text();
  EXPECT_NE(odd.exit_code, 2) << odd.text();

  for (const char* name :
       {"hook-before_backup", "hook-after_backup", "stop", "hook-before_restore"}) {
    const std::string dump = (place_ / "dumps" / name).string();
    EXPECT_NE(read_text(dump + "-own").find("HOLDFAST_INSTANCE=shop"), std::string::npos) << name;
    const std::string limits = read_text(dump + "-limits");
    const std::size_t core = limits.find("Max core file size");
    ASSERT_NE(core, std::string::npos) << name;
    std::istringstream values(limits.substr(core + std::string("Max core file size").size()));
    std::string soft, hard;
    values >> soft >> hard;
    EXPECT_EQ(soft + " " + hard, "0 0") << name;
    EXPECT_FALSE(read_text(dump + "-parent").empty() && read_text(dump + "-words").empty()) << name;
  }
  EXPECT_GT(sampler_.seen(), 0U);
  expect_nothing_written();
}

}  // namespace
}  // namespace holdfast::test
