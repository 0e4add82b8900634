// SPDX-License-Identifier: Apache-2.0
#include "job/dump_migration.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/error.h"
#include "engine/registry.h"
#include "job/conversion_run.h"
#include "job/dump_conversion.h"
#include "job/hooks.h"
#include "job/instance_steps.h"
#include "job/journal.h"
#include "job/new_databases.h"
#include "job/path_switch.h"
#include "job/preflight.h"
#include "job/restore_choice.h"
#include "job/restore_plan.h"
#include "job/scratch.h"
#include "job/table_conversion.h"
#include "job/target_place.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

std::vector<const model::DatabaseSettings*> wanted_databases(
    const model::Instance& target, const InstanceRestoreOptions& options) {
  std::vector<const model::DatabaseSettings*> wanted;
  for (const model::DatabaseSettings& settings : target.databases)
    if (is_wanted(options, settings.name)) wanted.push_back(&settings);
  return wanted;
}

// What reads the first file, if none of the target's databases is of the same: null where an
// import is what was asked for, or has to say what is wrong.
const engine::FileReader* reader_for_rows(const std::vector<fs::path>& files,
                                          const model::Instance& target,
                                          const InstanceRestoreOptions& options,
                                          const std::stop_token& stop) {
  for (const engine::FileReader* reader : engine::all_engines()) {
    if (!reader->inspect(files.front(), {.others = files}, stop)) continue;
    const auto wanted = wanted_databases(target, options);
    const bool is_import =
        wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](const auto* settings) {
          return settings->engine == reader->name();
        });
    return is_import ? nullptr : reader;
  }
  return nullptr;
}

class DumpMigration {
 public:
  DumpMigration(const Environment& environment, const engine::FileReader& from,
                const std::vector<fs::path>& files, const model::Instance& target,
                const InstanceRestoreOptions& options, model::Observer& observer,
                std::stop_token stop)
      : environment_(environment),
        target_(target),
        options_(options),
        observer_(observer),
        stop_(std::move(stop)) {
    dump_.file = files.front();
    dump_.files = files;
    dump_.reader = &from;
  }

  InstanceRestoreReport run() {
    refuse_flags();
    resume_first(environment_, target_, observer_, stop_);
    observer_.phase("preflight");
    const model::DatabaseSettings& settings = choose_database();
    InstanceRestoreReport report = begin_report();
    look_at_files(settings.name);
    define_tables();
    plan(settings);
    report.findings = plan_.findings;
    refuse_blockers(plan_.findings);
    move(report);
    report.manifest.ended = environment_.clock->now();
    return report;
  }

 private:
  void refuse_flags() const {
    const auto refuse = [](std::string_view flag, std::string_view why) {
      throw Error(Errc::usage,
                  fmt::format("{}: rows of a file go into a database of another kind", flag))
          .set_hint(std::string(why));
    };
    if (options_.replace)
      refuse("--replace", "Tables that are there are never replaced; choose another database.");
    if (!options_.schema_file.empty()) refuse("--schema", "The file says what its tables are.");
  }

  [[nodiscard]] const model::DatabaseSettings& choose_database() const {
    const auto wanted = wanted_databases(target_, options_);
    if (wanted.size() == 1) return *wanted.front();
    throw Error(Errc::usage, fmt::format("{} names {} databases, and {} goes into one",
                                         target_.file, wanted.size(), dump_.file.string()))
        .set_hint("Choose it with --component.");
  }

  [[nodiscard]] InstanceRestoreReport begin_report() const {
    InstanceRestoreReport report;
    report.role = target_.restore_role == model::RestoreRole::replacement ? "replacement" : "clone";
    report.manifest.program_version = "holdfast " HOLDFAST_VERSION;
    report.manifest.instance = target_.name;
    report.manifest.profile = target_.profile;
    report.manifest.home = target_.home;
    report.manifest.hostname = environment_.hostname;
    report.manifest.started = environment_.clock->now();
    return report;
  }

  // To their end: what is damaged is found before anything is made of it.
  void look_at_files(const std::string& component) {
    std::error_code failure;
    for (const fs::path& file : dump_.files) {
      if (!fs::exists(file, failure))
        throw Error(Errc::not_found, file.string() + " does not exist");
    }
    auto inspection = dump_.reader->inspect(
        dump_.file, {.deep = true, .digests = false, .others = dump_.files}, stop_);
    if (!inspection)
      throw Error(Errc::unsupported, fmt::format("{} is no file of engine {}", dump_.file.string(),
                                                 dump_.reader->name()));
    for (model::Finding finding : inspection->findings) {
      finding.component = component;
      plan_.findings.push_back(std::move(finding));
    }
    if (!inspection->whole) refuse_damage();
    const std::set<fs::path> members(inspection->members.begin(), inspection->members.end());
    for (const fs::path& file : dump_.files) {
      if (file == dump_.file || members.contains(file)) continue;
      throw Error(Errc::usage,
                  fmt::format("{} does not belong to {}", file.string(), dump_.file.string()))
          .set_hint("Name the files of one set, or one file.");
    }
    dump_.counted = std::move(inspection->tables);
  }

  [[noreturn]] void refuse_damage() const {
    std::string seen = "it is not whole";
    for (const model::Finding& finding : plan_.findings) {
      observer_.finding(finding);
      if (finding.severity == model::Severity::blocker) seen = finding.seen;
    }
    throw Error(Errc::corrupt, fmt::format("{}: {}", dump_.file.string(), seen))
        .set_hint("`holdfast inspect --deep` says all that is wrong with it.");
  }

  void define_tables() {
    dump_.tables = dump_.reader->define_tables(dump_.file, dump_.files, stop_);
    std::set<std::string> missing(options_.tables.begin(), options_.tables.end());
    keep_tables(options_.tables, dump_.tables, missing);
    if (!missing.empty())
      throw Error(Errc::not_found,
                  fmt::format("{} has no table \"{}\"", dump_.file.string(), *missing.begin()))
          .set_hint("`holdfast inspect` lists what it has.");
    if (dump_.tables.empty()) throw Error(Errc::not_found, dump_.file.string() + " holds no table");
    std::erase_if(dump_.counted, [&](const model::TableFacts& facts) {
      return std::none_of(dump_.tables.begin(), dump_.tables.end(), [&](const auto& table) {
        return table.name == model::TableName{facts.schema, facts.table};
      });
    });
  }

  // What is made, and whether it can be made where it is to be. Nothing is touched.
  void plan(const model::DatabaseSettings& settings) {
    const engine::Engine* const into = engine::find_engine(settings.engine);
    std::vector<model::NewTable> tables;
    if (into != nullptr) {
      const model::Endpoint endpoint = make_endpoint(settings, stop_);
      into->check_endpoint(endpoint);
      tables = in_context("designing tables for " + settings.uri,
                          [&] { return into->design(endpoint, dump_.tables); });
      std::ranges::move(notes_of_held({"", dump_.tables, settings, tables}),
                        std::back_inserter(plan_.findings));
      if (const fs::path path = local_path(endpoint); !path.empty()) need_space(path);
    } else {
      tables.resize(dump_.tables.size());
    }
    plan_.conversion = convert_dump(dump_, settings, std::move(tables));
    std::vector<model::Finding> found;
    plan_.new_databases = look_at_new_databases(*plan_.conversion, {}, {}, found, stop_);
    for (const model::Finding& finding : found) {
      if (finding.code == "target-not-empty")
        throw Error(Errc::exists, finding.seen).set_hint(finding.mend);
      plan_.findings.push_back(finding);
    }
    apply_acceptances(target_, options_.acceptances, *environment_.clock, plan_.findings);
    for (const model::Finding& finding : plan_.findings) observer_.finding(finding);
  }

  void need_space(const fs::path& path) {
    Space space;
    for (const fs::path& file : dump_.files) {
      std::error_code unknown;
      const std::uintmax_t size_bytes = fs::file_size(file, unknown);
      if (!unknown) space.need(path, size_bytes);
    }
    space.report(plan_.findings);
  }

  void move(InstanceRestoreReport& report) {
    const std::unique_ptr<Journal> journal = Journal::begin(
        environment_.state_directory, target_.name, "migration", environment_.program);
    const fs::path scratch = new_scratch_path("holdfast-migrate", scratch_base());
    Changes changes(*journal);
    const std::uint64_t entry =
        journal->announce("scratch", "made a directory for scratch", scratch_undo(scratch));
    try {
      make_scratch(scratch);
      run_hooks(target_.hooks.before_restore, "before_restore", target_, observer_, stop_);
      if (const fs::path path = local_path(plan_.new_databases.at(0).endpoint); !path.empty())
        make_directories(path.parent_path(), changes);
      engine::LoadOptions load;
      load.scratch_directory = scratch;
      load.parallel = parallel_of(target_);
      convert_rows(plan_, *open_dump(dump_, load.parallel), load, changes, *environment_.clock,
                   observer_, stop_, report);
      if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
      changes.settle();
    } catch (const std::exception&) {
      put_back(*journal);
      throw;
    }
    try {
      journal->undo(entry);
      journal->close();
    } catch (const std::exception& error) {
      observer_.warning("the directory for scratch could not be removed: " +
                        std::string(error.what()) + "; `holdfast resume` tries again");
    }
  }

  void put_back(Journal& journal) {
    try {
      observer_.phase("taking away what was made");
      journal.undo_all([this](const std::string& left) { observer_.warning(left); });
      journal.close();
    } catch (const std::exception& error) {
      observer_.warning("not everything could be taken away: " + std::string(error.what()) +
                        "; `holdfast resume` tries again");
    }
  }

  const Environment& environment_;
  const model::Instance& target_;
  const InstanceRestoreOptions& options_;
  model::Observer& observer_;
  const std::stop_token stop_;
  Dump dump_;
  RestorePlan plan_;
};

}  // namespace

InstanceRestoreReport migrate_rows(const Environment& environment, const engine::FileReader& from,
                                   const std::vector<fs::path>& files,
                                   const model::Instance& target,
                                   const InstanceRestoreOptions& options, model::Observer& observer,
                                   std::stop_source& stop) {
  const auto only_one = lock_instance(environment, target, options.lock);
  InstanceRestoreReport report = with_error_hooks(target, observer, [&] {
    return DumpMigration(environment, from, files, target, options, observer, stop.get_token())
        .run();
  });
  report.hook_failure = run_after_hooks(target.hooks.after_restore, "after_restore", target,
                                        observer, stop.get_token());
  return report;
}

InstanceRestoreReport migrate_dump(const Environment& environment,
                                   const std::vector<fs::path>& files,
                                   const model::Instance& target,
                                   const InstanceRestoreOptions& options, model::Observer& observer,
                                   std::stop_source& stop) {
  if (files.empty()) throw Error(Errc::usage, "nothing to migrate is named");
  const engine::FileReader* const reader =
      reader_for_rows(files, target, options, stop.get_token());
  if (reader == nullptr)
    return import_instance(environment, files, target, options, observer, stop);
  return migrate_rows(environment, *reader, files, target, options, observer, stop);
}

}  // namespace holdfast::job
