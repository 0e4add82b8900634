// SPDX-License-Identifier: Apache-2.0
#include "cli/snapshot_options.h"

#include <fmt/format.h>

#include <array>
#include <optional>

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

namespace {

// The moment that "YYYY-MM-DD hh:mm:ss" would be in UTC; nothing for anything else.
std::optional<Timestamp> parse_as_utc(std::string_view text) {
  // Where digits stand, and what stands between them.
  constexpr std::string_view shape = "0000-00-00 00:00:00";
  if (text.size() != shape.size()) return std::nullopt;
  std::array<int, 6> numbers{};
  std::size_t number = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (is_digit != (shape[i] == '0') || (!is_digit && text[i] != shape[i])) return std::nullopt;
    if (is_digit) {
      numbers[number] = numbers[number] * 10 + (text[i] - '0');
    } else {
      ++number;
    }
  }
  const auto [year, month, day, hour, minute, second] = numbers;
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  const Timestamp as_utc = from_calendar(year, month, day, hour, minute, second, 0);
  if (calendar(as_utc).day != day) return std::nullopt;
  return as_utc;
}

// The same reading in this host's zone. The offset that holds at the moment itself is found from a
// moment at most a day away.
Timestamp as_local(const Timestamp& as_utc) {
  const std::int32_t near = local_timestamp(as_utc.seconds, 0).utc_offset_seconds;
  const std::int32_t offset = local_timestamp(as_utc.seconds - near, 0).utc_offset_seconds;
  return local_timestamp(as_utc.seconds - offset, 0);
}

// "+0100", "-0030", "UTC"
std::optional<std::int32_t> parse_zone(std::string_view text) {
  if (text == "UTC" || text == "GMT" || text == "Z") return 0;
  if (text.size() != 5 || (text[0] != '+' && text[0] != '-') ||
      text.find_first_not_of("0123456789", 1) != std::string_view::npos) {
    return std::nullopt;
  }
  const int hours = (text[1] - '0') * 10 + (text[2] - '0');
  const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
  if (hours > 23 || minutes > 59) return std::nullopt;
  return (text[0] == '-' ? -60 : 60) * (60 * hours + minutes);
}

}  // namespace

Timestamp parse_local_time(std::string_view text) {
  if (const auto as_utc = parse_as_utc(text)) return as_local(*as_utc);
  throw Error(Errc::usage,
              fmt::format("\"{}\" is not a time such as 2012-11-01 22:08:41", printable(text)));
}

Timestamp parse_loose_time(std::string_view text) {
  std::vector<std::string> words = split(text, ' ');
  std::string day = words.front();
  if (day.size() == 10 && day[2] == '.' && day[5] == '.')
    day = fmt::format("{}-{}-{}", day.substr(6), day.substr(3, 2), day.substr(0, 2));
  std::string time = words.size() > 1 ? words[1] : "00:00:00";
  if (time.size() == 5) time += ":00";
  const std::optional<Timestamp> as_utc = parse_as_utc(day + ' ' + time);
  const std::optional<std::int32_t> zone =
      words.size() == 3 ? parse_zone(words[2]) : std::optional<std::int32_t>();
  if (!as_utc || words.size() > 3 || (words.size() == 3 && !zone)) {
    throw Error(Errc::usage, fmt::format("\"{}\" is not a time", printable(text)))
        .set_hint(
            "Write 2012-11-01 or 01.11.2012, with 22:08 or 22:08:41 and +0100 or UTC behind.");
  }
  if (!zone) return as_local(*as_utc);
  return local_timestamp(as_utc->seconds - *zone, 0);
}

}  // namespace holdfast::cli
