// SPDX-License-Identifier: Apache-2.0
// The engine for MariaDB and MySQL: one endpoint is one schema.
#pragma once

#include "engine/engine.h"

namespace holdfast::engine::mariadb {

[[nodiscard]] const Engine& engine() noexcept;

}  // namespace holdfast::engine::mariadb
