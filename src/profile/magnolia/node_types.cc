// SPDX-License-Identifier: Apache-2.0
// Registered node types.
#include "profile/magnolia/node_types.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

std::string trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(blanks) - first + 1));
}

}  // namespace

NodeTypes NodeTypes::of(const XmlElement& root, std::string_view file) {
  const auto fail = [&](const XmlElement& at, std::string_view what) {
    throw Error(Errc::corrupt, fmt::format("{}:{}: {}", file, at.line, what));
  };
  const auto resolve = [&](const XmlElement& at, const std::string& written) -> OwnedName {
    const std::size_t colon = written.find(':');
    if (written.empty() || colon + 1 == written.size()) fail(at, "a node type without a name");
    if (colon == std::string::npos) return {"", written};
    const std::string* const uri = root.attribute("xmlns:" + written.substr(0, colon));
    if (uri == nullptr) fail(at, fmt::format("the prefix of `{}` is not declared", written));
    return {*uri, written.substr(colon + 1)};
  };
  if (root.name != "nodeTypes") fail(root, fmt::format("<{}> is not <nodeTypes>", root.name));
  NodeTypes types;
  for (const XmlElement* type : root.all("nodeType")) {
    const OwnedName name = resolve(*type, type->attribute_or("name", ""));
    types.names_.insert(name);
    const XmlElement* const supertypes = type->child("supertypes");
    if (supertypes == nullptr) continue;
    for (const XmlElement* supertype : supertypes->all("supertype")) {
      types.supertypes_.emplace(name, resolve(*supertype, trimmed(supertype->text)));
    }
  }
  return types;
}

bool NodeTypes::has(const Name& type) const {
  if (type.uri == nt_uri || type.uri == mix_uri || type.uri == rep_uri) return true;
  return names_.contains({std::string(type.uri), std::string(type.local)});
}

std::set<std::string> NodeTypes::names() const {
  std::set<std::string> names;
  for (const auto& [uri, local] : names_) names.insert(Name{uri, local}.display());
  return names;
}

std::set<std::pair<std::string, std::string>> NodeTypes::missing_supertypes() const {
  std::set<std::pair<std::string, std::string>> missing;
  for (const auto& [type, supertype] : supertypes_) {
    if (has({supertype.first, supertype.second})) continue;
    missing.emplace(Name{type.first, type.second}.display(),
                    Name{supertype.first, supertype.second}.display());
  }
  return missing;
}

}  // namespace holdfast::profile::magnolia
