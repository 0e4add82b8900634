// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/type_names.h"

#include <fmt/format.h>

#include <vector>

#include "base/error.h"
#include "engine/typedb/typeql_statements.h"

namespace holdfast::engine::typedb {
namespace {

constexpr int supertypes_max = 1000;

ItemKind kind_named(std::string_view word) noexcept {
  if (word == "entity") return ItemKind::entity;
  if (word == "relation") return ItemKind::relation;
  if (word == "attribute") return ItemKind::attribute;
  return ItemKind::unknown;
}

struct Scan {
  TypeNames names;
  std::map<std::string_view, std::string_view> supertypes;

  void read(const std::vector<TypeqlWord>& words) {
    std::size_t at = 0;
    while (at < words.size() && words[at].text == "define") ++at;
    if (at == words.size() || !words[at].is_label()) return;
    const ItemKind kind = kind_named(words[at].text);
    const bool told = kind != ItemKind::unknown && at + 1 < words.size() &&
                      words[at + 1].is_label() && words[at + 1].text != "sub";
    if (told) ++at;
    const std::string_view label = words[at].text;
    if (told) names.types.insert_or_assign(std::string(label), kind);
    for (std::size_t i = at + 1; i + 1 < words.size(); ++i) {
      const bool strict = words[i + 1].text == "!" && i + 2 < words.size();
      const TypeqlWord& object = words[i + (strict ? 2 : 1)];
      if (!object.is_label()) continue;
      if (words[i].text == "relates") {
        names.roles.insert(fmt::format("{}:{}", label, object.text));
      } else if (words[i].text == "sub") {
        supertypes.insert_or_assign(label, object.text);
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
  TypeqlStatements statements(typeql, stop);
  for (std::vector<TypeqlWord> words; statements.next(words);) {
    std::erase_if(words, [](const TypeqlWord& word) {
      return word.is_string() || word.text == "(" || word.text == "{" || word.text == "[";
    });
    scan.read(words);
  }
  for (auto& [label, kind] : scan.names.types)
    if (kind == ItemKind::unknown) kind = scan.kind_by_supertypes(label);
  if (scan.names.types.empty()) throw Error(Errc::corrupt, "the schema defines no type");
  return std::move(scan.names);
}

}  // namespace holdfast::engine::typedb
