// SPDX-License-Identifier: Apache-2.0
#include "job/target_place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/units.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;
using model::Finding;
using model::Severity;

// Engines for which "engine:///path" is a file.
constexpr std::array<std::string_view, 4> file_engines = {"sqlite", "derby", "h2", "typedb"};

}  // namespace

Finding finding_of(std::string code, Severity severity, std::string component, std::string seen,
                   std::string why, std::string mend) {
  Finding finding;
  finding.code = std::move(code);
  finding.severity = severity;
  finding.component = std::move(component);
  finding.seen = std::move(seen);
  finding.why = std::move(why);
  finding.mend = std::move(mend);
  finding.mend_class = model::MendClass::manual;
  return finding;
}

fs::path local_path(const model::Endpoint& endpoint) {
  // The others are servers, whose URIs may look like paths.
  if (std::find(file_engines.begin(), file_engines.end(), endpoint.engine) == file_engines.end())
    return {};
  const std::size_t colon = endpoint.uri.find(':');
  const std::string path =
      colon == std::string::npos ? endpoint.uri : endpoint.uri.substr(colon + 1);
  // Behind two slashes a server is named, or none for the one of this machine.
  if (path.starts_with("//") && !path.starts_with("///")) return {};
  return path.starts_with('/') ? fs::path(path).lexically_normal() : fs::path();
}

bool is_in(const fs::path& path, const fs::path& directory) {
  const auto [end, rest] =
      std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
  return end == directory.end() || (end->empty() && std::next(end) == directory.end());
}

fs::path nearest_directory(const fs::path& path) {
  fs::path directory = path.empty() ? fs::path("/") : path;
  std::error_code ignored;
  while (!fs::is_directory(directory, ignored) && directory.has_relative_path()) {
    directory = directory.parent_path();
  }
  return directory;
}

std::optional<std::uint64_t> free_bytes(const fs::path& directory) {
  struct ::statvfs status {};
  if (::statvfs(directory.c_str(), &status) != 0) return std::nullopt;
  const bool is_root = ::geteuid() == 0;
  return static_cast<std::uint64_t>(is_root ? status.f_bfree : status.f_bavail) * status.f_frsize;
}

void check_writable(const fs::path& path, const std::string& component,
                    std::vector<Finding>& findings) {
  const fs::path directory = nearest_directory(path.parent_path());
  if (::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return;
  findings.push_back(finding_of(
      "target-not-writable", Severity::blocker, component,
      fmt::format("{}: this user may not write in {}", path.string(), directory.string()),
      "the restore would fail", "Run as a user who may, or change the directory's mode or owner."));
}

void check_place(const fs::path& path, const std::string& component, bool replace,
                 std::vector<Finding>& findings) {
  const auto add = [&](Finding finding) { findings.push_back(std::move(finding)); };
  check_writable(path, component, findings);
  struct ::stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) {
      add(finding_of("target-unobservable", Severity::blocker, component,
                     system_error(errno, path.string()).message(),
                     "it cannot be told whether something is there that would be overwritten",
                     "Give this user the right to look at it."));
    }
    return;
  }
  struct ::stat above {};
  if (S_ISDIR(status.st_mode) && ::stat(path.parent_path().c_str(), &above) == 0 &&
      (above.st_dev != status.st_dev || path == path.parent_path())) {
    add(finding_of("target-mount-point", Severity::blocker, component,
                   path.string() + " is a mount point",
                   "what is there could not be kept under a new name",
                   "Name a directory below it, or unmount it."));
    return;
  }
  if (S_ISLNK(status.st_mode)) {
    add(finding_of(
        "target-symlink", Severity::warning, component, path.string() + " is a symbolic link",
        "the link is replaced, not what it points to", "Name what it points to if that is meant."));
  }
  std::error_code failure;
  const bool empty = S_ISDIR(status.st_mode) && fs::is_empty(path, failure);
  if (failure) {
    add(finding_of("target-unobservable", Severity::blocker, component,
                   system_error(failure.value(), path.string()).message(),
                   "it cannot be told whether something is there that would be overwritten",
                   "Give this user the right to look at it."));
  } else if (!empty && !replace) {
    add(finding_of("target-not-empty", Severity::blocker, component,
                   path.string() + " exists and is not empty", std::string(keep_why),
                   std::string(keep_mend)));
  }
}

void check_aside(const fs::path& path, const fs::path& aside, const std::string& component,
                 std::vector<Finding>& findings) {
  check_writable(aside / path.filename(), component, findings);
  struct ::stat there {};
  struct ::stat above {};
  const fs::path directory = nearest_directory(path.parent_path());
  if (::stat(directory.c_str(), &there) != 0 || ::stat(aside.c_str(), &above) != 0 ||
      there.st_dev == above.st_dev)
    return;
  findings.push_back(finding_of(
      "target-mount-point", Severity::blocker, component,
      fmt::format("{} is of another file system than {}", directory.string(), aside.string()),
      "what is there could not be kept under a new name", "Let both be of one file system."));
}

void Space::need(const fs::path& path, std::uint64_t bytes) {
  const fs::path directory = nearest_directory(path.parent_path());
  struct ::stat status {};
  if (::stat(directory.c_str(), &status) != 0) return;  // its own finding
  Need& need = needs_[status.st_dev];
  if (need.directory.empty()) need.directory = directory;
  need.bytes += bytes;
}

void Space::report(std::vector<Finding>& findings) const {
  for (const auto& [device, need] : needs_) {
    const auto free = free_bytes(need.directory);
    if (!free) {
      findings.push_back(
          finding_of("target-space-unobservable", Severity::blocker, "",
                     "the free space at " + need.directory.string() + " cannot be told",
                     "the restore might fail half-way", "Look at it yourself, then accept this."));
    } else if (*free < need.bytes) {
      findings.push_back(finding_of(
          "target-space", Severity::blocker, "",
          fmt::format("{} has {} free, the copy needs {}", need.directory.string(),
                      format_bytes(*free), format_bytes(need.bytes)),
          "the restore would fail half-way", "Free space there, or choose another place."));
    }
  }
}

}  // namespace holdfast::job
