// SPDX-License-Identifier: Apache-2.0
// A consistent moment of one or several SQLite databases. docs/consistency.md says what it
// promises.
#pragma once

#include <memory>
#include <span>

#include "engine/engine.h"
#include "engine/sqlite/clone.h"

namespace holdfast::engine::sqlite {

// `clone` is clone_file but in tests, whose file systems may not share bytes between files.
[[nodiscard]] std::unique_ptr<Hold> make_hold(std::span<const model::Endpoint> endpoints,
                                              const HoldOptions& options,
                                              Cloner clone = clone_file);

}  // namespace holdfast::engine::sqlite
