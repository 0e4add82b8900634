// SPDX-License-Identifier: Apache-2.0
// The mariadb engine's fixture: one private server for the program, a schema for each database.
#pragma once

#include <memory>

#include "contract/engine_contract.h"

namespace holdfast::test {

[[nodiscard]] std::unique_ptr<EngineFixture> make_mariadb_fixture();

}  // namespace holdfast::test
