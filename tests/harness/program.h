// SPDX-License-Identifier: Apache-2.0
// Runs Holdfast, and other programs, as a user would: in processes of their own, with a directory
// of their own for everything they write.
//
// It knows neither instances nor repositories; shop.h and repository_files.h do.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "base/test_soak.h"

namespace holdfast::test {

// What a run left behind.
struct Outcome {
  int exit_code = -1;  // 128 + signal number if a signal ended it
  std::string output, errors;
  // All of it, for the message of a failed expectation.
  [[nodiscard]] std::string text() const;
  // Whether standard error or output holds the words.
  [[nodiscard]] bool says(std::string_view words) const;
  // Standard output as one JSON document, or its lines. Error if it is none.
  [[nodiscard]] Json document() const;
  [[nodiscard]] Json::Array array() const;
  [[nodiscard]] std::vector<Json> lines() const;
};

using Variables = std::map<std::string, std::string>;

// A program that runs. Killed and reaped at the end of its life.
class Started {
 public:
  // `environment` is all it gets. `input`: the path of a file; empty: /dev/null. Its output goes to
  // files below `directory`, which is there.
  Started(const std::vector<std::string>& argv, const Variables& environment,
          const std::filesystem::path& directory, const std::filesystem::path& input = {});
  ~Started();
  Started(Started&& other) noexcept;
  Started& operator=(Started&&) = delete;
  Started(const Started&) = delete;
  Started& operator=(const Started&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void kill(int signal) const noexcept;
  [[nodiscard]] bool has_ended();
  // Waits for the end, for three minutes at most; then it is killed and the exit code is 137.
  Outcome wait();

 private:
  pid_t pid_ = -1;
  int status_ = 0;
  bool is_reaped_ = false;
  std::filesystem::path output_, errors_;
};

// How one run differs from the others of its place.
struct RunOptions {
  Variables environment = {};             // added; "" takes a variable away
  std::vector<std::string> wrapper = {};  // words in front: {"setpriv", "--reuid=65534"}
  std::filesystem::path input = {};       // standard input; empty: /dev/null
};

// A directory of its own with all a run needs: state, cache, scratch, home, password file, and the
// path of a repository that is not made yet. Children see nothing of the caller's environment but
// PATH and the sanitizers' options.
class Place {
 public:
  // `program`: what holdfast() starts; empty: HOLDFAST_TEST_PROGRAM, else the one that was built.
  explicit Place(std::filesystem::path program = {});

  [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_.path(); }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
    return root() / name;
  }
  [[nodiscard]] std::filesystem::path repository() const { return root() / "repository"; }
  [[nodiscard]] std::filesystem::path state() const { return root() / "state"; }
  [[nodiscard]] std::filesystem::path scratch() const { return root() / "scratch"; }
  [[nodiscard]] std::filesystem::path password_file() const { return root() / "password"; }
  [[nodiscard]] const std::filesystem::path& program() const noexcept { return program_; }

  // Variables of every run: HOLDFAST_REPOSITORY, HOLDFAST_PASSWORD_FILE, HOLDFAST_STATE_DIR, …
  [[nodiscard]] Variables& environment() noexcept { return environment_; }

  // Runs `holdfast WORDS…` to its end, or starts it.
  Outcome holdfast(const std::vector<std::string>& words, const RunOptions& options = {});
  [[nodiscard]] Started start(const std::vector<std::string>& words,
                              const RunOptions& options = {});
  // The same for any program.
  Outcome run(const std::vector<std::string>& argv, const RunOptions& options = {});
  [[nodiscard]] Started start_program(const std::vector<std::string>& argv,
                                      const RunOptions& options = {});

  // The guardian of a job below its state directory; 0 if there is none.
  [[nodiscard]] pid_t guardian() const;

  // The output and errors of all runs so far, for those who search them.
  [[nodiscard]] std::filesystem::path runs() const { return root() / "runs"; }

 private:
  TemporaryDirectory root_;
  std::filesystem::path program_;
  Variables environment_;
};

// Waits for its end; the most anonymous memory that it was seen to have by then, MiB.
struct Measured {
  Outcome outcome;
  std::uint64_t most_mib = 0;
};
[[nodiscard]] Measured measured(Started run);

inline constexpr std::string_view place_password = "correct horse battery";

// Waits until `condition` holds, for a minute at most. Whether it does.
template <typename Condition>
[[nodiscard]] bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    struct timespec pause {
      0, 2'000'000
    };
    ::nanosleep(&pause, nullptr);
  }
  return true;
}

void write_text(const std::filesystem::path& path, std::string_view text);
[[nodiscard]] std::string read_text(const std::filesystem::path& path);  // "" if it is not there

}  // namespace holdfast::test
