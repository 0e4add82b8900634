// SPDX-License-Identifier: Apache-2.0
// Loading a copy into a schema: in parallel, proven, then switched in where something is replaced.
#pragma once

#include <filesystem>
#include <stop_token>

#include "engine/engine.h"

namespace holdfast::engine::mariadb {

[[nodiscard]] LoadReport load_parts(const model::PartSource& parts,
                                    const model::DatabaseFacts& facts, const model::Endpoint& into,
                                    const LoadOptions& options, const std::stop_token& stop);
// A dump of mariadb-dump or mysqldump, or a directory of mydumper's.
[[nodiscard]] LoadReport load_dump(const std::filesystem::path& file, const model::Endpoint& into,
                                   const LoadOptions& options, const std::stop_token& stop);

}  // namespace holdfast::engine::mariadb
