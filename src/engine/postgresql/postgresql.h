// SPDX-License-Identifier: Apache-2.0
// The engine for PostgreSQL databases. Start reading at hold.h.
#pragma once

#include "engine/engine.h"

namespace holdfast::engine::postgresql {

[[nodiscard]] const Engine& engine() noexcept;

}  // namespace holdfast::engine::postgresql
