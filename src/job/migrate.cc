// SPDX-License-Identifier: Apache-2.0
#include "job/migrate.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "job/application_locks.h"
#include "job/hold_entries.h"
#include "job/hooks.h"
#include "job/instance_steps.h"
#include "job/journal.h"
#include "job/live_conversion.h"
#include "job/live_source.h"
#include "job/quiet_look.h"
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

// Null: the target's databases are of the source's kinds. `survey`: of what is chosen; what has
// none of the chosen tables leaves it.
std::shared_ptr<const model::Conversion> conversion_of(const model::Instance& source,
                                                       const model::Instance& target,
                                                       Survey& survey,
                                                       const InstanceRestoreOptions& options,
                                                       const std::stop_token& stop) {
  if (changes_kinds(source, target, options)) return convert_live(survey, target, options, stop);
  if (target.profile != source.profile) return nullptr;
  const model::Profile* const profile = profile::find_profile(source.profile);
  auto conversion = profile == nullptr ? nullptr : profile->convert(source, target);
  if (conversion && !options.components.empty()) {
    throw Error(Errc::usage, "this migration to databases of another kind takes all components")
        .set_hint("Leave out --component.");
  }
  return conversion;
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

// The source while it is copied: its databases kept quiet, its application stopped if it must be.
// Both are let go whatever happens, the application first.
class RestingSource {
 public:
  // `copied`: what of the survey is copied.
  RestingSource(const QuietWatch::Job& job, const Survey& copied)
      : job_(job),
        copied_(copied),
        journal_(Journal::begin(job.environment.state_directory, job.instance.name, "migration",
                                job.environment.program)),
        watch_(job) {}
  ~RestingSource() {
    try {
      static_cast<void>(end());
      if (journal_->is_settled()) journal_->close();
    } catch (const std::exception& error) {
      log_failure(error);
    }
  }
  RestingSource(const RestingSource&) = delete;
  RestingSource& operator=(const RestingSource&) = delete;

  void rest(model::Manifest& told) {
    const std::chrono::milliseconds patience = job_.instance.quiesce.timeout;
    const bool stops = must_stop(job_.instance, copied_);
    watch_.begin(*journal_, told.profile_facts);
    if (stops) {
      watch_.look(model::QuietMoment::settling, told, patience);
      quiesced_.emplace(job_.instance, locks_of(copied_), *journal_, job_.observer, job_.stop);
    }
    watch_.look(model::QuietMoment::still, told, stops ? patience : std::chrono::milliseconds(0));
  }
  [[nodiscard]] bool is_stopped() const noexcept { return quiesced_ && !was_tried_; }
  void look(model::QuietMoment moment, model::Manifest& told) { watch_.look(moment, told); }
  void start() {
    if (!quiesced_ || std::exchange(was_tried_, true)) return;
    job_.observer.phase("starting the application");
    quiesced_->start();
    quiesced_.reset();
  }
  // Once all is done, which stands whatever happens now: what fails is the guardian's.
  [[nodiscard]] std::optional<Error> end() {
    std::optional<Error> failure;
    const auto attempt = [&](const auto& work) {
      try {
        work();
      } catch (const Error& error) {
        log_failure(error);
        if (!failure) failure = error;
      }
    };
    attempt([&] { start(); });
    attempt([&] { watch_.end(); });
    return failure;
  }

 private:
  const QuietWatch::Job job_;
  const Survey& copied_;
  bool was_tried_ = false;  // to start it
  std::unique_ptr<Journal> journal_;
  QuietWatch watch_;                  // after journal_, so that it goes first
  std::optional<Quiesced> quiesced_;  // and it before the other
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
  const Survey whole = survey;  // all of it rests, whatever is copied
  keep_components(options, survey);
  const Passage passage{source, target, survey,
                        conversion_of(source, target, survey, options, stop.get_token())};
  if (passage.conversion && !options.schema_file.empty())
    throw Error(Errc::usage, "a migration to databases of another kind takes no --schema");
  const std::filesystem::path scratch = new_scratch_path("holdfast-migrate", scratch_base());
  const std::unique_ptr<Journal> journal =
      Journal::begin(environment.state_directory, migration_journal(source.name), "migration",
                     environment.program);
  const JournaledScratch kept(*journal, scratch);
  HoldEntries on_servers(survey, *journal);  // undone with the scratch
  make_scratch(scratch);
  engine::HoldOptions hold = hold_options(source, scratch, stop.get_token());
  hold.before_change = on_servers.announcer();
  const std::vector<model::Finding> told =
      check_target(environment, passage, options, hold, observer, stop.get_token());
  run_hooks(source.hooks.before_backup, "before_backup", source, observer, stop.get_token());
  RestingSource resting(
      {environment, source, whole, options.acceptances, observer, stop.get_token()}, survey);
  model::Manifest looked;  // what looking at the source says, until there is a manifest
  looked.findings = survey.findings;
  looked.profile_facts = survey.profile_facts;
  resting.rest(looked);
  survey.profile_facts = looked.profile_facts;
  hold.stopped = resting.is_stopped();
  LiveSource live(environment, source, survey, hold, observer, stop.get_token(),
                  passage.conversion ? LiveUse::rows : LiveUse::parts);
  resting.look(model::QuietMoment::during, looked);
  const RestorePlan plan =
      plan_held(environment, live, passage, options, told, observer, stop.get_token());
  refuse_blockers(plan.findings);
  InstanceRestoreReport report;
  report.manifest = live.manifest();
  report.manifest.quiesced = resting.is_stopped();
  // Files have no moment but the time for which nobody writes to them.
  if (resting.is_stopped() && plan.files.empty() && live.lets_writers_work()) {
    resting.look(model::QuietMoment::after, looked);
    resting.start();
  } else {
    live.before_release([&] { resting.look(model::QuietMoment::after, looked); });
  }
  run_restore(environment, &live, target, plan, options, observer, stop.get_token(), report);
  report.manifest.profile_facts = std::move(looked.profile_facts);
  report.manifest.findings.insert(
      report.manifest.findings.end(),
      std::next(looked.findings.begin(), static_cast<std::ptrdiff_t>(survey.findings.size())),
      looked.findings.end());
  if (plan.role == "replacement" && survey.quiet && !plan.databases.empty()) {
    report.missing.push_back(
        "both " + source.name +
        " and the replacement that was made of it do from now on what they do by themselves "
        "(schedulers, jobs): stop one of them before the next is due");
  }
  report.hook_failure = resting.end();
  report.manifest.ended = environment.clock->now();
  return report;
}

}  // namespace

InstanceRestoreReport migrate_instance(const Environment& environment,
                                       const model::Instance& source, const model::Instance& target,
                                       const InstanceRestoreOptions& options,
                                       model::Observer& observer, std::stop_source& stop) {
  if (!options.tables.empty() && !changes_kinds(source, target, options)) {
    throw Error(Errc::usage, "single tables are migrated to databases of another kind alone")
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
