// SPDX-License-Identifier: Apache-2.0
#include "archive/exclude.h"

#include <fmt/format.h>
#include <locale.h>
#include <wctype.h>

#include <algorithm>
#include <cstdlib>

#include "base/bytes.h"
#include "base/error.h"
#include "base/path.h"
#include "base/utf8.h"

namespace holdfast::archive {

namespace {

// "/a/b" is "/", "a", "b"; a relative path has no "/" in front.
void split_path(std::string_view path, std::vector<std::string_view>& parts) {
  parts.clear();
  for (;;) {
    const std::size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  if (parts.front().empty()) parts.front() = "/";
}

// Lower case by Unicode whatever the process's locale is; bytes that are not UTF-8 all become
// U+FFFD, as in restic.
std::string to_lower(std::string_view text) {
  static const locale_t unicode = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  std::string lower;
  lower.reserve(text.size());
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    if (byte < 0x80) {
      lower += static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
      text.remove_prefix(1);
      continue;
    }
    const Utf8Rune next = decode_utf8(text);
    if (next.size_bytes == 0) {
      append_utf8(lower, 0xfffd);
      text.remove_prefix(1);
      continue;
    }
    const bool is_known = unicode != static_cast<locale_t>(nullptr);
    append_utf8(lower,
                is_known ? static_cast<char32_t>(::towlower_l(next.rune, unicode)) : next.rune);
    text.remove_prefix(next.size_bytes);
  }
  return lower;
}

// One character; a byte that is not UTF-8 stands for U+FFFD.
struct Character {
  char32_t rune;
  std::size_t size_bytes;
};
Character front_character(std::string_view text) {
  const Utf8Rune next = decode_utf8(text);
  return next.size_bytes == 0 ? Character{0xfffd, 1} : Character{next.rune, next.size_bytes};
}

// Takes one character of a class from the front of `glob`. False if there is none that may stand
// there.
bool take_class_character(std::string_view& glob, char32_t& rune) {
  if (glob.empty() || glob.front() == '-' || glob.front() == ']') return false;
  if (glob.front() == '\\') {
    glob.remove_prefix(1);
    if (glob.empty()) return false;
  }
  const Utf8Rune next = decode_utf8(glob);
  if (next.size_bytes == 0) return false;
  rune = next.rune;
  glob.remove_prefix(next.size_bytes);
  return !glob.empty();
}

enum class ClassMatch : std::uint8_t { no, yes, malformed };

// Takes a class, from behind its `[` to its `]`, from the front of `glob`.
ClassMatch take_class(std::string_view& glob, char32_t rune) {
  const bool is_negated = glob.starts_with('^');
  if (is_negated) glob.remove_prefix(1);
  bool is_in = false;
  for (bool is_first = true;; is_first = false) {
    if (!is_first && glob.starts_with(']')) break;
    char32_t low = 0;
    if (!take_class_character(glob, low)) return ClassMatch::malformed;
    char32_t high = low;
    if (glob.front() == '-') {
      glob.remove_prefix(1);
      if (!take_class_character(glob, high)) return ClassMatch::malformed;
    }
    is_in = is_in || (low <= rune && rune <= high);
  }
  glob.remove_prefix(1);
  return is_in != is_negated ? ClassMatch::yes : ClassMatch::no;
}

bool is_well_formed(std::string_view glob) {
  while (!glob.empty()) {
    const char first = glob.front();
    glob.remove_prefix(1);
    if (first == '[') {
      if (take_class(glob, 0) == ClassMatch::malformed) return false;
    } else if (first == '\\') {
      if (glob.empty()) return false;
      glob.remove_prefix(1);
    }
  }
  return true;
}

// Takes one element other than `*` from the front of a well-formed `glob` and what it matches from
// the front of `name`; false, with both in any state, if it does not match.
bool take_element(std::string_view& glob, std::string_view& name) {
  if (name.empty()) return false;
  const char first = glob.front();
  if (first == '?' || first == '[') {
    const Character next = front_character(name);
    glob.remove_prefix(1);
    if (first == '[' && take_class(glob, next.rune) != ClassMatch::yes) return false;
    name.remove_prefix(next.size_bytes);
    return true;
  }
  if (first == '\\') glob.remove_prefix(1);
  if (glob.front() != name.front()) return false;
  glob.remove_prefix(1);
  name.remove_prefix(1);
  return true;
}

// Whether a well-formed `glob` matches the whole of `name`. Only the last `*` met is ever retried:
// what came before it has the shortest match already.
bool glob_matches(std::string_view glob, std::string_view name) {
  std::string_view retry_glob;
  std::string_view retry_name;
  bool can_retry = false;
  while (!glob.empty() || !name.empty()) {
    if (glob.starts_with('*')) {
      glob.remove_prefix(1);
      retry_glob = glob;
      retry_name = name;
      can_retry = true;
      continue;
    }
    if (!glob.empty() && take_element(glob, name)) continue;
    if (!can_retry || retry_name.empty()) return false;
    retry_name.remove_prefix(1);
    glob = retry_glob;
    name = retry_name;
  }
  return true;
}

bool is_name_character(char byte) noexcept {
  return byte == '_' || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z');
}

bool is_special_variable(char byte) noexcept {
  return std::string_view("*#$@!?-0123456789").find(byte) != std::string_view::npos;
}

// What stands behind a `$`: the variable's name and how much of `text` it takes. A name may be
// empty: with a size, the syntax is broken and eaten; without, the `$` stands for itself.
struct Variable {
  std::string_view name;
  std::size_t size_bytes;
};
Variable front_variable(std::string_view text) {
  if (text.front() == '{') {
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) return {{}, 1};
    return {text.substr(1, end - 1), end + 1};
  }
  if (is_special_variable(text.front())) return {text.substr(0, 1), 1};
  const auto* end = std::find_if_not(text.begin(), text.end(), is_name_character);
  const auto size_bytes = static_cast<std::size_t>(end - text.begin());
  return {text.substr(0, size_bytes), size_bytes};
}

std::string expand_variables(std::string_view line) {
  std::string expanded;
  while (!line.empty()) {
    const std::size_t dollar = line.find('$');
    expanded += line.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    line.remove_prefix(dollar + 1);
    const Variable variable = line.empty() ? Variable{{}, 0} : front_variable(line);
    if (variable.name == "$" || variable.size_bytes == 0) {
      expanded += '$';
    } else if (!variable.name.empty()) {
      const char* value = std::getenv(std::string(variable.name).c_str());
      if (value != nullptr) expanded += value;
    }
    line.remove_prefix(variable.size_bytes);
  }
  return expanded;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

void PatternList::add(std::string_view pattern, bool ignore_case) {
  if (pattern.empty()) return;
  Pattern parsed;
  parsed.ignore_case = ignore_case;
  std::string text = ignore_case ? to_lower(pattern) : std::string(pattern);
  if (text.front() == '!') {
    parsed.negated = true;
    text.erase(0, 1);
  }
  text = clean_path(text);
  Parts parts;
  split_path(text, parts);
  parsed.absolute = parts.front() == "/";
  for (const std::string_view part : parts) {
    if (!is_well_formed(part)) {
      Error error(Errc::usage, fmt::format("pattern \"{}\" is malformed", pattern));
      error.set_hint("Write a literal `[` or backslash with a backslash in front.");
      throw error;
    }
    if (part == "**") {
      parsed.parts.push_back({});
    } else {
      parsed.parts.push_back({std::string(part), part.find_first_of("\\[]*?") == part.npos});
    }
  }
  (ignore_case ? has_insensitive_ : has_sensitive_) = true;
  patterns_.push_back(std::move(parsed));
}

void PatternList::add_lines(std::string_view text, bool ignore_case) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.front() != '#') add(expand_variables(line), ignore_case);
  }
}

bool PatternList::matches_part(const Part& part, std::string_view name) {
  return part.is_literal ? part.glob == name : glob_matches(part.glob, name);
}

// The parts between two `**` are looked for one run after the other, each as early as it fits: the
// end is free, so that an early fit never spoils a later one. A relative pattern begins anywhere
// below the root. (Where several `**` all stand for nothing, restic misses some short paths that
// its documentation says are matched.)
bool PatternList::matches_pattern(const std::vector<Part>& parts, std::size_t part_count,
                                  const Parts& path) {
  std::size_t at = 0;
  std::size_t begin = 0;
  bool is_anchored = parts.front().glob == "/";
  if (!is_anchored && path.front() == "/") at = 1;
  while (begin < part_count) {
    std::size_t end = begin;
    while (end < part_count && !parts[end].glob.empty()) ++end;
    const std::size_t run = end - begin;
    for (;; ++at) {
      if (at + run > path.size()) return false;
      std::size_t fitting = 0;
      while (fitting < run && matches_part(parts[begin + fitting], path[at + fitting])) ++fitting;
      if (fitting == run) break;
      if (is_anchored) return false;
    }
    at += run;
    begin = end + 1;
    is_anchored = false;
  }
  return true;
}

bool PatternList::may_match_child(const Pattern& pattern, const Parts& path) {
  if (!pattern.absolute) return true;  // may begin anywhere further down
  std::size_t size = path.size();
  const auto wildcard = std::find_if(pattern.parts.begin(), pattern.parts.end(),
                                     [](const Part& part) { return part.glob.empty(); });
  if (wildcard != pattern.parts.end()) {
    size = std::min(size, static_cast<std::size_t>(wildcard - pattern.parts.begin()));
  }
  const Parts front(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(size));
  return matches_pattern(pattern.parts, std::min(size, pattern.parts.size()), front);
}

PatternList::Verdict PatternList::judge(std::string_view path, bool ignore_case) const {
  static thread_local Parts parts;
  const std::string lower = ignore_case ? to_lower(path) : std::string();
  split_path(ignore_case ? std::string_view(lower) : path, parts);
  Verdict verdict;
  for (const Pattern& pattern : patterns_) {
    if (pattern.ignore_case != ignore_case) continue;
    const bool is_matched = matches_pattern(pattern.parts, pattern.parts.size(), parts);
    if (pattern.negated) {
      verdict.is_matched = verdict.is_matched && !is_matched;
      verdict.may_match_below = verdict.may_match_below && !is_matched;
    } else {
      verdict.is_matched = verdict.is_matched || is_matched;
      verdict.may_match_below = verdict.may_match_below || may_match_child(pattern, parts);
    }
  }
  return verdict;
}

bool PatternList::matches(std::string_view path) const {
  return (has_sensitive_ && judge(path, false).is_matched) ||
         (has_insensitive_ && judge(path, true).is_matched);
}

bool PatternList::may_match_below(std::string_view path) const {
  return (has_sensitive_ && judge(path, false).may_match_below) ||
         (has_insensitive_ && judge(path, true).may_match_below);
}

}  // namespace holdfast::archive
