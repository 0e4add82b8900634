// SPDX-License-Identifier: Apache-2.0
// A private server from the installed binaries, for drills and tests: on a socket in a directory of
// its own, gone with the object.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/engine.h"

namespace holdfast::engine::postgresql {

[[nodiscard]] std::unique_ptr<Scratch> make_scratch(const Probe& probe,
                                                    const std::filesystem::path& directory);

}  // namespace holdfast::engine::postgresql
