// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/jdbc_url.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

struct Case {
  const char *url, *engine, *uri;
};

TEST(JdbcUrl, NamesServersWithTheirPort) {
  for (const Case& one : {
           Case{"jdbc:postgresql://db1/mag", "postgresql", "postgresql://db1:5432/mag"},
           Case{"jdbc:postgresql://DB1:5433/mag?currentSchema=s&sslmode=require", "postgresql",
                "postgresql://db1:5433/mag?sslmode=require"},
           Case{"jdbc:postgresql:mag", "postgresql", "postgresql://localhost:5432/mag"},
           Case{"jdbc:postgresql://[::1]:1/a%20b?ssl=true", "postgresql",
                "postgresql://[::1]:1/a%20b?sslmode=verify-full"},
           Case{"jdbc:mysql://h/mag?useUnicode=true", "mariadb", "mysql://h:3306/mag"},
           Case{"jdbc:mariadb://h:3307/mag", "mariadb", "mysql://h:3307/mag"},
           Case{"jdbc:mariadb://localhost/mag?localSocket=/run/m.sock", "mariadb",
                "mysql:///mag?socket=/run/m.sock"},
           Case{"jdbc:oracle:thin:@h:1521:ORCL", "oracle", "oracle://h:1521/ORCL"},
           Case{"jdbc:oracle:thin:@//h/svc", "oracle", "oracle://h:1521/svc"},
           Case{"jdbc:sqlserver://h;databaseName=mag", "sqlserver", "sqlserver://h:1433/mag"},
           Case{"jdbc:sqlserver://h\\inst:1;database=mag", "sqlserver", ""},
           Case{"jdbc:sqlserver://h\\inst;database=mag", "sqlserver",
                "sqlserver://h:1433/mag?instance=inst"},
           Case{"jdbc:jtds:sqlserver://h:9/mag", "sqlserver", "sqlserver://h:9/mag"},
       }) {
    const JdbcUrl url = parse_jdbc_url(one.url);
    EXPECT_EQ(url.engine, one.engine) << one.url;
    if (*one.uri == 0) {
      EXPECT_EQ(url.kind, JdbcKind::unknown) << one.url;
      continue;
    }
    EXPECT_EQ(url.kind, JdbcKind::server) << one.url;
    EXPECT_EQ(url.uri, one.uri) << one.url;
  }
  EXPECT_EQ(parse_jdbc_url("jdbc:postgresql://h/m?currentSchema=s").schema, "s");
  EXPECT_EQ(parse_jdbc_url("jdbc:mysql://h/m?useSSL=false").options.at("tls"), "off");
  EXPECT_EQ(parse_jdbc_url("jdbc:mysql://h/m?sslMode=VERIFY_CA").options.at("tls"), "verified");
}

TEST(JdbcUrl, TakesAccountsOutOfTheUri) {
  for (const char* url :
       {"jdbc:postgresql://h/m?user=me&password=ge%68eim", "jdbc:mysql://me:geheim@h/m",
        "jdbc:mariadb://h/m?user=me&password=geheim", "jdbc:derby:/d;user=me;password=geheim",
        "jdbc:h2:/d;USER=me;PASSWORD=geheim", "jdbc:oracle:thin:me/geheim@h:1:s",
        "jdbc:sqlserver://h;databaseName=m;user=me;password=geheim"}) {
    const JdbcUrl parsed = parse_jdbc_url(url);
    EXPECT_EQ(parsed.user, "me") << url;
    ASSERT_NE(parsed.password, nullptr) << url;
    EXPECT_EQ(parsed.password->reveal(), "geheim") << url;
    EXPECT_EQ(parsed.uri.find("geheim"), std::string::npos) << parsed.uri;
  }
}

TEST(JdbcUrl, NamesEmbeddedDatabasesByTheirFiles) {
  EXPECT_EQ(parse_jdbc_url("jdbc:derby:/r/workspaces/w/db;create=true").uri,
            "derby:/r/workspaces/w/db");
  EXPECT_EQ(parse_jdbc_url("jdbc:derby:directory:/r/db").uri, "derby:/r/db");
  EXPECT_EQ(parse_jdbc_url("jdbc:h2:/r/db").uri, "h2:/r/db.mv.db");
  EXPECT_EQ(parse_jdbc_url("jdbc:h2:file:/r/db;MV_STORE=FALSE").uri, "h2:/r/db.h2.db");
  const JdbcUrl relative = parse_jdbc_url("jdbc:h2:~/db");
  EXPECT_EQ(relative.kind, JdbcKind::embedded);
  EXPECT_EQ(relative.uri, "");
  EXPECT_EQ(relative.path, "~/db.mv.db");
  EXPECT_EQ(parse_jdbc_url("jdbc:h2:mem:x").kind, JdbcKind::memory);
  EXPECT_EQ(parse_jdbc_url("jdbc:derby:memory:x").kind, JdbcKind::memory);
}

TEST(JdbcUrl, LeavesWhatItDoesNotKnowToPeople) {
  for (const char* url :
       {"jdbc:postgresql://a,b/m", "jdbc:mysql:loadbalance://a,b/m", "jdbc:mysql://h/",
        "jdbc:mysql://(host=h,port=1)/m", "jdbc:oracle:thin:@(DESCRIPTION=x)", "jdbc:h2:tcp://h/x",
        "jdbc:derby://h:1527/x", "jdbc:ingres://h:II7/m", "jdbc:", "jdbc:sqlserver://h"}) {
    EXPECT_EQ(parse_jdbc_url(url).kind, JdbcKind::unknown) << url;
  }
  EXPECT_EQ(parse_jdbc_url("jdbc:ingres://h:II7/m;password=geheim").uri,
            "ingres://h:II7/m;password=***");
  EXPECT_THROW(static_cast<void>(parse_jdbc_url("java:comp/env/jdbc/X")), Error);
  EXPECT_THROW(static_cast<void>(parse_jdbc_url(std::string_view("jdbc:h2:/a\0b", 12))), Error);
}

}  // namespace
}  // namespace holdfast::profile::magnolia
