// SPDX-License-Identifier: Apache-2.0
#include "job/restored_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_bytes_max = std::size_t{16} << 20U;
constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

// The directory that `below` lies in; nothing if one on the way is missing or no directory. The
// path to the root itself is the operator's, and may go through links.
std::optional<Fd> open_parent(const fs::path& root, const fs::path& below) {
  if (below.empty()) return try_open_file(root.parent_path(), O_RDONLY | O_DIRECTORY);
  std::optional<Fd> at = try_open_file(root, directory_flags);
  for (const fs::path& name : below.parent_path()) {
    if (!at || name.is_absolute() || name == "..") return std::nullopt;
    Fd next(::openat(at->get(), name.c_str(), directory_flags | O_CLOEXEC));
    if (!next) return std::nullopt;
    at = std::move(next);
  }
  return at;
}

std::string name_of(const fs::path& root, const fs::path& below) {
  return (below.empty() ? root : below).filename().string();
}

}  // namespace

RestoredFiles::RestoredFiles(const RestorePlan& plan) {
  for (const FilesTarget& files : plan.files) {
    for (std::size_t i = 0; i < files.paths.size(); ++i)
      paths_.emplace_back(files.facts.paths[i].source, files.paths[i].path);
  }
}

std::optional<RestoredFiles::Found> RestoredFiles::find(const std::string& path) const {
  // As text: to a path object "/a//b" and "/a/b" are the same.
  const bool is_clean = path.starts_with('/') && path.find('\0') == std::string::npos &&
                        fs::path(path).lexically_normal().native() == path &&
                        (path.size() == 1 || path.back() != '/');
  if (!is_clean) return std::nullopt;
  const std::pair<std::string, fs::path>* longest = nullptr;
  for (const auto& one : paths_) {
    const bool holds = path == one.first || path.starts_with(one.first + "/");
    if (holds && (longest == nullptr || longest->first.size() < one.first.size())) longest = &one;
  }
  if (longest == nullptr) return std::nullopt;
  const std::size_t cut = longest->first.size();
  return Found{longest->second, path.size() == cut ? fs::path() : fs::path(path.substr(cut + 1))};
}

fs::path RestoredFiles::place_of(const std::string& path) const {
  const auto found = find(path);
  if (!found) return {};
  return found->below.empty() ? found->root : found->root / found->below;
}

std::optional<std::string> RestoredFiles::read(const std::string& path) const {
  const auto found = find(path);
  if (!found) return std::nullopt;
  const std::optional<Fd> parent = open_parent(found->root, found->below);
  if (!parent) return std::nullopt;
  const Fd file(::openat(parent->get(), name_of(found->root, found->below).c_str(),
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct ::stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  FdSource source(file.get(), path);
  return std::string(as_text(read_all(source, file_bytes_max)));
}

std::vector<std::string> RestoredFiles::apply(const std::vector<model::FileChange>& changes) const {
  std::vector<std::string> made;
  for (const model::FileChange& change : changes) {
    const auto found = find(change.path);
    const std::optional<Fd> parent =
        found ? open_parent(found->root, found->below) : std::optional<Fd>();
    const std::string name = parent ? name_of(found->root, found->below) : "";
    struct ::stat status {};
    const bool is_there =
        parent && ::fstatat(parent->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!change.content) {
      if (!is_there) continue;
      erase_tree(fs::path("/proc/self/fd") / std::to_string(parent->get()) / name);
    } else if (change.is_link) {
      if (!is_there || !S_ISLNK(status.st_mode))
        throw Error(Errc::not_found, "the copy has no link " + change.path + ": " + change.what);
      if (::unlinkat(parent->get(), name.c_str(), 0) != 0 ||
          ::symlinkat(change.content->c_str(), parent->get(), name.c_str()) != 0)
        throw system_error(errno, change.path);
      // Of no consequence where it may not be given away.
      static_cast<void>(::fchownat(parent->get(), name.c_str(), status.st_uid, status.st_gid,
                                   AT_SYMLINK_NOFOLLOW) == 0);
    } else {
      if (!is_there || !S_ISREG(status.st_mode)) {
        throw Error(Errc::not_found, "the copy has no file " + change.path + ": " + change.what);
      }
      const bool is_closed = (status.st_mode & S_IWUSR) == 0;
      if (is_closed) static_cast<void>(::fchmodat(parent->get(), name.c_str(), 0600, 0) == 0);
      const Fd file = open_at(parent->get(), name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
      if (is_closed && ::fchmod(file.get(), status.st_mode & 07777U) != 0)
        throw system_error(errno, change.path);
      if (::ftruncate(file.get(), 0) != 0) throw system_error(errno, change.path);
      write_all(file.get(), as_bytes(*change.content), change.path);
      fsync_file(file.get(), change.path);
    }
    made.push_back(change.what);
  }
  return made;
}

}  // namespace holdfast::job
