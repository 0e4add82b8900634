// SPDX-License-Identifier: Apache-2.0
#include "job/instance_backup.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/crew.h"
#include "base/error.h"
#include "base/fd.h"
#include "job/application_locks.h"
#include "job/copy_findings.h"
#include "job/export_target.h"
#include "job/hold_entries.h"
#include "job/holds.h"
#include "job/hooks.h"
#include "job/instance_access.h"
#include "job/instance_sink.h"
#include "job/instance_steps.h"
#include "job/journal.h"
#include "job/quiet_look.h"
#include "job/restore_text.h"
#include "job/scratch.h"
#include "model/copy_facts.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

// One run of a backup or an export, from quiesce to the manifest. Its steps are called in the order
// in which they stand.
class InstanceCopy {
 public:
  InstanceCopy(const Environment& environment, const model::Instance& instance,
               const Survey& survey, const std::vector<Acceptance>& acceptances,
               const model::Manifest* last, InstanceSink& sink, model::Observer& observer,
               std::stop_token stop)
      : environment_(environment),
        instance_(instance),
        survey_(survey),
        acceptances_(acceptances),
        check_(survey.make_check ? survey.make_check() : nullptr),
        last_(last),
        sink_(sink),
        observer_(observer),
        stop_(std::move(stop)),
        scratch_(new_scratch_path("holdfast-backup", scratch_base())),
        journal_(Journal::begin(environment.state_directory, instance.name, "backup",
                                environment.program)),
        scratch_entry_(
            journal_->announce("scratch", "made a directory for a backup", scratch_undo(scratch_))),
        on_servers_(survey, *journal_),
        quiet_({environment, instance, survey, acceptances, observer, stop_}) {
    make_scratch(scratch_);
    manifest_.program_version = "holdfast " HOLDFAST_VERSION;
    manifest_.instance = instance.name;
    manifest_.profile = instance.profile;
    manifest_.home = instance.home;
    manifest_.hostname = environment.hostname;
    manifest_.started = environment.clock->now();
    manifest_.profile_facts = survey.profile_facts;
    for (const model::Finding& finding : survey.findings) {
      if (finding.severity != model::Severity::note) manifest_.findings.push_back(finding);
      if (leaves_out(finding)) manifest_.complete = false;
    }
    for (const ProbedDatabase& database : survey.databases) {
      if (database.engine == nullptr || !database.probe.exists) manifest_.complete = false;
    }
  }

  // What is not put back here is the guardian's.
  ~InstanceCopy() {
    quiesced_.reset();
    try {
      quiet_.end();
    } catch (const std::exception& error) {
      log_failure(error);
    }
    try {
      on_servers_.undo();
      journal_->undo(scratch_entry_);
      if (journal_->is_settled()) journal_->close();
    } catch (const std::exception& error) {
      log_failure(error);
    }
  }
  InstanceCopy(const InstanceCopy&) = delete;
  InstanceCopy& operator=(const InstanceCopy&) = delete;

  // False if what must not move meanwhile has moved: then there is no copy. The hooks of a copy
  // that `is_repeated` have run.
  [[nodiscard]] bool run(bool is_repeated = false) {
    sink_.show_files_to(check_.get());
    const bool stops = must_stop(instance_, survey_);
    if (stops) warm_up();
    if (!is_repeated)
      run_hooks(instance_.hooks.before_backup, "before_backup", instance_, observer_, stop_);
    // What would start something comes first, then the end of what runs is waited for.
    quiet_.begin(*journal_, manifest_.profile_facts);
    if (stops) {
      quiet_.look(model::QuietMoment::settling, manifest_, instance_.quiesce.timeout);
      quiesced_.emplace(instance_, locks_of(survey_), *journal_, observer_, stop_);
      manifest_.quiesced = true;
      quiet_.look(model::QuietMoment::still, manifest_, instance_.quiesce.timeout);
    }
    copy();
    if (!moved_.empty()) return false;
    describe_trees();
    if (last_ != nullptr)
      for (model::Finding& finding : lost_tables(*last_, manifest_))
        add_finding(std::move(finding));
    prove();
    finish();
    return true;
  }

  [[nodiscard]] model::Manifest& manifest() noexcept { return manifest_; }
  [[nodiscard]] const std::string& moved() const noexcept { return moved_; }
  [[nodiscard]] std::uint64_t stopped_ms() const noexcept { return stopped_ms_; }

 private:
  void warm_up() {
    observer_.phase("warming up");
    for (const model::FilesSettings& files : survey_.files) {
      model::FilesFacts ignored;
      ignored.directory = "files/" + model::escape_name(files.name);
      sink_.save_files(files, true, ignored, stop_);
    }
    for (const ProbedDatabase& database : survey_.databases) {
      for (const model::Part& part : database.probe.trees) {
        model::FilesFacts ignored;
        ignored.directory = "databases/" + model::escape_name(database.settings.name);
        sink_.save_files(as_files(part, database.settings.name), true, ignored, stop_);
      }
    }
  }

  static model::FilesSettings as_files(const model::Part& tree, const std::string& component) {
    model::FilesSettings files;
    files.name = component;
    files.paths = {tree.directory.string()};
    files.exclude = tree.exclude;
    return files;
  }

  // Which file sets some database wants copied before it.
  [[nodiscard]] std::set<std::string> early_files() const {
    std::set<std::string> names;
    for (const ProbedDatabase& database : survey_.databases)
      names.insert(database.settings.after.begin(), database.settings.after.end());
    return names;
  }

  void copy() {
    const std::set<std::string> early = early_files();
    save_files([&](const std::string& name) { return early.contains(name); });
    // Those may have taken long.
    if (!quiesced_) quiet_.look(model::QuietMoment::still, manifest_);
    options_ = hold_options(instance_, scratch_, stop_);
    options_.stopped = quiesced_.has_value();
    if (check_) {
      options_.row_tap = [this](std::string_view component, const model::TableName& table) {
        return check_->rows(component, table);
      };
    }
    options_.before_change = on_servers_.announcer();
    Holds holds(survey_, options_);
    observer_.phase("capturing");
    holds.capture(instance_.limits, *environment_.clock, manifest_, observer_);
    quiet_.look(model::QuietMoment::during, manifest_);
    const auto later = [&](const std::string& name) { return !early.contains(name); };
    // First those whose writers wait for it: even to ask others for their parts may take long.
    std::vector<Holds::Member*> urgent, others;
    for (Holds::Member& member : holds.members())
      (member.hold->lets_writers_work() ? others : urgent).push_back(&member);
    facts_.clear();
    facts_.resize(survey_.databases.size());
    save_parts(urgent);
    if (quiesced_) {
      // All moments are fixed: once these and the files are copied, the application need not wait
      // for the bytes of the others.
      save_files(later);
      end(urgent);
      look_whether_moved();
      start_application();
      if (!moved_.empty()) return;
      save_parts(others);
      end(others);
    } else {
      save_parts(others);
      quiet_.look(model::QuietMoment::during, manifest_);
      describe(urgent);
      describe(others);
      save_files(later);
      for (Holds::Member& member : holds.members()) member.hold->release();
      look_whether_moved();
      quiet_.end();
    }
    note_moments(holds);
  }

  void look_whether_moved() {
    if (!survey_.state.empty()) moved_ = what_moved(survey_.state, plan_of(instance_).state);
    quiet_.look(model::QuietMoment::after, manifest_);
  }

  void end(const std::vector<Holds::Member*>& members) {
    describe(members);
    for (Holds::Member* member : members) member->hold->release();
  }

  template <typename Wanted>
  void save_files(Wanted wanted) {
    for (const model::FilesSettings& files : survey_.files) {
      if (!wanted(files.name)) continue;
      observer_.phase("copying files " + files.name);
      model::FilesFacts facts;
      facts.name = files.name;
      facts.directory = "files/" + model::escape_name(files.name);
      facts.exclude = files.exclude;
      sink_.save_files(files, false, facts, stop_);
      note_unreadable(facts);
      manifest_.files.push_back(std::move(facts));
    }
  }

  void note_unreadable(const model::FilesFacts& facts) {
    std::optional<model::Finding> finding = unreadable_files(facts);
    if (!finding) return;
    manifest_.complete = false;
    add_finding(std::move(*finding));
  }

  void add_finding(model::Finding finding) {
    observer_.finding(finding);
    manifest_.findings.push_back(std::move(finding));
  }

  // What each copy says of itself.
  void describe(const std::vector<Holds::Member*>& members) {
    observer_.phase("checking the copies");
    for (Holds::Member* member : members) {
      for (std::size_t i = 0; i < member->databases.size(); ++i) {
        model::DatabaseFacts& facts = facts_[member->databases[i]];
        std::sort(facts.parts.begin(), facts.parts.end(),
                  [](const auto& a, const auto& b) { return a.path < b.path; });
        in_context("checking the copy of " + facts.name,
                   [&] { member->hold->describe(i, facts, stop_); });
      }
    }
  }

  // All parts of these, `parallel` at once.
  void save_parts(const std::vector<Holds::Member*>& members) {
    struct Task {
      engine::Hold* hold;
      std::size_t database;  // of the hold
      model::Part part;
      model::DatabaseFacts* facts;
    };
    std::vector<Task> tasks;
    for (Holds::Member* one : members) {
      Holds::Member& member = *one;
      for (std::size_t i = 0; i < member.databases.size(); ++i) {
        const ProbedDatabase& database = survey_.databases[member.databases[i]];
        model::DatabaseFacts& facts = facts_[member.databases[i]];
        facts.name = database.settings.name;
        facts.directory = "databases/" + model::escape_name(database.settings.name);
        facts.engine = database.settings.engine;
        facts.uri = database.settings.uri;
        facts.version = database.probe.version;
        for (model::Part& part : member.hold->parts(i)) {
          if (part.kind == model::PartKind::tree) {
            save_tree(part, facts);
            continue;
          }
          observer_.bytes_total += part.bytes_estimate;
          tasks.push_back({member.hold.get(), i, std::move(part), &facts});
        }
      }
    }
    observer_.phase("copying databases");
    std::mutex mutex;  // guards next and the facts' parts
    std::size_t next = 0;
    Crew crew;
    const std::stop_callback forward(stop_, [&] { crew.request_stop(); });
    for (unsigned i = 0; i < std::min<std::size_t>(options_.parallel, tasks.size()); ++i) {
      crew.start([&](std::stop_token stop) {
        while (!stop.stop_requested()) {
          std::unique_lock lock(mutex);
          if (next == tasks.size()) return;
          Task& task = tasks[next++];
          lock.unlock();
          const std::uint64_t size_bytes =
              in_context("copying " + task.part.path + " of " + task.facts->name, [&] {
                return sink_.save_part(*task.hold, task.database, task.part,
                                       part_place(*task.facts, task.part.path), stop);
              });
          lock.lock();
          task.facts->parts.push_back({task.part.path, size_bytes});
        }
      });
    }
    crew.join();
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
  }

  // Nobody may write to a tree while it is copied, so that it is whole or no copy at all.
  void save_tree(const model::Part& part, model::DatabaseFacts& facts) {
    check_rule(facts.parts.empty(), "a database that is a tree has no other part");
    observer_.phase("copying database " + facts.name);
    model::FilesFacts tree;
    tree.directory = facts.directory;
    sink_.save_files(as_files(part, facts.name), false, tree, stop_);
    if (!tree.unreadable.empty()) {
      throw Error(Errc::not_consistent,
                  "database " + facts.name + ": " + tree.unreadable[0] + " could not be read")
          .set_hint("Give this user the right to read it.");
    }
    facts.parts.push_back({part.path, tree.bytes, true, tree.content_sha256});
  }

  // What the trees that were saved hold, while the application runs again.
  void describe_trees() {
    for (model::DatabaseFacts& facts : manifest_.databases) {
      if (facts.parts.size() != 1 || !facts.parts[0].is_tree) continue;
      const auto database =
          std::find_if(survey_.databases.begin(), survey_.databases.end(),
                       [&](const auto& one) { return one.settings.name == facts.name; });
      observer_.phase("examining the copy of " + facts.name);
      in_context("examining the copy of " + facts.name,
                 [&] { describe_copy(*database->engine, database->endpoint, facts); });
      note_unread_rows(facts);
    }
  }

  void describe_copy(const engine::Engine& engine, const model::Endpoint& endpoint,
                     model::DatabaseFacts& facts) {
    for (;;) {
      model::DatabaseFacts described = facts;
      try {
        engine.describe_copy(*sink_.parts(facts), endpoint, options_, described, stop_);
        facts = std::move(described);
        return;
      } catch (const Error& error) {  // tried again where there is another copy
        if (!sink_.reads_elsewhere(error)) throw;
      }
    }
  }

  void note_unread_rows(const model::DatabaseFacts& facts) {
    std::optional<model::Finding> finding = unread_rows(facts);
    if (!finding) return;
    const bool is_told = std::any_of(
        survey_.findings.begin(), survey_.findings.end(),
        [&](const auto& one) { return one.code == finding->code && one.component == facts.name; });
    if (!is_told) add_finding(std::move(*finding));
  }

  // What the profile makes of the rows and files that passed.
  void prove() {
    if (!check_) return;
    observer_.phase("proving the copy");
    std::vector<model::Finding> findings = check_->findings();
    apply_acceptances(instance_, acceptances_, *environment_.clock, findings);
    const model::Finding* blocker = nullptr;
    for (const model::Finding& finding : findings) {
      if (blocker == nullptr && finding.severity == model::Severity::blocker && !finding.accepted)
        blocker = &finding;
      if (leaves_out(finding)) manifest_.complete = false;
      add_finding(finding);
    }
    if (const auto* facts = dynamic_cast<const model::CopyFacts*>(check_.get()))
      manifest_.profile_facts = facts->facts(std::move(manifest_.profile_facts));
    if (blocker == nullptr) return;
    throw Error(Errc::not_consistent,
                "the copy is not whole: " + blocker->seen + " (" + blocker->code + ")")
        .set_hint(blocker->mend.empty() ? "No snapshot was written." : blocker->mend);
  }

  void note_moments(Holds& holds) {
    for (Holds::Member& member : holds.members()) {
      for (std::size_t i = 0; i < member.databases.size(); ++i) {
        model::DatabaseFacts& facts = facts_[member.databases[i]];
        facts.moment = member.hold->moment(i);
        facts.moment.fenced = manifest_.fenced;
      }
    }
    for (model::DatabaseFacts& facts : facts_) {
      if (!facts.name.empty()) manifest_.databases.push_back(std::move(facts));
    }
    for (model::Finding& finding :
         judge_moments(instance_.limits, holds.members().size(), manifest_))
      add_finding(std::move(finding));
  }

  void start_application() {
    if (!quiesced_) return;
    observer_.phase("starting the application");
    quiesced_->start();
    stopped_ms_ = quiesced_->stopped_ms();
    quiesced_.reset();
    quiet_.end();
  }

  void finish() {
    manifest_.ended = environment_.clock->now();
    sink_.save_text("RESTORE.md", restore_text(manifest_));
    sink_.save_manifest(manifest_);
  }

  const Environment& environment_;
  const model::Instance& instance_;
  const Survey& survey_;
  const std::vector<Acceptance>& acceptances_;
  const std::unique_ptr<model::CopyCheck> check_;
  const model::Manifest* last_;
  InstanceSink& sink_;
  model::Observer& observer_;
  std::stop_token stop_;
  const fs::path scratch_;
  std::unique_ptr<Journal> journal_;
  std::uint64_t scratch_entry_;
  HoldEntries on_servers_;
  QuietWatch quiet_;  // after journal_, so that it goes first
  model::Manifest manifest_;
  std::vector<model::DatabaseFacts>
      facts_;  // as the survey's databases; without name where left out
  std::optional<Quiesced> quiesced_;
  std::uint64_t stopped_ms_ = 0;
  engine::HoldOptions options_;
  std::string moved_;  // what must not move while it is copied, and did
};

// A copy during which the application's configuration changed is made again, so often at most.
constexpr unsigned copies_max = 3;

void refuse_unrest(unsigned tries, const std::string& moved) {
  if (tries < copies_max) return;
  throw Error(Errc::not_consistent, moved + " changed while it was copied")
      .set_hint("Run it again when nobody adds or removes parts of the application.");
}

// What the snapshots of all repositories have in common.
format::SnapshotFile new_snapshot(const Environment& environment, const model::Instance& instance,
                                  const InstanceBackupOptions& options, const Timestamp& begun) {
  format::SnapshotFile snapshot;
  snapshot.time = begun;
  snapshot.paths = {snapshot_path(instance.name)};
  snapshot.hostname = options.host.empty() ? environment.hostname : options.host;
  snapshot.username = environment.username;
  snapshot.uid = environment.uid;
  snapshot.gid = environment.gid;
  snapshot.tags = {std::string(instance_tag), "profile=" + instance.profile};
  snapshot.tags.insert(snapshot.tags.end(), options.tags.begin(), options.tags.end());
  snapshot.program_version = program_version_text();
  return snapshot;
}

InstanceBackupReport copy_into(BackupRepositories& repositories, const Environment& environment,
                               const model::Instance& instance,
                               const InstanceBackupOptions& options, model::Observer& observer,
                               const std::stop_source& stop) {
  const LastBackup& last = repositories.last();
  const Timestamp begun = environment.clock->now();
  InstanceBackupReport report;
  for (unsigned tries = 1;; ++tries) {
    const Survey survey =
        survey_instance(environment, instance, last.manifest(), options.acceptances, observer,
                        last.failure(), stop.get_token());
    refuse_blockers(survey.findings);
    RepositorySink sink(environment, repositories.destinations(), repositories.places(),
                        model::escape_name(instance.name), options.scrub, observer);
    {
      InstanceCopy copy(environment, instance, survey, options.acceptances, last.manifest(), sink,
                        observer, stop.get_token());
      if (!copy.run(tries > 1)) {
        // What was stored is stored, so that the next try has little to do.
        refuse_unrest(tries, copy.moved());
        observer.note(copy.moved() + " changed meanwhile: copying again");
        continue;
      }
      observer.phase("writing the snapshot");
      sink.finish();
      report.manifest = std::move(copy.manifest());
      report.stopped_ms = copy.stopped_ms();
    }
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    repositories.save_snapshots(new_snapshot(environment, instance, options, begun), sink,
                                report.manifest);
    break;
  }
  report.repositories = repositories.outcomes();
  for (const RepositoryOutcome& one : report.repositories) {
    if (!one.snapshot || report.snapshot) continue;
    report.snapshot = one.snapshot;
    report.summary = one.summary;
  }
  return report;
}

// Everything of a backup but its hooks around it.
InstanceBackupReport back_up(const Environment& environment, const RepositoryAccess& access,
                             const model::Instance& instance, const InstanceBackupOptions& options,
                             model::Observer& observer, std::stop_source& stop) {
  resume_first(environment, instance, observer, stop.get_token());
  observer.phase("opening the repository");
  std::vector<RepositoryAccess> accesses = {access};
  accesses.insert(accesses.end(), options.extra_repositories.begin(),
                  options.extra_repositories.end());
  BackupRepositories repositories(environment, accesses, instance.name, true, observer, stop);
  try {
    return copy_into(repositories, environment, instance, options, observer, stop);
  } catch (const Error& error) {  // several repositories may have failed one after the other
    throw repositories.failure(error);
  }
}

InstanceBackupReport export_to(const Environment& environment, const model::Instance& instance,
                               const fs::path& given, const InstanceBackupOptions& options,
                               model::Observer& observer, const std::stop_source& stop) {
  resume_first(environment, instance, observer, stop.get_token());
  const fs::path target = check_export_target(given);
  const Survey survey = survey_instance(environment, instance, nullptr, options.acceptances,
                                        observer, nullptr, stop.get_token());
  check_export_apart(target, survey);
  refuse_blockers(survey.findings);

  const GrowingExport growing(environment, instance.name, target);
  DirectorySink sink(environment, growing.copy(), observer);
  make_directories(growing.copy());
  InstanceCopy copy(environment, instance, survey, options.acceptances, nullptr, sink, observer,
                    stop.get_token());
  if (!copy.run()) refuse_unrest(copies_max, copy.moved());
  if (::rename(growing.copy().c_str(), target.c_str()) != 0) {
    throw system_error(errno, "putting the export at " + target.string());
  }
  fsync_directory(target.parent_path());
  InstanceBackupReport report;
  report.manifest = std::move(copy.manifest());
  report.stopped_ms = copy.stopped_ms();
  return report;
}

}  // namespace

InstanceBackupReport backup_instance(const Environment& environment, const RepositoryAccess& access,
                                     const model::Instance& instance,
                                     const InstanceBackupOptions& options,
                                     model::Observer& observer, std::stop_source& stop) {
  const auto only_one = lock_instance(environment, instance, options.lock);
  InstanceBackupReport report = with_error_hooks(
      instance, observer,
      [&] { return back_up(environment, access, instance, options, observer, stop); },
      access.password_typed);
  report.hook_failure = run_after_hooks(instance.hooks.after_backup, "after_backup", instance,
                                        observer, stop.get_token());
  return report;
}

InstanceBackupReport export_instance(const Environment& environment,
                                     const model::Instance& instance, const fs::path& target,
                                     const InstanceBackupOptions& options,
                                     model::Observer& observer, std::stop_source& stop) {
  const auto only_one = lock_instance(environment, instance, options.lock);
  InstanceBackupReport report = with_error_hooks(instance, observer, [&] {
    return export_to(environment, instance, target, options, observer, stop);
  });
  report.hook_failure = run_after_hooks(instance.hooks.after_backup, "after_backup", instance,
                                        observer, stop.get_token());
  return report;
}

}  // namespace holdfast::job
