// SPDX-License-Identifier: Apache-2.0
// restic's patterns: which paths are left out of a backup or taken into a restore.
//
// Source: restic doc/040_backup.rst "Excluding Files", internal/filter. Patterns are globs over
// path components;
// `**` matches any number of them; a pattern without a leading slash matches at any depth; a
// pattern that matches a directory matches all below it; `!` negates in exclude lists. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::archive {

class PatternList {
 public:
  // Errc::usage naming the pattern that is malformed; an empty one is passed over. `ignore_case` as
  // of
  // --iexclude, --iinclude; such patterns are a list of their own: a `!` among them takes back only
  // theirs.
  void add(std::string_view pattern, bool ignore_case);
  // Lines of a pattern file in UTF-8: blank lines and `#` comments skipped, trimmed, $VARS
  // expanded, `$$` is `$`.
  void add_lines(std::string_view text, bool ignore_case);
  [[nodiscard]] bool empty() const noexcept { return patterns_.empty(); }

  // Whether an absolute path is matched (the last matching pattern wins, `!` unmatching).
  [[nodiscard]] bool matches(std::string_view path) const;
  // Whether something below the directory `path` may be matched: includes must then descend.
  [[nodiscard]] bool may_match_below(std::string_view path) const;

 private:
  struct Part {
    std::string glob;         // empty: `**`
    bool is_literal = false;  // without `*`, `?`, `[` and backslash: compared as it is
  };
  struct Pattern {
    std::vector<Part> parts;  // the first is "/" if the pattern is absolute
    bool negated = false, absolute = false, ignore_case = false;
  };
  struct Verdict {
    bool is_matched = false, may_match_below = false;
  };
  using Parts = std::vector<std::string_view>;

  [[nodiscard]] static bool matches_part(const Part& part, std::string_view name);
  [[nodiscard]] static bool matches_pattern(const std::vector<Part>& parts, std::size_t part_count,
                                            const Parts& path);
  [[nodiscard]] static bool may_match_child(const Pattern& pattern, const Parts& path);
  [[nodiscard]] Verdict judge(std::string_view path, bool ignore_case) const;

  std::vector<Pattern> patterns_;
  bool has_sensitive_ = false, has_insensitive_ = false;
};

}  // namespace holdfast::archive
