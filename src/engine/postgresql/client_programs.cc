// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/client_programs.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view debian_directory = "/usr/lib/postgresql";

bool may_run(const fs::path& program) {
  return ::access(program.c_str(), X_OK) == 0;
}

// The major version that "pg_dump (PostgreSQL) 15.18 (Debian …)" names; 0 if it names none.
int major_of(const fs::path& directory) {
  if (!may_run(directory / "pg_dump")) return 0;
  const ProcessResult result = run_process({.argv = {(directory / "pg_dump").native(), "--version"},
                                            .environment = {{"LC_ALL", "C"}},
                                            .timeout = std::chrono::seconds(10)});
  const std::string_view output = result.output;
  const auto mark = output.find("(PostgreSQL) ");
  if (result.exit_code != 0 || mark == std::string_view::npos) return 0;
  const std::string_view number = output.substr(mark + 13);
  int major = 0;
  std::from_chars(number.data(), number.data() + number.size(), major);
  return major;
}

}  // namespace

std::vector<fs::path> path_directories() {
  std::vector<fs::path> directories;
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const auto colon = std::min(rest.find(':'), rest.size());
    if (rest.starts_with('/')) directories.emplace_back(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return directories;
}

std::vector<Programs> installed_programs() {
  std::vector<Programs> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(debian_directory, ignored)) {
    const fs::path directory = entry.path() / "bin";
    if (const int major = major_of(directory); major > 0) found.push_back({directory, major});
  }
  // Of what lies in PATH only what is no wrapper around those, and each directory once.
  std::set<fs::path> seen;
  for (const fs::path& directory : path_directories()) {
    const fs::path real = fs::weakly_canonical(directory, ignored);
    if (!seen.insert(real.empty() ? directory : real).second) continue;
    const int major = major_of(directory);
    const bool known = std::any_of(found.begin(), found.end(),
                                   [&](const Programs& one) { return one.major == major; });
    if (major > 0 && !known) found.push_back({directory, major});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Programs& a, const Programs& b) { return a.major < b.major; });
  return found;
}

Programs programs_for(const Location& location, int server_major) {
  const std::string hint = fmt::format(
      "Install the package postgresql-client-{} or a newer one, or set `bin_dir`.", server_major);
  if (!location.bin_dir.empty()) {
    const int major = major_of(location.bin_dir);
    if (major == 0) {
      throw Error(Errc::unsupported, fmt::format("{}: there is no pg_dump in {}",
                                                 location.component, location.bin_dir.native()))
          .set_hint(hint);
    }
    if (major < server_major) {
      throw Error(Errc::unsupported,
                  fmt::format("{}: pg_dump in {} is of version {}, the server of version {}",
                              location.component, location.bin_dir.native(), major, server_major))
          .set_hint(hint);
    }
    return {location.bin_dir, major};
  }
  // Mostly they are there, and no other need be asked.
  const fs::path own = fs::path(debian_directory) / std::to_string(server_major) / "bin";
  if (major_of(own) == server_major) return {own, server_major};
  int newest = 0;
  for (const Programs& programs : installed_programs()) {
    if (programs.major >= server_major) return programs;
    newest = programs.major;
  }
  throw Error(Errc::unsupported,
              newest == 0 ? fmt::format("{}: PostgreSQL's client programs are not installed",
                                        location.component)
                          : fmt::format("{}: pg_dump is of version {}, the server of version {}",
                                        location.component, newest, server_major))
      .set_hint(hint);
}

Login::Login(const Location& location) : location_(location) {
  std::string_view password;
  if (location.password) {
    password = location.password->reveal();
  } else if (const char* const variable = std::getenv("PGPASSWORD")) {
    password = variable;
  }
  if (password.empty()) return;
  passfile_.reset(::memfd_create("holdfast-login", MFD_CLOEXEC));
  // libpq reads no file that others may read.
  if (!passfile_ || ::fchmod(passfile_.get(), 0600) != 0)
    throw system_error(errno, "making a file for a password");
  std::string line = "*:*:*:*:" + quote_passfile(password) + "\n";
  write_all(passfile_.get(), as_bytes(line), "the file for a password");
  wipe(line);
}

Command Login::command(const Programs& programs, std::string_view program,
                       std::vector<std::string> arguments) const {
  Command command;
  command.argv.push_back((programs.directory / program).native());
  command.argv.insert(command.argv.end(), std::make_move_iterator(arguments.begin()),
                      std::make_move_iterator(arguments.end()));
  command.argv.emplace_back("--no-password");
  command.argv.push_back("--dbname=" + location_.conninfo());
  command.environment = {{"LC_ALL", "C"},
                         {"PGAPPNAME", "holdfast"},
                         {"PGOPTIONS",
                          "-c statement_timeout=0 -c lock_timeout=0"
                          " -c idle_in_transaction_session_timeout=0"}};
  if (passfile_) {
    command.environment.emplace_back("PGPASSFILE",
                                     fmt::format("/proc/self/fd/{}", passfile_.get()));
    command.keep_open = {passfile_.get()};
  }
  return command;
}

void run_into(const Command& command, ByteSink& into, const std::stop_token& stop) {
  ChildSource child(command, stop);
  Bytes buffer(1U << 18U);
  while (const std::size_t count = child.read(buffer)) into.write(ByteView(buffer).first(count));
  const int exit_code = child.wait();
  std::string errors = child.errors();
  while (!errors.empty() && errors.back() == '\n') errors.pop_back();
  std::replace(errors.begin(), errors.end(), '\n', ' ');
  if (exit_code == 0) {
    if (!errors.empty()) log(LogLevel::warn, errors);
    return;
  }
  throw Error(Errc::failed_child,
              fmt::format("{} failed with exit code {}: {}",
                          fs::path(command.argv.front()).filename().native(), exit_code, errors));
}

}  // namespace holdfast::engine::postgresql
