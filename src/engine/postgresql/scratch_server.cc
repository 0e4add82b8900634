// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/scratch_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <optional>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "engine/postgresql/client_programs.h"
#include "engine/server_user.h"

namespace holdfast::engine::postgresql {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto start_wait = 60s;
constexpr auto stop_wait = 20s;
constexpr auto poll_pause = 5ms;

std::optional<unsigned> number_at_front(std::string_view text) {
  unsigned number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

// Where both programs of a server are, not where somebody has linked to some of them.
void add_directory(const fs::path& directory, std::vector<fs::path>& found) {
  const auto may_run = [](const fs::path& program) { return ::access(program.c_str(), X_OK) == 0; };
  std::error_code failure;
  if (!may_run(directory / "postgres") || !may_run(directory / "initdb")) return;
  fs::path real = fs::canonical(directory / "postgres", failure).parent_path();
  if (failure || !may_run(real / "initdb")) return;
  if (std::find(found.begin(), found.end(), real) == found.end()) found.push_back(std::move(real));
}

std::vector<fs::path> server_directories() {
  std::vector<fs::path> found;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", failure))
    add_directory(entry.path() / "bin", found);
  for (const auto& entry : fs::directory_iterator("/usr", failure)) {
    if (entry.path().filename().native().starts_with("pgsql-"))
      add_directory(entry.path() / "bin", found);
  }
  add_directory("/usr/local/pgsql/bin", found);
  for (const fs::path& directory : path_directories()) add_directory(directory, found);
  return found;
}

// The binaries in a directory, if they say their version.
std::optional<ServerBinaries> binaries_in(const fs::path& directory) {
  Command command;
  command.argv = {(directory / "postgres").native(), "--version"};
  command.environment = {{"LC_ALL", "C"}};
  command.timeout = 10s;
  const ProcessResult result = run_process(command);
  // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
  const std::size_t at = result.output.find_first_of("0123456789");
  if (result.exit_code != 0 || at == std::string::npos) return std::nullopt;
  const std::size_t end = result.output.find_first_of(" \n", at);
  ServerBinaries binaries;
  binaries.version = result.output.substr(at, end == std::string::npos ? end : end - at);
  binaries.major = number_at_front(binaries.version).value_or(0);
  binaries.directory = directory;
  if (binaries.major == 0) return std::nullopt;
  return binaries;
}

// The end of the server's log, for a message.
std::string last_words(const fs::path& log) {
  std::vector<std::string> lines = lines_of(log);
  if (lines.size() > 4) lines.erase(lines.begin(), lines.end() - 4);
  return fmt::format("{}", fmt::join(lines, " / "));
}

bool is_ready(const fs::path& data) {
  const std::vector<std::string> lines = lines_of(data / "postmaster.pid");
  return lines.size() >= 8 && lines[7].starts_with("ready");
}

// Whether the process is a server at work in that data directory.
bool is_server_of(pid_t pid, const fs::path& data) {
  std::error_code failure;
  const fs::path cwd = fs::read_symlink(fmt::format("/proc/{}/cwd", pid), failure);
  return !failure && cwd == data;
}

bool gone(pid_t pid) {
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

constexpr std::array<std::pair<const char*, const char*>, 19> own_settings{{
    {"listen_addresses", ""},
    {"unix_socket_permissions", "0700"},
    {"fsync", "off"},
    {"full_page_writes", "off"},
    {"synchronous_commit", "off"},
    {"wal_level", "minimal"},
    {"max_wal_senders", "0"},
    {"max_wal_size", "4GB"},
    {"checkpoint_timeout", "1h"},
    {"autovacuum", "off"},
    {"shared_buffers", "64MB"},
    {"maintenance_work_mem", "64MB"},
    {"max_connections", "64"},
    {"max_locks_per_transaction", "1024"},
    {"max_logical_replication_workers", "0"},
    {"logging_collector", "on"},
    {"log_filename", "server.log"},
    {"log_rotation_size", "0"},
    {"log_rotation_age", "0"},
}};

}  // namespace

std::string uri_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= '0' && byte <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      escaped += c;
    } else {
      escaped += fmt::format("%{:02X}", byte);
    }
  }
  return escaped;
}

bool has_server_binaries() {
  const std::vector<fs::path> directories = server_directories();
  return std::any_of(directories.begin(), directories.end(),
                     [](const fs::path& one) { return binaries_in(one).has_value(); });
}

std::vector<ServerBinaries> find_server_binaries() {
  std::vector<ServerBinaries> found;
  for (const fs::path& directory : server_directories()) {
    if (auto binaries = binaries_in(directory)) found.push_back(std::move(*binaries));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.major > b.major; });
  return found;
}

ServerBinaries choose_server_binaries(unsigned major_needed) {
  const std::vector<ServerBinaries> found = find_server_binaries();
  const ServerBinaries* chosen = nullptr;
  for (const ServerBinaries& one : found) {
    const bool nearer = chosen == nullptr || one.major < chosen->major;
    if (one.major >= major_needed && nearer) chosen = &one;
  }
  if (major_needed == 0 && !found.empty()) chosen = &found.front();
  if (chosen != nullptr) return *chosen;
  std::string seen;
  for (const ServerBinaries& one : found)
    seen += fmt::format("{}{}", seen.empty() ? "" : ", ", one.version);
  throw Error(Errc::unsupported,
              fmt::format("no PostgreSQL server of version {} or newer is installed here{}",
                          major_needed, seen.empty() ? "" : " (found: " + seen + ")"))
      .set_hint(fmt::format("Install its package, for example postgresql-{}.", major_needed));
}

PrivateServer::PrivateServer(const PrivateServerOptions& options)
    : directory_(fs::canonical(options.directory)),
      data_(directory_ / "data"),
      socket_(directory_ / "socket"),
      log_(data_ / "log" / "server.log"),
      binaries_(choose_server_binaries(options.major_needed)),
      superuser_(options.superuser) {
  try {
    socket_ = make_socket_place(directory_);
    make_cluster(options);
    start();
  } catch (const Error&) {
    remove();
    throw;
  }
}

PrivateServer::~PrivateServer() {
  remove();
}

void PrivateServer::make_cluster(const PrivateServerOptions& options) {
  if (::mkdir(data_.c_str(), 0700) != 0) throw system_error(errno, "making " + data_.native());
  as_user_ = as_server_user(directory_, {data_, socket_}, "PostgreSQL", "postgres");
  Command command;
  command.argv = as_user_;
  for (const std::string& argument :
       {(binaries_.directory / "initdb").native(), std::string("--pgdata=") + data_.native(),
        std::string("--username=") + superuser_, std::string("--auth=trust"),
        std::string("--no-locale"), std::string("--no-sync"),
        std::string("--encoding=") + options.encoding})
    command.argv.push_back(argument);
  command.environment = {{"LC_ALL", "C"}};
  command.directory = "/";
  command.timeout = 120s;
  const ProcessResult result = run_process(command);
  if (result.exit_code != 0) {
    throw Error(Errc::failed_child,
                fmt::format("initdb of PostgreSQL {} failed: {}", binaries_.version,
                            result.errors.empty() ? result.output : result.errors));
  }
  settings_ = {"-D", data_.native(), "-k", socket_.native(), "-p", std::to_string(port())};
  std::set<std::string> overridden;
  for (const auto& [name, value] : options.settings) overridden.insert(name);
  const auto add = [&](std::string_view name, std::string_view value) {
    settings_.emplace_back("-c");
    settings_.push_back(fmt::format("{}={}", name, value));
  };
  for (const auto& [name, value] : own_settings) {
    if (!overridden.contains(name)) add(name, value);
  }
  for (const auto& [name, value] : options.settings) add(name, value);
}

void PrivateServer::start() {
  check_rule(pid_ < 0, "a private server is started once");
  Command command;
  command.argv = as_user_;
  command.argv.push_back((binaries_.directory / "postgres").native());
  command.argv.insert(command.argv.end(), settings_.begin(), settings_.end());
  command.environment = {{"LC_ALL", "C"}};
  command.directory = "/";
  pid_ = spawn_detached(command, {});
  const auto deadline = SteadyClock::now() + start_wait;
  while (!is_ready(data_)) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      throw Error(Errc::failed_child,
                  fmt::format("the scratch server of PostgreSQL {} ended at once: {}",
                              binaries_.version, last_words(log_)));
    }
    if (SteadyClock::now() > deadline) {
      throw Error(Errc::failed_child,
                  fmt::format("the scratch server of PostgreSQL {} did not get ready: {}",
                              binaries_.version, last_words(log_)));
    }
    std::this_thread::sleep_for(poll_pause);
  }
}

void PrivateServer::kill() {
  if (pid_ < 0) return;
  // What it holds is thrown away, so it need not be written: SIGQUIT.
  ::kill(pid_, SIGQUIT);
  const auto deadline = SteadyClock::now() + stop_wait;
  while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (SteadyClock::now() > deadline) {
      ::kill(pid_, SIGKILL);
      static_cast<void>(::waitpid(pid_, nullptr, 0));
      break;
    }
    std::this_thread::sleep_for(poll_pause);
  }
  pid_ = -1;
}

void PrivateServer::remove() noexcept {
  try {
    kill();
    remove_server_places(directory_);
  } catch (const std::exception& error) {
    log(LogLevel::warn, "a scratch server could not be removed",
        {{"path", directory_.native()}, {"reason", error.what()}});
  }
}

std::string PrivateServer::uri(std::string_view database) const {
  return fmt::format("postgresql:///{}?host={}&port={}", uri_escaped(database),
                     uri_escaped(socket_.native()), port());
}

void remove_private_server(const fs::path& directory) {
  std::error_code failure;
  const fs::path real = fs::canonical(directory, failure);
  if (failure) return;
  const fs::path data = real / "data";
  const std::vector<std::string> lines = lines_of(data / "postmaster.pid");
  // While initdb works in it, the number bears a minus.
  const bool is_made = !lines.empty() && lines[0].starts_with('-');
  const auto pid = lines.empty()
                       ? std::nullopt
                       : number_at_front(std::string_view(lines[0]).substr(is_made ? 1 : 0));
  if (pid && *pid > 1 && is_server_of(static_cast<pid_t>(*pid), data)) {
    const auto server = static_cast<pid_t>(*pid);
    ::kill(server, SIGQUIT);
    const auto deadline = SteadyClock::now() + stop_wait;
    while (!gone(server) && is_server_of(server, data) && SteadyClock::now() < deadline)
      std::this_thread::sleep_for(poll_pause);
    if (is_server_of(server, data)) ::kill(server, SIGKILL);
  }
  remove_server_places(real);
}

}  // namespace holdfast::engine::postgresql
