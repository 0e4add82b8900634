// SPDX-License-Identifier: Apache-2.0
#include "cli/instance_forms.h"

#include "base/error.h"
#include "cli/instance_view.h"
#include "cli/snapshot_options.h"
#include "job/instance_backup.h"
#include "job/instance_restore.h"
#include "job/read_instance.h"

namespace holdfast::cli {

model::Instance instance_of(const Invocation& invocation) {
  const auto name = invocation.arguments().value("instance");
  if (!name || name->empty()) {
    Error error(Errc::usage, "no instance is named");
    error.set_hint("Name its file with -I FILE.toml; `holdfast discover` drafts one.");
    throw error;
  }
  return job::read_instance(*name);
}

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
  const model::Instance instance = instance_of(invocation);
  job::InstanceBackupOptions backup;
  backup.acceptances = acceptances_of(invocation);
  backup.tags = flat_tags(arguments.list("tag"));
  backup.host = arguments.value_or("host", "");
  backup.scrub = arguments.flag("scrub");
  const job::RepositoryAccess access = invocation.repository_access(&instance.repository);
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
  const model::Instance target = instance_of(invocation);
  job::InstanceRestoreOptions restore;
  restore.components = arguments.list("component");
  restore.tables = arguments.list("table");
  restore.replace = arguments.flag("replace");
  restore.acceptances = acceptances_of(invocation);
  const job::RepositoryAccess access = invocation.repository_access(&target.repository);
  const auto progress = invocation.progress(ProgressShape::restore);
  const job::InstanceRestoreReport report =
      job::restore_instance(invocation.job(), access, arguments.words().front(), target, restore,
                            progress->observer(), invocation.stop());
  progress->finish();
  print_instance_restore(invocation.output(), report);
}

}  // namespace holdfast::cli
