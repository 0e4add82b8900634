// SPDX-License-Identifier: Apache-2.0
// A consistent moment of several databases of one server: exported snapshots that all workers
// share.
#pragma once

#include <memory>
#include <span>

#include "engine/engine.h"

namespace holdfast::engine::postgresql {

// Errc::not_found if a database is not there.
[[nodiscard]] std::unique_ptr<Hold> make_hold(std::span<const model::Endpoint> endpoints,
                                              const HoldOptions& options);

}  // namespace holdfast::engine::postgresql
