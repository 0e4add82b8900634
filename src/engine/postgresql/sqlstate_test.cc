// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/sqlstate.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::engine::postgresql {
namespace {

TEST(Sqlstate, ARefusalNamesItsNextStep) {
  const Error full = refusal("shop", "out of shared memory", "53200");
  EXPECT_EQ(full.code(), Errc::unavailable);
  EXPECT_EQ(full.message(), "shop: out of shared memory (SQLSTATE 53200)");
  EXPECT_NE(full.hint().find("max_locks_per_transaction"), std::string::npos);
  EXPECT_EQ(refusal("shop", "gone", "42P01").code(), Errc::not_found);
}

TEST(Sqlstate, OnlyAnAbsentDatabaseIsNotFound) {
  const auto code = [](const std::string& state) {
    return connect_refusal("shop", "connection to server on socket \"/x\" failed: FATAL:  " +
                                       state + ": words\nLOCATION:  F, some_file.c:12\n")
        .code();
  };
  EXPECT_EQ(code("3D000"), Errc::not_found);
  EXPECT_EQ(code("28P01"), Errc::denied);
  EXPECT_EQ(code("42501"), Errc::denied);
  // A wrong `options=`, a pooler's own trouble.
  for (const char* state : {"42704", "22023", "XX000", "57P03", "53300", "08P01"})
    EXPECT_EQ(code(state), Errc::unavailable) << state;
}

TEST(Sqlstate, KeepsWordsAndDropsPlacesOfEveryHost) {
  const Error error = connect_refusal(
      "shop",
      "connection to server at \"a\" failed: FATAL:  57P03: the database system is starting up\n"
      "LOCATION:  ProcessStartupPacket, postmaster.c:2358\n"
      "connection to server at \"b\" failed: FATAL:  3D000: Datenbank \"x\" gibt es nicht\n"
      "DETAIL:  Noch eine Zeile.\n"
      "ORT:  InitPostgres, postinit.c:885\n");
  EXPECT_EQ(error.code(), Errc::not_found);
  EXPECT_EQ(error.message(),
            "shop: connection to server at \"a\" failed: FATAL:  the database system is starting up"
            " connection to server at \"b\" failed: FATAL:  Datenbank \"x\" gibt es nicht"
            " DETAIL:  Noch eine Zeile. (SQLSTATE 3D000)");
}

TEST(Sqlstate, AHostThatIsNotReachedDecidesIfItIsTheLast) {
  const Error error = connect_refusal(
      "shop",
      "connection to server at \"a\" failed: FATAL:  3D000: database \"x\" does not exist\n"
      "LOCATION:  InitPostgres, postinit.c:885\n"
      "connection to server at \"b\", port 5432 failed: Connection refused\n"
      "\tIs the server running on that host and accepting TCP/IP connections?\n");
  EXPECT_EQ(error.code(), Errc::unavailable);
  EXPECT_NE(std::string(error.what()).find("refused Is the server"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::engine::postgresql
