// SPDX-License-Identifier: Apache-2.0
// What answers of databases mean is had live in tests/integration: of PostgreSQL, and of Oracle
// from scenarios.
#include "profile/migration_center/questions.h"

#include <gtest/gtest.h>

namespace holdfast::profile::migration_center {
namespace {

TEST(AddressColumns, AreKnownByTheirTablesAndTheirNames) {
  EXPECT_TRUE(is_address_column("JOBSERVERS", "HOST"));
  EXPECT_TRUE(is_address_column("JOB_SERVER_LOCATIONS", "SERVER_ADDRESS"));
  EXPECT_FALSE(is_address_column("JOBSERVERS", "PASSWORD"));
  EXPECT_FALSE(is_address_column("HOSTS", "HOST"));
}

TEST(TheFirstQuestion, StandsForAllChecksThatItLeadsTo) {
  model::DatabaseSettings database;
  database.engine = "oracle";
  const auto query = question_to(database, {}, model::QuietMoment::before, {});
  std::string codes;
  for (const model::Finding& one : query.unobservable) codes += one.code + " ";
  EXPECT_EQ(codes,
            "migration-center-sessions-unobservable migration-center-runs-unobservable "
            "migration-center-schedulers-unobservable ");
}

}  // namespace
}  // namespace holdfast::profile::migration_center
