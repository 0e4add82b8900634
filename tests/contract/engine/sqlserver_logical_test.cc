// SPDX-License-Identifier: Apache-2.0
// Copies by rows against a server that speaks TDS, named by the environment
// (harness/sqlserver_named.h). Databases whose names begin with holdfast_try_ are made there and
// dropped. What a server does not know is left out of what is made, and said.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <thread>

#include "base/ascii.h"
#include "engine/sqlserver/catalog.h"
#include "engine/sqlserver/database_snapshot.h"
#include "engine/sqlserver/define.h"
#include "engine/sqlserver/logical_hold.h"
#include "engine/sqlserver/logical_load.h"
#include "engine/sqlserver/schema_script.h"
#include "engine/sqlserver/target_database.h"
#include "harness/memory_parts.h"
#include "harness/sqlserver_named.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::string_view shop[] = {
    "CREATE SCHEMA sales",
    "CREATE TYPE dbo.phone FROM varchar(30) NOT NULL",
    "CREATE SEQUENCE dbo.numbers AS bigint START WITH 10 INCREMENT BY 5 MINVALUE 1 MAXVALUE 1000",
    "CREATE TABLE dbo.customers (id int IDENTITY(7,3) NOT NULL CONSTRAINT pk_customers PRIMARY KEY,"
    " name nvarchar(80) NOT NULL, phone dbo.phone, born date NULL, stamp rowversion,"
    " created datetime2(7) NOT NULL CONSTRAINT df_created DEFAULT '2001-02-03',"
    " CONSTRAINT ck_name CHECK (name <> ''))",
    "CREATE TABLE sales.orders (id bigint NOT NULL CONSTRAINT pk_orders PRIMARY KEY,"
    " customer int NOT NULL CONSTRAINT fk_customer REFERENCES dbo.customers (id) ON DELETE CASCADE,"
    " price decimal(18,4) NOT NULL, amount int NOT NULL CONSTRAINT df_amount DEFAULT (1),"
    " total AS (price * amount), note nvarchar(max) NULL, picture varbinary(max) NULL,"
    " key_guid uniqueidentifier NULL, paid bit NULL, at datetime NULL, rate float NULL,"
    " weight real NULL, code char(5) NULL, big bigint NULL, small smallint NULL, tiny tinyint NULL,"
    " cost money NULL, zone datetimeoffset(7) NULL, clock time(7) NULL, fixed binary(4) NULL)",
    "CREATE TABLE dbo.[odd name] ([a b] int NULL, [it's] nvarchar(20) NULL)",
    "CREATE TABLE dbo.empty_one (id int IDENTITY(1,1) NOT NULL, v varchar(10))",
    "CREATE UNIQUE INDEX ux_orders ON sales.orders (customer, id)",
    "CREATE INDEX ix_price ON sales.orders (price DESC) INCLUDE (amount)",
    "CREATE INDEX ix_unpaid ON sales.orders (customer) WHERE paid = 0",
    "CREATE VIEW dbo.dear AS SELECT id, customer FROM sales.orders WHERE price > 10",
    "CREATE VIEW dbo.a_dear AS SELECT id FROM dbo.dear",
    "CREATE PROCEDURE dbo.count_orders AS SELECT COUNT(*) FROM sales.orders",
    "CREATE FUNCTION dbo.twice (@x int) RETURNS int AS BEGIN RETURN 2 * @x END",
    "INSERT INTO dbo.customers (name, phone, born) VALUES (N'Ann', '1', '1999-12-31'),"
    " (N'Zoë ☃', '2', NULL), (N'Ünal', '3', '0001-01-01')",
    "INSERT INTO sales.orders (id, customer, price, note, picture, key_guid, paid, at, rate, "
    "weight,"
    " code, big, small, tiny, cost, zone, clock, fixed) VALUES"
    " (1, 7, 12.5, N'first', 0x00FF, '6F9619FF-8B86-D011-B42D-00C04FC964FF', 1,"
    " '2003-02-01T11:22:33.123', 1.1, 0.25, 'ab', 9223372036854775807, -32768, 255, -1.2345,"
    " '2003-02-01 11:22:33.123456 +04:55', '23:59:59.999999', 0x01020304),"
    " (2, 10, 0.0001, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
    " NULL, NULL)",
    "INSERT INTO dbo.[odd name] VALUES (1, N'it''s')",
    "CREATE TRIGGER dbo.tr_customers ON dbo.customers AFTER INSERT AS BEGIN SET NOCOUNT ON END",
    "SELECT NEXT VALUE FOR dbo.numbers",
    "EXEC sys.sp_addextendedproperty @name = N'MS_Description', @value = N'who buys',"
    " @level0type = N'SCHEMA', @level0name = N'dbo', @level1type = N'TABLE',"
    " @level1name = N'customers'",
    "CREATE ROLE clerks",
    "GRANT SELECT ON sales.orders TO clerks",
};

class SqlServerLogical : public testing::Test {
 protected:
  void SetUp() override {
    const auto named = test::sqlserver_named();
    if (!named) GTEST_SKIP() << test::no_sqlserver;
    server_ = *named;
    admin_ = std::make_unique<Session>(location_of(server_), server_.password.get(), false);
    drop_all();  // of a run that was killed
  }
  void TearDown() override {
    if (admin_) drop_all();
  }
  void drop_all() {
    for (const auto& row : admin_->query("SELECT name FROM sys.databases WHERE name LIKE"
                                         " 'holdfast_try_%' ORDER BY source_database_id DESC"))
      drop_database(*admin_, row[0].value_or(""));
  }
  [[nodiscard]] model::Endpoint at(const std::string& database) const {
    model::Endpoint endpoint = server_;
    endpoint.uri = uri_of(location_of(server_), database);
    endpoint.user = location_of(server_).user;
    return endpoint;
  }
  [[nodiscard]] std::unique_ptr<Session> session(const std::string& database) const {
    const model::Endpoint endpoint = at(database);
    return std::make_unique<Session>(location_of(endpoint), endpoint.password.get(), true);
  }
  model::Endpoint make_shop(const std::string& name) {
    admin_->run("CREATE DATABASE " + identifier(name));
    const auto there = session(name);
    static_cast<void>(
        admin_->try_run("ALTER DATABASE " + identifier(name) + " SET ALLOW_SNAPSHOT_ISOLATION ON"));
    for (const std::string_view sql : shop) {
      for (const Message& message : there->try_run(sql))
        std::cout << "not known here: " << sql.substr(0, 60) << ": " << message.display() << "\n";
    }
    return at(name);
  }
  struct Copy {
    model::DatabaseFacts facts;
    test::MemoryPartSource parts;
  };
  static std::unique_ptr<Copy> take(Hold& hold) {
    auto copy = std::make_unique<Copy>();
    copy->facts.name = "copied";
    for (const model::Part& part : hold.parts(0)) {
      test::MemoryPartSink sink;
      hold.copy(0, part, sink, {});
      copy->parts.put(part.path, sink.content());
    }
    hold.describe(0, copy->facts);
    hold.release();
    return copy;
  }
  std::unique_ptr<Copy> back_up(const model::Endpoint& endpoint) {
    const auto hold = make_logical_hold({&endpoint, 1}, {});
    hold->capture();
    return take(*hold);
  }
  static LoadOptions options() {
    LoadOptions options;
    options.kept_suffix = "_before_20261120T105601Z";
    options.parallel = 3;
    return options;
  }
  static std::string content(const model::DatabaseFacts& facts) {
    std::string text;
    for (const auto& table : facts.tables)
      text += table.schema + "." + table.table + " " + std::to_string(table.rows) + " " +
              table.digest + "\n";
    for (const auto& object : facts.objects)
      text += object.kind + " " + object.name + " " + object.definition_sha256 + "\n";
    return text;
  }
  static void expect_same(model::DatabaseFacts found, model::DatabaseFacts expected) {
    harmonize_logical(expected, found);
    EXPECT_EQ(content(found), content(expected));
  }
  static model::DatabaseFacts described(const model::Endpoint& endpoint) {
    model::DatabaseFacts facts;
    describe_database(endpoint, facts, {});
    return facts;
  }
  [[nodiscard]] std::vector<std::string> databases() {
    std::vector<std::string> names;
    for (const auto& row : admin_->query("SELECT name FROM sys.databases WHERE name LIKE"
                                         " 'holdfast_try_%' ORDER BY name"))
      names.push_back(row[0].value_or(""));
    return names;
  }
  static void tell(const LoadReport& report) {
    for (const std::string& line : report.left_out) std::cout << "left out: " << line << "\n";
    for (const std::string& line : report.notes) std::cout << "note: " << line << "\n";
    for (const std::string& line : report.kept) std::cout << "kept: " << line << "\n";
  }
  template <typename Body>
  static Errc code_of(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      std::cout << "refused: " << error.what() << "\n";
      return error.code();
    }
    ADD_FAILURE() << "nothing was refused";
    return Errc::bug;
  }

  model::Endpoint server_;
  std::unique_ptr<Session> admin_;
};

TEST_F(SqlServerLogical, WhatIsCopiedIsThereAgainInAnotherDatabase) {
  const model::Endpoint from = make_shop("holdfast_try_shop");
  const auto copy = back_up(from);
  for (const Json& line : copy->facts.engine_facts.at("left_out").as_array())
    std::cout << "not carried: " << line.as_string() << "\n";
  for (const Json& line : copy->facts.engine_facts.at("unobservable").as_array())
    std::cout << "unobservable: " << line.as_string() << "\n";
  EXPECT_GE(copy->facts.tables.size(), 4U);
  expect_same(described(from), copy->facts);
  const model::Endpoint into = at("holdfast_try_again");
  const LoadReport report = load_logical(copy->parts, copy->facts, into, options(), {});
  tell(report);
  expect_same(described(into), copy->facts);
  EXPECT_EQ(report.rows, 6U);
  ASSERT_TRUE(report.found);
  expect_same(*report.found, copy->facts);
  // Identities and sequences go on where they stood.
  const auto there = session("holdfast_try_again");
  there->run("INSERT INTO dbo.customers (name, phone) VALUES (N'new', '4')");
  EXPECT_EQ(there->value("SELECT MAX(id) FROM dbo.customers"), "16");
  if (there->value("SELECT COUNT(*) FROM sys.sequences") != "0") {
    EXPECT_EQ(there->value("SELECT NEXT VALUE FOR dbo.numbers"), "15");
  }
}

TEST_F(SqlServerLogical, ARowWrittenAfterTheMomentIsNotInTheCopy) {
  const model::Endpoint from = make_shop("holdfast_try_shop");
  const auto hold = make_logical_hold({&from, 1}, {});
  hold->capture();
  session("holdfast_try_shop")->run("INSERT INTO dbo.[odd name] VALUES (2, N'late')");
  const auto copy = take(*hold);
  for (const model::TableFacts& table : copy->facts.tables) {
    if (table.table == "odd name") {
      EXPECT_EQ(table.rows, 1U);
    }
  }
  std::cout << "isolation: " << copy->facts.engine_facts.at("isolation").as_string() << " "
            << copy->facts.engine_facts.string_or("isolation_why", "") << "\n";
}

TEST_F(SqlServerLogical, ADatabaseThatIsThereIsKeptUnderAnotherNameWhereTheServerCanRename) {
  const model::Endpoint from = make_shop("holdfast_try_shop");
  const auto copy = back_up(from);
  session("holdfast_try_shop")->run("INSERT INTO dbo.[odd name] VALUES (3, N'newer')");
  {
    // Some servers count them for users of the database when they are gone.
    std::vector<std::unique_ptr<Session>> crowd;
    for (int i = 0; i < 5; ++i) crowd.push_back(session("holdfast_try_shop"));
  }
  LoadOptions how = options();
  EXPECT_EQ(
      code_of([&] { static_cast<void>(load_logical(copy->parts, copy->facts, from, how, {})); }),
      Errc::exists);
  how.replace = true;
  std::vector<Json> undos;
  how.before_change = [&](std::string_view what, const Json& undo) {
    std::cout << "change: " << what << "\n";
    undos.push_back(undo);
  };
  bool loses_properties = false;
  try {
    const LoadReport report = load_logical(copy->parts, copy->facts, from, how, {});
    tell(report);
    EXPECT_EQ(report.kept.size(), 1U);
    loses_properties = std::ranges::any_of(report.left_out, [](const std::string& line) {
      return line.find("extended properties are seen") != std::string::npos;
    });
  } catch (const Error& error) {
    if (error.code() != Errc::unsupported) throw;
    GTEST_SKIP() << error.what();
  }
  model::DatabaseFacts expected = copy->facts;
  // What the server loses is told, and nothing else is lost.
  if (loses_properties)
    std::erase_if(expected.objects, [](const model::ObjectFacts& object) {
      return object.kind == "extended property";
    });
  expect_same(described(from), expected);
  std::vector<std::string> there = databases();
  for (std::string& name : there) name = ascii_lower(name);  // as some servers keep names
  EXPECT_EQ(there, (std::vector<std::string>{"holdfast_try_shop",
                                             "holdfast_try_shop_before_20261120t105601z"}));
  EXPECT_TRUE(logical_stands(undos.back(), from));
  std::string left;
  for (auto undo = undos.rbegin(); undo != undos.rend(); ++undo) left += undo_logical(*undo, from);
  for (auto undo = undos.rbegin(); undo != undos.rend(); ++undo)
    EXPECT_EQ(undo_logical(*undo, from), "") << "an undo may be repeated";
  EXPECT_NE(left.find("holdfast_try_shop_holdfast_"), std::string::npos) << left;
  EXPECT_EQ(session("holdfast_try_shop")->value("SELECT COUNT(*) FROM dbo.[odd name]"), "2");
}

// Nobody is thrown out, and nothing is lost, while somebody else is there.
TEST_F(SqlServerLogical, ADatabaseThatIsInUseIsLeftAsItIsAndItsUserNamed) {
  const model::Endpoint from = make_shop("holdfast_try_shop");
  const auto copy = back_up(from);
  LoadOptions how = options();
  how.replace = true;
  const auto somebody = session("holdfast_try_shop");
  const auto findings = check_logical_target(copy->facts, from, how, {});
  const auto found = std::ranges::find(findings, "sqlserver-target-in-use", &model::Finding::code);
  ASSERT_NE(found, findings.end());
  EXPECT_EQ(found->severity, model::Severity::blocker);
  EXPECT_EQ(somebody->value("SELECT COUNT(*) FROM dbo.[odd name]"), "1");
  EXPECT_EQ(databases(), (std::vector<std::string>{"holdfast_try_shop"}));
}

TEST_F(SqlServerLogical, TablesAreDefinedForDatabasesOfAnotherKind) {
  const DefinedTables defined = define_live_tables(make_shop("holdfast_try_shop"), {});
  const auto customers = std::ranges::find_if(
      defined.tables, [](const auto& table) { return table.name.table == "customers"; });
  ASSERT_NE(customers, defined.tables.end());
  EXPECT_EQ(customers->primary_key, std::vector<std::string>{"id"});
  std::string columns;
  for (const model::ColumnDefinition& column : customers->columns)
    columns += fmt::format("{} {} ", column.name, column.length.value_or(0));
  // The row version, which no other database counts up, is no column.
  EXPECT_EQ(columns, "id 0 name 80 phone 30 born 0 created 0 ");
  std::string left;
  for (const std::string& line : defined.left) left += line + "\n";
  for (const char* const one : {"computed columns (1)", "rowversion columns (1)", "identities (2)",
                                "foreign keys (1)", "checks (1)", "views (2)", "procedures (1)"})
    EXPECT_NE(left.find(one), std::string::npos) << one << "\n" << left;
}

TEST_F(SqlServerLogical, AnEmptyDatabaseIsFilledAndCanBeEmptiedAgain) {
  const auto copy = back_up(make_shop("holdfast_try_shop"));
  admin_->run("CREATE DATABASE holdfast_try_empty");
  const model::Endpoint into = at("holdfast_try_empty");
  LoadOptions how = options();
  std::vector<Json> undos;
  how.before_change = [&](std::string_view, const Json& undo) { undos.push_back(undo); };
  tell(load_logical(copy->parts, copy->facts, into, how, {}));
  expect_same(described(into), copy->facts);
  ASSERT_EQ(undos.size(), 1U);
  EXPECT_EQ(undo_logical(undos[0], into), "");
  EXPECT_EQ(undo_logical(undos[0], into), "");
  EXPECT_FALSE(holds_anything(*session("holdfast_try_empty")));
}

TEST_F(SqlServerLogical, WhatIsChangedOnTheWayIsNotBelievedAndNothingStays) {
  const auto copy = back_up(make_shop("holdfast_try_shop"));
  for (model::TableFacts& table : copy->facts.tables) table.digest[0] = '~';
  const model::Endpoint into = at("holdfast_try_again");
  EXPECT_EQ(code_of([&] {
              static_cast<void>(load_logical(copy->parts, copy->facts, into, options(), {}));
            }),
            Errc::differs);
  EXPECT_EQ(databases(), (std::vector<std::string>{"holdfast_try_shop"}));
}

TEST_F(SqlServerLogical, ARehearsalStaysBesideForItsUndo) {
  const auto copy = back_up(make_shop("holdfast_try_shop"));
  const model::Endpoint into = at("holdfast_try_shop");
  LoadOptions how = options();
  how.only_beside = true;
  std::vector<Json> undos;
  how.before_change = [&](std::string_view, const Json& undo) { undos.push_back(undo); };
  const LoadReport report = load_logical(copy->parts, copy->facts, into, how, {});
  ASSERT_TRUE(report.beside);
  expect_same(described(*report.beside), copy->facts);
  for (auto undo = undos.rbegin(); undo != undos.rend(); ++undo)
    EXPECT_EQ(undo_logical(*undo, into), "");
  EXPECT_EQ(databases(), (std::vector<std::string>{"holdfast_try_shop"}));
}

TEST_F(SqlServerLogical, OneTableComesAloneIntoADatabaseOfItsOwn) {
  const auto copy = back_up(make_shop("holdfast_try_shop"));
  LoadOptions how = options();
  how.tables = {{"sales", "orders"}};
  const model::Endpoint into = at("holdfast_try_one");
  const LoadReport report = load_logical(copy->parts, copy->facts, into, how, {});
  tell(report);
  const model::DatabaseFacts found = described(into);
  ASSERT_EQ(found.tables.size(), 1U);
  EXPECT_EQ(found.tables[0].rows, 2U);
  how.tables = {{"", "nothing"}};
  EXPECT_EQ(
      code_of([&] { static_cast<void>(load_logical(copy->parts, copy->facts, into, how, {})); }),
      Errc::not_found);
}

TEST_F(SqlServerLogical, AStopEndsACopyAndALoadWithNothingLeft) {
  const model::Endpoint from = make_shop("holdfast_try_shop");
  const auto there = session("holdfast_try_shop");
  for (int i = 0; i < 12; ++i)
    there->run(
        "INSERT INTO dbo.empty_one (v) SELECT TOP (20000) 'x' FROM sys.all_columns a"
        " CROSS JOIN sys.all_columns b");
  const auto copy = back_up(from);
  std::stop_source stop;
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    stop.request_stop();
  });
  const model::Endpoint into = at("holdfast_try_again");
  try {
    static_cast<void>(load_logical(copy->parts, copy->facts, into, options(), stop.get_token()));
    std::cout << "the load was faster than its stop\n";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled) << error.what();
    EXPECT_EQ(databases(), (std::vector<std::string>{"holdfast_try_shop"}));
  }
  stopper.join();
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
