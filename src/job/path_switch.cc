// SPDX-License-Identifier: Apache-2.0
#include "job/path_switch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "job/scratch.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  struct ::stat status {};
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (errno != ENOENT && errno != ENOTDIR) throw system_error(errno, "looking at " + path.string());
  return false;
}

bool is_empty_directory(const fs::path& path) {
  struct ::stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  std::error_code failure;
  const bool empty = fs::is_empty(path, failure);
  if (failure) throw system_error(failure.value(), "reading " + path.string());
  return empty;
}

// Everything below the file system's root that is still in memory goes to the disk: what is about
// to be put in place was written without syncing each file.
void sync_filesystem(const fs::path& path) {
  const Fd directory = open_file(path, O_RDONLY | O_DIRECTORY);
  if (::syncfs(directory.get()) != 0)
    throw system_error(errno, "writing " + path.string() + " to the disk");
}

}  // namespace

std::uint64_t Changes::announce(std::string_view kind, std::string_view what, const Json& undo) {
  const std::lock_guard guard(mutex_);
  entries_.push_back(journal_.announce(kind, what, undo));
  return entries_.back();
}

void Changes::drop(std::uint64_t entry) {
  const std::lock_guard guard(mutex_);
  journal_.settle(entry);
  std::erase(entries_, entry);
}

void Changes::settle() {
  const std::lock_guard guard(mutex_);
  journal_.settle(entries_);
  entries_.clear();
}

PathSwitch::PathSwitch(fs::path path, Changes& changes, fs::path aside)
    : path_(std::move(path)),
      aside_(aside.empty() ? path_.parent_path() : std::move(aside)),
      changes_(&changes) {
  check_rule(path_.is_absolute() && path_.has_filename(), "only a named path is switched");
  make_directories(path_.parent_path(), changes);
  std::array<std::byte, 6> noise{};
  fill_random(noise);
  fresh_ = named(".holdfast-" + to_hex(noise));
  Json undo;
  undo.set("path", fresh_.string());
  changes_->announce("remove", "write " + fresh_.string(), undo);
}

fs::path PathSwitch::named(std::string_view suffix) const {
  return aside_ / (path_.filename().string() + std::string(suffix));
}

bool PathSwitch::switch_in(bool replace, const fs::path& kept) {
  sync_filesystem(path_.parent_path());
  bool was_kept = false;
  if (is_there(path_)) {
    const bool empty = is_empty_directory(path_);
    if (!empty && !replace) {
      throw Error(Errc::exists, path_.string() + " exists and is not empty")
          .set_hint("Use --replace to have it kept under a new name.");
    }
    if (is_there(kept)) throw Error(Errc::exists, kept.string() + " exists already");
    rename(path_, kept, "keep " + path_.string() + " as " + kept.string());
    if (empty) empty_ = kept;
    was_kept = !empty;
  }
  // Others may write to it from now on.
  const std::string begin = named("_before_").string();
  const bool has_time = kept.native().starts_with(begin);
  const std::string suffix = "_undone" + (has_time ? kept.native().substr(begin.size() - 1) : "");
  rename(fresh_, path_, "put " + path_.string() + " in place",
         Json().set("since", system_clock().now().seconds).set("undone", named(suffix).string()));
  fsync_directory(path_.parent_path());
  if (aside_ != path_.parent_path()) fsync_directory(aside_);
  return was_kept;
}

void PathSwitch::tidy() noexcept {
  if (!empty_.empty()) ::rmdir(empty_.c_str());
}

// Undone by the reverse; never over something that is there.
void PathSwitch::rename(const fs::path& from, const fs::path& to, std::string_view what,
                        Json undo) {
  undo.set("now", to.string()).set("before", from.string());
  const std::uint64_t entry = changes_->announce("rename", what, undo);
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  int failure = errno;
  // File systems that cannot do it atomically: look first.
  if (failure == EINVAL && !is_there(to)) {
    if (::rename(from.c_str(), to.c_str()) == 0) return;
    failure = errno;
  }
  changes_->drop(entry);
  throw system_error(failure == EINVAL ? EEXIST : failure,
                     "renaming " + from.string() + " to " + to.string());
}

void make_directories(const fs::path& directory, Changes& changes) {
  fs::path missing;
  for (fs::path above = directory; !is_there(above); above = above.parent_path()) missing = above;
  if (missing.empty()) return;
  Json undo;
  undo.set("top", missing.string()).set("path", directory.string());
  changes.announce("rmdir", "make " + missing.string(), undo);
  make_directories(directory);
}

}  // namespace holdfast::job
