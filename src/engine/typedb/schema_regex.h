// SPDX-License-Identifier: Apache-2.0
// Regular expressions of TypeDB 2 schemas as TypeDB 3 writes them: 2.x has those of Java and holds
// a whole value against them, 3.x has those of Rust's crate regex and looks for them anywhere in
// it.
//
// Sources: typedb/typedb 2.29.1, concept/type/impl/AttributeTypeImpl.java (matches()) and
// typedb/typeql 2.28.6, java/common/util/Strings.java (only \/ is an escape of TypeQL);
// typedb/typedb 3.12.3, concept/type_/annotation.rs (is_match) and typedb/typeql 3.11.0,
// rust/value.rs (only \" is one); java.util.regex.Pattern of Java 11; rust-lang/regex 1.11,
// "Syntax" and regex-syntax, is_escapeable_character.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::engine::typedb {

struct AdaptedRegex {
  std::string text;  // what stands between double quotes in TypeQL 3, taking the same values
  std::string why;   // not empty: `text` is as it was, because this cannot be said in 3.x
};

// `regex`: what stands between the quotes in TypeQL 2.
[[nodiscard]] AdaptedRegex adapt_regex(std::string_view regex);

}  // namespace holdfast::engine::typedb
