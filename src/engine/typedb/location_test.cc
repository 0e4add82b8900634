// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/location.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

model::Endpoint endpoint(std::string uri, std::map<std::string, std::string> options = {}) {
  model::Endpoint made;
  made.component = "shop";
  made.engine = "typedb";
  made.uri = std::move(uri);
  made.options = std::move(options);
  return made;
}

TEST(TypedbLocation, IsADatabaseInADataDirectory) {
  for (const char* uri :
       {"typedb:/absent/data/shop", "/absent/data/shop", "typedb:///absent/data/x/../shop/"}) {
    const Location found = location_of(endpoint(uri));
    EXPECT_EQ(found.database, "/absent/data/shop") << uri;
    EXPECT_EQ(found.data_directory, "/absent/data");
    EXPECT_EQ(found.name(), "shop");
    EXPECT_EQ(found.method, Method::any);
  }
  EXPECT_EQ(location_of(endpoint("/absent/data/_system")).name(), system_database);
}

TEST(TypedbLocation, TakesItsOptions) {
  const Location found = location_of(
      endpoint("/absent/data/shop",
               {{"home", "/opt/typedb/core/"}, {"release", "3.11.0-rc1"}, {"method", "cold"}}));
  EXPECT_EQ(found.home, "/opt/typedb/core");
  EXPECT_EQ(found.release, "3.11.0-rc1");
  EXPECT_EQ(found.method, Method::cold);
  EXPECT_EQ(location_of(endpoint("/absent/data/shop", {{"method", "hot"}})).method, Method::hot);
}

TEST(TypedbLocation, RefusesWhatIsNone) {
  const auto refused = [](const model::Endpoint& one) {
    try {
      static_cast<void>(location_of(one));
    } catch (const Error& error) {
      return error.code() == Errc::usage;
    }
    return false;
  };
  for (const char* uri : {"typedb:data/shop", "shop", "", "/", "/shop", "//absent/data/shop",
                          "typedb:/absent/data/_import", "/absent/data/.hidden"})
    EXPECT_TRUE(refused(endpoint(uri))) << uri;
  EXPECT_TRUE(refused(endpoint("/absent/data/shop", {{"colour", "red"}})));
  EXPECT_TRUE(refused(endpoint("/absent/data/shop", {{"home", "core"}})));
  EXPECT_TRUE(refused(endpoint("/absent/data/shop", {{"release", "4.0.0"}})));
  EXPECT_TRUE(refused(endpoint("/absent/data/shop", {{"method", "warm"}})));
  EXPECT_TRUE(refused(endpoint("/absent/data/shop", {{"tls", "off"}})));
  model::Endpoint with_user = endpoint("/absent/data/shop");
  with_user.user = "ann";
  EXPECT_TRUE(refused(with_user));
}

TEST(TypedbServerLocation, IsADatabaseOfAServer) {
  const ServerLocation found = server_location_of(endpoint("typedb://db.example.org/shop"));
  EXPECT_EQ(found.address(), "db.example.org:1729");
  EXPECT_EQ(found.display(), "database shop at db.example.org:1729");
  EXPECT_FALSE(found.tls);
  const ServerLocation other = server_location_of(endpoint("typedb://ann@[::1]:2000/my%2Dshop"));
  EXPECT_EQ(other.address(), "[::1]:2000");
  EXPECT_EQ(other.host, "::1");
  EXPECT_EQ(other.database, "my-shop");
  EXPECT_EQ(other.user, "ann");
  EXPECT_TRUE(names_server(endpoint("typedb://host/shop")));
  for (const char* uri : {"typedb:///data/shop", "typedb:/data/shop", "/data/shop", ""})
    EXPECT_FALSE(names_server(endpoint(uri))) << uri;
}

TEST(TypedbServerLocation, TakesItsOptions) {
  const ServerLocation found = server_location_of(
      endpoint("typedb://host/shop", {{"tls", "verified"},
                                      {"tls_ca", "/etc/ca.pem"},
                                      {"release", "2.18.0"},
                                      {"program", "/opt/typedb/core/typedb"},
                                      {"exchange_directory", "/srv/exchange/"}}));
  EXPECT_TRUE(found.tls);
  EXPECT_EQ(found.tls_ca, "/etc/ca.pem");
  EXPECT_EQ(found.release, "2.18.0");
  EXPECT_EQ(found.program, "/opt/typedb/core/typedb");
  EXPECT_EQ(found.exchange_directory, "/srv/exchange");
  EXPECT_FALSE(server_location_of(endpoint("typedb://host/shop", {{"tls", "off"}})).tls);
}

TEST(TypedbServerLocation, RefusesWhatIsNone) {
  const auto why = [](const model::Endpoint& one) {
    try {
      static_cast<void>(server_location_of(one));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::usage);
      return error.message();
    }
    return std::string();
  };
  const std::map<std::string, std::string> wrong{
      {"typedb://host", "names no database"},
      {"typedb://host/", "names no database"},
      {"typedb:///data/shop", "no uri of a server"},
      {"typedb://:1729/shop", "names no host"},
      {"typedb://host:0/shop", "no port"},
      {"typedb://host:65536/shop", "no port"},
      {"typedb://host:17x/shop", "no port"},
      {"typedb://[::1/shop", "lacks its `]`"},
      {"typedb://[::1]1729/shop", "no port"},
      {"typedb://ann:secret@host/shop", "holds a password"},
      {"typedb://host/a/b", "cannot be the name"},
      {"typedb://host/shop?tls=off", "cannot be the name"},
      {"typedb://host/%zz", "badly escaped"},
      {"typedb://host/_system", "the server's own"}};
  for (const auto& [uri, text] : wrong) {
    const std::string said = why(endpoint(uri));
    EXPECT_NE(said.find(text), std::string::npos) << uri << ": " << said;
    EXPECT_EQ(said.find("secret"), std::string::npos);
  }
  const std::map<std::string, std::string> options{
      {"colour", "red"},    {"tls", "preferred"},  {"tls_ca", "ca.pem"},
      {"release", "4.0.0"}, {"program", "typedb"}, {"exchange_directory", "exchange"},
      {"method", "hot"}};
  for (const auto& option : options)
    EXPECT_NE(why(endpoint("typedb://host/shop", {option})), "") << option.first;
  EXPECT_NE(why(endpoint("typedb://host/shop", {{"tls_ca", "/etc/ca.pem"}})), "");
  model::Endpoint two = endpoint("typedb://ann@host/shop");
  two.user = "bob";
  EXPECT_NE(why(two), "");
}

}  // namespace
}  // namespace holdfast::engine::typedb
