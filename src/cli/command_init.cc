// SPDX-License-Identifier: Apache-2.0
// init: makes a repository.
#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/text.h"
#include "job/repository_init.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "repository-version",
           .kind = OptionKind::value,
           .value_name = "version",
           .help = "1, 2, latest or stable (default: stable, which is 2)",
           .values = "1 2 latest stable"},
    Option{
        .name = "copy-chunker-params",
        .help = "cut files as another repository does, so that data copied between them is shared"},
};

unsigned parse_version(const std::string& text) {
  if (text == "latest" || text == "stable" || text == "2") return 2;
  if (text == "1") return 1;
  Error error(Errc::usage, fmt::format("invalid repository version \"{}\"", printable(text)));
  error.set_hint("Versions are 1 and 2.");
  throw error;
}

void run(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const Arguments& arguments = invocation.arguments();
  job::InitOptions init;
  init.version = parse_version(arguments.value_or("repository-version", "stable"));
  init.key_cost = invocation.environment().key_cost;
  if (arguments.flag("copy-chunker-params")) {
    init.copy_chunker_from = invocation.second_repository_access();
  } else if (arguments.on_command_line("from-repo") ||
             arguments.on_command_line("from-repository-file")) {
    throw Error(Errc::usage, "a source repository is named without --copy-chunker-params");
  }
  const job::InitReport report = job::init_repository(
      invocation.job(), invocation.new_repository_access(), init, invocation.stop());
  Output& output = invocation.output();
  if (output.json()) {
    output.json_line(Json::object()
                         .set("message_type", "initialized")
                         .set("id", report.id)
                         .set("repository", report.location));
    return;
  }
  output.message(fmt::format("created repository {} at {}", report.id.substr(0, 10),
                             printable(report.location)));
  output.message("");
  output.message("Whoever loses the password loses the data: there is no other way in.");
  output.message("Keep it somewhere else than here.");
}

}  // namespace

constinit const Command init_command{
    .name = "init",
    .group = VerbGroup::repository,
    .arguments = "[flags]",
    .summary = "Make a new repository",
    .description =
        "Makes an empty repository at the given location. Its format is restic's, so restic can "
        "use it too.",
    .options = {options, second_repository_options},
    .run = run,
};

}  // namespace holdfast::cli
