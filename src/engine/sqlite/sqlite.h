// SPDX-License-Identifier: Apache-2.0
// The engine for SQLite databases. Start reading at hold.h.
#pragma once

#include "engine/engine.h"

namespace holdfast::engine::sqlite {

[[nodiscard]] const Engine& engine() noexcept;

}  // namespace holdfast::engine::sqlite
