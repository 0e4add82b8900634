// SPDX-License-Identifier: Apache-2.0
// Text for people: what a terminal may be shown, how wide it is, where to break it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace holdfast::cli {

// `raw` (a file name, a message from elsewhere) such that it can neither steer a terminal nor forge
// a line: control characters and bytes that are not UTF-8 become \n, \t, \xNN or \uNNNN. Everything
// else stays, backslashes too.
[[nodiscard]] std::string printable(std::string_view raw);
// The same for a text of our own that may have several lines: line breaks stay. For the last step
// to the screen, where whatever was forgotten before must do no harm.
[[nodiscard]] std::string printable_lines(std::string_view raw);

// Cells of a terminal that `text` takes: two for wide East Asian characters and pictographs, none
// for combining marks.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;
// The front of `text` that fits into `width` cells.
[[nodiscard]] std::string_view fitting_front(std::string_view text, std::size_t width) noexcept;
// `text`, or its end behind a "…" if it is wider than `width` cells: for paths, whose end tells
// most.
[[nodiscard]] std::string shortened_front(std::string_view text, std::size_t width);

// Lines of at most `width` cells, broken at spaces; words that are wider stay whole. Empty lines
// part paragraphs and are kept; lines that begin with a space are kept as they are.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t width);

// "45.20%"; empty if `whole` is 0.
[[nodiscard]] std::string format_percent(std::uint64_t part, std::uint64_t whole);

// The text of a file people wrote: a byte order mark is dropped, UTF-16 behind one becomes UTF-8.
[[nodiscard]] std::string decode_text(std::string_view bytes);
// Without white space (of Unicode) at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;
// The lines of a text, without their ends (\n or \r\n); a last line without end counts.
[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);
// "a,b" → {"a", "b"}.
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
[[nodiscard]] std::string joined(std::span<const std::string> parts, std::string_view separator);
// "1 item", "2 items": the noun gets an s where it needs one.
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);

}  // namespace holdfast::cli
