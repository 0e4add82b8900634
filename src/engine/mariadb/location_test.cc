// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/location.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::mariadb {
namespace {

Location read(const std::string& uri) {
  model::Endpoint endpoint;
  endpoint.uri = uri;
  return location_of(endpoint);
}

TEST(MariadbLocation, ReadsHostsAndSockets) {
  const Location remote = read("mysql://ann@db1:3307/shop");
  EXPECT_EQ(remote.user, "ann");
  EXPECT_EQ(remote.host, "db1");
  EXPECT_EQ(remote.port, 3307U);
  EXPECT_EQ(remote.schema, "shop");
  EXPECT_EQ(read("mariadb://[::1]:1/a").host, "::1");
  EXPECT_EQ(read("mysql://db1/shop").port, 3306U);
  const Location local = read("mysql:///sh%20op?socket=/run/my%20sql.sock");
  EXPECT_TRUE(local.host.empty());
  EXPECT_EQ(local.socket, "/run/my sql.sock");
  EXPECT_EQ(local.schema, "sh op");
  EXPECT_FALSE(read("mysql://localhost/shop").socket.empty());
}

TEST(MariadbLocation, WritesWhatItReads) {
  for (const char* uri :
       {"mysql://db1:3306/shop", "mysql:///a%20b?socket=/run/x.sock", "mysql://[::1]:7/z"}) {
    const Location location = read(uri);
    EXPECT_EQ(uri_of(location, location.schema), uri);
  }
}

TEST(MariadbLocation, TakesOptions) {
  model::Endpoint endpoint;
  endpoint.uri = "mysql://db1/shop";
  endpoint.options = {{"nontransactional", "refuse"}, {"tls", "verified"}, {"definer", "ann@%"}};
  const Location location = location_of(endpoint);
  EXPECT_EQ(location.non_transactional, NonTransactional::refuse);
  EXPECT_EQ(location.tls, Tls::verified);
  EXPECT_EQ(location.definer, "ann@%");
}

TEST(MariadbLocation, RefusesNamesNoSchemaCanHave) {
  EXPECT_THROW(static_cast<void>(read("mysql://h/" + std::string(65, 'a'))), Error);
  EXPECT_THROW(static_cast<void>(read("mysql://h/a%20")), Error);
  EXPECT_THROW(static_cast<void>(read("mysql://h/%00")), Error);
  EXPECT_THROW(static_cast<void>(read("mysql://h/%ff")), Error);
  EXPECT_NO_THROW(static_cast<void>(read("mysql://h/" + std::string(64, 'a'))));
}

}  // namespace
}  // namespace holdfast::engine::mariadb
