// SPDX-License-Identifier: Apache-2.0
// Statements that make in another database what a schema needs there, for a DBA to read and run;
// and what Holdfast asks of its own users.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/engine.h"
#include "engine/oracle/location.h"

namespace holdfast::engine::oracle {

// What a schema needs that is not its own, as a copy says it; an object without anything where it
// says nothing.
[[nodiscard]] const Json& prerequisites_of(const model::DatabaseFacts& facts);
// The items of a list of it; none where nobody could look.
[[nodiscard]] const Json::Array& items_of(const Json& prerequisites, std::string_view key);

// Text behind which no line goes on, for a script of sqlplus. Passwords are in none: the user is
// made by whoever runs it, who is asked for one.
[[nodiscard]] std::string prerequisite_script(const Json& prerequisites, std::string_view schema,
                                              const LoadOptions& options);
// The single statements of it that come after the user is there: quotas, roles, privileges.
[[nodiscard]] std::vector<std::string> right_statements(const Json& prerequisites,
                                                        std::string_view schema,
                                                        const LoadOptions& options);

// As Engine::grants. Errc::usage for another purpose.
[[nodiscard]] std::string grants_for(std::string_view purpose, const Location& location);
// As Engine::restore_instructions.
[[nodiscard]] std::string restore_text(const model::DatabaseFacts& facts);

}  // namespace holdfast::engine::oracle
