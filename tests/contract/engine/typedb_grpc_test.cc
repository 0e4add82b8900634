// SPDX-License-Identifier: Apache-2.0
// Exports and imports over gRPC, against a stand-in of every shape that TypeDB's servers have, and
// against one that misbehaves at every message.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/stream.h"
#include "engine/typedb/connection.h"
#include "engine/typedb/database_export.h"
#include "engine/typedb/database_import.h"
#include "engine/typedb/export_check.h"
#include "engine/typedb/test_exports.h"
#include "tests/harness/typedb_server.h"

namespace holdfast::engine::typedb {
namespace {

using test::TypedbFault;
using test::TypedbRelease;
using test::TypedbServer;

ServerAccess access_to(const TypedbServer& server) {
  ServerAccess access;
  access.target.address = server.address();
  access.target.patience = std::chrono::seconds(20);
  access.user = "admin";
  access.password = std::make_shared<Secret>(std::string("password"));
  return access;
}

test::TypedbDatabase people(std::uint64_t count) {
  return {std::string(people_schema_3), test::typedb_items(people_export(count, "3.12.3").bytes)};
}

struct Copied {
  std::string schema;
  Bytes data;
  ExportFacts facts;
};
Copied copy_of(Connection& connection, const std::string& database,
               const std::stop_token& stop = {}) {
  DatabaseExport exported(connection, database, stop);
  Copied copied;
  copied.schema = exported.schema();
  BytesSink sink;
  ExportCheck check(database, {}, nullptr);
  for (;;) {
    const std::vector<ByteView>& items = exported.next();
    if (items.empty()) break;
    for (const ByteView item : items) {
      check.add(item);
      write_item(sink, item);
    }
  }
  copied.facts = check.finish(stop);
  copied.data = std::move(sink.bytes);
  return copied;
}

void load(Connection& connection, const std::string& database, std::string_view schema,
          const std::vector<std::string>& items, const std::stop_token& stop = {}) {
  DatabaseImport imported(connection, database, schema, stop);
  for (const std::string& item : items) imported.add(as_bytes(item));
  imported.finish(std::chrono::seconds(20));
}

Errc code_of(const std::function<void()>& body, std::string* message = nullptr) {
  try {
    body();
  } catch (const Error& error) {
    if (message != nullptr) *message = error.what();
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return Errc::bug;
}

// Faults after which nothing may come, which only patience finds out. All others are told at once,
// so that they have as much time as a busy machine needs.
bool is_silence(TypedbFault fault) {
  return fault == TypedbFault::stall || fault == TypedbFault::drop;
}
// To a server without a fault, however long it takes to get there.
std::unique_ptr<Connection> connect(const TypedbServer& server, bool is_impatient) {
  ServerAccess access = access_to(server);
  if (is_impatient) access.target.patience = std::chrono::milliseconds(300);
  for (int i = 0; i < 100; ++i) {
    try {
      return std::make_unique<Connection>(access);
    } catch (const Error& error) {
      if (error.code() != Errc::unavailable) throw;
    }
  }
  throw Error(Errc::unavailable, "the stand-in does not answer");
}

TEST(TypedbGrpc, FindsOutWhatEachReleaseSpeaks) {
  const std::vector<std::pair<TypedbRelease, Generation>> all{
      {TypedbRelease::grakn_2_0, Generation::grakn}, {TypedbRelease::v2_1, Generation::v2},
      {TypedbRelease::v2_18, Generation::v2},        {TypedbRelease::v2_29, Generation::v2},
      {TypedbRelease::v3_4, Generation::v3},         {TypedbRelease::v3_12, Generation::v3}};
  for (const auto& [release, generation] : all) {
    SCOPED_TRACE(static_cast<int>(release));
    TypedbServer server({.release = release});
    server.put("shop", {"define", {}});
    Connection connection(access_to(server));
    EXPECT_EQ(connection.generation(), generation);
    EXPECT_EQ(connection.version(), release == TypedbRelease::v3_12 ? "3.12.3" : "");
    EXPECT_EQ(connection.databases(), std::vector<std::string>{"shop"});
    EXPECT_TRUE(connection.contains("shop"));
    EXPECT_FALSE(connection.contains("other"));
    connection.create("other");
    EXPECT_TRUE(connection.contains("other"));
    EXPECT_EQ(connection.schema("shop"), "define");
    connection.remove("other");
    EXPECT_EQ(server.databases().size(), 1U);
  }
}

TEST(TypedbGrpc, NamesReleasesThatDoNotExport) {
  TypedbServer server({.release = TypedbRelease::v3_3});
  std::string message;
  EXPECT_EQ(code_of([&] { Connection connection(access_to(server)); }, &message),
            Errc::unsupported);
  EXPECT_NE(message.find("3.0 to 3.3"), std::string::npos) << message;
}

TEST(TypedbGrpc, TellsAWrongPasswordFromAMissingServer) {
  auto server = std::make_unique<TypedbServer>();
  ServerAccess wrong = access_to(*server);
  wrong.password = std::make_shared<Secret>(std::string("other"));
  std::string message;
  EXPECT_EQ(code_of([&] { Connection connection(wrong); }, &message), Errc::denied);
  EXPECT_NE(message.find("AUT1; Invalid credential"), std::string::npos) << message;
  EXPECT_EQ(message.find("other"), std::string::npos) << message;
  const ServerAccess gone = access_to(*server);
  server.reset();
  EXPECT_EQ(code_of([&] { Connection connection(gone); }), Errc::unavailable);
}

TEST(TypedbGrpc, SpeaksTlsToAServerWhoseCertificateItTrusts) {
  TypedbServer server({.tls = true});
  ServerAccess access = access_to(server);
  EXPECT_EQ(code_of([&] { Connection connection(access); }), Errc::unavailable);
  access.target.tls = true;
  EXPECT_EQ(code_of([&] { Connection connection(access); }), Errc::unavailable);
  access.target.root_certificates = server.certificate();
  Connection connection(access);
  EXPECT_TRUE(connection.databases().empty());
}

TEST(TypedbGrpc, SignsInAnewWhenItsTokenHasExpired) {
  TypedbServer server;
  server.put("shop", people(3));
  Connection connection(access_to(server));
  server.forget_tokens();
  EXPECT_EQ(copy_of(connection, "shop").facts.counted.entities, 4);
}

TEST(TypedbGrpc, CopiesSchemaAndItemsAsTheyAre) {
  for (const TypedbRelease release : {TypedbRelease::v3_4, TypedbRelease::v3_12}) {
    TypedbServer server({.release = release, .items_per_message = 7});
    server.put("shop", people(50));
    Connection connection(access_to(server));
    const Copied copied = copy_of(connection, "shop");
    EXPECT_EQ(copied.schema, people_schema_3);
    EXPECT_EQ(as_text(copied.data), people_export(50, "3.12.3").bytes);
    EXPECT_EQ(copied.facts.counted.relations, 50);
    EXPECT_EQ(code_of([&] { static_cast<void>(copy_of(connection, "other")); }), Errc::not_found);
  }
}

TEST(TypedbGrpc, LoadsWhatWasCopied) {
  TypedbServer server;
  Connection connection(access_to(server));
  const test::TypedbDatabase shop = people(600);
  load(connection, "shop", shop.schema, shop.items);
  EXPECT_EQ(server.databases().at("shop").items, shop.items);
  EXPECT_EQ(server.databases().at("shop").schema, shop.schema);
  EXPECT_EQ(code_of([&] { load(connection, "shop", shop.schema, shop.items); }), Errc::exists);
}

TEST(TypedbGrpc, LeavesNothingOfAnImportThatIsBrokenOff) {
  TypedbServer server;
  Connection connection(access_to(server));
  const test::TypedbDatabase shop = people(600);
  {
    DatabaseImport imported(connection, "shop", shop.schema, {});
    for (const std::string& item : shop.items) imported.add(as_bytes(item));
  }
  std::vector<std::string> items = shop.items;
  items.erase(items.begin() + 5);
  std::string message;
  EXPECT_EQ(code_of([&] { load(connection, "shop", shop.schema, items); }, &message), Errc::io);
  EXPECT_NE(message.find("DBI19; Checksums mismatch."), std::string::npos) << message;
  EXPECT_EQ(code_of([&] { load(connection, "shop", "no schema", shop.items); }, &message),
            Errc::io);
  EXPECT_NE(message.find("DBI7"), std::string::npos) << message;
  EXPECT_TRUE(server.databases().empty());
}

// Whatever goes wrong at whichever message, the copy is either whole or ends in an Error.
TEST(TypedbGrpc, AnExportIsWholeOrFailsWhateverTheServerDoesAtAnyMessage) {
  TypedbServer server({.items_per_message = 40});
  server.put("shop", people(40));
  const std::string whole = people_export(40, "3.12.3").bytes;
  Connection connection(access_to(server));
  ASSERT_EQ(as_text(copy_of(connection, "shop").data), whole);
  const std::size_t messages = server.messages("database_export");
  ASSERT_GE(messages, 6U);
  std::size_t failures = 0;
  for (std::size_t at = 0; at < messages; ++at) {
    for (const TypedbFault fault : test::typedb_faults) {
      SCOPED_TRACE(testing::Message() << "message " << at << " fault " << static_cast<int>(fault));
      const auto faced = connect(server, is_silence(fault));
      server.plant("database_export", at, fault);
      try {
        const Copied copied = copy_of(*faced, "shop");
        // Faults of messages to be sent have no effect on the first, which is received.
        EXPECT_EQ(at, 0U);
        EXPECT_EQ(as_text(copied.data), whole);
      } catch (const Error& error) {
        ++failures;
        EXPECT_NE(error.code(), Errc::bug);
        EXPECT_NE(error.code(), Errc::cancelled);
        EXPECT_FALSE(error.message().empty());
      }
      server.plant("database_export", 0, TypedbFault::none);
    }
  }
  EXPECT_GE(failures, (messages - 1) * std::size(test::typedb_faults));
  EXPECT_EQ(as_text(copy_of(connection, "shop").data), whole);
}

TEST(TypedbGrpc, AnImportIsWholeOrLeavesNothingWhateverTheServerDoesAtAnyMessage) {
  TypedbServer server;
  const test::TypedbDatabase shop = people(300);
  Connection connection(access_to(server));
  load(connection, "first", shop.schema, shop.items);
  connection.remove("first");
  const std::size_t messages = server.messages("databases_import");
  ASSERT_GE(messages, 6U);
  for (std::size_t at = 0; at < messages; ++at) {
    for (const TypedbFault fault : test::typedb_faults) {
      SCOPED_TRACE(testing::Message() << "message " << at << " fault " << static_cast<int>(fault));
      const bool is_answer = at + 1 == messages;
      // Nobody gives up before the database is in its place.
      const bool is_impatient = is_silence(fault) && !is_answer;
      const auto faced = connect(server, is_impatient);
      server.plant("databases_import", at, fault);
      bool failed = false;
      try {
        DatabaseImport imported(*faced, "shop", shop.schema, {});
        for (const std::string& item : shop.items) imported.add(as_bytes(item));
        imported.finish(std::chrono::milliseconds(is_impatient                  ? 300
                                                  : fault == TypedbFault::stall ? 3'000
                                                                                : 20'000));
      } catch (const Error& error) {
        failed = true;
        EXPECT_NE(error.code(), Errc::bug);
        EXPECT_NE(error.code(), Errc::cancelled);
      }
      server.plant("databases_import", 0, TypedbFault::none);
      // The answer comes when all is done, so that the database is there though nobody said so.
      if (is_answer) {
        EXPECT_TRUE(failed);
        connection.remove("shop");
      } else if (failed) {
        EXPECT_TRUE(server.databases().empty());
      } else {
        EXPECT_EQ(server.databases().at("shop").items, shop.items);
        connection.remove("shop");
      }
    }
  }
}

TEST(TypedbGrpc, SigningInFailsClearlyWhateverTheServerDoes) {
  TypedbServer server;
  for (const char* method : {"connection_open", "databases_contains"}) {
    for (std::size_t at = 0; at < 2; ++at) {
      for (const TypedbFault fault : test::typedb_faults) {
        SCOPED_TRACE(testing::Message() << method << at << static_cast<int>(fault));
        server.plant(method, at, fault);
        ServerAccess access = access_to(server);
        if (is_silence(fault)) access.target.patience = std::chrono::milliseconds(300);
        try {
          Connection connection(access);
          static_cast<void>(connection.contains("shop"));
        } catch (const Error& error) {
          EXPECT_NE(error.code(), Errc::bug);
          EXPECT_FALSE(error.message().empty());
        }
        server.plant(method, 0, TypedbFault::none);
      }
    }
  }
}

TEST(TypedbGrpc, StopsSoonWhileItWaits) {
  TypedbServer server;
  server.put("shop", people(3));
  ServerAccess access = access_to(server);
  access.target.patience = std::chrono::minutes(10);
  Connection connection(access);
  server.plant("database_export", 2, TypedbFault::stall);
  std::stop_source source;
  std::thread stopping([&] {
    while (server.messages("database_export") < 3) std::this_thread::yield();
    source.request_stop();
  });
  EXPECT_EQ(code_of([&] { static_cast<void>(copy_of(connection, "shop", source.get_token())); }),
            Errc::cancelled);
  stopping.join();
}

TEST(TypedbGrpc, WaitsForWhoeverTakesTheItems) {
  // 64 MiB are to be sent; the server gets rid of little of it while nobody reads.
  TypedbServer server({.items_per_message = 1});
  test::TypedbDatabase big = people(1);
  const std::string long_value(1U << 20U, 'x');
  big.items.insert(big.items.begin() + 1, 64,
                   bytes_field(1, bytes_field(1, "a") + bytes_field(2, "name") +
                                      bytes_field(4, string_value(long_value))));
  server.put("big", std::move(big));
  Connection connection(access_to(server));
  DatabaseExport exported(connection, "big", {});
  ASSERT_EQ(exported.next().size(), 1U);
  std::size_t before = 0;
  for (std::size_t now = server.messages("database_export"); now != before;
       now = server.messages("database_export")) {
    before = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
  EXPECT_LT(before, 32U);
  std::size_t items = 1;
  while (!exported.next().empty()) ++items;
  EXPECT_EQ(items, 64U + 6U);
}

}  // namespace
}  // namespace holdfast::engine::typedb
