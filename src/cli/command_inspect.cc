// SPDX-License-Identifier: Apache-2.0
// inspect: what a file or directory is.
#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/instance_view.h"
#include "cli/invocation.h"
#include "cli/row_printer.h"
#include "job/inspect.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "deep", .help = "read the content too, not only the outline"},
    Option{
        .name = "rows",
        .kind = OptionKind::value,
        .value_name = "table",
        .help =
            "print the rows of this table of one file or set, as CSV or with --json as JSON lines"},
    Option{.name = "schema",
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "a schema in TypeQL that must define the labels of TypeDB exports"},
};

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  Output& output = invocation.output();
  const std::stop_token stop = invocation.stop().get_token();
  if (const auto table = arguments.value("rows")) {
    invocation.expect_words(1, 1000, "one file, or those of one set");
    const std::vector<std::filesystem::path> files(arguments.words().begin(),
                                                   arguments.words().end());
    if (output.json()) {
      JsonRowPrinter printer(output.raw());
      return job::inspect_rows(files, *table, printer, stop);
    }
    CsvPrinter printer(output.raw());
    return job::inspect_rows(files, *table, printer, stop);
  }
  invocation.expect_words(1, 1000, "at least one file or directory");
  const std::vector<std::filesystem::path> paths(arguments.words().begin(),
                                                 arguments.words().end());
  std::size_t damaged = 0;
  const job::InspectOptions inspecting{arguments.flag("deep"),
                                       arguments.value("schema").value_or("")};
  for (const job::InspectedFile& file : job::inspect_paths(paths, inspecting, stop)) {
    print_inspection(output, file);
    if (file.known && !file.whole && file.engine != "restic") ++damaged;
  }
  if (damaged > 0) {
    Error error(Errc::corrupt,
                fmt::format("{} of what was inspected are damaged or incomplete", damaged));
    error.set_hint("Each finding says what is wrong, where, and what to do.");
    throw error;
  }
}

}  // namespace

constinit const Command inspect_command{
    .name = "inspect",
    .group = VerbGroup::instances,
    .arguments = "FILE|DIRECTORY... [--deep] [--rows TABLE] [--schema FILE]",
    .summary = "Say what a file is, whole or damaged, and what is in it",
    .description =
        "Says of database files, dumps, exports and repositories what they are, how old, whole or "
        "damaged, and what is in "
        "them. Nothing is changed. With --rows the rows of one table are printed.",
    .options = {options},
    .run = run,
    .words = "FILE",
};

}  // namespace holdfast::cli
