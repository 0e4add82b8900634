// SPDX-License-Identifier: Apache-2.0
// The main of this room's tests. It can also play the parts that need a process of their own: the
// guardian, which journals start from this very program, and jobs that die.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "job/journal.h"
#include "job/scratch.h"

namespace holdfast::job {
namespace {

Json start_undo(const std::string& script) {
  Json undo;
  undo.set("argv", Json::array().push("/bin/sh").push("-c").push(script)).set("timeout_ms", 20'000);
  return undo;
}

// dying-job STATE SCRIPT [kill-guardian]: announces one stop whose undo is SCRIPT, then is killed.
// dying-export STATE DIRECTORY [kill-guardian]: announces a directory and makes it, then is killed.
int dying_job(const std::vector<std::string>& words) {
  const bool is_export = words[1] == "dying-export";
  const auto journal = Journal::begin(words[2], "shop", is_export ? "export" : "backup", {});
  if (is_export) {
    journal->announce("scratch", "made " + words[3], scratch_undo(words[3]));
    std::filesystem::create_directory(words[3]);
  } else {
    journal->announce("start", "stopped the application", start_undo(words[3]));
  }
  if (words.size() > 4) {
    // The guardian is this process's only child.
    const std::string children =
        read_text_file("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    ::kill(static_cast<pid_t>(std::stol(children)), SIGKILL);
  }
  ::kill(::getpid(), SIGKILL);
  return 1;
}

int play(const std::vector<std::string>& words) {
  if (words[1].starts_with("dying-")) return dying_job(words);
  if (words[1] == "resume-all") {
    const ResumeReport report = resume(words[2], "", {});
    return report.failed.empty() ? 0 : 1;
  }
  // resume --journal DIR [--when-closed FD | --part PART], as holdfast's own.
  if (words.size() > 5 && words[4] == "--part")
    return guard(-1, words[3], parse_undo_part(words[5])) ? 0 : 1;
  return guard(words.size() > 5 ? std::stoi(words[5]) : -1, words[3]) ? 0 : 1;
}

}  // namespace
}  // namespace holdfast::job

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  if (words.size() > 2 &&
      (words[1] == "resume" || words[1] == "resume-all" || words[1].starts_with("dying-"))) {
    return holdfast::job::play(words);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
