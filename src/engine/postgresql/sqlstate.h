// SPDX-License-Identifier: Apache-2.0
// What an SQLSTATE asks of the reader, and where libpq hides it when no connection comes about.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::engine::postgresql {

// What a server refused a statement with: `state` may be empty. The Error names the component, and
// carries the state in its text and a hint where there is a next step.
[[nodiscard]] Error refusal(std::string_view component, std::string_view message,
                            std::string_view state);

// The next step after such a refusal, as a sentence; empty if there is none to name.
[[nodiscard]] std::string_view hint_of(std::string_view state);

// Why there is no connection: libpq's text at PQERRORS_VERBOSE, in the server's language.
// Errc::not_found only if the server says that the database is not there, denied only if it says
// that we may not; everything else is unavailable.
[[nodiscard]] Error connect_refusal(std::string_view component, std::string_view text);

}  // namespace holdfast::engine::postgresql
