// SPDX-License-Identifier: Apache-2.0
#include "job/migrate.h"

#include <algorithm>
#include <optional>

#include "base/crew.h"
#include "base/error.h"
#include "base/fd.h"
#include "job/hooks.h"
#include "job/instance_steps.h"
#include "job/journal.h"
#include "job/live_source.h"
#include "job/restore_plan.h"
#include "job/restore_run.h"
#include "job/scratch.h"

namespace holdfast::job {
namespace {

// A migration that needs the application stopped is one with a backup between.
void refuse_stops(const model::Instance& source, const Survey& survey) {
  const bool needs = std::any_of(survey.databases.begin(), survey.databases.end(),
                                 [](const auto& database) { return database.probe.needs_stop; });
  if (!needs) return;
  throw Error(Errc::blocked,
              "a database of " + source.name + " cannot be copied while its application runs")
      .set_hint("Make a backup, which stops it, and restore that.");
}

void refuse_same_places(const model::Instance& source, const model::Instance& target) {
  for (const model::DatabaseSettings& from : source.databases) {
    for (const model::DatabaseSettings& to : target.databases) {
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

// Everything of a migration but the hooks around it.
InstanceRestoreReport migrate(const Environment& environment, const model::Instance& source,
                              const model::Instance& target, const InstanceRestoreOptions& options,
                              model::Observer& observer, std::stop_source& stop) {
  resume_first(environment, source, observer, stop.get_token());
  if (target.name != source.name) resume_first(environment, target, observer, stop.get_token());
  Survey survey = survey_instance(environment, source, nullptr, options.acceptances, observer,
                                  nullptr, stop.get_token());
  refuse_blockers(survey.findings);
  refuse_stops(source, survey);
  keep_components(options, survey);
  const TemporaryDirectory scratch("holdfast-migrate", scratch_base());
  // Under a name of its own: what is done to the target has a journal too.
  const std::unique_ptr<Journal> journal = Journal::begin(
      environment.state_directory, "migration of " + source.name, "migration", environment.program);
  const JournaledScratch kept(*journal, scratch.path());
  engine::HoldOptions hold;
  hold.fence_max = std::chrono::milliseconds(source.limits.fence_ms);
  hold.writer_stall_max = std::chrono::milliseconds(source.limits.writer_stall_ms);
  hold.scratch_directory = scratch.path();
  hold.parallel = source.limits.parallel != 0 ? source.limits.parallel : cores_available();
  hold.stop = stop.get_token();
  run_hooks(source.hooks.before_backup, "before_backup", source, observer, stop.get_token());
  InstanceRestoreReport report;
  const LiveSource live(environment, source, survey, hold, observer, stop.get_token());
  report.manifest = live.manifest();
  const RestorePlan plan =
      plan_restore(environment, live, target, options, observer, stop.get_token());
  run_restore(environment, &live, target, plan, options, observer, stop.get_token(), report);
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
  InstanceRestoreReport report = with_error_hooks(source, observer, [&] {
    return with_error_hooks(target, observer, [&] {
      return migrate(environment, source, target, options, observer, stop);
    });
  });
  report.hook_failure = run_after_hooks(source.hooks.after_backup, "after_backup", source, observer,
                                        stop.get_token());
  if (report.hook_failure) return report;  // what cuts over relies on it
  report.hook_failure = run_after_hooks(target.hooks.after_restore, "after_restore", target,
                                        observer, stop.get_token());
  return report;
}

}  // namespace holdfast::job
