// SPDX-License-Identifier: Apache-2.0
// check: is the repository whole?
#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/snapshot_options.h"
#include "cli/text.h"
#include "job/check.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "read-data", .help = "read every byte"},
    Option{.name = "read-data-subset",
           .kind = OptionKind::value,
           .value_name = "subset",
           .help = "read part of the data: n/t for the n-th of t parts, or x% or a size for packs "
                   "chosen at random"},
    Option{.name = "with-cache", .help = "trust copies of a remote repository's index kept here"},
};

void print_json(Output& output, const repo::CheckReport& report) {
  for (const std::string& error : report.errors) {
    output.json_error_line(Json::object().set("message_type", "error").set("message", error));
  }
  Json line = Json::object();
  line.set("message_type", "summary");
  line.set("num_errors", report.errors.size());
  Json packs;
  for (const format::Id& pack : report.broken_packs) packs.push(pack.hex());
  line.set("broken_packs", packs);
  line.set("suggest_repair_index", report.suggest_repair_index);
  line.set("suggest_prune", report.suggest_prune);
  output.json_line(line);
}

void print_text(Output& output, const repo::CheckReport& report) {
  for (const std::string& hint : report.hints) output.message(printable(hint));
  for (const std::string& error : report.errors) output.error_line("error: " + printable(error));
  if (!report.broken_packs.empty()) {
    output.error_line("");
    output.error_line("Damaged pack files:");
    for (const format::Id& pack : report.broken_packs) output.error_line("  " + pack.hex());
    output.error_line(
        "What is lost with them is told above. `holdfast repair packs ID...` saves what is still "
        "sound in them. Then back the same sources up again: whatever is still there is stored "
        "anew.");
  }
  if (report.suggest_repair_index) {
    output.error_line("The index does not fit the packs. `holdfast repair index` makes it anew.");
  }
  if (report.suggest_prune) {
    output.message(
        "Some of what is stored is superfluous, which harms nothing. `holdfast prune` removes it.");
  }
  if (report.sound()) output.message("no errors were found");
}

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  job::CheckJobOptions asked;
  asked.ids = arguments.words();
  asked.filter = snapshot_filter(arguments);
  repo::CheckOptions& check = asked.check;
  check.read_data = arguments.flag("read-data");
  check.with_cache = arguments.flag("with-cache");
  if (const auto subset = arguments.value("read-data-subset")) {
    if (check.read_data)
      throw Error(Errc::usage, "--read-data and --read-data-subset cannot be used together");
    check.subset =
        in_context("reading --read-data-subset", [&] { return repo::parse_read_subset(*subset); });
    check.read_data = true;
  }
  Output& output = invocation.output();
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::plain);
  const repo::CheckReport report = job::check_repository(invocation.job(), access, asked,
                                                         progress->observer(), invocation.stop());
  progress->finish();
  if (output.json()) {
    print_json(output, report);
  } else {
    print_text(output, report);
  }
  if (report.sound()) return;
  Error error(Errc::corrupt, "the repository contains errors");
  error.set_hint("They are listed above.");
  throw error;
}

}  // namespace

constinit const Command check_command{
    .name = "check",
    .group = VerbGroup::repository,
    .arguments = "[flags] [SNAPSHOT]...",
    .summary = "Find damage in the repository",
    .description =
        "Checks that the index, the packs and the trees of all snapshots are there and fit "
        "together. With "
        "--read-data every byte is read, decrypted and compared with its hash.\n\n"
        "With snapshots, or a filter for them, only their trees are checked, and only what they "
        "need is read.",
    .options = {options, snapshot_filter_options},
    .run = run,
    .words = "latest",
};

}  // namespace holdfast::cli
