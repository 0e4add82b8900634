// SPDX-License-Identifier: Apache-2.0
#include "cli/instance_forms.h"

#include <fmt/format.h>

#include <cstdint>
#include <limits>

#include "base/error.h"
#include "base/path.h"
#include "cli/instance_view.h"
#include "cli/progress.h"
#include "cli/snapshot_options.h"
#include "job/instance_backup.h"
#include "job/instance_restore.h"
#include "job/instance_steps.h"
#include "job/journal.h"

namespace holdfast::cli {

namespace {

// What the way to the repositories of a job that has the instance's lock takes. If that cannot be
// told, the job has failed, and its on_error hooks run.
template <typename Body>
decltype(auto) for_job(Invocation& invocation, const model::Instance& instance, const Body& body) {
  TroubleObserver observer(invocation.output());
  return job::with_error_hooks(instance, observer, body);
}

// Which repositories have no copy, and why; empty if all have.
std::string failed_repositories(const job::InstanceBackupReport& report) {
  std::string failed;
  for (const job::RepositoryOutcome& one : report.repositories) {
    if (!one.failure) continue;
    failed += (failed.empty() ? "" : "; ") + one.location + ": " + one.failure->message();
  }
  return failed;
}

}  // namespace

std::vector<job::Acceptance> acceptances_of(const Invocation& invocation) {
  std::vector<job::Acceptance> acceptances;
  for (const std::string& text : invocation.arguments().list("accept")) {
    acceptances.push_back(job::parse_acceptance(text));
  }
  return acceptances;
}

job::InstanceRestoreOptions restore_options_of(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  job::InstanceRestoreOptions restore;
  restore.components = arguments.list("component");
  restore.tables = arguments.list("table");
  restore.replace = arguments.flag("replace");
  restore.acceptances = acceptances_of(invocation);
  if (const auto schema = arguments.value("schema")) {
    if (schema->empty()) throw Error(Errc::usage, "--schema names no file");
    restore.schema_file = absolute_path(*schema);
  }
  return restore;
}

void run_instance_backup(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const Arguments& arguments = invocation.arguments();
  const model::Instance& instance = invocation.instance();
  job::InstanceBackupOptions backup;
  backup.acceptances = acceptances_of(invocation);
  backup.tags = flat_tags(arguments.list("tag"));
  backup.host = arguments.value_or("host", "");
  backup.scrub = arguments.flag("scrub");
  const job::InstanceLock only_one(invocation.job().state_directory, instance.name);
  backup.lock = &only_one;
  backup.extra_repositories =
      for_job(invocation, instance, [&] { return invocation.backup_accesses(); });
  const job::RepositoryAccess access = std::move(backup.extra_repositories.front());
  backup.extra_repositories.erase(backup.extra_repositories.begin());
  const auto progress = invocation.progress(ProgressShape::backup);
  const job::InstanceBackupReport report = job::backup_instance(
      invocation.job(), access, instance, backup, progress->observer(), invocation.stop());
  progress->finish();
  print_instance_backup(invocation.output(), report, "");
  const std::string failed = failed_repositories(report);
  refuse_failed_hook(report.hook_failure, report.manifest.complete && failed.empty(),
                     "The snapshot is written and valid; only the hook failed.");
  if (!failed.empty()) {
    throw Error(Errc::incomplete, "not every repository has a copy: " + failed)
        .set_hint(
            std::string("The others have theirs; mend what failed and run the backup again.") +
            (report.manifest.complete
                 ? ""
                 : " Besides, items are missing from the snapshot, as listed above."));
  }
  if (report.manifest.complete) return;
  Error error(Errc::incomplete,
              "the snapshot is incomplete: " + instance.name + " has items that are not in it");
  error.set_hint("They are listed above and in the snapshot's holdfast.json.");
  throw error;
}

void run_instance_restore(Invocation& invocation) {
  invocation.expect_words(1, 1, "one snapshot");
  const Arguments& arguments = invocation.arguments();
  const model::Instance& target = invocation.instance();
  job::InstanceRestoreOptions restore = restore_options_of(invocation);
  restore.workspace = arguments.value_or("workspace", "");
  restore.sequence = arguments.number("sequence", std::numeric_limits<std::uint64_t>::max());
  const job::InstanceLock only_one(invocation.job().state_directory, target.name);
  restore.lock = &only_one;
  const job::RepositoryAccess access =
      for_job(invocation, target, [&] { return invocation.repository_access(); });
  const auto progress = invocation.progress(ProgressShape::restore);
  const job::InstanceRestoreReport report =
      job::restore_instance(invocation.job(), access, arguments.words().front(), target, restore,
                            progress->observer(), invocation.stop());
  progress->finish();
  finish_instance_restore(invocation, report);
}

void finish_instance_restore(Invocation& invocation, const job::InstanceRestoreReport& report) {
  print_instance_restore(invocation.output(), report);
  refuse_failed_hook(report.hook_failure, report.missing.empty(),
                     "Everything is in place and was compared; only the hook failed.");
  if (report.missing.empty()) return;
  throw incomplete_error("restored", report.manifest.instance, "everything else is in place");
}

Error incomplete_error(std::string_view done, std::string_view instance, std::string_view rest) {
  Error error(Errc::incomplete,
              fmt::format("what was {} is incomplete: some of {} is not in it", done, instance));
  error.set_hint(fmt::format("It is listed above; {}.", rest));
  return error;
}

void refuse_failed_hook(const std::optional<Error>& failure, bool complete, std::string_view hint) {
  if (!failure) return;
  Error error = *failure;
  throw error.set_hint(std::string(hint) +
                       (complete ? "" : " Besides, something is missing, as listed above."));
}

}  // namespace holdfast::cli
