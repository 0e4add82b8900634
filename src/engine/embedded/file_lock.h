// SPDX-License-Identifier: Apache-2.0
// Locks on whole files, as a Java virtual machine takes them: who holds one, and holding one.
//
// Asked and taken as open-file-description locks. Asking drops none of our own, and ours live as
// long as their descriptor, whatever else this process opens and closes. Both kinds exclude each
// other.
//
// Source: fcntl(2), "Open file description locks"; java.nio.channels.FileChannel.tryLock() of
// OpenJDK is fcntl(2) on all bytes of the file (tried with OpenJDK 17).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace holdfast::engine::embedded {

struct LockHolder {
  pid_t pid = -1;  // -1: it could not be found out, as for processes of another namespace
  // Its program and the first word after it that is no option, of Java the main class or the jar;
  // not more, for command lines hold passwords. At most 160 bytes; may be empty.
  std::string command;
};
// "pid 123 (java app.jar)", or "a process that cannot be seen from here".
[[nodiscard]] std::string display(const LockHolder& holder);

// Who has any lock on the file, or nothing if nobody has, or if there is no such file. Locks of
// this very process count too, unless they are process-wide ones. Errc::denied if the file may not
// be opened.
[[nodiscard]] std::optional<LockHolder> who_locks(const std::filesystem::path& path);

// A lock on all of a file that keeps everybody else from taking one; let go with the object.
class FileLock {
 public:
  struct Wanted {
    std::filesystem::path path;
    // May be made if it is not there, with this content; an empty file gets it too. A file that was
    // made belongs to the owner of its directory and is removed with the object. Empty: neither.
    std::string content;
  };
  // Takes it, or returns nothing if somebody else has one (who_locks() says who) or replaced the
  // file too often meanwhile. A file that may not be written is locked for reading, which keeps
  // writers out. Errc::not_found, denied.
  [[nodiscard]] static std::optional<FileLock> try_take(const Wanted& wanted);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // Whether the path still names the locked file. If not, nobody was kept out.
  [[nodiscard]] bool stands() const;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  // The locked file has another name from now on.
  void renamed(std::filesystem::path to) { path_ = std::move(to); }

 private:
  FileLock(std::filesystem::path path, Fd file, bool made);

  std::filesystem::path path_;
  Fd file_;
  bool made_ = false;
};

}  // namespace holdfast::engine::embedded
