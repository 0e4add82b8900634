// SPDX-License-Identifier: Apache-2.0
// How what was restored gets into its place, and out of it again: nobody sees or writes to it
// before all is proven, and what others have done meanwhile is neither overwritten nor thrown away.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "contract/engine/postgresql_copies.h"

namespace holdfast::test {
namespace {

std::vector<std::string> names_of(const std::vector<model::ObjectFacts>& objects) {
  std::vector<std::string> names;
  for (const model::ObjectFacts& object : objects)
    names.push_back(object.kind + " " + object.name + " " + object.definition_sha256);
  return names;
}

std::function<void(std::string_view, const Json&)> remember(std::vector<Json>& undos) {
  return [&undos](std::string_view /*what*/, const Json& undo) { undos.push_back(undo); };
}

// By a role that may make no database.
class PostgresqlFilling : public PostgresqlCopies {
 protected:
  void SetUp() override {
    server().clean();
    server().psql("postgres",
                  "CREATE ROLE restorer LOGIN; CREATE ROLE plain_role LOGIN; CREATE ROLE other");
    server().make_database(
        "small",
        "GRANT CREATE ON DATABASE small TO restorer; SET ROLE restorer;"
        "CREATE SCHEMA s; CREATE TABLE s.t (a int PRIMARY KEY);"
        "INSERT INTO s.t VALUES (1); CREATE VIEW s.v AS SELECT * FROM s.t;"
        "CREATE TABLE s.parts (a int) PARTITION BY LIST (a);"
        "CREATE TABLE s.one PARTITION OF s.parts FOR VALUES IN (1);"
        "SELECT lo_from_bytea(1, 'x');"
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO other;"
        "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"
        "RESET ROLE; ALTER DATABASE small SET work_mem = '5MB';"
        "ALTER DATABASE small OWNER TO restorer; COMMENT ON DATABASE small IS 'x'");
    copy_ = back_up("small");
    server().make_database("empty",
                           "ALTER DATABASE empty OWNER TO restorer;"
                           "ALTER DATABASE empty SET search_path = a, public;"
                           "ALTER DATABASE empty SET application_name = 'its own';"
                           // Neither of these is the owner's to take away.
                           "ALTER DATABASE empty SET log_min_duration_statement = '1h';"
                           "ALTER ROLE plain_role IN DATABASE empty SET work_mem = '3MB';"
                           "COMMENT ON DATABASE empty IS 'waits for a copy';"
                           "REVOKE ALL ON DATABASE empty FROM PUBLIC;"
                           "GRANT CONNECT ON DATABASE empty TO plain_role;");
    // Up to version 14 that is not the owner's either.
    if (server().server().binaries().major >= 15)
      server().psql("empty", "GRANT CREATE ON SCHEMA public TO plain_role");
    into_ = server().endpoint("empty", "restorer");
    before_ = looks();
    options_ = options();
    options_.before_change = remember(undos_);
  }
  void TearDown() override { server().clean(); }
  [[nodiscard]] static std::string looks() {
    return dump("empty") + settings("empty") +
           server().psql("empty", "SELECT count(*) FROM pg_default_acl");
  }
  static std::string oid() {
    return server().psql("empty", "SELECT oid FROM pg_database WHERE datname = 'empty'");
  }
  void load() { engine().load(copy_->parts, copy_->facts, into_, options_, {}); }
  void fail_to_load() {
    append(copy_->parts.at("schema-post-data.sql"), "CREATE INDEX i ON public.nowhere (a);");
    const std::string error = error_of([&] { load(); });
    EXPECT_NE(error.find("public.nowhere"), std::string::npos) << error;
  }

  std::unique_ptr<Copy> copy_;
  model::Endpoint into_;
  std::string before_;
  engine::LoadOptions options_;
  std::vector<Json> undos_;
};

TEST_F(PostgresqlFilling, FillsTheEmptyDatabaseAndLeavesNoMark) {
  const std::string number = oid();
  load();
  EXPECT_EQ(oid(), number);
  expect_equal(dump("small"), dump("empty"));
}

TEST_F(PostgresqlFilling, EmptiesAgainWhatItFailedToFill) {
  fail_to_load();
  expect_equal(before_, looks());
  ASSERT_EQ(undos_.size(), 1U);
  engine().undo(undos_[0], into_);  // a repetition does no harm
  expect_equal(before_, looks());
}

// Undone long afterwards, when it is somebody's, or another has its name.
TEST_F(PostgresqlFilling, EmptiesNothingThatIsNotItsOwn) {
  load();
  ASSERT_EQ(undos_.size(), 2U);
  const std::string done = looks();
  const std::string told = engine().undo(undos_[0], into_);
  EXPECT_NE(told.find("empty was open to others already and stays"), std::string::npos) << told;
  expect_equal(done, looks());
  const std::string mark = undos_[0].at("mark").as_string();
  server().make_database("empty", "CREATE TABLE mine (a int); CREATE SCHEMA " + mark +
                                      "; ALTER DATABASE empty OWNER TO restorer");
  engine().undo(undos_[0], into_);  // another oid
  EXPECT_EQ(server().psql("empty", "SELECT count(*) FROM mine"), "0\n");
  Json elsewhere = undos_[0];
  elsewhere.set("system", "4711");
  for (const auto& ask :
       std::vector<std::function<void()>>{[&] { engine().undo(elsewhere, into_); },
                                          [&] { engine().check_undo(elsewhere, into_); }}) {
    const std::string error = error_of(ask);
    EXPECT_NE(error.find("4711"), std::string::npos) << error;
  }
}

// Superusers may set what its owner may not take away; that is said, and is no difference.
TEST_F(PostgresqlFilling, LeavesTheSettingsThatAreNotItsOwn) {
  std::vector<std::string> codes;
  for (const auto& finding : engine().check_load(copy_->facts, into_, options_))
    codes.push_back(finding.code);
  EXPECT_EQ(std::count(codes.begin(), codes.end(), "postgresql-target-settings"), 1);
  load();
  const std::string all = settings("empty");
  EXPECT_NE(all.find("log_min_duration_statement=1h"), std::string::npos) << all;
  EXPECT_NE(all.find("plain_role|work_mem=3MB"), std::string::npos) << all;
  EXPECT_NE(all.find("|work_mem=5MB"), std::string::npos) << all;
  EXPECT_EQ(all.find("its own"), std::string::npos) << all;
}

// However long it takes until it is put in place: nobody gets in, and nobody writes, not even an
// application that logs in as its owner. So emptying it takes nothing from anybody.
TEST_F(PostgresqlFilling, IsClosedUntilItIsPutInPlace) {
  options_.leave_beside = true;
  for (const bool undone : {true, false}) {
    undos_.clear();
    const auto report = engine().load(copy_->parts, copy_->facts, into_, options_, {});
    ASSERT_TRUE(report.switch_in);
    EXPECT_TRUE(report.switches_last);
    ASSERT_TRUE(report.found.has_value());
    EXPECT_EQ(names_of(report.found->objects), names_of(copy_->facts.objects));
    EXPECT_THROW(server().psql("empty", "SELECT 1", "plain_role"), Error);
    EXPECT_THROW(server().psql("empty", "INSERT INTO s.t VALUES (7)", "restorer"), Error);
    if (undone) {
      for (auto undo = undos_.rbegin(); undo != undos_.rend(); ++undo)
        EXPECT_EQ(engine().undo(*undo, into_), "");
      expect_equal(before_, looks());
      continue;
    }
    EXPECT_EQ(report.switch_in().size(), 0U);
    EXPECT_EQ(server().psql("empty", "SELECT 1", "plain_role"), "1\n");
    server().psql("empty", "INSERT INTO s.t VALUES (7)", "restorer");
    ASSERT_EQ(undos_.size(), 2U);
    EXPECT_FALSE(engine().stands(undos_[0], into_));
    EXPECT_TRUE(engine().stands(undos_[1], into_));
  }
}

TEST_F(PostgresqlFilling, GivesBackWhatSomebodyFilledBeforeItWasClosed) {
  options_.before_change = [&](std::string_view /*what*/, const Json& undo) {
    undos_.push_back(undo);
    server().psql("empty", "CREATE TABLE public.mine AS SELECT 7 AS a");
  };
  const std::string error = error_of([&] { load(); });
  EXPECT_NE(error.find("not empty"), std::string::npos) << error;
  EXPECT_EQ(server().psql("empty", "SELECT a FROM public.mine"), "7\n");
  server().psql("empty", "DROP TABLE public.mine");
  expect_equal(before_, looks());
}

// As up to version 14, where it is the server's first role's.
TEST_F(PostgresqlFilling, LeavesAPublicSchemaOfAnother) {
  server().psql("empty",
                "ALTER SCHEMA public OWNER TO postgres; REVOKE ALL ON SCHEMA public FROM PUBLIC;"
                "GRANT ALL ON SCHEMA public TO restorer");
  server().psql("small",
                "GRANT ALL ON SCHEMA public TO restorer; SET ROLE restorer;"
                "CREATE TYPE public.mood AS ENUM ('good'); CREATE SEQUENCE public.numbers;"
                "CREATE TABLE public.t (a int, m public.mood DEFAULT 'good');"
                "CREATE STATISTICS public.both ON a, m FROM public.t;"
                "CREATE FUNCTION public.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';"
                "CREATE AGGREGATE public.total(int) (SFUNC = int4pl, STYPE = int);"
                "CREATE DOMAIN public.positive AS int CHECK (VALUE > 0);"
                "CREATE OPERATOR public.@@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);"
                "CREATE COLLATION public.plain FROM \"C\";"
                "CREATE TEXT SEARCH CONFIGURATION public.words (COPY = pg_catalog.simple);"
                "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO other");
  copy_ = back_up("small");
  before_ = looks();
  fail_to_load();
  expect_equal(before_, looks());
  copy_ = back_up("small");
  EXPECT_EQ(error_of([&] { load(); }), "");
}

class PostgresqlSwitch : public PostgresqlCopies {
 protected:
  void SetUp() override { server().clean(); }
  void TearDown() override { server().clean(); }
  std::string undo_all(const std::string& database, const std::string& user = "postgres") {
    std::string told;
    for (auto undo = undos_.rbegin(); undo != undos_.rend(); ++undo)
      told += engine().undo(*undo, server().endpoint(database, user));
    return told;
  }
  engine::LoadOptions beside() {
    engine::LoadOptions chosen = options();
    chosen.leave_beside = true;
    chosen.before_change = remember(undos_);
    return chosen;
  }
  std::vector<Json> undos_;
};

// An application may begin to use an empty database while the copy is loaded.
TEST_F(PostgresqlSwitch, ReplacesNothingThatWasFilledMeanwhile) {
  server().make_database("small", "CREATE TABLE t AS SELECT 1 AS a");
  const auto copy = back_up("small");
  server().make_database("shop");
  const auto report =
      engine().load(copy->parts, copy->facts, server().endpoint("shop"), beside(), {});
  server().psql("shop", "CREATE TABLE mine AS SELECT 7 AS a");
  const std::string error = error_of([&] { static_cast<void>(report.switch_in()); });
  EXPECT_NE(error.find("not empty"), std::string::npos) << error;
  EXPECT_EQ(undo_all("shop"), "");
  EXPECT_EQ(server().psql("shop", "SELECT a FROM mine"), "7\n");
  EXPECT_EQ(server().databases(), (std::vector<std::string>{"shop", "small"}));
}

TEST_F(PostgresqlSwitch, TellsWhatStaysWhenItIsUndone) {
  server().make_database("small", "CREATE TABLE t AS SELECT 1 AS a");
  const auto copy = back_up("small");
  auto chosen = beside();
  chosen.replace = true;
  server().make_database("small_before_20261120T105601Z");  // taken, as another one's may be
  const auto report =
      engine().load(copy->parts, copy->facts, server().endpoint("small"), chosen, {});
  EXPECT_EQ(undos_.size(), 1U);
  EXPECT_FALSE(engine().stands(undos_.back(), server().endpoint("small")));
  const std::vector<std::string> lines = report.switch_in();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("small_before_20261120T105601Z_holdfast_"), std::string::npos)
      << lines[0];
  ASSERT_EQ(undos_.size(), 2U);
  EXPECT_TRUE(engine().stands(undos_.back(), server().endpoint("small")));
  const std::string told = undo_all("small");
  EXPECT_NE(told.find("DROP DATABASE \"small_undone_20261120T105601Z\";"), std::string::npos)
      << told;
  EXPECT_EQ(undo_all("small"), "") << "nothing is left to undo";
  EXPECT_FALSE(engine().stands(undos_.back(), server().endpoint("small")));
}

// Nothing was put in place, so nothing stays.
TEST_F(PostgresqlSwitch, TellsNothingOfWhatWasNeverInPlace) {
  server().make_database("small", "CREATE TABLE t AS SELECT 1 AS a");
  const auto copy = back_up("small");
  const auto report =
      engine().load(copy->parts, copy->facts, server().endpoint("new"), beside(), {});
  // It may be hours until it is put in place: no session waits in a database of others.
  const auto sessions = [&] {
    return server().psql("postgres",
                         "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast'"
                         " AND datname !~ '^new'");
  };
  for (int i = 0; i < 250 && sessions() != "0\n"; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(sessions(), "0\n");
  EXPECT_EQ(server().databases().size(), 2U);
  EXPECT_EQ(undo_all("new"), "");
  EXPECT_EQ(server().databases(), std::vector<std::string>{"small"});
}

constexpr const char* orders_sql =
    "CREATE TABLE customers (id int PRIMARY KEY); INSERT INTO customers VALUES (1), (2);"
    "CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customers);"
    "INSERT INTO orders (customer) VALUES (1);"
    "ALTER TABLE customers OWNER TO restorer; ALTER TABLE orders OWNER TO restorer;";

class PostgresqlTables : public PostgresqlSwitch {
 protected:
  // By a role that may make neither databases nor schemas.
  void SetUp() override {
    PostgresqlSwitch::SetUp();
    server().psql("postgres", "CREATE ROLE restorer LOGIN");
    server().make_database("shop", orders_sql);
    server().psql("shop", "GRANT ALL ON SCHEMA public TO restorer");
    copy_ = back_up("shop");
    server().psql("shop", "UPDATE orders SET customer = 2");
    before_ = dump("shop");
  }
  engine::LoadReport load(const engine::LoadOptions& chosen, const std::string& user) {
    engine::LoadOptions tables = chosen;
    tables.tables = {{"public", "orders"}};
    tables.replace = true;
    return engine().load(copy_->parts, copy_->facts, server().endpoint("shop", user), tables, {});
  }
  static std::string customer() { return server().psql("shop", "SELECT customer FROM orders"); }

  std::unique_ptr<Copy> copy_;
  std::string before_;
};

TEST_F(PostgresqlTables, AreSeenByNobodyBeforeTheyArePutInPlace) {
  {
    const auto report = load(beside(), "postgres");
    ASSERT_TRUE(report.switch_in);
    EXPECT_TRUE(report.kept.empty());
    EXPECT_TRUE(undos_.empty());
    // Free for its users all the time.
    server().psql("shop", "SET lock_timeout = '1s'; INSERT INTO orders VALUES (99, 2)");
    server().psql("shop", "DELETE FROM orders WHERE id = 99");
  }
  EXPECT_EQ(customer(), "2\n") << "nobody put it in place";
  expect_equal(dump("shop"), before_);
  const auto report = load(beside(), "postgres");
  EXPECT_EQ(customer(), "2\n");
  const std::vector<std::string> lines = report.switch_in();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("orders_before_20261120T105601Z"), std::string::npos) << lines[0];
  EXPECT_EQ(customer(), "1\n");
  ASSERT_EQ(undos_.size(), 1U);
  EXPECT_TRUE(engine().stands(undos_[0], server().endpoint("shop")));
}

// The right to make a schema is not needed to undo what was done without it. And what stays aside
// is in nobody's way.
TEST_F(PostgresqlTables, GoAsideWithoutForeignKeysAndWithoutMoreRights) {
  auto chosen = beside();
  chosen.leave_beside = false;
  load(chosen, "restorer");
  EXPECT_EQ(customer(), "1\n");
  const std::string told = undo_all("shop", "restorer");
  EXPECT_NE(told.find("public\".\"orders_undone_20261120T105601Z\""), std::string::npos) << told;
  EXPECT_NE(told.find("orders_customer_fkey"), std::string::npos) << told;
  EXPECT_EQ(customer(), "2\n");
  expect_equal(dump("shop", {"-T", "*_undone_*"}), before_);
  server().psql("shop", "DELETE FROM customers WHERE id = 1");  // only the one aside refers to it
  EXPECT_EQ(undo_all("shop", "restorer"), "");
  EXPECT_FALSE(engine().stands(undos_[0], server().endpoint("shop")));
}

// Who makes an empty database for an application wants the dump in it as it stands.
TEST_F(PostgresqlSwitch, ImportsIntoAnEmptyDatabaseAsItWasPrepared) {
  server().psql("postgres", "CREATE ROLE app LOGIN; CREATE ROLE reader LOGIN");
  server().make_database("small", "CREATE TABLE t AS SELECT 'ä' AS a");
  server().psql("postgres",
                "CREATE DATABASE shop OWNER app TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C'"
                " LC_CTYPE 'C' CONNECTION LIMIT 77;"
                "ALTER DATABASE shop SET work_mem = '7MB';"
                "ALTER ROLE app IN DATABASE shop SET work_mem = '9MB';"
                "REVOKE ALL ON DATABASE shop FROM PUBLIC; GRANT CONNECT ON DATABASE shop TO reader;"
                "COMMENT ON DATABASE shop IS 'the shop'");
  server().psql("shop", "GRANT CREATE ON SCHEMA public TO reader");
  const std::string before = settings("shop");
  const std::string grants = server().psql(
      "shop", "SELECT a::text FROM pg_namespace, unnest(nspacl) a WHERE nspname = 'public'");
  for (const char* format : {"-Fp", "-Fc"}) {
    const std::filesystem::path file = scratch_.path() / (std::string("dump") + format);
    server().program({"pg_dump", "--no-owner", format, "-f", file.native(), "small"});
    auto chosen = options();
    chosen.replace = std::string(format) == "-Fc";
    chosen.kept_suffix += format + 1;
    engine().import_file(file, server().endpoint("shop"), chosen, {});
    EXPECT_EQ(server().psql("shop", "SELECT count(*) FROM t"), "1\n");
    EXPECT_EQ(settings("shop"), before) << format;
    EXPECT_EQ(server().psql("shop",
                            "SELECT a::text FROM pg_namespace, unnest(nspacl) a"
                            " WHERE nspname = 'public'"),
              grants);
    server().psql("shop", "CREATE TABLE mine (a int)", "app");
  }
}

}  // namespace
}  // namespace holdfast::test
