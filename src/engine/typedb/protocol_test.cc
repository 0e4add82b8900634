// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/protocol.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/error.h"
#include "engine/typedb/test_exports.h"

namespace holdfast::engine::typedb {
namespace {

Errc code_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  return Errc::bug;
}

// Bytes as they stand in the published messages, written out by hand.
TEST(TypedbProtocol, RequestsHaveTheNumbersOfThePublishedProtocol) {
  EXPECT_EQ(as_text(name_request("db")),
            "\x0a\x02"
            "db");
  EXPECT_EQ(as_text(export_request("db")),
            "\x0a\x04\x0a\x02"
            "db");
  EXPECT_EQ(as_text(import_begin("db", "s")),
            "\x0a\x09\x0a\x07\x0a\x02"
            "db\x12\x01s");
  EXPECT_EQ(as_text(import_done()), std::string_view("\x0a\x02\x1a\x00", 4));
  EXPECT_EQ(as_text(migrator_request("db", "/d", "/s")),
            bytes_field(1, "db") + bytes_field(2, "/d") + bytes_field(3, "/s"));
  EXPECT_EQ(as_text(migrator_request("db", "/d", "")), bytes_field(1, "db") + bytes_field(2, "/d"));
  EXPECT_EQ(as_text(open_request(8, "u", "p")),
            number_field(1, 8) + bytes_field(2, "holdfast") + bytes_field(3, HOLDFAST_VERSION) +
                bytes_field(4, bytes_field(1, bytes_field(1, "u") + bytes_field(2, "p"))));
  EXPECT_EQ(as_text(schema_session_request("db", 300)),
            bytes_field(1, "db") + number_field(2, 1) +
                bytes_field(3, number_field(8, 300) + number_field(9, 300)));
}

TEST(TypedbProtocol, APartOfAnImportHasItsItemsUnchanged) {
  ImportPart part;
  const std::string long_item(300, 'x');
  part.add(as_bytes("one"));
  part.add(as_bytes(long_item));
  EXPECT_EQ(part.count(), 2U);
  EXPECT_EQ(as_text(part.take()),
            bytes_field(1, bytes_field(2, bytes_field(1, "one") + bytes_field(1, long_item))));
  EXPECT_EQ(part.count(), 0U);
  EXPECT_EQ(part.size_bytes(), 0U);
}

TEST(TypedbProtocol, DatabasesAreListedInTheFormOfEachGeneration) {
  const std::vector<std::string> wanted{"shop", "other"};
  EXPECT_EQ(parse_databases(as_bytes(bytes_field(1, "shop") + bytes_field(1, "other"))), wanted);
  const std::string replica = bytes_field(2, bytes_field(1, "host:1729"));
  EXPECT_EQ(parse_databases(as_bytes(bytes_field(1, bytes_field(1, "shop") + replica) +
                                     bytes_field(1, bytes_field(1, "other")))),
            wanted);
  EXPECT_TRUE(parse_databases({}).empty());
}

TEST(TypedbProtocol, MessagesOfAnExportAreToldApart) {
  ExportMessage read;
  const std::string schema = bytes_field(1, bytes_field(1, bytes_field(1, "define")));
  parse_export_message(as_bytes(schema), read);
  EXPECT_EQ(read.kind, ExportMessage::Kind::schema);
  EXPECT_EQ(read.schema, "define");
  const std::string items =
      bytes_field(1, bytes_field(2, bytes_field(1, "one") + bytes_field(1, "two")));
  parse_export_message(as_bytes(items), read);
  EXPECT_EQ(read.kind, ExportMessage::Kind::items);
  ASSERT_EQ(read.items.size(), 2U);
  EXPECT_EQ(as_text(read.items[1]), "two");
  const std::string done = bytes_field(1, bytes_field(3, ""));
  parse_export_message(as_bytes(done), read);
  EXPECT_EQ(read.kind, ExportMessage::Kind::done);
  EXPECT_TRUE(read.items.empty());
  for (const std::string& bad :
       {std::string(), bytes_field(1, ""), bytes_field(2, ""), bytes_field(1, bytes_field(9, "")),
        items.substr(0, items.size() - 1), number_field(1, 7)}) {
    EXPECT_EQ(code_of([&] { parse_export_message(as_bytes(bad), read); }), Errc::corrupt);
  }
}

TEST(TypedbProtocol, ProgressIsSummedInTheFormOfEachGeneration) {
  const auto of = [](const std::string& message, MigratorJob job) {
    const MigratorProgress progress = parse_progress(as_bytes(message), job);
    return std::pair(progress.done, progress.total);
  };
  std::string exported, imported = number_field(1, 1);
  for (unsigned i = 1; i <= 6; ++i) exported += number_field(i, i);
  for (unsigned i = 2; i <= 11; ++i) imported += number_field(i, i);
  EXPECT_EQ(of(exported, MigratorJob::exports), std::pair(std::uint64_t{9}, std::uint64_t{12}));
  EXPECT_EQ(of(imported, MigratorJob::imports), std::pair(std::uint64_t{12}, std::uint64_t{15}));
  const std::string oldest = bytes_field(1, number_field(1, 70) + number_field(2, 30));
  EXPECT_EQ(of(oldest, MigratorJob::exports), std::pair(std::uint64_t{30}, std::uint64_t{70}));
  EXPECT_EQ(of(oldest, MigratorJob::imports), std::pair(std::uint64_t{30}, std::uint64_t{70}));
}

TEST(TypedbProtocol, AFailureIsOneLineWithItsDetails) {
  RpcStatus status{RpcCode::invalid_argument, "Request\n     generated error", {}};
  EXPECT_EQ(describe(status), "Request generated error");
  const std::string info = bytes_field(1, "type.googleapis.com/google.rpc.ErrorInfo") +
                           bytes_field(2, bytes_field(1, "DBI19") + bytes_field(2, "Import"));
  const std::string trace = bytes_field(1, "type.googleapis.com/google.rpc.DebugInfo") +
                            bytes_field(2, bytes_field(1, "Outer.") + bytes_field(1, "Inner."));
  append(status.details, bytes_field(3, info) + bytes_field(3, trace));
  EXPECT_EQ(describe(status), "Request generated error: DBI19; Outer.; Inner.");
  status.details.resize(status.details.size() - 3);
  EXPECT_EQ(describe(status), "Request generated error");
  EXPECT_EQ(describe({RpcCode::internal, "", {}}), "status 13");
  EXPECT_LT(describe({RpcCode::internal, std::string(1U << 20U, 'x'), {}}).size(), 2100U);
}

TEST(TypedbProtocol, AnAnswerWithoutItsContentIsCorrupt) {
  EXPECT_EQ(code_of([] { static_cast<void>(parse_token({})); }), Errc::corrupt);
  EXPECT_EQ(code_of([] { static_cast<void>(parse_session({})); }), Errc::corrupt);
  EXPECT_EQ(code_of([] { check_import_done({}); }), Errc::corrupt);
  check_import_done(as_bytes(bytes_field(1, bytes_field(1, ""))));
  const std::string token = bytes_field(4, bytes_field(1, "abc"));
  EXPECT_EQ(parse_token(as_bytes(token)).reveal(), "abc");
}

}  // namespace
}  // namespace holdfast::engine::typedb
