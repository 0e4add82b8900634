// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/location.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::sqlserver {
namespace {

using Options = std::map<std::string, std::string>;

Location read(const std::string& uri, const Options& options = {}) {
  model::Endpoint endpoint;
  endpoint.component = "shop";
  endpoint.uri = uri;
  endpoint.options = options;
  return location_of(endpoint);
}

std::string refusal(const std::string& uri, const Options& options = {}) {
  try {
    static_cast<void>(read(uri, options));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::usage);
    EXPECT_FALSE(error.hint().empty());
    return error.message();
  }
  return "taken";
}

TEST(SqlServerLocation, ReadsHostsPortsAndInstances) {
  const Location plain = read("sqlserver://ann@db1/shop");
  EXPECT_EQ(plain.user, "ann");
  EXPECT_EQ(plain.host, "db1");
  EXPECT_EQ(plain.port, 1433U);
  EXPECT_EQ(plain.database, "shop");
  EXPECT_EQ(plain.tls, Tls::verified);
  EXPECT_EQ(plain.display(), "shop at db1:1433");
  EXPECT_EQ(read("sqlserver://[::1]:1500/a").host, "::1");
  EXPECT_EQ(read("sqlserver://[::1]:1500/a").server(), "[::1]:1500");
  EXPECT_EQ(read("sqlserver://DOM%5Cann@db1/a%20b%3B").user, "DOM\\ann");
  EXPECT_EQ(read("sqlserver://db1/a%20b%3B").database, "a b;");
  const Location named = read("sqlserver://db1:1433/shop?instance=SQL2019");
  EXPECT_EQ(named.instance, "SQL2019");
  EXPECT_EQ(named.display(), "shop at db1\\SQL2019");
}

TEST(SqlServerLocation, WritesWhatItReads) {
  for (const char* uri : {"sqlserver://db1:1433/shop", "sqlserver://[::1]:7/a%20b%3B%5D",
                          "sqlserver://db1/shop?instance=A%24B"}) {
    const Location location = read(uri);
    EXPECT_EQ(read(uri_of(location, location.database)).display(), location.display()) << uri;
  }
  EXPECT_EQ(uri_of(read("sqlserver://db1/shop"), "o#r/d"), "sqlserver://db1:1433/o%23r/d");
}

TEST(SqlServerLocation, TakesEveryOption) {
  const Location location = read("sqlserver://db1/shop", {{"driver", "/usr/lib/libmsodbcsql-18.so"},
                                                          {"tls", "required"},
                                                          {"tls_ca", "/etc/ca.pem"},
                                                          {"method", "physical"},
                                                          {"isolation", "session"},
                                                          {"backup_directory", "D:\\backup\\"},
                                                          {"exchange_directory", "/mnt/backup"},
                                                          {"receiver", "backup.example:9443"},
                                                          {"receiver_certificate", "/etc/us.pem"},
                                                          {"receiver_key", "/etc/us.key"},
                                                          {"compress", "yes"},
                                                          {"data_directory", "/var/opt/mssql/data"},
                                                          {"log_directory", "\\\\files\\log"}});
  EXPECT_EQ(location.driver, "/usr/lib/libmsodbcsql-18.so");
  EXPECT_EQ(location.tls, Tls::required);
  EXPECT_EQ(location.tls_ca, "/etc/ca.pem");
  EXPECT_EQ(location.method, Method::physical);
  EXPECT_EQ(location.isolation, Isolation::session);
  EXPECT_EQ(location.backup_directory, "D:\\backup");
  EXPECT_EQ(location.exchange_directory, "/mnt/backup");
  EXPECT_EQ(location.receiver, "backup.example:9443");
  EXPECT_EQ(location.receiver_certificate, "/etc/us.pem");
  EXPECT_EQ(location.receiver_key, "/etc/us.key");
  EXPECT_TRUE(location.compress);
  EXPECT_EQ(location.data_directory, "/var/opt/mssql/data");
  EXPECT_EQ(location.log_directory, "\\\\files\\log");
}

TEST(SqlServerLocation, RefusesWhatNoServerCouldMean) {
  for (const char* uri :
       {"mssql://db1/shop", "sqlserver://db1", "sqlserver://db1/", "sqlserver:///shop",
        "sqlserver://ann:secret@db1/shop", "sqlserver://db1:0/shop", "sqlserver://db1:x/shop",
        "sqlserver://db1:70000/shop", "sqlserver://db1;a=b/shop", "sqlserver://db1/%ff",
        "sqlserver://db1/%0a", "sqlserver://db1/Master", "sqlserver://db1/tempdb",
        "sqlserver://db1/shop?socket=x", "sqlserver://db1/shop?instance=", "sqlserver://[::1/shop",
        "sqlserver://db1/shop?instance=a;b", "sqlserver://db1:1500/shop?instance=a"})
    EXPECT_NE(refusal(uri), "taken") << uri;
  EXPECT_NE(refusal("sqlserver://db1/" + std::string(129, 'a')), "taken");
  EXPECT_EQ(refusal("sqlserver://db1/" + std::string(128, 'a')), "taken");
  EXPECT_EQ(refusal("sqlserver://ann:secret@db1/shop").find("secret"), std::string::npos);
}

TEST(SqlServerLocation, RefusesOptionsThatMeanNothing) {
  const std::string uri = "sqlserver://db1/shop";
  EXPECT_EQ(refusal(uri, {{"socket", "x"}}), "shop: the sqlserver engine has no option `socket`");
  EXPECT_EQ(refusal(uri, {{"tls", "preferred"}}),
            "shop: `tls` cannot be `preferred`, only verified, required, off");
  for (const Options& options :
       {Options{{"method", "bacpac"}}, Options{{"compress", "on"}},
        Options{{"isolation", "serializable"}}, Options{{"tls_ca", "ca.pem"}},
        Options{{"tls", "off"}, {"tls_ca", "/ca.pem"}}, Options{{"backup_directory", "backup"}},
        Options{{"exchange_directory", "/mnt"}}, Options{{"method", "physical"}},
        Options{{"receiver", "backup.example"}}, Options{{"receiver", "backup.example:9443"}},
        Options{{"receiver", ":9443"}}, Options{{"receiver_key", "/k"}},
        Options{{"data_directory", "data"}},
        Options{{"method", "physical"}, {"backup_directory", "/backup"}}})
    EXPECT_NE(refusal(uri, options), "taken") << options.begin()->first;
}

// How a uri is written is the next step of whoever wrote a wrong uri, and of nobody else.
TEST(SqlServerLocation, HintsAtWhatIsWrong) {
  const auto hint = [](const std::string& uri, const Options& options = {}) {
    model::Endpoint endpoint;
    endpoint.uri = uri;
    endpoint.options = options;
    try {
      static_cast<void>(location_of(endpoint));
    } catch (const Error& error) {
      return error.hint();
    }
    return std::string("taken");
  };
  EXPECT_NE(hint("sqlserver://db1").find("sqlserver://"), std::string::npos);
  EXPECT_NE(hint("sqlserver://db1/shop", {{"tls", "maybe"}}).find("instance-file.md"),
            std::string::npos);
  EXPECT_NE(hint("sqlserver://db1/master").find("database of yours"), std::string::npos);
}

TEST(SqlServerLocation, WantsOneUserOrATicket) {
  model::Endpoint endpoint;
  endpoint.uri = "sqlserver://ann@db1/shop";
  endpoint.user = "bob";
  EXPECT_THROW(static_cast<void>(location_of(endpoint)), Error);
  endpoint.user = "ann";
  EXPECT_EQ(location_of(endpoint).user, "ann");
  endpoint.uri = "sqlserver://db1/shop";
  endpoint.user.clear();
  EXPECT_TRUE(location_of(endpoint).user.empty());
  endpoint.password = std::make_shared<const Secret>(std::string("x"));
  EXPECT_THROW(static_cast<void>(location_of(endpoint)), Error);
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
