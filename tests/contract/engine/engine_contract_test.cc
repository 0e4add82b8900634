// SPDX-License-Identifier: Apache-2.0
// The contract for every engine of the registry. An engine without a fixture here fails the last
// test.
#include "contract/engine_contract.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "contract/engine/mariadb_fixture.h"
#include "contract/engine/postgresql_fixture.h"
#include "contract/engine/sqlite_fixture.h"
#include "engine/registry.h"

namespace holdfast::test {
namespace {

std::vector<EngineCase> all_cases() {
  return {
      {"mariadb", make_mariadb_fixture},
      {"sqlite_wal", [] { return make_sqlite_fixture("wal"); }},
      {"sqlite_delete", [] { return make_sqlite_fixture("delete"); }},
      {"sqlite_truncate", [] { return make_sqlite_fixture("truncate"); }},
      {"sqlite_persist", [] { return make_sqlite_fixture("persist"); }},
      {"postgresql", [] { return make_postgresql_fixture(); }},
  };
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineContract, testing::ValuesIn(all_cases()),
                         [](const auto& tested) { return tested.param.name; });

TEST(EngineContractCases, CoverEveryEngineOfTheRegistry) {
  // What they copy are no rows that these tests could count: embedded_test.cc and, of typedb,
  // typedb_server_test.cc and the tests beside the engine. Of oracle and sqlserver no server can
  // be had: oracle_copy_test.cc, oracle_pump_copy_test.cc and contract.sqlserver_replay replay one;
  // sqlserver_live_tests take a server that HOLDFAST_SQLSERVER_URI names.
  const std::set<std::string_view> elsewhere{"derby", "h2", "oracle", "sqlserver", "typedb"};
  for (const engine::Engine* engine : engine::all_engines()) {
    if (elsewhere.contains(engine->name())) continue;
    const std::vector<EngineCase> cases = all_cases();
    EXPECT_TRUE(std::any_of(cases.begin(), cases.end(), [&](const EngineCase& one) {
      return one.name.starts_with(engine->name());
    })) << engine->name();
  }
}

}  // namespace
}  // namespace holdfast::test
