// SPDX-License-Identifier: Apache-2.0
// The TypeDB at a place, as instances know it: which directory has its databases now.
// docs/findings.md lists the codes.
#pragma once

#include <filesystem>
#include <optional>

#include "engine/engine.h"

namespace holdfast::engine::typedb {

// As Engine::installed. `place` may be the directory of the distribution or that of the data. A
// server that runs there counts more than its configuration. `proc` is where proc(5) is.
[[nodiscard]] std::optional<Engine::Installed> find_installed(
    const std::filesystem::path& place, const std::filesystem::path& proc = "/proc");

}  // namespace holdfast::engine::typedb
