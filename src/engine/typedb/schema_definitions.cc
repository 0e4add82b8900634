// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/schema_definitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::size_t types_max = 100'000;
constexpr std::size_t open_max = 10'000;
constexpr std::size_t text_bytes_max = 4U << 20U;

// Words of other queries, none of which is a label in 2.x.
constexpr std::array<std::string_view, 5> other_queries{"undefine", "match", "insert", "delete",
                                                        "compute"};

// Words that are no labels either, and so begin no definition.
constexpr std::array<std::string_view, 8> no_labels{"abstract", "sub",   "owns", "plays",
                                                    "relates",  "regex", "as",   "type"};

using Words = std::vector<TypeqlWord>;

class Reader {
 public:
  void statement(const Words& words) {
    std::size_t at = 0;
    while (at < words.size() && words[at].text == "define") ++at;
    if (at == words.size()) return;
    const TypeqlWord& first = words[at];
    if (std::find(other_queries.begin(), other_queries.end(), first.text) != other_queries.end())
      throw Error(Errc::corrupt,
                  fmt::format("line {} is no definition: \"{}\"", first.line, first.text));
    if (is_rule(words, at)) {
      place(first.line, fmt::format("rule {}", words[at + 1].text),
            "TypeDB 3 has functions in place of rules; nothing that was inferred is in an export",
            "Write a function for it, or leave it out.");
    } else if (!first.is_label() ||
               std::find(no_labels.begin(), no_labels.end(), first.text) != no_labels.end()) {
      place(first.line, named(first), "this is no definition of a type", rewrite);
    } else if (at + 1 < words.size() && words[at + 1].text == ":") {
      place(first.line, fmt::format("{}:…", first.text),
            "roles are defined by their relations alone", rewrite);
    } else if (is_root(first.text)) {
      root(words, at);
    } else {
      constraints(words, at + 1, type_of(first));
    }
  }

  SchemaDefinitions take() {
    for (SchemaType& type : types_) merge_repeats(type);
    return {std::move(types_), std::move(open_)};
  }

 private:
  static constexpr std::string_view rewrite = "Write it in TypeQL 3.";

  static bool is_root(std::string_view label) noexcept {
    return root_kind(label) != ItemKind::unknown || label == "thing" || label == "role";
  }
  // `rule` has been a possible label since 2.24.
  static bool is_rule(const Words& words, std::size_t at) noexcept {
    return words[at].text == "rule" && at + 1 < words.size() && words[at + 1].is_label() &&
           (at + 2 == words.size() || words[at + 2].text == ":");
  }
  static std::string named(const TypeqlWord& word) {
    return word.is_string() ? "a string" : fmt::format("\"{}\"", word.text);
  }
  void place(std::uint32_t line, std::string what, std::string_view why, std::string_view mend) {
    add_place(open_, {line, std::move(what), std::string(why), std::string(mend)});
  }

  SchemaType& type_of(const TypeqlWord& label) {
    const auto [found, is_new] = places_.try_emplace(label.text, types_.size());
    if (is_new) {
      if (types_.size() == types_max)
        throw Error(Errc::corrupt, fmt::format("the schema has more than {} types", types_max));
      types_.emplace_back().label = label.text;
      types_.back().line = label.line;
    }
    return types_[found->second];
  }

  // Roots are as they are in both generations; some tools print them all the same.
  void root(const Words& words, std::size_t at) {
    SchemaType said;
    said.label = words[at].text;
    constraints(words, at + 1, said);
    if (said.has_regex || !said.value.empty() || !said.constraints.empty())
      place(words[at].line, std::string(said.label), "root types have nothing of their own",
            "Give it to the types below.");
  }

  void constraints(const Words& words, std::size_t at, SchemaType& type) {
    for (;;) {
      const std::size_t end = static_cast<std::size_t>(
          std::find_if(words.begin() + static_cast<std::ptrdiff_t>(at), words.end(),
                       [](const TypeqlWord& word) { return word.text == ","; }) -
          words.begin());
      if (at < end && !constraint({words.data() + at, end - at}, type))
        place(words[at].line, fmt::format("{} of {}", named(words[at]), type.label),
              "this is no constraint of TypeQL 2", rewrite);
      if (end == words.size()) return;
      at = end + 1;
    }
  }

  // False if it is not understood.
  bool constraint(std::span<const TypeqlWord> words, SchemaType& type) {
    const std::string_view verb = words[0].text;
    if (verb == "abstract") {
      type.is_abstract = true;
      return words.size() == 1;
    }
    if (words.size() < 2) return false;
    if (verb == "sub") return supertype(words, type);
    if (verb == "value" && words.size() == 2 && words[1].is_label())
      return said_once(type.value, words[1].text);
    if (verb == "regex" && words.size() == 2 && words[1].is_string()) {
      const std::string_view quoted = words[1].text;
      type.has_regex = true;
      return said_once(type.regex, quoted.substr(1, quoted.size() - 2));
    }
    if (!words[1].is_label()) return false;
    SchemaConstraint made;
    made.line = words[0].line;
    made.name = words[1].text;
    std::size_t at = 2;
    if (verb == "owns") {
      made.kind = SchemaConstraint::Kind::owns;
    } else if (verb == "relates") {
      made.kind = SchemaConstraint::Kind::relates;
    } else if (verb == "plays" && words.size() >= 4 && words[2].text == ":" &&
               words[3].is_label()) {
      made.kind = SchemaConstraint::Kind::plays;
      made.scope = made.name;
      made.name = words[3].text;
      at = 4;
    } else {
      return false;
    }
    return override_and_annotations(words.subspan(at), made) && add(type, made);
  }
  static bool supertype(std::span<const TypeqlWord> words, SchemaType& type) {
    const std::size_t at = words[1].text == "!" ? 2 : 1;
    return words.size() == at + 1 && words[at].is_label() &&
           said_once(type.supertype, words[at].text);
  }
  static bool said_once(std::string_view& what, std::string_view now) noexcept {
    if (!what.empty() && what != now) return false;
    what = now;
    return true;
  }
  static bool add(SchemaType& type, const SchemaConstraint& made) {
    type.constraints.push_back(made);
    return true;
  }
  static bool override_and_annotations(std::span<const TypeqlWord> words, SchemaConstraint& made) {
    if (words.size() >= 2 && words[0].text == "as" && words[1].is_label()) {
      made.overridden = words[1].text;
      words = words.subspan(2);
      // The overridden role may be named with its relation.
      if (made.kind == SchemaConstraint::Kind::plays && words.size() >= 2 && words[0].text == ":")
        words = words.subspan(2);
    }
    for (const TypeqlWord& word : words) {
      if (made.kind != SchemaConstraint::Kind::owns) return false;
      if (word.text != "@key" && word.text != "@unique") return false;
      (word.text == "@key" ? made.key : made.unique) = true;
    }
    return true;
  }

  // Several statements may say the same of a type, the later one more strictly.
  static void merge_repeats(SchemaType& type) {
    std::unordered_map<std::string, SchemaConstraint*> said;
    for (SchemaConstraint& one : type.constraints) {
      const auto [found, is_new] = said.try_emplace(
          fmt::format("{} {}:{}", static_cast<int>(one.kind), one.scope, one.name), &one);
      if (is_new) continue;
      SchemaConstraint& first = *found->second;
      one.is_repeated = true;
      first.key = first.key || one.key;
      first.unique = first.unique || one.unique;
      if (first.overridden.empty()) first.overridden = one.overridden;
    }
  }

  std::vector<SchemaType> types_;
  std::unordered_map<std::string_view, std::size_t> places_;
  std::vector<SchemaPlace> open_;
};

}  // namespace

ItemKind root_kind(std::string_view label) noexcept {
  if (label == "entity") return ItemKind::entity;
  if (label == "relation") return ItemKind::relation;
  if (label == "attribute") return ItemKind::attribute;
  return ItemKind::unknown;
}

void add_place(std::vector<SchemaPlace>& open, SchemaPlace place) {
  if (open.size() == open_max)
    throw Error(Errc::corrupt,
                fmt::format("the schema has more than {} places that cannot be adapted", open_max));
  open.push_back(std::move(place));
}

SchemaDefinitions read_definitions(std::string_view typeql_2, const std::stop_token& stop) {
  if (typeql_2.size() > text_bytes_max)
    throw Error(Errc::corrupt, fmt::format("the schema has more than {} bytes", text_bytes_max));
  if (!is_utf8(typeql_2)) throw Error(Errc::corrupt, "the schema is no UTF-8");
  Reader reader;
  TypeqlStatements statements(typeql_2, stop);
  for (Words words; statements.next(words);) reader.statement(words);
  return reader.take();
}

bool is_typeql_3(std::string_view text, const std::stop_token& stop) {
  TypeqlStatements statements(text, stop);
  for (Words words; statements.next(words);) {
    std::size_t at = 0;
    while (at < words.size() && words[at].text == "define") ++at;
    if (at + 1 >= words.size() || !words[at + 1].is_label()) continue;
    const std::string_view first = words[at].text;
    const std::string_view second = words[at + 1].text;
    const std::string_view third = at + 2 < words.size() ? words[at + 2].text : "";
    if (second == "sub") return false;
    if ((first == "fun" && third == "(") || (first == "struct" && third == ":")) return true;
    // `entity abstract` would be of a root of 2.x.
    if (root_kind(first) != ItemKind::unknown && second != "abstract") return true;
  }
  return false;
}

}  // namespace holdfast::engine::typedb
