// SPDX-License-Identifier: Apache-2.0
#include "job/instance_restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/crew.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/units.h"
#include "job/application_check.h"
#include "job/application_locks.h"
#include "job/application_rights.h"
#include "job/conversion_run.h"
#include "job/drill.h"
#include "job/hooks.h"
#include "job/import_files.h"
#include "job/inherited_endpoints.h"
#include "job/instance_source.h"
#include "job/instance_steps.h"
#include "job/journal.h"
#include "job/path_switch.h"
#include "job/restore_plan.h"
#include "job/restore_run.h"
#include "job/scratch.h"
#include "job/target_place.h"
#include "job/workspace_restore.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t differences_shown = 10;

// "_before_20261120T105601Z"
std::string kept_suffix(Clock& clock) {
  const Timestamp now = clock.now();
  const CalendarTime utc = calendar({now.seconds, now.nanoseconds, 0});
  return fmt::format("_before_{:04}{:02}{:02}T{:02}{:02}{:02}Z", utc.year, utc.month, utc.day,
                     utc.hour, utc.minute, utc.second);
}

bool lies_below(const fs::path& path, const fs::path& directory) {
  const auto [end, rest] =
      std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
  return end == directory.end() && rest != path.end();
}

// Of what was compared only what concerns the chosen tables.
void keep_tables(const std::vector<model::TableName>& tables, model::DatabaseFacts& facts) {
  const auto chosen = [&](const std::string& schema, const std::string& table) {
    return std::any_of(tables.begin(), tables.end(), [&](const auto& name) {
      return name.schema == schema && name.table == table;
    });
  };
  std::erase_if(facts.tables,
                [&](const auto& table) { return !chosen(table.schema, table.table); });
  facts.objects.clear();
}

// One restore from the first hook to the last comparison. All of it, or nothing.
class RestoreRun {
 public:
  RestoreRun(const Environment& environment, const InstanceSource* source,
             const model::Instance& target, const RestorePlan& plan,
             const InstanceRestoreOptions& options, model::Observer& observer, std::stop_token stop)
      : environment_(environment),
        source_(source),
        target_(target),
        plan_(plan),
        options_(options),
        observer_(observer),
        stop_(std::move(stop)),
        suffix_(kept_suffix(*environment.clock)),
        scratch_(new_scratch_path("holdfast-restore", scratch_base())) {
    for (const DatabaseTarget& database : plan.databases) {
      if (const fs::path path = local_path(database.endpoint); !path.empty())
        later_.push_back(path);
    }
    for (const FilesTarget& files : plan.files) {
      for (const PathTarget& path : files.paths) {
        if (is_inner(path.path)) later_.push_back(path.path);
      }
    }
    later_.insert(later_.end(), plan.locks.begin(), plan.locks.end());
  }

  void run(InstanceRestoreReport& report) {
    journal_ =
        Journal::begin(environment_.state_directory, target_.name, "restore", environment_.program);
    changes_.emplace(*journal_);
    const std::uint64_t scratch =
        journal_->announce("scratch", "made a directory for scratch", scratch_undo(scratch_));
    try {
      make_scratch(scratch_);
      run_hooks(target_.hooks.before_restore, "before_restore", target_, observer_, stop_);
      all_or_nothing(report);
    } catch (const std::exception&) {
      put_back();
      throw;
    }
    forget(scratch);
  }

 private:
  void all_or_nothing(InstanceRestoreReport& report) {
    if (must_stop()) quiesced_.emplace(target_, locks_of(plan_), *journal_, observer_, stop_);
    for (const fs::path& place : plan_.locks) locks_.take(place);
    // What a server makes public may be written to at once: that comes last, when all is proven.
    restore_files_beside();
    if (!plan_.shared.empty()) put_shared(*source_, plan_.shared, *changes_, observer_, stop_);
    load_databases(false, report);
    switch_files(report);
    load_databases(true, report);
    compare(report);
    convert(report);
    if (source_ != nullptr) {
      observer_.phase("adapting the application's files");
      const auto left = adapt_application(*source_, target_, plan_, report);
      tell_endpoints(report);
      observer_.phase("checking what the application will find");
      check_application(environment_, *source_, target_, plan_, left, options_, observer_);
    }
    if (source_ != nullptr) source_->release();
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    switch_databases(report);
    changes_->settle();
    tidy();
    if (source_ != nullptr && !plan_.databases.empty())
      tell_findings(find_missing_rights(target_, plan_, stop_), report);
    locks_.release();
    if (quiesced_) {
      observer_.phase("starting the application");
      quiesced_->start();
    }
  }

  // All is done: what cannot be thrown away now is left to `resume`.
  void forget(std::uint64_t scratch) {
    try {
      journal_->undo(scratch);
      journal_->close();
    } catch (const std::exception& error) {
      observer_.warning("the directory for scratch could not be removed: " +
                        std::string(error.what()) + "; `holdfast resume` tries again");
    }
  }

  // Whatever fails here stays in the journal.
  void put_back() {
    try {
      observer_.phase("putting back what was there");
      journal_->undo_all([this](const std::string& left) { observer_.warning(left); });
      locks_.put_back();
      locks_.release();
      quiesced_.reset();
      journal_->close();
    } catch (const std::exception& error) {
      observer_.warning("not everything could be put back: " + std::string(error.what()) +
                        "; `holdfast resume` tries again");
    }
  }

  [[nodiscard]] bool must_stop() const {
    if (plan_.role != "replacement" || target_.quiesce.stop.empty()) return false;
    if (target_.quiesce.when == model::QuiesceWhen::always || plan_.is_running) return true;
    return std::any_of(plan_.databases.begin(), plan_.databases.end(),
                       [](const DatabaseTarget& database) { return database.probe.needs_stop; });
  }

  struct Item {
    const FilesTarget* files;
    const PathTarget* target;
    std::optional<PathSwitch> change;
  };

  // Those that lie in no other.
  void restore_files_beside() {
    for (const FilesTarget& files : plan_.files) {
      for (const PathTarget& target : files.paths)
        if (!is_inner(target.path)) switched_.push_back({&files, &target, std::nullopt});
    }
    for (Item& item : switched_) restore_beside(item);
  }

  // They, and then those that lie in them.
  void switch_files(InstanceRestoreReport& report) {
    for (Item& item : switched_) switch_in(item, options_.replace, report);
    std::vector<Item> inner;
    for (const FilesTarget& files : plan_.files) {
      for (const PathTarget& target : files.paths)
        if (is_inner(target.path)) inner.push_back({&files, &target, std::nullopt});
    }
    std::sort(inner.begin(), inner.end(),
              [](const Item& a, const Item& b) { return a.target->path < b.target->path; });
    for (Item& item : inner) {
      restore_beside(item);
      // What is in its place came with the outer one, so it is ours.
      switch_in(item, true, report);
      switched_.push_back(std::move(item));
    }
  }

  [[nodiscard]] bool is_inner(const fs::path& path) const {
    return std::any_of(plan_.files.begin(), plan_.files.end(), [&](const FilesTarget& files) {
      return std::any_of(files.paths.begin(), files.paths.end(),
                         [&](const PathTarget& other) { return lies_below(path, other.path); });
    });
  }

  void restore_beside(Item& item) {
    observer_.phase("restoring files " + item.files->facts.name);
    item.change.emplace(item.target->path, *changes_, item.target->aside);
    const std::uint64_t failed = in_context("restoring " + item.target->path.string(), [&] {
      return source_->restore(item.target->place, item.change->fresh(), true, observer_, stop_);
    });
    if (failed == 0) return lock_beside(item);
    throw Error(Errc::io, fmt::format("{} items below {} could not be restored", failed,
                                      item.target->path.string()))
        .set_hint("Nothing was changed; what was in the way is told above.");
  }

  // Whoever starts the application as soon as it is in its place is kept out until all of it is.
  void lock_beside(const Item& item) {
    const fs::path& path = item.target->path;
    for (const fs::path& place : plan_.locks) {
      const bool is_deeper = std::any_of(later_.begin(), later_.end(), [&](const fs::path& inner) {
        return lies_below(inner, path) && lies_below(place, inner);
      });
      if (!lies_below(place, path) || is_deeper) continue;
      const fs::path fresh = item.change->fresh() / place.lexically_relative(path);
      if (is_really_below(fresh, item.change->fresh())) locks_.take(fresh);
    }
  }

  void switch_in(Item& item, bool replace, InstanceRestoreReport& report) {
    const fs::path kept = item.change->named(suffix_);
    const bool has_kept = item.change->switch_in(replace, kept);
    if (has_kept) locks_.moved(item.target->path, kept);
    locks_.moved(item.change->fresh(), item.target->path);
    if (!has_kept) return;
    std::error_code unknown;
    const fs::path parent = item.target->path.parent_path();
    // Through a link it is somebody else's.
    if (is_inner(item.target->path) && fs::canonical(parent, unknown) == parent) {
      ours_.push_back(kept);
    } else {
      report.kept.push_back(kept.string() + "; remove it with: rm -rf " +
                            shell_quote(kept.string()));
    }
  }

  // Those that are files may lie in what was restored; those of servers are left beside.
  void load_databases(bool files, InstanceRestoreReport& report) {
    std::vector<std::string> differences;
    for (const DatabaseTarget& database : plan_.databases) {
      const fs::path path = local_path(database.endpoint);
      if (path.empty() == files) continue;
      const std::string& name = database.facts.name;
      observer_.phase("loading database " + name);
      if (files) {
        make_directories(path.parent_path(), *changes_);
        // By whichever links it is reached, it lies in a directory that is compared.
        later_.push_back(fs::canonical(path.parent_path()) / path.filename());
      }
      engine::LoadOptions load = load_options(target_, options_, database);
      load.kept_suffix = suffix_;
      load.scratch_directory = scratch_;
      load.leave_beside = true;
      load.takes_place = plan_.role == "replacement";
      load.statements = database.statements;
      for (const std::string& one : load.statements) observer_.note(name + ": run there: " + one);
      load.before_change = [this, &database](std::string_view what, const Json& undo) {
        changes_->announce("engine", database.facts.name + ": " + std::string(what),
                           engine_undo(database.settings, undo, is_last_switch_));
      };
      engine::LoadReport loaded = in_context("loading database " + name, [&] {
        if (!database.file.empty())
          return database.engine->import_file(database.file, database.endpoint, load, stop_);
        return database.engine->load(*source_->parts(database.facts), database.facts,
                                     database.endpoint, load, stop_);
      });
      for (std::string& line : loaded.kept) report.kept.push_back(std::move(line));
      tell(name, loaded.left_out, loaded.notes, report);
      if (loaded.found) compare_database_target(database, &*loaded.found, differences, report);
      loaded_.emplace(&database, std::move(loaded));
    }
    refuse_differences(differences);
  }

  // All are proven. Only what is wrong with the server itself can fail from here on; what cannot be
  // put back then comes last.
  void switch_databases(InstanceRestoreReport& report) {
    std::vector<const DatabaseTarget*> order;
    for (const DatabaseTarget& database : plan_.databases)
      if (loaded_.at(&database).switch_in) order.push_back(&database);
    std::stable_partition(order.begin(), order.end(), [&](const DatabaseTarget* database) {
      return !loaded_.at(database).switches_last;
    });
    for (const DatabaseTarget* database : order) {
      const std::string doing = "putting database " + database->facts.name + " in its place";
      observer_.phase(doing);
      is_last_switch_ = database == order.back();
      for (std::string& line : in_context(doing, loaded_.at(database).switch_in))
        report.kept.push_back(std::move(line));
      if (const auto& later = loaded_.at(database).later)
        tell(database->facts.name, later->left_out, later->notes, report);
    }
  }

  // What is not there as it was makes the result incomplete.
  void tell(const std::string& name, const std::vector<std::string>& left_out,
            const std::vector<std::string>& notes, InstanceRestoreReport& report) {
    for (const std::string& line : left_out) report.missing.push_back(name + ": " + line);
    for (const std::string& line : notes) observer_.warning(name + ": " + line);
  }

  void compare(InstanceRestoreReport& report) {
    observer_.phase("comparing");
    std::vector<std::string> differences;
    for (const DatabaseTarget& database : plan_.databases) {
      if (!loaded_.at(&database).found)
        compare_database_target(database, nullptr, differences, report);
    }
    for (const FilesTarget& files : plan_.files) compare_files(files, differences, report);
    refuse_differences(differences);
  }

  static void refuse_differences(std::vector<std::string>& differences) {
    if (differences.empty()) return;
    const std::size_t more =
        differences.size() > differences_shown ? differences.size() - differences_shown : 0;
    if (more > 0) differences.resize(differences_shown);
    throw Error(Errc::differs, fmt::format("what was restored is not what was backed up: {}{}",
                                           fmt::join(differences, "; "),
                                           more > 0 ? fmt::format("; and {} more", more) : ""));
  }

  // `proven` is what the engine found there before anybody else could write to it; without, it is
  // looked at.
  void compare_database_target(const DatabaseTarget& database, const model::DatabaseFacts* proven,
                               std::vector<std::string>& differences,
                               InstanceRestoreReport& report) {
    model::DatabaseFacts found = database.facts;
    found.tables.clear();
    found.objects.clear();
    found.uri = database.settings.uri;
    if (proven != nullptr) {
      found.version = proven->version;
      found.engine_facts = proven->engine_facts;
      found.tables = proven->tables;
      found.objects = proven->objects;
    } else {
      in_context("looking at " + database.settings.uri,
                 [&] { database.engine->describe(database.endpoint, found, stop_); });
    }
    model::DatabaseFacts expected = database.facts;
    if (source_ != nullptr && database.file.empty()) source_->complete(expected, stop_);
    // A file that was not looked into promises nothing.
    const bool comparable =
        database.file.empty() || !expected.tables.empty() || !expected.objects.empty();
    model::DatabaseFacts compared = found;
    if (!database.tables.empty()) {
      keep_tables(database.tables, expected);
      keep_tables(database.tables, compared);
    }
    if (comparable) {
      database.engine->harmonize(expected, compared, load_options(target_, options_, database));
      for (const DrillCheck& check : compare_database(expected, compared)) {
        if (check.passed) continue;
        differences.push_back(fmt::format("{}: {}: {} instead of {}", check.component, check.name,
                                          check.found, check.expected));
      }
    }
    std::uint64_t rows = 0;
    for (const model::TableFacts& table : compared.tables) rows += table.rows;
    const bool digests = comparable && !expected.tables.empty() &&
                         std::all_of(expected.tables.begin(), expected.tables.end(),
                                     [](const auto& table) { return !table.digest.empty(); });
    report.databases.push_back(fmt::format(
        "{} → {}: {}, {}, {}", database.facts.name, database.settings.uri,
        counted(compared.tables.size(), "table", "tables"), counted(rows, "row", "rows"),
        !comparable               ? "nothing to compare with"
        : digests                 ? "digests equal"
        : options_.sequence       ? fmt::format("up to record {}", *options_.sequence)
        : expected.tables.empty() ? "files equal"
                                  : "counts equal"));
    if (source_ == nullptr) report.manifest.databases.push_back(std::move(found));
  }

  // Contents were read back before the switch; here all metadata are looked at once more, in their
  // place. What was put in a directory afterwards, by design, is no difference.
  void compare_files(const FilesTarget& files, std::vector<std::string>& differences,
                     InstanceRestoreReport& report) {
    for (const PathTarget& target : files.paths) {
      const InstanceSource::Place place = source_->find(target.place);
      const NodeCounts& counts = target.counts;
      for (const NodeDifference& difference :
           compare_node(*place.parent, place.node, target.path, false, 100, stop_)) {
        if (changed_since(target.path, difference)) continue;
        differences.push_back(fmt::format("{}: {}: {} instead of {}", files.facts.name,
                                          difference.path, difference.found, difference.expected));
      }
      report.files.push_back(fmt::format(
          "{} → {}: {}, {}, {}, contents and metadata equal", files.facts.name,
          target.path.string(), counted(counts.files, "file", "files"),
          counted(counts.directories, "directory", "directories"), format_bytes(counts.bytes)));
    }
  }

  // What its databases hold goes into others.
  void convert(InstanceRestoreReport& report) {
    if (plan_.conversion == nullptr) return;
    engine::LoadOptions load;
    load.scratch_directory = scratch_;
    load.parallel = parallel_of(target_);
    convert_rows(plan_, *source_, load, *changes_, *environment_.clock, observer_, stop_, report);
  }

  void tell_endpoints(InstanceRestoreReport& report) {
    if (plan_.role != "clone" || plan_.workspace) return;
    if (const auto endpoints = find_inherited_endpoints(source_->profile_facts()))
      tell_findings({*endpoints}, report);
  }

  void tell_findings(const std::vector<model::Finding>& findings, InstanceRestoreReport& report) {
    for (const model::Finding& finding : findings) {
      observer_.finding(finding);
      report.findings.push_back(finding);
    }
  }

  // What this very restore has put into a directory that it restored: it is nothing too many, and
  // the directory's time is that of now.
  [[nodiscard]] bool changed_since(const fs::path& target, const NodeDifference& difference) const {
    return std::any_of(later_.begin(), later_.end(), [&](const fs::path& place) {
      if (!lies_below(place, target)) return false;
      const std::string text = place.string();
      // Databases have siblings: "data.db-wal", and what is made beside them until the switch.
      if (difference.path == text || difference.path.starts_with(text + "/") ||
          difference.path.starts_with(text + "-") || difference.path.starts_with(text + suffix_) ||
          difference.path.starts_with(text + ".holdfast-")) {
        return true;
      }
      return lies_below(place, difference.path) &&
             (difference.expected == "nothing" || difference.expected.starts_with("modified "));
    });
  }

  void tidy() {
    for (Item& item : switched_) item.change->tidy();
    for (const fs::path& path : ours_) {
      try {
        erase_tree(path);
      } catch (const std::exception& error) {
        observer_.warning(error.what());
      }
    }
  }

  const Environment& environment_;
  const InstanceSource* source_;  // null: single files are imported
  const model::Instance& target_;
  const RestorePlan& plan_;
  const InstanceRestoreOptions& options_;
  model::Observer& observer_;
  std::stop_token stop_;
  std::string suffix_;
  const fs::path scratch_;
  std::unique_ptr<Journal> journal_;
  std::optional<Changes> changes_;
  std::optional<Quiesced> quiesced_;  // after journal_, so that it goes first
  ApplicationLocks locks_;            // and they before the application starts
  std::vector<Item> switched_;        // or about to be
  std::map<const DatabaseTarget*, engine::LoadReport> loaded_;
  bool is_last_switch_ = false;
  std::vector<fs::path> later_;  // what may lie in a restored directory without being of it
  std::vector<fs::path> ours_;   // kept without need: removed in the end
};

}  // namespace

std::string counted(std::uint64_t number, std::string_view one, std::string_view several) {
  std::string text = std::to_string(number);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text + " " + std::string(number == 1 ? one : several);
}

void run_restore(const Environment& environment, const InstanceSource* source,
                 const model::Instance& target, const RestorePlan& plan,
                 const InstanceRestoreOptions& options, model::Observer& observer,
                 const std::stop_token& stop, InstanceRestoreReport& report) {
  refuse_blockers(plan.findings);
  report.role = plan.role;
  report.findings = plan.findings;
  report.missing = plan.missing;
  if (plan.databases.empty() && plan.files.empty() && plan.new_databases.empty()) {
    throw Error(Errc::usage, "there is nothing to restore")
        .set_hint("Choose other components with --component.");
  }
  RestoreRun(environment, source, target, plan, options, observer, stop).run(report);
}

namespace {

// Everything of a restore but the hooks around it.
InstanceRestoreReport restore_snapshot(const Environment& environment,
                                       const RepositoryAccess& access, std::string_view snapshot,
                                       const model::Instance& target,
                                       const InstanceRestoreOptions& options,
                                       model::Observer& observer, std::stop_source& stop) {
  resume_first(environment, target, observer, stop.get_token());
  observer.phase("opening the repository");
  OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  const archive::Snapshot found = find_instance_snapshot(*opened.repository, snapshot, target.name,
                                                         environment.hostname, observer);
  opened.repository->load_index(observer);
  const std::unique_ptr<InstanceSource> source =
      open_instance_source(*opened.repository, found.file.tree, stop.get_token());
  InstanceRestoreReport report;
  report.manifest = source->manifest();
  const RestorePlan plan =
      plan_restore(environment, *source, target, options, observer, stop.get_token());
  run_restore(environment, source.get(), target, plan, options, observer, stop.get_token(), report);
  return report;
}

InstanceRestoreReport import_sources(const Environment& environment,
                                     const std::vector<fs::path>& sources,
                                     const model::Instance& target,
                                     const InstanceRestoreOptions& options,
                                     model::Observer& observer, const std::stop_source& stop) {
  resume_first(environment, target, observer, stop.get_token());
  InstanceRestoreReport report;
  std::error_code failure;
  if (sources.size() == 1 && fs::is_directory(sources[0], failure) &&
      !is_dump(sources[0], stop.get_token())) {
    const std::unique_ptr<InstanceSource> source =
        open_instance_source(sources[0], stop.get_token());
    report.manifest = source->manifest();
    const RestorePlan plan =
        plan_restore(environment, *source, target, options, observer, stop.get_token());
    run_restore(environment, source.get(), target, plan, options, observer, stop.get_token(),
                report);
    return report;
  }
  report.manifest.program_version = "holdfast " HOLDFAST_VERSION;
  report.manifest.instance = target.name;
  report.manifest.profile = target.profile;
  report.manifest.home = target.home;
  report.manifest.hostname = environment.hostname;
  report.manifest.started = environment.clock->now();
  const RestorePlan plan =
      plan_import(environment, sources, target, options, observer, stop.get_token());
  run_restore(environment, nullptr, target, plan, options, observer, stop.get_token(), report);
  report.manifest.ended = environment.clock->now();
  return report;
}

}  // namespace

InstanceRestoreReport restore_instance(const Environment& environment,
                                       const RepositoryAccess& access, std::string_view snapshot,
                                       const model::Instance& target,
                                       const InstanceRestoreOptions& options,
                                       model::Observer& observer, std::stop_source& stop) {
  const auto only_one = lock_instance(environment, target, options.lock);
  InstanceRestoreReport report = with_error_hooks(
      target, observer,
      [&] {
        return restore_snapshot(environment, access, snapshot, target, options, observer, stop);
      },
      access.password_typed);
  report.hook_failure = run_after_hooks(target.hooks.after_restore, "after_restore", target,
                                        observer, stop.get_token());
  return report;
}

InstanceRestoreReport import_instance(const Environment& environment,
                                      const std::vector<fs::path>& sources,
                                      const model::Instance& target,
                                      const InstanceRestoreOptions& options,
                                      model::Observer& observer, std::stop_source& stop) {
  if (sources.empty()) throw Error(Errc::usage, "nothing to import is named");
  const auto only_one = lock_instance(environment, target, options.lock);
  InstanceRestoreReport report = with_error_hooks(target, observer, [&] {
    return import_sources(environment, sources, target, options, observer, stop);
  });
  report.hook_failure = run_after_hooks(target.hooks.after_restore, "after_restore", target,
                                        observer, stop.get_token());
  return report;
}

}  // namespace holdfast::job
