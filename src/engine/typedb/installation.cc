// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/installation.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "engine/typedb/configuration.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_bytes_max = 1U << 20U;
constexpr std::size_t piece_bytes = 4096;
constexpr std::string_view program_3 = "typedb_server_bin";
constexpr int parents_max = 3;

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// Nothing unless it is there and may be read.
std::optional<std::string> text_of(const fs::path& path) {
  try {
    const Fd file = open_file(path, O_RDONLY | O_NONBLOCK);
    std::string text;
    std::size_t count = 0;
    do {
      const std::size_t have = text.size();
      text.resize(have + piece_bytes);
      count = read_some(file.get(), std::as_writable_bytes(std::span(text).subspan(have)),
                        path.native());
      text.resize(have + count);
    } while (count > 0 && text.size() < file_bytes_max);
    return text;
  } catch (const Error&) {  // a process that ends meanwhile is one that is not there
    return std::nullopt;
  }
}

fs::path link_of(const fs::path& path) {
  std::error_code failure;
  std::string target = fs::read_symlink(path, failure).native();
  if (failure) return {};
  constexpr std::string_view gone = " (deleted)";
  if (target.ends_with(gone)) target.resize(target.size() - gone.size());
  return target;
}

fs::path resolved(const fs::path& from, const fs::path& path) {
  return clean_path((from / path).native());
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.size(), line.find('\0'));
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(line.size(), end + 1));
  }
  return words;
}

// The value of `--name=value`, or of `--name value`; the last one counts.
std::optional<std::string> option_in(const std::vector<std::string>& words, std::string_view name) {
  std::optional<std::string> found;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with(name)) continue;
    const std::string_view rest = std::string_view(words[i]).substr(name.size());
    if (rest.starts_with('=')) {
      found = rest.substr(1);
    } else if (rest.empty() && i + 1 < words.size()) {
      found = words[i + 1];
    }
  }
  return found;
}

// "3.12.3" or "3.11.0-rc1" at the end of a name, behind a dash.
std::string version_at_end(std::string_view name) {
  for (std::size_t at = name.find('-'); at != std::string_view::npos; at = name.find('-', at + 1)) {
    const std::string_view rest = name.substr(at + 1);
    unsigned part = 0;
    const char* from = rest.data();
    const char* const end = rest.data() + rest.size();
    int parts = 0;
    for (; parts < 3; ++parts) {
      const auto [after, failure] = std::from_chars(from, end, part);
      if (failure != std::errc{}) break;
      from = after;
      if (parts < 2 && (from == end || *from++ != '.')) break;
    }
    if (parts == 3 && (from == end || *from == '-')) return std::string(rest);
  }
  return {};
}

// TypeDB 2 has its own jars in there, named after their coordinates.
void look_for_jars(Installation& found) {
  const fs::path library = found.home / "server" / "lib";
  std::error_code failure;
  fs::recursive_directory_iterator entries(library, failure);
  for (; !failure && entries != fs::recursive_directory_iterator(); entries.increment(failure)) {
    const fs::path& path = entries->path();
    const std::string stem = path.stem().native();
    if (path.extension() != ".jar") continue;
    if (stem.find("core-server-") == std::string::npos &&
        stem.find("core-version-") == std::string::npos)
      continue;
    found.version = version_at_end(stem);
    found.version_from = path.native();
    if (!found.version.empty()) return;
  }
}

void look_for_version(Installation& found) {
  look_for_jars(found);
  if (!found.version.empty()) return;
  std::error_code unknown;
  const fs::path real = fs::weakly_canonical(found.home, unknown);
  const std::string name = real.filename().native();
  if (name.starts_with("typedb") || name.starts_with("grakn")) {
    found.version = version_at_end(name);
    found.version_from = fmt::format("the name of {}", real.native());
  }
  if (found.version.empty())
    found.version_from = fmt::format("nothing in {} tells its release", found.home.native());
}

// TypeDB 2: paths are from the home.
void read_configuration_2(Installation& found, const std::vector<std::string>& words) {
  const auto take = [&](const std::optional<std::string>& value, const std::string& from) {
    if (!value) return false;
    found.data_directory = resolved(found.home, *value);
    found.data_from = from;
    return true;
  };
  for (const char* option : {"--storage.data", "--data"})
    if (take(option_in(words, option), fmt::format("the option {}", option))) return;
  std::vector<fs::path> files{found.home / "server/conf/config.yml",
                              found.home / "server/conf/typedb.yml"};
  if (const auto told = option_in(words, "--config")) files = {resolved(found.home, *told)};
  for (const fs::path& file : files) {
    const std::optional<std::string> text = text_of(file);
    if (text && take(yaml_value(*text, "storage", "data"),
                     fmt::format("storage.data in {}", file.native())))
      return;
  }
  for (const char* name : {"typedb.properties", "grakn.properties"}) {
    const fs::path file = found.home / "server/conf" / name;
    const std::optional<std::string> text = text_of(file);
    if (!text) continue;
    if (take(property_value(*text, "server.data"), fmt::format("server.data in {}", file.native())))
      return;
    // Only releases with such a file have a place of their own making.
    take("server/data", fmt::format("{}, which names no other", file.native()));
    return;
  }
  found.data_from = fmt::format("no configuration in {} tells it", found.home.native());
}

// TypeDB 3: options are from the working directory, all else from the program's.
void read_configuration_3(Installation& found, const fs::path& program_directory,
                          const std::vector<std::string>& words,
                          const fs::path& working_directory) {
  for (const char* option : {"--storage.data-directory", "--storage.data"}) {
    const std::optional<std::string> told = option_in(words, option);
    if (!told) continue;
    found.data_directory = resolved(working_directory, *told);
    found.data_from = fmt::format("the option {}", option);
    return;
  }
  const std::optional<std::string> told = option_in(words, "--config");
  const fs::path file = resolved(program_directory, told.value_or("config.yml"));
  const std::optional<std::string> text = text_of(file);
  if (!text && (told || is_file(file))) {
    found.data_from = fmt::format("{} cannot be read", file.native());
    return;
  }
  const std::optional<std::string> value =
      text ? yaml_value(*text, "storage", "data-directory") : std::nullopt;
  // Releases before 3.4.0 have no such file, and this in the program.
  found.data_directory = resolved(program_directory, value.value_or("data"));
  found.data_from = value ? fmt::format("storage.data-directory in {}", file.native())
                          : fmt::format("{} has no configuration", program_directory.native());
}

// What a LOCK file says of the directory that has the databases; empty for another file.
fs::path data_directory_of_lock(const fs::path& file) {
  if (file.filename() != "LOCK") return {};
  const fs::path rocks = file.parent_path();
  if (rocks.filename() == "schema" || rocks.filename() == "data")
    return rocks.parent_path().parent_path();
  if (rocks.parent_path().filename() == "storage")
    return rocks.parent_path().parent_path().parent_path();
  return {};
}

void look_at_open_files(Installation& found, const fs::path& process) {
  std::error_code failure;
  fs::directory_iterator descriptors(process / "fd", failure);
  for (; !failure && descriptors != fs::directory_iterator(); descriptors.increment(failure)) {
    const fs::path file = link_of(descriptors->path());
    const fs::path directory = data_directory_of_lock(file);
    if (directory.empty()) continue;
    found.data_directory = directory;
    found.data_from = fmt::format("{}, which it has open", file.native());
    return;
  }
}

// A process of a container sees other files under the same names.
void look_into_container(Installation& found, const fs::path& process, const fs::path& proc) {
  const fs::path its = link_of(process / "ns/mnt");
  if (its.empty() || its == link_of(proc / "self/ns/mnt") || found.data_directory.empty()) return;
  found.data_directory = process / "root" / found.data_directory.relative_path();
  found.data_from += ", within its container";
}

bool is_server_class(std::string_view word) noexcept {
  return word.ends_with(".TypeDBServer") || word == "grakn.core.server.GraknServer";
}

struct Started {
  bool is_3 = false;
  fs::path home, program_directory;
};

std::optional<Started> started_by(const std::vector<std::string>& words, const fs::path& program,
                                  const fs::path& working_directory) {
  if (program.filename() == program_3)
    return Started{true, program.parent_path().parent_path(), program.parent_path()};
  if (std::none_of(words.begin(), words.end(), is_server_class)) return std::nullopt;
  Started started;
  started.home = working_directory;
  for (const char* property : {"-Dtypedb.dir", "-Dgrakn.dir"})
    if (const auto told = option_in(words, property))
      started.home = resolved(working_directory, *told);
  return started;
}

void read_configuration(Installation& found, const Started& started,
                        const std::vector<std::string>& words, const fs::path& working_directory) {
  try {
    if (started.is_3) {
      read_configuration_3(found, started.program_directory, words, working_directory);
    } else {
      read_configuration_2(found, words);
    }
  } catch (const Error& error) {
    if (error.code() != Errc::unsupported) throw;
    found.data_from = error.message();
  }
}

}  // namespace

std::optional<Installation> server_of(pid_t pid, const fs::path& proc) {
  const fs::path process = proc / std::to_string(pid);
  const std::vector<std::string> words = words_of(text_of(process / "cmdline").value_or(""));
  if (words.empty()) return std::nullopt;
  const fs::path working_directory = link_of(process / "cwd");
  fs::path program = link_of(process / "exe");
  if (program.empty()) program = resolved(working_directory, words.front());
  const std::optional<Started> started = started_by(words, program, working_directory);
  if (!started) return std::nullopt;
  Installation found;
  found.pid = pid;
  found.home = started->home;
  look_at_open_files(found, process);
  if (found.data_directory.empty()) read_configuration(found, *started, words, working_directory);
  look_for_version(found);
  look_into_container(found, process, proc);
  return found;
}

std::vector<Installation> running_servers(const fs::path& proc) {
  std::vector<pid_t> pids;
  std::error_code failure;
  fs::directory_iterator processes(proc, failure);
  for (; !failure && processes != fs::directory_iterator(); processes.increment(failure)) {
    const std::string name = processes->path().filename().native();
    pid_t pid = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad == std::errc{} && end == name.data() + name.size()) pids.push_back(pid);
  }
  std::sort(pids.begin(), pids.end());
  std::vector<Installation> found;
  for (const pid_t pid : pids)
    if (auto server = server_of(pid, proc)) found.push_back(std::move(*server));
  return found;
}

std::optional<Installation> installed_at(const fs::path& home) {
  Started started;
  started.home = home;
  started.is_3 = is_file(home / "server" / program_3);
  started.program_directory = home / "server";
  if (!started.is_3 && !is_folder(home / "server" / "lib")) return std::nullopt;
  Installation found;
  found.home = home;
  read_configuration(found, started, {}, home);
  look_for_version(found);
  return found;
}

std::optional<Installation> around(const fs::path& data_directory) {
  fs::path at = data_directory;
  for (int i = 0; i < parents_max && at.has_relative_path(); ++i) {
    at = at.parent_path();
    if (auto found = installed_at(at)) return found;
  }
  return std::nullopt;
}

}  // namespace holdfast::engine::typedb
