// SPDX-License-Identifier: Apache-2.0
// Which runes Go 1.19 prints as they are. Private to this room; go_quote() is declared in tree.h.
#pragma once

#include <string_view>

namespace holdfast::format {

// Unicode 13.0.0's categories L, M, N, P and S, and the ASCII space.
// Source: Go 1.19 strconv.IsPrint. Held to it by: go_quote_test (SHA-256 of the whole table).
[[nodiscard]] bool is_printable(char32_t rune) noexcept;

// Whether a text is ASCII that neither Go's quoting nor JSON changes: most names are.
[[nodiscard]] bool is_plain(std::string_view text) noexcept;

}  // namespace holdfast::format
