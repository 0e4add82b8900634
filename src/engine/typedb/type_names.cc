// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/type_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

constexpr int supertypes_max = 1000;
constexpr std::size_t tokens_per_look = 1U << 14U;

bool is_word_byte(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

// Words and single other characters of one statement outside of brackets; strings, comments and
// what is in brackets are left out, and so are annotations and their arguments.
class Statements {
 public:
  Statements(std::string_view text, const std::stop_token& stop)
      : rest_(text), text_(text), stop_(stop) {}

  // False at the end.
  bool next(std::vector<std::string_view>& words) {
    words.clear();
    std::size_t depth = 0;
    std::size_t opened = 0;
    while (skip_space()) {
      if (tokens_++ % tokens_per_look == 0 && stop_.stop_requested())
        throw Error(Errc::cancelled, "stopped while reading a schema");
      const char c = rest_.front();
      if (c == '"' || c == '\'') {
        skip_string(c);
        continue;
      }
      const std::string_view token = take_token();
      if (c == '(' || c == '{' || c == '[') {
        if (depth++ == 0) opened = offset();
      } else if (c == ')' || c == '}' || c == ']') {
        if (depth > 0) --depth;
      } else if (depth == 0) {
        if (c == ';') return true;
        words.push_back(token);
      }
    }
    if (depth > 0)
      throw Error(Errc::corrupt,
                  fmt::format("the bracket of line {} does not end", line_of(opened)));
    return !words.empty();
  }

 private:
  bool skip_space() {
    while (!rest_.empty()) {
      if (rest_.front() == '#') {
        rest_.remove_prefix(std::min(rest_.size(), rest_.find('\n')));
      } else if (static_cast<unsigned char>(rest_.front()) <= ' ') {
        rest_.remove_prefix(1);
      } else {
        return true;
      }
    }
    return false;
  }
  void skip_string(char quote) {
    const std::size_t begun = offset();
    std::size_t at = 1;
    while (at < rest_.size() && rest_[at] != quote) at += rest_[at] == '\\' ? 2 : 1;
    if (at >= rest_.size())
      throw Error(Errc::corrupt, fmt::format("the string of line {} does not end", line_of(begun)));
    rest_.remove_prefix(at + 1);
  }
  // A variable or annotation is one token with its sign.
  std::string_view take_token() {
    const char first = rest_.front();
    std::size_t size = first == '$' || first == '?' || first == '@' || is_word_byte(first) ? 1 : 0;
    while (size > 0 && size < rest_.size() && is_word_byte(rest_[size])) ++size;
    const std::string_view token = rest_.substr(0, std::max<std::size_t>(size, 1));
    rest_.remove_prefix(token.size());
    return token;
  }
  [[nodiscard]] std::size_t offset() const noexcept { return text_.size() - rest_.size(); }
  [[nodiscard]] std::size_t line_of(std::size_t offset) const {
    const std::string_view before = text_.substr(0, offset);
    return 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  }

  std::string_view rest_, text_;
  const std::stop_token& stop_;
  std::size_t tokens_ = 0;
};

ItemKind kind_named(std::string_view word) noexcept {
  if (word == "entity") return ItemKind::entity;
  if (word == "relation") return ItemKind::relation;
  if (word == "attribute") return ItemKind::attribute;
  return ItemKind::unknown;
}

bool is_label(std::string_view token) noexcept {
  return !token.empty() && is_word_byte(token.front());
}

struct Scan {
  TypeNames names;
  std::map<std::string_view, std::string_view> supertypes;

  void read(const std::vector<std::string_view>& words) {
    std::size_t at = 0;
    while (at < words.size() && words[at] == "define") ++at;
    if (at == words.size() || !is_label(words[at])) return;
    const ItemKind kind = kind_named(words[at]);
    const bool told = kind != ItemKind::unknown && at + 1 < words.size() &&
                      is_label(words[at + 1]) && words[at + 1] != "sub";
    if (told) ++at;
    const std::string_view label = words[at];
    if (told) names.types.insert_or_assign(std::string(label), kind);
    for (std::size_t i = at + 1; i + 1 < words.size(); ++i) {
      const bool strict = words[i + 1] == "!" && i + 2 < words.size();
      const std::string_view object = words[i + (strict ? 2 : 1)];
      if (!is_label(object)) continue;
      if (words[i] == "relates") {
        names.roles.insert(fmt::format("{}:{}", label, object));
      } else if (words[i] == "sub") {
        supertypes.insert_or_assign(label, object);
        names.types.try_emplace(std::string(label), ItemKind::unknown);
      }
    }
  }

  [[nodiscard]] ItemKind kind_by_supertypes(std::string_view label) const {
    for (int i = 0; i < supertypes_max; ++i) {
      const auto found = supertypes.find(label);
      if (found == supertypes.end()) break;
      label = found->second;
      if (const ItemKind kind = kind_named(label); kind != ItemKind::unknown) return kind;
      const auto known = names.types.find(label);
      if (known != names.types.end() && known->second != ItemKind::unknown) return known->second;
    }
    return ItemKind::unknown;
  }
};

}  // namespace

TypeNames scan_schema(std::string_view typeql, const std::stop_token& stop) {
  Scan scan;
  Statements statements(typeql, stop);
  for (std::vector<std::string_view> words; statements.next(words);) scan.read(words);
  for (auto& [label, kind] : scan.names.types)
    if (kind == ItemKind::unknown) kind = scan.kind_by_supertypes(label);
  if (scan.names.types.empty()) throw Error(Errc::corrupt, "the schema defines no type");
  return std::move(scan.names);
}

}  // namespace holdfast::engine::typedb
