// SPDX-License-Identifier: Apache-2.0
// The engine for databases of TypeDB, every release from 2.0.0 on: as the directories that a server
// has, or asked of the server itself. Start reading at location.h, then capture.h and load.h, or
// server_endpoint.h.
#pragma once

#include "engine/engine.h"

namespace holdfast::engine::typedb {

[[nodiscard]] const Engine& engine() noexcept;

}  // namespace holdfast::engine::typedb
