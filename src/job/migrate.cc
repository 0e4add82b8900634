// SPDX-License-Identifier: Apache-2.0
#include "job/migrate.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "job/application_locks.h"
#include "job/hooks.h"
#include "job/instance_steps.h"
#include "job/journal.h"
#include "job/live_source.h"
#include "job/restore_plan.h"
#include "job/restore_run.h"
#include "job/scratch.h"
#include "job/served_databases.h"
#include "model/conversion.h"
#include "profile/registry.h"

namespace holdfast::job {
namespace {

// What the file names, and what an engine finds for it.
std::vector<model::DatabaseSettings> known_databases(const model::Instance& instance) {
  model::Plan plan;
  plan.databases = instance.databases;
  add_served_databases(instance, plan);
  return plan.databases;
}

void refuse_same_places(const model::Instance& source, const model::Instance& target) {
  const std::vector<model::DatabaseSettings> targets = known_databases(target);
  for (const model::DatabaseSettings& from : known_databases(source)) {
    for (const model::DatabaseSettings& to : targets) {
      if (from.uri == to.uri)
        throw Error(Errc::usage, to.uri + " is a database of the source and of the target")
            .set_hint("Name another place for " + to.name + " in " + target.file + ".");
    }
  }
}

void keep_components(const InstanceRestoreOptions& options, Survey& survey) {
  if (options.components.empty()) return;
  const auto unwanted = [&](const std::string& name) {
    return std::find(options.components.begin(), options.components.end(), name) ==
           options.components.end();
  };
  std::erase_if(survey.databases,
                [&](const auto& database) { return unwanted(database.settings.name); });
  std::erase_if(survey.files, [&](const auto& files) { return unwanted(files.name); });
}

// What is below a directory goes, even if we are killed.
class JournaledScratch {
 public:
  JournaledScratch(Journal& journal, const std::filesystem::path& path) : journal_(journal) {
    static_cast<void>(
        journal.announce("scratch", "made a directory for a migration", scratch_undo(path)));
  }
  ~JournaledScratch() {
    try {
      journal_.undo_all();
      journal_.close();
    } catch (const std::exception& error) {
      log_failure(error);
    }
  }
  JournaledScratch(const JournaledScratch&) = delete;
  JournaledScratch& operator=(const JournaledScratch&) = delete;

 private:
  Journal& journal_;
};

// Null: the target's databases are of the source's kinds.
std::shared_ptr<const model::Conversion> conversion_of(const model::Instance& source,
                                                       const model::Instance& target) {
  if (target.profile != source.profile) return nullptr;
  const model::Profile* const profile = profile::find_profile(source.profile);
  return profile == nullptr ? nullptr : profile->convert(source, target);
}

// The two sides and what becomes of the databases between them.
struct Passage {
  const model::Instance& source;
  const model::Instance& target;
  const Survey& survey;
  std::shared_ptr<const model::Conversion> conversion;

  [[nodiscard]] RestorePlan plan(const Environment& environment, const LiveSource& live,
                                 const InstanceRestoreOptions& options, model::Observer& observer,
                                 const std::stop_token& stop) const {
    if (!conversion) return plan_restore(environment, live, target, options, observer, stop);
    return plan_conversion(environment, live, survey, conversion, target, options, observer, stop);
  }
};

// Refuses, before anybody is disturbed, what the target could not take. Returns the findings, which
// have been told.
std::vector<model::Finding> check_target(const Environment& environment, const Passage& passage,
                                         const InstanceRestoreOptions& options,
                                         engine::HoldOptions hold, model::Observer& observer,
                                         const std::stop_token& stop) {
  hold.only_outline = true;
  hold.parallel = 1;
  Survey outlined = passage.survey;
  if (passage.conversion) outlined.databases.clear();  // none of them is loaded
  const LiveSource outline(environment, passage.source, outlined, hold, observer, stop);
  RestorePlan plan = passage.plan(environment, outline, options, observer, stop);
  refuse_blockers(plan.findings);
  return std::move(plan.findings);
}

// The plan for what is held now; what is new since the target was checked is told.
RestorePlan plan_held(const Environment& environment, const LiveSource& live,
                      const Passage& passage, const InstanceRestoreOptions& options,
                      const std::vector<model::Finding>& told, model::Observer& observer,
                      const std::stop_token& stop) {
  model::SilentObserver silent;
  RestorePlan plan = passage.plan(environment, live, options, silent, stop);
  for (const model::Finding& finding : plan.findings) {
    const bool is_old = std::any_of(told.begin(), told.end(), [&](const model::Finding& one) {
      return one.code == finding.code && one.component == finding.component &&
             one.seen == finding.seen;
    });
    if (!is_old) observer.finding(finding);
  }
  return plan;
}

// The application of the source while it is stopped; started in the end, whatever happens.
class StoppedApplication {
 public:
  StoppedApplication(const Environment& environment, const model::Instance& instance,
                     const Survey& survey, model::Observer& observer, const std::stop_token& stop)
      : observer_(observer),
        journal_(Journal::begin(environment.state_directory, instance.name, "migration",
                                environment.program)),
        quiesced_(std::in_place, instance, locks_of(survey), *journal_, observer, stop) {}
  ~StoppedApplication() {
    try {
      start();
    } catch (const std::exception& error) {
      log_failure(error);  // the guardian tries again
    }
  }
  // The same once all is done, which stands whatever happens now.
  [[nodiscard]] std::optional<Error> start_again() {
    try {
      start();
    } catch (const Error& error) {
      return error;
    }
    return std::nullopt;
  }
  StoppedApplication(const StoppedApplication&) = delete;
  StoppedApplication& operator=(const StoppedApplication&) = delete;

  void start() {
    if (!quiesced_ || std::exchange(was_tried_, true)) return;
    observer_.phase("starting the application");
    quiesced_->start();
    quiesced_.reset();
    journal_->close();
  }

 private:
  model::Observer& observer_;
  std::unique_ptr<Journal> journal_;
  std::optional<Quiesced> quiesced_;  // after journal_, so that it goes first
  bool was_tried_ = false;
};

// Everything of a migration but the hooks after it.
InstanceRestoreReport migrate(const Environment& environment, const model::Instance& source,
                              const model::Instance& target, const InstanceRestoreOptions& options,
                              model::Observer& observer, std::stop_source& stop) {
  resume_first(environment, source, observer, stop.get_token());
  if (target.name != source.name) resume_first(environment, target, observer, stop.get_token());
  Survey survey = survey_instance(environment, source, nullptr, options.acceptances, observer,
                                  nullptr, stop.get_token());
  refuse_blockers(survey.findings);
  const Passage passage{source, target, survey, conversion_of(source, target)};
  if (passage.conversion && !options.schema_file.empty())
    throw Error(Errc::usage, "a migration to databases of another kind takes no --schema");
  if (passage.conversion && !options.components.empty()) {
    throw Error(Errc::usage, "a migration to databases of another kind takes all components")
        .set_hint("Leave out --component.");
  }
  keep_components(options, survey);
  const std::filesystem::path scratch = new_scratch_path("holdfast-migrate", scratch_base());
  const std::unique_ptr<Journal> journal =
      Journal::begin(environment.state_directory, migration_journal(source.name), "migration",
                     environment.program);
  const JournaledScratch kept(*journal, scratch);
  make_scratch(scratch);
  engine::HoldOptions hold = hold_options(source, scratch, stop.get_token());
  const std::vector<model::Finding> told =
      check_target(environment, passage, options, hold, observer, stop.get_token());
  run_hooks(source.hooks.before_backup, "before_backup", source, observer, stop.get_token());
  std::optional<StoppedApplication> stopped;
  if (must_stop(source, survey)) {
    stopped.emplace(environment, source, survey, observer, stop.get_token());
    hold.stopped = true;
  }
  InstanceRestoreReport report;
  const LiveSource live(environment, source, survey, hold, observer, stop.get_token(),
                        passage.conversion ? LiveUse::rows : LiveUse::parts);
  const RestorePlan plan =
      plan_held(environment, live, passage, options, told, observer, stop.get_token());
  refuse_blockers(plan.findings);
  // Files have no moment but the time for which nobody writes to them.
  if (stopped && plan.files.empty() && live.lets_writers_work()) stopped->start();
  report.manifest = live.manifest();
  report.manifest.quiesced = stopped.has_value();
  run_restore(environment, &live, target, plan, options, observer, stop.get_token(), report);
  if (stopped) report.hook_failure = stopped->start_again();
  report.manifest.ended = environment.clock->now();
  return report;
}

}  // namespace

InstanceRestoreReport migrate_instance(const Environment& environment,
                                       const model::Instance& source, const model::Instance& target,
                                       const InstanceRestoreOptions& options,
                                       model::Observer& observer, std::stop_source& stop) {
  if (!options.tables.empty()) {
    throw Error(Errc::usage, "single tables are not migrated")
        .set_hint("Make a backup and restore them from it with --table.");
  }
  refuse_same_places(source, target);
  const InstanceLock only_one(environment.state_directory, source.name);
  std::optional<InstanceLock> other;
  if (target.name != source.name) other.emplace(environment.state_directory, target.name);
  InstanceRestoreReport report = with_error_hooks(target, observer, [&] {
    return with_error_hooks(source, observer, [&] {
      return migrate(environment, source, target, options, observer, stop);
    });
  });
  const auto run_after = [&](const auto& hooks, std::string_view name,
                             const model::Instance& instance) {
    report.hook_failure =
        run_after_hooks(hooks, name, instance, observer, stop.get_token(), {&source, &target});
  };
  if (report.hook_failure) {
    for (const model::Instance* one : {&source, &target})
      run_error_hooks(*one, observer, *report.hook_failure, false);
    return report;
  }
  run_after(source.hooks.after_backup, "after_backup", source);
  // What cuts over relies on them.
  if (!report.hook_failure) run_after(target.hooks.after_restore, "after_restore", target);
  return report;
}

}  // namespace holdfast::job
