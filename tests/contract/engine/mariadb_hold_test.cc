// SPDX-License-Identifier: Apache-2.0
// What a hold of MariaDB does with what has no snapshot: definitions, tables without transactions,
// sequences; and without the right to lock the server.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/stream.h"
#include "contract/engine/fence.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/client.h"
#include "engine/mariadb/table_stream.h"
#include "engine/registry.h"
#include "harness/mariadb_server.h"
#include "harness/memory_parts.h"

namespace holdfast::test {
namespace {

using engine::mariadb::Connection;

// One that nobody listens at.
unsigned free_port() {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size_bytes = sizeof address;
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size_bytes), 0);
  EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size_bytes), 0);
  return ntohs(address.sin_port);
}

// Those of this process that are connected to a port of this machine.
std::vector<int> sockets_to(unsigned port) {
  std::vector<int> found;
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in address{};
    socklen_t size_bytes = sizeof address;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size_bytes) == 0 &&
        address.sin_family == AF_INET && ntohs(address.sin_port) == port)
      found.push_back(fd);
  }
  return found;
}

class MariadbHold : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<MariadbServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    server_->run("CREATE OR REPLACE DATABASE held");
    server_->run("CREATE TABLE held.t (id INT PRIMARY KEY, v INT)");
    server_->run("INSERT INTO held.t VALUES (1, 1), (2, 2)");
  }

  static const engine::Engine& engine() { return *engine::find_engine("mariadb"); }
  std::unique_ptr<engine::Hold> hold(unsigned parallel = 2,
                                     const model::Endpoint* other = nullptr) {
    const model::Endpoint endpoint = other != nullptr ? *other : server_->endpoint("held");
    engine::HoldOptions options;
    options.scratch_directory = scratch_.path();
    options.parallel = parallel;
    options.writer_stall_max = stall_;
    options.fence_max = fence_;
    return engine().hold({&endpoint, 1}, options);
  }
  static std::string copy(engine::Hold& held, const std::string& path) {
    for (const model::Part& part : held.parts(0)) {
      if (part.path != path) continue;
      MemoryPartSink sink;
      held.copy(0, part, sink, {});
      return std::string(as_text(sink.content()));
    }
    ADD_FAILURE() << "no part " << path;
    return "";
  }
  template <typename Body>
  static Errc code_of(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return Errc::bug;
  }
  // Whether a statement goes through without waiting.
  static bool runs_now(const std::string& sql) {
    Connection connection = server_->connect();
    connection.run("SET lock_wait_timeout=0");
    return !connection.try_run(sql);
  }

  static std::unique_ptr<MariadbServer> server_;
  TemporaryDirectory scratch_{"holdfast-contract"};
  std::chrono::milliseconds stall_{10'000}, fence_{10'000};
};

std::unique_ptr<MariadbServer> MariadbHold::server_;

TEST_F(MariadbHold, RefusesWhatWasTruncatedOrAlteredOrDroppedAfterItsMoment) {
  for (const char* change :
       {"TRUNCATE held.t", "ALTER TABLE held.t ADD w INT", "DROP TABLE held.t"}) {
    SetUp();
    const auto held = hold();
    held->capture();
    static_cast<void>(held->parts(0));
    server_->run(change);
    EXPECT_EQ(code_of([&] { copy(*held, "tables/t/00000.tsv"); }), Errc::not_consistent) << change;
  }
}

TEST_F(MariadbHold, RefusesDefinitionsThatChangedAroundItsMoment) {
  for (const char* change :
       {"ALTER TABLE held.t ADD w INT", "CREATE VIEW held.v AS SELECT 1", "DROP TABLE held.t"}) {
    SetUp();
    const auto held = hold();
    server_->run(change);
    EXPECT_EQ(code_of([&] { held->capture(); }), Errc::not_consistent) << change;
    const auto fenced = hold();
    server_->run(std::string(change) == "CREATE VIEW held.v AS SELECT 1"
                     ? "DROP VIEW held.v"
                     : "CREATE TABLE held.n (i INT)");
    ASSERT_TRUE(fence(*fenced));
    fenced->capture();
    fenced->unfence();
    EXPECT_EQ(code_of([&] { static_cast<void>(fenced->parts(0)); }), Errc::not_consistent);
  }
}

TEST_F(MariadbHold, RefusesATableThatTookTheNameOfAnother) {
  // As tools do that alter tables while they are in use: the other was there at the moment, with
  // the same definition, and with half of the rows.
  server_->run("CREATE TABLE held.t_new LIKE held.t");
  server_->run("INSERT INTO held.t_new SELECT * FROM held.t WHERE id = 1");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // times are told in seconds
  const auto held = hold();
  held->capture();
  static_cast<void>(held->parts(0));
  server_->run("RENAME TABLE held.t TO held.t_old, held.t_new TO held.t");
  EXPECT_EQ(code_of([&] { copy(*held, "tables/t/00000.tsv"); }), Errc::not_consistent);
}

TEST_F(MariadbHold, RefusesAPartitionThatWasExchanged) {
  server_->run(
      "CREATE TABLE held.p (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION `a b` VALUES "
      "LESS THAN (10), PARTITION c VALUES LESS THAN (20))");
  server_->run("INSERT INTO held.p VALUES (1), (2), (11)");
  server_->run("CREATE TABLE held.other (id INT PRIMARY KEY)");
  server_->run("INSERT INTO held.other VALUES (5)");
  const auto held = hold();
  held->capture();
  static_cast<void>(held->parts(0));
  server_->run("ALTER TABLE held.p EXCHANGE PARTITION `a b` WITH TABLE held.other");
  EXPECT_EQ(code_of([&] { copy(*held, "tables/p/00000.tsv"); }), Errc::not_consistent);
  const auto again = hold();
  again->capture();
  EXPECT_EQ(copy(*again, "tables/p/00000.tsv"), "5\n11\n");
}

TEST_F(MariadbHold, WritesASchemasNameAsTheServerDoes) {
  TemporaryDirectory home("holdfast-contract");
  engine::Probe wanted;
  wanted.facts.set("lower_case_table_names", 1);
  const auto scratch = engine().scratch(wanted, home.path());
  model::Endpoint endpoint = scratch->endpoint();
  endpoint.uri.replace(endpoint.uri.find("/scratch?"), 9, "/Shop?");
  Connection connection(engine::mariadb::location_of(endpoint), nullptr, false);
  for (const char* sql : {"CREATE DATABASE Shop", "CREATE DATABASE second",
                          "CREATE TABLE Shop.T (id INT)", "CREATE TABLE second.t (id INT)",
                          "CREATE VIEW Shop.v AS SELECT a.id FROM Shop.T a JOIN second.t b",
                          "CREATE USER ann@localhost", "GRANT SELECT ON Shop.* TO ann@localhost"})
    connection.run(sql);
  const auto held = hold(2, &endpoint);
  held->capture();
  EXPECT_NE(copy(*held, "grants.sql").find("GRANT SELECT ON `shop`.* TO `ann`@`localhost`"),
            std::string::npos);
  const engine::mariadb::SchemaDef schema = engine::mariadb::read_schema(connection, "Shop");
  EXPECT_EQ(schema.name, "shop");
  connection.run("CREATE DATABASE third");
  connection.run("CREATE TABLE third.t (id INT)");
  connection.run("CREATE VIEW third.v AS SELECT a.id FROM third.t a JOIN second.t b");
  const engine::mariadb::SchemaDef other = engine::mariadb::read_schema(connection, "third");
  const auto view_of = [](const engine::mariadb::SchemaDef& one) {
    for (const model::ObjectFacts& object : engine::mariadb::objects_of(one)) {
      if (object.kind == "view") return object.definition_sha256;
    }
    return std::string();
  };
  EXPECT_EQ(view_of(schema), view_of(other));
  model::Endpoint limited = endpoint;
  limited.user = "saver";
  connection.run("CREATE USER saver@localhost");
  connection.run(
      "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON shop.* TO saver@localhost");
  for (const model::Finding& finding : engine().probe(limited).findings)
    EXPECT_EQ(finding.seen.find(" on "), std::string::npos) << finding.seen;
}

TEST_F(MariadbHold, TellsWhatCannotBeCopiedOrWillSleep) {
  server_->run("CREATE TABLE held.computed (a INT AS (1) VIRTUAL)");
  server_->run("CREATE EVENT held.e ON SCHEDULE EVERY 1 DAY DISABLE ON SLAVE DO SET @a = 1");
  std::vector<std::string> codes;
  for (const model::Finding& finding : engine().probe(server_->endpoint("held")).findings)
    codes.push_back(finding.code);
  EXPECT_NE(std::find(codes.begin(), codes.end(), "mariadb-no-columns"), codes.end());
  EXPECT_NE(std::find(codes.begin(), codes.end(), "mariadb-events-of-replica"), codes.end());
}

TEST_F(MariadbHold, LocksWhatOnlyClaimsToHaveTransactions) {
  using engine::mariadb::Storage;
  using engine::mariadb::storage_of;
  EXPECT_EQ(storage_of("InnoDB"), Storage::with_snapshots);
  for (const char* engine : {"ndbcluster", "Columnstore", "MyISAM", "Aria", ""})
    EXPECT_EQ(storage_of(engine), Storage::without_snapshots) << engine;
  EXPECT_EQ(storage_of("MRG_MyISAM"), Storage::elsewhere);
}

TEST_F(MariadbHold, ReadsAllRowsOfNowWhateverTheServerShowsToOthers) {
  server_->run("CREATE TABLE held.history (id INT PRIMARY KEY) WITH SYSTEM VERSIONING");
  server_->run("INSERT INTO held.history VALUES (1), (2)");
  server_->run("SET GLOBAL sql_select_limit=1");
  server_->run("SET GLOBAL system_versioning_asof='2020-01-01 00:00:00'");
  const auto held = hold();
  held->capture();
  EXPECT_EQ(copy(*held, "tables/t/00000.tsv"), "1\t1\n2\t2\n");
  EXPECT_EQ(copy(*held, "tables/history/00000.tsv"), "1\n2\n");
  held->release();
  server_->run("SET GLOBAL sql_select_limit=DEFAULT");
  server_->run("SET GLOBAL system_versioning_asof=DEFAULT");
}

TEST_F(MariadbHold, ReadsEachSchemaAsItsOwnAccount) {
  server_->run("CREATE OR REPLACE DATABASE other");
  server_->run("CREATE TABLE other.mine (id INT PRIMARY KEY)");
  server_->run("INSERT INTO other.mine VALUES (7)");
  std::vector<model::Endpoint> endpoints;
  for (const std::string schema : {"held", "other"}) {
    const std::string user = "of_" + schema;
    server_->run(fmt::format("CREATE OR REPLACE USER {}@localhost", user));
    server_->run(fmt::format("GRANT ALL ON {}.* TO {}@localhost", schema, user));
    server_->run(fmt::format("GRANT RELOAD ON *.* TO {}@localhost", user));
    endpoints.push_back(server_->endpoint(schema));
    endpoints.back().user = user;
  }
  engine::HoldOptions options;
  options.scratch_directory = scratch_.path();
  options.parallel = 2;
  options.fence_max = fence_;
  const auto held = engine().hold(endpoints, options);
  held->capture();
  server_->run("INSERT INTO other.mine VALUES (8)");
  EXPECT_EQ(copy(*held, "tables/t/00000.tsv"), "1\t1\n2\t2\n");
  MemoryPartSink sink;
  for (const model::Part& part : held->parts(1)) {
    if (part.path == "tables/mine/00000.tsv") held->copy(1, part, sink, {});
  }
  EXPECT_EQ(as_text(sink.content()), "7\n");
  held->release();
  server_->run("DROP DATABASE other");
}

TEST_F(MariadbHold, NoticesThatALockOnTablesWasLost) {
  server_->run("CREATE TABLE held.old (id INT PRIMARY KEY) ENGINE=MyISAM");
  server_->run("INSERT INTO held.old VALUES (7)");
  const std::string before = server_->value("SELECT CONNECTION_ID()");
  const auto held = hold();
  held->capture();
  // The first session reads definitions, the second has the lock.
  const std::vector<std::string> sessions = server_->rows(
      "SELECT ID FROM information_schema.PROCESSLIST WHERE ID > " + before + " ORDER BY ID");
  ASSERT_GT(sessions.size(), 2U);
  EXPECT_FALSE(runs_now("INSERT INTO held.old VALUES (8)"));
  server_->run("KILL " + sessions[1]);
  server_->run("INSERT INTO held.old VALUES (8)");
  static_cast<void>(copy(*held, "tables/old/00000.tsv"));
  EXPECT_EQ(code_of([&] { held->release(); }), Errc::not_consistent);
}

TEST_F(MariadbHold, TellsInTheServersWordsThatASessionOfItsMomentIsGone) {
  const std::string before = server_->value("SELECT CONNECTION_ID()");
  const auto held = hold();
  held->capture();
  Connection other = server_->connect();
  for (const auto& session : other.query(
           "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND ID > " +
           before))
    static_cast<void>(other.try_run("KILL " + session[0].value_or("0")));
  try {
    held->release();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_consistent);
    const std::string_view words = " is gone: ";
    const std::size_t at = error.message().find(words);
    ASSERT_NE(at, std::string::npos) << error.what();
    const std::string number = error.message().substr(at + words.size(), 4);
    EXPECT_TRUE(number == "1927" || number == "2006" || number == "2013") << error.what();
    EXPECT_FALSE(error.hint().empty());
  }
}

// The server is told to wait, and what is between us and it must not forget a session that is idle.
TEST_F(MariadbHold, KeepsItsSessionsAliveAcrossTheNetwork) {
  const unsigned port = free_port();
  const MariadbServer server(
      {"--skip-networking=0", "--bind-address=127.0.0.1", fmt::format("--port={}", port)});
  server.run("CREATE OR REPLACE USER far@'127.0.0.1'");
  server.run("GRANT ALL ON *.* TO far@'127.0.0.1'");
  server.run("CREATE DATABASE held");
  server.run("CREATE TABLE held.t (id INT PRIMARY KEY)");
  engine::mariadb::Location location;
  location.host = "127.0.0.1";
  location.port = port;
  location.user = "far";
  location.tls = engine::mariadb::Tls::off;
  Connection connection(location, nullptr, false);
  EXPECT_EQ(connection.value("SELECT @@wait_timeout"), "2147483");
  const std::vector<int> sockets = sockets_to(port);
  ASSERT_EQ(sockets.size(), 1U);
  const auto option = [&](int name) {
    int value = -1;
    socklen_t size_bytes = sizeof value;
    EXPECT_EQ(::getsockopt(sockets[0], IPPROTO_TCP, name, &value, &size_bytes), 0);
    return value;
  };
  EXPECT_EQ(option(TCP_KEEPIDLE), 60);
  EXPECT_EQ(option(TCP_KEEPINTVL), 10);
  EXPECT_EQ(option(TCP_KEEPCNT), 6);
  EXPECT_EQ(option(TCP_USER_TIMEOUT), 120'000);

  // A server that waits for a lock takes no rows, for however long.
  class Rows final : public ByteSource {
   public:
    explicit Rows(std::function<void()> look) : look_(std::move(look)) {}
    [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
      look_();
      return rows_.read(into);
    }

   private:
    std::function<void()> look_;
    BytesSource rows_{as_bytes("1\n2\n")};
  };
  int meanwhile = -1;
  Rows rows([&] { meanwhile = option(TCP_USER_TIMEOUT); });
  Connection::Loaded loaded;
  EXPECT_FALSE(connection.load_local("LOAD DATA LOCAL INFILE 'x' INTO TABLE held.t", rows, loaded));
  EXPECT_EQ(loaded.rows, 2U);
  EXPECT_EQ(meanwhile, 0);
  EXPECT_EQ(option(TCP_USER_TIMEOUT), 120'000);
}

TEST_F(MariadbHold, RangesOfEveryKindOfKeyHoldEachRowOnce) {
  using engine::mariadb::KeyRange;
  Connection connection = server_->connect();
  const std::pair<std::string, std::string> keys[] = {
      {"VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
       "CONCAT(ELT(seq % 5 + 1, 'a', 'B', 'ž', 'Ä', '中'), seq)"},
      {"VARCHAR(40) CHARACTER SET latin1", "CONCAT('x', seq % 7, '\\'', seq)"},
      {"VARCHAR(40) CHARACTER SET utf16", "CONCAT('😀', seq)"},
      {"VARBINARY(20)", "CONCAT(CHAR(seq % 256), seq)"},
      {"UUID", "UUID()"},
      {"INET6", "CONCAT('fe80::', HEX(seq))"},
      {"DATETIME(6)", "TIMESTAMP '2026-01-01 00:00:00' + INTERVAL seq MICROSECOND"},
      {"TIMESTAMP", "TIMESTAMP '2026-01-01 00:00:00' + INTERVAL seq MINUTE"},
      {"DATE", "DATE '1000-01-01' + INTERVAL seq DAY"},
      {"DECIMAL(20,3)", "(CAST(seq AS SIGNED) - 1500) / 7"},
      {"BIGINT", "CAST(seq AS SIGNED) * 1000 - 1500000"},
      {"INT UNSIGNED", "seq * 1000000"}};
  for (const auto& [type, value] : keys) {
    server_->run("CREATE OR REPLACE TABLE held.k (a " + type +
                 ", b INT, pad VARBINARY(200), PRIMARY KEY (a, b))");
    server_->run("INSERT INTO held.k SELECT " + value +
                 ", seq, REPEAT('x', 200) FROM mysql.seq_1_to_3000");
    server_->run("ANALYZE TABLE held.k");
    const engine::mariadb::SchemaDef schema = engine::mariadb::read_schema(connection, "held");
    const engine::mariadb::TableDef& table = *schema.table("k");
    const auto ranges = engine::mariadb::split_ranges(connection, "held", table, 60'000);
    EXPECT_GE(ranges.size(), 4U) << type;
    model::TableDigest sum;
    for (const KeyRange& range : ranges)
      sum.add(
          engine::mariadb::read_table(connection, "held", table, range, nullptr, nullptr).digest);
    const auto whole = engine::mariadb::read_table(connection, "held", table, {}, nullptr, nullptr);
    EXPECT_EQ(sum.rows(), 3000U) << type;
    EXPECT_EQ(sum.hex(), whole.digest.hex()) << type;
  }
}

TEST_F(MariadbHold, OrdersNothingByAKeyOfPrefixes) {
  server_->run("CREATE TABLE held.p (t TEXT, PRIMARY KEY (t(2)))");
  server_->run("INSERT INTO held.p VALUES ('bb2'), ('aa1')");
  const auto held = hold();
  held->capture();
  EXPECT_EQ(copy(*held, "tables/p/00000.tsv"), "aa1\nbb2\n");
}

TEST_F(MariadbHold, CopiesOnlyDefinitionsOfTablesWhoseRowsAreElsewhere) {
  server_->run("CREATE TABLE held.m1 (id INT) ENGINE=MyISAM");
  server_->run("INSERT INTO held.m1 VALUES (1)");
  server_->run("CREATE TABLE held.all_of_them (id INT) ENGINE=MERGE UNION=(held.m1)");
  const auto held = hold();
  held->capture();
  for (const model::Part& part : held->parts(0))
    EXPECT_EQ(part.path.find("all_of_them"), std::string::npos) << part.path;
  EXPECT_NE(copy(*held, "schema.sql").find("`all_of_them`"), std::string::npos);
  EXPECT_EQ(copy(*held, "tables/m1/00000.tsv"), "1\n");
}

TEST_F(MariadbHold, LetsDefinitionsChangeOnceATableIsCopied) {
  const auto held = hold();
  held->capture();
  EXPECT_EQ(copy(*held, "tables/t/00000.tsv"), "1\t1\n2\t2\n");
  EXPECT_TRUE(runs_now("ALTER TABLE held.t ADD w INT"));
  model::DatabaseFacts facts;
  held->describe(0, facts);
  EXPECT_NO_THROW(held->release());
}

TEST_F(MariadbHold, KeepsTablesWithoutTransactionsStillUntilTheyAreCopied) {
  server_->run("CREATE TABLE held.old (id INT PRIMARY KEY) ENGINE=MyISAM");
  server_->run("INSERT INTO held.old VALUES (7)");
  const auto held = hold();
  held->capture();
  held->unfence();
  EXPECT_FALSE(held->lets_writers_work());
  EXPECT_FALSE(runs_now("INSERT INTO held.old VALUES (8)"));
  EXPECT_TRUE(runs_now("INSERT INTO held.t VALUES (8, 8)"));
  EXPECT_EQ(held->parts(0).front().path, "tables/old/00000.tsv");
  EXPECT_EQ(copy(*held, "tables/old/00000.tsv"), "7\n");
  server_->run("INSERT INTO held.old VALUES (8)");
  EXPECT_EQ(copy(*held, "tables/t/00000.tsv"), "1\t1\n2\t2\n");
  held->release();
}

TEST_F(MariadbHold, LetsWritersGoWhenTablesWithoutTransactionsTakeTooLong) {
  server_->run("CREATE TABLE held.old (id INT PRIMARY KEY) ENGINE=MyISAM");
  stall_ = std::chrono::milliseconds(50);
  const auto held = hold();
  held->capture();
  server_->run("INSERT INTO held.old VALUES (8)");
  EXPECT_EQ(code_of([&] { copy(*held, "tables/old/00000.tsv"); }), Errc::not_consistent);
}

TEST_F(MariadbHold, RefusesTablesWithoutTransactionsIfToldSo) {
  server_->run("CREATE TABLE held.old (id INT PRIMARY KEY) ENGINE=MyISAM");
  model::Endpoint endpoint = server_->endpoint("held");
  endpoint.options["nontransactional"] = "refuse";
  EXPECT_EQ(code_of([&] { static_cast<void>(hold(2, &endpoint)); }), Errc::not_consistent);
}

TEST_F(MariadbHold, CopiesThroughOneSessionWithoutTheRightToLock) {
  server_->run("CREATE OR REPLACE USER modest@localhost");
  server_->run("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON held.* TO modest@localhost");
  model::Endpoint endpoint = server_->endpoint("held");
  endpoint.user = "modest";
  EXPECT_FALSE(engine().probe(endpoint).abilities.fence);
  EXPECT_EQ(
      code_of([&] {
        static_cast<void>(
            hold(4, &endpoint)->fence(std::chrono::steady_clock::now() + std::chrono::minutes(1)));
      }),
      Errc::unsupported);
  const auto held = hold(4, &endpoint);
  held->capture();
  server_->run("INSERT INTO held.t VALUES (3, 3)");
  EXPECT_EQ(copy(*held, "tables/t/00000.tsv"), "1\t1\n2\t2\n");
  held->release();
}

TEST_F(MariadbHold, IsLetGoOfByTheServerIfWeAreNotHeardOf) {
  fence_ = std::chrono::seconds(2);  // the server waits for 6 s
  const auto held = hold();
  ASSERT_TRUE(fence(*held));
  EXPECT_FALSE(runs_now("INSERT INTO held.t VALUES (3, 3)"));
  const auto begun = std::chrono::steady_clock::now();
  while (!runs_now("INSERT INTO held.t VALUES (3, 3)")) {
    ASSERT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  held->capture();
  try {
    held->unfence();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_consistent) << error.what();
    EXPECT_NE(error.hint().find("limits.fence_ms"), std::string::npos) << error.what();
  }
}

TEST_F(MariadbHold, AnswersNoQueryThatWritesInAComment) {
  for (const char* sql : {"SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */",
                          "SELECT 1 /*M!100000 INTO OUTFILE '/tmp/x' */"})
    EXPECT_EQ(
        code_of([&] { static_cast<void>(engine().query_one(server_->endpoint("held"), sql)); }),
        Errc::usage);
  EXPECT_EQ(engine().query_one(server_->endpoint("held"), "SELECT /* two */ count(*) FROM t"), "2");
}

TEST_F(MariadbHold, AllItsSessionsSeeOneMoment) {
  for (int i = 0; i < 8; ++i) {
    server_->run(fmt::format("CREATE TABLE held.s{} (n INT) SELECT 0 AS n", i));
  }
  std::jthread writer([](const std::stop_token& stop) {
    Connection connection = server_->connect();
    for (int n = 1; !stop.stop_requested(); ++n) {
      connection.run("START TRANSACTION");
      for (int i = 0; i < 8; ++i) connection.run(fmt::format("UPDATE held.s{} SET n = {}", i, n));
      connection.run("COMMIT");
    }
  });
  for (int round = 0; round < 10; ++round) {
    const auto held = hold(8);
    held->capture();
    std::vector<std::string> seen(8);
    {
      std::vector<std::jthread> readers;
      for (int i = 0; i < 8; ++i) {
        readers.emplace_back([&, i] {
          seen[static_cast<std::size_t>(i)] = copy(*held, fmt::format("tables/s{}/00000.tsv", i));
        });
      }
    }
    for (const std::string& one : seen) EXPECT_EQ(one, seen[0]);
    held->release();
  }
}

// Of several servers. Without them commits alone are stopped, which an open transaction does not
// keep from being had.
TEST_F(MariadbHold, FencesOtherServersOnlyWhileNothingIsHalfDone) {
  const model::Endpoint endpoint = server_->endpoint("held");
  engine::HoldOptions options;
  options.scratch_directory = scratch_.path();
  options.with_other_servers = true;
  options.fence_max = fence_;
  const auto held = engine().hold({&endpoint, 1}, options);
  Connection writer = server_->connect();
  writer.run("START TRANSACTION");
  writer.run("UPDATE held.t SET v = 5 WHERE id = 1");
  EXPECT_FALSE(held->fence(std::chrono::steady_clock::now() + std::chrono::seconds(1)));
  EXPECT_TRUE(runs_now("UPDATE held.t SET v = 6 WHERE id = 2")) << "it waits in the way of others";
  writer.run("COMMIT");
  // In one try: after some it would stop commits alone.
  ASSERT_TRUE(held->fence(std::chrono::steady_clock::now() + std::chrono::minutes(1)));
  EXPECT_FALSE(runs_now("UPDATE held.t SET v = 7 WHERE id = 2"));
  held->capture();
  held->unfence();
  EXPECT_TRUE(runs_now("UPDATE held.t SET v = 7 WHERE id = 2"));
  EXPECT_EQ(copy(*held, "tables/t/00000.tsv"), "1\t5\n2\t6\n");
  model::DatabaseFacts facts;
  held->describe(0, facts, {});
  EXPECT_EQ(facts.engine_facts.at("fence").as_string(), "tables");
}

// Nobody writes to both at once, but a transaction is always open.
TEST_F(MariadbHold, StopsCommitsWhereTransactionsNeverEnd) {
  const model::Endpoint endpoint = server_->endpoint("held");
  engine::HoldOptions options;
  options.scratch_directory = scratch_.path();
  options.with_other_servers = true;
  options.fence_max = fence_;
  const auto held = engine().hold({&endpoint, 1}, options);
  Connection writer = server_->connect();
  writer.run("START TRANSACTION");
  writer.run("UPDATE held.t SET v = 5 WHERE id = 1");
  ASSERT_TRUE(fence(*held));
  held->capture();
  held->unfence();
  EXPECT_EQ(copy(*held, "tables/t/00000.tsv"), "1\t1\n2\t2\n");
}

// Other engines' tables are locked whoever has written to them.
TEST_F(MariadbHold, StopsCommitsWhereATableIsNotOfInnoDb) {
  server_->run("CREATE TABLE held.old (id INT PRIMARY KEY) ENGINE=MyISAM");
  const model::Endpoint endpoint = server_->endpoint("held");
  engine::HoldOptions options;
  options.scratch_directory = scratch_.path();
  options.with_other_servers = true;
  options.fence_max = fence_;
  options.writer_stall_max = stall_;
  const auto held = engine().hold({&endpoint, 1}, options);
  ASSERT_TRUE(held->fence(std::chrono::steady_clock::now() + std::chrono::minutes(1)));
  held->capture();
  held->unfence();
  static_cast<void>(copy(*held, "tables/old/00000.tsv"));
  model::DatabaseFacts facts;
  held->describe(0, facts, {});
  EXPECT_EQ(facts.engine_facts.at("fence").as_string(), "commits");
}

// Nor do they fail who may not lock tables.
TEST_F(MariadbHold, StopsCommitsForWhoMayNotLockTables) {
  server_->run("CREATE OR REPLACE USER saver@localhost");
  server_->run("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON held.* TO saver@localhost");
  server_->run("GRANT RELOAD ON *.* TO saver@localhost");
  model::Endpoint endpoint = server_->endpoint("held");
  endpoint.user = "saver";
  engine::HoldOptions options;
  options.scratch_directory = scratch_.path();
  options.with_other_servers = true;
  options.fence_max = fence_;
  const auto held = engine().hold({&endpoint, 1}, options);
  EXPECT_TRUE(fence(*held));
  held->capture();
  held->unfence();
  held->release();
  server_->run("DROP USER saver@localhost");
}

// The server ends it by itself when nothing is heard of whoever has it.
TEST_F(MariadbHold, NoticesThatItsFenceHasEnded) {
  const model::Endpoint endpoint = server_->endpoint("held");
  engine::HoldOptions options;
  options.scratch_directory = scratch_.path();
  options.with_other_servers = true;
  options.fence_max = std::chrono::seconds(2);  // the server waits for 6 s
  const auto held = engine().hold({&endpoint, 1}, options);
  ASSERT_TRUE(held->fence(std::chrono::steady_clock::now() + std::chrono::minutes(1)));
  Connection writer = server_->connect();
  writer.run("SET lock_wait_timeout=60");
  writer.run("UPDATE held.t SET v = 7 WHERE id = 2");  // waits until then
  held->capture();
  EXPECT_EQ(code_of([&] { held->unfence(); }), Errc::not_consistent);
}

}  // namespace
}  // namespace holdfast::test
