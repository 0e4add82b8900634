// SPDX-License-Identifier: Apache-2.0
// The log: one line an event on standard error, for the operator. Results and progress are not
// logs.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast {

enum class LogLevel : std::uint8_t { error, warn, info, debug };

using LogField = std::pair<std::string_view, std::string>;

// Sets what is printed: this level and everything more urgent. Default: warn.
void set_log_level(LogLevel most_talkative) noexcept;
[[nodiscard]] bool log_enabled(LogLevel level) noexcept;

// Writes "level: message key=value …" as one line in one write(2). Safe from all threads. Values
// with spaces, quotes or `=` are quoted; control characters and bytes that are not UTF-8 are
// written as \n, \t or \xNN, so that a file name can neither forge a line nor steer a terminal. A
// line that standard error does not take is lost. Never pass a secret.
void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

}  // namespace holdfast
