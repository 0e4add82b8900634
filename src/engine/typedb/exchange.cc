// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/exchange.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <sstream>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "engine/typedb/checkpoint.h"
#include "engine/typedb/directory.h"
#include "engine/typedb/installation.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "holdfast-";
constexpr std::string_view directory_hint =
    "Set the option `exchange_directory` to a directory that the server and Holdfast see under the "
    "same path, and both may write to.";
constexpr std::string_view listening = "0A";
constexpr time_t young_seconds = 60;  // who has just made it may not have locked it yet
constexpr std::uint64_t margin_bytes = 64U << 20U;  // for the schema, and what others write

[[noreturn]] void refuse(Errc code, std::string message) {
  throw Error(code, std::move(message)).set_hint(std::string(directory_hint));
}

// Whether a user gets to a directory, as one of no group of its owner's.
bool may_pass(const fs::path& directory, uid_t user) {
  for (fs::path at = directory;; at = at.parent_path()) {
    struct stat status {};
    if (::stat(at.c_str(), &status) != 0) return false;
    const mode_t needed = status.st_uid == user ? S_IXUSR : S_IXOTH;
    if ((status.st_mode & needed) == 0) return false;
    if (!at.has_relative_path()) return true;
  }
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream words(line);
  std::vector<std::string> all;
  for (std::string word; words >> word;) all.push_back(word);
  return all;
}

// Removes what has our name and nobody's lock.
void sweep(const fs::path& directory) {
  std::error_code failure;
  for (fs::directory_iterator at(directory, failure); !failure && at != fs::directory_iterator();
       at.increment(failure)) {
    if (!is_exchange_directory(at->path())) continue;
    try {
      const std::optional<Fd> found =
          try_open_file(at->path(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      struct stat status {};
      if (!found || ::fstat(found->get(), &status) != 0) continue;
      if (status.st_mtime > std::time(nullptr) - young_seconds) continue;
      if (::flock(found->get(), LOCK_EX | LOCK_NB) != 0) continue;
      erase_tree(at->path());
    } catch (const Error& error) {
      log(LogLevel::debug, "a directory was left as it is", {{"why", error.what()}});
    }
  }
}

}  // namespace

bool is_exchange_directory(const fs::path& path) {
  const std::string name = path.filename().native();
  constexpr std::string_view exports = "export-", imports = "import-";
  if (!name.starts_with(prefix)) return false;
  const std::string_view rest = std::string_view(name).substr(prefix.size());
  return rest.starts_with(exports) || rest.starts_with(imports);
}

bool is_this_host(const std::string& host) {
  addrinfo* found = nullptr;
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, &::freeaddrinfo);
  for (const addrinfo* one = all.get(); one != nullptr; one = one->ai_next) {
    // Only addresses of our own can be taken.
    const Fd socket(::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol));
    if (socket && ::bind(socket.get(), one->ai_addr, one->ai_addrlen) == 0) return true;
  }
  return false;
}

std::optional<uid_t> listening_user(std::uint16_t port, const fs::path& proc) {
  const std::string wanted = fmt::format(":{:04X}", port);
  for (const char* name : {"net/tcp", "net/tcp6"}) {
    const std::optional<Fd> file = try_open_file(proc / name, O_RDONLY);
    if (!file) continue;
    FdSource source(file->get(), name);
    const Bytes table = read_all(source, 64U << 20U);
    std::istringstream lines{std::string(as_text(table))};
    for (std::string line; std::getline(lines, line);) {
      const std::vector<std::string> words = words_of(line);
      if (words.size() < 8 || !words[1].ends_with(wanted) || words[3] != listening) continue;
      uid_t user = 0;
      const std::string& text = words[7];
      if (std::from_chars(text.data(), text.data() + text.size(), user).ec == std::errc{})
        return user;
    }
  }
  return std::nullopt;
}

Exchange find_exchange(const ServerLocation& server, const fs::path& scratch_directory) {
  const bool is_here = is_this_host(server.host);
  const std::optional<uid_t> user = is_here ? listening_user(server.port) : std::nullopt;
  const bool is_root = ::geteuid() == 0;
  const bool is_other = user && *user != ::geteuid() && *user != 0;
  Exchange found;
  if (is_other && is_root) found.owner = user;
  found.is_for_anybody = !user || (is_other && !is_root);
  if (!server.exchange_directory.empty()) {
    found.has_pipes = false;
    found.directory = server.exchange_directory;
    std::error_code unknown;
    if (!fs::is_directory(found.directory, unknown))
      refuse(Errc::not_found, fmt::format("there is no directory {}", found.directory.native()));
    if (::access(found.directory.c_str(), W_OK | X_OK) != 0)
      refuse(Errc::denied, fmt::format("{} may not be written to", found.directory.native()));
    return found;
  }
  if (!is_here)
    refuse(Errc::unsupported, fmt::format("TypeDB at {} writes its exports on its own host, where "
                                          "Holdfast does not see them",
                                          server.address()));
  if (!user)
    refuse(Errc::unsupported, fmt::format("nobody listens on port {} of this host itself: TypeDB "
                                          "may be in a container, with files of its own",
                                          server.port));
  found.directory = scratch_directory;
  if (!is_other) return found;
  if (!is_root)
    refuse(Errc::denied, fmt::format("TypeDB at {} runs as user {}, who may not write where "
                                     "Holdfast may",
                                     server.address(), *user));
  if (may_pass(found.directory, *user)) return found;
  const char* const told = std::getenv("TMPDIR");
  const fs::path common = told != nullptr && *told != '\0' ? told : "/var/tmp";
  if (!may_pass(common, *user))
    refuse(Errc::denied,
           fmt::format("TypeDB at {} runs as user {}, who gets neither to {} nor {}",
                       server.address(), *user, scratch_directory.native(), common.native()));
  found.directory.clear();
  return found;
}

ExchangeDirectory::ExchangeDirectory(const Exchange& exchange, std::string_view purpose)
    : exchange_(exchange),
      directory_(fmt::format("{}{}", prefix, purpose), exchange.directory),
      lock_(open_file(directory_.path(), O_RDONLY | O_DIRECTORY)) {
  static_cast<void>(::flock(lock_.get(), LOCK_EX | LOCK_NB));
  if (!exchange.directory.empty()) sweep(exchange.directory);
  const bool is_ours = !exchange.owner && !exchange.is_for_anybody;
  if (::chmod(path().c_str(), is_ours ? 0700 : 0711) != 0)
    throw system_error(errno, path().native());
}

std::string ExchangeDirectory::file_to_write(std::string_view name) const {
  const fs::path file = path() / name;
  const Fd made = open_file(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  int failed = 0;
  if (exchange_.owner) failed = ::fchown(made.get(), *exchange_.owner, static_cast<gid_t>(-1));
  if (exchange_.is_for_anybody) failed = ::fchmod(made.get(), 0622);
  if (failed != 0) throw system_error(errno, file.native());
  return file.native();
}

void ExchangeDirectory::let_read(const fs::path& file) const {
  int failed = 0;
  if (exchange_.owner) failed = ::chown(file.c_str(), *exchange_.owner, static_cast<gid_t>(-1));
  if (exchange_.is_for_anybody) failed = ::chmod(file.c_str(), 0644);
  if (failed != 0) throw system_error(errno, file.native());
}

void check_room(const fs::path& directory, std::uint64_t needed_bytes) {
  std::error_code failure;
  const fs::space_info space = fs::space(directory, failure);
  if (failure) throw system_error(failure.value(), directory.native());
  if (space.available >= needed_bytes && space.available - needed_bytes >= margin_bytes) return;
  throw Error(Errc::no_space,
              fmt::format("{} has {} bytes free, and {} are needed there", directory.native(),
                          space.available, needed_bytes + margin_bytes))
      .set_hint("Make room, or set the option `exchange_directory` to another file system.");
}

std::optional<std::uint64_t> export_bytes_estimate(const ServerLocation& server) {
  if (!is_this_host(server.host)) return std::nullopt;
  std::optional<std::uint64_t> found;
  for (const Installation& one : running_servers()) {
    if (one.data_directory.empty()) continue;
    const fs::path database = one.data_directory / server.database;
    if (!is_database(database)) continue;
    if (found) return std::nullopt;  // nobody knows which of them it is
    found = 2 * size_below(database);
  }
  return found;
}

}  // namespace holdfast::engine::typedb
