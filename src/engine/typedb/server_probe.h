// SPDX-License-Identifier: Apache-2.0
// Looking at a database that is asked of its server, and at whether a copy can go there.
// docs/findings.md lists the codes.
#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "engine/engine.h"

namespace holdfast::engine::typedb {

// As Engine::probe. No more is read of the database than up to its first thing; one that has a
// schema is not empty, and of one that has no things the facts say `things` = false.
[[nodiscard]] Probe probe_on_server(const model::Endpoint& endpoint, const std::stop_token& stop);

// As Engine::check_load. Nothing of a server that does not answer, which probe_on_server() says.
[[nodiscard]] std::vector<model::Finding> check_load_on_server(const model::DatabaseFacts& facts,
                                                               const model::Endpoint& into,
                                                               const LoadOptions& options,
                                                               const std::stop_token& stop);

// That a copy of a directory cannot go to a server, or an export into a data directory; nothing if
// the forms fit. `to_server`: where it is to go.
[[nodiscard]] std::optional<model::Finding> check_form(const model::DatabaseFacts& facts,
                                                       bool to_server);
// Errc::unsupported, with the same words.
void refuse_wrong_form(const model::DatabaseFacts& facts, bool to_server);

}  // namespace holdfast::engine::typedb
