// SPDX-License-Identifier: Apache-2.0
#include "cli/instance_forms.h"

#include "base/error.h"
#include "cli/instance_view.h"
#include "cli/snapshot_options.h"
#include "job/instance_backup.h"
#include "job/instance_restore.h"

namespace holdfast::cli {

std::vector<job::Acceptance> acceptances_of(const Invocation& invocation) {
  std::vector<job::Acceptance> acceptances;
  for (const std::string& text : invocation.arguments().list("accept")) {
    acceptances.push_back(job::parse_acceptance(text));
  }
  return acceptances;
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
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::backup);
  const job::InstanceBackupReport report = job::backup_instance(
      invocation.job(), access, instance, backup, progress->observer(), invocation.stop());
  progress->finish();
  print_instance_backup(invocation.output(), report, "");
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
  job::InstanceRestoreOptions restore;
  restore.components = arguments.list("component");
  restore.tables = arguments.list("table");
  restore.replace = arguments.flag("replace");
  restore.acceptances = acceptances_of(invocation);
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::restore);
  const job::InstanceRestoreReport report =
      job::restore_instance(invocation.job(), access, arguments.words().front(), target, restore,
                            progress->observer(), invocation.stop());
  progress->finish();
  print_instance_restore(invocation.output(), report);
}

}  // namespace holdfast::cli
