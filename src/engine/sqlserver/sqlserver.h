// SPDX-License-Identifier: Apache-2.0
// The engine for SQL Server, which also reads backup files and packages without one.
#pragma once

#include "engine/engine.h"

namespace holdfast::engine::sqlserver {

[[nodiscard]] const Engine& engine() noexcept;

}  // namespace holdfast::engine::sqlserver
