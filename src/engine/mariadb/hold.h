// SPDX-License-Identifier: Apache-2.0
// One moment of one or several schemas of a server: a transaction with a consistent snapshot on
// each of several sessions, all begun while nobody could commit.
#pragma once

#include <memory>
#include <span>

#include "engine/engine.h"

namespace holdfast::engine::mariadb {

[[nodiscard]] std::unique_ptr<Hold> make_hold(std::span<const model::Endpoint> endpoints,
                                              const HoldOptions& options);

}  // namespace holdfast::engine::mariadb
