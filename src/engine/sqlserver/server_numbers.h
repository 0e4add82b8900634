// SPDX-License-Identifier: Apache-2.0
// What the numbers of a server's errors, of its driver's and of its operating system's mean. Words
// may be of any language, so that nobody looks at them. Pure.
//
// Sources: Transact-SQL Reference, "Database engine events and errors", numbers below 50,000 of
// 2008 to 2022; FreeTDS, the list of messages of its own (20,000 to 20,999), which its driver hands
// on as such; Microsoft's list of system error codes; errno(3).
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"

namespace holdfast::engine::sqlserver {

struct NumberMeaning {
  int number;
  Errc code;
  std::string_view hint;  // the next step of whoever backs up or restores; may be empty
};
// nullptr: it says nothing to us.
[[nodiscard]] const NumberMeaning* meaning_of(int number) noexcept;

// Whether an error of DBCC CHECKDB tells of damage, and not that it could not look: numbers of its
// own, and those of pages that cannot be right.
[[nodiscard]] bool is_damage(int number) noexcept;

// The error of the operating system that a message tells: "Operating system error 112(…)" is 112;
// nothing if it tells none. It stands in front of a parenthesis in every language.
[[nodiscard]] std::optional<int> system_error_of(std::string_view text) noexcept;

struct SystemMeaning {
  Errc code;
  std::string_view hint;
};
// Of a file of the server's: what the error means that its message tells, by Windows' numbers and
// by those of Linux.
[[nodiscard]] std::optional<SystemMeaning> system_meaning_of(std::string_view text) noexcept;

}  // namespace holdfast::engine::sqlserver
