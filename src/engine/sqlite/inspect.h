// SPDX-License-Identifier: Apache-2.0
// What a file says about itself, known by its content and never by its name. Neither changes it nor
// puts anything beside it.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "engine/engine.h"

namespace holdfast::engine::sqlite {

[[nodiscard]] std::optional<Inspection> inspect_file(const std::filesystem::path& file, bool deep,
                                                     const std::stop_token& stop = {});
void inspect_file_rows(const std::filesystem::path& file, const model::TableName& table,
                       model::RowSink& into, const std::stop_token& stop = {});

// SQLite databases at or below `directory`, in order of their paths; links are not followed, at
// most 100,000 files and 32 levels are looked at.
[[nodiscard]] std::vector<Engine::Discovered> discover_databases(
    const std::filesystem::path& directory, const std::stop_token& stop = {});

}  // namespace holdfast::engine::sqlite
