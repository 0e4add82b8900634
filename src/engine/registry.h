// SPDX-License-Identifier: Apache-2.0
// All engines of this build.
#pragma once

#include <span>
#include <string_view>

#include "engine/engine.h"

namespace holdfast::engine {

[[nodiscard]] std::span<const Engine* const> all_engines() noexcept;
// The engine of that name, or nullptr.
[[nodiscard]] const Engine* find_engine(std::string_view name) noexcept;

}  // namespace holdfast::engine
