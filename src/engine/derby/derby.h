// SPDX-License-Identifier: Apache-2.0
// The engine for embedded Derby databases. Start reading at embedded/kind.h and control.h.
#pragma once

#include "engine/embedded/kind.h"
#include "engine/engine.h"

namespace holdfast::engine::derby {

[[nodiscard]] const Engine& engine() noexcept;
[[nodiscard]] const embedded::Kind& kind() noexcept;

}  // namespace holdfast::engine::derby
