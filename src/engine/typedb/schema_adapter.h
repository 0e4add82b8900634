// SPDX-License-Identifier: Apache-2.0
// The schema of a TypeDB 2 database in TypeQL 3, so that data of 2.x finds in 3.x what it had.
//
// What becomes of what:
//  - `x sub entity` is `entity x`, `y sub x` is `entity y, sub x`; relations and attributes alike
//  - `abstract` is `@abstract`, `value long` is `value integer`; a value type that is inherited is
//    not said again (2.x prints it for every attribute, 3.x refuses that)
//  - `owns a` and `relates r` are `@card(0..)`, as 2.x knows no bounds and the default of 3.x is
//  one;
//    `@key` stays, and `plays` has no bounds in 3.x either
//  - attributes are `@independent`: 2.x keeps those that nobody owns, 3.x removes them
//  - `regex` is `@regex` (schema_regex.h); on an abstract attribute it had no effect and is left
//  out
//  - `owns a as b`, `plays r:x as y` lose the `as`, which 3.x has not; nothing but a restriction
//  goes
//  - what a supertype has is not said again, unless it is stricter
//
// Sources: typedb/typeql, grammar/TypeQL.g4 of 2.0.0 to 2.28.6, rust/parser/typeql.pest and
// rust/typeql.rs (reserved words) of 3.0.0 to 3.11.0; typedb/typedb 2.29.1,
// concept/type/impl/*TypeImpl.java (getSyntax) and common/exception/ErrorMessage.java (TypeWrite);
// typedb/typedb 3.12.3, concept/type_/owns.rs, relates.rs, plays.rs (default cardinalities),
// concept/type_/type_manager/validation/ (SVL7, 14, 22, 39, 42, 43),
// database/migration/database_importer.rs (@independent is inherited and said of roots only; a
// schema is one define) and server/service/grpc/migration/import_service.rs (attributes that own
// are refused); typedb/typedb-docs, manual/modules/ROOT/pages/migration/2_to_3.adoc.
#pragma once

#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::engine::typedb {

// Where a decision is needed.
struct SchemaPlace {
  std::size_t line = 0;  // of the text that was adapted, from 1 on
  std::string what;      // "attribute name owns language"
  std::string why;       // a clause: "attributes of TypeDB 3 own nothing"
  std::string mend;      // a sentence
};

struct AdaptedSchema {
  std::string text;               // TypeQL 3; without comments of its own if nothing is open
  std::vector<SchemaPlace> open;  // by line; empty: `text` is the whole schema. Else it is a draft
                                  // with these in comments, and what they are about left out
};

// Errc::corrupt, with the line, for what is no schema of TypeDB 2: strings or brackets that do not
// end, text that is no UTF-8 or has more than 4 MiB, another query than define, more than 100,000
// types or 10,000 open places. Errc::cancelled soon after a stop request. Time and memory are
// linear in the text.
[[nodiscard]] AdaptedSchema adapt_schema(std::string_view typeql_2,
                                         const std::stop_token& stop = {});

// Whether the text says kinds first (`entity person`), as TypeQL 3 does; false where it defines
// nothing. Errors as of adapt_schema.
[[nodiscard]] bool is_typeql_3(std::string_view text, const std::stop_token& stop = {});

}  // namespace holdfast::engine::typedb
