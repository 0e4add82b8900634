// SPDX-License-Identifier: Apache-2.0
// tag: other tags for snapshots.
#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/snapshot_options.h"
#include "cli/text.h"
#include "job/tag.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "set",
           .kind = OptionKind::list,
           .value_name = "tag[,tag...]",
           .help = "these in place of the tags a snapshot has"},
    Option{
        .name = "add", .kind = OptionKind::list, .value_name = "tag[,tag...]", .help = "add these"},
    Option{.name = "remove",
           .kind = OptionKind::list,
           .value_name = "tag[,tag...]",
           .help = "take these away"},
};

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  job::TagOptions tag;
  tag.ids = arguments.words();
  tag.filter = snapshot_filter(invocation);
  tag.set = flat_tags(arguments.list("set"));
  tag.add = flat_tags(arguments.list("add"));
  tag.remove = flat_tags(arguments.list("remove"));
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::plain);
  Output& output = invocation.output();
  const job::TagReport report = job::tag_snapshots(
      invocation.job(), access, tag,
      [&](const format::Id& before, const format::Id& after) {
        if (output.json()) {
          output.json_line(Json::object()
                               .set("message_type", "changed")
                               .set("old_snapshot_id", before.hex())
                               .set("new_snapshot_id", after.hex()));
        } else {
          output.detail(
              fmt::format("old snapshot ID: {} -> new snapshot ID: {}", before.hex(), after.hex()));
        }
      },
      progress->observer(), invocation.stop());
  progress->finish();
  if (output.json()) {
    output.json_line(
        Json::object().set("message_type", "summary").set("changed_snapshots", report.changed));
  } else if (report.changed == 0) {
    output.message("no snapshots were modified");
  } else {
    output.message("modified " + counted(report.changed, "snapshot"));
  }
  if (report.failed > 0)
    throw Error(Errc::incomplete, counted(report.failed, "snapshot") + " could not be changed");
}

}  // namespace

constinit const Command tag_command{
    .name = "tag",
    .group = VerbGroup::snapshots,
    .arguments = "[flags] [SNAPSHOT]...",
    .summary = "Change the tags of snapshots",
    .description =
        "Changes the tags of the named snapshots, or of all that the filters take. A snapshot is "
        "stored anew and so gets another id; the one it had first stays in it as `original`.\n\n"
        "--set keeps the tags by which Holdfast knows the snapshots of instances and the proofs of "
        "drills.",
    .options = {options, snapshot_filter_options},
    .run = run,
};

}  // namespace holdfast::cli
