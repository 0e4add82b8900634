// SPDX-License-Identifier: Apache-2.0
#include "job/target_place.h"

#include <gtest/gtest.h>

namespace holdfast::job {
namespace {

std::string local(const std::string& engine, const std::string& uri) {
  model::Endpoint endpoint;
  endpoint.engine = engine;
  endpoint.uri = uri;
  return local_path(endpoint).string();
}

TEST(LocalPath, IsThatOfAFile) {
  EXPECT_EQ(local("sqlite", "sqlite:/srv/a.db"), "/srv/a.db");
  EXPECT_EQ(local("sqlite", "sqlite:///srv/a.db"), "/srv/a.db");
  EXPECT_EQ(local("sqlite", "sqlite:/srv/../srv/a.db"), "/srv/a.db");
  EXPECT_EQ(local("typedb", "typedb:/srv/data/shop"), "/srv/data/shop");
}

TEST(LocalPath, IsNoneOfAServersDatabase) {
  EXPECT_EQ(local("postgresql", "postgresql://localhost:5432/shop"), "");
  EXPECT_EQ(local("postgresql", "postgresql:///shop"), "");
  EXPECT_EQ(local("mariadb", "mariadb://db/shop"), "");
  EXPECT_EQ(local("typedb", "typedb://db:1729/shop"), "");
}

}  // namespace
}  // namespace holdfast::job
