// SPDX-License-Identifier: Apache-2.0
// A moment of schemas of one Oracle database: a system change number, and exports as of it.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "engine/engine.h"
#include "engine/oracle/export.h"

namespace holdfast::engine::oracle {

// Where the parts of a copy are.
inline constexpr std::string_view dump_part = "schema.dmp";
inline constexpr std::string_view prerequisites_part = "prerequisites.sql";

// As Engine::hold. Nobody waits for it: the server keeps what was, as long as its undo lasts.
[[nodiscard]] std::unique_ptr<Hold> make_hold(std::span<const model::Endpoint> endpoints,
                                              const HoldOptions& options);

// As Engine::describe, of a live schema.
void describe_schema(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                     const std::stop_token& stop);

}  // namespace holdfast::engine::oracle
