// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/scratch.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "engine/mariadb/client.h"
#include "engine/server_user.h"

namespace holdfast::engine::mariadb {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto install_limit = 120s;
constexpr auto start_limit = 60s;
constexpr std::size_t last_lines = 12;  // of a log, for a message

std::optional<fs::path> find_program(std::initializer_list<std::string_view> names) {
  std::string path = std::getenv("PATH") == nullptr ? "" : std::getenv("PATH");
  path += ":/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin";
  for (const std::string_view name : names) {
    std::size_t from = 0;
    while (from <= path.size()) {
      const std::size_t to = std::min(path.find(':', from), path.size());
      const fs::path candidate = fs::path(path.substr(from, to - from)) / name;
      if (candidate.is_absolute() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
      from = to + 1;
    }
  }
  return std::nullopt;
}

bool is_mysql_version(const std::string& version) {
  return !version.empty() && version.find("MariaDB") == std::string::npos;
}

// "10.11.19-MariaDB-0+deb12u1" of "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for …".
std::string version_of(const fs::path& server) {
  Command command;
  command.argv = {server.native(), "--no-defaults", "--version"};
  command.directory = "/";
  command.timeout = start_limit;
  const ProcessResult result = run_process(command);
  const std::size_t at = result.output.find("Ver ");
  if (result.exit_code != 0 || at == std::string::npos)
    throw Error(Errc::unsupported, server.native() + " does not say its version");
  const std::size_t from = at + 4;
  return result.output.substr(from, result.output.find(' ', from) - from);
}

// An older server may not know what the copy holds.
void check_version(const fs::path& server, const std::string& wanted) {
  if (wanted.empty()) return;
  const std::string version = version_of(server);
  const bool same_kind = is_mysql_version(version) == is_mysql_version(wanted);
  if (same_kind && parse_version(version) / 100 >= parse_version(wanted) / 100) return;
  throw Error(Errc::unsupported, fmt::format("{} is of version {}, the copy was made of {}",
                                             server.native(), version, wanted))
      .set_hint("Install a server that is not older, or drill where there is one.");
}

// The processes that have their data there: the server, and what makes its first tables.
std::vector<pid_t> processes_of(const fs::path& data) {
  const std::string wanted = "--datadir=" + data.native();
  std::vector<pid_t> found;
  std::error_code failure;
  for (const auto& process : fs::directory_iterator("/proc", failure)) {
    const std::string number = process.path().filename().native();
    if (number.find_first_not_of("0123456789") != std::string::npos) continue;
    // Arguments end with NULs there.
    for (const std::string& line : lines_of(process.path() / "cmdline")) {
      const std::size_t at = line.find(wanted);
      const bool is_whole = at != std::string::npos && at > 0 && line[at - 1] == '\0' &&
                            (at + wanted.size() == line.size() || line[at + wanted.size()] == '\0');
      if (is_whole) found.push_back(static_cast<pid_t>(std::atoi(number.c_str())));
    }
  }
  return found;
}

void end_processes_of(const fs::path& data) {
  for (int attempt = 0; attempt < 500; ++attempt) {
    const std::vector<pid_t> left = processes_of(data);
    if (left.empty()) return;
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(10ms);
  }
}

void remove_all_of(const fs::path& directory) {
  end_processes_of(directory / "data");
  remove_server_places(directory);
  remove_tree(directory / "tmp");
  remove_tree(directory / "nothing");
}

// What a server has in its directory; gone with the object, however far it got.
class Home {
 public:
  explicit Home(const fs::path& directory) : directory_(fs::canonical(directory)) {}
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  ~Home() {
    if (server_ > 0) {
      ::kill(server_, SIGKILL);  // nothing in it is worth an orderly end
      while (::waitpid(server_, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    try {
      remove_all_of(directory_);
    } catch (const Error& error) {  // a destructor
      log(LogLevel::warn, "a scratch server could not be removed",
          {{"path", directory_.native()}, {"reason", error.message()}});
    }
  }
  [[nodiscard]] std::string under(std::string_view name) const {
    return (directory_ / name).native();
  }
  [[nodiscard]] const fs::path& directory() const noexcept { return directory_; }
  // A child of ours to be ended and reaped.
  void owns(pid_t server) noexcept { server_ = server; }

 private:
  fs::path directory_;
  pid_t server_ = -1;
};

class ScratchServer final : public Scratch {
 public:
  ScratchServer(const Probe& probe, const fs::path& directory, const std::vector<std::string>& more)
      : home_(directory) {
    const bool is_mysql = is_mysql_version(probe.version);
    const auto server = is_mysql ? find_program({"mysqld"}) : find_program({"mariadbd", "mysqld"});
    if (!server)
      throw Error(Errc::unsupported,
                  fmt::format("{} is not installed here", is_mysql ? "mysqld" : "mariadbd"));
    check_version(*server, probe.version);
    if (const Json* mode = probe.facts.find("lower_case_table_names")) case_mode_ = mode->as_uint();
    make_places();
    initialise(*server, is_mysql);
    start(*server, is_mysql, more);
    wait_until_ready();
  }
  [[nodiscard]] const model::Endpoint& endpoint() const override { return endpoint_; }

 private:
  void make_places() {
    for (const char* name : {"data", "tmp", "nothing"}) {
      if (::mkdir(home_.under(name).c_str(), 0700) != 0)
        throw system_error(errno, "making " + home_.under(name));
    }
    socket_ = make_socket_place(home_.directory());
    // From where the server may read files, and where it has libraries: nothing is there, and it
    // may not put anything there.
    if (::chmod(home_.under("nothing").c_str(), 0555) != 0)
      throw system_error(errno, "closing " + home_.under("nothing"));
    as_user_ = as_server_user(home_.directory(), {home_.under("data"), home_.under("tmp"), socket_},
                              "MariaDB and MySQL", "mysql");
  }

  void initialise(const fs::path& server, bool is_mysql) {
    Command command;
    command.argv = as_user_;
    const auto add = [&](std::initializer_list<std::string> words) {
      command.argv.insert(command.argv.end(), words);
    };
    if (is_mysql) {
      add({server.native(), "--no-defaults", "--initialize-insecure",
           "--datadir=" + home_.under("data"),
           fmt::format("--lower-case-table-names={}", case_mode_)});
    } else {
      const auto installer = find_program({"mariadb-install-db", "mysql_install_db"});
      if (!installer) throw Error(Errc::unsupported, "mariadb-install-db is not installed here");
      add({installer->native(), "--no-defaults", "--datadir=" + home_.under("data"),
           "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
           "--innodb-flush-method=nosync", "--innodb-log-file-size=16M"});
    }
    command.directory = "/";
    command.timeout = install_limit;
    command.environment = {{"TMPDIR", home_.under("tmp")}};
    const ProcessResult result = run_process(command);
    if (result.exit_code != 0)
      throw Error(Errc::failed_child,
                  fmt::format("{} failed: {}", is_mysql ? "mysqld" : "mariadb-install-db",
                              result.errors.empty() ? result.output : result.errors));
  }

  void start(const fs::path& server, bool is_mysql, const std::vector<std::string>& more) {
    Command command;
    // Ends with us, however we end.
    command.argv = as_user_;
    command.argv.insert(command.argv.end() - 1, {"--pdeathsig", "KILL"});
    const std::string nothing = home_.under("nothing");
    for (std::string argument : {server.native(),
                                 std::string("--no-defaults"),
                                 "--datadir=" + home_.under("data"),
                                 "--socket=" + (socket_ / "s").native(),
                                 "--pid-file=" + home_.under("tmp/pid"),
                                 "--log-error=" + home_.under("tmp/log"),
                                 "--tmpdir=" + home_.under("tmp"),
                                 "--secure-file-priv=" + nothing,
                                 "--plugin-dir=" + nothing,
                                 std::string("--skip-symbolic-links"),
                                 std::string("--skip-networking"),
                                 std::string("--skip-slave-start"),
                                 std::string("--skip-log-bin"),
                                 std::string("--local-infile=1"),
                                 std::string("--skip-name-resolve"),
                                 std::string("--event-scheduler=OFF"),
                                 std::string("--max-allowed-packet=1G"),
                                 std::string("--innodb-buffer-pool-size=128M"),
                                 std::string("--innodb-flush-log-at-trx-commit=0"),
                                 std::string("--performance-schema=OFF"),
                                 std::string("--innodb-doublewrite=0")})
      command.argv.push_back(std::move(argument));
    if (case_mode_ == 1) command.argv.emplace_back("--lower-case-table-names=1");
    if (is_mysql) {
      command.argv.emplace_back("--mysqlx=OFF");
    } else {
      command.argv.emplace_back("--innodb-flush-method=nosync");
      command.argv.emplace_back("--aria-log-dir-path=" + home_.under("data"));
    }
    command.argv.insert(command.argv.end(), more.begin(), more.end());
    command.directory = "/";
    pid_ = spawn_detached(command, {});
    home_.owns(pid_);
    endpoint_.component = "scratch";
    endpoint_.engine = "mariadb";
    endpoint_.uri = "mysql:///scratch?socket=" + (socket_ / "s").native();
    endpoint_.user = "root";
    endpoint_.options = {{"grants", "restore"}};
  }

  void wait_until_ready() {
    const auto deadline = std::chrono::steady_clock::now() + start_limit;
    const Location location = location_of(endpoint_);
    while (true) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        home_.owns(-1);
        throw Error(Errc::failed_child, "a scratch server did not start: " + last_words());
      }
      try {
        Connection connection(location, nullptr, false);
        return;
      } catch (const Error& error) {
        if (error.code() != Errc::unavailable || std::chrono::steady_clock::now() > deadline) throw;
      }
      std::this_thread::sleep_for(20ms);
    }
  }

  [[nodiscard]] std::string last_words() const {
    const std::vector<std::string> log = lines_of(home_.under("tmp/log"));
    if (log.empty()) return "it left no log";
    const std::size_t from = log.size() > last_lines ? log.size() - last_lines : 0;
    return fmt::format(
        "{}", fmt::join(log.begin() + static_cast<std::ptrdiff_t>(from), log.end(), " / "));
  }

  Home home_;
  fs::path socket_;                   // its directory
  std::vector<std::string> as_user_;  // argv in front of the server's
  std::uint64_t case_mode_ = 0;       // lower_case_table_names
  pid_t pid_ = -1;
  model::Endpoint endpoint_;
};

}  // namespace

std::unique_ptr<Scratch> start_scratch(const Probe& probe, const fs::path& directory,
                                       const std::vector<std::string>& more) {
  return std::make_unique<ScratchServer>(probe, directory, more);
}

void remove_scratch(const fs::path& directory) {
  std::error_code failure;
  const fs::path real = fs::canonical(directory, failure);
  if (!failure) remove_all_of(real);
}

}  // namespace holdfast::engine::mariadb
