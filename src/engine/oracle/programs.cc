// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/programs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t log_bytes_max = std::size_t{64} << 20U;

bool is_program(const fs::path& path) {
  std::error_code unknown;
  return ::access(path.c_str(), X_OK) == 0 && fs::is_regular_file(path, unknown);
}

bool is_in_path(std::string_view name) {
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? std::string_view() : path;
  while (!rest.empty()) {
    const std::size_t end = rest.find(':');
    const std::string_view directory = rest.substr(0, end);
    if (!directory.empty() && is_program(fs::path(directory) / name)) return true;
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return false;
}

// As a parameter file takes it. Source: Oracle Database Utilities, PARFILE. A `#` begins a comment
// there but in quotes: names with one are refused where they are read.
std::string parameter_file(const Access& access, const ToolJob& job, bool with_password) {
  const Location& location = access.location;
  std::string text =
      access.password == nullptr ? fmt::format("USERID=/@{}\n", location.alias)
      : with_password ? fmt::format("USERID={}/\"{}\"\n", location.user, access.password->reveal())
                      : fmt::format("USERID={}\n", location.user);
  for (const auto& [name, value] : job.parameters) text += fmt::format("{}={}\n", name, value);
  return text;
}

}  // namespace

Access access_to(const model::Endpoint& endpoint) {
  Access access{location_of(endpoint), endpoint.password};
  if (access.password != nullptr) {
    const std::string_view text = access.password->reveal();
    // Oracle takes none of these in a password; in ours they would end the line or the quotes.
    if (text.empty() || text.find_first_of("\"\r\n") != std::string_view::npos ||
        text.find('\0') != std::string_view::npos)
      throw Error(
          Errc::usage,
          fmt::format("{}: the password is empty, or has a quote or the end of a line in it",
                      endpoint.component));
  } else if (access.location.alias.empty()) {
    throw Error(Errc::usage, fmt::format("{}: no password, and a wallet takes an alias as uri",
                                         endpoint.component))
        .set_hint("Set password_file or password_command, or name the alias: oracle:ALIAS.");
  }
  return access;
}

std::optional<std::string> find_program(const Location& location, std::string_view name) {
  if (location.home.empty())
    return is_in_path(name) ? std::optional<std::string>(name) : std::nullopt;
  for (const fs::path& directory : {location.home / "bin", location.home})
    if (const fs::path path = directory / name; is_program(path)) return path.native();
  return std::nullopt;
}

std::string nls_lang(std::string_view character_set) {
  return fmt::format("AMERICAN_AMERICA.{}", character_set);
}

std::vector<std::string> client_command(std::vector<std::string> words) {
  // Messages in one stream with the progress: no message may be lost.
  std::vector<std::string> argv{
      "/bin/sh", "-c",
      "unset NLS_LANGUAGE NLS_TERRITORY NLS_DATE_FORMAT NLS_DATE_LANGUAGE NLS_TIMESTAMP_FORMAT "
      "NLS_TIMESTAMP_TZ_FORMAT NLS_NUMERIC_CHARACTERS NLS_SORT NLS_COMP NLS_LENGTH_SEMANTICS "
      "NLS_NCHAR ORA_SDTZ; exec \"$0\" \"$@\" 2>&1"};
  argv.insert(argv.end(), std::make_move_iterator(words.begin()),
              std::make_move_iterator(words.end()));
  return argv;
}

std::vector<std::pair<std::string, std::string>> client_environment(
    const Location& location, std::string_view character_set) {
  std::vector<std::pair<std::string, std::string>> environment{
      {"NLS_LANG", nls_lang(character_set)},
      {"TWO_TASK", location.descriptor()},
      // Where login.sql would be looked for.
      {"SQLPATH", ""},
      {"ORACLE_PATH", ""}};
  if (!location.tns_admin.empty())
    environment.emplace_back("TNS_ADMIN", location.tns_admin.native());
  if (location.home.empty()) return environment;
  std::error_code unknown;
  const bool is_home = fs::is_directory(location.home / "bin", unknown);
  if (is_home) environment.emplace_back("ORACLE_HOME", location.home.native());
  std::string libraries = (is_home ? location.home / "lib" : location.home).native();
  if (const char* const theirs = std::getenv("LD_LIBRARY_PATH"); theirs != nullptr && *theirs != 0)
    libraries += fmt::format(":{}", theirs);
  environment.emplace_back("LD_LIBRARY_PATH", std::move(libraries));
  return environment;
}

std::string program_release(const Location& location, std::string_view name,
                            const std::stop_token& stop) {
  const auto program = find_program(location, name);
  if (!program) return {};
  // All begin with "Export: Release 11.2.0.4.0 - Production", whatever they are asked.
  const Command command{.argv = {*program, name == "sqlplus" ? "-V" : "help=y"},
                        .environment = client_environment(location, "AL32UTF8"),
                        .timeout = std::chrono::seconds(30)};
  const ProcessResult result = run_process(command, {}, stop, std::size_t{1} << 20U);
  for (const std::string& said : {result.output, result.errors}) {
    const std::size_t at = said.find("Release ");
    if (at == std::string::npos) continue;
    const std::size_t begin = at + std::string_view("Release ").size();
    return said.substr(begin, said.find_first_not_of("0123456789.", begin) - begin);
  }
  return {};
}

// As Child::reap() gives it; no program of Oracle's exits with such a code.
std::string signal_words(int exit_code) {
  const int number = exit_code - 128;
  if (number < 1 || number > SIGRTMAX) return {};
  return fmt::format("was ended by signal {}{}", number,
                     number == SIGKILL ? " (out of memory? see the kernel's log)" : "");
}

namespace {

ToolResult run_once(const Access& access, const ToolJob& job, const std::string& program,
                    bool with_password, const std::stop_token& stop) {
  const TemporaryDirectory place("holdfast-oracle", job.scratch_directory);
  const fs::path file = place.path() / "parameters";
  std::string parameters = parameter_file(access, job, with_password);
  std::string answer;
  if (access.password != nullptr) answer = fmt::format("{}\n", access.password->reveal());
  const auto forget = [&] {
    wipe(parameters);
    wipe(answer);
  };
  ProcessResult result;
  try {
    write_file_durably(file, as_bytes(parameters));
    const Command command{
        .argv = client_command({program, fmt::format("PARFILE={}", file.native())}),
        .environment = client_environment(access.location, job.character_set),
        .directory = place.path()};
    result = run_process(command, answer, stop, log_bytes_max);
  } catch (...) {
    forget();
    throw;
  }
  forget();
  ToolResult told{result.exit_code, std::move(result.output), {}};
  told.report = read_log(told.log);
  told.report.is_cut = told.report.is_cut || result.output_is_cut;
  return told;
}

}  // namespace

// The password is the answer to the program's question. That programs of every release take it from
// a pipe is written nowhere: one that says it got none is started again with the password in its
// parameter file, which only we can read and which goes with it.
ToolResult run_tool(const Access& access, const ToolJob& job, const std::stop_token& stop) {
  const auto program = find_program(access.location, job.program);
  if (!program)
    throw Error(Errc::not_found, fmt::format("there is no program {}", job.program))
        .set_hint(
            "Set `home` to the Oracle home or Instant Client (with its Tools package) that "
            "has it.");
  ToolResult result = run_once(access, job, *program, false, stop);
  const bool got_none = result.log.find("ORA-01005") != std::string::npos ||
                        result.log.find("EXP-00030") != std::string::npos ||
                        result.log.find("IMP-00030") != std::string::npos;
  if (access.password == nullptr || !got_none) return result;
  return run_once(access, job, *program, true, stop);
}

}  // namespace holdfast::engine::oracle
