// SPDX-License-Identifier: Apache-2.0
// The engine for embedded H2 databases. Start reading at embedded/kind.h and store.h.
#pragma once

#include "engine/embedded/kind.h"
#include "engine/engine.h"

namespace holdfast::engine::h2 {

[[nodiscard]] const Engine& engine() noexcept;
[[nodiscard]] const embedded::Kind& kind() noexcept;

}  // namespace holdfast::engine::h2
