// SPDX-License-Identifier: Apache-2.0
// backup: files, directories or a stream into a snapshot.
#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "base/units.h"
#include "cli/backup_view.h"
#include "cli/commands.h"
#include "cli/instance_forms.h"
#include "cli/invocation.h"
#include "cli/snapshot_options.h"
#include "cli/source_paths.h"
#include "cli/text.h"
#include "job/files_backup.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{
        .name = "dry-run", .letter = 'n', .help = "write nothing, but show what would be written"},
    Option{.name = "exclude-caches",
           .help = "leave out what is in directories with a CACHEDIR.TAG file"},
    Option{.name = "exclude-if-present",
           .kind = OptionKind::list,
           .value_name = "name[:header]",
           .help = "leave out what is in directories that hold a file of this name, beginning with "
                   "the header; "
                   "that file itself is kept"},
    Option{.name = "exclude-larger-than",
           .kind = OptionKind::value,
           .value_name = "size",
           .help = "leave out files above this size, such as 500M"},
    Option{
        .name = "force", .letter = 'f', .help = "read every file again, without a parent snapshot"},
    Option{.name = "group-by",
           .letter = 'g',
           .kind = OptionKind::value,
           .value_name = "group",
           .help = "what the parent snapshot must have in common: any of host, paths and tags, "
                   "joined by commas "
                   "(default: host,paths)",
           .values = "host paths tags host,paths"},
    Option{.name = "host",
           .letter = 'H',
           .kind = OptionKind::value,
           .value_name = "name",
           .help = "the host that the snapshot names (default: this one)",
           .variable = "HOST"},
    Option{.name = "ignore-ctime",
           .help = "a file is unchanged even if its ctime differs",
           .variable = "IGNORE_CTIME"},
    Option{.name = "ignore-inode",
           .help = "a file is unchanged even if its inode or ctime differs",
           .variable = "IGNORE_INODE"},
    Option{.name = "no-scan", .help = "do not count first how much there is"},
    Option{.name = "one-file-system",
           .letter = 'x',
           .help = "stay on the file systems of the named paths"},
    Option{.name = "parent",
           .kind = OptionKind::value,
           .value_name = "snapshot",
           .help = "compare files with this snapshot (default: the newest of the group)"},
    Option{.name = "read-concurrency",
           .kind = OptionKind::value,
           .value_name = "n",
           .help = "read so many files at once (default: one for each core)",
           .variable = "READ_CONCURRENCY"},
    Option{.name = "skip-if-unchanged",
           .help = "write no snapshot if nothing differs from the parent"},
    Option{.name = "stdin", .help = "save standard input as one file"},
    Option{.name = "stdin-filename",
           .kind = OptionKind::value,
           .value_name = "name",
           .help = "the name of that file (default: stdin)"},
    Option{
        .name = "stdin-from-command",
        .help =
            "run the words as a command and save its output as one file; no snapshot if it fails"},
    Option{.name = "tag",
           .kind = OptionKind::list,
           .value_name = "tag[,tag...]",
           .help = "tag the snapshot"},
    Option{.name = "time",
           .kind = OptionKind::value,
           .value_name = "time",
           .help = "the snapshot's time, such as \"2012-11-01 22:08:41\" (default: now)"},
    Option{.name = "with-atime", .help = "record the time of last access too"},
};

constexpr std::string_view cache_marker =
    "CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55";

job::SnapshotLabels labels(const Arguments& arguments) {
  job::SnapshotLabels labels;
  labels.tags = flat_tags(arguments.list("tag"));
  labels.hostname = arguments.value_or("host", "");
  if (const auto time = arguments.value("time")) {
    labels.time = in_context("reading --time", [&] { return parse_local_time(*time); });
  }
  labels.dry_run = arguments.flag("dry-run");
  return labels;
}

archive::ArchiveOptions archive_options(const Arguments& arguments) {
  archive::ArchiveOptions archive;
  archive.node.with_atime = arguments.flag("with-atime");
  archive.excludes = path_patterns(arguments, "exclude");
  archive.exclude_if_present = arguments.list("exclude-if-present");
  if (arguments.flag("exclude-caches")) archive.exclude_if_present.emplace_back(cache_marker);
  if (const auto size = arguments.value("exclude-larger-than")) {
    archive.exclude_larger_than =
        in_context("reading --exclude-larger-than", [&] { return parse_size_bytes(*size); });
  }
  archive.one_file_system = arguments.flag("one-file-system");
  archive.ignore_inode = arguments.flag("ignore-inode");
  archive.ignore_ctime = arguments.flag("ignore-ctime") || archive.ignore_inode;
  archive.force = arguments.flag("force");
  archive.threads = static_cast<unsigned>(arguments.number("read-concurrency", 1024).value_or(0));
  return archive;
}

void check_stream_options(const Arguments& arguments, bool from_command) {
  for (const Option& option : source_list_options) {
    if (!arguments.given(option.name)) continue;
    throw Error(Errc::usage, fmt::format("--{} cannot be used together with --stdin", option.name));
  }
  if (from_command && arguments.words().empty()) {
    throw Error(Errc::usage, "--stdin-from-command needs a command");
  }
  if (!from_command && !arguments.words().empty()) {
    throw Error(Errc::usage, "--stdin cannot be used together with paths");
  }
}

job::FilesBackupReport run_stream(Invocation& invocation, model::Observer& observer,
                                  bool from_command) {
  const Arguments& arguments = invocation.arguments();
  check_stream_options(arguments, from_command);
  job::StreamBackupOptions backup;
  backup.path = arguments.value_or("stdin-filename", "stdin");
  backup.labels = labels(arguments);
  if (from_command) {
    backup.command = arguments.words();
  } else {
    invocation.reserve_input();
    backup.source = invocation.environment().input;
  }
  return job::backup_stream(invocation.job(), invocation.repository_access(), backup, observer,
                            invocation.stop());
}

job::FilesBackupReport run_files(Invocation& invocation, model::Observer& observer) {
  const Arguments& arguments = invocation.arguments();
  if (lists_use_input(arguments)) invocation.reserve_input();
  job::FilesBackupOptions backup;
  backup.archive = archive_options(arguments);
  backup.labels = labels(arguments);
  backup.paths = source_paths(invocation);
  backup.excludes = arguments.list("exclude");
  backup.parent = arguments.value_or("parent", "");
  backup.group_by = arguments.value_or("group-by", "host,paths");
  backup.skip_if_unchanged = arguments.flag("skip-if-unchanged");
  // Totals are for those who are shown how far it is.
  const bool is_watched =
      invocation.output().verbosity() > 0 ||
      tick_interval(invocation.environment().variables, invocation.output()).count() > 0;
  backup.scan = is_watched && !arguments.flag("no-scan");
  return job::backup_files(invocation.job(), invocation.repository_access(), backup, observer,
                           invocation.stop());
}

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  const bool from_command = arguments.flag("stdin-from-command");
  const auto progress = invocation.progress(ProgressShape::backup);
  const job::FilesBackupReport report =
      from_command || arguments.flag("stdin")
          ? run_stream(invocation, progress->observer(), from_command)
          : run_files(invocation, progress->observer());
  progress->finish();
  print_backup_report(invocation.output(), report);
  if (report.items_failed > 0) {
    Error error(Errc::incomplete,
                counted(report.items_failed, "source item") + " could not be read");
    error.set_hint("They are listed above; everything else is saved.");
    throw error;
  }
}

}  // namespace

constinit const Command backup_command{
    .name = "backup",
    .group = VerbGroup::snapshots,
    .arguments = "[flags] FILE|DIRECTORY...",
    .summary = "Save files and directories into a new snapshot",
    .description =
        "Saves files and directories, or one stream, into a new snapshot. Files that have not "
        "changed since the parent "
        "snapshot are not read again.\n\n"
        "What cannot be read is listed and left out; the exit code is then 3. An interrupted "
        "backup leaves no snapshot, and "
        "the next one goes on from what was stored.",
    .options = {options, exclude_options, source_list_options},
    .run = run,
    .run_instance = run_instance_backup,
    .instance_arguments = "-I FILE.toml [flags]",
    .instance_options = {instance_backup_options},
    .words = "FILE",
};

}  // namespace holdfast::cli
