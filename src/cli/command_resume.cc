// SPDX-License-Identifier: Apache-2.0
// resume: puts back what interrupted jobs left changed. Also the guardian that jobs start for
// themselves.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/instance_forms.h"
#include "cli/text.h"
#include "job/journal.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "journal",
           .kind = OptionKind::value,
           .value_name = "directory",
           .help = "undo this journal",
           .hidden = true},
    Option{.name = "when-closed",
           .kind = OptionKind::value,
           .value_name = "fd",
           .help = "wait for its end",
           .hidden = true},
    Option{.name = "part",
           .kind = OptionKind::value,
           .value_name = "part",
           .help = "undo only its changes, or its leavings",
           .hidden = true},
};

Json texts(const std::vector<std::string>& lines) {
  Json list = Json::array();
  for (const std::string& line : lines) list.push(line);
  return list;
}

void run(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const Arguments& arguments = invocation.arguments();
  if (const auto journal = arguments.value("journal")) {
    const auto fd = arguments.number("when-closed", 1'000'000);
    const job::UndoPart part = job::parse_undo_part(arguments.value_or("part", "all"));
    if (!job::guard(fd ? static_cast<int>(*fd) : -1, *journal, part)) {
      throw Error(Errc::incomplete, "not everything in " + *journal + " could be put back");
    }
    return;
  }
  const std::string instance =
      invocation.has_instance() ? invocation.instance().name : std::string();
  job::ResumeReport report;
  std::vector<std::string> names{instance};
  if (!instance.empty()) {
    names.push_back(job::drill_journal(instance));
    names.push_back(job::migration_journal(instance));
  }
  for (const std::string& name : names) {
    job::ResumeReport one = job::resume(invocation.job().state_directory, name,
                                        invocation.job().program, invocation.stop().get_token());
    for (const auto lines : {&job::ResumeReport::undone, &job::ResumeReport::failed,
                             &job::ResumeReport::left, &job::ResumeReport::alive})
      std::move((one.*lines).begin(), (one.*lines).end(), std::back_inserter(report.*lines));
  }
  Output& output = invocation.output();
  if (output.json()) {
    output.json_line(Json::object()
                         .set("message_type", "summary")
                         .set("undone", texts(report.undone))
                         .set("failed", texts(report.failed))
                         .set("left", texts(report.left))
                         .set("alive", texts(report.alive)));
  } else {
    for (const std::string& line : report.undone) output.message(printable(line));
    for (const std::string& line : report.alive)
      output.message(printable("still at work, left alone: " + line));
    for (const std::string& line : report.failed) output.error_line("error: " + printable(line));
    for (const std::string& line : report.left) output.error_line("warning: " + printable(line));
    if (report.undone.empty() && report.alive.empty() && report.failed.empty() &&
        report.left.empty())
      output.message("nothing was left to put back");
  }
  const std::size_t jobs = report.failed.size() + report.left.size();
  if (jobs == 0) return;
  Error error(Errc::incomplete, counted(jobs, "job") + " left something that could not be " +
                                    (report.failed.empty() ? "removed" : "put back"));
  error.set_hint("Mend what is in the way, then run it again.");
  throw error;
}

}  // namespace

constinit const Command resume_command{
    .name = "resume",
    .group = VerbGroup::instances,
    .arguments = "[-I FILE.toml]",
    .summary = "Put back whatever interrupted jobs left changed",
    .description =
        "Starts what an interrupted job stopped, puts back what it moved, and removes what it left "
        "half-written. Jobs do that "
        "themselves before they begin; this "
        "verb is for a machine that was switched off in between. Jobs that still run are left "
        "alone.",
    .options = {options},
    .run = run,
};

}  // namespace holdfast::cli
