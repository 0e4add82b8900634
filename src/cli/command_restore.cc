// SPDX-License-Identifier: Apache-2.0
// restore: files out of a snapshot.
#include <fmt/format.h>

#include <array>
#include <chrono>

#include "base/error.h"
#include "base/path.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/instance_forms.h"
#include "cli/invocation.h"
#include "cli/snapshot_options.h"
#include "cli/snapshot_view.h"
#include "cli/text.h"
#include "job/files_restore.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "target",
           .letter = 't',
           .kind = OptionKind::value,
           .value_name = "directory",
           .help = "where to; made if it is missing"},
    Option{.name = "overwrite",
           .kind = OptionKind::value,
           .value_name = "when",
           .help = "what to do with files that are there: always, if-changed, if-newer or never "
                   "(default: always)",
           .values = "always if-changed if-newer never"},
    Option{.name = "delete", .help = "remove from the target what the snapshot does not have"},
    Option{.name = "dry-run", .help = "write nothing, but show with -vv what would be done"},
    Option{.name = "ownership-by-name",
           .help = "give files to the users and groups that have the names of their owners here"},
    Option{.name = "sparse", .help = "leave holes where files hold zeros"},
    Option{.name = "verify", .help = "read back what was restored and compare"},
    Option{.name = "exclude-xattr",
           .kind = OptionKind::list,
           .value_name = "pattern",
           .help = "leave out extended attributes whose names match"},
    Option{.name = "include-xattr",
           .kind = OptionKind::list,
           .value_name = "pattern",
           .help = "take only extended attributes whose names match"},
};

archive::RestoreOptions restore_options(const Arguments& arguments) {
  const auto target = arguments.value("target");
  if (!target || target->empty()) {
    Error error(Errc::usage, "no directory to restore to is given");
    error.set_hint("Name it with --target.");
    throw error;
  }
  archive::RestoreOptions restore;
  restore.target = absolute_path(*target);
  restore.excludes = path_patterns(arguments, "exclude");
  restore.includes = path_patterns(arguments, "include");
  if (!restore.excludes.empty() && !restore.includes.empty()) {
    throw Error(Errc::usage, "exclude and include patterns cannot be used together");
  }
  for (const std::string& pattern : arguments.list("exclude-xattr"))
    restore.xattr_excludes.add(pattern, false);
  for (const std::string& pattern : arguments.list("include-xattr"))
    restore.xattr_includes.add(pattern, false);
  if (!restore.xattr_excludes.empty() && !restore.xattr_includes.empty()) {
    throw Error(Errc::usage, "--exclude-xattr and --include-xattr cannot be used together");
  }
  restore.overwrite = archive::parse_overwrite(arguments.value_or("overwrite", "always"));
  restore.delete_extra = arguments.flag("delete");
  restore.ownership_by_name = arguments.flag("ownership-by-name");
  restore.sparse = arguments.flag("sparse");
  restore.verify = arguments.flag("verify");
  restore.dry_run = arguments.flag("dry-run");
  if (restore.dry_run && restore.verify) {
    throw Error(Errc::usage, "--dry-run and --verify cannot be used together");
  }
  if (restore.delete_extra && restore.target == "/" && restore.excludes.empty() &&
      restore.includes.empty()) {
    throw Error(Errc::usage, "--delete with the target / needs an include or exclude pattern");
  }
  return restore;
}

void print_text(Output& output, const archive::RestoreReport& report,
                std::chrono::seconds duration) {
  const bool is_all =
      report.files_restored == report.files_total && report.bytes_restored == report.bytes_total;
  std::string text =
      is_all ? fmt::format("Summary: Restored {} files/dirs ({}) in {}", report.files_total,
                           format_bytes(report.bytes_total), format_duration(duration))
             : fmt::format("Summary: Restored {} / {} files/dirs ({} / {}) in {}",
                           report.files_restored, report.files_total,
                           format_bytes(report.bytes_restored), format_bytes(report.bytes_total),
                           format_duration(duration));
  if (report.files_skipped > 0) {
    text += fmt::format(", skipped {} files/dirs {}", report.files_skipped,
                        format_bytes(report.bytes_skipped));
  }
  if (report.files_deleted > 0)
    text += fmt::format(", deleted {} files/dirs", report.files_deleted);
  output.message(text);
}

void print_json(Output& output, const archive::RestoreReport& report,
                std::chrono::seconds duration) {
  Json line = Json::object().set("message_type", "summary");
  const auto set_unless_zero = [&line](std::string_view key, std::uint64_t value) {
    if (value != 0) line.set(key, value);
  };
  set_unless_zero("seconds_elapsed", static_cast<std::uint64_t>(duration.count()));
  set_unless_zero("total_files", report.files_total);
  set_unless_zero("files_restored", report.files_restored);
  set_unless_zero("files_skipped", report.files_skipped);
  set_unless_zero("files_deleted", report.files_deleted);
  set_unless_zero("total_bytes", report.bytes_total);
  set_unless_zero("bytes_restored", report.bytes_restored);
  set_unless_zero("bytes_skipped", report.bytes_skipped);
  output.json_line(line);
}

void run(Invocation& invocation) {
  invocation.expect_words(1, 1, "one snapshot");
  const Arguments& arguments = invocation.arguments();
  job::FilesRestoreOptions restore;
  restore.snapshot = arguments.words().front();
  restore.filter = snapshot_filter(invocation);
  restore.restore = restore_options(arguments);
  Output& output = invocation.output();
  const job::RepositoryAccess access = invocation.repository_access();
  const auto begun = std::chrono::steady_clock::now();
  const auto progress = invocation.progress(ProgressShape::restore);
  const archive::RestoreReport report = job::restore_files(
      invocation.job(), access, restore,
      [&](const archive::Snapshot& snapshot) {
        output.message(fmt::format("restoring {} to {}", snapshot_line(snapshot),
                                   printable(restore.restore.target.string())));
      },
      progress->observer(), invocation.stop());
  progress->finish();
  const auto duration =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begun);
  if (output.json()) {
    print_json(output, report, duration);
  } else {
    print_text(output, report, duration);
  }
  if (report.items_failed > 0) {
    Error error(Errc::io, counted(report.items_failed, "item") + " could not be restored");
    error.set_hint("They are listed above; everything else is restored.");
    throw error;
  }
}

}  // namespace

constinit const Command restore_command{
    .name = "restore",
    .group = VerbGroup::snapshots,
    .arguments = "[flags] SNAPSHOT[:SUBFOLDER] --target DIRECTORY",
    .summary = "Bring files back from a snapshot",
    .description =
        "Brings the files of a snapshot, or of one folder in it, back below the target. A snapshot "
        "is named by id, prefix of "
        "an id, or \"latest\". Nothing is written outside the target, whatever the snapshot holds.",
    .options = {options, exclude_options, include_options, snapshot_filter_options},
    .run = run,
    .run_instance = run_instance_restore,
    .instance_arguments = "SNAPSHOT -I NEW.toml [flags]",
    .instance_options = {instance_restore_options, schema_options, sequence_options,
                         workspace_options},
    .plain_sign = "target",
    .words = "latest",
};

}  // namespace holdfast::cli
