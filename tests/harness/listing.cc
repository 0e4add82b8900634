// SPDX-License-Identifier: Apache-2.0
#include "harness/listing.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

std::string describe(const fs::path& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) throw system_error(errno, "looking at " + path.string());
  std::string text =
      fmt::format("type {:o} mode {:04o} owner {}:{}", (found.st_mode & S_IFMT) >> 12U,
                  found.st_mode & 07777U, found.st_uid, found.st_gid);
  if (!S_ISLNK(found.st_mode)) {
    text += fmt::format(" modified {}.{:09}", found.st_mtim.tv_sec, found.st_mtim.tv_nsec);
  }
  if (S_ISLNK(found.st_mode)) text += " to " + fs::read_symlink(path).string();
  if (S_ISREG(found.st_mode)) {
    text += fmt::format(" size {} links {} content {}", found.st_size, found.st_nlink,
                        to_hex(sha256(as_bytes(read_text_file(path, 1U << 30U)))));
  }
  return text;
}

}  // namespace

Listing list_directory(const fs::path& directory) {
  Listing listing;
  listing[""] = describe(directory);
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    listing[entry.path().lexically_relative(directory).string()] = describe(entry.path());
  }
  return listing;
}

std::string difference(const Listing& expected, const Listing& found) {
  std::string text;
  for (const auto& [path, facts] : expected) {
    const auto now = found.find(path);
    if (now == found.end()) {
      text += fmt::format("missing: {}\n", path);
    } else if (now->second != facts) {
      text += fmt::format("{}: {}\n   instead of {}\n", path, now->second, facts);
    }
  }
  for (const auto& [path, facts] : found) {
    if (!expected.contains(path)) text += fmt::format("too many: {} ({})\n", path, facts);
  }
  return text;
}

}  // namespace holdfast::test
