// SPDX-License-Identifier: Apache-2.0
// ls: what is in a snapshot.
#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/node_view.h"
#include "cli/snapshot_options.h"
#include "cli/snapshot_view.h"
#include "cli/text.h"
#include "job/ls.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "long", .letter = 'l', .help = "show mode, owner, size and time"},
    Option{.name = "recursive", .help = "go into the folders below the named ones"},
    Option{.name = "human-readable", .help = "with --long: sizes in KiB, MiB and so on"},
};

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  invocation.expect_words(1, 10'000, "a snapshot and folders");
  job::LsOptions asked;
  asked.snapshot = arguments.words().front();
  asked.directories.assign(arguments.words().begin() + 1, arguments.words().end());
  asked.filter = snapshot_filter(invocation);
  asked.recursive = arguments.flag("recursive");
  const bool is_long = arguments.flag("long");
  const bool human = arguments.flag("human-readable");
  Output& output = invocation.output();
  TroubleObserver observer(invocation.output());
  job::list_files(
      invocation.job(), invocation.repository_access(), asked,
      [&](const archive::Snapshot& snapshot) {
        if (output.json()) {
          output.json_line(snapshot_json(snapshot)
                               .set("message_type", "snapshot")
                               .set("struct_type", "snapshot"));
          return;
        }
        output.message(fmt::format("{} filtered by [{}]:", snapshot_line(snapshot),
                                   printable(joined(asked.directories, " "))));
      },
      [&](const std::string& path, const format::Node& node) {
        if (output.json()) {
          output.json_line(node_json(path, node));
        } else {
          output.line(is_long ? node_line(path, node, human) : printable(path));
        }
      },
      observer, invocation.stop());
}

}  // namespace

constinit const Command ls_command{
    .name = "ls",
    .group = VerbGroup::snapshots,
    .arguments = "[flags] SNAPSHOT[:SUBFOLDER] [FOLDER]...",
    .summary = "List the files of a snapshot",
    .description =
        "Lists the files and folders of a snapshot; with folders behind it, only what is in these. "
        "A "
        "snapshot is named by id, prefix of an id, or \"latest\". Control characters in names are "
        "shown "
        "as \\n, \\t or \\xNN.",
    .options = {options, snapshot_filter_options},
    .run = run,
    .words = "latest",
};

}  // namespace holdfast::cli
