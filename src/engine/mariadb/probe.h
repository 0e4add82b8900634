// SPDX-License-Identifier: Apache-2.0
// Looking at a schema and its server without changing anything.
#pragma once

#include <stop_token>

#include "engine/engine.h"

namespace holdfast::engine::mariadb {

// Errc::cancelled soon after a stop request.
[[nodiscard]] Probe probe_schema(const model::Endpoint& endpoint, const std::stop_token& stop);

}  // namespace holdfast::engine::mariadb
