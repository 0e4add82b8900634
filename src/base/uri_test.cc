// SPDX-License-Identifier: Apache-2.0
#include "base/uri.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(RedactedUri, MasksWhatStandsBehindTheUser) {
  EXPECT_EQ(redacted_uri("rest:https://me:secret@host:8000/path/"),
            "rest:https://me:***@host:8000/path/");
  EXPECT_EQ(redacted_uri("postgres://me:s@cr:et@[::1]:5432/db"), "postgres://me:***@[::1]:5432/db");
  EXPECT_EQ(redacted_uri("https://:secret@host"), "https://:***@host");
  EXPECT_EQ(redacted_uri("https://me:sl/ash?@host/x"), "https://me:***@host/x");
}

TEST(RedactedUri, MasksSecretParameters) {
  EXPECT_EQ(redacted_uri("postgres://me@host/db?sslmode=require&password=secret&x=1"),
            "postgres://me@host/db?sslmode=require&password=***&x=1");
  EXPECT_EQ(redacted_uri("postgres://host/db?PassWord=a=b#c"), "postgres://host/db?PassWord=***#c");
  EXPECT_EQ(redacted_uri("postgres://host/db?%70assword=secret"),
            "postgres://host/db?%70assword=***");
  EXPECT_EQ(redacted_uri("postgres://host/db?sslpassword=x"), "postgres://host/db?sslpassword=***");
  EXPECT_EQ(redacted_uri("sqlserver://host:1433;user=sa;Password={a;b};encrypt=true"),
            "sqlserver://host:1433;user=sa;Password=***;encrypt=true");
  EXPECT_EQ(redacted_uri("postgres:host=x password='a b' user=y"),
            "postgres:host=x password=*** user=y");
  EXPECT_EQ(redacted_uri("rest:https://me:one@host/?auth_token=two"),
            "rest:https://me:***@host/?auth_token=***");
}

TEST(WithoutQuery, IsThePlaceAlone) {
  EXPECT_EQ(without_query("postgresql://db1:5432/mag?sslmode=require&x=?"),
            "postgresql://db1:5432/mag");
  EXPECT_EQ(without_query("sqlite:/srv/a.db"), "sqlite:/srv/a.db");
  EXPECT_EQ(without_query("?"), "");
  EXPECT_EQ(without_query(""), "");
}

TEST(RedactedUri, LeavesAloneWhatIsNoPassword) {
  EXPECT_EQ(redacted_uri("sqlite:/srv/token=1/a.db"), "sqlite:/srv/token=1/a.db");
  for (const char* uri :
       {"/srv/backup", "local:/srv/a@b:c", "sftp:me@host:/path", "sftp://me@host:22//path",
        "rest:https://host:8000/path@2020/", "https://[fe80::1]/a@b", "https://me@host/",
        "postgres://host/db?user=me&password=", "postgres://me:@host/db", "sqlite:/a/b.db",
        "postgres://host/db?passwordfile=/x", "s3:host/bucket", ""}) {
    EXPECT_EQ(redacted_uri(uri), uri);
    EXPECT_FALSE(holds_password(uri)) << uri;
  }
  EXPECT_TRUE(holds_password("postgres://host/db?password=x"));
}

}  // namespace
}  // namespace holdfast
