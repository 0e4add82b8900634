// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/hold.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <map>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "contract/engine/fence.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/describe.h"
#include "engine/postgresql/fill.h"
#include "engine/postgresql/grants.h"
#include "engine/postgresql/held_database.h"
#include "engine/postgresql/location.h"
#include "engine/postgresql/patience.h"
#include "engine/postgresql/restore_text.h"
#include "engine/postgresql/script_rewrite.h"
#include "engine/postgresql/server_checks.h"
#include "engine/registry.h"
#include "engine/wide_row.h"
#include "harness/memory_parts.h"
#include "harness/postgres_server.h"
#include "harness/program.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using engine::Hold;
using engine::HoldOptions;
using engine::postgresql::Connection;
using engine::postgresql::describe_database;
using engine::postgresql::location_of;
using engine::postgresql::make_hold;

class PostgresqlHold : public testing::Test {
 protected:
  void TearDown() override { server_.clean(); }

  [[nodiscard]] HoldOptions options() const {
    HoldOptions options;
    options.scratch_directory = scratch_.path();
    options.fence_max = std::chrono::seconds(5);  // the server ends silent ones after 15 s
    return options;
  }
  [[nodiscard]] std::unique_ptr<Hold> captured(const model::Endpoint& endpoint) const {
    std::unique_ptr<Hold> hold = make_hold({&endpoint, 1}, options());
    hold->capture();
    return hold;
  }
  [[nodiscard]] static std::string text_of(Hold& hold, const std::string& path) {
    model::Part part;
    part.path = path;
    MemoryPartSink sink;
    hold.copy(0, part, sink, {});
    return std::string(as_text(sink.content()));
  }
  [[nodiscard]] static std::string content(const model::DatabaseFacts& facts) {
    std::string text;
    for (const auto& table : facts.tables) {
      text += table.schema + "." + table.table + " " + std::to_string(table.rows) + " " +
              table.digest + "\n";
    }
    for (const auto& object : facts.objects)
      text += object.kind + " " + object.name + " " + object.definition_sha256 + "\n";
    return text;
  }
  template <typename Body>
  [[nodiscard]] static Errc code_of(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return Errc::bug;
  }
  // Locks on user tables that sessions named holdfast hold in any database.
  [[nodiscard]] std::string sessions() const {
    return server_.psql(
        "postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast'");
  }
  void end_sessions() const {
    server_.psql("postgres",
                 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 " WHERE application_name = 'holdfast'");
  }
  void expect_no_sessions() const {
    for (int i = 0; i < 100 && sessions() != "0\n"; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(sessions(), "0\n");
  }

  PostgresServer& server_ = PostgresServer::shared();
  TemporaryDirectory scratch_{"holdfast-pg-hold"};
};

constexpr std::string_view some_tables = R"(
CREATE TABLE plain (id int PRIMARY KEY, name text);
INSERT INTO plain SELECT i, 'row ' || i FROM generate_series(1, 1000) i;
CREATE SCHEMA "My ""odd"" schema";
CREATE TABLE "My ""odd"" schema"."a/b
c" ("select" int, "ü" text, twice int GENERATED ALWAYS AS ("select" * 2) STORED);
INSERT INTO "My ""odd"" schema"."a/b
c" VALUES (1, E'tab\there'), (NULL, NULL), (3, '');
CREATE SCHEMA "two
lines";
CREATE TABLE "two
lines"."of
table" ("c
d" int, plain int);
INSERT INTO "two
lines"."of
table" VALUES (1, 2);
CREATE TABLE nothing ();
INSERT INTO nothing SELECT FROM generate_series(1, 3);
CREATE TABLE parts (k int, v text) PARTITION BY RANGE (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
INSERT INTO parts SELECT i, 'v' FROM generate_series(0, 19) i;
CREATE SEQUENCE counter START 5;
SELECT nextval('counter');
CREATE VIEW seen AS SELECT * FROM plain;
SELECT lo_from_bytea(4711, '\x00ff');
SELECT lo_from_bytea(4712, '');
SELECT lo_from_bytea(4713, decode(repeat('ab', 600000), 'hex'));
)";

// As far as the server's version knows it.
std::string tables_for(PostgresServer& server) {
  std::string script(some_tables);
  constexpr std::string_view generated = R"(, twice int GENERATED ALWAYS AS ("select" * 2) STORED)";
  if (server.server().binaries().major < 12) script.erase(script.find(generated), generated.size());
  return script;
}

TEST_F(PostgresqlHold, CopiesEveryTableAsTheMomentHadIt) {
  const model::Endpoint endpoint = server_.make_database("shop", tables_for(server_));
  model::DatabaseFacts live;
  describe_database(location_of(endpoint), live, 2, {});
  auto hold = captured(endpoint);
  server_.psql("shop",
               "UPDATE plain SET name = 'changed'; INSERT INTO plain VALUES (0, 'new');"
               " SELECT nextval('counter'); DELETE FROM parts;");
  std::map<std::string, std::string> copied;
  for (const model::Part& part : hold->parts(0)) copied[part.path] = text_of(*hold, part.path);
  model::DatabaseFacts facts;
  hold->describe(0, facts);
  hold->release();
  EXPECT_EQ(content(facts), content(live));
  EXPECT_EQ(copied.at("tables/My%20%22odd%22%20schema/a%2Fb%0Ac/00000.copy"),
            "1\ttab\\there\n\\N\t\\N\n3\t\n");
  EXPECT_EQ(copied.at("tables/public/nothing/00000.copy"), "\n\n\n");
  EXPECT_EQ(std::count(copied.at("tables/public/parts_1/00000.copy").begin(),
                       copied.at("tables/public/parts_1/00000.copy").end(), '\n'),
            10);
  EXPECT_FALSE(copied.contains("tables/public/parts/00000.copy"));
  EXPECT_NE(copied.at("sequences.sql").find("'\"public\".\"counter\"', 5, true"), std::string::npos)
      << copied.at("sequences.sql");
  EXPECT_NE(copied.at("schema-pre-data.sql").find("CREATE TABLE \"public\".\"plain\""),
            std::string::npos);
  EXPECT_NE(copied.at("schema-post-data.sql").find("PRIMARY KEY"), std::string::npos);
  EXPECT_NE(copied.at("globals.sql").find("CREATE ROLE"), std::string::npos);
  EXPECT_EQ(copied.at("large-objects/00000.copy").substr(0, 28),
            "4711\t0\t\\\\x00ff\n4712\t0\t\\\\x\n47");
  hold.reset();
  expect_no_sessions();
}

TEST_F(PostgresqlHold, RestoresByPsqlAlone) {
  const model::Endpoint endpoint = server_.make_database("shop", tables_for(server_));
  server_.psql("shop",
               "ALTER DATABASE shop SET search_path = \"My \"\"odd\"\" schema\", public;"
               "ALTER DATABASE shop SET work_mem = '5MB';"
               "COMMENT ON DATABASE shop IS '100% it''s';"
               "CREATE ROLE reader; GRANT TEMPORARY ON DATABASE shop TO reader;"
               "GRANT SELECT ON plain TO reader; ALTER LARGE OBJECT 4711 OWNER TO reader;"
               "GRANT SELECT ON LARGE OBJECT 4712 TO reader WITH GRANT OPTION;"
               "COMMENT ON LARGE OBJECT 4713 IS 'wide'");
  const auto hold = captured(endpoint);
  const std::filesystem::path directory = scratch_.path() / "copy";
  for (const model::Part& part : hold->parts(0)) {
    const std::filesystem::path place = directory / part.path;
    std::filesystem::create_directories(place.parent_path());
    write_file_durably(place, as_bytes(text_of(*hold, part.path)), 0644);
  }
  model::DatabaseFacts facts;
  hold->describe(0, facts);
  hold->release();
  const model::Endpoint again = server_.make_database("again");
  server_.psql("again", "\\cd " + directory.string() + "\n\\i restore.sql\n");
  model::DatabaseFacts found;
  describe_database(location_of(again), found, 2, {});
  EXPECT_EQ(content(found), content(facts));
  EXPECT_EQ(server_.psql("again",
                         "SHOW work_mem; SHOW search_path;"
                         "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
                         " WHERE datname = 'again'"),
            "5MB\n\"My \"\"odd\"\" schema\", public\n100% it's\n");
}

TEST_F(PostgresqlHold, WritesTheSameDefinitionsEachTime) {
  const model::Endpoint endpoint = server_.make_database("same", "CREATE TABLE t (a int)");
  std::string first;
  for (int i = 0; i < 2; ++i) {
    const auto hold = captured(endpoint);
    static_cast<void>(hold->parts(0));
    std::string text;
    for (const char* part : {"schema-pre-data.sql", "schema-post-data.sql", "globals.sql"})
      text += text_of(*hold, part);
    EXPECT_EQ(text.find("restrict "), std::string::npos);
    if (i == 0) first = text;
    EXPECT_EQ(text, first);
  }
}

TEST_F(PostgresqlHold, CutsLargeTablesWhereTheyStayCut) {
  // Nearly empty pages make a large table of few rows.
  const model::Endpoint endpoint =
      server_.make_database("large",
                            "CREATE TABLE big (id int) WITH (fillfactor = 10);"
                            "INSERT INTO big SELECT generate_series(1, 900000)");
  const auto hold = captured(endpoint);
  std::string all;
  std::size_t ranges = 0;
  for (const model::Part& part : hold->parts(0)) {
    if (part.path.starts_with("tables/public/big/")) ++ranges;
  }
  for (std::size_t i = 0; i < ranges; ++i) {
    const std::string rows = text_of(*hold, fmt::format("tables/public/big/{:05}.copy", i));
    EXPECT_FALSE(rows.empty()) << i;
    all += rows;
  }
  // Before 14 the server finds a range only by reading the whole table.
  EXPECT_GE(ranges, server_.server().binaries().major >= 14 ? 2U : 1U);
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 900'000);
  model::DatabaseFacts facts;
  hold->describe(0, facts);
  EXPECT_EQ(facts.tables.at(0).rows, 900'000U);
  hold->release();
}

TEST_F(PostgresqlHold, WritersGoOnAndSchemaChangesWait) {
  const model::Endpoint endpoint = server_.make_database("shop", tables_for(server_));
  const auto hold = captured(endpoint);
  server_.psql("shop", "INSERT INTO plain VALUES (-1, 'x')");
  EXPECT_THROW(server_.psql("shop", "SET lock_timeout = '100ms'; TRUNCATE plain"), Error);
  // Somebody waits for the lock that we have: new readers wait behind him, and we read on.
  std::thread waiting([&] { server_.psql("shop", "ALTER TABLE plain ADD COLUMN more int"); });
  for (int i = 0; i < 200; ++i) {
    if (server_.psql("postgres", "SELECT count(*) FROM pg_locks WHERE NOT granted") != "0\n") break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const std::string rows = text_of(*hold, "tables/public/plain/00000.copy");
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 1000);
  model::DatabaseFacts facts;
  hold->describe(0, facts);
  hold->release();
  waiting.join();
}

TEST_F(PostgresqlHold, FencesThroughTheLentFunctionWhoMayOnlyRead) {
  const model::Endpoint endpoint = server_.make_database("shop", tables_for(server_));
  server_.psql("shop", "CREATE ROLE saver LOGIN");
  const model::Endpoint saver = server_.endpoint("shop", "saver");
  const auto soon = [] {
    return std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  };
  EXPECT_EQ(code_of([&] {
              static_cast<void>(make_hold({&saver, 1}, options())->fence(soon()));
            }),
            Errc::unsupported);
  server_.psql("shop", engine::postgresql::grants_for(location_of(saver), "backup"));
  const auto hold = make_hold({&saver, 1}, options());
  ASSERT_TRUE(fence(*hold));
  EXPECT_THROW(server_.psql("shop", "SET lock_timeout = '50ms'; INSERT INTO plain VALUES (-1)"),
               Error);
  hold->capture();
  hold->unfence();
  server_.psql("shop", "INSERT INTO plain VALUES (-1)");
  model::DatabaseFacts facts;
  hold->describe(0, facts);
  EXPECT_FALSE(facts.engine_facts.bool_or("role_passwords", true));
  hold->release();
}

std::chrono::steady_clock::time_point within(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

TEST_F(PostgresqlHold, SaysWhichUserMappingsItCannotRead) {
  server_.make_database(
      "shop",
      "CREATE ROLE saver LOGIN; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA"
      " WRAPPER w; GRANT USAGE ON FOREIGN SERVER far TO saver;"
      "CREATE USER MAPPING FOR saver SERVER far OPTIONS (password 'seen');"
      "CREATE USER MAPPING FOR postgres SERVER far OPTIONS (user 'u', password 'hidden')");
  const auto left_out = [&](const std::string& user) {
    std::string seen;
    for (const auto& finding :
         engine::find_engine("postgresql")->probe(server_.endpoint("shop", user)).findings) {
      if (finding.code == "postgresql-user-mappings-left-out") seen += finding.seen;
    }
    return seen;
  };
  EXPECT_EQ(left_out("postgres"), "");
  EXPECT_EQ(left_out("saver"), "the options of 1 user mappings are hidden from us");
}

// An extension keeps its configuration where no user's tables are.
TEST_F(PostgresqlHold, CopiesConfigurationOfExtensionsInTheCatalogsSchema) {
  if (server_.server().binaries().major < 12) GTEST_SKIP() << "such a table cannot be made";
  const model::Endpoint endpoint = server_.make_database(
      "shop",
      "SET allow_system_table_mods = on; CREATE TABLE pg_catalog.nodes (a int, b text);"
      "INSERT INTO pg_catalog.nodes VALUES (1, 'one'); ALTER EXTENSION plpgsql ADD TABLE"
      " pg_catalog.nodes; UPDATE pg_extension SET extcondition = ARRAY[''], extconfig ="
      " ARRAY['pg_catalog.nodes'::regclass::oid] WHERE extname = 'plpgsql'");
  const auto hold = captured(endpoint);
  static_cast<void>(hold->parts(0));
  EXPECT_EQ(text_of(*hold, "tables/pg_catalog/nodes/00000.copy"), "1\tone\n");
}

// A function that anybody made, and one that locks nothing, are no fences.
TEST_F(PostgresqlHold, TrustsNoForeignFence) {
  server_.make_database("shop",
                        "CREATE TABLE t (a int); CREATE ROLE saver LOGIN; CREATE ROLE eve;"
                        "GRANT SELECT ON t TO saver; GRANT CREATE ON DATABASE shop TO eve");
  const model::Endpoint saver = server_.endpoint("shop", "saver");
  const std::string idle =
      "CREATE FUNCTION holdfast.fence() RETURNS void LANGUAGE sql SECURITY DEFINER AS '';"
      "GRANT USAGE ON SCHEMA holdfast TO saver;";
  server_.psql("shop", "SET ROLE eve; CREATE SCHEMA holdfast;" + idle);
  EXPECT_EQ(code_of([&] {
              static_cast<void>(
                  make_hold({&saver, 1}, options())->fence(within(std::chrono::seconds(1))));
            }),
            Errc::unsupported);
  // What is printed does not take the stranger's schema over.
  const std::string grants = engine::postgresql::grants_for(location_of(saver), "backup");
  EXPECT_THROW(server_.psql("shop", grants), Error);
  server_.psql("shop", "DROP SCHEMA holdfast CASCADE; CREATE SCHEMA holdfast;" + idle);
  EXPECT_FALSE(make_hold({&saver, 1}, options())->fence(within(std::chrono::seconds(1))));
  server_.psql("shop", "DROP SCHEMA holdfast CASCADE");
  server_.psql("shop", grants);
  // Once it is there, it is only lent.
  server_.psql("shop", engine::postgresql::grants_for(location_of(saver), "backup"));
  EXPECT_TRUE(fence(*make_hold({&saver, 1}, options())));
}

// The application has what we want and wants what we have: it must never be the one that is ended.
TEST_F(PostgresqlHold, GivesUpAFenceBeforeTheServerEndsSomebody) {
  const model::Endpoint endpoint =
      server_.make_database("shop", "CREATE TABLE aaa (a int); CREATE TABLE zzz (a int)");
  // We are to give up after 16 s.
  server_.psql("shop", "ALTER DATABASE shop SET deadlock_timeout = '20s'");
  HoldOptions patient = options();
  patient.fence_max = std::chrono::minutes(1);
  const auto hold = make_hold({&endpoint, 1}, patient);
  Connection application(location_of(endpoint));
  // If we waited on, it would find the deadlock before us, and be ended.
  application.run("SET deadlock_timeout = '19s'; BEGIN; INSERT INTO public.zzz VALUES (1)");
  bool fenced = true;
  std::jthread fencing([&] { fenced = hold->fence(within(patient.fence_max)); });
  Connection watcher(location_of(endpoint));
  ASSERT_TRUE(eventually([&] {
    return watcher.value(
               "SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND NOT granted"
               " AND locktype = 'relation'") != "0";
  }));
  EXPECT_EQ(application.attempt("INSERT INTO public.aaa VALUES (1)"), "");
  fencing.join();
  EXPECT_FALSE(fenced);
  EXPECT_EQ(application.attempt("COMMIT"), "");
}

// Our machine may stop within a fence, and nobody tell the server.
TEST_F(PostgresqlHold, AFenceOfWhoIsSilentEnds) {
  const model::Endpoint endpoint = server_.make_database("shop", "CREATE TABLE t (a int)");
  HoldOptions silent = options();
  silent.fence_max = std::chrono::seconds(2);  // the server waits for 6 s
  const auto hold = make_hold({&endpoint, 1}, silent);
  ASSERT_TRUE(fence(*hold));
  EXPECT_THROW(server_.psql("shop", "SET lock_timeout = '50ms'; INSERT INTO t VALUES (1)"), Error);
  server_.psql("shop", "SET lock_timeout = '20s'; INSERT INTO t VALUES (1)");
  EXPECT_EQ(code_of([&] { hold->capture(); }), Errc::not_consistent);
}

TEST_F(PostgresqlHold, KeepsIdleConnectionsAlive) {
  const model::Endpoint endpoint = server_.make_database("shop");
  EXPECT_EQ(Connection(location_of(endpoint))
                .value("SELECT count(*) FROM pg_settings WHERE name LIKE 'tcp_keepalives_%'"
                       " AND source = 'session'"),
            "3");
  // Our side: a server that says nothing is enough to look at the socket.
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  struct sockaddr_in address {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  socklen_t length = sizeof address;
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  model::Endpoint remote = endpoint;
  remote.uri = fmt::format("postgresql://127.0.0.1:{}/shop", ntohs(address.sin_port));
  std::stop_source stop;
  std::jthread connecting([&] {
    EXPECT_EQ(code_of([&] { const Connection none(location_of(remote), stop.get_token()); }),
              Errc::cancelled);
  });
  const Fd accepted(::accept(listener.get(), nullptr, nullptr));
  int idle_s = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    struct sockaddr_in peer {};
    socklen_t peer_length = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_length) != 0 ||
        peer.sin_family != AF_INET || peer.sin_port != address.sin_port)
      continue;
    int on = 0;
    socklen_t size = sizeof on;
    ::getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &size);
    if (on == 1) ::getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, &size);
  }
  EXPECT_EQ(idle_s, 60);
  stop.request_stop();
}

// What a database is called says nothing about why it is not had.
TEST_F(PostgresqlHold, TellsAbsentDatabasesFromRefusals) {
  const auto connect = [&](const std::string& database, const std::string& user) {
    return code_of([&] { const Connection none(location_of(server_.endpoint(database, user))); });
  };
  EXPECT_EQ(connect("authentication failed", "postgres"), Errc::not_found);
  server_.make_database("shop",
                        "CREATE ROLE saver LOGIN; CREATE ROLE shut;"
                        "REVOKE CONNECT ON DATABASE shop FROM PUBLIC");
  EXPECT_EQ(connect("shop", "saver"), Errc::denied);
  EXPECT_EQ(connect("shop", "shut"), Errc::denied);
}

// Who waits for a sequence waits without a fence.
TEST_F(PostgresqlHold, WaitsForNobodyWithinAFence) {
  const model::Endpoint endpoint =
      server_.make_database("shop", "CREATE TABLE t (a int); CREATE SEQUENCE s");
  const auto hold = make_hold({&endpoint, 1}, options());
  Connection changer(location_of(endpoint));
  changer.run("BEGIN; DROP SEQUENCE public.s");
  ASSERT_TRUE(fence(*hold));
  const auto begun = std::chrono::steady_clock::now();
  hold->capture();
  hold->unfence();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
  changer.rollback();
  static_cast<void>(hold->parts(0));
  EXPECT_NE(text_of(*hold, "sequences.sql").find("\"s\""), std::string::npos);
}

// Locks that are waited for do not put the databases' moments apart.
TEST_F(PostgresqlHold, TakesItsSnapshotsInARow) {
  const std::vector<model::Endpoint> endpoints{
      server_.make_database("one", "CREATE TABLE t (a int)"),
      server_.make_database("two", "CREATE TABLE t (a int)")};
  Connection changer(location_of(endpoints[1]));
  changer.run("BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE");
  const auto hold = make_hold(endpoints, options());
  std::jthread releasing([&] {
    std::this_thread::sleep_for(std::chrono::seconds(3));
    changer.rollback();
  });
  hold->capture();
  EXPECT_LE(hold->moment(1).latest.seconds - hold->moment(0).earliest.seconds, 1);
}

// To an older snapshot a table that was emptied since looks empty: then another one is taken.
TEST_F(PostgresqlHold, TakesAnotherSnapshotIfANewTableWasEmptied) {
  const model::Endpoint endpoint = server_.make_database("shop", "CREATE TABLE t (a int)");
  engine::postgresql::HeldDatabase database(location_of(endpoint));
  constexpr auto wait = std::chrono::seconds(5);
  database.lock_tables(wait);
  server_.psql("shop", "CREATE TABLE fresh AS SELECT generate_series(1, 5) a");
  database.take_snapshot();
  server_.psql("shop", "TRUNCATE fresh; INSERT INTO fresh VALUES (1), (2)");
  database.secure(wait);
  database.with_control({}, [](Connection& control) {
    EXPECT_EQ(control.value("SELECT count(*) FROM public.fresh"), "2");
  });
}

// What is made within a fence cannot be dropped or emptied before it is held: the fenced moment
// cannot be taken again.
TEST_F(PostgresqlHold, HoldsWhatIsMadeWithinAFence) {
  const model::Endpoint endpoint = server_.make_database("shop", "CREATE TABLE t (a int)");
  // A session's own idea of isolation is not that of a fence, which has its 5 s.
  server_.psql("shop",
               "ALTER DATABASE shop SET default_transaction_isolation = 'serializable';"
               "ALTER DATABASE shop SET deadlock_timeout = '10s'");
  engine::postgresql::HeldDatabase database(location_of(endpoint));
  database.prepare_fence();
  ASSERT_TRUE(database.fence(within(std::chrono::seconds(5)), std::chrono::seconds(60)));
  server_.psql("shop", "CREATE TABLE fresh AS SELECT 1 AS a");
  database.take_snapshot();
  database.unfence();
  EXPECT_THROW(server_.psql("shop", "SET lock_timeout = '200ms'; TRUNCATE fresh"), Error);
  EXPECT_THROW(server_.psql("shop", "SET lock_timeout = '200ms'; DROP TABLE fresh"), Error);
  database.secure(std::chrono::seconds(5));
  EXPECT_EQ(database.tables().size(), 2U);
}

// What a sequence has given out is asked of the sequence itself, whatever it is called by now.
TEST_F(PostgresqlHold, ReadsSequencesThatAreRenamedWhileItBegins) {
  const model::Endpoint endpoint = server_.make_database(
      "shop",
      "CREATE SEQUENCE s START 5; SELECT setval('s', 700); CREATE SEQUENCE other;"
      "CREATE SCHEMA old; CREATE SEQUENCE old.n; SELECT setval('old.n', 30);"
      "CREATE SEQUENCE moved; SELECT setval('moved', 40); CREATE SCHEMA \"New \"\"one\"\"\"");
  engine::postgresql::HeldDatabase database(location_of(endpoint));
  constexpr auto wait = std::chrono::seconds(5);
  database.lock_tables(wait);
  database.take_snapshot();
  server_.psql("shop",
               "ALTER SEQUENCE s RENAME TO \"S s\"; ALTER SEQUENCE other RENAME TO s;"
               "SELECT nextval('s'); ALTER SCHEMA old RENAME TO fresh;"
               "ALTER SEQUENCE moved SET SCHEMA \"New \"\"one\"\"\"");
  database.secure(wait);
  std::string values;
  for (const auto& one : database.sequences())
    values += fmt::format("{} {} {}\n", one.name.display(), one.last_value, one.is_called);
  EXPECT_EQ(values,
            "old.n 30 true\npublic.moved 40 true\npublic.other 1 true\npublic.s 700 true\n");
  // Of one that is gone nobody knows: START would give numbers out that rows have already.
  database.end();
  database.lock_tables(wait);
  database.take_snapshot();
  server_.psql("shop", "DROP SEQUENCE \"S s\"");
  EXPECT_EQ(code_of([&] { database.secure(wait); }), Errc::not_consistent);
}

// Who has what we wait for and waits for what we have is let by, whoever came first: the server
// would end one of us, and maybe the application.
TEST_F(PostgresqlHold, IsNeverWhyTheServerEndsAMigration) {
  const model::Endpoint endpoint = server_.make_database(
      "shop", "CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE VIEW v AS SELECT 1 AS a");
  server_.psql("shop", "ALTER DATABASE shop SET deadlock_timeout = '10s'");
  const std::string waits =
      "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = '{}' AND locktype = 'relation'";
  Connection watcher(location_of(endpoint));
  const auto wait_for = [&](const char* mode) {
    EXPECT_TRUE(
        eventually([&] { return watcher.value(fmt::format(fmt::runtime(waits), mode)) != "0"; }));
  };
  for (const bool we_come_first : {false, true}) {
    SCOPED_TRACE(we_come_first);
    auto hold = captured(endpoint);
    Connection migration(location_of(endpoint));
    migration.run("BEGIN; ALTER VIEW public.v ALTER a SET DEFAULT 1");
    std::string said;
    std::jthread reading([&] {
      if (!we_come_first) wait_for("AccessExclusiveLock");
      try {
        static_cast<void>(hold->parts(0));
      } catch (const Error& error) {
        said = error.what();
      }
      hold.reset();
    });
    if (we_come_first) wait_for("AccessShareLock");
    EXPECT_EQ(migration.attempt("ALTER TABLE public.t ADD COLUMN more" +
                                std::to_string(we_come_first) + " int"),
              "");
    reading.join();
    EXPECT_NE(said.find("public.v is locked by session"), std::string::npos) << said;
    EXPECT_NE(said.find("which waits for us"), std::string::npos) << said;
    EXPECT_EQ(migration.attempt("COMMIT"), "");
  }
  // And while it begins: it has one table, and gives it away for the other.
  Connection migration(location_of(endpoint));
  migration.run("BEGIN; ALTER TABLE public.u ADD COLUMN more int");
  std::jthread beginning([&] { captured(endpoint)->release(); });
  wait_for("AccessShareLock");
  EXPECT_EQ(migration.attempt("ALTER TABLE public.t ADD COLUMN last int"), "");
  EXPECT_EQ(migration.attempt("COMMIT"), "");
}

// Neither a REFRESH nor a REINDEX ends a backup that began with a short fence; it waits for them.
TEST_F(PostgresqlHold, WaitsForARefreshAndAReindex) {
  const model::Endpoint endpoint = server_.make_database(
      "shop",
      "CREATE TABLE wide (a text); CREATE TABLE slow (a int);"
      "CREATE FUNCTION nap(int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT $1 FROM pg_sleep(3)';"
      "CREATE MATERIALIZED VIEW lazy AS SELECT public.nap(a) FROM slow;"
      "INSERT INTO slow VALUES (1)");
  const auto hold = make_hold({&endpoint, 1}, options());
  Connection reindexer(location_of(endpoint));
  reindexer.run("BEGIN; REINDEX TABLE public.wide");
  ASSERT_TRUE(fence(*hold));
  hold->capture();
  hold->unfence();
  std::jthread others([&] {
    Connection refresher(location_of(endpoint));
    refresher.run("REFRESH MATERIALIZED VIEW public.lazy");
  });
  std::jthread ending([&] {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    reindexer.rollback();
  });
  model::DatabaseFacts facts;
  hold->describe(0, facts);
  EXPECT_TRUE(std::any_of(facts.objects.begin(), facts.objects.end(),
                          [](const auto& one) { return one.kind == "materialized view"; }));
  hold->release();
}

// Whoever keeps a view open is waited for, but can be told apart, and we can be stopped.
TEST_F(PostgresqlHold, SaysWhomItWaitsForAndCanBeStopped) {
  const model::Endpoint endpoint =
      server_.make_database("shop", "CREATE TABLE t (a int); CREATE VIEW seen AS SELECT * FROM t");
  std::stop_source stop;
  HoldOptions stoppable = options();
  stoppable.stop = stop.get_token();
  const auto hold = make_hold({&endpoint, 1}, stoppable);
  hold->capture();
  Connection changer(location_of(endpoint));
  changer.run("SET application_name = 'psql'; BEGIN; ALTER VIEW public.seen ALTER a SET DEFAULT 1");
  testing::internal::CaptureStderr();
  std::jthread stopping([&] {
    // As soon as something is said: what is captured goes to a file.
    EXPECT_TRUE(eventually([] { return fs::file_size("/proc/self/fd/2") > 0; }));
    stop.request_stop();
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of([&] { static_cast<void>(hold->parts(0)); }), Errc::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::minutes(1));
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("public.seen is locked by session"), std::string::npos) << said;
  // And not for ever.
  Connection reader(location_of(endpoint));
  reader.run("BEGIN");
  engine::postgresql::Patience patience;
  patience.slice = std::chrono::milliseconds(100);
  patience.until = within(patience.slice);
  const std::string sql = "SELECT pg_catalog.pg_get_viewdef('public.seen'::pg_catalog.regclass)";
  EXPECT_EQ(code_of([&] { query_patiently(reader, sql, patience); }), Errc::unavailable);
  EXPECT_TRUE(reader.in_transaction());
  changer.rollback();
  EXPECT_FALSE(query_patiently(reader, sql, patience).empty());
}

// In a database of unknown encoding a name may be anything; the manifest is UTF-8.
TEST_F(PostgresqlHold, FindsNamesThatTheManifestCannotSay) {
  const auto found = [&](const std::string& database) {
    std::string seen;
    for (const auto& finding :
         engine::find_engine("postgresql")->probe(server_.endpoint(database)).findings) {
      if (finding.code == "postgresql-name-not-utf8") seen += finding.seen;
    }
    return seen;
  };
  const std::string bad = "\"n\xe9\"";
  for (const auto& [kind, make] : std::map<std::string, std::string>{
           {"schema", "CREATE SCHEMA " + bad},
           {"table, view, sequence or index", "CREATE VIEW " + bad + " AS SELECT 1"},
           {"column", "CREATE TABLE t (" + bad + " int)"},
           {"function", "CREATE FUNCTION " + bad + "() RETURNS int LANGUAGE sql AS 'SELECT 1'"},
           {"type", "CREATE DOMAIN " + bad + " AS int"},
           {"", "CREATE TABLE \"n\u00e9\" (a int)"}}) {
    server_.psql("postgres", "DROP DATABASE IF EXISTS raw");
    server_.psql(
        "postgres",
        "CREATE DATABASE raw TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'");
    server_.psql("raw", "SET client_encoding = 'SQL_ASCII'; " + make);
    EXPECT_EQ(found("raw"), kind.empty() ? "" : "the name of a " + kind + " is not UTF-8");
  }
  // Roles are named in the encoding of whoever makes them; they matter where they own something.
  server_.psql("raw", "SET client_encoding = 'SQL_ASCII'; CREATE ROLE " + bad);
  server_.make_database("plain", "CREATE TABLE t (a int)");
  EXPECT_EQ(found("plain"), "");
  server_.psql("raw", "SET client_encoding = 'SQL_ASCII'; ALTER DATABASE plain OWNER TO " + bad);
  EXPECT_EQ(found("plain"), "the name of a role is not UTF-8");
  server_.drop_database("plain");
  server_.psql("raw", "SET client_encoding = 'SQL_ASCII'; DROP ROLE " + bad);
}

// Memory is bounded by one wide row, however many are read at once.
TEST_F(PostgresqlHold, HasOneWideRowInFlight) {
  const model::Endpoint endpoint = server_.make_database(
      "shop",
      "SELECT format('CREATE TABLE wide_%s AS SELECT i, repeat(''x'', i * 20000000) AS t FROM"
      " generate_series(0, 2) i', n) FROM generate_series(1, 3) n\n\\gexec\n");
  engine::postgresql::HeldDatabase database(location_of(endpoint));
  constexpr auto wait = std::chrono::seconds(5);
  database.lock_tables(wait);
  database.take_snapshot();
  database.secure(wait);
  std::atomic<int> at_once = 0;
  std::atomic<int> most = 0;
  std::atomic<int> rows = 0;
  {
    std::vector<std::jthread> readers;
    for (const auto& range : database.ranges()) {
      readers.emplace_back([&] {
        const auto line = [&](ByteView bytes) {
          ++rows;
          if (bytes.size() < engine::wide_row_bytes) return;
          most = std::max(most.load(), ++at_once);
          std::this_thread::sleep_for(std::chrono::milliseconds(50));
          --at_once;
        };
        static_cast<void>(database.read_range(range, line, {}));
      });
    }
  }
  EXPECT_EQ(rows, 9);
  EXPECT_EQ(most, 1);
  // Who waits for his turn can be stopped.
  engine::WideRowTurn taken;
  taken.take(engine::wide_row_bytes, {});
  std::stop_source stop;
  std::jthread stopping([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
  });
  EXPECT_EQ(code_of([&] {
              static_cast<void>(database.read_range(
                  database.ranges().at(0), [](ByteView) {}, stop.get_token()));
            }),
            Errc::cancelled);
}

// What preflight says of a database and its server: by code, what was seen.
std::map<std::string, model::Finding> findings_of(const model::Endpoint& endpoint) {
  std::map<std::string, model::Finding> found;
  for (const auto& finding : engine::find_engine("postgresql")->probe(endpoint).findings)
    found.insert({finding.code, finding});
  return found;
}

TEST_F(PostgresqlHold, PreflightNamesWhatABackupMeets) {
  const model::Endpoint endpoint = server_.make_database(
      "shop",
      "CREATE TABLE wide (b bytea); CREATE UNLOGGED TABLE u (a int);"
      "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w;"
      "CREATE FOREIGN TABLE away (a int) SERVER far; CREATE ROLE saver LOGIN;"
      "GRANT SELECT ON wide, u TO saver;"
      "CREATE SUBSCRIPTION sub CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false,"
      " slot_name = NONE)");
  server_.psql("shop",
               "ALTER ROLE saver SET statement_timeout = '1min';"
               "ALTER DATABASE shop SET lock_timeout = 7;"
               "ALTER ROLE saver SET idle_in_transaction_session_timeout = '5s';"
               "UPDATE pg_class SET relpages = 100000 WHERE oid = (SELECT reltoastrelid FROM"
               " pg_class WHERE relname = 'wide');"
               "BEGIN; INSERT INTO u VALUES (1); PREPARE TRANSACTION 'waits'");
  auto found = findings_of(server_.endpoint("shop", "saver"));
  server_.psql("shop", "ROLLBACK PREPARED 'waits'");
  for (const char* code :
       {"postgresql-timeouts", "postgresql-wide-values", "postgresql-unlogged",
        "postgresql-foreign-tables", "postgresql-subscriptions-left-out",
        "postgresql-prepared-transactions", "postgresql-role-passwords", "postgresql-no-fence"})
    EXPECT_TRUE(found.contains(code)) << code;
  EXPECT_EQ(found["postgresql-timeouts"].seen,
            "idle_in_transaction_session_timeout = 5000 ms, lock_timeout = 7 ms,"
            " statement_timeout = 60000 ms");
  EXPECT_NE(found["postgresql-wide-values"].seen.find("public.wide has 781"), std::string::npos)
      << found["postgresql-wide-values"].seen;
  {
    Connection connection(location_of(endpoint));
    const auto risks = engine::postgresql::find_source_risks(connection, UINT64_MAX / 2);
    EXPECT_TRUE(std::any_of(risks.begin(), risks.end(),
                            [](const auto& one) { return one.code == "postgresql-disk-low"; }));
    EXPECT_FALSE(found.contains("postgresql-disk-low"));
  }
  // Programs that are older than the server cannot say what is in it.
  const fs::path old = scratch_.path() / "old-programs";
  fs::create_directories(old);
  write_file_durably(old / "pg_dump", as_bytes("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n"),
                     0755);
  model::Endpoint with_old = endpoint;
  with_old.options["bin_dir"] = old.native();
  found = findings_of(with_old);
  ASSERT_TRUE(found.contains("postgresql-programs-missing"));
  EXPECT_EQ(found["postgresql-programs-missing"].severity, model::Severity::blocker);
  EXPECT_FALSE(found.contains("postgresql-timeouts") &&
               found["postgresql-timeouts"].seen.find("statement") != std::string::npos);
}

// What a restore meets on its server, beyond what the copy asks for.
TEST_F(PostgresqlHold, PreflightNamesWhatARestoreMeets) {
  const model::Endpoint endpoint = server_.make_database("shop", "CREATE TABLE t (a int)");
  model::DatabaseFacts facts;
  describe_database(location_of(endpoint), facts, 1, {});
  const auto codes = [&] {
    std::string text;
    for (const auto& finding :
         engine::find_engine("postgresql")->check_load(facts, server_.endpoint("again"), {}))
      text += finding.code + ": " + finding.seen + "\n";
    return text;
  };
  EXPECT_EQ(codes(), "");
  server_.psql("postgres", "SELECT pg_create_physical_replication_slot('left', true)");
  EXPECT_EQ(codes(), "postgresql-target-wal: nobody reads from replication slot \"left\"\n");
  server_.psql("postgres", "SELECT pg_drop_replication_slot('left')");
  server_.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'gone'");
  server_.psql("postgres", "SELECT pg_reload_conf()");
  const bool said = [&] {
    for (int i = 0; i < 100 && codes().empty(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return codes().starts_with("postgresql-target-replicas: synchronous_standby_names is gone");
  }();
  server_.psql("postgres", "SET synchronous_commit = off; ALTER SYSTEM RESET ALL");
  server_.psql("postgres", "SELECT pg_reload_conf()");
  EXPECT_TRUE(said);
  // And what the copy asks for.
  Json extension = Json::object();
  extension.set("name", "no_such_extension").set("schema", "public").set("version", "1");
  Json extensions = Json::array();
  extensions.push(std::move(extension));
  facts.engine_facts.set("extensions", std::move(extensions));
  Json names = Json::array();
  names.push("nobody here");
  facts.engine_facts.set("roles", names);
  facts.engine_facts.set("tablespaces", names);
  facts.engine_facts.set("server_version_num", 990000);
  for (int i = 0; i < 100 && codes().find("replicas") != std::string::npos; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const std::string lacks = codes();
  for (const char* code : {"postgresql-target-extension", "postgresql-target-role",
                           "postgresql-target-tablespace", "postgresql-target-older"})
    EXPECT_NE(lacks.find(std::string(code) + ": "), std::string::npos) << code << "\n" << lacks;
}

// A database may have millions; the manifest must not grow with them.
TEST_F(PostgresqlHold, TellsLargeObjectsTogether) {
  const model::Endpoint endpoint = server_.make_database(
      "shop", "SELECT count(lo_create(n)) FROM generate_series(100000, 100999) n");
  model::DatabaseFacts facts;
  describe_database(location_of(endpoint), facts, 1, {});
  const auto large = std::count_if(facts.objects.begin(), facts.objects.end(), [](const auto& one) {
    return one.kind.starts_with("large object");
  });
  EXPECT_EQ(large, 1);
}

TEST_F(PostgresqlHold, WritesDownHowToMakeAnEqualDatabase) {
  server_.psql("postgres",
               server_.server().binaries().major >= 15
                   ? "CREATE DATABASE shop TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de'"
                     " ENCODING 'UTF8' LOCALE 'C' CONNECTION LIMIT 7"
                   : "CREATE DATABASE shop CONNECTION LIMIT 7");
  model::DatabaseFacts facts;
  describe_database(location_of(server_.endpoint("shop")), facts, 1, {});
  const std::string text = engine::postgresql::restore_paragraphs(facts);
  EXPECT_NE(text.find("CONNECTION LIMIT 7;"), std::string::npos) << text;
  EXPECT_TRUE(server_.server().binaries().major < 15 ||
              text.find(" --locale-provider=icu --icu-locale=de") != std::string::npos)
      << text;
}

// What a drill must notice: each of these changes what describe() says.
TEST_F(PostgresqlHold, EveryLossIsSeen) {
  const bool can_extend =
      server_.psql("postgres", "SELECT 1 FROM pg_available_extensions WHERE name = 'citext'") != "";
  const model::Endpoint endpoint = server_.make_database(
      "shop",
      tables_for(server_) + (can_extend ? "CREATE EXTENSION citext;" : "") +
          "CREATE INDEX by_name ON plain (name); CREATE ROLE reader;"
          "GRANT SELECT ON plain TO reader; GRANT UPDATE (name) ON plain TO reader;"
          "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
          "CREATE TRIGGER t BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION f();"
          "COMMENT ON TABLE plain IS 'x'; ALTER TABLE plain ADD CHECK (id > 0);"
          "CREATE POLICY p ON plain USING (true); CREATE TYPE mood AS ENUM ('a', 'b');"
          "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader;"
          "CREATE PUBLICATION some_rows FOR TABLE plain; CREATE STATISTICS s ON id, name FROM "
          "plain;CREATE FUNCTION seen_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
          "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w;"
          "CREATE USER MAPPING FOR postgres SERVER far OPTIONS (user 'u');"
          "CREATE EVENT TRIGGER watch ON sql_drop EXECUTE FUNCTION seen_ddl()");
  const auto described = [&] {
    model::DatabaseFacts facts;
    describe_database(location_of(endpoint), facts, 1, {});
    return content(facts);
  };
  std::string before = described();
  for (const char* loss : {"UPDATE plain SET name = name || '.' WHERE id = 1",
                           "DROP TABLE nothing",
                           "DROP INDEX by_name",
                           "REVOKE SELECT ON plain FROM reader",
                           "REVOKE UPDATE (name) ON plain FROM reader",
                           "SELECT setval('counter', 99)",
                           "SELECT setval('counter', 99, false)",
                           "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
                           "'BEGIN RETURN old; END'",
                           "COMMENT ON TABLE plain IS 'y'",
                           "ALTER TABLE plain DROP CONSTRAINT plain_id_check",
                           "DROP POLICY p ON plain",
                           "ALTER TYPE mood ADD VALUE 'c'",
                           "DROP VIEW seen",
                           "CREATE VIEW seen AS SELECT id FROM plain",
                           "ALTER TABLE plain ALTER name SET DEFAULT 'z'",
                           "ALTER TABLE plain ADD COLUMN more int",
                           "ALTER TABLE plain OWNER TO reader",
                           "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM reader",
                           "DROP PUBLICATION some_rows",
                           "DROP STATISTICS s",
                           "SELECT lo_put(4711, 0, 'y')",
                           "COMMENT ON LARGE OBJECT 4711 IS 'z'",
                           "GRANT SELECT ON LARGE OBJECT 4711 TO reader",
                           "SELECT lo_unlink(4712)",
                           "ALTER SEQUENCE counter INCREMENT 2",
                           "ALTER DATABASE shop SET work_mem = '5MB'",
                           "ALTER TABLE parts DETACH PARTITION parts_2",
                           "ALTER EVENT TRIGGER watch DISABLE",
                           "ALTER USER MAPPING FOR postgres SERVER far OPTIONS (ADD extra 'x')",
                           "DROP EXTENSION IF EXISTS citext"}) {
    if (!can_extend && std::string_view(loss).find("EXTENSION") != std::string_view::npos) continue;
    server_.psql("shop", loss);
    std::string after = described();
    EXPECT_NE(after, before) << loss;
    before = std::move(after);
  }
}

TEST_F(PostgresqlHold, NoticesThatItsSessionHasBeenEnded) {
  const model::Endpoint endpoint = server_.make_database("shop", tables_for(server_));
  auto hold = captured(endpoint);
  static_cast<void>(hold->parts(0));
  end_sessions();
  try {
    hold->release();
    ADD_FAILURE() << "the hold vouches for what it no longer holds";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_consistent) << error.what();
  }
  hold.reset();
  expect_no_sessions();
}

// And not "invalid snapshot identifier", which is no help, and no damage of the database's.
TEST_F(PostgresqlHold, WhoeverFindsNoSnapshotSaysThatTheSessionHasBeenEnded) {
  const model::Endpoint endpoint = server_.make_database("shop", tables_for(server_));
  auto hold = captured(endpoint);
  static_cast<void>(hold->parts(0));
  end_sessions();
  expect_no_sessions();  // ended is not gone yet, and lends its snapshot until then
  const auto failure = [&](const std::string& path) {
    try {
      static_cast<void>(text_of(*hold, path));
      ADD_FAILURE() << path << " is of no moment";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unavailable) << error.what();
      return std::string(error.what());
    }
    return std::string();
  };
  const auto is_said = [](const std::string& text) {
    return text.find("(while holding the moment)") != std::string::npos;
  };
  for (const char* path : {"schema-pre-data.sql", "schema-post-data.sql"})
    EXPECT_PRED1(is_said, failure(path)) << path;
  // Workers that were there have been ended too; the next one asks for the snapshot.
  std::string text;
  for (int i = 0; i < 5 && !is_said(text); ++i) text = failure("database.sql");
  EXPECT_PRED1(is_said, text);
  hold.reset();
  expect_no_sessions();
}

// Between clients and the server, one after the other. As a pooler's, the key that it hands out is
// its own.
class Proxy {
 public:
  Proxy(const fs::path& directory, const fs::path& server, bool has_key = true)
      : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        server_(server),
        has_key_(has_key) {
    const struct sockaddr_un address = address_of(directory / ".s.PGSQL.5432");
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }

 private:
  static struct sockaddr_un address_of(const fs::path& path) {
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
  }
  void serve(const std::stop_token& stop) const {
    while (!stop.stop_requested()) {
      struct pollfd waiting {
        listener_.get(), POLLIN, 0
      };
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const Fd client(::accept(listener_.get(), nullptr, nullptr));
      const Fd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const struct sockaddr_un address = address_of(server_ / ".s.PGSQL.5432");
      if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        pass(client, server, stop);
    }
  }
  void pass(const Fd& client, const Fd& server, const std::stop_token& stop) const {
    bool changed = !has_key_;
    std::string answer;
    std::array<char, 65536> buffer{};
    while (!stop.stop_requested()) {
      std::array<struct pollfd, 2> both{{{client.get(), POLLIN, 0}, {server.get(), POLLIN, 0}}};
      if (::poll(both.data(), both.size(), 20) < 0) return;
      for (const int from : {0, 1}) {
        if (both.at(static_cast<std::size_t>(from)).revents == 0) continue;
        const ssize_t count =
            ::read(both.at(static_cast<std::size_t>(from)).fd, buffer.data(), buffer.size());
        if (count <= 0) return;
        std::string text(buffer.data(), static_cast<std::size_t>(count));
        // BackendKeyData: 'K', length 12, pid, secret.
        const std::size_t at = text.find(std::string("K\0\0\0\x0c", 5));
        if (from == 1 && !changed && at != std::string::npos && at + 13 <= text.size()) {
          text[at + 8] = static_cast<char>(text[at + 8] ^ 1);
          changed = true;
        }
        write_all(both.at(static_cast<std::size_t>(1 - from)).fd, as_bytes(text), "the proxy");
      }
    }
  }

  Fd listener_;
  fs::path server_;
  bool has_key_;
  std::jthread thread_;
};

TEST_F(PostgresqlHold, RefusesProxiesThatHandConnectionsOutByTurns) {
  server_.make_database("shop", "CREATE TABLE t (a int)");
  const TemporaryDirectory directory("hf-proxy", "/tmp");
  const Proxy proxy(directory.path(), server_.server().socket_directory());
  model::Endpoint endpoint = server_.endpoint("shop");
  endpoint.uri = "postgresql:///shop?host=" + directory.path().native() + "&port=5432";
  EXPECT_EQ(code_of([&] {
              static_cast<void>(make_hold({&endpoint, 1}, options()));
            }),
            Errc::unsupported);
  const engine::Probe probe = engine::find_engine("postgresql")->probe(endpoint);
  ASSERT_EQ(probe.findings.size(), 1U);
  EXPECT_EQ(probe.findings[0].code, "postgresql-unsupported");
  EXPECT_NE(probe.findings[0].mend.find("name the server itself"), std::string::npos);
}

// The proxy serves the first session alone: whoever asks it to cancel is never answered.
TEST_F(PostgresqlHold, WaitsNotForEverForACancellation) {
  server_.make_database("shop", "CREATE TABLE t (a int)");
  const TemporaryDirectory directory("hf-proxy", "/tmp");
  const Proxy proxy(directory.path(), server_.server().socket_directory(), false);
  model::Endpoint endpoint = server_.endpoint("shop");
  endpoint.uri = "postgresql:///shop?host=" + directory.path().native() + "&port=5432";
  std::stop_source stop;
  Connection connection(location_of(endpoint), stop.get_token());
  const std::jthread stopper([&] {
    for (int i = 0; i < 1000 && server_.psql("postgres",
                                             "SELECT count(*) FROM pg_stat_activity WHERE query ~"
                                             " '^SELECT pg_catalog.pg_sleep.600'") == "0\n";
         ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    stop.request_stop();
  });
  EXPECT_EQ(code_of([&] { connection.run("SELECT pg_catalog.pg_sleep(600)"); }), Errc::cancelled);
  EXPECT_FALSE(connection.alive()) << "what is cancelled late would be another statement";
  server_.psql("postgres",
               "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~"
               " '^SELECT pg_catalog.pg_sleep.600'");
}

TEST_F(PostgresqlHold, SaysWhyASessionEndedWhileItTookRows) {
  const model::Endpoint endpoint = server_.make_database("shop", "CREATE TABLE t (a text)");
  Connection connection(location_of(endpoint));
  try {
    Connection::CopyIn copy(connection, "COPY public.t FROM STDIN");
    const std::string row = std::string(100000, 'x') + "\n";
    copy.write(as_bytes(row));
    server_.psql("postgres",
                 fmt::format("SELECT pg_terminate_backend({})", connection.backend_pid()));
    for (int i = 0; i < 10000; ++i) copy.write(as_bytes(row));
    ADD_FAILURE() << "the session lives";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unavailable);
    EXPECT_NE(std::string_view(error.what()).find("57P01"), std::string_view::npos) << error.what();
  }
}

// A drill whose server is short of something says nothing of the copy.
TEST_F(PostgresqlHold, BlamesTheServerForWhatItLacks) {
  Connection connection(location_of(server_.make_database("shop", "CREATE TABLE t (a int)")));
  const auto refused = [&](std::string_view state) {
    engine::postgresql::SchemaStatement statement;
    statement.text = fmt::format("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}'; END $$", state);
    return code_of([&] { static_cast<void>(run_statement(connection, statement)); });
  };
  for (const char* state : {"53200", "53300", "40001", "55006", "55P03", "57014", "08006"})
    EXPECT_EQ(refused(state), Errc::unavailable) << state;
  EXPECT_EQ(refused("53100"), Errc::no_space);
  EXPECT_EQ(refused("58030"), Errc::io);
  EXPECT_EQ(refused("58P01"), Errc::unsupported);
  EXPECT_EQ(refused("42P07"), Errc::not_consistent);
}

// Tables come and go while locks are taken.
TEST_F(PostgresqlHold, BearsTablesThatGoWhileItBegins) {
  const model::Endpoint endpoint = server_.make_database("shop", tables_for(server_));
  std::jthread busy([&](const std::stop_token& stop) {
    while (!stop.stop_requested())
      server_.psql("shop",
                   "SELECT format('DROP TABLE IF EXISTS busy_%1$s; CREATE TABLE busy_%1$s (a int)',"
                   " i) FROM generate_series(1, 20) i\n\\gexec\n");
  });
  int held = 0;
  for (int i = 0; i < 10; ++i) {
    try {
      captured(endpoint)->release();
      ++held;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("faster than they can be held"), std::string::npos)
          << error.what();
    }
  }
  EXPECT_GT(held, 0);
}

// A sink that asks for the end as soon as it gets something.
class StoppingSink final : public model::PartSink {
 public:
  [[nodiscard]] std::unique_ptr<Segment> segment(std::uint32_t /*number*/) override {
    return std::make_unique<Stopping>(stop);
  }
  std::stop_source stop;

 private:
  class Stopping final : public Segment {
   public:
    explicit Stopping(std::stop_source stop) : stop_(std::move(stop)) {}
    void write(ByteView /*bytes*/) override { stop_.request_stop(); }
    void finish() override { ADD_FAILURE() << "the copy went on to its end"; }

   private:
    std::stop_source stop_;
  };
};

TEST_F(PostgresqlHold, StopsSoonAfterARequest) {
  const model::Endpoint endpoint = server_.make_database(
      "slow", "CREATE TABLE t AS SELECT i, repeat('x', 1000) FROM generate_series(1, 30000) i");
  const auto hold = captured(endpoint);
  model::Part part;
  part.path = "tables/public/t/00000.copy";
  StoppingSink sink;
  EXPECT_EQ(code_of([&] { hold->copy(0, part, sink, sink.stop.get_token()); }), Errc::cancelled);
  EXPECT_EQ(server_.psql("postgres",
                         "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                         " AND query LIKE 'COPY %'"),
            "0\n");
}

}  // namespace
}  // namespace holdfast::test
