// SPDX-License-Identifier: Apache-2.0
// What the errors of a server, and of its driver, mean to whoever reads of them: server_numbers.h
// for those that have a number, and SQLSTATE. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

// Without the names that a driver puts before it: "[FreeTDS][SQL Server]Login failed".
[[nodiscard]] std::string without_names(std::string text);
// Whether it is no error.
[[nodiscard]] bool is_information(const Message& message) noexcept;
// Of the first of these errors whose number says something; `otherwise` if none does.
[[nodiscard]] Errc errc_of(std::span<const Message> errors, Errc otherwise) noexcept;
// Whether one of them has ended the connection, or says that there is none.
[[nodiscard]] bool is_lost(std::span<const Message> errors) noexcept;
// What stands for the error of a driver that fails without a word.
[[nodiscard]] Message unexplained();
// Whether nobody says why it failed: no number, and no SQLSTATE but the general one.
[[nodiscard]] bool is_unexplained(std::span<const Message> errors) noexcept;
// Whether a statement that failed so says nothing but that its server does not know what is asked
// for, or does not tell us: not that it is overloaded, stopped or gone.
[[nodiscard]] bool is_unanswered(std::span<const Message> errors) noexcept;
// The next step of whoever could not connect; empty if the message says it all.
[[nodiscard]] std::string connecting_hint(std::span<const Message> errors,
                                          const Location& location);
// All their words: "4060 (42000): …; 18456 (28000): …".
[[nodiscard]] std::string words_of(std::span<const Message> errors);

}  // namespace holdfast::engine::sqlserver
