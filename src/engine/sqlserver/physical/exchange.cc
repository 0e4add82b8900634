// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/physical/exchange.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"

namespace holdfast::engine::sqlserver {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "holdfast_";
constexpr std::size_t digits = 16;
constexpr std::size_t buffer_bytes = std::size_t{1} << 20U;

fs::path path_of(const Location& location, std::string_view name) {
  check_rule(is_exchange_file(name), "only files of ours are touched in a shared directory");
  return location.exchange_directory / name;
}

}  // namespace

std::string new_exchange_file(std::string_view ending) {
  std::array<std::byte, digits / 2> random{};
  fill_random(random);
  return fmt::format("{}{}{}", prefix, to_hex(ByteView(random)), ending);
}

bool is_exchange_file(std::string_view name) noexcept {
  if (!name.starts_with(prefix) || name.size() < prefix.size() + digits) return false;
  const std::string_view random = name.substr(prefix.size(), digits);
  const std::string_view ending = name.substr(prefix.size() + digits);
  return random.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
         ending.find('/') == std::string_view::npos;
}

void need_exchange(const Location& location, std::string_view purpose) {
  if (!location.backup_directory.empty() && !location.exchange_directory.empty()) return;
  throw Error(Errc::usage, fmt::format("{}: {} needs a directory that the server and this machine "
                                       "both see",
                                       location.display(), purpose))
      .set_hint(
          "Set `backup_directory` as the server names it, and `exchange_directory` as it is "
          "named here.");
}

void fetch_exchange_file(const Location& location, const std::string& name, ByteSink& into,
                         const std::stop_token& stop) {
  const fs::path path = path_of(location, name);
  Fd fd;
  try {
    fd = open_file(path, O_RDONLY | O_NOFOLLOW);
  } catch (Error& error) {
    if (error.code() == Errc::not_found)
      error.set_hint(
          "The server has written it; `backup_directory` and `exchange_directory` are "
          "not the same directory.");
    if (error.code() == Errc::denied)
      error.set_hint(
          "Give this user the right to read what the server's account writes there: a "
          "common group and a directory with the set-group-ID bit, or a default ACL.");
    throw;
  }
  const auto buffer = std::make_unique<std::byte[]>(buffer_bytes);
  const std::span<std::byte> room(buffer.get(), buffer_bytes);
  while (const std::size_t count = read_some(fd.get(), room, path.native())) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while fetching a backup");
    into.write(room.first(count));
  }
}

void put_exchange_file(const Location& location, const std::string& name, ByteSource& content,
                       const std::stop_token& stop) {
  const fs::path path = path_of(location, name);
  Fd fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  struct stat directory {};
  if (::stat(path.parent_path().c_str(), &directory) != 0)
    throw system_error(errno, path.parent_path().native());
  const bool is_of_group =
      ::fchown(fd.get(), std::numeric_limits<uid_t>::max(), directory.st_gid) == 0;
  if (::fchmod(fd.get(), is_of_group ? 0640 : 0644) != 0) throw system_error(errno, path.native());
  const auto buffer = std::make_unique<std::byte[]>(buffer_bytes);
  const std::span<std::byte> room(buffer.get(), buffer_bytes);
  while (const std::size_t count = content.read(room)) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while sending a backup");
    write_all(fd.get(), room.first(count), path.native());
  }
  fd.close(path.native());
}

void remove_exchange_file(const Location& location, const std::string& name) {
  const fs::path path = path_of(location, name);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return;
  throw system_error(errno, "removing " + path.native())
      .set_hint("Give this user the right to write in that directory, and remove the file.");
}

void remove_exchange_files(const Location& location, std::span<const std::string> names) {
  std::optional<Error> failure;
  for (const std::string& name : names) {
    try {
      remove_exchange_file(location, name);
    } catch (const Error& error) {
      if (!failure) failure = error;
    }
  }
  if (failure) throw Error(*failure);
}

std::uint64_t exchange_free_bytes(const Location& location) {
  struct statvfs room {};
  if (::statvfs(location.exchange_directory.c_str(), &room) != 0)
    throw system_error(errno, location.exchange_directory.native());
  return std::uint64_t{room.f_bavail} * room.f_frsize;
}

}  // namespace holdfast::engine::sqlserver
