// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/installed.h"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <system_error>

#include "engine/finding.h"
#include "engine/typedb/directory.h"
#include "engine/typedb/installation.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;
using model::Severity;

fs::path real(const fs::path& path) {
  std::error_code unknown;
  fs::path found = fs::weakly_canonical(path, unknown);
  return unknown ? path : found;
}

bool is_same(const fs::path& a, const fs::path& b) {
  return !a.empty() && !b.empty() && real(a) == real(b);
}

bool is_below(const fs::path& path, const fs::path& directory) {
  return path.native().starts_with(directory.native() + "/");
}

std::string comment_on(const Installation& found) {
  std::string text = fmt::format("TypeDB {} at {} ({})",
                                 found.version.empty() ? "of an unknown release" : found.version,
                                 found.home.native(), found.version_from);
  if (found.pid) text += fmt::format(", which runs as process {}", *found.pid);
  if (found.data_directory.empty())
    return text + fmt::format("\nWhere its databases are cannot be told: {}", found.data_from);
  return text + fmt::format("\nIts databases are in {} ({})", found.data_directory.native(),
                            found.data_from);
}

Engine::Installed told(const Installation& found, const fs::path& proc) {
  Engine::Installed installed;
  installed.comment = comment_on(found);
  const auto configured = installed_at(found.home);
  const bool in_container = is_below(found.data_directory, proc);
  if (found.data_directory.empty()) {
    installed.home = found.home;
    installed.findings.push_back(finding(
        "typedb-data-directory-unobservable", Severity::blocker,
        fmt::format("{}: {}", found.home.native(), found.data_from),
        "no database of it can be found", "Set `home` to the directory that has its databases."));
  } else if (in_container) {
    // That path is no longer right when the process ends.
    installed.comment +=
        "\nSet `home` to the directory of this machine that the container has there.";
  } else {
    installed.databases = real(found.data_directory);
    const bool leads_there = configured && is_same(configured->data_directory, installed.databases);
    installed.home = leads_there ? found.home : installed.databases;
  }
  if (found.pid && !in_container && !found.data_directory.empty() && configured &&
      !configured->data_directory.empty() &&
      !is_same(configured->data_directory, found.data_directory))
    installed.findings.push_back(
        finding("typedb-data-directory-differs", Severity::warning,
                fmt::format("process {} has its databases in {} ({}), and {} ({}) is configured",
                            *found.pid, found.data_directory.native(), found.data_from,
                            configured->data_directory.native(), configured->data_from),
                "while it does not run, the configured one is taken for its own",
                fmt::format("Set `home` to {}.", found.data_directory.native())));
  if (configured && !installed.databases.empty() && !around(installed.databases))
    installed.options["home"] = found.home.native();
  return installed;
}

// The process that `place` is the directory of; nothing for another directory.
std::optional<pid_t> pid_of(const fs::path& place, const fs::path& proc) {
  if (place.parent_path() != proc) return std::nullopt;
  const std::string name = place.filename().native();
  pid_t pid = 0;
  const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (bad != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return pid;
}

}  // namespace

std::optional<Engine::Installed> find_installed(const fs::path& place, const fs::path& proc) {
  if (const std::optional<pid_t> pid = pid_of(place, proc)) {
    const auto server = server_of(*pid, proc);
    return server ? std::optional(told(*server, proc)) : std::nullopt;
  }
  std::error_code ignored;
  if (!fs::is_directory(place, ignored)) return std::nullopt;
  const fs::path directory = real(place);
  for (const Installation& server : running_servers(proc))
    if (is_same(server.home, directory) || is_same(server.data_directory, directory))
      return told(server, proc);
  if (const auto found = installed_at(directory)) return told(*found, proc);
  if (databases_in(directory).empty()) return std::nullopt;
  Installation found;
  found.version_from = fmt::format("no distribution is around {}", directory.native());
  if (auto distribution = around(directory)) found = std::move(*distribution);
  if (found.home.empty()) found.home = directory;
  if (!is_same(found.data_directory, directory)) {
    found.data_directory = directory;
    found.data_from = "which has databases in it";
  }
  return told(found, proc);
}

}  // namespace holdfast::engine::typedb
