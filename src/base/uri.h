// SPDX-License-Identifier: Apache-2.0
// URIs as people write them, malformed ones too: which part of one is a password, which the
// place. Pure.
#pragma once

#include <string>
#include <string_view>

namespace holdfast {

// `uri` with "***" in place of every password: what stands behind the user
// ("scheme://user:secret@") and the values of parameters such as `password`, `passwd`, `pwd`,
// `passphrase`, `secret` or `token`, in the query or behind semicolons, commas and spaces. For
// whatever people or logs see.
[[nodiscard]] std::string redacted_uri(std::string_view uri);

// Whether there is one.
[[nodiscard]] bool holds_password(std::string_view uri);

// What stands in front of its first question mark: the place, without what else is said of the way
// there. A view of `uri`.
[[nodiscard]] std::string_view without_query(std::string_view uri);

}  // namespace holdfast
