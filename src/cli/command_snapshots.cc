// SPDX-License-Identifier: Apache-2.0
// snapshots: lists them.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/snapshot_options.h"
#include "cli/snapshot_view.h"
#include "job/snapshots.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "compact", .letter = 'c', .help = "one line a snapshot, without paths"},
    Option{.name = "group-by",
           .letter = 'g',
           .kind = OptionKind::value,
           .value_name = "group",
           .help = "group by any of host, paths and tags, joined by commas",
           .values = "host paths tags host,paths"},
    Option{.name = "latest",
           .kind = OptionKind::value,
           .value_name = "n",
           .help = "only the newest n of each host and paths, or of each group"},
};

Json group_key_json(const archive::GroupKey& key) {
  Json json = Json::object();
  json.set("hostname", key.hostname);
  json.set("paths", list_or_null(key.paths));
  json.set("tags", list_or_null(key.tags));
  return json;
}

void print_json(Output& output, const std::vector<archive::SnapshotGroup>& groups, bool grouped) {
  Json document = Json::array();
  for (const archive::SnapshotGroup& group : groups) {
    Json list = Json::array();
    for (auto snapshot = group.snapshots.rbegin(); snapshot != group.snapshots.rend(); ++snapshot) {
      (grouped ? list : document).push(snapshot_json(*snapshot));
    }
    if (grouped) {
      document.push(
          Json::object().set("group_key", group_key_json(group.key)).set("snapshots", list));
    }
  }
  output.json_line(document);
}

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  job::SnapshotsOptions asked;
  asked.ids = arguments.words();
  asked.filter = snapshot_filter(invocation, true);
  asked.group_by = arguments.value_or("group-by", "");
  asked.latest = static_cast<unsigned>(arguments.number("latest", 1'000'000).value_or(0));
  TroubleObserver observer(invocation.output());
  const auto groups = job::list_snapshots(invocation.job(), invocation.repository_access(), asked,
                                          observer, invocation.stop());
  const bool grouped = !asked.group_by.empty();
  Output& output = invocation.output();
  if (output.json()) return print_json(output, groups, grouped);
  SnapshotTableOptions view;
  view.compact = arguments.flag("compact");
  for (const archive::SnapshotGroup& group : groups) {
    if (grouped) output.line(group_header(group.key));
    for (const std::string& line : snapshot_table(group.snapshots, view).render(output.columns())) {
      output.line(line);
    }
  }
}

}  // namespace

constinit const Command snapshots_command{
    .name = "snapshots",
    .group = VerbGroup::snapshots,
    .arguments = "[flags] [SNAPSHOT]...",
    .summary = "List snapshots",
    .description =
        "Lists the snapshots of the repository, or those that are named by id, prefix of an id, or "
        "\"latest\".",
    .options = {options, snapshot_filter_options},
    .run = run,
    .words = "latest",
};

}  // namespace holdfast::cli
