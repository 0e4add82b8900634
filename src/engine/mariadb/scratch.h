// SPDX-License-Identifier: Apache-2.0
// A private server from the installed binaries: a data directory of its own, a socket and no port,
// gone with the object. For drills and tests.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace holdfast::engine::mariadb {

// The flavour and version of the copy decide which binaries are wanted. Errc::unsupported, naming
// what is missing, where they are not installed. `more`: options of the server that win over ours.
[[nodiscard]] std::unique_ptr<Scratch> start_scratch(const Probe& probe,
                                                     const std::filesystem::path& directory,
                                                     const std::vector<std::string>& more = {});
// Ends and removes what start_scratch() left in `directory` because its process was killed.
void remove_scratch(const std::filesystem::path& directory);

}  // namespace holdfast::engine::mariadb
