// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/script_rewrite.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::postgresql {
namespace {

NameMapping to_new() {
  NameMapping mapping;
  mapping.owners = {{"shop", "the \"new\" one"}, {"Odd Role", "plain"}};
  mapping.tablespaces = {{"fast", "slow"}};
  return mapping;
}

TEST(Rewrite, ReplacesRolesWhereTheyAreNamed) {
  const NameMapping mapping = to_new();
  const auto expect = [&](const std::string& before, const std::string& after) {
    EXPECT_EQ(rewrite(before, mapping), after);
  };
  expect("ALTER TABLE public.shop OWNER TO shop",
         "ALTER TABLE public.shop OWNER TO \"the \"\"new\"\" one\"");
  expect("GRANT ALL ON TABLE \"a\".\"shop\" TO \"Odd Role\" WITH GRANT OPTION",
         "GRANT ALL ON TABLE \"a\".\"shop\" TO \"plain\" WITH GRANT OPTION");
  expect("GRANT SELECT(\"to\") ON TABLE x TO PUBLIC", "GRANT SELECT(\"to\") ON TABLE x TO PUBLIC");
  expect("REVOKE ALL ON FUNCTION public.f(shop integer) FROM shop",
         "REVOKE ALL ON FUNCTION public.f(shop integer) FROM \"the \"\"new\"\" one\"");
  expect(
      "ALTER DEFAULT PRIVILEGES FOR ROLE shop IN SCHEMA shop GRANT SELECT ON TABLES TO other, shop",
      "ALTER DEFAULT PRIVILEGES FOR ROLE \"the \"\"new\"\" one\" IN SCHEMA shop GRANT SELECT ON "
      "TABLES TO other, \"the \"\"new\"\" one\"");
  expect("CREATE POLICY shop ON public.shop FOR SELECT TO shop, PUBLIC USING ((shop = 'TO shop'))",
         "CREATE POLICY shop ON public.shop FOR SELECT TO \"the \"\"new\"\" one\", PUBLIC USING "
         "((shop = 'TO shop'))");
  expect("CREATE USER MAPPING FOR shop SERVER s OPTIONS (\"user\" 'shop')",
         "CREATE USER MAPPING FOR \"the \"\"new\"\" one\" SERVER s OPTIONS (\"user\" 'shop')");
  expect("CREATE FUNCTION f() RETURNS text AS $$ ALTER TABLE x OWNER TO shop $$",
         "CREATE FUNCTION f() RETURNS text AS $$ ALTER TABLE x OWNER TO shop $$");
  expect("SET default_tablespace = fast", "SET default_tablespace = \"slow\"");
  expect("SET default_tablespace = ''", "SET default_tablespace = ''");
}

TEST(Rewrite, LooksIntoBlocksAboutTheDatabase) {
  NameMapping mapping;
  mapping.owners = {{"it's 100%", "new $xholdfast$"}, {"shop", "other"}};
  EXPECT_EQ(
      rewrite(
          "DO $xholdfast$\nBEGIN\n"
          "  EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO \"it''s 100%%\"', x());\n"
          "  EXECUTE pg_catalog.format( E'ALTER ROLE \"shop\" IN DATABASE %I SET \"a\" TO"
          " E''x\\\\\\\\y''', x());\nEND\n$xholdfast$",
          mapping),
      "DO $xxholdfast$\nBEGIN\n"
      "  EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO \"new $xholdfast$\"', x());\n"
      "  EXECUTE pg_catalog.format(  E'ALTER ROLE \"other\" IN DATABASE %I SET \"a\" TO"
      " E''x\\\\\\\\y''', x());\nEND\n$xxholdfast$");
  const std::string foreign = "DO $$ BEGIN EXECUTE format('ALTER ROLE shop'); END $$";
  EXPECT_EQ(rewrite(foreign, mapping), foreign);
}

TEST(Rewrite, TakesAStarForAllOthers) {
  NameMapping mapping;
  mapping.owners = {{"a", "b"}, {"*", "c"}};
  EXPECT_EQ(rewrite("ALTER TABLE t OWNER TO a", mapping), "ALTER TABLE t OWNER TO \"b\"");
  EXPECT_EQ(rewrite("ALTER TABLE t OWNER TO x", mapping), "ALTER TABLE t OWNER TO \"c\"");
  mapping.no_tablespaces = true;
  EXPECT_EQ(rewrite("SET default_tablespace = fast", mapping), "SET default_tablespace = ''");
}

TEST(Classify, KnowsWhatMayRunWhen) {
  const auto kind = [](const char* text) { return classify(text).kind; };
  EXPECT_EQ(kind("CREATE UNIQUE INDEX \"on\" ON public.t USING btree (a)"), StatementKind::index);
  EXPECT_EQ(kind("ALTER TABLE ONLY \"a b\".t ADD CONSTRAINT c PRIMARY KEY (id)"),
            StatementKind::index);
  EXPECT_EQ(kind("ALTER TABLE ONLY t ADD CONSTRAINT \"check\" CHECK (a > 0)"),
            StatementKind::other);
  EXPECT_EQ(kind("ALTER INDEX public.p ATTACH PARTITION public.q"), StatementKind::attach);
  EXPECT_EQ(kind("ALTER INDEX public.p ALTER COLUMN 1 SET STATISTICS 5"), StatementKind::other);
  EXPECT_EQ(kind("CREATE TRIGGER t BEFORE INSERT ON x EXECUTE FUNCTION f()"), StatementKind::other);
  EXPECT_EQ(kind("CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION f()"),
            StatementKind::event_trigger);
  EXPECT_EQ(kind("SELECT pg_catalog.set_config('search_path', '', false)"), StatementKind::setting);
  EXPECT_EQ(kind("SELECT pg_catalog.lo_create('1')"), StatementKind::other);
  const SchemaStatement key = classify(
      "ALTER TABLE ONLY public.a ADD CONSTRAINT \"to b\" FOREIGN KEY (b_id) REFERENCES "
      "\"S\".b(id)");
  EXPECT_EQ(key.kind, StatementKind::foreign_key);
  EXPECT_EQ(key.tables, (std::vector<model::TableName>{{"public", "a"}, {"S", "b"}}));
}

TEST(Subject, IsTheRelationThatAStatementIsAbout) {
  const auto subject = [](const char* text) {
    const Subject found = subject_of(text);
    return found.kind + " " + found.name.display();
  };
  EXPECT_EQ(subject("CREATE UNLOGGED TABLE public.\"A b\" (a int)"), "table public.A b");
  EXPECT_EQ(subject("ALTER TABLE ONLY public.t ALTER COLUMN a SET DEFAULT 1"), "table public.t");
  EXPECT_EQ(subject("CREATE UNIQUE INDEX i ON ONLY public.t USING btree (a)"), "index public.t");
  EXPECT_EQ(subject("CREATE TRIGGER t BEFORE UPDATE OF a ON public.t EXECUTE FUNCTION f()"),
            "trigger public.t");
  EXPECT_EQ(subject("CREATE RULE r AS ON INSERT TO public.t DO INSTEAD NOTHING"), "rule public.t");
  EXPECT_EQ(subject("CREATE POLICY p ON public.t USING (true)"), "policy public.t");
  EXPECT_EQ(subject("COMMENT ON COLUMN public.t.a IS 'x'"), "comment public.t");
  EXPECT_EQ(subject("GRANT SELECT(a) ON TABLE public.t TO x"), "grant public.t");
  EXPECT_EQ(subject("CREATE STATISTICS public.s ON a, b FROM public.t"), "statistics public.t");
  EXPECT_EQ(subject("CREATE MATERIALIZED VIEW public.m AS SELECT 1"), "materialized view public.m");
  EXPECT_EQ(subject("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"), " ");
}

TEST(SchemaScript, KeepsTheTablespaceThatIsInForce) {
  BytesSource source(
      as_bytes("SET default_tablespace = fast;\nCREATE INDEX i ON t (a);\n"
               "SET default_tablespace = '';\nCREATE INDEX j ON t (b);\n"));
  const std::vector<SchemaStatement> statements = read_schema_script(source, {});
  ASSERT_EQ(statements.size(), 4U);
  EXPECT_EQ(statements[1].tablespace, "SET default_tablespace = fast");
  EXPECT_EQ(statements[3].tablespace, "SET default_tablespace = ''");
}

TEST(SchemaScript, RefusesWhatIsCutOff) {
  BytesSource source(as_bytes("CREATE TABLE t (a int);\nCREATE TABLE u (a"));
  EXPECT_THROW(static_cast<void>(read_schema_script(source, {})), Error);
}

}  // namespace
}  // namespace holdfast::engine::postgresql
