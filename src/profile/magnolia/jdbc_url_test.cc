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
           Case{"jdbc:sqlserver://H:5;Database = mag ;x", "sqlserver", "sqlserver://h:5/mag"},
           Case{"jdbc:sqlserver://h\\inst:1;database=mag", "sqlserver", "sqlserver://h:1/mag"},
           Case{"jdbc:sqlserver://h\\inst;database=mag", "sqlserver",
                "sqlserver://h/mag?instance=inst"},
           Case{"jdbc:sqlserver://h;instanceName=inst;databaseName=mag", "sqlserver",
                "sqlserver://h/mag?instance=inst"},
           Case{"jdbc:sqlserver://h;instanceName=inst;portNumber=7;databaseName=mag", "sqlserver",
                "sqlserver://h:7/mag"},
           Case{"jdbc:sqlserver://;serverName=h\\inst;port=7;databaseName={a;}}b}", "sqlserver",
                "sqlserver://h:7/a%3B%7Db"},
           Case{"jdbc:sqlserver://;server=::1;databaseName=mag", "sqlserver",
                "sqlserver://[::1]:1433/mag"},
           Case{"jdbc:jtds:sqlserver://h:9/mag", "sqlserver", "sqlserver://h:9/mag"},
           Case{"jdbc:jtds:sqlserver://h:9/mag;instance=inst", "sqlserver",
                "sqlserver://h/mag?instance=inst"},
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
        "jdbc:sqlserver://h;databaseName=m;user=me;password=geheim",
        "jdbc:sqlserver://h;databaseName=m;userName=me;password={geheim}",
        "jdbc:jtds:sqlserver://h/m;user=me;password=geheim"}) {
    const JdbcUrl parsed = parse_jdbc_url(url);
    EXPECT_EQ(parsed.user, "me") << url;
    ASSERT_NE(parsed.password, nullptr) << url;
    EXPECT_EQ(parsed.password->reveal(), "geheim") << url;
    EXPECT_EQ(parsed.uri.find("geheim"), std::string::npos) << parsed.uri;
  }
}

// What is not understood is shown as it is but for passwords, which end at a semicolon alone.
TEST(JdbcUrl, ShowsNoPartOfAPasswordOfSqlServer) {
  const auto shown = [](const std::string& url) { return parse_jdbc_url("jdbc:" + url).uri; };
  EXPECT_EQ(shown("sqlserver://h;user=me;password=Secr3t&Tail#1;encrypt=true"),
            "sqlserver://h;user=me;password=***;encrypt=true");
  EXPECT_EQ(shown("sqlserver://h; Password = {a}}b;c} ;trustStorePassword={x y};user=me"),
            "sqlserver://h; Password =***;trustStorePassword=***;user=me");
  EXPECT_EQ(shown("sqlserver://h;password={a}}b;c"), "sqlserver://h;password=***");
  EXPECT_EQ(shown("jtds:sqlserver://h/;password=Secr3t &Tail;user=me"),
            "jtds:sqlserver://h/;password=***;user=me");
  EXPECT_EQ(shown("sqlserver:h;user=me;password=Secr3t&Tail#1"), "sqlserver:h;***");
  for (const char* url :
       {" jdbc:sqlserver://h;password=Secr3t&Tail", "sqlserver://h;password={a}}b;Tail}"}) {
    try {
      static_cast<void>(parse_jdbc_url(url));
      ADD_FAILURE() << url;
    } catch (const Error& error) {
      EXPECT_TRUE(std::string(error.what()).ends_with("//h;***")) << error.what();
    }
  }
}

std::string tls_of(const std::string& properties, bool is_jtds = false) {
  const JdbcUrl url = parse_jdbc_url(is_jtds ? "jdbc:jtds:sqlserver://h/m;" + properties
                                             : "jdbc:sqlserver://h;databaseName=m;" + properties);
  const auto found = url.options.find("tls");
  return found == url.options.end() ? "" : found->second;
}

TEST(JdbcUrl, EncryptsToSqlServerNoLessThanTheApplication) {
  EXPECT_EQ(tls_of(""), "");
  EXPECT_EQ(tls_of("encrypt=true"), "verified");
  EXPECT_EQ(tls_of("encrypt=mandatory;trustServerCertificate=false"), "verified");
  EXPECT_EQ(tls_of("Encrypt=TRUE;TrustServerCertificate=True"), "required");
  EXPECT_EQ(tls_of("trustServerCertificate=true"), "required");
  EXPECT_EQ(tls_of("encrypt=false"), "required");
  EXPECT_EQ(tls_of("encrypt=optional"), "required");
  EXPECT_EQ(tls_of("encrypt=strict;trustServerCertificate=true"), "verified");
  EXPECT_EQ(tls_of("", true), "");
  EXPECT_EQ(tls_of("ssl=off", true), "required");
  EXPECT_EQ(tls_of("ssl=request", true), "required");
  EXPECT_EQ(tls_of("ssl=require", true), "required");
  EXPECT_EQ(tls_of("ssl=authenticate", true), "verified");
}

// What is remarked, and by what of [[database]] it is settled.
std::string remarks_of(const std::string& properties, bool is_jtds = false) {
  const JdbcUrl url = parse_jdbc_url(is_jtds ? "jdbc:jtds:sqlserver://h/m;" + properties
                                             : "jdbc:sqlserver://h;databaseName=m;" + properties);
  EXPECT_EQ(url.kind, JdbcKind::server) << properties;
  std::string text;
  for (const JdbcRemark& one : url.remarks) {
    EXPECT_FALSE(one.why.empty() || one.mend.empty()) << one.seen;
    text += (text.empty() ? "" : ", ") + one.seen + ":";
    for (const std::string& key : one.settled_by) text += " " + key;
  }
  return text;
}

TEST(JdbcUrl, SaysWhatOfAWayToSqlServerIsNotTaken) {
  EXPECT_EQ(remarks_of("sendStringParametersAsUnicode=false;loginTimeout=5;selectMethod=cursor"),
            "");
  EXPECT_EQ(remarks_of("encrypt=true;hostNameInCertificate=H"), "");
  EXPECT_EQ(remarks_of("hostNameInCertificate=db.example"),
            "hostNameInCertificate=db.example: uri tls");
  EXPECT_EQ(remarks_of("trustServerCertificate=true;hostNameInCertificate=db.example;"
                       "trustStore=/etc/trust.jks"),
            "")
      << "no certificate is looked at";
  EXPECT_EQ(remarks_of("encrypt=true;trustStore=/etc/trust.jks;trustStorePassword=geheim"),
            "trustStore: tls_ca tls");
  EXPECT_EQ(remarks_of("encrypt=strict"), "encrypt=strict (TDS 8.0):");
  EXPECT_EQ(remarks_of("failoverPartner=h2;multiSubnetFailover=true;applicationIntent=ReadOnly"),
            "failoverPartner=h2: uri, multiSubnetFailover=true: uri, "
            "applicationIntent=ReadOnly: uri");
  EXPECT_EQ(remarks_of("socketFactoryClass=org.example.Tunnel"),
            "socketFactoryClass=org.example.Tunnel: uri");
  EXPECT_EQ(remarks_of("namedPipe=true", true), "namedPipe=true: uri");
}

TEST(JdbcUrl, SaysWhoLogsInToSqlServer) {
  const auto url_of = [](const std::string& properties) {
    return parse_jdbc_url("jdbc:sqlserver://h;databaseName=m;user=u;" + properties);
  };
  EXPECT_FALSE(url_of("authentication=SqlPassword").has_login);
  EXPECT_TRUE(url_of("integratedSecurity=true").has_login);
  EXPECT_TRUE(url_of("integratedSecurity=true;authenticationScheme=JavaKerberos").has_login);
  EXPECT_EQ(remarks_of("integratedSecurity=true"), "integratedSecurity=true: user");
  const JdbcUrl ntlm = url_of("integratedSecurity=true;authenticationScheme=NTLM;domain=DOM");
  EXPECT_FALSE(ntlm.has_login);
  EXPECT_EQ(ntlm.domain, "DOM");
  EXPECT_TRUE(ntlm.remarks.empty());
  EXPECT_EQ(parse_jdbc_url("jdbc:jtds:sqlserver://h/m;domain=DOM;useNTLMv2=true").domain, "DOM");
  EXPECT_EQ(remarks_of("useKerberos=true", true), "useKerberos=true: user");
  const JdbcUrl entra = url_of("authentication=ActiveDirectoryPassword");
  EXPECT_TRUE(entra.has_login);
  ASSERT_EQ(entra.remarks.size(), 1U);
  EXPECT_EQ(entra.remarks[0].severity, model::Severity::blocker);
}

TEST(JdbcUrl, NamesEqualPlacesAlike) {
  EXPECT_EQ(plain_place("postgresql://me@DB1/mag?sslmode=require"), "postgresql://db1:5432/mag");
  EXPECT_EQ(plain_place("sqlserver://me@DB1/mag"), "sqlserver://db1:1433/mag");
  EXPECT_EQ(plain_place("sqlserver://db1/mag?instance=a"), "sqlserver://db1/mag?instance=a");
  EXPECT_EQ(plain_place("sqlserver://db1:1433/mag?instance=a"), "sqlserver://db1/mag?instance=a");
  EXPECT_EQ(plain_place("sqlserver://db1/a%3Bb%20c"), "sqlserver://db1:1433/a%3Bb%20c");
  EXPECT_EQ(plain_place("mysql:///mag?socket=/run/m.sock"), "mysql:///mag?socket=/run/m.sock");
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
        "jdbc:derby://h:1527/x", "jdbc:ingres://h:II7/m", "jdbc:", "jdbc:sqlserver://h",
        "jdbc:sqlserver:h;databaseName=m", "jdbc:sqlserver://a,b;databaseName=m",
        "jdbc:jtds:sybase://h/m"}) {
    EXPECT_EQ(parse_jdbc_url(url).kind, JdbcKind::unknown) << url;
  }
  EXPECT_EQ(parse_jdbc_url("jdbc:ingres://h:II7/m;password=geheim").uri,
            "ingres://h:II7/m;password=***");
  EXPECT_THROW(static_cast<void>(parse_jdbc_url("java:comp/env/jdbc/X")), Error);
  EXPECT_THROW(static_cast<void>(parse_jdbc_url(std::string_view("jdbc:h2:/a\0b", 12))), Error);
}

}  // namespace
}  // namespace holdfast::profile::magnolia
