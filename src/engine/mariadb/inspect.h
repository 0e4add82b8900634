// SPDX-License-Identifier: Apache-2.0
// What a dump of mariadb-dump, mysqldump or mydumper is: by whom, of what, whole or not.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>

#include "engine/engine.h"

namespace holdfast::engine::mariadb {

// Nothing if it is no such file or directory. `deep` counts rows. Errc::cancelled soon after a stop
// request.
[[nodiscard]] std::optional<Inspection> inspect_file(const std::filesystem::path& file, bool deep,
                                                     const std::stop_token& stop);
// The rows of a table in it. Errc::not_found naming the table.
void inspect_file_rows(const std::filesystem::path& file, const model::TableName& table,
                       model::RowSink& into, const std::stop_token& stop);

}  // namespace holdfast::engine::mariadb
