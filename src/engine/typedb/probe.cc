// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/units.h"
#include "engine/embedded/place.h"
#include "engine/typedb/capture.h"
#include "engine/typedb/database_lock.h"
#include "engine/typedb/directory.h"
#include "engine/typedb/facts.h"
#include "engine/typedb/hold.h"
#include "engine/typedb/installation.h"
#include "engine/typedb/location.h"
#include "engine/typedb/schema_fence.h"
#include "engine/typedb/target.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;
using model::MendClass;
using model::Severity;

class Prober {
 public:
  Prober(const model::Endpoint& endpoint, const std::stop_token& stop)
      : endpoint_(endpoint), stop_(stop), location_(location_of(endpoint)) {}

  Probe run() {
    probe_.server = fmt::format("typedb:{}", location_.data_directory.native());
    probe_.own_files = {location_.database};
    probe_.abilities.grants = true;
    probe_.abilities.scratch = true;
    tell_release();
    // An empty directory is room for a database, and none.
    probe_.empty = embedded::holds_nothing(location_.database);
    probe_.exists = !probe_.empty;
    if (probe_.empty) return std::move(probe_);
    // Probing answers whatever state the database is in.
    try {
      look();
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      find("typedb-content-unobservable", Severity::blocker, error.message(),
           "what cannot be read now cannot be copied either",
           error.hint().empty() ? "See the message; run as the user of the server." : error.hint());
    }
    for (model::Finding& one : probe_.findings) one.component = endpoint_.component;
    return std::move(probe_);
  }

 private:
  void find(std::string code, Severity severity, std::string seen, std::string why,
            std::string mend) {
    probe_.findings.push_back({std::move(code), severity, "", std::move(seen), std::move(why),
                               std::move(mend), MendClass::manual, false, ""});
  }

  void tell_release() {
    const Release release = release_of(location_);
    const std::optional<std::size_t> range = range_of(release.text);
    probe_.abilities.sequences = !range || release_ranges[*range].encoding >= Encoding::v3_a;
    if (release.text.empty()) return;
    probe_.facts.set("release", release.text).set("release_from", release.from);
  }

  void look() {
    if (!is_database(location_.database))
      return find("typedb-no-database", Severity::blocker,
                  fmt::format("{} is no directory of a database", location_.database.native()),
                  "nothing is known of what is in it",
                  "Name the directory of a database in the server's data directory.");
    DatabaseReport found = examine_database(location_.database, false, stop_);
    probe_.size_bytes = found.size_bytes;
    probe_.version =
        found.encoding ? std::string(encoding_releases(*found.encoding)) : std::string("unknown");
    if (found.encoding) probe_.facts.set("encoding", encoding_name(*found.encoding));
    probe_.findings = std::move(found.findings);
    // Nothing could be restored from it.
    for (model::Finding& one : probe_.findings)
      if (one.code == "typedb-wal-empty") one.severity = Severity::blocker;
    if (found.encoding)
      if (auto differs = check_installed(release_of(location_), *found.encoding))
        probe_.findings.push_back(std::move(*differs));
    Json locks = Json::array();
    for (const fs::path& file : lock_files_of(location_.database)) locks.push(file.native());
    probe_.facts.set("locks", locks);
    look_at_method(found);
  }

  void look_at_method(const DatabaseReport& found) {
    const bool served = found.lock.has_value();
    const bool cold =
        location_.method == Method::cold || (!served && location_.method != Method::hot);
    if (!cold) {
      look_at_logs(found);
      return look_for_fence(found);
    }
    if (const auto link = link_below(location_.database))
      find("typedb-link-below", Severity::blocker,
           fmt::format("{} is a symbolic link", link->native()),
           "a copied directory has the link, and not the files that it leads to",
           "Set `method` to hot, which reads what links lead to, or move the files back.");
    probe_.needs_stop = served;
    probe_.trees = {tree_of(location_.database, found.size_bytes)};
  }

  // What a copy beside a server would be refused for.
  void look_at_logs(const DatabaseReport& found) {
    if (!found.data ||
        found.data->tables.size() + found.schema->tables.size() < spare_descriptors())
      return;
    find("typedb-too-many-files", Severity::blocker,
         fmt::format("{} has {} tables", location_.database.native(), found.data->tables.size()),
         "beside its server all of them are held open while they are copied",
         "Raise the limit of open files (`ulimit -n`), or set `method` to cold.");
  }

  // Of 3.x nobody keeps writers out: the log has everything up to a record.
  void look_for_fence(const DatabaseReport& found) {
    if (found.wal || !found.lock) return;
    const auto server = find_fencing_server(location_.database, stop_);
    probe_.abilities.fence = server.has_value();
    if (server) probe_.facts.set("fenced_by", server->target.address);
  }

  const model::Endpoint& endpoint_;
  const std::stop_token& stop_;
  const Location location_;
  Probe probe_;
};

Engine::Discovered discovered_at(const fs::path& database, const std::string& from) {
  Engine::Discovered one;
  one.endpoint.component = database.filename().native();
  one.endpoint.engine = "typedb";
  one.endpoint.uri = fmt::format("typedb:{}", database.native());
  model::DatabaseFacts facts;
  try {
    outline_directory(database, facts);
  } catch (const Error& error) {
    one.comment = fmt::format("{}: {}", database.native(), error.message());
    return one;
  }
  one.comment =
      fmt::format("TypeDB {} in {}{}", facts.version, database.parent_path().native(), from);
  try {
    if (const auto use = who_has(database)) one.comment += fmt::format("; {}", display(*use));
  } catch (const Error& error) {
    one.comment += fmt::format("; who has it open cannot be told: {}", error.message());
  }
  return one;
}

// Of the process that "/proc/PID" is, else what is installed there; where it runs, what the process
// has open counts more than its configuration.
std::optional<Installation> server_behind(const fs::path& directory) {
  const std::string name = directory.filename().native();
  pid_t pid = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (directory.parent_path() == "/proc" && failure == std::errc() &&
      end == name.data() + name.size())
    return server_of(pid);
  std::optional<Installation> installed = installed_at(directory);
  if (!installed) return std::nullopt;
  for (Installation& running : running_servers())
    if (running.home == installed->home) return std::move(running);
  return installed;
}

}  // namespace

Probe probe_database(const model::Endpoint& endpoint, const std::stop_token& stop) {
  return Prober(endpoint, stop).run();
}

std::vector<Engine::Discovered> discover_databases(const fs::path& directory,
                                                   const std::stop_token& stop) {
  std::error_code unknown;
  fs::path data_directory = fs::weakly_canonical(directory, unknown);
  std::string from;
  if (const auto server = server_behind(data_directory)) {
    if (server->data_directory.empty()) return {};
    data_directory = server->data_directory;
    from = fmt::format(" ({})", server->data_from);
  }
  std::vector<Engine::Discovered> found;
  std::error_code ignored;
  if (!fs::is_directory(data_directory, ignored)) return found;
  for (const fs::path& database : databases_in(data_directory)) {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped looking at {}", data_directory.native()));
    const std::string name = database.filename().native();
    if (name == import_directory || name.starts_with('.')) continue;
    found.push_back(discovered_at(database, from));
  }
  return found;
}

}  // namespace holdfast::engine::typedb
