// SPDX-License-Identifier: Apache-2.0
#include "job/export_target.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "archive/exclude.h"
#include "base/error.h"
#include "base/hash.h"
#include "job/scratch.h"
#include "job/target_place.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(Errc code, std::string message, std::string_view hint) {
  throw Error(code, std::move(message)).set_hint(hint);
}

// Parents are not made: a missing one is a slip of the pen, or a disk that is not mounted.
fs::path parent_of(const fs::path& target) {
  std::error_code failure;
  const fs::path given = target.parent_path();
  fs::path parent = fs::canonical(given, failure);
  if (failure == std::errc::no_such_file_or_directory) {
    refuse(Errc::not_found,
           fmt::format("{} is not there, so the export cannot be put into it", given.string()),
           "Make the directory first, or mount what belongs there.");
  }
  if (failure) throw system_error(failure.value(), "looking at " + given.string());
  struct ::stat status {};
  if (::stat(parent.c_str(), &status) != 0)
    throw system_error(errno, "looking at " + parent.string());
  if (!S_ISDIR(status.st_mode)) {
    refuse(Errc::not_found, given.string() + " is no directory",
           "Name a place in a directory with --target.");
  }
  return parent;
}

bool is_mount_point(const fs::path& path, const struct ::stat& status,
                    const struct ::stat& parent) {
  struct ::statx more {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &more) == 0 &&
      (more.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0) {
    return (more.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  }
  return status.st_dev != parent.st_dev;
}

// What is there already can be replaced by renaming.
void check_replaceable(const fs::path& target, const struct ::stat& status) {
  struct ::stat parent {};
  if (::stat(target.parent_path().c_str(), &parent) != 0)
    throw system_error(errno, "looking at " + target.parent_path().string());
  if (S_ISLNK(status.st_mode)) {
    refuse(Errc::exists, target.string() + " is a symbolic link",
           "Name the directory itself, or a new one.");
  }
  if (!S_ISDIR(status.st_mode))
    refuse(Errc::exists, target.string() + " is there already and is no directory",
           "Choose a new directory.");
  if (is_mount_point(target, status, parent)) {
    refuse(Errc::exists,
           target.string() + " is a mount point, which the finished export cannot replace",
           "Name a new directory in it.");
  }
  std::error_code failure;
  const bool empty = fs::is_empty(target, failure);
  if (failure) throw system_error(failure.value(), "looking into " + target.string());
  if (!empty)
    refuse(Errc::exists, target.string() + " is there already and not empty",
           "Choose a new directory.");
  const uid_t user = ::geteuid();
  if ((parent.st_mode & S_ISVTX) != 0 && user != 0 && user != status.st_uid &&
      user != parent.st_uid) {
    refuse(Errc::denied, target.string() + " is another user's, so it cannot be replaced",
           "Choose a new directory.");
  }
}

// A directory by what it is, whatever its name: mounts and links show one in several places.
struct Identity {
  dev_t device;
  ino_t inode;
  bool operator==(const Identity&) const = default;
};
std::optional<Identity> identity_of(const fs::path& path) {
  struct ::stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return Identity{status.st_dev, status.st_ino};
}

// The path with the links above it resolved, as far as it is there.
fs::path resolved(const fs::path& path) {
  std::error_code failure;
  const fs::path parent = fs::weakly_canonical(path.parent_path(), failure);
  return failure ? path.lexically_normal() : (parent / path.filename()).lexically_normal();
}

bool lies_in(const fs::path& path, const fs::path& directory) {
  const auto [end, rest] =
      std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
  return end == directory.end();
}

// Where `parent` is within `source`, as a path below the source's own name; nothing if it is not.
std::optional<fs::path> place_within(const fs::path& parent, const fs::path& source) {
  const std::optional<Identity> wanted = identity_of(source);
  if (!wanted) return std::nullopt;
  for (fs::path above = parent;; above = above.parent_path()) {
    if (identity_of(above) == wanted)
      return above == parent ? source : source / parent.lexically_relative(above);
    if (above == above.parent_path()) return std::nullopt;
  }
}

// Whether a walk from `source` down to `place` ends on its way.
bool is_left_out(const fs::path& place, const fs::path& source,
                 const archive::PatternList& excludes) {
  for (fs::path path = place; lies_in(path, source); path = path.parent_path()) {
    if (excludes.matches(path.string())) return true;
    if (path == path.parent_path()) break;
  }
  return false;
}

struct Source {
  std::string component;
  fs::path path;
  std::vector<std::string> excludes;
};

std::vector<Source> sources_of(const Survey& survey) {
  std::vector<Source> sources;
  for (const model::FilesSettings& files : survey.files) {
    for (const std::string& path : files.paths)
      sources.push_back({files.name, path, files.exclude});
  }
  for (const ProbedDatabase& database : survey.databases) {
    if (fs::path path = local_path(database.endpoint); !path.empty())
      sources.push_back({database.settings.name, std::move(path), {}});
  }
  return sources;
}

}  // namespace

fs::path check_export_target(const fs::path& target) {
  fs::path named = target.lexically_normal();
  if (named.filename().empty()) named = named.parent_path();  // "/srv/copy/"
  if (!named.has_filename()) {
    refuse(Errc::usage, "the export cannot be put at " + target.string(),
           "Name a new directory with --target.");
  }
  check_rule(named.is_absolute(), "an export's target is absolute");
  const fs::path parent = parent_of(named);
  const fs::path place = parent / named.filename();
  struct ::stat status {};
  if (::lstat(place.c_str(), &status) == 0) {
    check_replaceable(place, status);
  } else if (errno != ENOENT) {
    throw system_error(errno, "looking at " + place.string());
  }
  if (::faccessat(AT_FDCWD, parent.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    throw system_error(errno, "the export cannot be put into " + parent.string())
        .set_hint("Choose a directory in which this user may write.");
  }
  return place;
}

void check_export_apart(const fs::path& target, const Survey& survey) {
  constexpr std::string_view hint = "Choose a directory apart from what is copied.";
  const fs::path parent = target.parent_path();
  for (const Source& source : sources_of(survey)) {
    if (lies_in(resolved(source.path), target)) {
      refuse(Errc::usage,
             fmt::format("{} of component {} lies in the export's target {}", source.path.string(),
                         source.component, target.string()),
             hint);
    }
    const std::optional<fs::path> place = place_within(parent, source.path);
    if (!place) continue;
    archive::PatternList excludes;
    for (const std::string& pattern : source.excludes) excludes.add(pattern, false);
    if (is_left_out(*place, source.path, excludes)) continue;
    refuse(Errc::usage,
           fmt::format("the export's target {} lies in {}, which component {} copies",
                       target.string(), source.path.string(), source.component),
           hint);
  }
}

GrowingExport::GrowingExport(const Environment& environment, std::string_view instance,
                             const fs::path& target)
    : journal_(
          Journal::begin(environment.state_directory, instance, "export", environment.program)) {
  std::byte noise[4];
  fill_random(noise);
  path_ = target.parent_path() / ("." + target.filename().string() + ".export-" + to_hex(noise));
  entry_ = journal_->announce("scratch", "made " + path_.string(), scratch_undo(path_));
  if (::mkdir(path_.c_str(), 0700) == 0) return;
  const Error error = system_error(errno, "making " + path_.string());
  journal_->settle(entry_);
  journal_->close();
  throw error;
}

GrowingExport::~GrowingExport() {
  try {
    journal_->undo(entry_);
    journal_->close();
  } catch (const std::exception& failure) {
    log_failure(failure);  // it stays in the journal
  }
}

}  // namespace holdfast::job
