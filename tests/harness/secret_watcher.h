// SPDX-License-Identifier: Apache-2.0
// Watches whether a secret can be seen by others of the machine while a program runs.
#pragma once

#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace holdfast::test {

// Looks at the arguments and environments of all processes, and into files of a directory, again
// and again until the end of its life.
class SecretWatcher {
 public:
  SecretWatcher(std::string secret, std::filesystem::path directory);
  // Where it was seen: "environ of pg_dump", "file passwords".
  [[nodiscard]] std::set<std::string> found();

 private:
  void look_at_processes();
  void look_at_files();
  void note(std::string where);

  std::string secret_;
  std::filesystem::path directory_;
  std::mutex mutex_;  // guards the next
  std::set<std::string> found_;
  std::jthread thread_;
};

}  // namespace holdfast::test
