// SPDX-License-Identifier: Apache-2.0
#include "harness/program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "base/error.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr auto patience = std::chrono::minutes(3);

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

int exit_code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::atomic<unsigned> runs_started = 0;

}  // namespace

std::string Outcome::text() const {
  return "exit code " + std::to_string(exit_code) + "\noutput: " + output + "\nerrors: " + errors;
}

bool Outcome::says(std::string_view words) const {
  return output.find(words) != std::string::npos || errors.find(words) != std::string::npos;
}

Json Outcome::document() const {
  return Json::parse(output, "standard output");
}

Json::Array Outcome::array() const {
  return document().as_array();
}

std::vector<Json> Outcome::lines() const {
  std::vector<Json> all;
  std::istringstream stream(output);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) all.push_back(Json::parse(line, "a line of standard output"));
  }
  return all;
}

Started::Started(const std::vector<std::string>& argv, const Variables& environment,
                 const fs::path& directory, const fs::path& input) {
  const std::string name = std::to_string(++runs_started);
  output_ = directory / (name + ".out");
  errors_ = directory / (name + ".err");
  std::vector<std::string> words = argv;
  std::vector<std::string> settings;
  for (const auto& [key, value] : environment) settings.push_back(key + "=" + value);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const std::string source = input.empty() ? "/dev/null" : input.string();
  constexpr int writing = O_WRONLY | O_CREAT | O_TRUNC;
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, source.c_str(), O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output_.c_str(), writing, 0600);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors_.c_str(), writing, 0600);
  // As from a shell, whatever signals the test itself was started with.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::posix_spawnattr_setsigmask(&attributes, &signals);
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE}) {
    ::sigaddset(&signals, number);
  }
  ::posix_spawnattr_setsigdefault(&attributes, &signals);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int failure = ::posix_spawnp(&pid_, words.front().c_str(), &actions, &attributes,
                                     pointers(words).data(), pointers(settings).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) throw system_error(failure, "starting " + argv.front());
}

Started::~Started() {
  if (pid_ < 0 || is_reaped_) return;
  kill(SIGKILL);
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
}

Started::Started(Started&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      status_(other.status_),
      is_reaped_(other.is_reaped_),
      output_(std::move(other.output_)),
      errors_(std::move(other.errors_)) {}

void Started::kill(int signal) const noexcept {
  if (!is_reaped_) ::kill(pid_, signal);
}

bool Started::has_ended() {
  if (!is_reaped_) is_reaped_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
  return is_reaped_;
}

Outcome Started::wait() {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!has_ended()) {
    if (std::chrono::steady_clock::now() > deadline) kill(SIGKILL);
    struct timespec pause {
      0, 2'000'000
    };
    ::nanosleep(&pause, nullptr);
  }
  return {exit_code_of(status_), read_text(output_), read_text(errors_)};
}

Place::Place(fs::path program) : root_("holdfast-test"), program_(std::move(program)) {
  if (program_.empty()) program_ = variable("HOLDFAST_TEST_PROGRAM");
  if (program_.empty()) program_ = HOLDFAST_PROGRAM;
  for (const char* name : {"state", "cache", "scratch", "home", "runs"}) {
    fs::create_directory(root() / name);
  }
  // The user of a drill's server has to get to the scratch directory, and to nothing else.
  fs::permissions(root(), fs::perms(0711));
  write_text(password_file(), std::string(place_password) + "\n");
  fs::permissions(password_file(), fs::perms::owner_read | fs::perms::owner_write);
  environment_ = {{"PATH", variable("PATH")},
                  {"HOME", (root() / "home").string()},
                  {"LANG", "C.UTF-8"},
                  {"TZ", "UTC"},
                  {"TMPDIR", scratch().string()},
                  {"HOLDFAST_STATE_DIR", state().string()},
                  {"HOLDFAST_CACHE_DIR", (root() / "cache").string()},
                  {"HOLDFAST_REPOSITORY", repository().string()},
                  {"HOLDFAST_PASSWORD_FILE", password_file().string()},
                  // For restic, where a test asks it.
                  {"RESTIC_REPOSITORY", repository().string()},
                  {"RESTIC_PASSWORD_FILE", password_file().string()}};
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"}) {
    if (std::string value = variable(name); !value.empty()) environment_[name] = std::move(value);
  }
}

Outcome Place::holdfast(const std::vector<std::string>& words, const RunOptions& options) {
  return start(words, options).wait();
}

Started Place::start(const std::vector<std::string>& words, const RunOptions& options) {
  std::vector<std::string> argv = {program_.string()};
  argv.insert(argv.end(), words.begin(), words.end());
  return start_program(argv, options);
}

Outcome Place::run(const std::vector<std::string>& argv, const RunOptions& options) {
  return start_program(argv, options).wait();
}

Started Place::start_program(const std::vector<std::string>& argv, const RunOptions& options) {
  std::vector<std::string> words = options.wrapper;
  words.insert(words.end(), argv.begin(), argv.end());
  Variables all = environment_;
  for (const auto& [name, value] : options.environment) all[name] = value;
  std::erase_if(all, [](const auto& setting) { return setting.second.empty(); });
  return Started(words, all, runs(), options.input);
}

pid_t Place::guardian() const {
  for (const auto& process : fs::directory_iterator("/proc")) {
    const std::string name = process.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string words = read_text(process.path() / "cmdline");
    if (words.find(state().string()) != std::string::npos &&
        words.find("--when-closed") != std::string::npos) {
      return static_cast<pid_t>(std::stol(name));
    }
  }
  return 0;
}

void write_text(const fs::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file) throw Error(Errc::io, "cannot write " + path.string());
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Measured measured(Started run) {
  std::uint64_t most_kib = 0;
  while (!run.has_ended()) {
    const std::string status =
        read_text(std::filesystem::path("/proc") / std::to_string(run.pid()) / "status");
    const std::size_t at = status.find("RssAnon:");
    if (at != std::string::npos)
      most_kib = std::max<std::uint64_t>(most_kib, std::stoull(status.substr(at + 8)));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return {run.wait(), most_kib / 1024};
}

}  // namespace holdfast::test
