// SPDX-License-Identifier: Apache-2.0
// repair index: an index that fits the packs.
#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/text.h"
#include "job/repair.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "read-all-packs",
           .help = "read the headers of all packs, not only of those that the index does not fit"},
};

void print_json(Output& output, const repo::IndexRepairReport& report) {
  Json line = Json::object();
  line.set("message_type", "summary");
  line.set("changed", report.changed());
  line.set("damaged_index_files", report.damaged_index_files.size());
  line.set("packs_added", report.packs_added);
  line.set("packs_corrected", report.packs_corrected);
  line.set("packs_dropped", report.packs_dropped);
  line.set("packs_repeated", report.packs_repeated);
  line.set("packs_ignored", report.packs_ignored);
  Json damaged = Json::array();
  for (const format::Id& pack : report.damaged_packs) damaged.push(pack.hex());
  line.set("damaged_packs", damaged);
  line.set("index_files_removed", report.index_files_removed);
  line.set("index_files_written", report.index_files_written);
  output.json_line(line);
}

void print_text(Output& output, const repo::IndexRepairReport& report) {
  if (!report.changed()) {
    output.message(report.damaged_packs.empty() ? "the index fits the packs; nothing was changed"
                                                : "nothing was changed");
  } else {
    const auto say = [&](std::uint64_t count, std::string_view noun, std::string_view what) {
      if (count != 0) output.message(fmt::format("{} {}", counted(count, noun), what));
    };
    say(report.damaged_index_files.size(), "damaged index file", "replaced");
    say(report.packs_added, "pack", "added that no index named");
    say(report.packs_corrected, "pack", "named as its header says");
    say(report.packs_dropped, "pack", "forgotten that is not stored");
    say(report.packs_repeated, "repeated entry", "left out");
    output.message(fmt::format("wrote {} in place of {}",
                               counted(report.index_files_written, "index file"),
                               report.index_files_removed));
  }
  if (report.damaged_packs.empty()) return;
  output.error_line("Damaged packs, which the index goes on naming:");
  for (const format::Id& pack : report.damaged_packs) output.error_line("  " + pack.hex());
}

void run(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  repo::IndexRepairOptions repair;
  repair.read_all_packs = invocation.arguments().flag("read-all-packs");
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::plain);
  const repo::IndexRepairReport report =
      job::repair_index(invocation.job(), access, repair, progress->observer(), invocation.stop());
  progress->finish();
  Output& output = invocation.output();
  if (output.json()) {
    print_json(output, report);
  } else {
    print_text(output, report);
  }
  if (report.damaged_packs.empty()) return;
  Error error(Errc::incomplete, counted(report.damaged_packs.size(), "pack") +
                                    " of the index cannot be read as a whole");
  error.set_hint("`holdfast repair packs ID...` saves what is still sound in them.");
  throw error;
}

}  // namespace

constinit const Command repair_index_command{
    .name = "repair index",
    .group = VerbGroup::repository,
    .arguments = "[flags]",
    .summary = "Make an index that fits the packs",
    .description =
        "Replaces damaged index files, adds packs that are in none, forgets those that are not "
        "stored, and corrects what does not fit, from the headers of the packs. The new index is "
        "stored and read back before the old files go. Where nothing is wrong nothing is written. "
        "A pack whose header is damaged too stays named, for `holdfast repair packs`.",
    .options = {options},
    .run = run,
};

}  // namespace holdfast::cli
