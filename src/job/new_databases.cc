// SPDX-License-Identifier: Apache-2.0
#include "job/new_databases.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "archive/exclude.h"
#include "base/error.h"
#include "base/uri.h"
#include "engine/registry.h"
#include "job/target_place.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;
using model::Finding;
using model::Severity;

// Links resolved, as far as the path exists.
fs::path real_path(const fs::path& path) {
  std::error_code unknown;
  const fs::path real = fs::weakly_canonical(path, unknown);
  return unknown ? path.lexically_normal() : real;
}

// The same text for the same database, however it is reached.
std::string place_of(const model::Endpoint& endpoint, const engine::Probe& probe) {
  if (const fs::path path = local_path(endpoint); !path.empty()) return real_path(path).string();
  const std::string_view address = without_query(endpoint.uri);
  return fmt::format("database {} of {} server {}", address.substr(address.rfind('/') + 1),
                     endpoint.engine, probe.server);
}

// Ends the reading of a table at its first word: it is there.
class FirstWord final : public model::RowSink {
 public:
  void columns(const std::vector<model::Column>& /*columns*/) override {
    was_heard = true;
    throw Error(Errc::cancelled, "nothing more is to be known");
  }
  void row(const model::Row& /*row*/) override {}
  bool was_heard = false;
};

bool has_table(const NewDatabaseTarget& target, const model::TableName& table,
               const std::stop_token& stop) {
  FirstWord sink;
  try {
    target.engine->rows(target.endpoint, table, sink, stop);
  } catch (const Error& error) {
    if (!sink.was_heard && error.code() == Errc::not_found) return false;
    if (!sink.was_heard) throw;
  }
  return true;
}

class Look {
 public:
  Look(const Survey& source, const std::vector<FilesTarget>& files, std::vector<Finding>& findings,
       const std::stop_token& stop)
      : source_(source), files_(files), findings_(findings), stop_(stop) {}

  NewDatabaseTarget at(const model::NewDatabase& wanted) {
    const model::DatabaseSettings& settings = wanted.settings;
    NewDatabaseTarget target;
    target.settings = settings;
    if (settings.engine.empty()) return target;  // the conversion's own findings say why
    target.engine = engine::find_engine(settings.engine);
    if (target.engine == nullptr) {
      find("engine-missing", settings, "engine \"" + settings.engine + "\" is not in this build",
           "it could not be filled", "Install a build with this engine.");
      return target;
    }
    target.endpoint = make_endpoint(settings, stop_);
    target.engine->check_endpoint(target.endpoint);
    try {
      target.probe = target.engine->probe(target.endpoint, stop_);
      if (const fs::path path = local_path(target.endpoint); !path.empty()) {
        look_at_file(target, path);
      } else {
        look_at_server(target, wanted);
      }
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      find("probe-unobservable", settings, error.message(),
           "it cannot be told whether something is there that would be in the way",
           error.hint().empty() ? "Make it reachable." : error.hint());
    }
    return target;
  }

 private:
  void find(std::string code, const model::DatabaseSettings& settings, std::string seen,
            std::string why, std::string mend) {
    findings_.push_back(finding_of(std::move(code), Severity::blocker, settings.name,
                                   std::move(seen), std::move(why), std::move(mend)));
  }

  // What lies in a directory that is put in its place is nobody's before that, but for what comes
  // with it.
  void look_at_file(const NewDatabaseTarget& target, const fs::path& path) {
    for (const FilesTarget& files : files_) {
      for (const PathTarget& one : files.paths) {
        if (!is_in(path, one.path)) continue;
        look_at_copied(target, files, one, path.lexically_relative(one.path));
        return;
      }
    }
    check_writable(path, target.settings.name, findings_);
    if (!target.probe.exists || target.probe.empty) return;
    find("target-not-empty", target.settings, target.settings.uri + " exists and is not empty",
         "rows of another engine go into a new database", "Choose another place, or remove it.");
  }

  // As of an engine that the application used before.
  void look_at_copied(const NewDatabaseTarget& target, const FilesTarget& files,
                      const PathTarget& directory, const fs::path& below) {
    const auto& paths = files.facts.paths;
    const auto from = std::find_if(paths.begin(), paths.end(),
                                   [&](const auto& one) { return one.place == directory.place; });
    if (from == paths.end()) return;
    const fs::path old = fs::path(from->source) / below;
    if (!fs::exists(fs::symlink_status(old))) return;
    for (const model::FilesSettings& settings : source_.files) {
      if (settings.name != files.facts.name) continue;
      archive::PatternList excludes;
      for (const std::string& pattern : settings.exclude) excludes.add(pattern, false);
      if (excludes.matches(old.string())) return;
    }
    find("target-not-empty", target.settings,
         old.string() + " would be copied to where " + target.settings.uri + " is made",
         "rows of another engine go into a new database",
         "Remove it from the source if the application does not use it, or exclude it.");
  }

  void look_at_server(const NewDatabaseTarget& target, const model::NewDatabase& wanted) {
    if (!target.probe.exists) {
      find("target-database-missing", target.settings,
           "there is no database at " + target.settings.uri,
           "rows of another engine go into a database that its administrator made",
           "Create it for that user, or correct `uri`.");
      return;
    }
    if (!target.probe.abilities.rows) return;
    std::string there;
    for (const model::NewTable& table : wanted.tables) {
      if (has_table(target, table.name, stop_))
        there += (there.empty() ? "" : ", ") + table.name.display();
    }
    if (there.empty()) return;
    find("target-not-empty", target.settings, target.settings.uri + " has the tables " + there,
         "rows go into tables that are made for them, and nothing is overwritten",
         "Name another database, or drop these tables.");
  }

  const Survey& source_;
  const std::vector<FilesTarget>& files_;
  std::vector<Finding>& findings_;
  const std::stop_token& stop_;
};

}  // namespace

std::vector<NewDatabaseTarget> look_at_new_databases(const model::Conversion& conversion,
                                                     const Survey& source,
                                                     const std::vector<FilesTarget>& files,
                                                     std::vector<Finding>& findings,
                                                     const std::stop_token& stop) {
  std::map<std::string, const model::DatabaseSettings*> of_source;
  for (const ProbedDatabase& database : source.databases)
    of_source.emplace(place_of(database.endpoint, database.probe), &database.settings);
  std::map<std::string, std::string> taken;
  std::vector<NewDatabaseTarget> targets;
  Look look(source, files, findings, stop);
  for (const model::NewDatabase& wanted : conversion.databases()) {
    NewDatabaseTarget target = look.at(wanted);
    const std::string place = place_of(target.endpoint, target.probe);
    if (target.engine != nullptr) {
      if (const auto same = of_source.find(place); same != of_source.end()) {
        throw Error(Errc::usage, fmt::format("{} is the database {} of the source",
                                             target.settings.uri, same->second->name))
            .set_hint("Name another place for " + target.settings.name + ".");
      }
      const auto [other, is_new] = taken.try_emplace(place, target.settings.name);
      if (!is_new) {
        findings.push_back(finding_of("target-overlap", Severity::blocker, target.settings.name,
                                      place + " is the place of " + other->second + " too",
                                      "one would be in the other's way",
                                      "Give each a place of its own."));
      }
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

void add_unread_rows(const Survey& source, std::vector<Finding>& findings) {
  for (const ProbedDatabase& database : source.databases) {
    for (const Finding& finding : database.probe.findings) {
      if (finding.code != database.settings.engine + "-rows-unread") continue;
      findings.push_back(finding_of("conversion-rows-unread", Severity::blocker,
                                    database.settings.name, finding.seen,
                                    "what cannot be read cannot become rows of another database",
                                    "Name the application's driver, user and password."));
    }
  }
}

void refuse_same_files(const Survey& source, const std::vector<FilesTarget>& files) {
  for (const model::FilesSettings& from : source.files) {
    for (const std::string& was : from.paths) {
      const fs::path old_place = real_path(was);
      for (const FilesTarget& one : files) {
        for (const PathTarget& to : one.paths) {
          const fs::path place = real_path(to.path);
          if (!is_in(place, old_place) && !is_in(old_place, place)) continue;
          throw Error(Errc::usage,
                      fmt::format("{} of the target and {} of the source are the same place, or "
                                  "one lies in the other",
                                  to.path.string(), was))
              .set_hint("Give the target a home of its own.");
        }
      }
    }
  }
}

}  // namespace holdfast::job
