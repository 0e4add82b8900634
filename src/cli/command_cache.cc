// SPDX-License-Identifier: Apache-2.0
// cache: the directories with copies of repositories' files on this machine.
#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/table.h"
#include "cli/text.h"
#include "job/cache.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "cleanup", .help = "remove those that are old"},
    Option{.name = "max-age",
           .kind = OptionKind::value,
           .value_name = "days",
           .help = "after how many days without use one is old (default: 30)"},
    Option{.name = "no-size", .help = "do not add up their sizes"},
};

constexpr std::uint64_t days_max = 36'500;

std::int64_t days_since(const Timestamp& moment, const Timestamp& now) {
  return std::max<std::int64_t>(now.seconds - moment.seconds, 0) / 86'400;
}

void print_json(Output& output, const std::vector<job::CacheDirectory>& caches) {
  Json list = Json::array();
  for (const job::CacheDirectory& cache : caches) {
    Json json = Json::object();
    json.set("id", cache.name);
    json.set("last_used", to_rfc3339(cache.last_used));
    json.set("old", cache.is_old);
    if (cache.size_bytes) json.set("size", *cache.size_bytes);
    list.push(json);
  }
  output.json_line(list);
}

void print_table(Output& output, const std::vector<job::CacheDirectory>& caches,
                 const std::string& base, bool with_sizes, const Timestamp& now) {
  if (caches.empty()) {
    output.line(fmt::format("no cache dirs found, basedir is {}", base));
    return;
  }
  Table table;
  for (const char* const heading : {"Repo ID", "Last Used", "Old"}) table.add_column(heading);
  if (with_sizes) table.add_column("Size");
  for (const job::CacheDirectory& cache : caches) {
    // The front of an id is enough; other names are shown whole.
    std::vector<std::string> row{cache.name.size() == 64 ? cache.name.substr(0, 10) : cache.name,
                                 fmt::format("{} days ago", days_since(cache.last_used, now)),
                                 cache.is_old ? "yes" : ""};
    if (cache.size_bytes) row.push_back(fmt::format("{:>11}", format_bytes(*cache.size_bytes)));
    table.add_row(std::move(row));
  }
  table.add_footer(fmt::format("{} cache dirs in {}", caches.size(), base));
  for (const std::string& line : table.render(output.columns())) output.line(line);
}

void clean_up(Output& output, const std::filesystem::path& base,
              const std::vector<job::CacheDirectory>& caches) {
  std::uint64_t removed = 0, failed = 0;
  for (const job::CacheDirectory& cache : caches) {
    if (!cache.is_old) continue;
    try {
      job::remove_cache(base, cache);
      output.detail("removed " + printable((base / cache.name).string()));
      ++removed;
    } catch (const Error& error) {  // the others are still removed
      output.warning(error.message());
      ++failed;
    }
  }
  if (output.json()) {
    output.json_line(Json::object().set("message_type", "summary").set("caches_removed", removed));
  } else if (removed + failed == 0) {
    output.message("no old cache dirs found");
  } else {
    output.message(fmt::format("removed {} old cache directories", removed));
  }
  if (failed > 0) {
    throw Error(Errc::incomplete,
                fmt::format("{} old cache directories could not be removed", failed));
  }
}

void run(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const Arguments& arguments = invocation.arguments();
  const std::filesystem::path base = invocation.cache_directory();
  if (base.empty()) {
    throw Error(Errc::usage, arguments.flag("no-cache")
                                 ? "with --no-cache there is nothing to show or remove"
                                 : "no cache directory is known")
        .set_hint("Name one with --cache-dir.");
  }
  const auto days = arguments.number("max-age", days_max).value_or(30);
  const bool cleans = arguments.flag("cleanup");
  const bool with_sizes = !cleans && !arguments.flag("no-size");
  const std::vector<job::CacheDirectory> caches = job::list_caches(
      invocation.job(), base, std::chrono::hours(24 * static_cast<std::int64_t>(days)), with_sizes);
  Output& output = invocation.output();
  if (cleans) return clean_up(output, base, caches);
  if (output.json()) return print_json(output, caches);
  print_table(output, caches, printable(base.string()), with_sizes, invocation.job().clock->now());
}

}  // namespace

constinit const Command cache_command{
    .name = "cache",
    .group = VerbGroup::repository,
    .arguments = "[flags]",
    .summary = "List the caches of remote repositories, or remove old ones",
    .description =
        "Of a remote repository copies of small files are kept on this machine, in a directory of "
        "its own below --cache-dir; of a local one nothing is kept. This lists these directories, "
        "or with --cleanup removes those that nobody has used for --max-age days. They can be "
        "removed at any time; what is needed is fetched anew.\n\n"
        "restic keeps its own caches apart from these and in the same form: `--cache-dir "
        "~/.cache/restic` shows and cleans them.",
    .options = {options},
    .run = run,
};

}  // namespace holdfast::cli
