// SPDX-License-Identifier: Apache-2.0
// What a private server is, and what `inspect` says of the files that the real pg_dump makes of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "engine/postgresql/archive_file.h"
#include "engine/postgresql/inspect.h"
#include "harness/postgres_server.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
namespace pg = engine::postgresql;

constexpr std::string_view shop = R"(
CREATE SCHEMA "odd Schema";
CREATE TABLE orders (id int PRIMARY KEY, customer text, note text);
INSERT INTO orders SELECT n, 'customer ' || n, CASE WHEN n % 3 = 0 THEN NULL ELSE E'tab\there\nnew\\line' END
  FROM generate_series(1, 5000) AS n;
CREATE TABLE "odd Schema"."Table ""x""; Type: TABLE" (a int, "b;c" text);
INSERT INTO "odd Schema"."Table ""x""; Type: TABLE" VALUES (1, '\.'), (2, E'\\.\n\\.'), (3, '');
CREATE TABLE empty (a int);
CREATE VIEW cheap AS SELECT * FROM orders WHERE id < 10;
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;
SELECT lo_from_bytea(0, 'a large object'), lo_from_bytea(0, 'another');
)";

std::uint64_t rows_of(const engine::Inspection& inspection, const std::string& table) {
  for (const auto& one : inspection.tables) {
    if (one.table == table) return one.rows;
  }
  ADD_FAILURE() << "no table " << table;
  return 0;
}

class Rows final : public model::RowSink {
 public:
  void columns(const std::vector<model::Column>& columns) override {
    for (const auto& column : columns) names.push_back(column.name);
  }
  void row(const model::Row& row) override { rows.push_back(row); }
  std::vector<std::string> names;
  std::vector<model::Row> rows;
};

class PostgresqlDumps : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    PostgresServer::shared().make_database("dumped", shop);
    home = std::make_unique<TemporaryDirectory>("hf-dumps", "/tmp");
  }
  static void TearDownTestSuite() { home.reset(); }

  static fs::path dump(const std::string& name, std::vector<std::string> arguments) {
    const fs::path path = home->path() / name;
    if (!fs::exists(path)) {
      arguments.insert(arguments.begin(), "pg_dump");
      for (const std::string& more : {std::string("-f"), path.native(), std::string("dumped")})
        arguments.push_back(more);
      PostgresServer::shared().program(arguments);
    }
    return path;
  }
  static std::vector<fs::path> all() {
    return {dump("plain.sql", {"-Fp"}),
            dump("inserts.sql", {"--inserts"}),
            dump("custom", {"-Fc"}),
            dump("stored", {"-Fc", "-Z0"}),
            dump("directory", {"-Fd"}),
            dump("stored_directory", {"-Fd", "-Z0"}),
            dump("dump.tar", {"-Ft"}),
            dump("packed.sql.gz", {"-Fp", "-Z5"}),
            dump("several.sql", {"--rows-per-insert=100"}),
            piped()};
  }
  // To a pipe the offsets of the data cannot be written down.
  static fs::path piped() {
    const fs::path path = home->path() / "piped";
    if (!fs::exists(path)) {
      const std::string bytes = PostgresServer::shared().program({"pg_dump", "-Fc", "dumped"});
      std::ofstream(path, std::ios::binary) << bytes;
    }
    return path;
  }
  static std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static inline std::unique_ptr<TemporaryDirectory> home;
};

TEST_F(PostgresqlDumps, HaveTablesOfContentsThatFitIntoMemory) {
  const Fd file = open_file(dump("custom", {"-Fc"}), O_RDONLY);
  FdSource source(file.get(), "custom");
  try {
    static_cast<void>(pg::read_archive_head(source, 2000));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(std::string(error.what()).find("more than 2000 bytes of memory"), std::string::npos);
  }
}

TEST_F(PostgresqlDumps, AreCountedInEveryFormat) {
  for (const fs::path& file : all()) {
    SCOPED_TRACE(file.filename());
    const auto found = pg::inspect_file(file, true);
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->whole) << (found->findings.empty() ? "" : found->findings[0].seen);
    EXPECT_EQ(rows_of(*found, "orders"), 5000U);
    EXPECT_EQ(rows_of(*found, "Table \"x\"; Type: TABLE"), 3U);
    EXPECT_EQ(rows_of(*found, "empty"), 0U);
    EXPECT_EQ(found->tables.size(), 3U);
    EXPECT_EQ(found->facts.at("large_objects").as_uint(), 2U);
    const std::string major =
        std::to_string(PostgresServer::shared().server().binaries().major) + ".";
    EXPECT_TRUE(found->facts.at("server_version").as_string().starts_with(major));
    // Of older servers by newer programs.
    EXPECT_GE(std::stod(found->facts.at("dump_version").as_string()), std::stod(major));
    const auto has = [&](const std::string& kind, const std::string& name) {
      return std::any_of(found->objects.begin(), found->objects.end(), [&](const auto& object) {
        return object.kind == kind && object.name.starts_with(name);
      });
    };
    EXPECT_TRUE(has("view", "public.cheap"));
    EXPECT_TRUE(has("constraint", "public.orders"));
    EXPECT_TRUE(has("function", "public.f"));
  }
}

TEST_F(PostgresqlDumps, ShallowLooksSayWhoseTheyAre) {
  const auto custom = pg::inspect_file(dump("custom", {"-Fc"}), false);
  EXPECT_EQ(custom->kind, "PostgreSQL custom dump");
  EXPECT_EQ(custom->facts.at("database").as_string(), "dumped");
  EXPECT_EQ(custom->facts.at("compression").as_string(), "gzip");
  EXPECT_EQ(custom->facts.at("encoding").as_string(), "UTF8");
  EXPECT_TRUE(custom->whole);
  EXPECT_EQ(pg::inspect_file(dump("plain.sql", {"-Fp"}), false)->kind, "PostgreSQL plain dump");
  EXPECT_EQ(pg::inspect_file(dump("dump.tar", {"-Ft"}), false)->kind, "PostgreSQL tar dump");
  EXPECT_EQ(pg::inspect_file(dump("directory", {"-Fd"}), false)->kind, "PostgreSQL directory dump");
}

TEST_F(PostgresqlDumps, CutOffTheyAreNeverWhole) {
  for (const fs::path& file : all()) {
    if (fs::is_directory(file)) continue;
    const std::string whole = content(file);
    for (std::size_t percent = 0; percent < 100; percent += 7) {
      const fs::path cut = home->path() / "cut";
      std::ofstream(cut, std::ios::binary) << whole.substr(0, whole.size() * percent / 100);
      for (const bool deep : {false, true}) {
        const auto found = pg::inspect_file(cut, deep);
        if (!found) continue;  // nothing is left to know it by
        if (!deep && found->facts.string_or("format", "") == "plain" &&
            found->facts.string_or("compression", "") != "none")
          continue;
        EXPECT_FALSE(found->whole)
            << file.filename() << " cut to " << percent << " %, deep " << deep;
        EXPECT_FALSE(found->findings.empty());
      }
    }
  }
}

TEST_F(PostgresqlDumps, MissingFilesOfADirectoryAreNamed) {
  const fs::path directory = dump("broken", {"-Fd"});
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().native();
    if (name != "toc.dat" && name.find(".dat") != std::string::npos) {
      fs::remove(entry.path());
      break;
    }
  }
  const auto found = pg::inspect_file(directory, false);
  EXPECT_FALSE(found->whole);
  EXPECT_NE(found->findings.at(0).seen.find("is missing"), std::string::npos);
}

TEST_F(PostgresqlDumps, ChangedBytesOfCompressedDataAreNoticed) {
  const fs::path file = dump("changed", {"-Fc"});
  std::string bytes = content(file);
  bytes[bytes.size() - 2000] = static_cast<char>(~bytes[bytes.size() - 2000]);
  std::ofstream(file, std::ios::binary) << bytes;
  EXPECT_FALSE(pg::inspect_file(file, true)->whole);
}

TEST_F(PostgresqlDumps, GiveTheirRows) {
  for (const fs::path& file : all()) {
    SCOPED_TRACE(file.filename());
    Rows rows;
    const model::TableName table{"odd Schema", "Table \"x\"; Type: TABLE"};
    const std::string name = file.filename();
    if (name == "inserts.sql" || name == "several.sql") {
      EXPECT_THROW(pg::inspect_file_rows(file, table, rows), Error);
      continue;
    }
    pg::inspect_file_rows(file, table, rows);
    EXPECT_EQ(rows.names, (std::vector<std::string>{"a", "b;c"}));
    ASSERT_EQ(rows.rows.size(), 3U);
    EXPECT_EQ(rows.rows[0][1].text, "\\.");
    EXPECT_EQ(rows.rows[1][1].text, "\\.\n\\.");
    EXPECT_EQ(rows.rows[2][1].text, "");
    EXPECT_THROW(pg::inspect_file_rows(file, {"", "nowhere"}, rows), Error);
  }
}

TEST_F(PostgresqlDumps, OfAClusterNameTheirDatabases) {
  const fs::path file = home->path() / "all.sql";
  std::ofstream(file, std::ios::binary) << PostgresServer::shared().program({"pg_dumpall"});
  const auto found = pg::inspect_file(file, true);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->whole) << (found->findings.empty() ? "" : found->findings[0].seen);
  EXPECT_EQ(found->kind, "PostgreSQL cluster script");
  EXPECT_NE(found->facts.at("databases").dump().find("\"dumped\""), std::string::npos);
  EXPECT_EQ(rows_of(*found, "orders"), 5000U);
}

TEST(PrivateServer, LeavesNoTrace) {
  const TemporaryDirectory home("hf-server", "/tmp");
  pid_t pid = 0;
  {
    pg::PrivateServerOptions options;
    options.directory = home.path();
    pg::PrivateServer server(options);
    pid = server.pid();
    EXPECT_EQ(::kill(pid, 0), 0);
    struct ::stat status {};
    ASSERT_EQ(::stat(server.socket_directory().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 077U, 0U);
    server.kill();
    server.start();
    pid = server.pid();
  }
  EXPECT_NE(::kill(pid, 0), 0);
  EXPECT_TRUE(fs::is_empty(home.path()));
}

TEST(PrivateServer, IsRemovedWhenItsProcessDied) {
  const TemporaryDirectory home("hf-server", "/tmp");
  pg::PrivateServerOptions options;
  options.directory = home.path();
  pg::PrivateServer server(options);
  const pid_t pid = server.pid();
  std::thread reaper([&] { static_cast<void>(::waitpid(pid, nullptr, 0)); });
  pg::remove_private_server(home.path());
  reaper.join();
  EXPECT_TRUE(fs::is_empty(home.path()));
  pg::remove_private_server(home.path());  // nothing left to do
  pg::remove_private_server(home.path() / "nowhere");
}

TEST(PrivateServer, SaysWhichVersionIsNotInstalled) {
  try {
    static_cast<void>(pg::choose_server_binaries(99));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find("99"), std::string::npos);
  }
}

}  // namespace
}  // namespace holdfast::test
