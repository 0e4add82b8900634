// SPDX-License-Identifier: Apache-2.0
// Throw-away databases of an embedded engine: files in a directory of ours, which nobody else
// opens, so that they are read where they are.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "engine/embedded/kind.h"
#include "engine/engine.h"

namespace holdfast::engine::embedded {

// As Engine::scratch; Errc::unsupported without a Java runtime and a driver, which is that of
// probe.facts ("driver") or this machine's. `kind` outlives it.
[[nodiscard]] std::unique_ptr<Scratch> make_scratch(const Kind& kind, const Probe& probe,
                                                    const std::filesystem::path& directory);

// Of the scratch database at `place`, as long as it lives. Any thread.
struct ScratchPlace {
  std::filesystem::path directory;  // for what its driver writes beside it
  std::string user;                 // whose the loaded copy is; empty if nobody's
};
[[nodiscard]] std::optional<ScratchPlace> scratch_at(const std::filesystem::path& place);
// Tells whose a copy is that was loaded there. Nothing if there is no scratch database.
void loaded_into_scratch(const std::filesystem::path& place, std::string user);

}  // namespace holdfast::engine::embedded
