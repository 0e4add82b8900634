// SPDX-License-Identifier: Apache-2.0
// What is known of SQL Server without one: its backup files and its packages.
#pragma once

#include "engine/file_reader.h"

namespace holdfast::engine::sqlserver {

[[nodiscard]] const FileReader& reader() noexcept;

}  // namespace holdfast::engine::sqlserver
