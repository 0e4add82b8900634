// SPDX-License-Identifier: Apache-2.0
// dump: one file of a snapshot to standard output, or one folder as an archive.
#include <fcntl.h>

#include <array>

#include "base/fd.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/snapshot_options.h"
#include "job/dump.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "archive",
           .letter = 'a',
           .kind = OptionKind::value,
           .value_name = "format",
           .help = "the form of a folder: tar or zip (default: tar)",
           .values = "tar zip"},
    Option{.name = "target",
           .letter = 't',
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "write to this file instead of standard output"},
};

void run(Invocation& invocation) {
  invocation.expect_words(2, 2, "a snapshot and a path in it");
  const Arguments& arguments = invocation.arguments();
  job::DumpOptions dump;
  dump.snapshot = arguments.words()[0];
  dump.path = arguments.words()[1];
  dump.filter = snapshot_filter(invocation);
  dump.format = archive::parse_dump_format(arguments.value_or("archive", "tar"));
  const auto target = arguments.value("target");
  dump.refuse_archive = !target && invocation.environment().output_is_terminal;
  const job::RepositoryAccess access = invocation.repository_access();
  TroubleObserver observer(invocation.output());
  if (!target) {
    return job::dump_path(invocation.job(), access, dump, invocation.output().raw(), observer,
                          invocation.stop());
  }
  Fd file = open_file(*target, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  FdSink sink(file.get(), *target);
  job::dump_path(invocation.job(), access, dump, sink, observer, invocation.stop());
  file.close(*target);
}

}  // namespace

constinit const Command dump_command{
    .name = "dump",
    .group = VerbGroup::snapshots,
    .arguments = "[flags] SNAPSHOT[:SUBFOLDER] PATH",
    .summary = "Print a file of a snapshot, or a folder as tar or zip",
    .description =
        "Writes the content of one file of a snapshot, or one folder as an archive, to standard "
        "output. The path "
        "/ is the whole snapshot. With SNAPSHOT:SUBFOLDER paths begin there.",
    .options = {options, snapshot_filter_options},
    .run = run,
    .words = "latest",
};

}  // namespace holdfast::cli
