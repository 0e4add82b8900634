// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/location.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"

namespace holdfast::engine::sqlite {
namespace {

constexpr std::string_view scheme = "sqlite:";

std::filesystem::path with_suffix(const std::filesystem::path& path, std::string_view suffix) {
  return path.native() + std::string(suffix);
}

std::uint64_t size_or_zero(const std::filesystem::path& path) {
  const std::optional<FileFacts> facts = file_facts(path);
  return facts && facts->regular ? facts->size_bytes : 0;
}

void remove_if_there(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    throw system_error(errno, fmt::format("removing {}", path.native()));
  }
}

// What chown(2) takes for "leave it".
constexpr std::uint32_t unchanged = UINT32_MAX;

std::uint32_t id_or(const Json& facts, std::string_view key, std::uint32_t otherwise) {
  const Json* const value = facts.find(key);
  if (value == nullptr || value->is_null()) return otherwise;
  const std::uint64_t number = value->as_uint();
  if (number >= unchanged)
    throw Error(Errc::corrupt, fmt::format("`{}` is no id: {}", key, number));
  return static_cast<std::uint32_t>(number);
}

}  // namespace

std::filesystem::path path_of(const model::Endpoint& endpoint) {
  const auto refuse = [&](std::string_view why) {
    Error error(
        Errc::usage,
        fmt::format("{}: {}", endpoint.component.empty() ? "database" : endpoint.component, why));
    error.set_hint("An SQLite database is named `sqlite:/absolute/path/to/file`.");
    throw Error(error);
  };
  if (!endpoint.options.empty()) {
    refuse(fmt::format("the sqlite engine has no option `{}`", endpoint.options.begin()->first));
  }
  if (!endpoint.user.empty() || (endpoint.password && !endpoint.password->empty())) {
    refuse("SQLite has neither users nor passwords");
  }
  std::string_view path = endpoint.uri;
  if (path.starts_with(scheme)) {
    path.remove_prefix(scheme.size());
    if (path.starts_with("///")) path.remove_prefix(2);  // an empty authority, as in file:///
  }
  if (!path.starts_with('/')) refuse(fmt::format("`{}` is no absolute path", endpoint.uri));
  if (path.find('\0') != std::string_view::npos) refuse("the path holds a zero byte");
  if (path.ends_with('/')) refuse(fmt::format("`{}` names a directory", endpoint.uri));
  std::error_code ignored;
  std::filesystem::path resolved = std::filesystem::weakly_canonical(path, ignored);
  return ignored ? std::filesystem::path(path) : resolved;
}

std::filesystem::path wal_of(const std::filesystem::path& database) {
  return with_suffix(database, "-wal");
}
std::filesystem::path shm_of(const std::filesystem::path& database) {
  return with_suffix(database, "-shm");
}
std::filesystem::path journal_of(const std::filesystem::path& database) {
  return with_suffix(database, "-journal");
}

std::optional<FileFacts> file_facts(const std::filesystem::path& path) {
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &found) != 0) {
    return std::nullopt;
  }
  const auto nanoseconds = [](const struct statx_timestamp& time) {
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
  };
  FileFacts facts;
  facts.regular = S_ISREG(found.stx_mode);
  facts.size_bytes = found.stx_size;
  facts.device = makedev(found.stx_dev_major, found.stx_dev_minor);
  facts.inode = found.stx_ino;
  facts.links = found.stx_nlink;
  facts.changed_ns = nanoseconds(found.stx_mtime);
  if ((found.stx_mask & STATX_BTIME) != 0) facts.born_ns = nanoseconds(found.stx_btime);
  facts.mode = found.stx_mode & 07777U;
  facts.uid = found.stx_uid;
  facts.gid = found.stx_gid;
  return facts;
}

bool may_read(const std::filesystem::path& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0;
}

bool may_write(const std::filesystem::path& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
}

Siblings siblings_of(const std::filesystem::path& database) {
  Siblings siblings;
  siblings.wal_bytes = size_or_zero(wal_of(database));
  siblings.shm = file_facts(shm_of(database)).has_value();
  siblings.journal_bytes = size_or_zero(journal_of(database));
  if (siblings.journal_bytes > 0) {
    // No locks are ever taken on a journal, so opening and closing it drops none.
    const std::optional<Fd> journal = try_open_file(journal_of(database), O_RDONLY | O_NONBLOCK);
    std::array<std::byte, 1> first{};
    siblings.journal_live = journal &&
                            read_some(journal->get(), first, journal_of(database).native()) == 1 &&
                            first.front() != std::byte{0};
  }
  return siblings;
}

void remove_siblings(const std::filesystem::path& database) {
  remove_if_there(wal_of(database));
  remove_if_there(shm_of(database));
  remove_if_there(journal_of(database));
}

// Source: statfs(2) and linux/magic.h.
std::optional<std::string> network_filesystem(const std::filesystem::path& path) {
  struct statfs found {};
  if (::statfs(path.c_str(), &found) != 0) return std::nullopt;
  switch (static_cast<std::uint32_t>(found.f_type)) {
    case 0x6969U:
      return "nfs";
    case 0xff534d42U:
      return "cifs";
    case 0xfe534d42U:
      return "smb2";
    case 0x517bU:
      return "smb";
    case 0x00c36400U:
      return "ceph";
    case 0x01021997U:
      return "9p";
    case 0x5346414fU:
      return "afs";
    default:
      return "";
  }
}

void add_ownership(Json& facts, const FileFacts& file) {
  facts.set("file_mode", fmt::format("{:04o}", file.mode & 0777));
  facts.set("file_uid", file.uid);
  facts.set("file_gid", file.gid);
}

void apply_ownership(int fd, const Json& facts, const std::optional<FileFacts>& otherwise) {
  std::uint32_t mode = otherwise ? otherwise->mode & 0777 : 0600;
  std::uint32_t uid = otherwise ? otherwise->uid : unchanged;
  std::uint32_t gid = otherwise ? otherwise->gid : unchanged;
  if (facts.is_object()) {
    const std::string text = facts.string_or("file_mode", "");
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    if (!text.empty() && (error != std::errc() || rest != text.data() + text.size())) {
      throw Error(Errc::corrupt, fmt::format("`file_mode` is no mode: `{}`", text));
    }
    uid = id_or(facts, "file_uid", uid);
    gid = id_or(facts, "file_gid", gid);
  }
  // Group first: after giving the file away one may no longer change it. Neither need be permitted.
  static_cast<void>(::fchown(fd, unchanged, gid) == 0);
  static_cast<void>(::fchown(fd, uid, unchanged) == 0);
  static_cast<void>(::fchmod(fd, mode & 0777) == 0);
}

std::filesystem::path beside(const std::filesystem::path& path) {
  std::array<std::byte, 6> random{};
  fill_random(random);
  return with_suffix(path, ".holdfast-" + to_hex(ByteView(random)));
}

}  // namespace holdfast::engine::sqlite
