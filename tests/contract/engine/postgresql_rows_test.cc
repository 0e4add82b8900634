// SPDX-License-Identifier: Apache-2.0
// How rows go to a server: as COPY's binary format where that says the same as their text, against
// what the server itself writes, and as text where it might not.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <fstream>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "contract/engine/postgresql_copies.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/copy_binary.h"
#include "engine/postgresql/location.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

class PostgresqlRows : public PostgresqlCopies {
 protected:
  static void SetUpTestSuite() { server().clean(); }
  void TearDown() override { server().clean(); }
};

// Each type that is sent in the binary format, over its range, against the server's own.
TEST_F(PostgresqlRows, SendsValuesAsTheServerWritesThem) {
  using engine::postgresql::BinaryForm;
  using engine::postgresql::BinaryRows;
  struct Values {
    const char* type;
    const char* of_n;     // for n from 0 to 19999
    const char* special;  // more rows
  };
  constexpr std::array<Values, 19> all{{
      {"int2", "(n * 3 - 30000)", "(-32768), (0), (32767)"},
      {"int4", "(n * 214748::int8 - 2147483648)", "(-2147483648), (-1), (2147483647)"},
      {"int8", "((n - 10000) * 922337203685477)", "(-9223372036854775808), (9223372036854775807)"},
      {"oid", "(n * 214748::int8)", "(0), (4294967295)"},
      {"bool", "(n % 3 = 0)", "(true), (false)"},
      {"float4", "((n - 10000) * 1.7 ^ ((n % 81) - 40))",
       "('NaN'), ('Infinity'), ('-Infinity'), ('-0'), ('1e-45'), ('3.4028235e38')"},
      {"float8", "((n - 10000) * 1.9 ^ ((n % 401) - 200))",
       "('NaN'), ('Infinity'), ('-Infinity'), ('-0'), ('5e-324'), ('1.7976931348623157e308')"},
      {"numeric",
       "(((n - 10000) * 12345678.9)::numeric ^ (n % 5) * round(n / 7.0, n % 17) / 10 ^ (n % 23))",
       "('NaN'), (0), (0.0000), (1e200), (-1e-200), (10000), (0.0001), (-99999999.99990000), "
       "(1e5000), (1e-5000), (-1e2999 - 1e-2999)"},
      {"text", "repeat(chr(n % 1000 + 1), n % 50)", "(''), (E'\\\\\t\n\r\b\f\v'), ('😀')"},
      {"varchar(90)", "repeat(chr(n % 1000 + 1), n % 50)", "(''), ('\\N')"},
      {"char(60)", "repeat(chr(n % 1000 + 1), n % 50)", "(''), (' a ')"},
      {"json", "json_build_object(n, chr(n % 1000 + 1))", "('null'), (' [1 ,2] ')"},
      {"jsonb", "json_build_object(n, chr(n % 1000 + 1))::jsonb", "('null'), ('\"\\\\\"')"},
      {"bytea", "decode(repeat(lpad(to_hex(n % 65536), 4, '0'), n % 40), 'hex')", "('')"},
      {"uuid", "md5(n::text)::uuid", "('ffffffff-ffff-ffff-ffff-ffffffffffff')"},
      {"date", "(date '4713-01-01 BC' + n * 107000)",
       "('infinity'), ('-infinity'), ('5874897-12-31'), ('4714-11-24 BC'), ('0001-12-31 BC'),"
       " ('0001-01-01'), ('2000-02-29'), ('1900-02-28')"},
      {"time", "(time '00:00' + n * interval '4.319999 seconds')",
       "('24:00'), ('23:59:59.999999')"},
      {"timestamp", "(timestamp '4713-01-01 BC' + n * interval '5400 days 01:02:03.456789')",
       "('infinity'), ('-infinity'), ('294276-12-31 23:59:59.999999'), ('1999-12-31 23:59:59.9')"},
      {"timestamptz", "(timestamptz '4713-01-01 BC' + n * interval '5400 days 01:02:03.456789')",
       "('infinity'), ('-infinity'), ('294276-12-31 23:59:59.999999+00'), ('0044-03-15 BC')"},
  }};
  server().make_database("values", "");
  const fs::path text_file = scratch_.path() / "text";
  const fs::path binary_file = scratch_.path() / "binary";
  for (const Values& values : all) {
    SCOPED_TRACE(values.type);
    const std::string type_name = server().psql(
        "values",
        fmt::format("SET timezone = 'UTC'; SET extra_float_digits = 3;"
                    "CREATE TABLE v (v {0}); INSERT INTO v VALUES (NULL), {2};"
                    "INSERT INTO v SELECT ({1})::{0} FROM generate_series(0, 19999) n;\n"
                    "\\copy v to '{3}'\n\\copy v to '{4}' (format binary)\n"
                    "SELECT typname FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid"
                    " WHERE attrelid = 'v'::regclass AND attname = 'v'; DROP TABLE v;",
                    values.type, values.of_n, values.special, text_file.native(),
                    binary_file.native()));
    const auto form = engine::postgresql::binary_form_of(type_name.substr(0, type_name.find('\n')));
    ASSERT_TRUE(form.has_value()) << type_name;
    BinaryRows rows({*form});
    Bytes binary;
    BinaryRows::begin(binary);
    std::ifstream lines(text_file, std::ios::binary);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count)
      ASSERT_TRUE(rows.add(line, binary)) << line;
    BinaryRows::end(binary);
    EXPECT_GT(count, 20'000U);
    expect_equal(read_text_file(binary_file), std::string(as_text(binary)));
  }
}

// A check that fails a row says how it came.
TEST_F(PostgresqlRows, SendsRowsAsBinaryWhereItCan) {
  const std::string how =
      "CREATE FUNCTION public.binary() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN"
      " RETURN current_query() NOT LIKE 'COPY%' OR current_query() LIKE '%FORMAT binary%'; END$$;"
      "CREATE FUNCTION public.words() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN"
      " RETURN current_query() NOT LIKE 'COPY%' OR current_query() LIKE '%FORMAT text%'; END$$;";
  server().make_database(
      "kinds",
      how +
          "CREATE DOMAIN year AS int CHECK (VALUE > 1900);"
          "CREATE TABLE narrowed (a numeric(10,2), b varchar(3), c char(5), d timestamp(0), e "
          "time(1),"
          " CHECK (public.binary()));"
          "INSERT INTO narrowed VALUES (1.005, 'abc', 'a', '2026-11-20 10:00:00.7', '10:00:00.77'),"
          " (NULL, '', '', 'infinity', NULL);"
          "CREATE TABLE many (a int CHECK (public.binary()), b text);"
          "INSERT INTO many SELECT n, repeat('x', n % 300) FROM generate_series(1, 50000) n;"
          "CREATE TABLE empty (a int CHECK (public.binary()));"
          "CREATE TABLE of_domain (a year CHECK (public.words())); INSERT INTO of_domain VALUES "
          "(2026);"
          "CREATE TABLE of_array (a int[] CHECK (public.words())); INSERT INTO of_array VALUES "
          "('{1}');");
  const auto copy = back_up("kinds");
  engine().load(copy->parts, copy->facts, server().endpoint("again"), options(), {});
  expect_equal(dump("kinds"), dump("again"));
  for (const auto& [encoding, letter] :
       std::vector<std::pair<std::string, int>>{{"LATIN1", 228}, {"SQL_ASCII", 98}}) {
    SCOPED_TRACE(encoding);
    server().psql("postgres", fmt::format("CREATE DATABASE other ENCODING '{}' LC_COLLATE 'C'"
                                          " LC_CTYPE 'C' TEMPLATE template0",
                                          encoding));
    server().psql("other", fmt::format("{}CREATE TABLE t (a text CHECK (public.words()));"
                                       "INSERT INTO t VALUES (chr({}))",
                                       how, letter));
    const auto raw = back_up("other");
    engine().load(raw->parts, raw->facts, server().endpoint("more"), options(), {});
    expect_equal(dump("other"), dump("more"));
    drop("other");
    drop("more");
  }
}

TEST_F(PostgresqlRows, CopiesRowsThatAreWrittenOtherwise) {
  server().make_database("plain",
                         "CREATE TABLE t (a int, b text); INSERT INTO t SELECT n, n::text"
                         " FROM generate_series(1, 5) n;"
                         "CREATE TABLE wide (a int, b text); INSERT INTO wide SELECT n,"
                         " repeat('x', CASE n WHEN 3 THEN 5000000 WHEN 2 THEN 65536 - 3"
                         " WHEN 4 THEN 1048576 - 3 ELSE n END) FROM generate_series(1, 6) n;");
  const auto copy = back_up("plain");
  const std::string before = dump("plain");
  const auto load = [&] {
    return error_of([&] {
      EXPECT_EQ(
          engine().load(copy->parts, copy->facts, server().endpoint("again"), options(), {}).rows,
          11U);
    });
  };
  Bytes& rows = copy->parts.at("tables/public/t/00000.copy");
  const std::string text(as_text(rows));
  ASSERT_EQ(text, "1\t1\n2\t2\n3\t3\n4\t4\n5\t5\n");
  const std::vector<std::string> ways{
      text,
      text.substr(0, text.size() - 1),
      text + "\\.\n",
      text + "\\.\nbehind the end\n",
      "+" + text,
      "1\t1\n2\t2\n3\t3\n+4\t4\n5\t\\065\n",
      "1\t1\r\n2\t2\r\n3\t3\r\n4\t4\r\n5\t5",
  };
  for (const std::string& written : ways) {
    SCOPED_TRACE(written);
    rows.clear();
    append(rows, written);
    EXPECT_EQ(load(), "");
    expect_equal(before, dump("again"));
    drop("again");
  }
  for (const auto& [written, refusal] : std::vector<std::pair<std::string, std::string>>{
           {"x" + text, "x1"},
           {"1\t1\n2\t2\n3\t3\r\n4\t4\n5\t5\n", "carriage return"},
           {"1\t1\n2\t2\n3\t3\n4\t4\n5\t5\r6\t6", "carriage return"},
           {"1\t1\n2\t2\n3\t3\n4\t4\n5\n", "missing data"}}) {
    SCOPED_TRACE(written);
    rows.clear();
    append(rows, written);
    EXPECT_NE(load().find(refusal), std::string::npos);
  }
}

TEST_F(PostgresqlRows, AnswersQuestionsOfAProfileAndNoneThatWrites) {
  const model::Endpoint endpoint = server().make_database(
      "asked", "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (2, NULL), (1, 'x')");
  EXPECT_TRUE(engine().probe(endpoint).abilities.statements);
  EXPECT_EQ(engine().query_rows(endpoint, "SELECT a, b FROM public.t ORDER BY a"),
            (std::vector<std::vector<std::string>>{{"1", "x"}, {"2", ""}}));
  EXPECT_TRUE(engine().query_rows(endpoint, "SELECT a FROM public.t WHERE a = 3").empty());
  const auto code_of = [&](const std::string& sql) -> std::optional<Errc> {
    try {
      static_cast<void>(engine().query_rows(endpoint, sql));
      return std::nullopt;
    } catch (const Error& error) {
      return error.code();
    }
  };
  EXPECT_EQ(code_of("DELETE FROM public.t"), Errc::usage);
  EXPECT_EQ(code_of("SELECT 1; SELECT 2"), Errc::usage);
  EXPECT_EQ(code_of("SELECT generate_series(1, 10001)"), Errc::unsupported);
  engine().execute(endpoint, "UPDATE public.t SET b = 'y' WHERE a = 2", {});
  EXPECT_EQ(server().psql("asked", "SELECT b FROM t ORDER BY a"), "x\ny\n");
  for (const char* uncounted : {"SELECT 1", "DO $$ BEGIN DELETE FROM public.t; END $$"})
    EXPECT_EQ(engine().execute(endpoint, uncounted, {}), std::nullopt) << uncounted;
}

TEST_F(PostgresqlRows, WhatWaitsForALockIsStopped) {
  const model::Endpoint endpoint = server().make_database("locked", "CREATE TABLE t (a int)");
  engine::postgresql::Connection holder(engine::postgresql::location_of(endpoint));
  holder.run("BEGIN; LOCK TABLE public.t");
  const auto code_of = [](const auto& body) -> std::optional<Errc> {
    std::stop_source stop;
    const std::jthread later([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      stop.request_stop();
    });
    try {
      body(stop.get_token());
      return std::nullopt;
    } catch (const Error& error) {
      return error.code();
    }
  };
  EXPECT_EQ(code_of([&](const std::stop_token& stop) {
              engine().execute(endpoint, "INSERT INTO public.t VALUES (1)", stop);
            }),
            Errc::cancelled);
  EXPECT_EQ(code_of([&](const std::stop_token& stop) {
              static_cast<void>(engine().query_rows(endpoint, "SELECT a FROM public.t", stop));
            }),
            Errc::cancelled);
  holder.run("ROLLBACK");
  EXPECT_EQ(server().psql("locked", "SELECT count(*) FROM t"), "0\n");
}

}  // namespace
}  // namespace holdfast::test
