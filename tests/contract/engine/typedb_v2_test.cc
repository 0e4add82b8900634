// SPDX-License-Identifier: Apache-2.0
// Databases of servers of 2.x, held and loaded: by their service, and by stand-ins for the vendor's
// program of each generation.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/stream.h"
#include "engine/typedb/exchange.h"
#include "engine/typedb/export_hold.h"
#include "engine/typedb/server_job.h"
#include "engine/typedb/test_exports.h"
#include "engine/typedb/v2_server.h"
#include "tests/contract/engine/fence.h"
#include "tests/harness/memory_parts.h"
#include "tests/harness/typedb_server.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;
using test::TypedbFault;
using test::TypedbRelease;
using test::TypedbServer;

const auto pipes_break_quietly = std::signal(SIGPIPE, SIG_IGN);

constexpr TypedbRelease releases[]{TypedbRelease::grakn_2_0, TypedbRelease::v2_1,
                                   TypedbRelease::v2_18, TypedbRelease::v2_29};

test::TypedbDatabase people(std::uint64_t count) {
  return {std::string(people_schema_2), test::typedb_items(people_export(count).bytes)};
}

ServerAccess access_to(const TypedbServer& server) {
  ServerAccess access;
  access.target.address = server.address();
  access.target.patience = std::chrono::seconds(20);
  return access;
}

ServerLocation location_on(const TypedbServer& server, const std::string& database = "shop") {
  const std::string address = server.address();
  ServerLocation location;
  location.host = address.substr(0, address.find(':'));
  location.port = static_cast<std::uint16_t>(std::stoul(address.substr(address.find(':') + 1)));
  location.database = database;
  return location;
}

Errc code_of(const std::function<void()>& body, std::string* message) {
  try {
    body();
  } catch (const Error& error) {
    *message = error.what();
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return Errc::bug;
}

std::size_t entries_in(const fs::path& directory) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

// What is used up while a test runs: it must be as empty afterwards.
class Scratch {
 public:
  Scratch() : directory_("holdfast-test-") {}
  [[nodiscard]] const fs::path& path() const { return directory_.path(); }
  [[nodiscard]] HoldOptions hold() const {
    HoldOptions options;
    options.scratch_directory = path();
    return options;
  }
  [[nodiscard]] LoadOptions load() const {
    LoadOptions options;
    options.scratch_directory = path();
    return options;
  }
  [[nodiscard]] bool is_empty() const { return entries_in(path()) == 0; }

 private:
  TemporaryDirectory directory_;
};

std::string part_of(Hold& hold, std::size_t database, std::string_view path) {
  for (const model::Part& part : hold.parts(database)) {
    if (part.path != path) continue;
    test::MemoryPartSink sink;
    hold.copy(database, part, sink, {});
    return std::string(as_text(sink.content()));
  }
  return "no such part";
}

auto in_a_while() {
  return steady_clock::now() + std::chrono::seconds(20);
}

TEST(TypedbV2Hold, KeepsOneMomentOfSeveralDatabases) {
  for (const TypedbRelease release : releases) {
    SCOPED_TRACE(static_cast<int>(release));
    const Scratch scratch;
    TypedbServer server({.release = release});
    server.put("shop", people(3000));
    server.put("other", people(2));
    const auto hold = make_v2_hold(
        access_to(server), {location_on(server), location_on(server, "other")}, scratch.hold());
    ASSERT_TRUE(hold->fence(in_a_while()));
    EXPECT_TRUE(server.has_session("shop"));
    EXPECT_TRUE(server.has_session("other"));
    hold->capture();
    hold->unfence();
    EXPECT_FALSE(server.has_session("shop"));
    EXPECT_FALSE(server.has_session("other"));
    server.put("shop", people(1));
    server.put("other", people(1));
    EXPECT_EQ(part_of(*hold, 0, data_part), people_export(3000).bytes);
    EXPECT_EQ(part_of(*hold, 0, schema_part), people_schema_2);
    model::DatabaseFacts facts;
    hold->describe(0, facts);
    EXPECT_EQ(facts.version, "2.29.1");
    EXPECT_EQ(facts.engine_facts.at("relations").as_uint(), 3000U);
    // Never copied, and read for this.
    hold->describe(1, facts);
    EXPECT_EQ(facts.engine_facts.at("relations").as_uint(), 2U);
    hold->release();
    EXPECT_TRUE(scratch.is_empty());
  }
}

TEST(TypedbV2Hold, AFenceThatIsNotHadInTimeLeavesNothing) {
  const Scratch scratch;
  TypedbServer server({.release = TypedbRelease::v2_18});
  server.put("first", people(1));
  server.put("second", people(1));
  const auto hold =
      make_v2_hold(access_to(server), {location_on(server, "first"), location_on(server, "second")},
                   scratch.hold());
  server.write("second", true);
  EXPECT_FALSE(hold->fence(in_a_while()));
  EXPECT_FALSE(server.has_session("first"));
  EXPECT_FALSE(hold->fence(steady_clock::now()));
  server.write("second", false);
  ASSERT_TRUE(hold->fence(in_a_while()));
  hold->unfence();
  EXPECT_FALSE(server.has_session("first"));
  ASSERT_TRUE(hold->fence(in_a_while()));
  hold->capture();
  hold->unfence();
  hold->release();
}

TEST(TypedbV2Hold, NoticesTypesThatChangeWhileItBegins) {
  for (const TypedbRelease release : {TypedbRelease::v2_18, TypedbRelease::v2_29}) {
    const Scratch scratch;
    TypedbServer server({.release = release});
    server.put("shop", people(10));
    server.change_at_export("shop", "define other sub entity;");
    const auto hold = make_v2_hold(access_to(server), {location_on(server)}, scratch.hold());
    std::string message;
    EXPECT_EQ(code_of([&] { hold->capture(); }, &message), Errc::not_consistent);
    EXPECT_NE(message.find("types of database shop"), std::string::npos) << message;
    EXPECT_TRUE(scratch.is_empty());
  }
}

TEST(TypedbV2Hold, KeepsWritersOutNoLongerThanItMay) {
  const Scratch scratch;
  TypedbServer server({.release = TypedbRelease::v2_29});
  server.put("shop", people(10));
  HoldOptions options = scratch.hold();
  options.writer_stall_max = std::chrono::milliseconds(1);
  const auto hold = make_v2_hold(access_to(server), {location_on(server)}, options);
  server.plant("ExportDatabase", 1, TypedbFault::stall);
  ASSERT_TRUE(test::fence(*hold));
  std::string message;
  EXPECT_EQ(code_of([&] { hold->capture(); }, &message), Errc::not_consistent);
  EXPECT_NE(message.find("did not begin in time"), std::string::npos) << message;
  EXPECT_FALSE(server.has_session("shop"));
  EXPECT_TRUE(scratch.is_empty());
}

TEST(TypedbV2Hold, StopsSoonAndLeavesNothing) {
  const Scratch scratch;
  TypedbServer server({.release = TypedbRelease::v2_29});
  server.put("shop", people(10));
  std::stop_source source;
  HoldOptions options = scratch.hold();
  options.stop = source.get_token();
  const auto hold = make_v2_hold(access_to(server), {location_on(server)}, options);
  server.plant("ExportDatabase", 1, TypedbFault::stall);
  const std::jthread stopping([&] {
    while (server.messages("ExportDatabase") < 1) std::this_thread::yield();
    source.request_stop();
  });
  std::string message;
  EXPECT_EQ(code_of([&] { hold->capture(); }, &message), Errc::cancelled);
  EXPECT_TRUE(scratch.is_empty());
}

TEST(TypedbV2Hold, OnlyOutlinesWithoutAskingForAnExport) {
  const Scratch scratch;
  TypedbServer server({.release = TypedbRelease::v2_29});
  server.put("shop", people(10));
  HoldOptions options = scratch.hold();
  options.only_outline = true;
  const auto hold = make_v2_hold(access_to(server), {location_on(server)}, options);
  ASSERT_TRUE(hold->fence(in_a_while()));
  EXPECT_FALSE(server.has_session("shop"));
  hold->capture();
  hold->unfence();
  model::DatabaseFacts facts;
  hold->outline(0, facts);
  EXPECT_EQ(facts.engine_facts.at("form").as_string(), "export");
  EXPECT_EQ(server.messages("ExportDatabase"), 0U);
  hold->release();
}

TEST(TypedbV2Exchange, ADirectoryOfBothTakesPlainFiles) {
  const Scratch scratch, exchange;
  TypedbServer server({.release = TypedbRelease::v2_29});
  server.put("shop", people(300));
  ServerLocation location = location_on(server);
  location.exchange_directory = exchange.path();
  // Of a run that was killed, and of one that goes on.
  const fs::path left = exchange.path() / "holdfast-export-left",
                 locked = exchange.path() / "holdfast-export-locked",
                 other = exchange.path() / "other";
  for (const fs::path& directory : {left, locked, other}) {
    fs::create_directory(directory);
    fs::last_write_time(directory, fs::file_time_type::clock::now() - std::chrono::hours(1));
  }
  const Fd lock = open_file(locked, O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);
  const auto hold = make_v2_hold(access_to(server), {location}, scratch.hold());
  ASSERT_TRUE(hold->fence(in_a_while()));
  hold->capture();
  hold->unfence();
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(locked));
  EXPECT_TRUE(fs::exists(other));
  EXPECT_EQ(entries_in(exchange.path()), 3U);
  EXPECT_EQ(part_of(*hold, 0, data_part), people_export(300).bytes);
  EXPECT_EQ(part_of(*hold, 0, schema_part), people_schema_2);
  hold->release();
  EXPECT_EQ(entries_in(exchange.path()), 2U);
}

TEST(TypedbV2Exchange, ServersElsewhereAreRefusedWithoutADirectory) {
  ServerLocation location;
  location.host = "192.0.2.7";
  std::string message;
  EXPECT_EQ(code_of([&] { static_cast<void>(find_exchange(location, "/var/tmp")); }, &message),
            Errc::unsupported);
  EXPECT_NE(message.find("exchange_directory"), std::string::npos) << message;
  // On this host, where nobody listens: a port that a container publishes.
  location.host = "127.0.0.1";
  location.port = 1;
  EXPECT_EQ(code_of([&] { static_cast<void>(find_exchange(location, "/var/tmp")); }, &message),
            Errc::unsupported);
  EXPECT_NE(message.find("container"), std::string::npos) << message;
  location.exchange_directory = "/nowhere/at/all";
  EXPECT_EQ(code_of([&] { static_cast<void>(find_exchange(location, "/var/tmp")); }, &message),
            Errc::not_found);
}

TEST(TypedbV2Exchange, TheUserOfAServerIsReadFromItsSocket) {
  const TemporaryDirectory proc("holdfast-test-");
  fs::create_directory(proc.path() / "net");
  const std::string head =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
      "timeout\n";
  const std::string tcp =
      head +
      "   0: 0100007F:06C1 0100007F:A000 01 00000000:00000000 00:00000000 00000000   999 0 1 1\n"
      "   1: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000    77 0 2 1\n";
  const std::string tcp6 =
      head +
      "   0: 00000000000000000000000000000000:06C1 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 00:00000000 00000000  1234 0 3 1\n";
  write_file_durably(proc.path() / "net/tcp", as_bytes(tcp));
  write_file_durably(proc.path() / "net/tcp6", as_bytes(tcp6));
  EXPECT_EQ(listening_user(1729, proc.path()), uid_t{1234});
  EXPECT_EQ(listening_user(8000, proc.path()), uid_t{77});
  EXPECT_EQ(listening_user(1730, proc.path()), std::nullopt);
  const TypedbServer server({.release = TypedbRelease::v2_29});
  EXPECT_EQ(listening_user(location_on(server).port), geteuid());
}

TEST(TypedbV2Exchange, RoomIsCountedBeforeAnythingIsMade) {
  const TemporaryDirectory directory("holdfast-test-");
  check_room(directory.path(), 1);
  std::string message;
  EXPECT_EQ(code_of([&] { check_room(directory.path(), std::uint64_t{1} << 62U); }, &message),
            Errc::no_space);
  EXPECT_NE(message.find("4611686018494496768 are needed"), std::string::npos) << message;
}

ExportFacts import_text(TypedbServer& server, std::string_view file, const LoadOptions& options,
                        const ServerLocation& into, std::uint64_t data_bytes = 0) {
  BytesSource source(as_bytes(file));
  return import_v2(access_to(server), into, options.data_only ? "" : people_schema_2, source,
                   options, {}, data_bytes);
}

TEST(TypedbV2Import, MakesADatabaseAndProvesIt) {
  for (const TypedbRelease release : releases) {
    SCOPED_TRACE(static_cast<int>(release));
    const Scratch scratch;
    TypedbServer server({.release = release});
    std::vector<Json> told;
    LoadOptions options = scratch.load();
    options.before_change = [&](std::string_view /*what*/, const Json& undo) {
      EXPECT_TRUE(server.databases().empty());
      told.push_back(undo);
    };
    const std::string file = people_export(700).bytes;
    const ServerLocation into = location_on(server);
    EXPECT_EQ(import_text(server, file, options, into).counted.relations, 700);
    EXPECT_EQ(server.databases().at("shop").items, test::typedb_items(file));
    EXPECT_EQ(server.databases().at("shop").schema, people_schema_2);
    EXPECT_TRUE(scratch.is_empty());
    std::string message;
    options.before_change = {};
    EXPECT_EQ(code_of([&] { import_text(server, file, options, into); }, &message), Errc::exists);
    EXPECT_EQ(server.databases().at("shop").items, test::typedb_items(file));
    // Undone last first, and once more.
    ASSERT_EQ(told.size(), 2U);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(undo_v2(told[1], access_to(server), into), "");
      EXPECT_EQ(undo_v2(told[0], access_to(server), into), "");
      EXPECT_TRUE(server.databases().empty());
    }
  }
}

TEST(TypedbV2Import, LeavesADatabaseThatSomebodyElseHasMade) {
  for (const TypedbRelease release : {TypedbRelease::v2_18, TypedbRelease::v2_29}) {
    for (const bool was_there : {false, true}) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(release) << was_there);
      const Scratch scratch;
      TypedbServer server({.release = release});
      if (was_there) server.put("shop", {"define", {}});
      std::vector<Json> told;
      LoadOptions options = scratch.load();
      // While the data are read.
      options.before_change = [&](std::string_view /*what*/, const Json& undo) {
        server.put("shop", people(1));
        told.push_back(undo);
      };
      const ServerLocation into = location_on(server);
      std::string message;
      const std::string file = people_export(9).bytes;
      EXPECT_EQ(code_of([&] { import_text(server, file, options, into); }, &message), Errc::exists);
      EXPECT_EQ(told.size(), 1U);
      EXPECT_EQ(server.databases().at("shop").items, people(1).items);
      EXPECT_TRUE(scratch.is_empty());
    }
  }
}

TEST(TypedbV2Import, UndoesOnlyWhatItHasMade) {
  for (const bool was_there : {false, true}) {
    const Scratch scratch;
    TypedbServer server({.release = TypedbRelease::v2_29});
    if (was_there) server.put("shop", {"define", {}});
    std::vector<Json> told;
    LoadOptions options = scratch.load();
    options.before_change = [&](std::string_view /*what*/, const Json& undo) {
      told.push_back(undo);
    };
    const ServerLocation into = location_on(server);
    import_text(server, people_export(9).bytes, options, into);
    ASSERT_EQ(told.size(), 2U);
    server.put("shop", people(10));
    const std::string left = undo_v2(told[1], access_to(server), into);
    EXPECT_NE(left.find("database shop"), std::string::npos) << left;
    EXPECT_EQ(server.databases().at("shop").items, people(10).items);
    // As after an import that was broken off.
    server.put("shop", people(8));
    EXPECT_EQ(undo_v2(told[1], access_to(server), into), "");
    EXPECT_EQ(server.databases().contains("shop"), was_there);
    if (was_there) {
      EXPECT_TRUE(server.databases().at("shop").items.empty());
    }
  }
}

TEST(TypedbV2Import, MakesADatabaseThatDefinesNothingAgain) {
  for (const TypedbRelease release : releases) {
    SCOPED_TRACE(static_cast<int>(release));
    const Scratch scratch;
    TypedbServer server({.release = release});
    const std::string file = TestExport().header("2.18.0").checksums().bytes;
    BytesSource data(as_bytes(file));
    const ExportFacts found =
        import_v2(access_to(server), location_on(server), "define\n", data, scratch.load(), {});
    EXPECT_TRUE(found.labels.empty());
    EXPECT_TRUE(server.databases().contains("shop"));
    EXPECT_TRUE(scratch.is_empty());
  }
}

TEST(TypedbV2Import, LeavesNothingOfWhatIsNotSound) {
  const std::string whole = people_export(3).bytes;
  const std::vector<std::pair<std::string, Errc>> all{
      {whole.substr(0, whole.size() - 3), Errc::corrupt},
      {people_export(3, "2.29.1", false).bytes, Errc::not_consistent},
      {TestExport().header().entity(id_of(1), "alien").checksums().bytes, Errc::not_consistent}};
  for (const auto& [file, code] : all) {
    const Scratch scratch;
    TypedbServer server({.release = TypedbRelease::v2_18});
    std::string message;
    EXPECT_EQ(
        code_of([&] { import_text(server, file, scratch.load(), location_on(server)); }, &message),
        code);
    EXPECT_TRUE(server.databases().empty());
    EXPECT_EQ(server.messages("databases_create"), 0U);
    EXPECT_TRUE(scratch.is_empty());
  }
}

TEST(TypedbV2Import, RemovesAgainWhatFails) {
  const std::vector<std::pair<std::string, TypedbRelease>> all{
      {"ImportData", TypedbRelease::v2_18},
      {"transaction", TypedbRelease::v2_18},
      {"session_open", TypedbRelease::v2_18},
      {"ExportData", TypedbRelease::v2_18},
      {"ImportDatabase", TypedbRelease::v2_29}};
  for (const auto& [method, release] : all) {
    for (std::size_t at = 0; at < 3; ++at) {
      SCOPED_TRACE(method + " " + std::to_string(at));
      const Scratch scratch;
      TypedbServer server({.release = release});
      LoadOptions options = scratch.load();
      options.before_change = [&](std::string_view /*what*/, const Json& undo) {
        if (undo.find("database") != nullptr) server.plant(method, at, TypedbFault::error);
      };
      std::string message;
      const std::string file = people_export(9).bytes;
      if (method == "session_open" && at == 2) continue;  // it has two messages
      EXPECT_EQ(code_of([&] { import_text(server, file, options, location_on(server)); }, &message),
                Errc::io);
      EXPECT_TRUE(server.databases().empty());
      EXPECT_TRUE(scratch.is_empty());
    }
  }
}

TEST(TypedbV2Import, DataAloneGoesIntoAnEmptyDatabaseWithItsOwnSchema) {
  const std::string own = std::string(people_schema_2) + "# its own\n";
  for (const TypedbRelease release : releases) {
    SCOPED_TRACE(static_cast<int>(release));
    const Scratch scratch;
    TypedbServer server({.release = release});
    LoadOptions options = scratch.load();
    options.data_only = true;
    std::vector<Json> told;
    options.before_change = [&](std::string_view /*what*/, const Json& undo) {
      told.push_back(undo);
    };
    const std::string file = people_export(5).bytes;
    const ServerLocation into = location_on(server);
    std::string message;
    EXPECT_EQ(code_of([&] { import_text(server, file, options, into); }, &message),
              Errc::not_found);
    server.put("shop", {own, {}});
    import_text(server, file, options, into);
    EXPECT_EQ(server.databases().at("shop").schema, own);
    EXPECT_EQ(server.databases().at("shop").items, test::typedb_items(file));
    EXPECT_EQ(code_of([&] { import_text(server, file, options, into); }, &message), Errc::exists);
    // Empty again, with its own schema.
    ASSERT_EQ(told.size(), 2U);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(undo_v2(told[1], access_to(server), into), "");
      EXPECT_EQ(server.databases().at("shop").schema, own);
      EXPECT_LE(server.databases().at("shop").items.size(), 2U);
    }
  }
}

TEST(TypedbV2Import, AnEmptyDatabaseIsThereAgainAfterAFailure) {
  for (const auto& [method, release] : {std::pair("ExportData", TypedbRelease::v2_18),
                                        std::pair("ExportDatabase", TypedbRelease::v2_29)}) {
    const Scratch scratch;
    TypedbServer server({.release = release});
    server.put("shop", {std::string(people_schema_2), {}});
    LoadOptions options = scratch.load();
    options.data_only = true;
    // The proof fails, after everything was loaded.
    options.before_change = [&](std::string_view /*what*/, const Json& undo) {
      if (undo.find("database") != nullptr) server.plant(method, 2, TypedbFault::error);
    };
    std::string message;
    const std::string file = people_export(5).bytes;
    EXPECT_EQ(code_of([&] { import_text(server, file, options, location_on(server)); }, &message),
              Errc::io);
    ASSERT_TRUE(server.databases().contains("shop"));
    EXPECT_EQ(server.databases().at("shop").schema, people_schema_2);
    EXPECT_LE(server.databases().at("shop").items.size(), 2U);
    EXPECT_TRUE(scratch.is_empty());
  }
}

TEST(TypedbV2Import, IsRefusedWhereThereIsNoRoom) {
  const Scratch scratch;
  TypedbServer server({.release = TypedbRelease::v2_29});
  std::string message;
  EXPECT_EQ(code_of(
                [&] {
                  import_text(server, people_export(5).bytes, scratch.load(), location_on(server),
                              std::uint64_t{1} << 62U);
                },
                &message),
            Errc::no_space);
  EXPECT_NE(message.find("bytes free"), std::string::npos) << message;
  EXPECT_TRUE(server.databases().empty());
  EXPECT_TRUE(scratch.is_empty());
}

// The vendor's program beside a server whose service does not answer.
class Program {
 public:
  Program(const std::string& release, const std::string& file) : directory_("holdfast-test-") {
    const fs::path source = fs::path(HOLDFAST_SOURCES) / "tests/fixtures/typedb/program/typedb";
    fs::copy_file(source, path());
    put("release", release);
    put("database", "shop");
    put("content.typedb", file);
    put("schema.tql", people_schema_2);
  }
  [[nodiscard]] fs::path path() const { return directory_.path() / "typedb"; }
  void put(const std::string& name, std::string_view content) const {
    write_file_durably(directory_.path() / name, as_bytes(content));
  }
  [[nodiscard]] std::string get(const std::string& name) const {
    return read_text_file(directory_.path() / name);
  }

 private:
  TemporaryDirectory directory_;
};

struct Generation2 {
  std::string release;
  TypedbRelease server;
};
const std::vector<Generation2> generations{
    {"2.0.2", TypedbRelease::grakn_2_0}, {"2.5.0", TypedbRelease::v2_1},
    {"2.6.0", TypedbRelease::v2_1},      {"2.18.0", TypedbRelease::v2_18},
    {"2.19.0", TypedbRelease::v2_29},    {"2.29.1", TypedbRelease::v2_29}};

TEST(TypedbV2Program, ExportsInEachGenerationWhereTheServiceDoesNot) {
  for (const Generation2& one : generations) {
    SCOPED_TRACE(one.release);
    const Scratch scratch;
    TypedbServer server({.release = one.server, .migrator = false});
    server.put("shop", people(200));
    const Program program(one.release, people_export(200).bytes);
    ServerLocation location = location_on(server);
    std::string message;
    EXPECT_EQ(
        code_of(
            [&] { static_cast<void>(make_v2_hold(access_to(server), {location}, scratch.hold())); },
            &message),
        Errc::unsupported);
    EXPECT_NE(message.find("`program`"), std::string::npos) << message;
    location.program = program.path();
    location.release = one.release;
    const auto hold = make_v2_hold(access_to(server), {location}, scratch.hold());
    ASSERT_TRUE(hold->fence(in_a_while()));
    hold->capture();
    hold->unfence();
    EXPECT_EQ(part_of(*hold, 0, data_part), people_export(200).bytes);
    EXPECT_EQ(part_of(*hold, 0, schema_part), people_schema_2);
    hold->release();
    EXPECT_TRUE(scratch.is_empty());
  }
}

TEST(TypedbV2Program, LoadsInEachGeneration) {
  for (const Generation2& one : generations) {
    SCOPED_TRACE(one.release);
    const Scratch scratch;
    TypedbServer server({.release = one.server, .migrator = false});
    const Program program(one.release, "");
    ServerLocation into = location_on(server);
    into.program = program.path();
    into.release = one.release;
    const std::string file = people_export(20).bytes;
    EXPECT_EQ(import_text(server, file, scratch.load(), into).counted.relations, 20);
    EXPECT_EQ(program.get("content.typedb"), file);
    EXPECT_TRUE(scratch.is_empty());
    // It failed after everything was loaded.
    program.put("fault", "half");
    into.database = "again";
    std::string message;
    EXPECT_EQ(code_of([&] { import_text(server, file, scratch.load(), into); }, &message),
              Errc::failed_child);
    EXPECT_NE(message.find("[MIG11]"), std::string::npos) << message;
    EXPECT_FALSE(server.databases().contains("again"));
  }
}

TEST(TypedbV2Program, EachOfItsFailuresIsOneOfTheCopy) {
  for (const Generation2& one : generations) {
    SCOPED_TRACE(one.release);
    const Scratch scratch;
    TypedbServer server({.release = one.server, .migrator = false});
    server.put("shop", people(200));
    const Program program(one.release, people_export(200).bytes);
    program.put("unfinished.typedb", people_export(200, "2.29.1", false).bytes);
    ServerLocation location = location_on(server);
    location.program = program.path();
    location.release = one.release;
    const auto outcome = [&](std::string* message) {
      return code_of(
          [&] {
            const auto hold = make_v2_hold(access_to(server), {location}, scratch.hold());
            hold->capture();
            part_of(*hold, 0, data_part);
          },
          message);
    };
    std::string message;
    program.put("fault", "half");
    EXPECT_EQ(outcome(&message), Errc::failed_child);
    EXPECT_NE(message.find("[MIG04]"), std::string::npos) << message;
    program.put("fault", "killed");
    EXPECT_EQ(outcome(&message), Errc::not_consistent);
    EXPECT_NE(message.find("without its checksums"), std::string::npos) << message;
    program.put("fault", "none");
    program.put("database", "somewhere else");
    EXPECT_EQ(outcome(&message), Errc::failed_child);
    EXPECT_NE(message.find("[MIG01] The database 'shop' was not found."), std::string::npos)
        << message;
    EXPECT_TRUE(scratch.is_empty());
  }
}

TEST(TypedbV2Program, OneThatHangsEndsWithTheStop) {
  const Scratch scratch;
  TypedbServer server({.release = TypedbRelease::v2_18, .migrator = false});
  server.put("shop", people(1));
  const Program program("2.18.0", people_export(1).bytes);
  program.put("fault", "hang");
  ServerLocation location = location_on(server);
  location.program = program.path();
  location.release = "2.18.0";
  std::stop_source source;
  HoldOptions options = scratch.hold();
  options.stop = source.get_token();
  const auto hold = make_v2_hold(access_to(server), {location}, options);
  const std::jthread stopping([&] {
    while (!fs::exists(program.path().parent_path() / "words")) std::this_thread::yield();
    source.request_stop();
  });
  std::string message;
  EXPECT_EQ(code_of([&] { hold->capture(); }, &message), Errc::cancelled);
  EXPECT_TRUE(scratch.is_empty());
}

TEST(TypedbV2Program, ARelativePathIsTheServers) {
  const TemporaryDirectory working("holdfast-test-");
  for (const Generation2& one : generations) {
    SCOPED_TRACE(one.release);
    const Program program(one.release, people_export(3).bytes);
    program.put("working", working.path().native());
    const VendorProgram vendor{program.path(), *command_shape(one.release), 1729};
    run_vendor(vendor, MigratorJob::exports, "shop", {"data", "schema"}, {});
    EXPECT_EQ(read_text_file(working.path() / "data"), people_export(3).bytes);
  }
}

TEST(TypedbV2Probe, TellsWhatStandsInTheWay) {
  TypedbServer server({.release = TypedbRelease::v2_18, .migrator = false});
  server.put("shop", people(1));
  Connection connection(access_to(server));
  Probe probe;
  ServerLocation location = location_on(server);
  probe_v2(connection, location, probe, {});
  ASSERT_EQ(probe.findings.size(), 1U);
  EXPECT_EQ(probe.findings[0].code, "typedb-no-exports");
  EXPECT_FALSE(probe.empty);
  EXPECT_TRUE(probe.abilities.fence);
  location.exchange_directory = "/nowhere/at/all";
  probe = {};
  probe_v2(connection, location, probe, {});
  ASSERT_EQ(probe.findings.size(), 2U);
  EXPECT_EQ(probe.findings[1].code, "typedb-no-exchange");
  location.exchange_directory = "/var/tmp";
  probe = {};
  probe_v2(connection, location, probe, {});
  ASSERT_EQ(probe.findings.size(), 2U);
  EXPECT_EQ(probe.findings[1].code, "typedb-exchange-room-unknown");
}

}  // namespace
}  // namespace holdfast::engine::typedb
