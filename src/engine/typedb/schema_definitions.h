// SPDX-License-Identifier: Apache-2.0
// What a schema in TypeQL 2 defines, as it stands there.
//
// Source: typedb/typeql, grammar/TypeQL.g4 of 2.0.0 to 2.28.6, definables and type_constraint.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string_view>
#include <vector>

#include "engine/typedb/item.h"
#include "engine/typedb/schema_adapter.h"
#include "engine/typedb/typeql_statements.h"

namespace holdfast::engine::typedb {

// All texts are views into the schema's.
struct SchemaConstraint {
  enum class Kind : std::uint8_t { owns, relates, plays };
  Kind kind = Kind::owns;
  std::string_view scope;       // of plays: the relation
  std::string_view name;        // attribute or role
  std::string_view overridden;  // behind `as`; empty if there is none
  bool key = false, unique = false;
  std::uint32_t line = 0;
  bool is_repeated = false;  // the same type has said it before
};

struct SchemaType {
  std::string_view label, supertype;
  std::string_view value;  // "long"; empty if not said
  std::string_view regex;  // without its quotes
  bool is_abstract = false, has_regex = false;
  std::uint32_t line = 0;  // of its first statement
  std::vector<SchemaConstraint> constraints;
};

struct SchemaDefinitions {
  std::vector<SchemaType> types;  // each once, in the order of their first statement
  std::vector<SchemaPlace> open;  // what is not understood, and rules
};

// Adds a place. Errc::corrupt if there are too many for anybody to look at.
void add_place(std::vector<SchemaPlace>& open, SchemaPlace place);

// Errors as of adapt_schema.
[[nodiscard]] SchemaDefinitions read_definitions(std::string_view typeql_2,
                                                 const std::stop_token& stop);

// entity, relation and attribute, from which types descend; unknown for other words.
[[nodiscard]] ItemKind root_kind(std::string_view label) noexcept;

}  // namespace holdfast::engine::typedb
