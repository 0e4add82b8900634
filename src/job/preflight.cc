// SPDX-License-Identifier: Apache-2.0
#include "job/preflight.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "archive/exclude.h"
#include "base/error.h"
#include "base/process.h"
#include "base/units.h"
#include "engine/registry.h"
#include "job/journal.h"
#include "job/quiet_look.h"
#include "job/scratch.h"
#include "job/served_databases.h"
#include "job/snapshot_change.h"
#include "profile/instance_file.h"
#include "profile/registry.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;
using model::Finding;
using model::MendClass;
using model::Severity;

Finding make(std::string code, Severity severity, std::string component, std::string seen,
             std::string why, std::string mend, MendClass mend_class = MendClass::manual) {
  Finding finding;
  finding.code = std::move(code);
  finding.severity = severity;
  finding.component = std::move(component);
  finding.seen = std::move(seen);
  finding.why = std::move(why);
  finding.mend = std::move(mend);
  finding.mend_class = mend_class;
  return finding;
}

// Components in an order that honours `after`; those without it keep their place.
template <typename Settings>
std::vector<Settings> in_copying_order(std::vector<Settings> components,
                                       std::set<std::string> done) {
  std::vector<Settings> ordered;
  std::set<std::string> own;
  for (const Settings& component : components) own.insert(component.name);
  while (!components.empty()) {
    const auto next =
        std::find_if(components.begin(), components.end(), [&](const Settings& component) {
          return std::all_of(component.after.begin(), component.after.end(),
                             [&](const std::string& other) {
                               return done.contains(other) || !own.contains(other);
                             });
        });
    check_rule(next != components.end(), "`after` has no circle");
    done.insert(next->name);
    ordered.push_back(std::move(*next));
    components.erase(next);
  }
  return ordered;
}

void probe_databases(const std::vector<model::DatabaseSettings>& databases, Survey& survey,
                     const std::stop_token& stop) {
  for (const model::DatabaseSettings& settings : in_copying_order(databases, {})) {
    ProbedDatabase database;
    database.settings = settings;
    database.engine = engine::find_engine(settings.engine);
    if (database.engine == nullptr) {
      survey.findings.push_back(
          make("engine-missing", Severity::blocker, settings.name,
               "engine \"" + settings.engine + "\" is not in this build",
               "the database would be left out of the copy",
               "Install a build with this engine, or correct `engine` or `uri`."));
      survey.databases.push_back(std::move(database));
      continue;
    }
    database.endpoint = make_endpoint(settings, stop);
    database.engine->check_endpoint(database.endpoint);
    bool observed = true;
    try {
      database.probe = database.engine->probe(database.endpoint, stop);
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      observed = false;
      survey.findings.push_back(
          make("probe-unobservable", Severity::blocker, settings.name, error.message(),
               "nothing is known about this database, so its copy could not be vouched for",
               error.hint().empty() ? "Make it reachable." : error.hint()));
    }
    const bool blocked =
        std::any_of(database.probe.findings.begin(), database.probe.findings.end(),
                    [](const Finding& finding) { return finding.severity == Severity::blocker; });
    if (observed && !database.probe.exists && !blocked) {
      survey.findings.push_back(make("database-missing", Severity::blocker, settings.name,
                                     "there is no database at " + settings.uri,
                                     "it would be left out of the copy",
                                     "Correct `uri`, put the database back, or take it out of the "
                                     "instance file."));
    }
    for (Finding finding : database.probe.findings) {
      finding.component = settings.name;
      survey.findings.push_back(std::move(finding));
    }
    survey.databases.push_back(std::move(database));
  }
}

bool lies_below(const fs::path& path, const fs::path& directory) {
  const auto [end, ignored] =
      std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
  return end == directory.end() || (end->empty() && std::next(end) == directory.end());
}

// A pattern that matches this path and no other.
std::string literal_pattern(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

// What the databases cover is left out of the file sets; a database that nobody named is found
// there.
void look_at_files(const model::Plan& plan, Survey& survey, const std::stop_token& stop) {
  std::vector<fs::path> covered;
  for (const ProbedDatabase& database : survey.databases) {
    covered.insert(covered.end(), database.probe.own_files.begin(), database.probe.own_files.end());
  }
  std::set<std::string> done;
  for (const ProbedDatabase& database : survey.databases) done.insert(database.settings.name);
  for (model::FilesSettings files : in_copying_order(plan.files, done)) {
    archive::PatternList excludes;
    for (const std::string& pattern : files.exclude) excludes.add(pattern, false);
    for (const std::string& path : files.paths) {
      struct ::stat status {};
      if (::lstat(path.c_str(), &status) != 0) {
        const bool missing = errno == ENOENT || errno == ENOTDIR;
        survey.findings.push_back(
            make(missing ? "path-missing" : "path-unobservable", Severity::blocker, files.name,
                 system_error(errno, path).message(), "it would be left out of the copy",
                 missing ? "Put it back, or take it out of `paths`."
                         : "Give this user the right to look at it."));
        continue;
      }
      if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) != 0 &&
          !S_ISLNK(status.st_mode)) {
        survey.findings.push_back(make(
            "path-unreadable", Severity::blocker, files.name, path + " cannot be read by this user",
            "it would be left out of the copy", "Give this user the right to read it."));
        continue;
      }
      // Who proves a copy knows what lies in the files that it named: nothing there is opened.
      if (plan.make_check && files.line == 0) continue;
      for (const engine::Engine* engine : engine::all_engines()) {
        for (const auto& found : engine->discover(path, stop)) {
          const fs::path file = found.endpoint.uri.substr(found.endpoint.uri.find(':') + 1);
          if (std::find(covered.begin(), covered.end(), file) != covered.end() ||
              excludes.matches(file.string()))
            continue;
          survey.findings.push_back(
              make("database-in-files", Severity::blocker, files.name,
                   file.string() + " is a database (" + std::string(engine->name()) +
                       ") but no component",
                   "copied as a plain file while somebody writes to it, it would not be usable",
                   "Add [[database]] with uri = \"" + found.endpoint.uri +
                       "\", or exclude it, or accept this."));
        }
      }
    }
    for (const fs::path& file : covered) {
      const bool inside =
          std::any_of(files.paths.begin(), files.paths.end(),
                      [&](const std::string& path) { return lies_below(file, path); });
      if (inside) files.exclude.push_back(literal_pattern(file.string()));
    }
    survey.files.push_back(std::move(files));
  }
}

// What is not as the last manifest has it.
void compare_with_last(const model::Manifest& last, Survey& survey) {
  std::map<std::string, const ProbedDatabase*> databases;
  for (const ProbedDatabase& database : survey.databases)
    databases[database.settings.name] = &database;
  std::set<std::string> known;
  for (const model::DatabaseFacts& before : last.databases) {
    known.insert(before.name);
    const auto now = databases.find(before.name);
    if (now == databases.end()) {
      survey.findings.push_back(
          make("component-vanished", Severity::blocker, before.name,
               "the last snapshot has the database " + before.uri + ", the instance file has not",
               "from now on it would be in no copy",
               "Put [[database]] back, or accept that it is gone."));
      continue;
    }
    if (now->second->settings.uri != before.uri) {
      survey.findings.push_back(
          make("component-moved", Severity::warning, before.name,
               "was " + before.uri + ", is " + now->second->settings.uri,
               "if it is not the same database, the copies under this name do not belong together",
               "Check that this is meant.", MendClass::manual));
    }
    const bool had_rows = std::any_of(before.tables.begin(), before.tables.end(),
                                      [](const auto& table) { return table.rows > 0; });
    if (now->second->probe.exists && now->second->probe.empty && had_rows) {
      survey.findings.push_back(
          make("database-emptied", Severity::blocker, before.name,
               before.uri + " had " + std::to_string(before.tables.size()) +
                   " tables with rows, now it has none",
               "a new snapshot of nothing would soon push out those with data",
               "Find out who emptied it; restore it, or accept that it is empty."));
    }
  }
  for (const auto& [name, database] : databases) {
    if (!known.contains(name)) {
      survey.findings.push_back(make("component-new", Severity::note, name,
                                     "not in the last snapshot: " + database->settings.uri,
                                     "its first copy will store everything", "", MendClass::none));
    }
  }
  std::map<std::string, const model::FilesSettings*> sets;
  for (const model::FilesSettings& files : survey.files) sets[files.name] = &files;
  known.clear();
  for (const model::FilesFacts& before : last.files) {
    known.insert(before.name);
    const auto now = sets.find(before.name);
    if (now == sets.end()) {
      survey.findings.push_back(make("component-vanished", Severity::blocker, before.name,
                                     "the last snapshot has these files, the instance file has not",
                                     "from now on they would be in no copy",
                                     "Put [[files]] back, or accept that they are gone."));
      continue;
    }
    for (const model::PathFacts& path : before.paths) {
      const auto& paths = now->second->paths;
      if (std::find(paths.begin(), paths.end(), path.source) == paths.end()) {
        survey.findings.push_back(make("path-vanished", Severity::blocker, before.name,
                                       "the last snapshot has " + path.source + ", `paths` has not",
                                       "from now on it would be in no copy",
                                       "Put it back into `paths`, or accept that it is gone."));
      }
    }
  }
  for (const auto& [name, files] : sets) {
    if (!known.contains(name)) {
      survey.findings.push_back(make("component-new", Severity::note, name,
                                     "not in the last snapshot",
                                     "its first copy will store everything", "", MendClass::none));
    }
  }
}

void check_scratch(Survey& survey) {
  std::uint64_t needed = 0;
  for (const ProbedDatabase& database : survey.databases) needed += database.probe.scratch_bytes;
  if (needed == 0) return;
  const fs::path directory = scratch_base();
  struct ::statvfs status {};
  if (::statvfs(directory.c_str(), &status) != 0) {
    survey.findings.push_back(make("scratch-unobservable", Severity::blocker, "",
                                   system_error(errno, directory.string()).message(),
                                   "databases are copied there before they are stored",
                                   "Set TMPDIR to a directory that is there."));
    return;
  }
  const std::uint64_t free = static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  if (free < needed) {
    survey.findings.push_back(make("scratch-space", Severity::blocker, "",
                                   directory.string() + " has " + format_bytes(free) +
                                       " free, the databases need " + format_bytes(needed),
                                   "the copy would fail half-way",
                                   "Free space there, or set TMPDIR to a larger place."));
  }
}

void check_quiesce(const model::Instance& instance, Survey& survey) {
  const bool can_stop = !instance.quiesce.stop.empty();
  for (const ProbedDatabase& database : survey.databases) {
    if (database.probe.needs_stop && !can_stop) {
      survey.findings.push_back(make("quiesce-missing", Severity::blocker, database.settings.name,
                                     "cannot be copied while it is written to, and [quiesce] names "
                                     "no way to stop the application",
                                     "the copy would not be consistent",
                                     "Add [quiesce] with `stop` and `start`, or do what the other "
                                     "findings of this database advise."));
    }
  }
  for (const auto& [role, argv] :
       {std::pair{"stop", &instance.quiesce.stop}, std::pair{"start", &instance.quiesce.start}}) {
    if (argv->empty() || (*argv)[0].find('/') == std::string::npos) continue;
    if (::access((*argv)[0].c_str(), X_OK) != 0) {
      survey.findings.push_back(
          make("quiesce-program", Severity::blocker, "",
               system_error(errno, "[quiesce] " + std::string(role) + ": " + (*argv)[0]).message(),
               "the application could not be stopped and started again", "Correct the path."));
    }
  }
}

void check_journals(const Environment& environment, const model::Instance& instance,
                    Survey& survey) {
  for (const FoundJournal& journal : find_journals(environment.state_directory)) {
    if (journal.instance != instance.name || journal.alive) continue;
    std::string left;
    bool is_harmless = journal.damage.empty();
    for (const JournalEntry& entry : journal.entries) {
      if (entry.settled) continue;
      left += (left.empty() ? "" : "; ") + entry.what;
      is_harmless = is_harmless && entry.is_harmless();
    }
    if (left.empty() && journal.damage.empty()) continue;
    survey.findings.push_back(
        make("journal-left", is_harmless ? Severity::warning : Severity::blocker, "",
             journal.damage.empty() ? "an interrupted " + journal.verb + " left behind: " + left
                                    : journal.damage,
             is_harmless ? "what it wrote takes up space" : "what it changed has not been put back",
             is_harmless ? "`holdfast resume` removes it." : "`holdfast resume` puts it back.",
             MendClass::safe));
  }
}

void check_components(const model::Instance& instance, Survey& survey) {
  if (survey.databases.empty() && survey.files.empty()) {
    survey.findings.push_back(
        make("nothing-to-copy", Severity::blocker, "",
             instance.file + " names neither [[database]] nor [[files]]",
             "a snapshot of nothing protects nothing",
             "Add the instance's components; `holdfast discover` finds them."));
  }
}

void add_look(QuietLook look, Survey& survey) {
  survey.findings.insert(survey.findings.end(), look.findings.begin(), look.findings.end());
  survey.steps = std::move(look.steps);
  add_facts(look.facts, survey.profile_facts);
  add_evidence(look.evidence, survey.profile_facts);
}

std::string today(Clock& clock) {
  return to_rfc3339(clock.now()).substr(0, 10);
}

bool has_expired(const model::AcceptSetting& setting, Clock& clock) {
  return !setting.until.empty() && setting.until < today(clock);
}

void note_expired_acceptances(const model::Instance& instance, Clock& clock, Survey& survey) {
  for (const model::AcceptSetting& setting : instance.accepts) {
    if (!has_expired(setting, clock)) continue;
    survey.findings.push_back(make("acceptance-expired", Severity::warning, setting.component,
                                   "[[accept]] of " + setting.code + " ended on " + setting.until,
                                   "it no longer counts", "Mend its cause, or set a new date."));
  }
}

}  // namespace

void apply_acceptances(const model::Instance& instance, const std::vector<Acceptance>& given,
                       Clock& clock, std::vector<Finding>& findings) {
  std::vector<Acceptance> all = given;
  for (const model::AcceptSetting& setting : instance.accepts) {
    if (!has_expired(setting, clock))
      all.push_back({setting.code, setting.component, setting.reason});
  }
  for (Finding& finding : findings) {
    if (finding.severity != Severity::blocker) continue;
    for (const Acceptance& acceptance : all) {
      if (acceptance.code != finding.code) continue;
      if (!acceptance.component.empty() && acceptance.component != finding.component) continue;
      finding.accepted = true;
      finding.accepted_reason = acceptance.reason;
    }
  }
}

bool leaves_out(const Finding& finding) {
  static const std::set<std::string_view> codes = {"path-missing",
                                                   "path-unobservable",
                                                   "path-unreadable",
                                                   "engine-missing",
                                                   "database-missing",
                                                   "probe-unobservable",
                                                   "postgresql-oids-left-out",
                                                   "postgresql-subscriptions-left-out",
                                                   "postgresql-unlogged-left-out",
                                                   "postgresql-user-mappings-left-out",
                                                   "magnolia-configuration-unobservable",
                                                   "magnolia-database-unknown",
                                                   "magnolia-datasource-unknown",
                                                   "magnolia-datastore-missing",
                                                   "magnolia-datastore-s3",
                                                   "magnolia-datastore-unknown",
                                                   "magnolia-file-missing",
                                                   "magnolia-filesystem-unknown",
                                                   "magnolia-jndi-unresolved",
                                                   "magnolia-node-missing",
                                                   "magnolia-path-unclear",
                                                   "magnolia-persistence-unknown",
                                                   "magnolia-record-missing",
                                                   "magnolia-record-unobservable",
                                                   "magnolia-repository-missing",
                                                   "magnolia-table-missing",
                                                   "magnolia-tables-lost",
                                                   "magnolia-variable-circular",
                                                   "magnolia-variable-undefined",
                                                   "magnolia-workspace-unconfigured",
                                                   "migration-center-database-missing",
                                                   "migration-center-home-missing",
                                                   "migration-center-staged-file-missing"};
  return finding.accepted && codes.contains(finding.code);
}

Acceptance parse_acceptance(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view code = text.substr(0, colon);
  const bool kebab =
      !code.empty() &&
      code.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
  if (!kebab || (colon != std::string_view::npos && colon + 1 == text.size())) {
    throw Error(Errc::usage,
                "--accept needs CODE or CODE:component, not \"" + std::string(text) + "\"");
  }
  return {std::string(code),
          colon == std::string_view::npos ? "" : std::string(text.substr(colon + 1)), "--accept"};
}

std::vector<std::string> missing_from_copy(const model::Manifest& manifest,
                                           const std::vector<std::string>& components) {
  std::vector<std::string> missing;
  if (manifest.complete) return missing;
  const auto is_wanted = [&](const std::string& component) {
    return components.empty() ||
           std::find(components.begin(), components.end(), component) != components.end();
  };
  std::set<std::string> told;
  for (const model::FilesFacts& files : manifest.files) {
    if (!is_wanted(files.name)) continue;
    for (const std::string& path : files.unreadable) {
      missing.push_back(files.name + ": " + path + " could not be read whole");
      told.insert(files.name);
    }
  }
  for (const Finding& finding : manifest.findings) {
    if (finding.code == snapshot_reduced) missing.push_back(finding.seen);
    if (!leaves_out(finding) || told.contains(finding.component)) continue;
    if (!finding.component.empty() && !is_wanted(finding.component)) continue;
    missing.push_back((finding.component.empty() ? "" : finding.component + ": ") + finding.seen +
                      ", when it was copied");
  }
  if (missing.empty() && components.empty())
    missing.emplace_back("the copy says itself that it is incomplete");
  return missing;
}

model::Endpoint make_endpoint(const model::DatabaseSettings& database,
                              const std::stop_token& stop) {
  return {database.name,
          database.engine,
          database.uri,
          database.user,
          profile::resolve_password(database.password, "database " + database.name, stop),
          database.options};
}

model::Plan plan_of(const model::Instance& instance) {
  const model::Profile* profile = profile::find_profile(instance.profile);
  check_rule(profile != nullptr, "an instance file names a known profile");
  model::Plan plan = profile->plan(instance);
  add_served_databases(instance, plan);
  return plan;
}

Survey survey_instance(const Environment& environment, const model::Instance& instance,
                       const model::Manifest* last, const std::vector<Acceptance>& acceptances,
                       model::Observer& observer, const Error* last_unreadable,
                       const std::stop_token& stop) {
  observer.phase("preflight");
  const model::Plan plan = plan_of(instance);
  Survey survey;
  survey.findings = plan.findings;
  survey.state = plan.state;
  survey.profile_facts = plan.facts;
  survey.make_check = plan.make_check;
  probe_databases(plan.databases, survey, stop);
  survey.quiet = plan.quiet;
  add_look(look_whether_quiet(survey, model::QuietMoment::before, *environment.clock, stop),
           survey);
  look_at_files(plan, survey, stop);
  check_components(instance, survey);
  check_journals(environment, instance, survey);
  check_quiesce(instance, survey);
  check_scratch(survey);
  if (last != nullptr) compare_with_last(*last, survey);
  if (last_unreadable != nullptr) {
    survey.findings.push_back(make("last-manifest-unobservable", Severity::blocker, "",
                                   last_unreadable->message(),
                                   "what has vanished since the last snapshot cannot be told",
                                   "Run `holdfast check`; accept this to go on without it."));
  }
  note_expired_acceptances(instance, *environment.clock, survey);
  apply_acceptances(instance, acceptances, *environment.clock, survey.findings);
  std::stable_sort(survey.findings.begin(), survey.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.severity < b.severity; });
  for (const Finding& finding : survey.findings) observer.finding(finding);
  return survey;
}

std::vector<std::string> fix_findings(const Environment& environment,
                                      const model::Instance& instance, const Survey& survey,
                                      const std::set<std::string>& codes,
                                      const std::stop_token& stop) {
  std::vector<std::string> done;
  for (const Finding& finding : survey.findings) {
    const bool wanted =
        finding.mend_class == MendClass::safe ||
        (finding.mend_class == MendClass::writes_source && codes.contains(finding.code));
    if (!wanted) continue;
    if (finding.code == "journal-left") {
      const ResumeReport report =
          resume(environment.state_directory, instance.name, environment.program, stop);
      done.insert(done.end(), report.undone.begin(), report.undone.end());
      continue;
    }
    for (const ProbedDatabase& database : survey.databases) {
      if (database.settings.name != finding.component || database.engine == nullptr) continue;
      done.push_back(finding.component + ": " +
                     database.engine->mend(database.endpoint, finding.code));
    }
  }
  for (const std::string& code : codes) {
    const bool known =
        std::any_of(survey.findings.begin(), survey.findings.end(), [&](const Finding& finding) {
          return finding.code == code && (finding.mend_class == MendClass::safe ||
                                          finding.mend_class == MendClass::writes_source);
        });
    if (!known)
      throw Error(Errc::usage, "--fix=" + code +
                                   ": there is no such finding with a mend that Holdfast can make");
  }
  return done;
}

void refuse_blockers(const std::vector<Finding>& findings) {
  std::string codes;
  std::set<std::string> named;
  for (const Finding& finding : findings) {
    if (finding.severity != Severity::blocker || finding.accepted) continue;
    const std::string code =
        finding.code + (finding.component.empty() ? "" : ":" + finding.component);
    if (named.insert(code).second) codes += (codes.empty() ? "" : ", ") + code;
  }
  if (codes.empty()) return;
  throw Error(Errc::blocked, "preflight found what must not be passed over: " + codes)
      .set_hint("Mend it, or accept it with `--accept CODE[:component]`. Nothing was touched.");
}

}  // namespace holdfast::job
