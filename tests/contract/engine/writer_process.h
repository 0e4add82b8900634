// SPDX-License-Identifier: Apache-2.0
// A program beside the test, ended with the object.
#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "base/fd.h"

namespace holdfast::test {

class WriterProcess {
 public:
  explicit WriterProcess(std::vector<std::string> arguments) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    output_.reset(ends[0]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const int result = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (result != 0) throw std::runtime_error("cannot start " + arguments[0]);
  }
  ~WriterProcess() { static_cast<void>(stop()); }
  WriterProcess(const WriterProcess&) = delete;
  WriterProcess& operator=(const WriterProcess&) = delete;

  // The next line it prints; empty at the end.
  std::string line() {
    std::string text;
    char c = 0;
    while (::read(output_.get(), &c, 1) == 1 && c != '\n') text += c;
    return text;
  }
  // Asks it to end; its last line.
  std::string stop() {
    if (pid_ < 0) return {};
    ::kill(pid_, SIGTERM);
    const std::string last = line();
    static_cast<void>(wait());
    return last;
  }
  // Waits for its end; the status of waitpid(2).
  int wait() {
    int status = 0;
    if (pid_ >= 0) ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
  Fd output_;
};

}  // namespace holdfast::test
