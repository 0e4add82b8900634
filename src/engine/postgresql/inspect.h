// SPDX-License-Identifier: Apache-2.0
// What a file made by PostgreSQL's own programs says about itself.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>

#include "engine/engine.h"

namespace holdfast::engine::postgresql {

// Both end with Errc::cancelled soon after a stop request.
[[nodiscard]] std::optional<Inspection> inspect_file(const std::filesystem::path& file, bool deep,
                                                     const std::stop_token& stop = {});
void inspect_file_rows(const std::filesystem::path& file, const model::TableName& table,
                       model::RowSink& into, const std::stop_token& stop = {});

}  // namespace holdfast::engine::postgresql
