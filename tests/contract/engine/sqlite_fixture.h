// SPDX-License-Identifier: Apache-2.0
// SQLite databases for the engine contract.
#pragma once

#include <memory>
#include <string>

#include "contract/engine_contract.h"

namespace holdfast::test {

// `mode` is the journal mode: wal, delete, truncate, persist.
[[nodiscard]] std::unique_ptr<EngineFixture> make_sqlite_fixture(const std::string& mode);

}  // namespace holdfast::test
