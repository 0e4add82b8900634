// SPDX-License-Identifier: Apache-2.0
// The directory of this machine in which jobs know of each other: where it is, and the locks of
// instances in it. What lies below `journals` is journal.cc's.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "base/fd.h"
#include "job/journal.h"
#include "job/scratch.h"
#include "model/manifest.h"

namespace holdfast::job {

namespace fs = std::filesystem;

void check_state_directory(const fs::path& state_directory) {
  if (!state_directory.empty()) return;
  throw Error(Errc::usage, "no place for journals: neither HOLDFAST_STATE_DIR nor HOME is set")
      .set_hint("Set HOLDFAST_STATE_DIR to a directory that only you can write to.");
}

InstanceLock::InstanceLock(const fs::path& state_directory, std::string_view instance) {
  check_state_directory(state_directory);
  const fs::path directory = state_directory / "instances";
  make_directories(directory);
  const fs::path path = directory / (model::escape_name(instance) + ".lock");
  file_ = open_file(path, O_RDWR | O_CREAT, 0600);
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) throw system_error(errno, "locking " + path.string());
  throw Error(Errc::locked,
              "another job is working on instance " + std::string(instance) + " on this machine")
      .set_hint("Wait for it to end.");
}

std::filesystem::path default_state_directory() {
  if (const char* given = std::getenv("HOLDFAST_STATE_DIR"); given != nullptr && *given != '\0')
    return given;
  if (::geteuid() == 0) return "/var/lib/holdfast";
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    return fs::path(state) / "holdfast";
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') return {};
  return fs::path(home) / ".local/state/holdfast";
}

}  // namespace holdfast::job
