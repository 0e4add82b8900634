// SPDX-License-Identifier: Apache-2.0
// PostgreSQL databases of a private server for the engine contract.
#pragma once

#include <memory>

#include "contract/engine_contract.h"

namespace holdfast::test {

[[nodiscard]] std::unique_ptr<EngineFixture> make_postgresql_fixture();

}  // namespace holdfast::test
