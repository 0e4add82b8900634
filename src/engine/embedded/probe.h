// SPDX-License-Identifier: Apache-2.0
// What can be said of an embedded database before anything is done with it, and which there are
// below a directory. docs/findings.md lists the codes.
#pragma once

#include "engine/embedded/kind.h"
#include "engine/engine.h"

namespace holdfast::engine::embedded {

[[nodiscard]] Probe probe_place(const Kind& kind, const model::Endpoint& endpoint,
                                const std::stop_token& stop);

// As Engine::inspect: of a Derby database its directory, or its service.properties.
[[nodiscard]] std::optional<Inspection> inspect_place(const Kind& kind,
                                                      const std::filesystem::path& place, bool deep,
                                                      const std::stop_token& stop);

[[nodiscard]] std::vector<Engine::Discovered> discover_places(
    const Kind& kind, const std::filesystem::path& directory, const std::stop_token& stop);

}  // namespace holdfast::engine::embedded
