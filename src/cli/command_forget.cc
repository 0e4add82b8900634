// SPDX-License-Identifier: Apache-2.0
// forget: removes snapshots by name or by policy.
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/prune_view.h"
#include "cli/snapshot_options.h"
#include "cli/snapshot_view.h"
#include "cli/text.h"
#include "job/forget.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "keep-last",
           .letter = 'l',
           .kind = OptionKind::value,
           .value_name = "n",
           .help = "keep the newest n snapshots; n may be unlimited, here and below"},
    Option{.name = "keep-hourly",
           .letter = 'H',
           .kind = OptionKind::value,
           .value_name = "n",
           .help = "keep the newest of each of the last n hours that have one"},
    Option{.name = "keep-daily",
           .letter = 'd',
           .kind = OptionKind::value,
           .value_name = "n",
           .help = "the same for days"},
    Option{.name = "keep-weekly",
           .letter = 'w',
           .kind = OptionKind::value,
           .value_name = "n",
           .help = "the same for weeks"},
    Option{.name = "keep-monthly",
           .letter = 'm',
           .kind = OptionKind::value,
           .value_name = "n",
           .help = "the same for months"},
    Option{.name = "keep-yearly",
           .letter = 'y',
           .kind = OptionKind::value,
           .value_name = "n",
           .help = "the same for years"},
    Option{.name = "keep-within",
           .kind = OptionKind::value,
           .value_name = "duration",
           .help = "keep all that are at most this much older than the newest, such as 1y5m7d2h"},
    Option{.name = "keep-within-hourly",
           .kind = OptionKind::value,
           .value_name = "duration",
           .help = "within this time the newest of each hour"},
    Option{.name = "keep-within-daily",
           .kind = OptionKind::value,
           .value_name = "duration",
           .help = "the same for days"},
    Option{.name = "keep-within-weekly",
           .kind = OptionKind::value,
           .value_name = "duration",
           .help = "the same for weeks"},
    Option{.name = "keep-within-monthly",
           .kind = OptionKind::value,
           .value_name = "duration",
           .help = "the same for months"},
    Option{.name = "keep-within-yearly",
           .kind = OptionKind::value,
           .value_name = "duration",
           .help = "the same for years"},
    Option{.name = "keep-tag",
           .kind = OptionKind::list,
           .value_name = "tag[,tag...]",
           .help = "keep all that have all of these tags"},
    Option{
        .name = "unsafe-allow-remove-all",
        .help = "with a filter and without a policy: remove all snapshots that the filter takes"},
    Option{.name = "group-by",
           .letter = 'g',
           .kind = OptionKind::value,
           .value_name = "group",
           .help = "apply the policy to each group: any of host, paths and tags, joined by commas "
                   "(default: host,paths)",
           .values = "host paths tags host,paths"},
    Option{.name = "compact", .letter = 'c', .help = "one line a snapshot, without paths"},
    Option{
        .name = "dry-run", .letter = 'n', .help = "remove nothing, but show what would be removed"},
    Option{.name = "prune", .help = "prune afterwards, if a snapshot was removed"},
};

int keep_count(const Arguments& arguments, std::string_view name) {
  const auto text = arguments.value(name);
  if (!text) return 0;
  if (*text == "unlimited" || *text == "-1") return -1;
  int count = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (error == std::errc() && end == text->data() + text->size() && count >= 0) return count;
  throw Error(Errc::usage,
              fmt::format("invalid value \"{}\" of --{}: neither a whole number nor unlimited",
                          printable(*text), name));
}

archive::KeepDuration keep_duration(const Arguments& arguments, std::string_view name) {
  const auto text = arguments.value(name);
  if (!text) return {};
  return in_context(fmt::format("reading --{}", name),
                    [&] { return archive::parse_keep_duration(*text); });
}

archive::KeepPolicy policy_of(const Arguments& arguments) {
  archive::KeepPolicy policy;
  policy.last = keep_count(arguments, "keep-last");
  policy.hourly = keep_count(arguments, "keep-hourly");
  policy.daily = keep_count(arguments, "keep-daily");
  policy.weekly = keep_count(arguments, "keep-weekly");
  policy.monthly = keep_count(arguments, "keep-monthly");
  policy.yearly = keep_count(arguments, "keep-yearly");
  policy.within = keep_duration(arguments, "keep-within");
  policy.within_hourly = keep_duration(arguments, "keep-within-hourly");
  policy.within_daily = keep_duration(arguments, "keep-within-daily");
  policy.within_weekly = keep_duration(arguments, "keep-within-weekly");
  policy.within_monthly = keep_duration(arguments, "keep-within-monthly");
  policy.within_yearly = keep_duration(arguments, "keep-within-yearly");
  for (const std::string& list : arguments.list("keep-tag"))
    policy.tags.push_back(split(list, ','));
  return policy;
}

std::string policy_text(const Arguments& arguments) {
  std::vector<std::string> parts;
  for (const Option& option : options) {
    if (!option.name.starts_with("keep-") || !arguments.given(option.name)) continue;
    parts.push_back(
        fmt::format("{} {}", option.name.substr(5), joined(arguments.list(option.name), " or ")));
  }
  return parts.empty() ? "remove all" : "keep " + joined(parts, ", ");
}

Json reason_json(const archive::KeepReason& reason) {
  Json counters = Json::object();
  const auto set_unless_zero = [&counters](std::string_view key, int value) {
    if (value != 0) counters.set(key, value);
  };
  set_unless_zero("last", reason.counters_last);
  set_unless_zero("hourly", reason.counters_hourly);
  set_unless_zero("daily", reason.counters_daily);
  set_unless_zero("weekly", reason.counters_weekly);
  set_unless_zero("monthly", reason.counters_monthly);
  set_unless_zero("yearly", reason.counters_yearly);
  Json json = Json::object();
  json.set("snapshot", snapshot_json(reason.snapshot));
  json.set("matches", list_or_null(reason.matches));
  json.set("counters", counters);
  return json;
}

Json group_json(const job::ForgetReport::Group& group) {
  Json reasons;
  for (const archive::KeepReason& reason : group.decision.reasons)
    reasons.push(reason_json(reason));
  Json json = Json::object();
  json.set("tags", list_or_null(group.key.tags));
  json.set("host", group.key.hostname);
  json.set("paths", list_or_null(group.key.paths));
  json.set("keep", snapshots_json(group.decision.keep));
  json.set("remove", snapshots_json(group.decision.remove));
  json.set("reasons", reasons);
  return json;
}

void print_snapshots(Output& output, std::string_view word,
                     const std::vector<archive::Snapshot>& snapshots,
                     const SnapshotTableOptions& view) {
  if (snapshots.empty()) return;
  output.message(fmt::format("{} {} snapshots:", word, snapshots.size()));
  for (const std::string& line : snapshot_table(snapshots, view).render(output.columns()))
    output.message(line);
  output.message("");
}

void print_decision(Output& output, const Arguments& arguments, const job::ForgetReport& report,
                    bool dry_run) {
  if (output.json()) {
    if (report.groups.empty()) return;
    Json document = Json::array();
    for (const job::ForgetReport::Group& group : report.groups) document.push(group_json(group));
    output.json_line(document);
    return;
  }
  if (!report.groups.empty())
    output.message("Applying Policy: " + printable(policy_text(arguments)));
  SnapshotTableOptions plain;
  plain.compact = arguments.flag("compact");
  for (const job::ForgetReport::Group& group : report.groups) {
    const std::string header = group_header(group.key);
    if (!header.empty()) output.message(header);
    SnapshotTableOptions with_reasons = plain;
    for (const archive::KeepReason& reason : group.decision.reasons) {
      with_reasons.reasons[reason.snapshot.id] = reason.matches;
    }
    print_snapshots(output, "keep", group.decision.keep, with_reasons);
    print_snapshots(output, "remove", group.decision.remove, plain);
  }
  if (!report.proofs.empty()) {
    output.message(
        fmt::format("{} proofs of drills go with the trees they proved", report.proofs.size()));
  }
  if (!dry_run) {
    for (const format::Id& id : report.removed)
      output.trace(fmt::format("removed snapshot {}", id.hex()));
    if (report.groups.empty())
      output.message(fmt::format("removed {} snapshots", report.removed.size()));
  } else if (!report.removed.empty()) {
    std::vector<std::string> ids;
    for (const format::Id& id : report.removed) ids.push_back(id.short_hex());
    output.message(
        fmt::format("Would have removed the following snapshots:\n{{{}}}\n", joined(ids, " ")));
  }
}

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  job::ForgetOptions forget;
  forget.ids = arguments.words();
  forget.filter = snapshot_filter(invocation);
  forget.policy = policy_of(arguments);
  forget.group_by = arguments.value_or("group-by", "host,paths");
  forget.unsafe_allow_remove_all = arguments.flag("unsafe-allow-remove-all");
  forget.dry_run = arguments.flag("dry-run");
  const repo::PruneOptions prune = read_prune_options(arguments);
  if (arguments.flag("prune")) forget.prune = prune;
  Output& output = invocation.output();
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::plain);
  std::size_t failed = 0;
  const auto pruned = job::forget_snapshots(
      invocation.job(), access, forget,
      [&](const job::ForgetReport& report) {
        failed = report.failed.size();
        print_decision(output, arguments, report, forget.dry_run);
      },
      progress->observer(), invocation.stop());
  progress->finish();
  if (pruned) print_prune_report(output, *pruned, forget.dry_run);
  if (failed > 0)
    throw Error(Errc::incomplete, counted(failed, "snapshot") + " could not be removed");
}

}  // namespace

constinit const Command forget_command{
    .name = "forget",
    .group = VerbGroup::snapshots,
    .arguments = "[flags] [SNAPSHOT]...",
    .summary = "Remove snapshots, by name or by policy",
    .description =
        "Removes the named snapshots; or divides all into groups and keeps in each what the policy "
        "of the --keep flags says. "
        "A snapshot that no flag keeps is removed. Where there are fewer snapshots than a flag "
        "asks for, the oldest is kept "
        "too.\n\n"
        "This removes the snapshots alone; `holdfast prune`, or --prune, gives the space back.",
    .options = {options, prune_options, snapshot_filter_options_without_letter},
    .run = run,
    .words = "latest",
};

}  // namespace holdfast::cli
