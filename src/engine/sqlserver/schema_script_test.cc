// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/schema_script.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::engine::sqlserver {
namespace {

CatalogColumn column(const std::string& name, const std::string& type) {
  CatalogColumn made;
  made.column.name = name;
  made.column.type_name = type;
  made.column.type = sql_type(type);
  return made;
}

CatalogTable orders() {
  CatalogTable table;
  table.name = {"dbo", "Or]ders"};
  CatalogColumn id = column("Id", "int");
  id.column.is_identity = true;
  id.column.is_nullable = false;
  id.seed = "1";
  id.increment = "2";
  id.last = "41";
  CatalogColumn name = column("it's", "nvarchar");
  name.column.length = 20;
  name.collation = "Latin1_General_CS_AS";
  name.default_name = "DF_name";
  name.default_definition = "(N'x')";
  CatalogColumn total = column("total", "int");
  total.computed = "([Id]*(2))";
  total.is_persisted = true;
  total.column.is_nullable = false;
  table.columns = {id, name, total, column("stamp", "timestamp")};
  CatalogIndex key;
  key.name = "PK_o";
  key.kind = IndexKind::clustered;
  key.is_primary = key.is_unique = true;
  key.columns = {{"Id", true, false}};
  CatalogIndex open;
  open.name = "IX_open";
  open.is_disabled = true;
  open.fill_factor = 80;
  open.filter = "([Id] IS NOT NULL)";
  open.compression = "PAGE";
  open.columns = {{"it's", false, false}, {"Id", false, true}};
  table.indexes = {key, open};
  table.checks.push_back({"CK_a", "([Id]>(0))", true, false, true});
  CatalogForeignKey foreign;
  foreign.name = "FK_a";
  foreign.columns = {"Id"};
  foreign.referenced = {"dbo", "Or]ders"};
  foreign.referenced_columns = {"Id"};
  foreign.on_delete = "SET NULL";
  table.foreign_keys.push_back(foreign);
  return table;
}

Catalog shop() {
  Catalog catalog;
  catalog.database = "shop";
  catalog.collation = "SQL_Latin1_General_CP1_CI_AS";
  catalog.options = {"RECURSIVE_TRIGGERS ON", "RECOVERY FULL"};
  catalog.schemas = {{"sales", "clerk"}};
  catalog.tables = {orders()};
  CatalogSequence sequence;
  sequence.name = {"dbo", "n"};
  sequence.type = "bigint";
  sequence.start = "10";
  sequence.increment = "5";
  sequence.minimum = "1";
  sequence.maximum = "1000";
  sequence.current = "25";
  catalog.sequences = {sequence};
  CatalogModule view;
  view.name = {"dbo", "v"};
  view.definition = "-- GO\nCREATE VIEW v AS SELECT 1 AS a\nGO\n";
  CatalogModule trigger;
  trigger.kind = ModuleKind::trigger;
  trigger.name = {"dbo", "t"};
  trigger.parent = {"dbo", "Or]ders"};
  trigger.definition = "create trigger [dbo].[t] on [Or]]ders] after insert as return";
  trigger.quoted_identifier = false;
  trigger.is_disabled = true;
  catalog.modules = {view, trigger};
  catalog.users = {{"app", "shop_login", "dbo", 'S', false}};
  catalog.roles = {{"clerk", "dbo", false}};
  catalog.memberships = {{"clerk", "app"}};
  catalog.permissions = {{"GRANT SELECT TO [clerk]"}};
  catalog.properties = {{"MS_Description", "it's", {"SCHEMA", "dbo", "TABLE", "Or]ders"}}};
  return catalog;
}

std::vector<std::string> of_stage(const std::vector<Statement>& statements, Stage stage) {
  std::vector<std::string> texts;
  for (const Statement& statement : statements)
    if (statement.stage == stage) texts.push_back(statement.sql);
  return texts;
}

using Texts = std::vector<std::string>;

TEST(SqlServerScript, ATableIsMadeAgainWithAllThatBelongsToIt) {
  const auto statements = statements_of(shop());
  EXPECT_EQ(of_stage(statements, Stage::tables),
            (Texts{"CREATE TABLE [dbo].[Or]]ders] (\n"
                   "  [Id] int IDENTITY(1,2) NOT NULL,\n"
                   "  [it's] nvarchar(20) COLLATE Latin1_General_CS_AS NULL CONSTRAINT [DF_name]"
                   " DEFAULT (N'x'),\n"
                   "  [total] AS ([Id]*(2)) PERSISTED NOT NULL,\n"
                   "  [stamp] timestamp NULL\n)"}));
  EXPECT_EQ(of_stage(statements, Stage::order),
            (Texts{"ALTER TABLE [dbo].[Or]]ders] ADD CONSTRAINT [PK_o] PRIMARY KEY CLUSTERED"
                   " ([Id] DESC)"}));
  EXPECT_EQ(of_stage(statements, Stage::indexes),
            (Texts{"CREATE NONCLUSTERED INDEX [IX_open] ON [dbo].[Or]]ders] ([it's]) INCLUDE"
                   " ([Id]) WHERE ([Id] IS NOT NULL) WITH (FILLFACTOR = 80, DATA_COMPRESSION ="
                   " PAGE)"}));
  EXPECT_EQ(of_stage(statements, Stage::checks),
            (Texts{"ALTER TABLE [dbo].[Or]]ders] WITH NOCHECK ADD CONSTRAINT [CK_a] CHECK"
                   " ([Id]>(0))"}));
  EXPECT_EQ(of_stage(statements, Stage::foreign_keys),
            (Texts{"ALTER TABLE [dbo].[Or]]ders] ADD CONSTRAINT [FK_a] FOREIGN KEY"
                   " ([Id]) REFERENCES [dbo].[Or]]ders] ([Id]) ON DELETE SET NULL"}));
  EXPECT_EQ(of_stage(statements, Stage::disabling),
            (Texts{"ALTER INDEX [IX_open] ON [dbo].[Or]]ders] DISABLE",
                   "ALTER TABLE [dbo].[Or]]ders] NOCHECK CONSTRAINT [CK_a]",
                   "DISABLE TRIGGER [dbo].[t] ON [dbo].[Or]]ders]"}));
}

TEST(SqlServerScript, CountersGoOnBehindTheLastValueAlsoInAnEmptyTable) {
  const auto counters = of_stage(statements_of(shop()), Stage::counters);
  EXPECT_EQ(counters,
            (Texts{"ALTER SEQUENCE [dbo].[n] RESTART WITH 25",
                   "DECLARE @given bigint; SET @given = NEXT VALUE FOR [dbo].[n]",
                   "DBCC CHECKIDENT (N'[dbo].[Or]]ders]', RESEED, 41) WITH NO_INFOMSGS",
                   "DBCC CHECKIDENT (N'[dbo].[Or]]ders]', RESEED, 43) WITH NO_INFOMSGS"}));
}

TEST(SqlServerScript, WhatTheServerMakesByItselfIsNoPartOfRows) {
  const SqlTable rows = orders().rows();
  ASSERT_EQ(rows.columns.size(), 2U);
  EXPECT_EQ(rows.columns[1].name, "it's");
  EXPECT_EQ(rows.computed, (std::vector<std::string>{"total", "stamp"}));
  EXPECT_EQ(rows.primary_key, std::vector<std::string>{"Id"});
  const SqlTable again = parse_table(Json::parse(to_json(rows).dump(), "a table"));
  ASSERT_EQ(again.columns.size(), 2U);
  EXPECT_EQ(again.columns[1].declared(), "nvarchar(20)");
  EXPECT_TRUE(again.columns[0].is_identity);
  EXPECT_FALSE(again.columns[0].is_nullable);
}

TEST(SqlServerScript, AScriptIsReadAgainAsItWasAlsoWithBatchesThatLookLikeTheirEnd) {
  const auto statements = statements_of(shop());
  const std::string script = script_of(statements);
  const auto again = parse_script(script);
  ASSERT_EQ(again.size(), statements.size());
  for (std::size_t i = 0; i < again.size(); ++i) {
    EXPECT_EQ(again[i].sql, statements[i].sql);
    EXPECT_EQ(again[i].kind, statements[i].kind);
    EXPECT_EQ(again[i].stage, statements[i].stage);
    EXPECT_EQ(again[i].quoted_identifier, statements[i].quoted_identifier);
    EXPECT_EQ(again[i].hashed, statements[i].hashed);
    EXPECT_EQ(again[i].table, statements[i].table);
  }
  EXPECT_NE(script.find("SET ANSI_NULLS ON; SET QUOTED_IDENTIFIER OFF;\nGO\n"), std::string::npos);
  for (std::size_t cut = 1; cut < 200; ++cut) {
    // A cut within the last statement is found; between two it cannot be.
    EXPECT_NO_THROW({
      try {
        static_cast<void>(parse_script(script.substr(0, script.size() - cut)));
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::corrupt);
      }
    });
  }
  EXPECT_THROW(static_cast<void>(parse_script(
                   "-- holdfast: {\"stage\":\"tables\",\"kind\":\"table\",\"name\":\"a\","
                   "\"bytes\":18446744073709551615}\nCREATE\nGO\n")),
               Error);
  EXPECT_THROW(static_cast<void>(parse_script("-- holdfast: {\"stage\":\"never\",\"kind\":\"a\","
                                              "\"name\":\"a\",\"bytes\":0}\n\nGO\n")),
               Error);
}

TEST(SqlServerScript, CodeIsMadeUnderItsNameOfToday) {
  CatalogModule module;
  module.kind = ModuleKind::procedure;
  module.name = {"sales", "new name"};
  const auto named = [&](const std::string& text) {
    module.definition = text;
    return module_text(module);
  };
  EXPECT_EQ(named("CREATE PROC old AS SELECT 1"), "CREATE PROC [sales].[new name] AS SELECT 1");
  EXPECT_EQ(
      named("/* a /* b */ */ create\n or alter -- x\n procedure [a]]b] . \"c\"\"d\"@x int AS"),
      "/* a /* b */ */ create\n or alter -- x\n procedure [sales].[new name]@x int AS");
  EXPECT_EQ(named("CREATE PROCEDURE dbo.old;1 AS"), "CREATE PROCEDURE [sales].[new name];1 AS");
  for (const char* const text : {"", "DROP TABLE a", "CREATE VIEW v AS", "CREATE PROC [a", "CREATE",
                                 "/* CREATE PROC a */", "EXEC('CREATE PROC a')"}) {
    module.definition = text;
    EXPECT_THROW(static_cast<void>(module_text(module)), Error) << text;
  }
}

TEST(SqlServerScript, DefinitionsAreHashedWithoutWhatStandsElsewhere) {
  const auto hash_of = [](const Catalog& catalog, const std::string& kind) {
    for (const model::ObjectFacts& object : objects_of(statements_of(catalog)))
      if (object.kind == kind) return object.definition_sha256;
    return std::string();
  };
  Catalog other = shop();
  other.sequences[0].start = "25";
  other.sequences[0].current = "30";
  EXPECT_EQ(hash_of(shop(), "sequence"), hash_of(other, "sequence"));
  other.sequences[0].maximum = "999";
  EXPECT_NE(hash_of(shop(), "sequence"), hash_of(other, "sequence"));
  other.modules[1].quoted_identifier = true;
  EXPECT_NE(hash_of(shop(), "trigger"), hash_of(other, "trigger"));
  other.modules[0].definition = "-- GO\nCREATE VIEW dbo.[v] AS SELECT 1 AS a\nGO\n";
  EXPECT_EQ(hash_of(shop(), "view"), hash_of(other, "view")) << "a name written otherwise";
  for (const char* const kind :
       {"option", "user", "role", "right", "counter", "identity", "member"})
    EXPECT_EQ(hash_of(shop(), kind), "") << kind;
  for (const char* const kind :
       {"table", "primary key", "index", "check", "foreign key", "trigger", "disabled trigger",
        "disabled check", "disabled index", "schema", "extended property"})
    EXPECT_NE(hash_of(shop(), kind), "") << kind;
}

TEST(SqlServerScript, RightsComeLastAndLoginsAreTheServers) {
  const auto statements = statements_of(shop());
  EXPECT_EQ(of_stage(statements, Stage::users),
            (Texts{"CREATE ROLE [clerk]",
                   "CREATE USER [app] FOR LOGIN [shop_login] WITH DEFAULT_SCHEMA = [dbo]"}));
  EXPECT_EQ(of_stage(statements, Stage::rights),
            (Texts{"ALTER DATABASE CURRENT SET RECOVERY FULL",
                   "ALTER AUTHORIZATION ON SCHEMA::[sales] TO [clerk]",
                   "ALTER ROLE [clerk] ADD MEMBER [app]", "GRANT SELECT TO [clerk]"}));
  EXPECT_TRUE(std::ranges::is_sorted(statements, {}, &Statement::stage));
  Catalog catalog = shop();
  catalog.users[0].login = "a\nDROP TABLE b";
  EXPECT_NE(prerequisites_of(catalog).find("-- CREATE LOGIN [aDROP TABLE b]"), std::string::npos);
}

TEST(SqlServerScript, WhatIsLeftOutHasNoStatement) {
  Catalog catalog = shop();
  catalog.tables[0].left_out = "it is in memory";
  for (const Statement& statement : statements_of(catalog)) {
    EXPECT_NE(statement.stage, Stage::tables);
    EXPECT_NE(statement.kind, "trigger");
  }
}

TEST(SqlServerScript, TablesThatKeepFormerRowsDoSoAfterTheyAreFilled) {
  Catalog catalog = shop();
  CatalogTable& table = catalog.tables[0];
  table.history = {"dbo", "former"};
  table.period_begin = "a";
  table.period_end = "b";
  table.columns[1].is_hidden = true;
  table.columns[1].mask = "default()";
  EXPECT_EQ(of_stage(statements_of(catalog), Stage::history),
            (Texts{"ALTER TABLE [dbo].[Or]]ders] ADD PERIOD FOR SYSTEM_TIME ([a], [b])",
                   "ALTER TABLE [dbo].[Or]]ders] ALTER COLUMN [it's] ADD HIDDEN",
                   "ALTER TABLE [dbo].[Or]]ders] ALTER COLUMN [it's] ADD MASKED WITH (FUNCTION ="
                   " N'default()')",
                   "ALTER TABLE [dbo].[Or]]ders] SET (SYSTEM_VERSIONING = ON (HISTORY_TABLE ="
                   " [dbo].[former]))"}));
}

TEST(SqlServerScript, OtherKindsOfIndexesAreMadeInTheirOwnWords) {
  Catalog catalog = shop();
  CatalogTable& table = catalog.tables[0];
  CatalogIndex store;
  store.name = "cs";
  store.kind = IndexKind::clustered_columnstore;
  CatalogIndex part;
  part.name = "ncs";
  part.kind = IndexKind::nonclustered_columnstore;
  part.columns = {{"Id", false, true}, {"it's", false, true}};
  CatalogIndex xml;
  xml.name = "x";
  xml.kind = IndexKind::xml;
  xml.columns = {{"doc", false, false}};
  CatalogIndex path = xml;
  path.name = "xp";
  path.xml_primary = "x";
  path.xml_use = "PATH";
  table.indexes = {store, part, xml, path};
  EXPECT_EQ(of_stage(statements_of(catalog), Stage::order),
            (Texts{"CREATE CLUSTERED COLUMNSTORE INDEX [cs] ON [dbo].[Or]]ders]"}));
  EXPECT_EQ(of_stage(statements_of(catalog), Stage::indexes),
            (Texts{"CREATE NONCLUSTERED COLUMNSTORE INDEX [ncs] ON [dbo].[Or]]ders] ([Id], [it's])",
                   "CREATE PRIMARY XML INDEX [x] ON [dbo].[Or]]ders] ([doc])",
                   "CREATE XML INDEX [xp] ON [dbo].[Or]]ders] ([doc]) USING XML INDEX [x] FOR"
                   " PATH"}));
}

TEST(SqlServerScript, PartsOfTwoTablesAreNeverOne) {
  EXPECT_EQ(rows_part({"dbo", "Or ders"}), "tables/dbo.Or%20ders.bcp");
  EXPECT_NE(rows_part({"a.b", "c"}), rows_part({"a", "b.c"}));
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
