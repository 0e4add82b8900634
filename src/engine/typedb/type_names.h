// SPDX-License-Identifier: Apache-2.0
// The types that a TypeQL schema defines, to compare an export with. A light scan, not a parser: it
// reads definitions of types and roles and passes over everything else.
//
// Source: typedb/typeql, rust/parser/typeql.pest and grammar/TypeQL.g4 (2.x), "definable"; the
// schema files of typedb/typedb-examples. 2.x writes `person sub entity`, 3.x `entity person`.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

#include "engine/typedb/item.h"

namespace holdfast::engine::typedb {

struct TypeNames {
  // entity, relation, attribute; unknown for a type whose supertype is not defined in the text.
  std::map<std::string, ItemKind, std::less<>> types;
  std::set<std::string, std::less<>> roles;  // "employment:employee", as in exports
};

// Errc::corrupt, with the line, where a string or bracket does not end, or where nothing is
// defined; Errc::cancelled soon after a stop request.
[[nodiscard]] TypeNames scan_schema(std::string_view typeql, const std::stop_token& stop = {});

}  // namespace holdfast::engine::typedb
