// SPDX-License-Identifier: Apache-2.0
// Copies of ugly databases, restored and compared by PostgreSQL's own programs: nothing is lost in
// translation. Files of pg_dump the same way. Mapped names, single tables, --replace.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <thread>

#include "contract/engine/postgresql_copies.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

std::string file_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class PostgresqlLoad : public PostgresqlCopies {
 protected:
  static void SetUpTestSuite() {
    server().clean();
    server().psql(
        "postgres",
        "CREATE ROLE \"Röle \"\"one\"\"\"; CREATE ROLE plain_role LOGIN; CREATE ROLE other;");
    server().make_database("ugly", file_text(HOLDFAST_TEST_SQL "/ugly.sql"));
  }
  static void TearDownTestSuite() { server().clean(); }
  void TearDown() override {
    for (const std::string& name : server().databases()) {
      if (name != "ugly") drop(name);
    }
    server().psql("postgres", "DROP ROLE IF EXISTS restorer");
  }
};

TEST_F(PostgresqlLoad, LosesNothingInTranslation) {
  const auto copy = back_up("ugly");
  const auto report =
      engine().load(copy->parts, copy->facts, server().endpoint("restored 'ü\""), options(), {});
  EXPECT_TRUE(report.kept.empty());
  EXPECT_GT(report.rows, 1000U);
  expect_equal(dump("ugly"), dump("restored 'ü\""));
  EXPECT_EQ(settings("ugly"), settings("restored 'ü\""));
  EXPECT_EQ(server().databases(), (std::vector<std::string>{"restored 'ü\"", "ugly"}));
}

// A dump leaves out broken indexes, and does not keep the order of options and grants: none of that
// is a difference.
TEST_F(PostgresqlLoad, ProvesWhatADumpSaysInAnotherOrder) {
  const model::Endpoint endpoint = server().make_database(
      "odd",
      "CREATE TABLE twice (a int) WITH (fillfactor = 50, autovacuum_enabled = false);"
      "INSERT INTO twice VALUES (1), (1);"
      "CREATE VIEW careful WITH (check_option = local, security_barrier = true) AS"
      " SELECT a FROM twice WHERE a > 0;"
      "SELECT lo_from_bytea(4711, 'x'); ALTER LARGE OBJECT 4711 OWNER TO plain_role;"
      "GRANT SELECT ON LARGE OBJECT 4711 TO other; SELECT lo_from_bytea(4712, 'y');");
  EXPECT_THROW(server().psql("odd", "CREATE UNIQUE INDEX CONCURRENTLY broken ON twice (a)"), Error);
  server().psql("odd", "COMMENT ON INDEX broken IS 'half made'");
  const engine::Probe probe = engine().probe(endpoint);
  EXPECT_TRUE(std::any_of(probe.findings.begin(), probe.findings.end(), [](const auto& finding) {
    return finding.code == "postgresql-index-invalid";
  }));
  const auto copy = back_up("odd");
  for (const auto& object : copy->facts.objects) EXPECT_NE(object.name, "public.broken");
  EXPECT_EQ(error_of([&] {
              engine().load(copy->parts, copy->facts, server().endpoint("again"), options(), {});
            }),
            "");
}

// pg_dump does not say of which version an extension is.
TEST_F(PostgresqlLoad, MakesExtensionsOfTheCopysVersion) {
  if (server().psql("postgres",
                    "SELECT 1 FROM pg_available_extension_versions"
                    " WHERE name = 'pg_trgm' AND version = '1.5' AND EXISTS (SELECT FROM"
                    " pg_available_extensions WHERE name = 'pg_trgm' AND default_version <> "
                    "'1.5')") == "")
    GTEST_SKIP() << "pg_trgm 1.5 cannot be made, or is the newest";
  server().make_database("old", "CREATE EXTENSION pg_trgm VERSION '1.5'; CREATE TABLE t (a text)");
  const auto copy = back_up("old");
  engine().load(copy->parts, copy->facts, server().endpoint("again"), options(), {});
  const std::string version = "SELECT extversion FROM pg_extension WHERE extname = 'pg_trgm'";
  EXPECT_EQ(server().psql("again", version), "1.5\n");
  drop("again");
  engine::LoadOptions single = options();
  single.tables = {{"public", "t"}};
  engine().load(copy->parts, copy->facts, server().endpoint("again"), single, {});
  EXPECT_EQ(server().psql("again", version), "1.5\n");
  drop("again");
  Json extensions = copy->facts.engine_facts.at("extensions");
  for (Json& one : extensions.as_array()) {
    if (one.at("name").as_string() == "pg_trgm") one.set("version", "0.9");
  }
  copy->facts.engine_facts.set("extensions", extensions);
  const auto findings = engine().check_load(copy->facts, server().endpoint("again"), options());
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].code, "postgresql-target-extension-version");
  EXPECT_EQ(findings[0].severity, model::Severity::warning);
  engine().load(copy->parts, copy->facts, server().endpoint("again"), options(), {});
  EXPECT_NE(server().psql("again", version), "1.5\n");
}

// Nothing that bears the public name is ever written to before it is proven.
TEST_F(PostgresqlLoad, PutsTheCopyInThePlaceOfAnEmptyDatabase) {
  const auto copy = back_up("ugly");
  server().make_database("empty");
  const auto report =
      engine().load(copy->parts, copy->facts, server().endpoint("empty"), options(), {});
  EXPECT_EQ(report.kept.size(), 1U);
  expect_equal(dump("ugly"), dump("empty"));
  EXPECT_EQ(server().psql("empty_before_20261120T105601Z", "SELECT 1"), "1\n");
}

TEST_F(PostgresqlLoad, KeepsWhatItReplaces) {
  const auto copy = back_up("ugly");
  server().make_database("shop", "CREATE TABLE old (a int); INSERT INTO old VALUES (7);");
  EXPECT_NE(error_of([&] {
              engine().load(copy->parts, copy->facts, server().endpoint("shop"), options(), {});
            }).find("not empty"),
            std::string::npos);
  engine::LoadOptions replace = options();
  replace.replace = true;
  const auto report =
      engine().load(copy->parts, copy->facts, server().endpoint("shop"), replace, {});
  ASSERT_EQ(report.kept.size(), 1U);
  EXPECT_NE(report.kept[0].find("DROP DATABASE \"shop_before_20261120T105601Z\";"),
            std::string::npos);
  EXPECT_EQ(server().psql("shop_before_20261120T105601Z", "SELECT a FROM public.old"), "7\n");
  expect_equal(dump("ugly"), dump("shop"));
}

// Autovacuum works in it, applications come back at once, and whoever restores is no superuser.
TEST_F(PostgresqlLoad, ReplacesADatabaseInUseWithoutBeingSuperuser) {
  server().psql("postgres", "CREATE ROLE restorer LOGIN CREATEDB");
  server().make_database("small",
                         "CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t OWNER TO restorer");
  server().psql("postgres", "ALTER DATABASE small OWNER TO restorer");
  const auto copy = back_up("small");
  engine::LoadOptions replace = options();
  replace.replace = true;
  std::jthread application([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      try {
        server().psql("small", "SELECT pg_sleep(3)", "restorer");
      } catch (const Error&) {  // ended, or not let in for a moment
      }
    }
  });
  const auto report =
      engine().load(copy->parts, copy->facts, server().endpoint("small", "restorer"), replace, {});
  application.request_stop();
  EXPECT_EQ(report.kept.size(), 1U);
  EXPECT_EQ(server().psql("postgres",
                          "SELECT bool_and(datallowconn) FROM pg_database WHERE datname ~ 'small'"),
            "t\n");
}

TEST_F(PostgresqlLoad, NamesASessionThatItMayNotEnd) {
  server().psql("postgres", "CREATE ROLE restorer LOGIN CREATEDB");
  server().make_database("small",
                         "CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t OWNER TO restorer");
  server().psql("postgres", "ALTER DATABASE small OWNER TO restorer");
  const auto copy = back_up("small");
  engine::LoadOptions replace = options();
  replace.replace = true;
  std::jthread monitor([&] { EXPECT_THROW(server().psql("small", "SELECT pg_sleep(60)"), Error); });
  const auto watched = [&] {
    return server().psql("postgres",
                         "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep.60'"
                         " AND datname = 'small'") == "1\n";
  };
  while (!watched()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const model::Endpoint into = server().endpoint("small", "restorer");
  std::set<std::string> codes;
  for (const auto& finding : engine().check_load(copy->facts, into, replace))
    codes.insert(finding.code);
  EXPECT_TRUE(codes.contains("postgresql-target-sessions"));
  const std::string error =
      error_of([&] { engine().load(copy->parts, copy->facts, into, replace, {}); });
  EXPECT_NE(error.find("user postgres"), std::string::npos) << error;
  EXPECT_EQ(server().databases(), (std::vector<std::string>{"small", "ugly"}));
  EXPECT_TRUE(watched());
  server().psql("postgres",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'small'");
}

// Undone long after the switch: what applications have written to it since is not dropped.
TEST_F(PostgresqlLoad, DropsNothingThatHadThePublicName) {
  server().make_database("small", "CREATE TABLE t AS SELECT 1 AS a");
  const auto copy = back_up("small");
  for (const bool there : {true, false}) {
    std::vector<Json> undos;
    engine::LoadOptions replace = options();
    replace.replace = true;
    replace.before_change = [&](std::string_view /*what*/, const Json& undo) {
      undos.push_back(undo);
    };
    if (!there) drop("small");
    engine().load(copy->parts, copy->facts, server().endpoint("small"), replace, {});
    server().psql("small", "INSERT INTO t VALUES (2)");
    const auto undo_all = [&] {
      for (auto undo = undos.rbegin(); undo != undos.rend(); ++undo)
        engine().undo(*undo, server().endpoint("small"));
    };
    if (there) {
      const std::string kept = "small_before_20261120T105601Z";
      server().psql("postgres", "ALTER DATABASE \"" + kept + "\" RENAME TO aside");
      const std::string error = error_of(undo_all);
      EXPECT_NE(error.find(kept), std::string::npos) << error;
      EXPECT_EQ(server().psql("small", "SELECT a FROM t ORDER BY 1"), "1\n2\n");
      server().psql("postgres", "ALTER DATABASE aside RENAME TO \"" + kept + "\"");
    }
    undo_all();
    undo_all();  // a repetition does no harm
    EXPECT_EQ(server().psql("small_undone_20261120T105601Z", "SELECT a FROM t ORDER BY 1"),
              "1\n2\n");
    drop("small_undone_20261120T105601Z");
    EXPECT_EQ(server().databases(), there ? (std::vector<std::string>{"small", "ugly"})
                                          : std::vector<std::string>{"ugly"});
  }
}

// A rehearsal: found is what came of the copy, whatever the place holds; and it is taken away again
// on that server only.
TEST_F(PostgresqlLoad, RehearsesBesideAPlaceThatIsNotTouched) {
  server().make_database("small", "CREATE TABLE t AS SELECT 1 AS a");
  const auto copy = back_up("small");
  copy->facts.tables.at(0).rows = 7;
  server().psql("small", "CREATE TABLE other (a int)");
  const std::string before = dump("small");
  const auto names = server().databases();
  std::vector<Json> undos;
  engine::LoadOptions load = options();
  load.before_change = [&](std::string_view /*what*/, const Json& undo) { undos.push_back(undo); };
  model::Endpoint into = server().endpoint("small");
  EXPECT_FALSE(engine().fit_beside(copy->facts, into, load).empty());
  EXPECT_TRUE(load.only_beside);
  for (const model::Finding& finding : engine().check_load(copy->facts, into, load))
    EXPECT_NE(finding.severity, model::Severity::blocker) << finding.seen;
  const engine::LoadReport loaded = engine().load(copy->parts, copy->facts, into, load, {});
  ASSERT_TRUE(loaded.found);
  EXPECT_EQ(loaded.found->tables.at(0).rows, 1U);
  EXPECT_GT(loaded.proof_time.count(), 0);
  EXPECT_FALSE(loaded.switch_in);
  ASSERT_TRUE(loaded.beside);
  EXPECT_EQ(engine().query_one(*loaded.beside, "SELECT a FROM t"), "1");
  ASSERT_EQ(undos.size(), 1U);
  Json elsewhere = undos[0];
  elsewhere.set("system", "4711");
  EXPECT_NE(error_of([&] { engine().check_undo(elsewhere, into); }).find("another"),
            std::string::npos);
  EXPECT_NE(error_of([&] { engine().undo(elsewhere, into); }).find("another"), std::string::npos);
  EXPECT_EQ(server().databases().size(), names.size() + 1);
  for (int i = 0; i < 2; ++i) engine().undo(undos[0], into);  // a repetition does no harm
  EXPECT_EQ(server().databases(), names);
  expect_equal(before, dump("small"));
}

TEST_F(PostgresqlLoad, NoticesDamageBeforeAnythingIsReplaced) {
  const auto copy = back_up("ugly");
  server().make_database("shop", "CREATE TABLE old (a int);");
  const std::string before = dump("shop");
  engine::LoadOptions replace = options();
  replace.replace = true;
  const auto refuse = [&](const Copy& damaged, const std::string& words) {
    const std::string error = error_of([&] {
      engine().load(damaged.parts, damaged.facts, server().endpoint("shop"), replace, {});
    });
    EXPECT_NE(error.find(words), std::string::npos) << error;
    expect_equal(before, dump("shop"));
    EXPECT_EQ(server().databases(), (std::vector<std::string>{"shop", "ugly"}));
  };
  const std::string part = "tables/public/ix/00000.copy";
  Bytes& rows = copy->parts.at(part);
  const Bytes whole = rows;
  const std::string_view one = "text 77\t";
  const std::size_t at = as_text(rows).find(one);
  ASSERT_NE(at, std::string_view::npos);
  rows[at] = std::byte{'T'};
  refuse(*copy, "the rows of table public.ix differ");
  rows.resize(rows.size() / 2);
  refuse(*copy, "");
  rows = whole;
  Bytes& sequences = copy->parts.at("sequences.sql");
  std::string text(as_text(sequences));
  text.replace(text.find("9007199254740993"), 16, "9007199254740994");
  sequences.clear();
  append(sequences, text);
  refuse(*copy, "differs from its manifest");
}

TEST_F(PostgresqlLoad, MapsOwnersAndSchemas) {
  const auto copy = back_up("ugly");
  engine::LoadOptions mapped = options();
  mapped.owners = {{"Röle \"one\"", "other"}, {"plain_role", "other"}};
  mapped.schemas = {{"select", "insert \"into\""}};
  engine().load(copy->parts, copy->facts, server().endpoint("mapped"), mapped, {});
  EXPECT_EQ(server().psql("mapped",
                          "SELECT count(*) FROM \"insert \"\"into\"\"\"."
                          "\"ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt63\""),
            "491\n");
  EXPECT_EQ(server().psql("mapped",
                          "SELECT r.rolname, s.setconfig FROM pg_db_role_setting s JOIN pg_roles r"
                          " ON r.oid = s.setrole JOIN pg_database d ON d.oid = s.setdatabase"
                          " WHERE d.datname = 'mapped'"),
            "other|{statement_timeout=7min}\n");
  EXPECT_EQ(server().psql("mapped",
                          "SELECT datacl::text ~ 'plain_role', datacl::text ~ 'other'"
                          " FROM pg_database WHERE datname = 'mapped'"),
            "f|t\n");
  EXPECT_EQ(server().psql("mapped", "SELECT tableowner FROM pg_tables WHERE tablename = 'grouped'"),
            "other\n");
  EXPECT_EQ(server().psql("mapped",
                          "SELECT count(*) FROM pg_shdepend s JOIN pg_roles r ON r.oid ="
                          " s.refobjid JOIN pg_database d ON d.oid = s.dbid"
                          " WHERE d.datname = 'mapped' AND rolname = 'Röle \"one\"'"),
            "0\n");
}

TEST_F(PostgresqlLoad, SaysWhichRolesAreMissing) {
  auto copy = back_up("ugly");
  Json roles = copy->facts.engine_facts.at("roles");
  roles.push("no such \"role\"");
  copy->facts.engine_facts.set("roles", roles);
  const auto findings = engine().check_load(copy->facts, server().endpoint("restored"), options());
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].code, "postgresql-target-role");
  EXPECT_NE(findings[0].mend.find("CREATE ROLE \"no such \"\"role\"\"\""), std::string::npos);
  EXPECT_NE(error_of([&] {
              engine().load(copy->parts, copy->facts, server().endpoint("restored"), options(), {});
            }).find("no such"),
            std::string::npos);
  EXPECT_EQ(server().databases(), std::vector<std::string>{"ugly"});
}

TEST_F(PostgresqlLoad, SaysWhatAnEmptyTargetCannotHold) {
  auto copy = back_up("ugly");
  const auto codes = [&](const std::string& database, const std::string& user = "postgres") {
    std::set<std::string> found;
    for (const auto& finding :
         engine().check_load(copy->facts, server().endpoint(database, user), options())) {
      const bool of_role = finding.code == "postgresql-target-privilege" ||
                           finding.code == "postgresql-target-superuser";
      if (!of_role || user == "postgres") found.insert(finding.code);
    }
    return found;
  };
  EXPECT_EQ(codes("absent"), std::set<std::string>());
  server().psql("postgres",
                "CREATE DATABASE narrow TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C'"
                " LC_CTYPE 'C'");
  copy->facts.engine_facts.set("collate", "C.UTF-8");
  EXPECT_EQ(codes("narrow"), codes("absent"));  // a new one is put in its place
  EXPECT_EQ(codes("narrow", "plain_role"),
            (std::set<std::string>{"postgresql-target-collation", "postgresql-target-encoding"}));
  copy->facts.engine_facts.set("collate", "xx_XX.nowhere");
  EXPECT_EQ(codes("absent"), std::set<std::string>{"postgresql-target-collation"});
  copy->facts.engine_facts.set("collate", "C");
  Json tables = copy->facts.engine_facts.at("tables");
  tables.as_array()[0].set("bytes", std::uint64_t{1} << 60U);
  copy->facts.engine_facts.set("tables", tables);
  EXPECT_EQ(codes("absent"), std::set<std::string>{"postgresql-target-space"});
}

TEST_F(PostgresqlLoad, RestoresSingleTables) {
  const auto copy = back_up("ugly");
  server().make_database("part",
                         "CREATE TABLE public.ix (mine int PRIMARY KEY, s serial); CREATE INDEX "
                         "ix_id ON public.ix (s); INSERT INTO public.ix VALUES (1);"
                         "CREATE VIEW public.looks AS SELECT mine FROM public.ix;"
                         "CREATE TABLE public.refers (mine int REFERENCES public.ix);"
                         "CREATE EXTENSION pg_trgm; CREATE SCHEMA \"odd \"\"Schema\"\"\";"
                         "ALTER EXTENSION pg_trgm SET SCHEMA \"odd \"\"Schema\"\"\";"
                         "CREATE FUNCTION public.trig() RETURNS trigger LANGUAGE plpgsql AS "
                         "'BEGIN RETURN NULL; END';");
  engine::LoadOptions tables = options();
  tables.tables = {{"public", "ix"}, {"select", "*"}};
  EXPECT_NE(error_of([&] {
              engine().load(copy->parts, copy->facts, server().endpoint("part"), tables, {});
            }).find("is there already"),
            std::string::npos);
  EXPECT_EQ(server().psql("part", "SELECT count(*) FROM public.ix"), "1\n");
  tables.replace = true;
  const auto report =
      engine().load(copy->parts, copy->facts, server().endpoint("part"), tables, {});
  ASSERT_EQ(report.kept.size(), 1U);
  EXPECT_NE(report.kept[0].find("foreign key refers_mine_fkey of public.refers, view public.looks"),
            std::string::npos)
      << report.kept[0];
  EXPECT_EQ(server().psql("part", "SELECT mine FROM public.\"ix_before_20261120T105601Z\""), "1\n");
  for (const char* table :
       {"public.ix", "\"select\".ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt63"})
    expect_equal(dump("ugly", {"--no-publications", "-t", table}),
                 dump("part", {"--no-publications", "-t", table}));
}

TEST_F(PostgresqlLoad, TakesSingleTablesBackWhenAskedAfterwards) {
  const auto copy = back_up("ugly");
  server().make_database("part",
                         "CREATE EXTENSION pg_trgm; CREATE SCHEMA \"odd \"\"Schema\"\"\";"
                         "ALTER EXTENSION pg_trgm SET SCHEMA \"odd \"\"Schema\"\"\";"
                         "CREATE FUNCTION public.trig() RETURNS trigger LANGUAGE plpgsql AS "
                         "'BEGIN RETURN NULL; END';"
                         "CREATE TABLE public.ix (mine serial PRIMARY KEY, s int UNIQUE);"
                         "INSERT INTO public.ix (s) VALUES (5);");
  const std::string before = dump("part");
  engine::LoadOptions tables = options();
  tables.tables = {{"public", "ix"}};
  tables.replace = true;
  std::vector<Json> undos;
  tables.before_change = [&](std::string_view, const Json& undo) { undos.push_back(undo); };
  engine().load(copy->parts, copy->facts, server().endpoint("part"), tables, {});
  ASSERT_EQ(undos.size(), 1U);
  EXPECT_NE(dump("part"), before);
  for (int i = 0; i < 2; ++i)  // a repetition does no harm
    engine().undo(undos[0], server().endpoint("part"));
  expect_equal(dump("part", {"-T", "*_undone_*"}), before);
  // Applications may have written to what was restored.
  EXPECT_EQ(server().psql("part", "SELECT count(*) > 0 FROM \"ix_undone_20261120T105601Z\""),
            "t\n");
}

TEST_F(PostgresqlLoad, RestoresSingleTablesIntoANewDatabase) {
  const auto copy = back_up("ugly");
  engine::LoadOptions tables = options();
  tables.tables = {{"odd \"Schema\"", "Every \"type\"; --"}};
  engine().load(copy->parts, copy->facts, server().endpoint("part"), tables, {});
  expect_equal(dump("ugly", {"-t", "\"odd \"\"Schema\"\"\".*"}),
               dump("part", {"-t", "\"odd \"\"Schema\"\"\".*"}));
}

// Before version 15 publications know neither columns nor rows.
std::string measured_sql(unsigned major) {
  std::string sql =
      "CREATE TABLE places (id int PRIMARY KEY); INSERT INTO places SELECT generate_series(1, 9);"
      "CREATE TABLE m (id int, at int, place int REFERENCES places, PRIMARY KEY (id, at))"
      " PARTITION BY RANGE (at);"
      "CREATE INDEX m_place ON m (place);"
      "CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM (0) TO (10);"
      "CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM (10) TO (20);"
      "INSERT INTO m SELECT n, n, n % 9 + 1 FROM generate_series(0, 19) n;"
      "CREATE TABLE base (a int); CREATE TABLE heir (b int) INHERITS (base);"
      "INSERT INTO heir VALUES (1, 2);"
      "CREATE PUBLICATION seen FOR TABLE m_1 (id, at) WHERE (at > 3), places;";
  constexpr std::string_view of_columns = " (id, at) WHERE (at > 3)";
  if (major < 15) sql.erase(sql.find(of_columns), of_columns.size());
  return sql;
}

TEST_F(PostgresqlLoad, PutsASingleTableWhereTheOldOneBelonged) {
  server().make_database("measured", measured_sql(server().server().binaries().major));
  const auto copy = back_up("measured");
  server().psql("measured",
                "UPDATE m SET place = 9; DELETE FROM m WHERE at < 5; UPDATE heir SET b = 77;");
  // Columns that were inherited alone are the heir's own afterwards too.
  const std::string before = dump("measured", {"-T", "heir"});
  engine::LoadOptions tables = options();
  tables.tables = {{"public", "m_1"}, {"public", "heir"}};
  tables.replace = true;
  std::vector<Json> undos;
  tables.before_change = [&](std::string_view, const Json& undo) { undos.push_back(undo); };
  const auto report =
      engine().load(copy->parts, copy->facts, server().endpoint("measured"), tables, {});
  ASSERT_EQ(report.kept.size(), 2U);
  EXPECT_NE(report.kept[0].find("Publication \"seen\" has the restored table now"),
            std::string::npos)
      << report.kept[0];
  EXPECT_EQ(server().psql("measured", "SELECT count(*), sum(place) FILTER (WHERE at < 10) FROM m"),
            "20|46\n");
  EXPECT_EQ(server().psql("measured", "SELECT a FROM base"), "1\n");
  EXPECT_EQ(server().psql("measured", "SELECT b FROM heir"), "2\n");
  if (server().server().binaries().major < 15) {
    EXPECT_EQ(server().psql("measured", "SELECT tablename FROM pg_publication_tables ORDER BY 1"),
              "m_1\nplaces\n");
  } else {
    EXPECT_EQ(server().psql("measured",
                            "SELECT tablename, attnames, rowfilter FROM pg_publication_tables"
                            " ORDER BY 1"),
              "m_1|{id,at}|(at > 3)\nplaces|{id}|\n");
  }
  EXPECT_EQ(server().psql("measured",
                          "SELECT count(*) FROM pg_index WHERE NOT indisvalid;"
                          "SELECT count(*) FROM pg_inherits WHERE inhparent = 'm_place'::regclass"
                          " OR inhparent = 'm_pkey'::regclass"),
            "0\n4\n");
  ASSERT_EQ(undos.size(), 1U);
  engine().undo(undos[0], server().endpoint("measured"));
  expect_equal(dump("measured", {"-T", "heir", "-T", "*_undone_*"}), before);
  EXPECT_EQ(server().psql("measured", "SELECT b FROM heir; SELECT a FROM base"), "77\n1\n");
}

// Looks at the live table whenever a part of the copy is opened.
class WatchedParts final : public model::PartSource {
 public:
  WatchedParts(const model::PartSource& parts, std::function<void(const std::string&)> watch)
      : parts_(parts), watch_(std::move(watch)) {}
  [[nodiscard]] std::vector<Entry> list() const override { return parts_.list(); }
  [[nodiscard]] std::unique_ptr<ByteSource> open(std::string_view path) const override {
    watch_(std::string(path));
    return parts_.open(path);
  }
  [[nodiscard]] std::unique_ptr<model::RandomSource> open_random(
      std::string_view path) const override {
    return parts_.open_random(path);
  }
  void restore_tree(std::string_view path, const fs::path& into) const override {
    parts_.restore_tree(path, into);
  }
  [[nodiscard]] const Json& facts() const override { return parts_.facts(); }

 private:
  const model::PartSource& parts_;
  std::function<void(const std::string&)> watch_;
};

TEST_F(PostgresqlLoad, LeavesATableFreeWhileItsReplacementIsMade) {
  server().make_database(
      "live",
      "CREATE TABLE t (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, a int, b int);"
      "INSERT INTO t (a, b) SELECT i, i FROM generate_series(1, 50) i;"
      "CREATE INDEX t_a ON t (a); CREATE STATISTICS t_s ON a, b FROM t;"
      "CREATE TABLE child (t int REFERENCES t);"
      "ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
      "CREATE POLICY p ON t USING (a < (SELECT max(x.a) FROM t x));"
      "CREATE RULE r AS ON DELETE TO t WHERE old.a = 1 DO INSTEAD NOTHING;"
      "COMMENT ON INDEX t_a IS 'of a'; COMMENT ON COLUMN t.a IS 'public.t';"
      "GRANT SELECT ON t TO other; GRANT USAGE ON SEQUENCE t_id_seq TO other;");
  const auto copy = back_up("live");
  const std::string before = dump("live", {"-t", "t"});
  engine::LoadOptions tables = options();
  tables.tables = {{"public", "t"}};
  tables.replace = true;
  int looks = 0;
  const WatchedParts parts(copy->parts, [&](const std::string& path) {
    if (!path.starts_with("tables/")) return;
    ++looks;
    server().psql("live", "SET lock_timeout = '2s'; INSERT INTO t (a) VALUES (99);");
  });
  engine().load(parts, copy->facts, server().endpoint("live"), tables, {});
  EXPECT_EQ(looks, 1);
  EXPECT_EQ(server().psql("live", "SELECT count(*) FROM t"), "50\n");
  EXPECT_EQ(server().psql("live", "SELECT count(*) FROM \"t_before_20261120T105601Z\""), "51\n");
  EXPECT_EQ(server().psql("live", "INSERT INTO t (a) VALUES (2) RETURNING id, n"), "51|51\n");
  server().psql("live", "DELETE FROM t WHERE id = 51");
  server().psql("live", "SELECT setval('t_id_seq', 50); SELECT setval('t_n_seq', 50)");
  expect_equal(before, dump("live", {"-t", "t"}));
  EXPECT_EQ(server().psql("live", "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^holdfast'"),
            "0\n");
}

TEST_F(PostgresqlLoad, RestoresPartitionedTablesWithTheirPartitions) {
  server().make_database("measured", measured_sql(server().server().binaries().major));
  const auto copy = back_up("measured");
  const std::string before = dump("measured", {"--no-publications", "-t", "m*"});
  server().psql("measured",
                "CREATE TABLE m_3 PARTITION OF m FOR VALUES FROM (20) TO (30);"
                "INSERT INTO m VALUES (21, 21, 1); DELETE FROM m_2;");
  engine::LoadOptions tables = options();
  tables.tables = {{"public", "m"}};
  tables.replace = true;
  const auto report =
      engine().load(copy->parts, copy->facts, server().endpoint("measured"), tables, {});
  EXPECT_EQ(server().psql("measured", "SELECT count(*) FROM m"), "20\n");
  EXPECT_EQ(server().psql("measured", "SELECT count(*) FROM \"m_before_20261120T105601Z\""),
            "11\n");
  ASSERT_EQ(report.kept.size(), 3U);
  std::string lines;
  for (const std::string& line : report.kept) lines += line;
  EXPECT_NE(lines.find("by themselves: partition public.m_3"), std::string::npos) << lines;
  EXPECT_EQ(lines.find("partition public.m_1"), std::string::npos) << lines;
  expect_equal(before,
               dump("measured", {"--no-publications", "-t", "m", "-t", "m_1", "-t", "m_2"}));
}

TEST_F(PostgresqlLoad, AttachesAPartitionWhoseTableWasDropped) {
  server().make_database("measured", measured_sql(server().server().binaries().major));
  const auto copy = back_up("measured");
  server().psql("measured", "DROP TABLE m_2");
  engine::LoadOptions tables = options();
  tables.tables = {{"public", "m_2"}};
  EXPECT_TRUE(engine()
                  .load(copy->parts, copy->facts, server().endpoint("measured"), tables, {})
                  .kept.empty());
  EXPECT_EQ(server().psql("measured", "SELECT count(*) FROM m"), "20\n");
  server().psql("measured",
                "DROP TABLE m_2; CREATE TABLE m_x PARTITION OF m FOR VALUES FROM (15) TO (16)");
  const auto report =
      engine().load(copy->parts, copy->facts, server().endpoint("measured"), tables, {});
  ASSERT_EQ(report.kept.size(), 1U);
  EXPECT_NE(report.kept[0].find("m_2 is no partition"), std::string::npos);
  EXPECT_EQ(server().psql("measured", "SELECT count(*) FROM m_2"), "10\n");
}

TEST_F(PostgresqlLoad, PassesOverSettingsOfOtherVersionsAndNothingElse) {
  server().make_database("plain", "CREATE TABLE t (a int); INSERT INTO t VALUES (1);");
  const auto copy = back_up("plain");
  const Bytes pre = copy->parts.at("schema-pre-data.sql");
  const auto with = [&](std::string_view front, std::string_view end) {
    Bytes& script = copy->parts.at("schema-pre-data.sql");
    script.clear();
    append(script, front);
    append(script, as_text(pre));
    append(script, end);
  };
  with("SET holdfast_has_no_such_setting = 0;\n", "");
  EXPECT_EQ(error_of([&] {
              engine().load(copy->parts, copy->facts, server().endpoint("whole"), options(), {});
            }),
            "");
  engine::LoadOptions tables = options();
  tables.tables = {{"public", "t"}};
  EXPECT_EQ(error_of([&] {
              engine().load(copy->parts, copy->facts, server().endpoint("single"), tables, {});
            }),
            "");
  with("",
       "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql SET removed_parameter = '1'"
       " AS 'SELECT 1';\n");
  EXPECT_NE(error_of([&] {
              engine().load(copy->parts, copy->facts, server().endpoint("again"), options(), {});
            }).find("removed_parameter"),
            std::string::npos);
}

TEST_F(PostgresqlLoad, BringsBackTheRightsOnPublic) {
  const std::string rights =
      "SELECT unnest(nspacl)::text FROM pg_namespace WHERE nspname = 'public' ORDER BY 1";
  for (const char* const change :
       {"", "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT CREATE ON SCHEMA public TO PUBLIC"}) {
    SCOPED_TRACE(change);
    server().make_database("rights", change);
    const auto copy = back_up("rights");
    EXPECT_EQ(error_of([&] {
                engine().load(copy->parts, copy->facts, server().endpoint("again"), options(), {});
              }),
              "");
    EXPECT_EQ(server().psql("again", rights), server().psql("rights", rights));
    drop("again");
  }
}

// From 15 on pg_dump says only how the rights on `public` differ from those of 15, which a server
// before that does not start with: its dumps do not bring them back there.
std::string without_rights_on_public(std::string dump, unsigned major) {
  const std::size_t begin = dump.find("--\n-- Name: SCHEMA public; Type: ACL;");
  if (major >= 15 || begin == std::string::npos) return dump;
  return dump.erase(begin, dump.find("--\n-- Name: ", begin + 4) - begin);
}

TEST_F(PostgresqlLoad, ImportsWhatPgDumpMade) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> kinds{
      {"plain.sql", {"-Fp"}},
      {"create.sql", {"-Fp", "-C", "--clean"}},
      {"custom", {"-Fc"}},
      {"stored", {"-Fc", "-Z0"}},
      {"directory", {"-Fd"}},
      {"dump.tar", {"-Ft"}},
      {"inserts", {"-Fc", "--inserts"}}};
  const unsigned major = server().server().binaries().major;
  const std::string expected = without_rights_on_public(dump("ugly"), major);
  const std::string database = settings("ugly");
  for (const auto& [name, arguments] : kinds) {
    SCOPED_TRACE(name);
    std::vector<std::string> argv{"pg_dump"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const fs::path file = scratch_.path() / name;
    const bool archive = arguments[0] != "-Fp";
    argv.insert(argv.end(), {"-f", file.native(), "ugly"});
    server().program(argv);
    EXPECT_EQ(
        error_of([&] { engine().import_file(file, server().endpoint("imported"), options(), {}); }),
        "");
    std::string wanted = expected;
    // A zero below zero does not survive pg_dump's own INSERT statements.
    if (const std::size_t at = wanted.find("NaN\t-0\t"); name == "inserts")
      wanted.replace(at, 7, "NaN\t0\t");
    expect_equal(wanted, without_rights_on_public(dump("imported"), major));
    if (name == "create.sql" || archive) {
      EXPECT_EQ(settings("imported"), database);
    }
    drop("imported");
  }
}

TEST_F(PostgresqlLoad, ChangesNoOtherDatabaseByAnImport) {
  server().make_database("shop",
                         "ALTER DATABASE shop SET default_transaction_read_only = on;"
                         "ALTER DATABASE shop CONNECTION LIMIT 7;"
                         "ALTER ROLE plain_role IN DATABASE shop SET work_mem = '1MB';"
                         "GRANT CREATE ON DATABASE shop TO plain_role;"
                         "COMMENT ON DATABASE shop IS 'old';");
  const std::string old = settings("shop");
  for (const char* kind : {"-Fp", "-Fc"}) {
    const fs::path file = scratch_.path() / (std::string("shop") + kind);
    server().program({"pg_dump", kind, "-C", "--clean", "-f", file.native(), "shop"});
  }
  server().psql(
      "postgres",
      "ALTER DATABASE shop RESET ALL; ALTER DATABASE shop CONNECTION LIMIT -1;"
      "ALTER ROLE plain_role IN DATABASE shop RESET ALL;"
      "REVOKE CREATE ON DATABASE shop FROM plain_role; COMMENT ON DATABASE shop IS 'new'");
  const std::string before = settings("shop");
  for (const char* kind : {"-Fp", "-Fc"}) {
    const fs::path file = scratch_.path() / (std::string("shop") + kind);
    EXPECT_EQ(
        error_of([&] { engine().import_file(file, server().endpoint("imported"), options(), {}); }),
        "");
    EXPECT_EQ(settings("shop"), before) << kind;
    EXPECT_EQ(settings("imported"), old) << kind;
    drop("imported");
  }
}

TEST_F(PostgresqlLoad, RenamesSchemasWhateverTheDatabaseForbids) {
  server().make_database(
      "strict",
      "CREATE SCHEMA kept; CREATE TABLE kept.t (a int); INSERT INTO kept.t VALUES (1);"
      "GRANT CREATE ON SCHEMA public TO plain_role;"
      "CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS"
      " 'BEGIN RAISE EXCEPTION ''no DDL here''; END';"
      "CREATE EVENT TRIGGER forbids ON ddl_command_start EXECUTE FUNCTION forbid();"
      "CREATE EVENT TRIGGER forbids_always ON ddl_command_start EXECUTE FUNCTION forbid();"
      "ALTER EVENT TRIGGER forbids_always ENABLE ALWAYS;"
      "ALTER DATABASE strict SET default_transaction_read_only = on;");
  const auto copy = back_up("strict");
  engine::LoadOptions mapped = options();
  mapped.schemas = {{"kept", "renamed"}};
  EXPECT_EQ(error_of([&] {
              engine().load(copy->parts, copy->facts, server().endpoint("mapped"), mapped, {});
            }),
            "");
  EXPECT_EQ(server().psql("mapped", "SELECT a FROM renamed.t"), "1\n");
  EXPECT_EQ(server().psql("mapped", "SELECT evtenabled FROM pg_event_trigger ORDER BY evtname"),
            "O\nA\n");
}

TEST_F(PostgresqlLoad, ProvesTablesWhosePoliciesBindTheirOwner) {
  server().psql("postgres", "ALTER ROLE other LOGIN CREATEDB");
  server().make_database("bound",
                         "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2);"
                         "ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
                         "CREATE POLICY none ON t USING (false);");
  const auto copy = back_up("bound");
  engine::LoadOptions mapped = options();
  mapped.owners = {{"postgres", "other"}};
  EXPECT_EQ(error_of([&] {
              engine().load(copy->parts, copy->facts, server().endpoint("theirs", "other"), mapped,
                            {});
            }),
            "");
  EXPECT_EQ(server().psql("theirs", "SELECT relforcerowsecurity FROM pg_class WHERE relname = 't'"),
            "t\n");
  EXPECT_EQ(server().psql("theirs", "SELECT count(*) FROM t"), "2\n");
  Bytes& rows = copy->parts.at("tables/public/t/00000.copy");
  rows[0] = std::byte{'7'};
  EXPECT_NE(error_of([&] {
              engine().load(copy->parts, copy->facts, server().endpoint("again", "other"), mapped,
                            {});
            }).find("rows of table public.t differ"),
            std::string::npos);
}

TEST_F(PostgresqlLoad, ImportsNoHalfDumps) {
  const fs::path file = scratch_.path() / "half";
  server().program({"pg_dump", "-Fc", "-f", file.native(), "ugly"});
  fs::resize_file(file, fs::file_size(file) * 2 / 3);
  EXPECT_NE(error_of([&] {
              engine().import_file(file, server().endpoint("imported"), options(), {});
            }).find("corrupt"),
            std::string::npos);
  EXPECT_EQ(server().databases(), std::vector<std::string>{"ugly"});
}

TEST_F(PostgresqlLoad, LoadsIntoAScratchServerWithoutTheRoles) {
  const auto copy = back_up("ugly");
  engine::Probe probe;
  probe.version = copy->facts.version;
  const TemporaryDirectory home("hf-scratch", "/tmp");
  {
    const auto scratch = engine().scratch(probe, home.path());
    engine::LoadOptions on_scratch = options();
    on_scratch.on_scratch = true;
    engine().load(copy->parts, copy->facts, scratch->endpoint(), on_scratch, {});
    model::DatabaseFacts found;
    engine().describe(scratch->endpoint(), found);
    EXPECT_EQ(found.objects.size(), copy->facts.objects.size());
    for (std::size_t i = 0; i < std::min(found.objects.size(), copy->facts.objects.size()); ++i) {
      EXPECT_EQ(found.objects[i].name, copy->facts.objects[i].name);
      EXPECT_EQ(found.objects[i].definition_sha256, copy->facts.objects[i].definition_sha256)
          << found.objects[i].kind << " " << found.objects[i].name;
    }
  }
  EXPECT_TRUE(fs::is_empty(home.path()));
}

// Providers take the rights of their `postgres` away, which is a role like any other here.
TEST_F(PostgresqlLoad, LoadsIntoAScratchServerWhoseSuperuserIsNotTheCopys) {
  server().make_database("small", "CREATE TABLE t AS SELECT 1 AS a; CREATE EXTENSION pg_trgm");
  const auto copy = back_up("small");
  append(copy->parts.at("globals.sql"),
         "\nALTER ROLE postgres WITH NOSUPERUSER NOLOGIN CONNECTION LIMIT 0;\n"
         "ALTER ROLE postgres SET default_transaction_read_only = on;\n");
  engine::Probe probe;
  probe.version = copy->facts.version;
  const TemporaryDirectory home("hf-scratch", "/tmp");
  const auto scratch = engine().scratch(probe, home.path());
  EXPECT_NE(scratch->endpoint().user, "postgres");
  engine::LoadOptions on_scratch = options();
  on_scratch.on_scratch = true;
  EXPECT_EQ(error_of([&] {
              engine().load(copy->parts, copy->facts, scratch->endpoint(), on_scratch, {});
            }),
            "");
}

std::string status_of(pid_t pid, const std::string& key) {
  const std::string text = file_text(fs::path("/proc") / std::to_string(pid) / "status");
  const std::size_t at = text.find("\n" + key + ":\t");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + key.size() + 3;
  return text.substr(begin, text.find_first_of("\t\n", begin) - begin);
}

TEST(PostgresqlScratch, RunsWithoutRightsOfOthersAndOpensNoDirectoryButItsOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root runs servers as another user";
  const TemporaryDirectory top("hf-scratch", "/tmp");
  fs::create_directories(top.path() / "foreign" / "drill");
  fs::create_directories(top.path() / "holdfast-drill" / "1");
  fs::permissions(top.path(), fs::perms(0755));
  for (const char* name : {"foreign", "holdfast-drill"})
    fs::permissions(top.path() / name, fs::perms(0700));
  engine::postgresql::PrivateServerOptions options;
  options.directory = top.path() / "foreign" / "drill";
  try {
    const engine::postgresql::PrivateServer server(options);
    ADD_FAILURE() << "it went through a directory of somebody else";
  } catch (const Error& error) {
    // A drill then reads the copy without loading it, and goes on with the others.
    EXPECT_EQ(error.code(), Errc::unsupported) << error.what();
  }
  EXPECT_EQ(fs::status(top.path() / "foreign").permissions(), fs::perms(0700));
  options.directory = top.path() / "holdfast-drill" / "1";
  const engine::postgresql::PrivateServer server(options);
  EXPECT_EQ(status_of(server.pid(), "NoNewPrivs"), "1");
  EXPECT_NE(status_of(server.pid(), "Uid"), "0");
}

TEST(PostgresqlScratch, FindsAShorterPlaceForItsSocket) {
  const auto litter = [] {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator("/var/tmp"))
      if (entry.path().filename().native().starts_with("holdfast-socket-"))
        names.insert(entry.path().filename());
    return names;
  };
  const std::set<std::string> before = litter();
  const TemporaryDirectory top("hf-scratch", "/tmp");
  fs::permissions(top.path(), fs::perms(0755));
  const fs::path home = top.path() / std::string(100, 'x');
  fs::create_directory(home);
  engine::postgresql::PrivateServerOptions options;
  options.directory = home;
  for (const bool died : {false, true}) {
    const engine::postgresql::PrivateServer server(options);
    EXPECT_TRUE(fs::exists(server.socket_directory() / ".s.PGSQL.5432"));
    if (died) engine::postgresql::remove_private_server(home);
  }
  EXPECT_TRUE(fs::is_empty(home));
  for (const std::string& name : litter()) EXPECT_TRUE(before.contains(name)) << name;
}

}  // namespace
}  // namespace holdfast::test
