// SPDX-License-Identifier: Apache-2.0
#include "harness/secret_watcher.h"

#include <sys/stat.h>

#include <system_error>
#include <utility>

#include "harness/program.h"

namespace holdfast::test {

namespace fs = std::filesystem;

SecretWatcher::SecretWatcher(std::string secret, fs::path directory)
    : secret_(std::move(secret)),
      directory_(std::move(directory)),
      thread_([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          look_at_processes();
          look_at_files();
        }
      }) {}

std::set<std::string> SecretWatcher::found() {
  const std::lock_guard lock(mutex_);
  return found_;
}

void SecretWatcher::note(std::string where) {
  const std::lock_guard lock(mutex_);
  found_.insert(std::move(where));
}

void SecretWatcher::look_at_processes() {
  std::error_code ignored;
  for (const auto& process : fs::directory_iterator("/proc", ignored)) {
    const std::string pid = process.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    for (const char* what : {"cmdline", "environ"}) {
      if (read_text(process.path() / what).find(secret_) != std::string::npos)
        note(what + (" of " + read_text(process.path() / "comm")));
    }
  }
}

void SecretWatcher::look_at_files() {
  std::error_code ignored;
  for (fs::recursive_directory_iterator entry(directory_, ignored), end; entry != end;
       entry.increment(ignored)) {
    struct ::stat status {};
    if (::lstat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (read_text(entry->path()).find(secret_) != std::string::npos)
      note("file " + entry->path().filename().native());
  }
}

}  // namespace holdfast::test
