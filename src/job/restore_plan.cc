// SPDX-License-Identifier: Apache-2.0
#include "job/restore_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/crew.h"
#include "base/error.h"
#include "base/uri.h"
#include "engine/registry.h"
#include "job/application_check.h"
#include "job/application_locks.h"
#include "job/import_files.h"
#include "job/kept_aside.h"
#include "job/new_databases.h"
#include "job/restore_choice.h"
#include "job/served_databases.h"
#include "job/target_place.h"
#include "job/workspace_restore.h"
#include "profile/instance_file.h"
#include "profile/registry.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;
using model::Finding;
using model::Severity;

std::uint64_t bytes_of(const model::DatabaseFacts& facts) {
  std::uint64_t bytes = 0;
  for (const model::PartFacts& part : facts.parts) bytes += part.size_bytes;
  return bytes;
}

// Where something is below the target's home that lay below the copy's; nothing if it did not.
std::optional<std::string> moved(const std::string& path, const std::string& old_home,
                                 const std::string& new_home) {
  if (old_home.empty() || new_home.empty()) return std::nullopt;
  if (old_home == new_home) return path;
  if (path == old_home) return new_home;
  const std::string below = old_home == "/" ? old_home : old_home + "/";
  if (!path.starts_with(below)) return std::nullopt;
  return (fs::path(new_home) / path.substr(below.size())).string();
}

// The target with a place for every component that it does not name and that lay below the home, or
// is of the server there.
model::Instance with_home(const model::Manifest& manifest, model::Instance target) {
  place_served_databases(manifest, target);
  const auto is_named = [](const auto& components, const std::string& name) {
    return std::any_of(components.begin(), components.end(),
                       [&](const auto& one) { return one.name == name; });
  };
  for (const model::DatabaseFacts& facts : manifest.databases) {
    model::DatabaseSettings settings;
    settings.name = facts.name;
    settings.engine = facts.engine;
    model::Endpoint endpoint;
    endpoint.engine = facts.engine;
    endpoint.uri = facts.uri;
    if (is_named(target.databases, facts.name)) continue;
    const fs::path old_place = local_path(endpoint);
    if (old_place.empty()) continue;  // of a server: the target says which, and as whom
    const auto place = moved(old_place.string(), manifest.home, target.home);
    if (!place) continue;
    settings.uri = facts.uri.substr(0, facts.uri.find(':') + 1) + *place;
    target.databases.push_back(std::move(settings));
  }
  for (const model::FilesFacts& facts : manifest.files) {
    if (is_named(target.files, facts.name)) continue;
    model::FilesSettings settings;
    settings.name = facts.name;
    for (const model::PathFacts& path : facts.paths) {
      if (auto place = moved(path.source, manifest.home, target.home))
        settings.paths.push_back(std::move(*place));
    }
    if (settings.paths.size() == facts.paths.size()) target.files.push_back(std::move(settings));
  }
  return target;
}

class Planner {
 public:
  Planner(const Environment& environment, const model::Instance& target,
          const InstanceRestoreOptions& options, model::Observer& observer, std::stop_token stop)
      : environment_(environment),
        target_(target),
        options_(options),
        observer_(observer),
        stop_(std::move(stop)) {}

  RestorePlan plan;

  [[nodiscard]] bool wants(const std::string& component) const {
    return is_wanted(options_, component);
  }

  void add(Finding finding) { plan.findings.push_back(std::move(finding)); }

  // A component that was wanted and has no place; its blocker may be accepted.
  void leave_out(Finding finding) {
    plan.missing.push_back(finding.component + ": " + finding.seen);
    add(std::move(finding));
  }

  void add_database(const model::DatabaseFacts& facts, const fs::path& file) {
    DatabaseTarget database;
    database.facts = facts;
    database.file = file;
    for (const std::string& wanted : options_.tables) {
      for (model::TableName& table : select_tables(facts, wanted))
        database.tables.push_back(std::move(table));
    }
    if (!options_.tables.empty() && database.tables.empty()) return;
    const auto settings =
        std::find_if(target_.databases.begin(), target_.databases.end(),
                     [&](const auto& candidate) { return candidate.name == facts.name; });
    if (settings == target_.databases.end()) {
      return leave_out(
          finding_of("target-missing", Severity::blocker, facts.name,
                     fmt::format("{} has no [[database]] of this name, and the copy has one ({})",
                                 target_.file, facts.uri),
                     "it would not be restored",
                     "Add it with the uri to restore to, or choose with --component."));
    }
    database.settings = *settings;
    if (settings->engine != facts.engine) {
      return leave_out(finding_of(
          "engine-differs", Severity::blocker, facts.name,
          fmt::format("the copy is of engine {}, the target {}", facts.engine, settings->engine),
          "a copy is loaded by the engine that made it", "Correct the uri of the target."));
    }
    database.engine = engine::find_engine(settings->engine);
    if (database.engine == nullptr) {
      return leave_out(finding_of("engine-missing", Severity::blocker, facts.name,
                                  "engine \"" + settings->engine + "\" is not in this build",
                                  "it would not be restored", "Install a build with this engine."));
    }
    database.endpoint = make_endpoint(*settings, stop_);
    database.engine->check_endpoint(database.endpoint);
    database.new_user = new_user();
    look_at(database);
    plan.databases.push_back(std::move(database));
  }

  void add_files(const model::FilesFacts& facts, const InstanceSource& source,
                 const std::stop_token& stop) {
    const auto settings =
        std::find_if(target_.files.begin(), target_.files.end(),
                     [&](const auto& candidate) { return candidate.name == facts.name; });
    if (settings == target_.files.end()) {
      return leave_out(
          finding_of("target-missing", Severity::blocker, facts.name,
                     target_.file + " has no [[files]] of this name, and the copy has one of " +
                         sources_of(facts),
                     "they would not be restored",
                     "Add it with the paths to restore to, or choose with --component. What lay "
                     "below the `home` of the copy moves by itself to that of the target."));
    }
    if (settings->paths.size() != facts.paths.size()) {
      return leave_out(
          finding_of("target-paths", Severity::blocker, facts.name,
                     fmt::format("the copy has {} paths, the target {}", facts.paths.size(),
                                 settings->paths.size()),
                     "the n-th path of the target takes the n-th of the copy",
                     fmt::format("Give as many: the copy has {}.", sources_of(facts))));
    }
    FilesTarget files;
    files.facts = facts;
    for (std::size_t i = 0; i < facts.paths.size(); ++i) {
      PathTarget path{facts.paths[i].place, fs::path(settings->paths[i]).lexically_normal(), {}};
      if (path.path.filename().empty()) path.path = path.path.parent_path();
      const InstanceSource::Place found = source.find(path.place);
      path.counts = count_node(*found.parent, found.node, stop);
      check_place(path.path, facts.name, options_.replace, plan.findings);
      files.paths.push_back(std::move(path));
    }
    const ListingDifference listing = source.compare_listing(facts, stop);
    if (listing.expected != listing.found) {
      add(finding_of(
          "source-differs", Severity::blocker, facts.name,
          fmt::format("the manifest says {}; the copy has {}", listing.expected, listing.found),
          "the copy is not what was backed up", "Restore from another snapshot."));
    }
    plan.files.push_back(std::move(files));
  }

  void note_completeness(const model::Manifest& manifest) {
    if (manifest.complete) return;
    std::string codes;
    for (const Finding& finding : manifest.findings) {
      codes += (codes.empty() ? "" : ", ") + finding.code;
      if (!finding.component.empty()) codes += ":" + finding.component;
    }
    add(finding_of("copy-incomplete", Severity::warning, "",
                   "the copy was incomplete when it was made: " + codes,
                   "what was not copied cannot be restored",
                   "See `findings` in the snapshot's holdfast.json."));
    for (std::string& line : missing_from_copy(manifest, options_.components))
      plan.missing.push_back(std::move(line));
  }

  // As a path that is none: the server and the database, however it is reached.
  [[nodiscard]] static fs::path served_place(const DatabaseTarget& database) {
    const std::string address(without_query(database.endpoint.uri));
    const std::string name = address.substr(address.rfind('/') + 1);
    return "database " + name + " of " + database.endpoint.engine + " server " +
           database.probe.server;
  }

  // Two components cannot go to one place.
  void check_overlaps() {
    std::map<fs::path, std::string> taken;
    const auto take = [&](const fs::path& path, const std::string& component) {
      if (path.empty()) return;
      const auto [other, is_new] = taken.try_emplace(path, component);
      if (is_new) return;
      add(finding_of("target-overlap", Severity::blocker, component,
                     path.string() + " is the place of " + other->second + " too",
                     "one would overwrite the other", "Give each a place of its own."));
    };
    for (const DatabaseTarget& database : plan.databases) {
      const fs::path path = local_path(database.endpoint);
      take(path.empty() ? served_place(database) : path, database.facts.name);
    }
    for (const FilesTarget& files : plan.files) {
      for (const PathTarget& path : files.paths) take(path.path, files.facts.name);
    }
    for (const model::DatabaseSettings& settings : target_.databases) check_untouched(settings);
  }

  // A database that is not restored must not be taken away with the directory in which it lies.
  void check_untouched(const model::DatabaseSettings& settings) {
    const bool restored = std::any_of(
        plan.databases.begin(), plan.databases.end(),
        [&](const DatabaseTarget& database) { return database.facts.name == settings.name; });
    model::Endpoint endpoint;
    endpoint.engine = settings.engine;
    endpoint.uri = settings.uri;
    const fs::path place = local_path(endpoint);
    std::error_code unknown;
    if (restored || place.empty() || !fs::exists(place, unknown)) return;
    for (const FilesTarget& files : plan.files) {
      for (const PathTarget& path : files.paths) {
        const auto [end, rest] =
            std::mismatch(path.path.begin(), path.path.end(), place.begin(), place.end());
        if (end != path.path.end() || rest == place.end()) continue;
        add(finding_of(
            "target-holds-database", Severity::blocker, settings.name,
            place.string() + " lies below " + path.path.string() + " and is not restored",
            "the directory is replaced as a whole, and the database would be gone from it",
            "Restore it too, or restore the files to another place."));
      }
    }
  }

  void choose_role(const model::Manifest& manifest) {
    if (target_.restore_role != model::RestoreRole::unset) {
      plan.role = target_.restore_role == model::RestoreRole::clone ? "clone" : "replacement";
      return;
    }
    const bool same_uris =
        std::all_of(manifest.databases.begin(), manifest.databases.end(), [&](const auto& facts) {
          return std::any_of(target_.databases.begin(), target_.databases.end(),
                             [&](const auto& settings) {
                               return settings.name == facts.name && settings.uri == facts.uri;
                             });
        });
    const bool same = same_uris && same_paths(manifest) && target_.home == manifest.home &&
                      environment_.hostname == manifest.hostname;
    plan.role = same ? "replacement" : "clone";
  }

  // Nobody may work with what is replaced; whom [quiesce] stops is no obstacle.
  void look_whether_running(const model::Manifest& manifest) {
    plan.locks = lock_places(manifest, target_, plan);
    LockFindings found = find_holders(plan.locks, is_stopped());
    // Who has a database open its engine has told.
    plan.is_running = found.is_running || find_holders(locks_of(plan), true).is_running;
    keep_aside(manifest, plan, found.findings);
    for (Finding& finding : found.findings) add(std::move(finding));
  }

  // Sorts, applies acceptances, tells.
  RestorePlan finish() {
    apply_acceptances(target_, options_.acceptances, *environment_.clock, plan.findings);
    std::stable_sort(plan.findings.begin(), plan.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.severity < b.severity; });
    for (const Finding& finding : plan.findings) observer_.finding(finding);
    return std::move(plan);
  }

 private:
  // [quiesce] stops what runs at the target.
  [[nodiscard]] bool is_stopped() const {
    return plan.role == "replacement" && !target_.quiesce.stop.empty();
  }

  // The same for all: its command is run once.
  [[nodiscard]] const engine::LoadOptions::NewUser& new_user() {
    const model::NewUserSettings& user = target_.restore_user;
    if (!new_user_) {
      new_user_ = {profile::resolve_password(user.password, "[restore.user]", stop_),
                   user.default_tablespace, user.quota};
    }
    return *new_user_;
  }

  static std::string sources_of(const model::FilesFacts& facts) {
    std::string text;
    for (const model::PathFacts& path : facts.paths)
      text += (text.empty() ? "" : ", ") + path.source;
    return text;
  }

  [[nodiscard]] bool same_paths(const model::Manifest& manifest) const {
    return std::all_of(
        manifest.files.begin(), manifest.files.end(), [&](const model::FilesFacts& facts) {
          return std::any_of(target_.files.begin(), target_.files.end(), [&](const auto& settings) {
            return settings.name == facts.name &&
                   std::equal(settings.paths.begin(), settings.paths.end(), facts.paths.begin(),
                              facts.paths.end(),
                              [](const std::string& path, const model::PathFacts& was) {
                                return path == was.source;
                              });
          });
        });
  }

  void look_at(DatabaseTarget& database) {
    const std::string& name = database.facts.name;
    try {
      database.probe = database.engine->probe(database.endpoint, stop_);
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      add(finding_of("probe-unobservable", Severity::blocker, name, error.message(),
                     "it cannot be told whether something is there that would be overwritten",
                     error.hint().empty() ? "Make it reachable." : error.hint()));
      return;
    }
    check_abilities(options_, database);
    // Whether only its schema is there, its engine knows.
    if (database.probe.exists && !database.probe.empty && !options_.replace &&
        !options_.data_only) {
      add(finding_of("target-not-empty", Severity::blocker, name,
                     database.settings.uri + " exists and is not empty", std::string(keep_why),
                     std::string(keep_mend)));
    }
    if (const fs::path path = local_path(database.endpoint); !path.empty())
      check_writable(path, name, plan.findings);
    try {
      engine::LoadOptions load = load_options(target_, options_, database);
      load.is_stopped_first = is_stopped();
      for (Finding& finding :
           database.engine->check_load(database.facts, database.endpoint, load, stop_)) {
        finding.component = name;
        add(std::move(finding));
      }
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      add(finding_of("probe-unobservable", Severity::blocker, name, error.message(),
                     "it cannot be told whether the copy can be loaded there",
                     error.hint().empty() ? "Make it reachable." : error.hint()));
    }
  }

  const Environment& environment_;
  const model::Instance& target_;
  const InstanceRestoreOptions& options_;
  model::Observer& observer_;
  std::stop_token stop_;
  std::optional<engine::LoadOptions::NewUser> new_user_;
};

// A single workspace, into the instance that is there.
RestorePlan plan_single(const Environment& environment, const InstanceSource& source,
                        const model::Instance& given, const InstanceRestoreOptions& options,
                        model::Observer& observer, const std::stop_token& stop) {
  if (!options.components.empty() || !options.tables.empty() || options.sequence ||
      !options.schema_file.empty()) {
    throw Error(Errc::usage, "--workspace says by itself which components and tables")
        .set_hint("Leave --component, --table, --sequence and --schema out.");
  }
  const model::Manifest& manifest = source.manifest();
  const model::Workspace workspace = find_workspace(manifest, options.workspace);
  model::WorkspaceTarget place = profile::find_profile(manifest.profile)
                                     ->plan_workspace(workspace, given, copy_reader(source));
  model::Instance target = with_home(manifest, given);
  if (place.database) {
    std::erase_if(target.databases,
                  [&](const auto& one) { return one.name == workspace.component; });
    target.databases.push_back(*place.database);
  }
  InstanceRestoreOptions narrow = options;
  narrow.components = {workspace.component};
  if (!workspace.owns_database) narrow.tables = workspace_tables(manifest, workspace);
  Planner planner(environment, target, narrow, observer, stop);
  planner.plan.role = "replacement";
  planner.plan.workspace = workspace;
  observer.note(fmt::format("restoring workspace {} of {}, copied on {}, into {}", workspace.name,
                            manifest.instance, to_display(manifest.started), given.home));
  for (Finding& finding : place.findings) planner.add(std::move(finding));
  for (const model::DatabaseFacts& facts : manifest.databases) {
    if (facts.name == workspace.component) planner.add_database(facts, {});
  }
  if (planner.plan.databases.empty()) {
    const auto& missing = planner.plan.missing;
    throw Error(Errc::not_found, missing.empty()
                                     ? "the copy has no database of workspace " + workspace.name
                                     : missing.front())
        .set_hint("Name the database of the target in [[database]].");
  }
  if (!place.directory.empty()) {
    FilesTarget files = workspace_files(source, workspace, place.directory, stop);
    check_place(place.directory, files.facts.name, options.replace, planner.plan.findings);
    check_aside(place.directory, files.paths.front().aside, files.facts.name,
                planner.plan.findings);
    planner.plan.files.push_back(std::move(files));
  }
  for (std::size_t i = 0; i < std::min(place.stores.size(), workspace.stores.size()); ++i) {
    for (SharedFile& file :
         missing_files(source, workspace.stores[i], place.stores[i], planner.plan.findings, stop))
      planner.plan.shared.push_back(std::move(file));
  }
  planner.check_overlaps();
  check_space(planner.plan);
  planner.look_whether_running(manifest);
  return planner.finish();
}

}  // namespace

void check_space(RestorePlan& plan, const std::vector<std::pair<fs::path, std::uint64_t>>& more) {
  Space space;
  for (const auto& [path, bytes] : more) space.need(path, bytes);
  for (const DatabaseTarget& database : plan.databases) {
    const fs::path path = local_path(database.endpoint);
    if (!path.empty()) space.need(path, bytes_of(database.facts));
  }
  for (const FilesTarget& files : plan.files) {
    for (const PathTarget& path : files.paths) space.need(path.path, path.counts.bytes);
  }
  for (const SharedFile& file : plan.shared) space.need(file.path, file.size_bytes);
  space.report(plan.findings);
}

engine::LoadOptions load_options(const model::Instance& target,
                                 const InstanceRestoreOptions& options,
                                 const DatabaseTarget& database) {
  engine::LoadOptions load;
  load.tables = database.tables;
  load.replace = options.replace;
  load.owners = target.restore_names.owners;
  load.schemas = target.restore_names.schemas;
  load.tablespaces = target.restore_names.tablespaces;
  load.new_user = database.new_user;
  load.sequence = options.sequence;
  load.schema_file = options.schema_file;
  load.data_only = options.data_only;
  load.parallel = parallel_of(target);
  return load;
}

unsigned parallel_of(const model::Instance& instance) {
  return instance.limits.parallel != 0 ? instance.limits.parallel : cores_available();
}

namespace {

void note_beginning(const Environment& environment, const model::Manifest& manifest,
                    std::string_view role, model::Observer& observer) {
  const std::string host =
      manifest.hostname == environment.hostname ? "" : " of host " + manifest.hostname;
  observer.note(fmt::format("restoring {}{}, copied on {}, as a {}", manifest.instance, host,
                            to_display(manifest.started), role));
}

}  // namespace

RestorePlan plan_restore(const Environment& environment, const InstanceSource& source,
                         const model::Instance& given, const InstanceRestoreOptions& options,
                         model::Observer& observer, std::stop_token stop) {
  observer.phase("preflight");
  if (!options.workspace.empty())
    return plan_single(environment, source, given, options, observer, stop);
  const model::Manifest& manifest = source.manifest();
  const model::Instance target = with_home(manifest, given);
  Planner planner(environment, target, options, observer, stop);
  check_names(manifest, options);
  planner.choose_role(manifest);
  note_beginning(environment, manifest, planner.plan.role, observer);
  planner.note_completeness(manifest);
  for (const model::DatabaseFacts& facts : manifest.databases) {
    if (planner.wants(facts.name)) planner.add_database(facts, {});
  }
  for (const model::FilesFacts& facts : manifest.files) {
    // Whoever asks for tables, or an older state of a database, asks for no files, unless by name.
    if ((!options.tables.empty() || options.sequence) && options.components.empty()) break;
    if (planner.wants(facts.name)) planner.add_files(facts, source, stop);
  }
  check_single(options, planner.plan);
  plan_statements(source, target, planner.plan);
  if (options.components.empty())
    if (auto beside = find_databases_beside(manifest, target)) planner.add(std::move(*beside));
  planner.check_overlaps();
  check_space(planner.plan);
  planner.look_whether_running(manifest);
  return planner.finish();
}

namespace {

// New databases that are files take about what the old ones do, together.
std::vector<std::pair<fs::path, std::uint64_t>> space_of_rows(
    const Survey& survey, const std::vector<NewDatabaseTarget>& targets) {
  std::uint64_t bytes = 0;
  for (const ProbedDatabase& database : survey.databases) bytes += database.probe.size_bytes;
  for (const NewDatabaseTarget& target : targets) {
    if (fs::path path = local_path(target.endpoint); !path.empty())
      return {{std::move(path), bytes}};
  }
  return {};
}

}  // namespace

RestorePlan plan_conversion(const Environment& environment, const InstanceSource& source,
                            const Survey& survey,
                            std::shared_ptr<const model::Conversion> conversion,
                            const model::Instance& given, const InstanceRestoreOptions& options,
                            model::Observer& observer, std::stop_token stop) {
  observer.phase("preflight");
  model::Manifest manifest = source.manifest();
  manifest.databases.clear();
  const model::Instance target = with_home(manifest, given);
  Planner planner(environment, target, options, observer, stop);
  planner.choose_role(manifest);
  note_beginning(environment, manifest, planner.plan.role, observer);
  for (const model::FilesFacts& facts : manifest.files) planner.add_files(facts, source, stop);
  refuse_same_files(survey, planner.plan.files);
  for (const Finding& finding : conversion->findings()) planner.add(finding);
  add_unread_rows(survey, planner.plan.findings);
  planner.plan.new_databases =
      look_at_new_databases(*conversion, survey, planner.plan.files, planner.plan.findings, stop);
  planner.plan.conversion = std::move(conversion);
  planner.check_overlaps();
  check_space(planner.plan, space_of_rows(survey, planner.plan.new_databases));
  planner.look_whether_running(source.manifest());
  return planner.finish();
}

RestorePlan plan_import(const Environment& environment, const std::vector<fs::path>& files,
                        const model::Instance& target, const InstanceRestoreOptions& options,
                        model::Observer& observer, std::stop_token stop) {
  observer.phase("preflight");
  std::vector<ImportedFile> found;
  found.reserve(files.size());
  for (const fs::path& path : files) found.push_back(look_at_file(path, stop));
  const std::vector<const model::DatabaseSettings*> assigned =
      assign_files(found, target, options.components);
  Planner planner(environment, target, options, observer, stop);
  planner.plan.role =
      target.restore_role == model::RestoreRole::replacement ? "replacement" : "clone";
  for (std::size_t i = 0; i < found.size(); ++i) {
    const ImportedFile& file = found[i];
    for (Finding finding : file.inspection.findings) {
      finding.component = assigned[i]->name;
      planner.add(std::move(finding));
    }
    model::DatabaseFacts facts;
    facts.name = assigned[i]->name;
    facts.engine = file.engine->name();
    facts.uri = file.path.string();
    facts.version = file.inspection.version;
    facts.engine_facts = file.inspection.engine_facts;
    facts.tables = file.inspection.tables;
    if (file.inspection.objects_comparable) facts.objects = file.inspection.objects;
    std::error_code failure;
    const std::uintmax_t size_bytes = fs::file_size(file.path, failure);
    if (!failure) facts.parts.push_back({file.path.filename().string(), size_bytes});
    planner.add_database(facts, file.path);
  }
  check_single(options, planner.plan);
  planner.check_overlaps();
  check_space(planner.plan);
  planner.look_whether_running({});
  return planner.finish();
}

}  // namespace holdfast::job
