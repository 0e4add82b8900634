// SPDX-License-Identifier: Apache-2.0
// Texts between UTF-8 and the UTF-16 in which drivers and servers have them. Pure.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::engine::sqlserver {

// What is no UTF-8 becomes U+FFFD.
[[nodiscard]] std::u16string to_wide(std::string_view utf8);
// Units of little-endian UTF-16, that may lie at any address. Halves of pairs become U+FFFD, an odd
// byte at the end is left out.
void append_utf8(std::string& to, std::string_view units);

}  // namespace holdfast::engine::sqlserver
