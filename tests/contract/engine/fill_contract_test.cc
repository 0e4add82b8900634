// SPDX-License-Identifier: Apache-2.0
// Engine::fill, for every engine that can.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <thread>

#include "base/crew.h"
#include "base/error.h"
#include "base/fd.h"
#include "contract/engine/fill_places.h"
#include "contract/engine/sqlserver_server.h"
#include "engine/mariadb/client.h"
#include "engine/registry.h"

namespace holdfast::test {
namespace {

using model::Row;
using model::Value;
using model::ValueKind;
using Tables = std::vector<model::NewTable>;
using Rows = std::vector<Row>;

std::string all_bytes(std::size_t size_bytes) {
  std::string bytes(size_bytes, '\0');
  for (std::size_t i = 0; i < size_bytes; ++i) bytes[i] = static_cast<char>(i + i / 256);
  return bytes;
}

Value bytes(std::string content) {
  return Value::of_kind(ValueKind::bytes, std::move(content));
}

// Whatever a format on the way may take for its own.
Rows awkward_rows() {
  using Limits = std::numeric_limits<std::int64_t>;
  Rows rows{
      {Value::integer(Limits::min()), bytes(all_bytes(256)), Value::of_text("Zoë 😀 \\ ' \" ;")},
      {Value::integer(Limits::max()), bytes(""), Value::of_text("")},
      {Value::integer(0), Value::null(), Value::null()},
      {Value::integer(-1), bytes(std::string(1, '\0')), Value::of_text("tab\tline\nreturn\r")},
      {Value::integer(1), bytes("\\N"), Value::of_text("\\N")},
      {Value::integer(2), bytes("\\.\n\\.\r\n\\"), Value::of_text("\\.")},
      {Value::integer(3), bytes("\t\n\\t\\0'\"`,()NULL\x1a"), Value::of_text("NULL\x1a")},
      {Value::integer(4), bytes(all_bytes(std::size_t{8} << 20U)), Value::of_text("wide")},
      {Value::integer(5), bytes(all_bytes(70'000)), Value::of_text(std::string(255, 'x'))},
  };
  for (int i = 100; i < 3000; ++i)
    rows.push_back({Value::integer(i), bytes(all_bytes(static_cast<std::size_t>(i))),
                    Value::of_text("row " + std::to_string(i))});
  return rows;
}

std::string digest_of(const Rows& rows) {
  model::RowHasher hasher;
  for (const Row& row : rows) hasher.add(row);
  return std::to_string(rows.size()) + " " + hasher.digest().hex();
}

class FillContract : public testing::TestWithParam<FillCase> {
 protected:
  void SetUp() override {
    place_ = GetParam().make();
    if (!place_) GTEST_SKIP() << no_sqlserver;
  }

  [[nodiscard]] FillPlace& place() { return *place_; }
  [[nodiscard]] const engine::Engine& engine() { return place_->engine(); }

  [[nodiscard]] std::unique_ptr<engine::Filling> fill(const model::Endpoint& into,
                                                      const Tables& tables,
                                                      std::stop_token stop = {}) {
    engine::LoadOptions options;
    options.scratch_directory = scratch_.path();
    options.parallel = 2;
    options.before_change = [this](std::string_view what, const Json& undo) {
      EXPECT_FALSE(what.empty());
      // As the journal has it.
      changes_.push_back(Json::parse(undo.dump(), "an undo"));
    };
    return engine().fill(into, tables, options, std::move(stop));
  }
  static void give(engine::Filling& filling, std::size_t table, const Rows& rows) {
    const auto sink = filling.rows(table);
    sink->columns({});
    for (const Row& row : rows) sink->row(row);
    sink->finish();
  }
  // Last first, as the journal does.
  void undo(const model::Endpoint& into) {
    for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
      engine().check_undo(*change, into);
      EXPECT_EQ(engine().undo(*change, into), "");
    }
  }
  // "rows digest", as the engine says; empty if there is no such table.
  std::string content(const model::Endpoint& endpoint, const model::NewTable& table) {
    model::DatabaseFacts facts;
    engine().describe(endpoint, facts, {});
    for (const model::TableFacts& one : facts.tables) {
      if (one.table == table.name.table) return std::to_string(one.rows) + " " + one.digest;
    }
    return "";
  }
  void expect_awkward(const model::Endpoint& endpoint) {
    const Tables tables{place().table("things"), place().numbered("numbers")};
    const Rows rows = awkward_rows();
    Rows numbers{{Value::integer(0), Value::of_text("nought")},
                 {Value::integer(41), Value::of_text("number")}};
    {
      const auto filling = fill(endpoint, tables);
      give(*filling, 0, rows);
      give(*filling, 1, numbers);
      filling->finish();
    }
    EXPECT_EQ(content(endpoint, tables[0]), digest_of(rows));
    EXPECT_EQ(content(endpoint, tables[1]), digest_of(numbers));
    place().run(endpoint, "insert into numbers (name) values ('next')");
    numbers.push_back({Value::integer(42), Value::of_text("next")});
    EXPECT_EQ(content(endpoint, tables[1]), digest_of(numbers));
  }
  template <typename Body>
  static Error error_of(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(Errc::bug, "nothing");
  }

  std::vector<Json> changes_;

 private:
  std::unique_ptr<FillPlace> place_;
  TemporaryDirectory scratch_{"holdfast-contract"};
};

INSTANTIATE_TEST_SUITE_P(Engines, FillContract,
                         testing::Values(FillCase{"postgresql", postgresql_place},
                                         FillCase{"mariadb", mariadb_place},
                                         FillCase{"sqlite", sqlite_place},
                                         FillCase{"derby", [] { return embedded_place("derby"); }},
                                         FillCase{"h2", [] { return embedded_place("h2"); }},
                                         FillCase{"sqlserver", sqlserver_place}),
                         [](const auto& tested) { return tested.param.name; });

TEST_P(FillContract, AwkwardRowsComeBackAsTheyWereGiven) {
  expect_awkward(place().make());
}

TEST_P(FillContract, ADatabaseIsMadeWhereNoneIsAndGoesWithItsUndo) {
  const auto absent = place().absent();
  if (!absent) {
    // Servers' databases are there before.
    const model::Endpoint endpoint = place().make();
    model::Endpoint nowhere = endpoint;
    nowhere.uri.replace(nowhere.uri.find("filled"), 6, "nowhere");
    EXPECT_NE(error_of([&] { static_cast<void>(fill(nowhere, {place().table("t")})); }).code(),
              Errc::bug);
    EXPECT_TRUE(changes_.empty());
    return;
  }
  const auto before = place().litter(*absent);
  expect_awkward(*absent);
  undo(*absent);
  EXPECT_EQ(place().litter(*absent), before);
  undo(*absent);
  EXPECT_EQ(place().litter(*absent), before);
}

TEST_P(FillContract, ATableThatIsThereIsNamedAndNothingChanged) {
  const model::Endpoint endpoint = place().make();
  place().run(endpoint, place().table("taken").make.front());
  const auto before = place().litter(endpoint);
  const Tables tables{place().table("fresh"), place().table("taken")};
  const Error error = error_of([&] { static_cast<void>(fill(endpoint, tables)); });
  EXPECT_EQ(error.code(), Errc::exists);
  EXPECT_NE(error.message().find(tables[1].name.table), std::string::npos) << error.message();
  EXPECT_TRUE(changes_.empty());
  EXPECT_EQ(place().litter(endpoint), before);
}

TEST_P(FillContract, RowsWithoutAnEndAreNotThere) {
  const model::Endpoint endpoint = place().make();
  const Tables tables{place().table("things")};
  const Rows some{{Value::integer(1), bytes("one"), Value::null()}};
  const auto filling = fill(endpoint, tables);
  {
    const auto sink = filling->rows(0);
    for (const Row& row : awkward_rows()) sink->row(row);
  }
  give(*filling, 0, some);
  give(*filling, 0, {});
  filling->finish();
  EXPECT_EQ(content(endpoint, tables[0]), digest_of(some));
}

TEST_P(FillContract, RowsThatDoNotFitAreRefusedAndTheRestStaysUsable) {
  const model::Endpoint endpoint = place().make();
  const Tables tables{place().table("things")};
  const Rows some{{Value::integer(1), bytes("one"), Value::null()}};
  const auto filling = fill(endpoint, tables);
  const auto refused = [&](const Row& row) {
    const Error error = error_of([&] { give(*filling, 0, {some[0], row}); });
    EXPECT_NE(error.code(), Errc::bug);
    EXPECT_NE(error.message().find(tables[0].name.table), std::string::npos) << error.message();
  };
  refused(some[0]);
  refused({Value::integer(2), Value::null(), Value::of_text(std::string(300, 'x'))});
  refused({Value::null(), Value::null(), Value::null()});
  refused({Value::number("9223372036854775808"), Value::null(), Value::null()});
  give(*filling, 0, some);
  filling->finish();
  EXPECT_EQ(content(endpoint, tables[0]), digest_of(some));
}

TEST_P(FillContract, SeveralSinksFillTheSameTables) {
  const model::Endpoint endpoint = place().make();
  const Tables tables{place().table("things"), place().numbered("numbers")};
  constexpr int sinks = 4, rows_each = 700;
  Rows things, numbers;
  const std::string wide = all_bytes(900);
  const auto thing = [&wide](int i) { return Row{Value::integer(i), bytes(wide), Value::null()}; };
  const auto number = [](int i) { return Row{Value::integer(i), Value::of_text("n")}; };
  for (int i = 1; i <= sinks * rows_each; ++i) {
    things.push_back(thing(i));
    numbers.push_back(number(i));
  }
  const auto filling = fill(endpoint, tables);
  {
    Crew crew;
    for (int sink = 0; sink < sinks; ++sink) {
      crew.start([&, sink](const std::stop_token&) {
        const auto begin = sink * rows_each;
        give(*filling, 0, Rows(things.begin() + begin, things.begin() + begin + rows_each));
        give(*filling, 1, Rows(numbers.begin() + begin, numbers.begin() + begin + rows_each));
      });
    }
    crew.join();
  }
  if (!place().takes_one_writer()) {
    // In turn, by one thread: none keeps another from going on.
    for (const std::size_t table : {0U, 1U}) {
      const auto one = filling->rows(table), other = filling->rows(table);
      Rows& rows = table == 0 ? things : numbers;
      for (int i = 1; i <= 20'000; ++i) {
        const int id = sinks * rows_each + i;
        rows.push_back(table == 0 ? thing(id) : number(id));
        (i % 2 == 0 ? one : other)->row(rows.back());
      }
      one->finish();
      other->finish();
    }
  }
  filling->finish();
  EXPECT_EQ(content(endpoint, tables[0]), digest_of(things));
  EXPECT_EQ(content(endpoint, tables[1]), digest_of(numbers));
}

TEST_P(FillContract, AnUndoTakesAwayWhatWasMadeAndNothingElse) {
  const model::Endpoint endpoint = place().make();
  place().run(endpoint, place().table("mine").make.front());
  const auto before = place().litter(endpoint);
  const Tables tables{place().table("things"), place().numbered("numbers")};
  for (const bool is_whole : {false, true}) {
    {
      const auto filling = fill(endpoint, tables);
      give(*filling, 0, {{Value::integer(1), bytes("one"), Value::null()}});
      give(*filling, 1, {{Value::integer(1), Value::of_text("one")}});
      if (is_whole) filling->finish();
    }
    const bool is_there = is_whole || !place().is_all_or_nothing();
    EXPECT_EQ(!changes_.empty(), is_there);
    EXPECT_EQ(place().litter(endpoint) != before, is_there);
    for (const Json& change : changes_) EXPECT_FALSE(engine().stands(change, endpoint));
    undo(endpoint);
    EXPECT_EQ(place().litter(endpoint), before);
    undo(endpoint);
    EXPECT_EQ(place().litter(endpoint), before);
    changes_.clear();
  }
}

TEST_P(FillContract, AStopRequestEndsIt) {
  const model::Endpoint endpoint = place().make();
  const auto before = place().litter(endpoint);
  std::stop_source stop;
  {
    const auto filling = fill(endpoint, {place().table("things")}, stop.get_token());
    const auto sink = filling->rows(0);
    const Error error = error_of([&] {
      for (int i = 0; i < 1'000'000; ++i) {
        if (i == 1000) stop.request_stop();
        sink->row({Value::integer(i), bytes(all_bytes(1000)), Value::null()});
      }
    });
    EXPECT_EQ(error.code(), Errc::cancelled) << error.message();
  }
  undo(endpoint);
  EXPECT_EQ(place().litter(endpoint), before);
}

TEST(FillContractCases, AnEngineThatCannotSaysSo) {
  const engine::Engine& typedb = *engine::find_engine("typedb");
  try {
    static_cast<void>(typedb.fill({}, {}, {}, {}));
    ADD_FAILURE() << "filled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find("typedb"), std::string::npos);
  }
}

// What a MariaDB server may forbid or be set to.
class MariadbFill : public FillContract {
 protected:
  void SetUp() override {
    FillContract::SetUp();
    endpoint_ = place().make();
    was_ =
        ask("SELECT CONCAT('SET GLOBAL local_infile=', @@GLOBAL.local_infile, ', sql_mode=''', "
            "@@GLOBAL.sql_mode, ''', max_allowed_packet=', @@GLOBAL.max_allowed_packet)");
  }
  void TearDown() override { place().run(endpoint_, was_); }
  std::string ask(const std::string& sql) {
    return engine::mariadb::Connection(engine::mariadb::location_of(endpoint_), nullptr, true)
        .value(sql);
  }
  model::Endpoint endpoint_;
  std::string was_;
};
INSTANTIATE_TEST_SUITE_P(Engines, MariadbFill, testing::Values(FillCase{"mariadb", mariadb_place}),
                         [](const auto& tested) { return tested.param.name; });

TEST_P(MariadbFill, GoesByInsertWhereLocalFilesAreForbidden) {
  place().run(endpoint_, "SET GLOBAL local_infile=0, sql_mode='NO_BACKSLASH_ESCAPES,ANSI_QUOTES'");
  expect_awkward(endpoint_);
}

TEST_P(MariadbFill, NamesTheSettingThatAWideRowNeeds) {
  place().run(endpoint_, "SET GLOBAL local_infile=0, max_allowed_packet=1048576");
  const Tables tables{place().table("things")};
  const auto filling = fill(endpoint_, tables);
  give(*filling, 0, {{Value::integer(1), bytes(std::string(900'000, 'x')), Value::null()}});
  const Error error = error_of([&] {
    give(*filling, 0, {{Value::integer(2), bytes(std::string(1'100'000, 'x')), Value::null()}});
  });
  EXPECT_EQ(error.code(), Errc::unsupported);
  EXPECT_NE(error.message().find("1048576"), std::string::npos) << error.message();
  EXPECT_NE(error.hint().find("max_allowed_packet"), std::string::npos) << error.hint();
}

}  // namespace
}  // namespace holdfast::test
