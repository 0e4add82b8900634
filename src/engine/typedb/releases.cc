// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/releases.h"

#include <fmt/format.h>

#include <charconv>
#include <tuple>

#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

using Numbers = std::tuple<unsigned, unsigned, unsigned>;

// "3.11.0-rc1" is 3.11.0 here: a candidate already writes what the release does.
std::optional<Numbers> numbers_of(std::string_view release) noexcept {
  unsigned parts[3] = {};
  const char* at = release.data();
  const char* const end = at + release.size();
  for (int i = 0; i < 3; ++i) {
    if (i > 0) {
      if (at == end || *at != '.') return std::nullopt;
      ++at;
    }
    const auto [after, failure] = std::from_chars(at, end, parts[i]);
    if (failure != std::errc{}) return std::nullopt;
    at = after;
  }
  if (at != end && *at != '-') return std::nullopt;
  return Numbers{parts[0], parts[1], parts[2]};
}

bool is_3(Encoding encoding) noexcept {
  return encoding >= Encoding::v3_a;
}

Compatibility by_copy(Encoding from, const ReleaseRange& to) {
  const Encoding reads = to.encoding;
  // 3.11 and later still read the records of 3.0 to 3.10.
  if (from == reads || (from == Encoding::v3_a && reads == Encoding::v3_b))
    return {Verdict::compatible, "", ""};
  const std::string why =
      fmt::format("the directory is of encoding {}, which TypeDB {} writes; {} reads {}",
                  encoding_name(from), encoding_releases(from), display(to), encoding_name(reads));
  if (from == Encoding::v3_b && reads == Encoding::v3_a)
    return {Verdict::upgrade_needed,
            fmt::format("{}, and would pass over newer commits without a word", why),
            "Use TypeDB 3.11.0 or later."};
  if (is_3(from))
    return {Verdict::impossible, why, "Nothing brings a database of TypeDB 3 to TypeDB 2."};
  if (is_3(reads) || from < reads)
    return {Verdict::impossible, why,
            fmt::format("Open it with TypeDB {}, export it there and import that.",
                        encoding_releases(from))};
  return {Verdict::upgrade_needed, why, fmt::format("Use TypeDB {}.", encoding_releases(from))};
}

Compatibility by_export(const ReleaseRange& from, const ReleaseRange& to) {
  if (is_3(from.encoding) && !is_3(to.encoding))
    return {Verdict::impossible, fmt::format("TypeDB {} takes no export of TypeDB 3", display(to)),
            "Nothing brings a database of TypeDB 3 to TypeDB 2."};
  if (from.lossy_ids)
    return {Verdict::upgrade_needed,
            fmt::format("exports of TypeDB {} give different things the same id", display(from)),
            "Open the same directory with TypeDB 2.3.0 to 2.5.0 and export it there."};
  if (!from.exports)
    return {Verdict::upgrade_needed, fmt::format("TypeDB {} has no export", display(from)),
            "Open the same directory with TypeDB 3.4.0 to 3.10.4 and export it there."};
  if (!to.imports)
    return {Verdict::upgrade_needed, fmt::format("TypeDB {} has no import", display(to)),
            "Use TypeDB 3.4.0 or later."};
  return {Verdict::compatible, "", ""};
}

void check_range(std::size_t range) {
  check_rule(range < release_ranges.size(), "a range is one of the list");
}

}  // namespace

std::string_view encoding_name(Encoding encoding) noexcept {
  static constexpr std::array<std::string_view, 5> names{"2.x/0", "2.x/1", "2.x/2", "3.x/a",
                                                         "3.x/b"};
  return names[static_cast<std::size_t>(encoding)];
}

std::string_view encoding_releases(Encoding encoding) noexcept {
  static constexpr std::array<std::string_view, 5> releases{
      "2.0.0 to 2.5.0", "2.6.0 to 2.7.1", "2.8.0 to 2.29.1", "3.0.0 to 3.10.4", "3.11.0 and later"};
  return releases[static_cast<std::size_t>(encoding)];
}

std::string opened_by(Encoding encoding) {
  ReleaseRange all = release_ranges.front();
  all.first = "";
  for (std::size_t to = 0; to < release_ranges.size(); ++to) {
    if (compare(encoding, to).verdict != Verdict::compatible) continue;
    if (all.first.empty()) all.first = release_ranges[to].first;
    all.last = release_ranges[to].last;
  }
  return display(all);
}

std::string display(const ReleaseRange& range) {
  if (range.last.empty()) return fmt::format("{} and later", range.first);
  return fmt::format("{} to {}", range.first, range.last);
}

std::optional<std::size_t> range_of(std::string_view release) noexcept {
  const std::optional<Numbers> numbers = numbers_of(release);
  if (!numbers || std::get<0>(*numbers) > 3) return std::nullopt;
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < release_ranges.size(); ++i)
    if (*numbers >= numbers_of(release_ranges[i].first)) found = i;
  return found;
}

Compatibility compare(std::size_t from, std::size_t to, Way way) {
  check_range(from);
  check_range(to);
  return way == Way::copy ? by_copy(release_ranges[from].encoding, release_ranges[to])
                          : by_export(release_ranges[from], release_ranges[to]);
}

Compatibility compare(Encoding directory, std::size_t to) {
  check_range(to);
  return by_copy(directory, release_ranges[to]);
}

}  // namespace holdfast::engine::typedb
