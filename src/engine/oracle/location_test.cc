// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/location.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::oracle {
namespace {

model::Endpoint endpoint(std::string uri, std::map<std::string, std::string> options = {},
                         std::string user = "fmemc") {
  model::Endpoint made;
  made.component = "mc";
  made.engine = "oracle";
  made.uri = std::move(uri);
  made.user = std::move(user);
  made.options = std::move(options);
  return made;
}

TEST(OracleLocation, ReadsHostPortServiceAndUser) {
  const Location location =
      location_of(endpoint("oracle://Scott@db1:1522/XEPDB1.example.org", {}, ""));
  EXPECT_EQ(location.host, "db1");
  EXPECT_EQ(location.port, 1522U);
  EXPECT_EQ(location.service, "XEPDB1.example.org");
  EXPECT_EQ(location.user, "SCOTT");
  EXPECT_EQ(location.schema, "SCOTT");
  EXPECT_EQ(location.connect_text(), "//db1:1522/XEPDB1.example.org");
  EXPECT_EQ(location.display(), "schema SCOTT at db1:1522/XEPDB1.example.org");
  EXPECT_EQ(location_of(endpoint("oracle://[::1]/XE")).connect_text(), "//[::1]:1521/XE");
}

TEST(OracleLocation, HasTheClientLookWhetherTheServerIsThere) {
  EXPECT_EQ(location_of(endpoint("oracle://db1:1522/XE")).descriptor(),
            "(DESCRIPTION=(ENABLE=BROKEN)(ADDRESS=(PROTOCOL=TCP)(HOST=db1)(PORT=1522))"
            "(CONNECT_DATA=(SERVICE_NAME=XE)))");
  EXPECT_EQ(location_of(endpoint("oracle:MC_PROD")).descriptor(), "MC_PROD");
}

TEST(OracleLocation, ReadsAnAliasAndAWallet) {
  EXPECT_EQ(location_of(endpoint("oracle:MC_PROD")).connect_text(), "MC_PROD");
  const Location wallet = location_of(endpoint("oracle:MC_PROD", {{"schema", "fmemc"}}, ""));
  EXPECT_TRUE(wallet.user.empty());
  EXPECT_EQ(wallet.schema, "FMEMC");
  EXPECT_THROW((void)location_of(endpoint("oracle:MC_PROD", {}, "")), Error);
  EXPECT_THROW((void)location_of(endpoint("oracle://db1/XE", {{"schema", "fmemc"}}, "")), Error);
}

TEST(OracleLocation, ReadsItsOptions) {
  const Location location =
      location_of(endpoint("oracle://db1/XE", {{"schema", "other"},
                                               {"method", "datapump"},
                                               {"directory", "data_pump_dir"},
                                               {"exchange_directory", "/srv/pump"},
                                               {"home", "/opt/oracle"},
                                               {"tns_admin", "/etc/tns"},
                                               {"kept_directory", "/srv/kept"}}));
  EXPECT_EQ(location.user, "FMEMC");
  EXPECT_EQ(location.schema, "OTHER");
  EXPECT_EQ(location.method, Method::datapump);
  EXPECT_EQ(location.directory, "DATA_PUMP_DIR");
  EXPECT_EQ(location.exchange_directory, "/srv/pump");
  EXPECT_EQ(location.kept_directory, "/srv/kept");
  EXPECT_EQ(location_of(endpoint("oracle://db1/XE")).kept_directory, "/var/tmp");
}

TEST(OracleLocation, RefusesWhatCannotBe) {
  const auto refused = [](const model::Endpoint& wrong) {
    try {
      static_cast<void>(location_of(wrong));
      return std::string();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::usage);
      return error.message();
    }
  };
  EXPECT_NE(refused(endpoint("oracle://db1")), "");
  EXPECT_NE(refused(endpoint("oracle://db1/")), "");
  EXPECT_NE(refused(endpoint("oracle://:1521/XE")), "");
  EXPECT_NE(refused(endpoint("oracle://db1:0/XE")), "");
  EXPECT_NE(refused(endpoint("oracle://db1:99999/XE")), "");
  EXPECT_NE(refused(endpoint("oracle://db1/X E")), "");
  EXPECT_NE(refused(endpoint("oracle:/X")), "");
  EXPECT_NE(refused(endpoint("mysql://db1/XE")), "");
  EXPECT_NE(refused(endpoint("oracle://a:b@db1/XE")), "");
  EXPECT_NE(refused(endpoint("oracle://db1/XE", {}, "sys")), "");
  EXPECT_NE(refused(endpoint("oracle://db1/XE", {}, "a\"b")), "");
  EXPECT_NE(refused(endpoint("oracle://db1/XE", {}, "a#b")), "");
  EXPECT_NE(refused(endpoint("oracle://db1/XE", {{"schema", "SYSTEM"}})), "");
  EXPECT_NE(refused(endpoint("oracle://db1/XE", {{"method", "copy"}})), "");
  EXPECT_NE(refused(endpoint("oracle://db1/XE", {{"method", "datapump"}})), "");
  EXPECT_NE(refused(endpoint("oracle://db1/XE", {{"exchange_directory", "/x"}})), "");
  EXPECT_NE(refused(endpoint("oracle://db1/XE", {{"home", "x"}})), "");
  EXPECT_NE(refused(endpoint("oracle://db1/XE", {{"driver", "/x"}})), "");
}

}  // namespace
}  // namespace holdfast::engine::oracle
