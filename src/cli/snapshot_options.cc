// SPDX-License-Identifier: Apache-2.0
#include "cli/snapshot_options.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "cli/invocation.h"
#include "cli/text.h"
#include "job/instance_access.h"

namespace holdfast::cli {

archive::SnapshotFilter snapshot_filter(const Arguments& arguments) {
  archive::SnapshotFilter filter;
  filter.hosts = arguments.list("host");
  if (filter.hosts.size() == 1 && filter.hosts.front().empty()) filter.hosts.clear();
  for (const std::string& list : arguments.list("tag")) {
    std::vector<std::string> tags;
    for (const std::string& tag : split(list, ',')) tags.emplace_back(trimmed(tag));
    filter.tag_lists.push_back(std::move(tags));
  }
  for (const std::string& path : arguments.list("path"))
    filter.paths.push_back(absolute_path(path));
  return filter;
}

archive::SnapshotFilter snapshot_filter(Invocation& invocation, bool proofs) {
  archive::SnapshotFilter filter = snapshot_filter(invocation.arguments());
  if (!invocation.has_instance() || !filter.paths.empty()) return filter;
  const std::string& name = invocation.instance().name;
  filter.soles.push_back({job::snapshot_path(name), std::string(job::instance_tag)});
  if (proofs) filter.soles.push_back({job::proof_path(name), std::string(job::proof_tag)});
  return filter;
}

archive::PatternList path_patterns(const Arguments& arguments, std::string_view word) {
  archive::PatternList patterns;
  // Those without regard to case come first, as in restic; a later `!pattern` takes a match back.
  for (const bool ignore_case : {true, false}) {
    const std::string option = fmt::format("{}{}", ignore_case ? "i" : "", word);
    for (const std::string& pattern : arguments.list(option)) {
      in_context("reading --" + option, [&] { patterns.add(pattern, ignore_case); });
    }
    const std::string file_option = option + "-file";
    for (const std::string& path : arguments.list(file_option)) {
      const std::string text = read_user_file(path, "reading --" + file_option);
      in_context("reading --" + file_option + " " + path,
                 [&] { patterns.add_lines(text, ignore_case); });
    }
  }
  return patterns;
}

std::string read_user_file(const std::string& path, std::string_view what_for) {
  return in_context(what_for, [&] { return decode_text(read_text_file(path)); });
}

std::vector<std::string> flat_tags(const std::vector<std::string>& lists) {
  std::vector<std::string> tags;
  for (const std::string& list : lists) {
    for (const std::string& tag : split(list, ',')) {
      if (!trimmed(tag).empty()) tags.emplace_back(trimmed(tag));
    }
  }
  return tags;
}

Timestamp parse_local_time(std::string_view text) {
  // "YYYY-MM-DD hh:mm:ss": where digits stand, and what stands between them.
  constexpr std::string_view shape = "0000-00-00 00:00:00";
  bool fits = text.size() == shape.size();
  std::array<int, 6> numbers{};
  std::size_t number = 0;
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    if (shape[i] == '0') {
      fits = text[i] >= '0' && text[i] <= '9';
      numbers[number] = numbers[number] * 10 + (text[i] - '0');
    } else {
      fits = text[i] == shape[i];
      ++number;
    }
  }
  const auto [year, month, day, hour, minute, second] = numbers;
  fits =
      fits && month >= 1 && month <= 12 && day >= 1 && hour <= 23 && minute <= 59 && second <= 59;
  const Timestamp as_utc = from_calendar(year, fits ? month : 1, day, hour, minute, second, 0);
  if (!fits || calendar(as_utc).day != day) {
    throw Error(Errc::usage,
                fmt::format("\"{}\" is not a time such as 2012-11-01 22:08:41", printable(text)));
  }
  // The offset that holds at the moment itself: found from a moment at most a day away.
  const std::int32_t near = local_timestamp(as_utc.seconds, 0).utc_offset_seconds;
  const std::int32_t offset = local_timestamp(as_utc.seconds - near, 0).utc_offset_seconds;
  return local_timestamp(as_utc.seconds - offset, 0);
}

}  // namespace holdfast::cli
