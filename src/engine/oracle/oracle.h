// SPDX-License-Identifier: Apache-2.0
// The engine of Oracle databases: schemas through Oracle's own programs, dump files without them.
#pragma once

#include "engine/engine.h"

namespace holdfast::engine::oracle {

[[nodiscard]] const Engine& engine() noexcept;

}  // namespace holdfast::engine::oracle
