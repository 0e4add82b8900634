// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/location.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::postgresql {
namespace {

Location read(const std::string& uri, const std::string& user = "") {
  model::Endpoint endpoint;
  endpoint.component = "shop";
  endpoint.uri = uri;
  endpoint.user = user;
  return location_of(endpoint);
}

TEST(PostgresqlLocation, ReadsHostsPortsAndUsers) {
  const Location location = read("postgresql://app@db.example.org:5433/shop");
  EXPECT_EQ(location.host, "db.example.org");
  EXPECT_EQ(location.port, "5433");
  EXPECT_EQ(location.user, "app");
  EXPECT_EQ(location.database, "shop");
  EXPECT_EQ(location.display(), "database shop at db.example.org:5433");
  EXPECT_EQ(read("postgresql://[::1]:5433/shop").host, "::1");
  EXPECT_EQ(read("postgres://localhost/shop").host, "localhost");
  EXPECT_EQ(read("postgresql:///shop").host, "");
}

TEST(PostgresqlLocation, ReadsSocketsAndKeywords) {
  const Location location = read("postgresql:///my%20shop?host=/run/pg%27s&port=1&sslmode=require");
  EXPECT_EQ(location.host, "/run/pg's");
  EXPECT_EQ(location.database, "my shop");
  EXPECT_EQ(location.conninfo(), "dbname='my shop' host='/run/pg\\'s' port='1' sslmode='require'");
  EXPECT_EQ(read(location.uri()).conninfo(), location.conninfo());
  EXPECT_EQ(read("postgresql://%2Frun%2Fpg/shop").host, "/run/pg");
}

TEST(PostgresqlLocation, RefusesWhatItCannotUnderstand) {
  for (const char* uri :
       {"", "shop", "mysql://host/shop", "postgresql://host", "postgresql://host/",
        "postgresql://app:secret@host/shop", "postgresql://host/shop?password=x",
        "postgresql://host/shop?options=-c%20a=b", "postgresql://host/shop?sslmode",
        "postgresql://host:port/shop", "postgresql://a,b/shop", "postgresql:///shop?host=a,b",
        "postgresql://[::1/shop", "postgresql://host/%zz", "postgresql://host/a%00b"}) {
    EXPECT_THROW(static_cast<void>(read(uri)), Error) << uri;
  }
  EXPECT_THROW(static_cast<void>(read("postgresql://app@host/shop", "other")), Error);
  EXPECT_EQ(read("postgresql://app@host/shop", "app").user, "app");
}

TEST(PostgresqlLocation, KnowsItsOptions) {
  model::Endpoint endpoint;
  endpoint.uri = "postgresql:///shop";
  EXPECT_EQ(location_of(endpoint).maintenance_database, "postgres");
  endpoint.options = {{"bin_dir", "/opt/pg/bin"}, {"maintenance_database", "admin"}};
  EXPECT_EQ(location_of(endpoint).bin_dir, "/opt/pg/bin");
  EXPECT_EQ(location_of(endpoint).maintenance_database, "admin");
  endpoint.options = {{"bin_dir", "bin"}};
  EXPECT_THROW(static_cast<void>(location_of(endpoint)), Error);
  endpoint.options = {{"colour", "blue"}};
  EXPECT_THROW(static_cast<void>(location_of(endpoint)), Error);
}

}  // namespace
}  // namespace holdfast::engine::postgresql
