// SPDX-License-Identifier: Apache-2.0
// What there is at an endpoint, and what stands in the way of copying it. Changes nothing.
#pragma once

#include <stop_token>

#include "engine/engine.h"
#include "engine/postgresql/application.h"
#include "engine/postgresql/location.h"

namespace holdfast::engine::postgresql {

[[nodiscard]] Probe probe_database(const Location& location, const Application& application,
                                   const std::stop_token& stop = {});

}  // namespace holdfast::engine::postgresql
