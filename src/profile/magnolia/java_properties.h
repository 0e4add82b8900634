// SPDX-License-Identifier: Apache-2.0
// Java's .properties files. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::profile::magnolia {

struct JavaProperty {
  std::string key, value;  // UTF-8
  std::size_t line = 0;    // where it begins, from 1
};

// The properties in their order; of several of one key the last counts in Java. Source: Java SE,
// java.util.Properties, load(InputStream): ISO 8859-1, `#` and `!` begin comments, a backslash at a
// line's end continues it, \uXXXX is a UTF-16 unit. Errc::corrupt with "file:line: …" for a
// malformed escape, half of a surrogate pair, and a NUL.
[[nodiscard]] std::vector<JavaProperty> parse_java_properties(std::string_view text,
                                                              std::string_view file);

}  // namespace holdfast::profile::magnolia
