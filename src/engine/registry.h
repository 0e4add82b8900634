// SPDX-License-Identifier: Apache-2.0
// All engines of this build.
#pragma once

#include <span>
#include <string_view>

#include "engine/engine.h"

namespace holdfast::engine {

[[nodiscard]] std::span<const Engine* const> all_engines() noexcept;
// All that looks into foreign files: the engines, and behind them what reads files of databases
// that no engine of this build reaches.
[[nodiscard]] std::span<const FileReader* const> all_file_readers() noexcept;
// The engine of that name, or nullptr.
[[nodiscard]] const Engine* find_engine(std::string_view name) noexcept;
// Every engine name the product knows, built in here or not: for messages.
[[nodiscard]] std::span<const std::string_view> known_engine_names() noexcept;

}  // namespace holdfast::engine
