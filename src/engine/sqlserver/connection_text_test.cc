// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/connection_text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::engine::sqlserver {
namespace {

Location somewhere() {
  Location location;
  location.host = "db1";
  location.database = "shop";
  location.user = "ann";
  return location;
}

TEST(SqlServerConnectionText, GivesEachDriverItsOwnWords) {
  Location location = somewhere();
  location.tls = Tls::required;
  EXPECT_EQ(connection_text(location, {"/x/libtdsodbc.so", DriverKind::freetds}, true),
            "Driver=/x/libtdsodbc.so;Server=db1;Port=1433;TDS_Version=7.4;ClientCharset=UTF-8;"
            "Encryption=require;APP=holdfast;Database=shop;");
  EXPECT_EQ(connection_text(location, {"/x/libmsodbcsql-18.so", DriverKind::microsoft}, true),
            "Driver=/x/libmsodbcsql-18.so;Server=tcp:db1,1433;Encrypt=yes;"
            "TrustServerCertificate=yes;APP=holdfast;Database=shop;");
  location.tls = Tls::verified;
  EXPECT_NE(connection_text(location, {"/x/libmsodbcsql-18.so", DriverKind::microsoft}, false)
                .find("TrustServerCertificate=no;"),
            std::string::npos);
  location.tls = Tls::off;
  location.instance = "SQL2019";
  location.user.clear();
  EXPECT_EQ(connection_text(location, {"/x/libtdsodbc.so", DriverKind::freetds}, false),
            "Driver=/x/libtdsodbc.so;Server=db1\\SQL2019;TDS_Version=7.4;ClientCharset=UTF-8;"
            "Encryption=off;APP=holdfast;Trusted_Connection=yes;");
  location.tls = Tls::verified;
  location.tls_ca = "/etc/hosts";
  EXPECT_THROW(static_cast<void>(connection_text(
                   location, {"/x/libmsodbcsql-18.so", DriverKind::microsoft}, false)),
               Error);
}

// Without a file of authorities FreeTDS takes any certificate.
TEST(SqlServerConnectionText, NeverLetsFreeTdsTrustAnybody) {
  Location location = somewhere();
  const TemporaryDirectory place("holdfast-authorities");
  location.tls_ca = (place.path() / "ca.pem").native();
  std::ofstream(location.tls_ca) << "nothing\n-----BEGIN CERTIFICATE-----\n";
  const std::string section = freetds_section(location);
  EXPECT_NE(section.find("ca file = " + location.tls_ca + "\n"), std::string::npos);
  EXPECT_NE(section.find("check certificate hostname = yes\n"), std::string::npos);
  EXPECT_NE(section.find("host = db1\n"), std::string::npos);
  const std::string text =
      connection_text(location, {"/x/libtdsodbc.so", DriverKind::freetds}, true);
  EXPECT_NE(text.find(";Servername=holdfast_"), std::string::npos);
  EXPECT_EQ(text.find(";Server="), std::string::npos);
  // What cannot be read is said as that.
  location.tls_ca = place.path().native();
  try {
    static_cast<void>(freetds_section(location));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::io) << error.message();
    EXPECT_NE(error.message().find(location.tls_ca), std::string::npos) << error.message();
  }
  // FreeTDS would say no more than that it could not connect.
  for (const char* const wrong : {"/nowhere/ca.pem", "/etc/hosts"}) {
    location.tls_ca = wrong;
    try {
      static_cast<void>(freetds_section(location));
      ADD_FAILURE() << wrong;
    } catch (const Error& error) {
      EXPECT_NE(error.message().find(wrong), std::string::npos) << error.message();
      EXPECT_NE(error.hint().find("tls_ca"), std::string::npos) << error.hint();
    }
  }
}

TEST(SqlServerConnectionText, KnowsWhetherAHostIsKnown) {
  EXPECT_TRUE(is_known_host("localhost"));
  EXPECT_TRUE(is_known_host("127.0.0.1"));
  EXPECT_FALSE(is_known_host("no host at all"));
}

TEST(SqlServerConnectionText, ShowsFreeTdsItsSectionsInMemory) {
  const std::string first = add_freetds_section("\thost = one\n");
  const std::string second = add_freetds_section("\thost = two\n");
  EXPECT_NE(first, second);
  EXPECT_EQ(add_freetds_section("\thost = one\n"), first);
  const char* const path = std::getenv("FREETDSCONF");
  ASSERT_NE(path, nullptr);
  EXPECT_TRUE(std::string(path).starts_with("/proc/self/fd/"));
  std::ifstream file(path);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(all.find("[" + second + "]\n\thost = two\n"), std::string::npos);
  EXPECT_NE(std::getenv("PATH"), nullptr);
}

TEST(SqlServerConnectionText, EscapesWhatPasswordsMayHold) {
  EXPECT_EQ(keyword("PWD", "a=b}c{", false), "PWD=a=b}c{;");
  EXPECT_EQ(keyword("PWD", "a;b", false), "PWD={a;b};");
  EXPECT_EQ(keyword("PWD", "{a", true), "PWD={{a};");
  EXPECT_EQ(keyword("PWD", " a ", true), "PWD={ a };");
  EXPECT_EQ(keyword("PWD", "a;}b", true), "PWD={a;}}b};");
  EXPECT_EQ(keyword("PWD", "a;}b", false), "PWD={a;}b};");
  EXPECT_EQ(keyword("PWD", "a};b", true), "PWD={a}};b};");
  EXPECT_EQ(keyword("PWD", "a};b", false), std::nullopt);
  EXPECT_TRUE(depends_on_braces("a;}b"));
  EXPECT_FALSE(depends_on_braces("a}b"));
  EXPECT_FALSE(depends_on_braces("a;b"));
}

TEST(SqlServerConnectionText, SaysWhichDriverIsMissing) {
  Location location = somewhere();
  location.driver = "/nowhere/libtdsodbc.so";
  try {
    static_cast<void>(driver_for(location));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_found);
    EXPECT_EQ(error.message(), "there is no ODBC driver /nowhere/libtdsodbc.so");
    EXPECT_NE(error.hint().find("tdsodbc"), std::string::npos);
  }
  location.driver = "ODBC Driver 18 for SQL Server";
  EXPECT_EQ(driver_for(location).kind, DriverKind::microsoft);
  location.driver = "FreeTDS";
  EXPECT_EQ(driver_for(location).kind, DriverKind::freetds);
  location.driver = "Another";
  EXPECT_EQ(driver_for(location).kind, DriverKind::other);
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
