// SPDX-License-Identifier: Apache-2.0
// Databases of TypeDB as parts and back: natively from 3.4 on, through pipes for 2.x, where a
// server or the vendor's program writes.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/stream.h"
#include "engine/typedb/export_check.h"
#include "engine/typedb/export_file.h"
#include "engine/typedb/export_hold.h"
#include "engine/typedb/fifo_export.h"
#include "engine/typedb/import_export.h"
#include "engine/typedb/migrator.h"
#include "engine/typedb/test_exports.h"
#include "engine/typedb/vendor_program.h"
#include "tests/harness/memory_parts.h"
#include "tests/harness/typedb_server.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;
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

test::TypedbDatabase people(std::uint64_t count, std::string_view schema = people_schema_3) {
  return {std::string(schema), test::typedb_items(people_export(count, "3.12.3").bytes)};
}
const std::string empty_file = TestExport().header("3.12.3").checksums().bytes;

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

ExportFacts import_text(TypedbServer& server, const std::string& database, std::string_view schema,
                        std::string_view file, const ImportOptions& options = {}) {
  Connection connection(access_to(server));
  BytesSource source(as_bytes(file));
  return import_export(connection, database, schema, source, options, {});
}

TEST(TypedbExportHold, KeepsTheMomentWhileTheDatabaseGoesOn) {
  TypedbServer server;
  server.put("shop", people(30));
  server.put("other", people(2));
  HoldOptions options;
  const std::unique_ptr<Hold> hold = hold_exports(access_to(server), {"shop", "other"}, options);
  hold->capture();
  server.put("shop", people(99));
  test::MemoryPartSink schema, data;
  const std::vector<model::Part> parts = hold->parts(0);
  ASSERT_EQ(parts.size(), 2U);
  hold->copy(0, parts[0], schema, {});
  hold->copy(0, parts[1], data, {});
  EXPECT_EQ(as_text(schema.content()), people_schema_3);
  EXPECT_EQ(as_text(data.content()), people_export(30, "3.12.3").bytes);
  model::DatabaseFacts facts;
  hold->describe(0, facts);
  EXPECT_EQ(facts.version, "3.12.3");
  EXPECT_EQ(facts.engine_facts.at("players").as_uint(), 60U);
  ASSERT_EQ(facts.tables.size(), 4U);
  EXPECT_EQ(facts.engine_facts.at("roles").as_array().size(), 2U);
  EXPECT_EQ(facts.tables[1].table, "person");
  EXPECT_EQ(facts.tables[1].rows, 30U);
  // Never copied, and read for this.
  model::DatabaseFacts of_other;
  hold->describe(1, of_other);
  EXPECT_EQ(of_other.engine_facts.at("entities").as_uint(), 3U);
  EXPECT_EQ(code_of([&] { hold->copy(1, parts[1], data, {}); }), Errc::bug);
  hold->release();
}

TEST(TypedbExportHold, DisownsACopyWhoseCountsAreWrong) {
  TypedbServer server;
  test::TypedbDatabase wrong = people(30);
  wrong.items.erase(wrong.items.begin() + 4);
  server.put("shop", wrong);
  const std::unique_ptr<Hold> hold = hold_exports(access_to(server), {"shop"}, {});
  hold->capture();
  test::MemoryPartSink data;
  std::string message;
  EXPECT_EQ(code_of([&] { hold->copy(0, hold->parts(0)[1], data, {}); }, &message),
            Errc::not_consistent);
  EXPECT_NE(message.find("says that it has"), std::string::npos) << message;
  EXPECT_FALSE(data.finished());
}

TEST(TypedbExportHold, StopsSoonWhereWhoeverReadsIsStopped) {
  TypedbServer server;
  server.put("shop", people(30));
  ServerAccess access = access_to(server);
  access.target.patience = std::chrono::minutes(10);
  const std::unique_ptr<Hold> hold = hold_exports(access, {"shop"}, {});
  server.plant("database_export", 2, TypedbFault::stall);
  hold->capture();
  std::stop_source source;
  const std::jthread stopping([&] {
    while (server.messages("database_export") < 3) std::this_thread::yield();
    source.request_stop();
  });
  test::MemoryPartSink data;
  EXPECT_EQ(code_of([&] { hold->copy(0, hold->parts(0)[1], data, source.get_token()); }),
            Errc::cancelled);
}

TEST(TypedbImport, MakesADatabaseAndProvesIt) {
  TypedbServer server;
  std::vector<std::string> told;
  ImportOptions options;
  options.before_change = [&](std::string_view what, const Json& undo) {
    EXPECT_TRUE(server.databases().empty());
    told.emplace_back(what);
    EXPECT_EQ(undo.at("database").as_string(), "shop");
  };
  const std::string file = people_export(700, "2.29.1").bytes;
  const ExportFacts facts = import_text(server, "shop", people_schema_3, file, options);
  EXPECT_EQ(facts.counted.entities, 701);
  EXPECT_EQ(told.size(), 1U);
  EXPECT_EQ(server.databases().at("shop").items, test::typedb_items(file));
  EXPECT_EQ(code_of([&] { import_text(server, "shop", people_schema_3, file); }), Errc::exists);
  EXPECT_EQ(server.databases().at("shop").items, test::typedb_items(file));
}

TEST(TypedbImport, LeavesNothingOfAnExportThatIsNotSound) {
  TypedbServer server;
  TestExport twice = people_export(3, "2.2.0", false);
  twice.entity(id_of(1), "person").checksums();
  TestExport dangling = people_export(3, "2.29.1", false);
  dangling.entity(id_of(77), "person", {id_of(999)}).checksums();
  const std::string whole = people_export(3).bytes;
  const std::vector<std::pair<std::string, Errc>> all{
      {twice.bytes, Errc::not_consistent},
      {dangling.bytes, Errc::not_consistent},
      {people_export(3, "2.29.1", false).bytes, Errc::not_consistent},
      {whole.substr(0, whole.size() - 3), Errc::corrupt},
      {whole + whole, Errc::corrupt},
      {TestExport().header().entity(id_of(1), "alien").checksums().bytes, Errc::not_consistent},
      {TestExport().entity(id_of(1), "person").checksums().bytes, Errc::corrupt}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(code_of([&] { import_text(server, "shop", people_schema_3, all[i].first); }),
              all[i].second);
    EXPECT_TRUE(server.databases().empty());
  }
}

TEST(TypedbImport, RemovesAgainWhatTheServerHasOtherwise) {
  TypedbServer server;
  const std::string file = people_export(3).bytes;
  // The proof's export lacks a message: of its three, the second has the items.
  server.plant("database_export", 2, TypedbFault::drop);
  EXPECT_EQ(code_of([&] { import_text(server, "shop", people_schema_3, file); }),
            Errc::not_consistent);
  EXPECT_TRUE(server.databases().empty());
  // The answer is lost, though all was done.
  server.plant("database_export", 0, TypedbFault::none);
  server.plant("databases_import", 3, TypedbFault::close);
  EXPECT_EQ(code_of([&] { import_text(server, "shop", people_schema_3, file); }),
            Errc::unavailable);
  EXPECT_EQ(server.messages("databases_import"), 4U);
  EXPECT_TRUE(server.databases().empty());
}

TEST(TypedbImport, DataAloneGoesIntoAnEmptyDatabaseWithItsOwnSchema) {
  TypedbServer server;
  const std::string own = std::string(people_schema_3) + "# its own\n";
  ImportOptions options;
  options.data_only = true;
  const std::string file = people_export(5).bytes;
  EXPECT_EQ(code_of([&] { import_text(server, "shop", "", file, options); }), Errc::not_found);
  server.put("shop", {own, test::typedb_items(empty_file)});
  import_text(server, "shop", "", file, options);
  EXPECT_EQ(server.databases().at("shop").schema, own);
  EXPECT_EQ(server.databases().at("shop").items, test::typedb_items(file));
  EXPECT_EQ(code_of([&] { import_text(server, "shop", "", file, options); }), Errc::exists);
  EXPECT_EQ(server.databases().at("shop").items, test::typedb_items(file));
}

TEST(TypedbImport, AnEmptyDatabaseIsThereAgainAfterDataThatDoNotFit) {
  TypedbServer server;
  ImportOptions options;
  options.data_only = true;
  const std::string file = TestExport().header().entity(id_of(1), "alien").checksums().bytes;
  server.put("shop", {std::string(people_schema_3), test::typedb_items(empty_file)});
  std::string message;
  EXPECT_EQ(code_of([&] { import_text(server, "shop", "", file, options); }, &message),
            Errc::not_consistent);
  EXPECT_NE(message.find("entity alien"), std::string::npos) << message;
  EXPECT_EQ(server.databases().at("shop").schema, people_schema_3);
  EXPECT_EQ(server.databases().at("shop").items.size(), 2U);
}

TEST(TypedbImport, WaitsForAServerThatHasNotLetGoYet) {
  TypedbServer server;
  ImportOptions options;
  options.data_only = true;
  server.put("shop", {std::string(people_schema_3), test::typedb_items(empty_file)});
  // From the removal of the empty database on; what is announced next is on its way already.
  int refusals = 2;
  options.before_change = [&](std::string_view /*what*/, const Json& /*undo*/) {
    server.refuse_next(std::exchange(refusals, 0));
  };
  const std::string file = people_export(5).bytes;
  // Before and after it is removed; and once more where nothing is loaded.
  import_text(server, "shop", "", file, options);
  EXPECT_EQ(server.databases().at("shop").items, test::typedb_items(file));
  const std::string wrong = TestExport().header().entity(id_of(1), "alien").checksums().bytes;
  server.put("shop", {std::string(people_schema_3), test::typedb_items(empty_file)});
  refusals = 3;
  EXPECT_EQ(code_of([&] { import_text(server, "shop", "", wrong, options); }),
            Errc::not_consistent);
  EXPECT_EQ(server.databases().at("shop").items.size(), 2U);
}

// Whoever writes into a pipe that nobody reads any more gets an error, as in the program and in
// Java.
const auto pipes_break_quietly = std::signal(SIGPIPE, SIG_IGN);

struct Streamed {
  std::string schema, data;
};
Streamed stream_of(const FileWriter& write, const std::stop_token& stop = {}) {
  BytesSink data;
  Streamed streamed;
  streamed.schema = stream_files(write, {}, data, stop);
  streamed.data = as_text(data.bytes);
  return streamed;
}

TEST(TypedbMigrator, StreamsWhatServersOf2WriteWithoutAFile) {
  for (const TypedbRelease release : {TypedbRelease::grakn_2_0, TypedbRelease::v2_1,
                                      TypedbRelease::v2_18, TypedbRelease::v2_29}) {
    SCOPED_TRACE(static_cast<int>(release));
    TypedbServer server({.release = release});
    server.put("shop", people(3'000, people_schema_2));
    Connection connection(access_to(server));
    SchemaPlace place{};
    MigratorProgress last;
    std::size_t regular_files = 0;
    const Streamed streamed = stream_of([&](const JobFiles& files, const std::stop_token& stop) {
      regular_files += fs::is_regular_file(files.data) ? 1 : 0;
      place = run_job(
          connection, MigratorJob::exports, "shop", files,
          [&](const MigratorProgress& progress) { last = progress; }, stop);
    });
    EXPECT_EQ(streamed.data, people_export(3'000, "3.12.3").bytes);
    const bool has_schema = release == TypedbRelease::v2_29;
    EXPECT_EQ(place, has_schema ? SchemaPlace::beside : SchemaPlace::apart);
    EXPECT_EQ(streamed.schema, has_schema ? people_schema_2 : "");
    EXPECT_EQ(last.done, 9'003U);
    EXPECT_EQ(last.total, 9'003U);
    EXPECT_EQ(regular_files, 0U);
  }
}

TEST(TypedbMigrator, AFailedJobEndsTheStream) {
  TypedbServer server({.release = TypedbRelease::v2_29});
  server.put("shop", people(3'000, people_schema_2));
  ServerAccess impatient = access_to(server);
  impatient.target.patience = std::chrono::milliseconds(500);
  const auto write = [&](const std::string& database, bool is_silent = false) {
    return [&, database, is_silent](const JobFiles& files, const std::stop_token& stop) {
      Connection connection(is_silent ? impatient : access_to(server), stop);
      run_job(connection, MigratorJob::exports, database, files, {}, stop);
    };
  };
  std::string message;
  EXPECT_EQ(code_of([&] { stream_of(write("other")); }, &message), Errc::io);
  EXPECT_NE(message.find("'other' not found"), std::string::npos) << message;
  for (std::size_t at = 0; at < 3; ++at) {
    server.plant("ExportDatabase", at, TypedbFault::error);
    EXPECT_EQ(code_of([&] { stream_of(write("shop")); }), Errc::io) << at;
    server.plant("ExportDatabase", at, TypedbFault::close);
    EXPECT_EQ(code_of([&] { stream_of(write("shop")); }), Errc::unavailable) << at;
    server.plant("ExportDatabase", at, TypedbFault::stall);
    EXPECT_EQ(code_of([&] { stream_of(write("shop", true)); }), Errc::unavailable) << at;
  }
}

TEST(TypedbMigrator, AReaderThatGivesUpEndsTheWriter) {
  class Full final : public ByteSink {
   public:
    void write(ByteView /*bytes*/) override { throw Error(Errc::no_space, "full"); }
  } full;
  std::atomic<bool> ended = false;
  const FileWriter write = [&](const JobFiles& files, const std::stop_token& stop) {
    std::ofstream data(files.data);
    while (data && !stop.stop_requested()) data << std::string(4096, 'x') << std::flush;
    ended = true;
  };
  EXPECT_EQ(code_of([&] { static_cast<void>(stream_files(write, {}, full, {})); }), Errc::no_space);
  EXPECT_TRUE(ended);
}

TEST(TypedbMigrator, LoadsFilesIntoServersOf2) {
  const TemporaryDirectory directory("holdfast-test-");
  const fs::path data = directory.path() / "data.typedb", schema = directory.path() / "schema.tql";
  const std::string file = people_export(9).bytes;
  write_file_durably(data, as_bytes(file));
  write_file_durably(schema, as_bytes(people_schema_2));
  for (const TypedbRelease release :
       {TypedbRelease::grakn_2_0, TypedbRelease::v2_18, TypedbRelease::v2_29}) {
    TypedbServer server({.release = release});
    const bool beside = release == TypedbRelease::v2_29;
    if (!beside) server.put("shop", {"define", {}});
    Connection connection(access_to(server));
    EXPECT_EQ(run_job(connection, MigratorJob::imports, "shop", {data, schema}, {}, {}),
              beside ? SchemaPlace::beside : SchemaPlace::apart);
    EXPECT_EQ(server.databases().at("shop").items, test::typedb_items(file));
    EXPECT_EQ(server.databases().at("shop").schema, beside ? people_schema_2 : "define");
  }
}

TEST(TypedbMigrator, ASchemaSessionKeepsWritersOutUntilItIsReleased) {
  TypedbServer server({.release = TypedbRelease::v2_18});
  server.put("shop", people(1));
  SchemaSession session(access_to(server), "shop", std::chrono::seconds(1), {});
  EXPECT_TRUE(server.has_session("shop"));
  EXPECT_EQ(code_of([&] {
              SchemaSession second(access_to(server), "shop", std::chrono::seconds(1), {});
            }),
            Errc::unavailable);
  session.release();
  EXPECT_FALSE(server.has_session("shop"));
  {
    SchemaSession again(access_to(server), "shop", std::chrono::seconds(1), {});
    EXPECT_TRUE(server.has_session("shop"));
  }
  EXPECT_FALSE(server.has_session("shop"));
}

// A program that looks like the vendor's: it writes down its arguments, redraws its progress, and
// does with files what it is told.
class TypedbProgram {
 public:
  explicit TypedbProgram(const std::string& body) : directory_("holdfast-test-") {
    const std::string script = "#!/bin/sh\nfor word in \"$@\"; do echo \"$word\" >> " +
                               (directory_.path() / "words").native() + "; done\n" + body;
    write_file_durably(program(), as_bytes(script), 0755);
  }
  [[nodiscard]] fs::path program() const { return directory_.path() / "typedb"; }
  [[nodiscard]] std::string words() const { return read_text_file(directory_.path() / "words"); }

 private:
  TemporaryDirectory directory_;
};

TEST(TypedbProgramTest, EachGenerationHasItsWords) {
  EXPECT_EQ(command_shape("2.0.0"), CommandShape::positional);
  EXPECT_EQ(command_shape("2.5.0"), CommandShape::positional);
  EXPECT_EQ(command_shape("2.6.0"), CommandShape::file);
  EXPECT_EQ(command_shape("2.18.0"), CommandShape::file);
  EXPECT_EQ(command_shape("2.19.0"), CommandShape::schema_and_data);
  EXPECT_EQ(command_shape("2.29.1"), CommandShape::schema_and_data);
  EXPECT_EQ(command_shape("3.4.0"), std::nullopt);
  EXPECT_EQ(command_shape("1.8.0"), std::nullopt);
  const std::vector<std::pair<CommandShape, std::string>> all{
      {CommandShape::positional, "server\n--port=1729\nexport\nshop\n/d\n"},
      {CommandShape::file, "server\nexport\n--database=shop\n--file=/d\n--port=1729\n"},
      {CommandShape::schema_and_data,
       "server\nexport\n--database=shop\n--schema=/s\n--data=/d\n--port=1729\n"}};
  for (const auto& [shape, words] : all) {
    const TypedbProgram program("exit 0\n");
    run_vendor({.program = program.program(), .shape = shape}, MigratorJob::exports, "shop",
               {"/d", "/s"}, {});
    EXPECT_EQ(program.words(), words);
  }
}

TEST(TypedbProgramTest, StreamsWhatItWrites) {
  const std::string file = people_export(2000).bytes;
  const TemporaryDirectory directory("holdfast-test-");
  write_file_durably(directory.path() / "data", as_bytes(file));
  const TypedbProgram program(
      "for word in \"$@\"; do case $word in\n"
      "--schema=*) echo define > \"${word#--schema=}\";;\n--data=*) cat " +
      (directory.path() / "data").native() + " > \"${word#--data=}\";;\nesac; done\n");
  const VendorProgram vendor{.program = program.program()};
  const Streamed streamed = stream_of([&](const JobFiles& files, const std::stop_token& stop) {
    run_vendor(vendor, MigratorJob::exports, "shop", files, stop);
  });
  EXPECT_EQ(streamed.data, file);
  EXPECT_EQ(streamed.schema, "define\n");
}

TEST(TypedbProgramTest, SaysWhatItSaidWhenItFails) {
  const TypedbProgram program(
      "printf '\\033[2K\\rstatus \"starting\"\\033[2K\\rstatus \"in progress\"\\n'\n"
      "printf '\\033[31m[MIG01] database not found\\033[0m\\n' >&2\nexit 1\n");
  const VendorProgram vendor{.program = program.program()};
  std::string message;
  EXPECT_EQ(code_of(
                [&] {
                  stream_of([&](const JobFiles& files, const std::stop_token& stop) {
                    run_vendor(vendor, MigratorJob::exports, "shop", files, stop);
                  });
                },
                &message),
            Errc::failed_child);
  EXPECT_NE(message.find("ended with 1: [MIG01] database not found"), std::string::npos) << message;
}

TEST(TypedbProgramTest, RedrawnLinesAreReadAsTheirLast) {
  EXPECT_EQ(last_lines("one\n\x1b[2K\rtwo\rthree\n\nfour\x1b[0m", 5), "one; three; four");
  EXPECT_EQ(last_lines("a\nb\r\nc\n", 2), "b; c");
  EXPECT_EQ(last_lines("\x1b", 5), "");
  EXPECT_EQ(last_lines("x\x1b[12", 5), "x");
  EXPECT_EQ(last_lines("", 5), "");
}

TEST(TypedbProgramTest, StopsSoonWhileItRuns) {
  const TypedbProgram program("exec sleep 600\n");
  const VendorProgram vendor{.program = program.program()};
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(code_of([&] {
              stream_of(
                  [&](const JobFiles& files, const std::stop_token& stop) {
                    run_vendor(vendor, MigratorJob::exports, "shop", files, stop);
                  },
                  source.get_token());
            }),
            Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::engine::typedb
