// SPDX-License-Identifier: Apache-2.0
#include "engine/server_user.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"

namespace holdfast::engine {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view short_sockets = "/var/tmp/holdfast-socket-";  // and six letters

bool is_data(const fs::path& directory) {
  std::error_code ignored;
  for (const char* name : {"PG_VERSION", "ibdata1", "mysql"}) {
    if (fs::exists(fs::symlink_status(directory / name, ignored))) return true;
  }
  return false;
}

// Whether that is the data directory of a server as we start them, or are about to: no other has
// its socket there, and PostgreSQL's is told to be careless with its files.
bool is_private(const fs::path& data) {
  std::error_code ignored;
  if (data.filename() != "data" ||
      !fs::exists(fs::symlink_status(data.parent_path() / "socket", ignored)))
    return false;
  const std::vector<std::string> started = lines_of(data / "postmaster.opts");
  return started.empty() || started.front().find("full_page_writes=off") != std::string::npos;
}

// Clusters where packages put them, and servers that run. A server lets its owner in as a
// superuser, so that nothing foreign may run as him.
bool owns_cluster(uid_t uid) {
  const auto is_his = [&](const fs::path& path) {
    struct ::stat status {};
    return ::stat(path.c_str(), &status) == 0 && status.st_uid == uid;
  };
  std::error_code ignored;
  for (const char* base : {"/var/lib/mysql", "/var/lib/mariadb", "/usr/local/mysql/data"}) {
    if (is_his(fs::path(base) / "mysql")) return true;
  }
  for (const char* base : {"/var/lib/postgresql", "/var/lib/pgsql", "/var/lib/postgres"}) {
    if (is_his(fs::path(base) / "data" / "PG_VERSION")) return true;
    for (const auto& version : fs::directory_iterator(base, ignored)) {
      for (const auto& cluster : fs::directory_iterator(version.path(), ignored))
        if (is_his(cluster.path() / "PG_VERSION")) return true;
    }
  }
  for (const auto& process : fs::directory_iterator("/proc", ignored)) {
    const std::string number = process.path().filename().native();
    if (number.find_first_not_of("0123456789") != std::string::npos || !is_his(process.path()))
      continue;
    const std::vector<std::string> name = lines_of(process.path() / "comm");
    // Some packages start PostgreSQL by a link of its older name.
    constexpr std::string_view servers[] = {"postgres", "postmaster", "mariadbd", "mysqld"};
    if (name.empty() ||
        std::find(std::begin(servers), std::end(servers), name.front()) == std::end(servers))
      continue;
    // A scratch server, as of another drill, is none of his.
    const fs::path data = fs::read_symlink(process.path() / "cwd", ignored);
    // One that is just beginning, or ending, is in no such directory.
    if (!is_data(data)) continue;
    if (!is_private(data)) return true;
  }
  return false;
}

// Who a server runs as where we are root.
struct ServerUser {
  uid_t uid;
  gid_t gid;
  bool has_name;
};

void warn_of_clusters(uid_t uid) {
  if (!owns_cluster(uid)) return;
  const struct passwd* entry = ::getpwuid(uid);
  log(LogLevel::warn,
      "a scratch server runs as the owner of another cluster, which its copy could get at",
      {{"user", entry != nullptr ? entry->pw_name : std::to_string(uid)}});
}

ServerUser user_of(const fs::path& directory, std::string_view product, const char* package_user) {
  struct ::stat status {};
  if (::stat(directory.c_str(), &status) != 0)
    throw system_error(errno, "looking at " + directory.native());
  if (status.st_uid != 0) {
    const struct passwd* entry = ::getpwuid(status.st_uid);
    warn_of_clusters(status.st_uid);
    return {status.st_uid, entry != nullptr ? entry->pw_gid : status.st_gid, entry != nullptr};
  }
  for (const char* name : {"holdfast", package_user, "nobody"}) {
    const struct passwd* entry = ::getpwnam(name);
    if (entry == nullptr || entry->pw_uid == 0) continue;
    const ServerUser user{entry->pw_uid, entry->pw_gid, true};
    if (!owns_cluster(user.uid)) return user;
  }
  throw Error(
      Errc::unsupported,
      fmt::format("{} servers refuse to run as root, and there is no other user who owns none",
                  product))
      .set_hint("Make a system user `holdfast`, or name one as `user` in [drill].");
}

void hand_over(const fs::path& path, const ServerUser& user) {
  if (::chown(path.c_str(), user.uid, user.gid) != 0)
    throw system_error(errno, "giving " + path.native() + " to the server's user");
}

// Lets the user's group enter the directory above if it is ours, as a temporary one is, which is
// 0700. All others stay as they are.
void open_way(const fs::path& directory, const ServerUser& user) {
  for (fs::path above = directory.parent_path(); above.has_relative_path();
       above = above.parent_path()) {
    struct ::stat status {};
    if (::stat(above.c_str(), &status) != 0)
      throw system_error(errno, "looking at " + above.native());
    if ((status.st_mode & S_IXOTH) != 0) continue;
    if (status.st_uid == user.uid && (status.st_mode & S_IXUSR) != 0) continue;
    if (status.st_gid == user.gid && (status.st_mode & S_IXGRP) != 0) continue;
    const bool ours = above == directory.parent_path() &&
                      above.filename().native().starts_with("holdfast-") && status.st_uid == 0 &&
                      (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
    if (!ours) {
      throw Error(Errc::unsupported,
                  fmt::format("the user of the scratch server (uid {}) may not enter {}", user.uid,
                              above.native()))
          .set_hint("Set `scratch_dir` in [drill], or TMPDIR, to a directory that it may enter.");
    }
    if (::chown(above.c_str(), 0, user.gid) != 0 || ::chmod(above.c_str(), 0710) != 0)
      throw system_error(errno, "letting the server's user enter " + above.native());
  }
}

}  // namespace

std::vector<std::string> as_server_user(const fs::path& directory,
                                        const std::vector<fs::path>& places,
                                        std::string_view product, const char* package_user) {
  if (::geteuid() != 0) {
    warn_of_clusters(::geteuid());
    return {"setpriv", "--no-new-privs", "--"};
  }
  const ServerUser user = user_of(directory, product, package_user);
  hand_over(directory, user);
  for (const fs::path& place : places) hand_over(place, user);
  open_way(directory, user);
  return {"setpriv",
          fmt::format("--reuid={}", user.uid),
          fmt::format("--regid={}", user.gid),
          user.has_name ? "--init-groups" : "--clear-groups",
          "--no-new-privs",
          "--"};
}

fs::path make_socket_place(const fs::path& directory) {
  const fs::path socket = directory / "socket";
  constexpr std::size_t socket_name_bytes = 20;
  if (socket.native().size() + socket_name_bytes <= sizeof(sockaddr_un::sun_path)) {
    if (::mkdir(socket.c_str(), 0700) != 0) throw system_error(errno, "making " + socket.native());
    return socket;
  }
  std::string place = std::string(short_sockets) + "XXXXXX";
  if (::mkdtemp(place.data()) == nullptr) throw system_error(errno, "making " + place);
  if (::symlink(place.c_str(), socket.c_str()) != 0) {
    const int failure = errno;
    ::rmdir(place.c_str());
    throw system_error(failure, "making " + socket.native());
  }
  return place;
}

void remove_tree(const fs::path& path) {
  std::error_code failure;
  // A process of the server's that is just ending may still write: then once more.
  for (int attempt = 0; attempt < 5; ++attempt) {
    fs::remove_all(path, failure);
    if (!failure) return;
    std::this_thread::sleep_for(50ms);
  }
  throw system_error(failure.value(), "removing " + path.native());
}

// What a server has in its directory, and its socket if that is elsewhere.
void remove_server_places(const fs::path& directory) {
  remove_tree(directory / "data");
  const fs::path socket = directory / "socket";
  std::error_code failure;
  const fs::path elsewhere = fs::read_symlink(socket, failure);
  // The server could have made that link another one: only to what is a socket's place.
  const bool known = !failure && elsewhere.lexically_normal() == elsewhere &&
                     elsewhere.parent_path() == fs::path(short_sockets).parent_path() &&
                     elsewhere.native().starts_with(short_sockets);
  if (known) remove_tree(elsewhere);
  remove_tree(socket);
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::error_code failure;
  std::vector<std::string> lines;
  if (!fs::is_regular_file(file, failure)) return lines;
  std::string text;
  try {
    text = read_text_file(file, 1U << 20U);
  } catch (const Error&) {  // going away under our eyes
    return lines;
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace holdfast::engine
