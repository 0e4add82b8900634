// SPDX-License-Identifier: Apache-2.0
// PostgreSQL through the whole program: backup, restore, drill, import, migrate. The referee is
// PostgreSQL itself: psql and pg_dump.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/error.h"
#include "harness/postgres_server.h"
#include "harness/program.h"
#include "harness/shop.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view shop_sql = R"(
CREATE EXTENSION pg_trgm;
CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL, note text);
INSERT INTO customers (name, note) SELECT 'customer ' || n, repeat('note ', 20) FROM generate_series(1, 2000) n;
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int REFERENCES customers, total numeric(12, 2));
INSERT INTO orders (customer, total) SELECT 1 + n % 2000, n / 3.0 FROM generate_series(1, 5000) n;
CREATE INDEX orders_by_customer ON orders (customer);
CREATE INDEX customers_by_name ON customers USING gin (name gin_trgm_ops);
CREATE VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY customer;
CREATE MATERIALIZED VIEW best AS SELECT * FROM totals ORDER BY total DESC LIMIT 10;
GRANT SELECT ON orders TO shop_reader;
SELECT lo_from_bytea(4711, 'a picture');
)";

PostgresServer& server() {
  return PostgresServer::shared();
}

std::string dump_of(const std::string& database) {
  std::string text = server().program({"pg_dump", database});
  for (const char* mark : {"\\restrict", "\\unrestrict"}) {
    const std::size_t at = text.find(mark);
    if (at != std::string::npos) text.erase(at, text.find('\n', at) - at);
  }
  return text;
}

class Postgresql : public testing::Test {
 protected:
  Postgresql() {
    // Scratch servers run as another user, who has to get there.
    fs::permissions(place_ / "", fs::perms(0711));
    server().clean();
    server().psql("postgres", "CREATE ROLE shop_reader; CREATE ROLE other;");
    server().make_database("shop", shop_sql);
    fs::create_directories(files());
    write_text(files() / "readme.txt", "hello");
    EXPECT_EQ(place_.holdfast({"init"}).exit_code, 0);
  }
  ~Postgresql() override { server().clean(); }

  [[nodiscard]] fs::path files() const { return place_ / "files"; }
  std::string instance(const std::string& name, const std::string& database,
                       const std::string& more = "", const std::string& files = "files") {
    const std::string path = (place_ / (name + ".toml")).string();
    write_text(
        path, fmt::format("name = \"shop\"\n[repository]\nlocation = \"{}\"\npassword_file = "
                          "\"{}\"\n[[database]]\nname = \"db\"\nuri = \"{}\"\nuser = \"postgres\"\n"
                          "[[files]]\nname = \"uploads\"\npaths = [\"{}\"]\n{}",
                          place_.repository().string(), place_.password_file().string(),
                          server().server().uri(database), (place_ / files).string(), more));
    return path;
  }
  void expect_done(const Outcome& outcome) { EXPECT_EQ(outcome.exit_code, 0) << outcome.text(); }

  Place place_;
};

TEST_F(Postgresql, RestoresWhatItBackedUp) {
  const std::string source = instance("source", "shop");
  expect_done(place_.holdfast({"backup", "-I", source}));
  const std::string before = dump_of("shop");
  // Beside, as a clone.
  const Outcome cloned =
      place_.holdfast({"restore", "latest", "-I", instance("clone", "shop clone", "", "files2")});
  expect_done(cloned);
  EXPECT_TRUE(cloned.says("digests equal")) << cloned.text();
  EXPECT_EQ(dump_of("shop clone"), before);
  // In its place: what is there is kept.
  server().psql("shop", "DELETE FROM orders; DROP VIEW totals CASCADE;");
  const Outcome refused = place_.holdfast({"restore", "latest", "-I", source});
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  const Outcome replaced = place_.holdfast({"restore", "latest", "-I", source, "--replace"});
  expect_done(replaced);
  EXPECT_TRUE(replaced.says("DROP DATABASE")) << replaced.text();
  EXPECT_EQ(dump_of("shop"), before);
  const auto names = server().databases();
  const auto kept = std::find_if(names.begin(), names.end(), [](const std::string& name) {
    return name.starts_with("shop_before_");
  });
  ASSERT_NE(kept, names.end());
  EXPECT_EQ(server().psql(*kept, "SELECT count(*) FROM orders"), "0\n");
}

// What an application writes as soon as it is let in is no difference, and stays.
TEST_F(Postgresql, ReplacesADatabaseThatIsWrittenTo) {
  const std::string source = instance("source", "shop");
  expect_done(place_.holdfast({"backup", "-I", source}));
  std::jthread application([](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      try {
        server().psql("shop", "INSERT INTO customers (name) VALUES ('new'); SELECT pg_sleep(0.01)");
      } catch (const Error&) {  // ended, or not let in for a moment
      }
    }
  });
  const Outcome replaced = place_.holdfast({"restore", "latest", "-I", source, "--replace"});
  EXPECT_TRUE(eventually(
      [] { return server().psql("shop", "SELECT count(*) > 2000 FROM customers") == "t\n"; }));
  application.request_stop();
  application.join();
  expect_done(replaced);
  EXPECT_TRUE(replaced.says("digests equal")) << replaced.text();
}

// The copy changes itself while it is loaded: building an index writes to a table. That is found
// before anything is put in place, though a migration knows only in the end what it should find.
TEST_F(Postgresql, MigratesNothingThatIsNotProven) {
  server().psql("shop",
                "CREATE TABLE log (a int);"
                "CREATE FUNCTION note() RETURNS int LANGUAGE plpgsql AS"
                " 'BEGIN INSERT INTO public.log VALUES (1); RETURN 1; END';"
                "CREATE FUNCTION pure(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS"
                " 'BEGIN PERFORM public.note(); RETURN 1; END';"
                "CREATE INDEX noting ON customers (pure(id))");
  const std::string source = instance("source", "shop");
  const std::string target = instance("target", "other", "", "moved");
  server().make_database("other", "CREATE TABLE mine AS SELECT 7 AS a");
  const Outcome outcome = place_.holdfast({"migrate", "-I", source, "--to", target, "--replace"});
  EXPECT_NE(outcome.exit_code, 0) << outcome.text();
  EXPECT_TRUE(outcome.says("public.log")) << outcome.text();
  EXPECT_EQ(server().databases(), (std::vector<std::string>{"other", "shop"}));
  EXPECT_EQ(server().psql("other", "SELECT a FROM mine"), "7\n");
  EXPECT_FALSE(fs::exists(place_ / "moved"));
}

TEST_F(Postgresql, SaysWhatTheTargetLacks) {
  expect_done(place_.holdfast({"backup", "-I", instance("source", "shop")}));
  server().clean();
  const std::string target = instance("target", "shop", "", "files2");
  const Outcome outcome = place_.holdfast({"restore", "latest", "-I", target});
  EXPECT_EQ(outcome.exit_code, 20) << outcome.text();
  EXPECT_TRUE(outcome.says("CREATE ROLE \"shop_reader\"")) << outcome.text();
  EXPECT_TRUE(server().databases().empty());
  server().psql("postgres", "CREATE ROLE somebody");
  expect_done(place_.holdfast(
      {"restore", "latest", "-I",
       instance("mapped", "shop", "[restore.owner]\nshop_reader = \"somebody\"\n", "files3")}));
  EXPECT_EQ(server().psql("shop", "SELECT has_table_privilege('somebody', 'orders', 'SELECT')"),
            "t\n");
}

TEST_F(Postgresql, MigratesStraightIntoAnother) {
  const std::string source = instance("source", "shop");
  const std::string cut_over = (place_ / "cut over").string();
  const Outcome outcome = place_.holdfast(
      {"migrate", "-I", source, "--to",
       instance("target", "shop new",
                "[hooks]\nafter_restore = [[\"touch\", \"" + cut_over + "\"]]\n", "moved")});
  expect_done(outcome);
  EXPECT_TRUE(fs::exists(cut_over));
  EXPECT_TRUE(outcome.says("digests equal")) << outcome.text();
  EXPECT_EQ(dump_of("shop new"), dump_of("shop"));
  EXPECT_EQ(read_text(place_ / "moved" / "readme.txt"), "hello");
  EXPECT_EQ(place_.holdfast({"snapshots", "--json"}).array().size(), 0U);
}

TEST_F(Postgresql, ImportsADump) {
  const std::string target = instance("target", "imported");
  for (const char* format : {"-Fc", "-Fd", "-Fp", "-Ft"}) {
    const std::string file = (place_ / (std::string("dump") + format)).string();
    server().program({"pg_dump", format, "-f", file, "shop"});
    const Outcome looked = place_.holdfast({"inspect", "--deep", file});
    expect_done(looked);
    EXPECT_TRUE(looked.says("customers")) << looked.text();
    expect_done(place_.holdfast({"import", file, "-I", target, "--component", "db"}));
    EXPECT_EQ(dump_of("imported"), dump_of("shop")) << format;
    server().psql("postgres", "DROP DATABASE imported");
    expect_done(place_.holdfast({"migrate", "--from", file, "--to", target, "--component", "db"}));
    EXPECT_EQ(dump_of("imported"), dump_of("shop")) << format;
    server().psql("postgres", "DROP DATABASE imported");
  }
}

// What is in the way is said before anything is touched; triggers do not run, nor checks that are
// not valid.
TEST_F(Postgresql, MigratesWithoutTouchingWhatIsThere) {
  const std::string source = instance("source", "shop");
  server().make_database("taken", "CREATE TABLE mine (a int)");
  const Outcome refused =
      place_.holdfast({"migrate", "-I", source, "--to", instance("target", "taken", "", "moved")});
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  EXPECT_FALSE(fs::exists(place_ / "moved"));
  const Outcome same = place_.holdfast({"migrate", "-I", source, "--to", source});
  EXPECT_NE(same.exit_code, 0);
  EXPECT_TRUE(same.says("of the source and of the target")) << same.text();
  server().psql("shop",
                "CREATE FUNCTION moody() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN NEW.name = now()::text; RETURN NEW; END';"
                "CREATE TRIGGER moody BEFORE INSERT ON customers FOR EACH ROW"
                " EXECUTE FUNCTION moody(); ALTER TABLE customers ADD CHECK"
                " (name NOT LIKE '%17' OR now() < '2000-01-01') NOT VALID");
  const Outcome moved = place_.holdfast(
      {"migrate", "-I", source, "--to", instance("target", "shop new", "", "moved")});
  EXPECT_EQ(moved.exit_code, 0) << moved.text();  // not valid is not checked, nor triggers run
  EXPECT_EQ(dump_of("shop new"), dump_of("shop"));
}

// Killed at any time: `resume` leaves neither half a database nor a scratch server.
TEST_F(Postgresql, LeavesNothingHalfDoneWhenKilled) {
  const std::string source = instance("source", "shop");
  expect_done(place_.holdfast({"backup", "-I", source}));
  const std::string before = dump_of("shop");
  for (const int delay_ms : {150, 400, 700, 1000, 1400, 1900}) {
    for (const std::string verb : {"restore", "drill"}) {
      std::vector<std::string> words{verb, "latest", "-I", source};
      if (verb == "restore") words.emplace_back("--replace");
      Started run = place_.start(words);
      std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
      run.kill(SIGKILL);
      const bool finished = run.wait().exit_code == 0;
      EXPECT_TRUE(eventually([&] { return place_.holdfast({"resume"}).exit_code == 0; }));
      EXPECT_TRUE(eventually([&] { return fs::is_empty(place_.scratch()); }))
          << verb << " after " << delay_ms;
      if (verb == "restore" && !finished) {
        EXPECT_EQ(dump_of("shop"), before) << "after " << delay_ms;
      }
      for (const std::string& name : server().databases())
        EXPECT_EQ(name.find("_holdfast_"), std::string::npos) << name << " after " << delay_ms;
    }
  }
}

struct Tampering {
  const char* name;
  std::function<void(const fs::path& database)> change;
  const char* named;
};

void replace_in(const fs::path& file, const std::string& old, const std::string& by) {
  std::string text = read_text(file);
  const std::size_t at = text.find(old);
  ASSERT_NE(at, std::string::npos) << old << " in " << file;
  text.replace(at, old.size(), by);
  write_text(file, text);
}

// Takes the statement that begins with `words` out of a script.
void cut_statement(const fs::path& file, const std::string& words) {
  std::string text = read_text(file);
  const std::size_t at = text.find(words);
  ASSERT_NE(at, std::string::npos) << words << " in " << file;
  text.erase(at, text.find(';', at) + 1 - at);
  write_text(file, text);
}

class PostgresqlDrill : public Postgresql {};

TEST_F(PostgresqlDrill, ProvesACopyAndNoticesWhateverIsChanged) {
  const std::string source = instance(
      "source", "shop",
      "[[drill.query]]\ncomponent = \"db\"\nsql = \"select count(*) from orders\"\nexpect = "
      "\"5000\"\n");
  expect_done(place_.holdfast({"backup", "-I", source}));
  const Outcome proven = place_.holdfast({"drill", "latest", "-I", source});
  expect_done(proven);
  EXPECT_TRUE(proven.says("proven")) << proven.text();
  EXPECT_TRUE(fs::is_empty(place_.scratch()));

  const std::vector<Tampering> tamperings{
      {"OneByte",
       [](const fs::path& db) {
         replace_in(db / "tables/public/customers/00000.copy", "customer 77\t", "customer 7X\t");
       },
       "table public.customers"},
      {"MissingTable", [](const fs::path& db) { fs::remove_all(db / "tables/public/customers"); },
       "customers"},
      {"MissingIndex",
       [](const fs::path& db) {
         cut_statement(db / "schema-post-data.sql", "CREATE INDEX \"orders_by_customer\"");
       },
       "orders_by_customer"},
      {"MissingGrant",
       [](const fs::path& db) {
         cut_statement(db / "schema-pre-data.sql", "GRANT SELECT ON TABLE \"public\".\"orders\"");
       },
       "orders"},
      {"SequenceValue",
       [](const fs::path& db) { replace_in(db / "sequences.sql", "2000", "1999"); },
       "customers_id_seq"},
      {"MissingExtension",
       [](const fs::path& db) {
         cut_statement(db / "schema-pre-data.sql", "CREATE EXTENSION IF NOT EXISTS \"pg_trgm\"");
       },
       "trgm"},
      {"LargeObject",
       [](const fs::path& db) {
         replace_in(db / "large-objects/00000.copy", "7069637475", "7069637476");
       },
       "large"},
  };
  for (const Tampering& tampering : tamperings) {
    SCOPED_TRACE(tampering.name);
    const fs::path copy = place_ / fmt::format("copy-{}", tampering.name);
    const Outcome restored =
        place_.holdfast({"restore", "latest:/", "--target", copy.string(), "--tag", "holdfast"});
    ASSERT_EQ(restored.exit_code, 0) << restored.text();
    tampering.change(copy / "shop/databases/db");
    const Outcome saved = place_.run({"env", "-C", copy.string(), "restic", "--no-cache", "backup",
                                      "--json", "--quiet", "shop"});
    ASSERT_EQ(saved.exit_code, 0) << saved.text();
    const std::string snapshot = saved.lines().back().at("snapshot_id").as_string();
    const Outcome outcome = place_.holdfast({"drill", snapshot, "-I", source});
    EXPECT_EQ(outcome.exit_code, 21) << outcome.text();
    EXPECT_TRUE(outcome.says(tampering.named)) << outcome.text();
    EXPECT_TRUE(fs::is_empty(place_.scratch()));
    fs::remove_all(copy);
  }
}

TEST_F(PostgresqlDrill, IsNeverGreenWithoutAServer) {
  const std::string source = instance("source", "shop");
  expect_done(place_.holdfast({"backup", "-I", source}));
  // An older server says it is of version 99: no binaries of that are here.
  const std::string path = (place_ / "copy").string();
  expect_done(place_.holdfast({"restore", "latest:/", "--target", path}));
  std::string manifest = read_text(place_ / "copy/shop/holdfast.json");
  const std::string version = fmt::format("\"version\": \"{}.", server().server().binaries().major);
  const std::size_t at = manifest.find(version);
  ASSERT_NE(at, std::string::npos) << manifest.substr(0, 3000);
  manifest.replace(at, version.size(), "\"version\": \"99.");
  write_text(place_ / "copy/shop/holdfast.json", manifest);
  const Outcome saved = place_.run(
      {"env", "-C", path, "restic", "--no-cache", "backup", "--json", "--quiet", "shop"});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  server().psql("postgres", "DROP DATABASE shop");  // so that only the manifest says the version
  const Outcome outcome =
      place_.holdfast({"drill", saved.lines().back().at("snapshot_id").as_string(), "-I",
                       instance("elsewhere", "shop")});
  EXPECT_EQ(outcome.exit_code, 21) << outcome.text();
  EXPECT_TRUE(outcome.says("read and compared, not loaded")) << outcome.text();
}

}  // namespace
}  // namespace holdfast::test
