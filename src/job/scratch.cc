// SPDX-License-Identifier: Apache-2.0
#include "job/scratch.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  struct ::stat status {};
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (errno != ENOENT && errno != ENOTDIR) throw system_error(errno, "looking at " + path.string());
  return false;
}

// What tells a directory from the one that is seen in its place while its disk is not mounted;
// device numbers change from boot to boot. Null if it is not there, or in memory, where nothing
// outlives a mount.
Json identity_of(const fs::path& directory) {
  struct ::stat status {};
  struct ::statfs system {};
  if (::stat(directory.c_str(), &status) != 0 || ::statfs(directory.c_str(), &system) != 0 ||
      system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC) {
    return nullptr;
  }
  return Json()
      .set("inode", status.st_ino)
      .set("file_system", fmt::format("{:08x}{:08x}", static_cast<unsigned>(system.f_fsid.__val[0]),
                                      static_cast<unsigned>(system.f_fsid.__val[1])));
}

}  // namespace

std::filesystem::path scratch_base() {
  const char* given = std::getenv("TMPDIR");
  return given != nullptr && *given == '/' ? std::filesystem::path(given)
                                           : std::filesystem::path("/var/tmp");
}

void make_directories(const std::filesystem::path& directory) {
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  if (failure) throw system_error(failure.value(), "making " + directory.string());
}

fs::path new_scratch_path(std::string_view name_prefix, const fs::path& below) {
  std::array<std::byte, 6> random{};
  fill_random(random);
  return below / fmt::format("{}-{}", name_prefix, to_hex(random));
}

void make_scratch(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0) throw system_error(errno, "making " + path.string());
}

Json scratch_undo(const fs::path& path) {
  return Json().set("path", path.string()).set("parent", identity_of(path.parent_path()));
}

void erase_scratch(const Json& undo) {
  const fs::path path = undo.at("path").as_string();
  if (is_there(path)) return erase_tree(path);
  const Json& parent = undo.at("parent");
  if (parent.is_null() || parent == identity_of(path.parent_path())) return;
  throw Error(Errc::not_found,
              fmt::format("{} is not there, and {} is not the directory in which it was made",
                          path.string(), path.parent_path().string()))
      .set_hint("Mount what belongs there.");
}

}  // namespace holdfast::job
