// SPDX-License-Identifier: Apache-2.0
// The engine contract as tests. An ability that an engine does not declare must be refused by name.
#include <map>
#include <mutex>

#include "contract/engine/fence.h"
#include "contract/engine_contract.h"

namespace holdfast::test {
namespace {

class CollectingRows final : public model::RowSink {
 public:
  void columns(const std::vector<model::Column>& columns) override { columns_seen = columns; }
  void row(const model::Row& row) override { rows.push_back(row); }
  std::vector<model::Column> columns_seen;
  std::vector<model::Row> rows;
};

// Digests what it is shown, and adds that to the sum of its table in the end.
class DigestedRows final : public model::RowSink {
 public:
  DigestedRows(std::mutex& mutex, model::TableDigest& sum) : mutex_(mutex), sum_(sum) {}
  ~DigestedRows() override {
    const std::lock_guard guard(mutex_);
    sum_.add(hasher_.digest());
  }
  void columns(const std::vector<model::Column>& columns) override { columns_ = columns.size(); }
  void row(const model::Row& row) override {
    EXPECT_EQ(row.size(), columns_);
    hasher_.add(row);
  }

 private:
  std::mutex& mutex_;
  model::TableDigest& sum_;
  model::RowHasher hasher_;
  std::size_t columns_ = 0;
};

}  // namespace

// Probing and endpoints.

TEST_P(EngineContract, ProbesWhatIsAbsentEmptyAndFull) {
  const engine::Probe absent = engine().probe(fixture().absent("absent"));
  EXPECT_FALSE(absent.exists);
  const engine::Probe empty = engine().probe(fixture().make_empty("empty"));
  EXPECT_TRUE(empty.empty);
  const engine::Probe full = engine().probe(fixture().make_full("full"));
  EXPECT_TRUE(full.exists);
  EXPECT_FALSE(full.empty);
  EXPECT_GT(full.size_bytes, 0U);
  EXPECT_FALSE(full.version.empty());
  EXPECT_FALSE(full.server.empty());
  EXPECT_FALSE(model::has_blocker(full.findings));
  for (const model::Finding& finding : full.findings) {
    EXPECT_FALSE(finding.code.empty());
    EXPECT_FALSE(finding.seen.empty()) << finding.code;
    EXPECT_FALSE(finding.why.empty()) << finding.code;
    EXPECT_FALSE(finding.mend.empty()) << finding.code;
  }
}

TEST_P(EngineContract, ProbingLeavesEverythingAsItWas) {
  const model::Endpoint endpoint = fixture().make_full("full");
  const auto before = fixture().litter();
  const std::string content_before = content(describe(endpoint));
  static_cast<void>(engine().probe(endpoint));
  EXPECT_EQ(fixture().litter(), before);
  EXPECT_EQ(content(describe(endpoint)), content_before);
  EXPECT_EQ(fixture().litter(), before);
}

TEST_P(EngineContract, RefusesEndpointsItCannotUnderstand) {
  for (const model::Endpoint& endpoint : fixture().refused()) {
    EXPECT_EQ(code_of([&] { engine().check_endpoint(endpoint); }), Errc::usage) << endpoint.uri;
  }
  EXPECT_NO_THROW(engine().check_endpoint(fixture().absent("fine")));
}

TEST_P(EngineContract, RefusesToHoldWhatIsNotThere) {
  const model::Endpoint absent = fixture().absent("absent");
  EXPECT_EQ(code_of([&] { static_cast<void>(hold(absent)); }), Errc::not_found);
  EXPECT_FALSE(engine().probe(absent).exists);
}

// Holding.

TEST_P(EngineContract, CopiesAConsistentStateWhileAWriterWrites) {
  const model::Endpoint endpoint = fixture().make_full("busy");
  if (!engine().probe(endpoint).abilities.fence) {
    EXPECT_EQ(code_of([&] { static_cast<void>(hold(endpoint)->fence(soon())); }),
              Errc::unsupported);
    return;
  }
  const auto writer = fixture().start_writer(endpoint);
  std::unique_ptr<Copy> copy;
  {
    const auto held = hold(endpoint);
    ASSERT_TRUE(fence(*held));
    held->capture();
    held->unfence();
    copy = take(*held);
  }
  EXPECT_TRUE(copy->facts.moment.fenced);
  EXPECT_LE(copy->facts.moment.earliest, copy->facts.moment.latest);
  const auto outcome = writer->stop();
  EXPECT_GT(outcome.commits, 0);
  EXPECT_EQ(outcome.refusals, 0);
  const model::Endpoint again = fixture().absent("again");
  engine().load(copy->parts, copy->facts, again, load_options(), {});
  EXPECT_EQ(content(describe(again)), content(copy->facts));
}

TEST_P(EngineContract, CapturesWithoutAFence) {
  const model::Endpoint endpoint = fixture().make_full("full");
  const auto copy = back_up(endpoint);
  EXPECT_FALSE(copy->facts.moment.fenced);
  EXPECT_EQ(content(copy->facts), content(describe(endpoint)));
  EXPECT_EQ(rows_of(copy->facts, "items"), 200U);
  EXPECT_FALSE(copy->facts.version.empty());
  EXPECT_TRUE(copy->facts.engine_facts.is_object());
}

TEST_P(EngineContract, TheCopyIsOfTheMomentOfCapture) {
  const model::Endpoint endpoint = fixture().make_full("full");
  const std::string before = content(describe(endpoint));
  const auto held = hold(endpoint);
  held->capture();
  std::atomic<bool> written = false;
  // A writer may have to wait for the copy; he is let in while it is read.
  std::thread writer([&] {
    for (int attempt = 0; attempt < 10'000 && !written; ++attempt) {
      written = fixture().write_now(endpoint);
      if (!written) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  const auto copy = take(*held);
  writer.join();
  EXPECT_TRUE(written);
  EXPECT_EQ(content(copy->facts), before);
  EXPECT_NE(content(describe(endpoint)), before);
}

TEST_P(EngineContract, LetsGoWhereverItIsDestroyed) {
  const model::Endpoint endpoint = fixture().make_full("full");
  const auto before = fixture().litter();
  for (int stage = 0; stage < 7; ++stage) {
    {
      const auto held = hold(endpoint);
      if (stage >= 1) {
        ASSERT_TRUE(fence(*held));
        EXPECT_FALSE(fixture().write_now(endpoint)) << "the fence lets writers through";
      }
      if (stage >= 2) held->capture();
      if (stage >= 3) held->unfence();
      if (stage >= 4) {
        MemoryPartSink sink;
        held->copy(0, held->parts(0).front(), sink, {});
      }
      if (stage >= 5) {
        model::DatabaseFacts facts;
        held->describe(0, facts);
      }
      if (stage >= 6) held->release();
    }
    EXPECT_TRUE(fixture().write_now(endpoint)) << "something is still locked after stage " << stage;
    EXPECT_EQ(fixture().litter(), before) << "something was left after stage " << stage;
  }
}

TEST_P(EngineContract, LetsWritersGoOnAfterUnfence) {
  const model::Endpoint endpoint = fixture().make_full("full");
  const auto held = hold(endpoint);
  ASSERT_TRUE(fence(*held));
  held->capture();
  held->unfence();
  static_cast<void>(take(*held));
  EXPECT_TRUE(fixture().write_now(endpoint));
}

TEST_P(EngineContract, UnfencingWithoutAFenceIsNoError) {
  const model::Endpoint endpoint = fixture().make_full("full");
  const auto held = hold(endpoint);
  held->unfence();
  held->capture();
  held->unfence();
  EXPECT_NO_THROW(static_cast<void>(take(*held)));
}

TEST_P(EngineContract, GivesUpAFenceThatCannotBeHad) {
  const model::Endpoint free = fixture().make_full("free");
  const model::Endpoint busy = fixture().make_full("busy");
  const std::vector<model::Endpoint> both{free, busy};
  const auto held = engine().hold(both, options());
  {
    const auto locker = fixture().start_locker(busy);
    EXPECT_FALSE(held->fence(soon()));
    EXPECT_TRUE(fixture().write_now(free)) << "a fence that failed holds something";
  }
  EXPECT_TRUE(fence(*held));
  EXPECT_FALSE(fixture().write_now(free));
}

TEST_P(EngineContract, HoldsSeveralDatabasesAtOneMoment) {
  const std::vector<model::Endpoint> both{fixture().make_full("one"), fixture().make_full("two")};
  const auto held = engine().hold(both, options());
  ASSERT_TRUE(fence(*held));
  held->capture();
  held->unfence();
  EXPECT_EQ(held->moment(0).earliest, held->moment(1).earliest);
  EXPECT_EQ(held->moment(0).latest, held->moment(1).latest);
  for (std::size_t i = 0; i < both.size(); ++i) {
    model::DatabaseFacts facts;
    held->describe(i, facts);
    EXPECT_EQ(content(facts), content(describe(both[i])));
  }
  held->release();
}

TEST_P(EngineContract, StagesOutOfOrderAreABugOfTheCaller) {
  const model::Endpoint endpoint = fixture().make_full("full");
  const auto held = hold(endpoint);
  EXPECT_EQ(code_of([&] { static_cast<void>(held->moment(0)); }), Errc::bug);
  EXPECT_EQ(code_of([&] { held->release(); }), Errc::bug);
  held->capture();
  EXPECT_EQ(code_of([&] { held->capture(); }), Errc::bug);
}

TEST_P(EngineContract, StopsCopyingWhenAsked) {
  const model::Endpoint endpoint = fixture().make_full("full");
  const auto held = hold(endpoint);
  held->capture();
  std::stop_source stop;
  stop.request_stop();
  MemoryPartSink sink;
  EXPECT_EQ(code_of([&] { held->copy(0, held->parts(0).front(), sink, stop.get_token()); }),
            Errc::cancelled);
  EXPECT_FALSE(sink.finished());
}

TEST_P(EngineContract, StopsFencingAndCapturingWhenAsked) {
  const model::Endpoint endpoint = fixture().make_full("full");
  const auto litter = fixture().litter();
  const bool can_fence = engine().probe(endpoint).abilities.fence;
  for (const bool fenced : {false, true}) {
    std::stop_source stop;
    engine::HoldOptions stopping = options();
    stopping.stop = stop.get_token();
    const auto held = engine().hold({&endpoint, 1}, stopping);
    if (fenced && can_fence) {
      ASSERT_TRUE(fence(*held));
    }
    stop.request_stop();
    EXPECT_EQ(code_of([&] { held->capture(); }), Errc::cancelled);
    EXPECT_TRUE(fixture().write_now(endpoint)) << "something is still locked";
    if (!can_fence) break;
    const auto late = engine().hold({&endpoint, 1}, options());
    ASSERT_TRUE(fence(*late)) << "something is still locked";
  }
  EXPECT_EQ(fixture().litter(), litter);
}

TEST_P(EngineContract, DoesNotKnowPartsItDidNotName) {
  const model::Endpoint endpoint = fixture().make_full("full");
  const auto held = hold(endpoint);
  held->capture();
  model::Part part;
  part.path = "no/such/part";
  MemoryPartSink sink;
  EXPECT_EQ(code_of([&] { held->copy(0, part, sink, {}); }), Errc::not_found);
}

// Loading.

TEST_P(EngineContract, LoadsWhatItCopied) {
  const auto copy = back_up(fixture().make_full("full"));
  const model::Endpoint target = fixture().absent("target");
  std::vector<std::string> announced;
  engine::LoadOptions options = load_options();
  options.before_change = [&](std::string_view what, const Json&) { announced.emplace_back(what); };
  const engine::LoadReport report = engine().load(copy->parts, copy->facts, target, options, {});
  EXPECT_TRUE(report.kept.empty());
  EXPECT_GE(report.rows, 203U);
  EXPECT_FALSE(announced.empty());
  EXPECT_EQ(content(describe(target)), content(copy->facts));
  EXPECT_TRUE(fixture().write_now(target));
}

TEST_P(EngineContract, LoadsIntoAnEmptyDatabase) {
  const auto copy = back_up(fixture().make_full("full"));
  const model::Endpoint target = fixture().make_empty("target");
  engine().load(copy->parts, copy->facts, target, load_options(), {});
  EXPECT_EQ(content(describe(target)), content(copy->facts));
}

TEST_P(EngineContract, NeverOverwritesWithoutBeingTold) {
  const auto copy = back_up(fixture().make_full("full"));
  const model::Endpoint target = fixture().make_full("target");
  ASSERT_TRUE(fixture().write_now(target));
  const std::string before = content(describe(target));
  const auto litter = fixture().litter();
  EXPECT_EQ(code_of([&] { engine().load(copy->parts, copy->facts, target, load_options(), {}); }),
            Errc::exists);
  EXPECT_EQ(content(describe(target)), before);
  EXPECT_EQ(fixture().litter(), litter);
}

TEST_P(EngineContract, KeepsWhatItReplaces) {
  const auto copy = back_up(fixture().make_full("full"));
  const model::Endpoint target = fixture().make_full("target");
  ASSERT_TRUE(fixture().write_now(target));
  engine::LoadOptions options = load_options();
  options.replace = true;
  const engine::LoadReport report = engine().load(copy->parts, copy->facts, target, options, {});
  ASSERT_EQ(report.kept.size(), 1U);
  EXPECT_NE(report.kept.front().find("_before_20261120T105601Z"), std::string::npos);
  EXPECT_EQ(content(describe(target)), content(copy->facts));
}

TEST_P(EngineContract, RefusesACopyThatDiffersFromItsManifest) {
  const auto copy = back_up(fixture().make_full("full"));
  copy->facts.tables.front().digest = std::string(64, '0');
  const model::Endpoint target = fixture().absent("target");
  const auto litter = fixture().litter();
  EXPECT_EQ(code_of([&] { engine().load(copy->parts, copy->facts, target, load_options(), {}); }),
            Errc::differs);
  EXPECT_FALSE(engine().probe(target).exists);
  EXPECT_EQ(fixture().litter(), litter);
}

TEST_P(EngineContract, StopsLoadingWhenAskedAndLeavesNothing) {
  const auto copy = back_up(fixture().make_full("full"));
  const model::Endpoint target = fixture().absent("target");
  const auto litter = fixture().litter();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] {
              engine().load(copy->parts, copy->facts, target, load_options(), stop.get_token());
            }),
            Errc::cancelled);
  EXPECT_EQ(fixture().litter(), litter);
}

// Whatever load() announced is undone, last first, from every point at which it may have been
// interrupted: here before each announced change and after all of them.
TEST_P(EngineContract, UndoesAnInterruptedLoad) {
  const auto copy = back_up(fixture().make_full("full"));
  for (int interrupted_at = 1; interrupted_at <= 6; ++interrupted_at) {
    const std::string name = "target" + std::to_string(interrupted_at);
    const model::Endpoint target = fixture().make_full(name);
    ASSERT_TRUE(fixture().write_now(target));
    const std::string before = content(describe(target));
    const auto litter = fixture().litter();
    std::vector<Json> journal;
    engine::LoadOptions options = load_options();
    options.replace = true;
    options.kept_suffix += std::to_string(interrupted_at);
    options.before_change = [&](std::string_view, const Json& undo) {
      journal.push_back(undo);
      if (static_cast<int>(journal.size()) == interrupted_at)
        throw Error(Errc::cancelled, "killed here");
    };
    try {
      engine().load(copy->parts, copy->facts, target, options, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::cancelled);
    }
    std::string told;
    for (int repetition = 0; repetition < 2; ++repetition) {
      for (auto entry = journal.rbegin(); entry != journal.rend(); ++entry) {
        engine().check_undo(*entry, target);
        told += engine().undo(*entry, target);
      }
      for (const Json& entry : journal) EXPECT_FALSE(engine().stands(entry, target)) << told;
    }
    EXPECT_EQ(content(describe(target)), before) << "interrupted at change " << interrupted_at;
    // What had the public name may have been written to: it stays, under a name that is told.
    auto left = fixture().litter();
    std::erase_if(left, [&](const std::string& one) {
      const bool is_new = std::find(litter.begin(), litter.end(), one) == litter.end();
      return is_new && told.find(one) != std::string::npos;
    });
    EXPECT_EQ(left, litter) << "interrupted at change " << interrupted_at;
  }
}

// Job proves all components before it puts the first in its place.
TEST_P(EngineContract, LeavesBesideWhatItIsToldTo) {
  const auto copy = back_up(fixture().make_full("full"));
  for (const bool whole : {true, false}) {
    const model::Endpoint target = fixture().make_full(whole ? "target" : "tables");
    ASSERT_TRUE(fixture().write_now(target));
    if (!whole && !engine().probe(target).abilities.tables) return;
    const std::string before = content(describe(target));
    const auto litter = fixture().litter();
    for (const bool switched : {false, true}) {
      std::vector<Json> journal;
      engine::LoadOptions options = load_options();
      options.replace = true;
      options.leave_beside = true;
      if (!whole) options.tables = {{"", "items"}};
      options.before_change = [&](std::string_view, const Json& undo) { journal.push_back(undo); };
      engine::LoadReport report = engine().load(copy->parts, copy->facts, target, options, {});
      if (!report.switch_in) return;  // it does not know how
      EXPECT_TRUE(report.kept.empty());
      EXPECT_EQ(content(describe(target)), before);
      for (const Json& undo : journal) EXPECT_FALSE(engine().stands(undo, target));
      if (switched) {
        EXPECT_EQ(report.switch_in().size(), 1U);
        EXPECT_NE(content(describe(target)), before);
        ASSERT_FALSE(journal.empty());
        EXPECT_TRUE(engine().stands(journal.back(), target));
        continue;
      }
      report = {};
      for (auto entry = journal.rbegin(); entry != journal.rend(); ++entry)
        EXPECT_EQ(engine().undo(*entry, target), "");
      EXPECT_EQ(fixture().litter(), litter);
    }
  }
}

TEST_P(EngineContract, RestoresSingleTables) {
  const model::Endpoint source = fixture().make_full("full");
  const bool able = engine().probe(source).abilities.tables;
  const auto copy = back_up(source);
  const model::Endpoint target = fixture().absent("target");
  engine::LoadOptions options = load_options();
  options.tables = {{"", "items"}};
  if (!able) {
    EXPECT_EQ(code_of([&] { engine().load(copy->parts, copy->facts, target, options, {}); }),
              Errc::unsupported);
    return;
  }
  const engine::LoadReport report = engine().load(copy->parts, copy->facts, target, options, {});
  EXPECT_EQ(report.rows, 200U);
  EXPECT_EQ(rows_of(describe(target), "items"), 200U);
  EXPECT_EQ(describe(target).tables.size(), 1U);

  EXPECT_EQ(code_of([&] { engine().load(copy->parts, copy->facts, source, options, {}); }),
            Errc::exists);
  options.replace = true;
  ASSERT_TRUE(fixture().write_now(source));
  EXPECT_EQ(engine().load(copy->parts, copy->facts, source, options, {}).kept.size(), 1U);
  const model::DatabaseFacts now = describe(source);
  EXPECT_EQ(rows_of(now, "items"), 200U);
  EXPECT_EQ(rows_of(now, "items_before_20261120T105601Z"), 200U);
  EXPECT_EQ(rows_of(now, "notes"), 4U) << "another table was touched";

  options.tables = {{"", "no such table"}};
  EXPECT_EQ(code_of([&] { engine().load(copy->parts, copy->facts, source, options, {}); }),
            Errc::not_found);
}

// Looking inside.

TEST_P(EngineContract, HandsOutRows) {
  const model::Endpoint endpoint = fixture().make_full("full");
  CollectingRows sink;
  if (!engine().probe(endpoint).abilities.rows) {
    EXPECT_EQ(code_of([&] {
                engine().rows(endpoint, {"", "items"}, sink, {});
              }),
              Errc::unsupported);
    return;
  }
  engine().rows(endpoint, {"", "items"}, sink, {});
  EXPECT_EQ(sink.rows.size(), 200U);
  EXPECT_FALSE(sink.columns_seen.empty());
  model::RowHasher hasher;
  for (const model::Row& row : sink.rows) hasher.add(row);
  for (const auto& table : describe(endpoint).tables) {
    if (table.table != "items") continue;
    EXPECT_EQ(table.digest, hasher.digest().hex());
  }
  EXPECT_EQ(code_of([&] { engine().rows(endpoint, {"", "absent"}, sink, {}); }), Errc::not_found);
}

TEST_P(EngineContract, ShowsEveryRowThatItCopies) {
  const model::Endpoint endpoint = fixture().make_full("shown");
  const bool has_rows = engine().probe(endpoint).abilities.rows;
  std::mutex mutex;
  std::map<std::string, model::TableDigest> shown;
  engine::HoldOptions options = this->options();
  options.row_tap = [&](std::string_view component, const model::TableName& table) {
    EXPECT_EQ(component, "copied");
    const std::lock_guard guard(mutex);
    return std::make_unique<DigestedRows>(mutex, shown[table.table]);
  };
  model::Endpoint named = endpoint;
  named.component = "copied";
  const auto held = engine().hold({&named, 1}, options);
  held->capture();
  const auto copy = take(*held);
  if (!has_rows) {
    EXPECT_TRUE(shown.empty());
    return;
  }
  ASSERT_FALSE(copy->facts.tables.empty());
  for (const model::TableFacts& table : copy->facts.tables) {
    EXPECT_EQ(shown[table.table].hex(), table.digest) << table.table;
    EXPECT_EQ(shown[table.table].rows(), table.rows) << table.table;
  }
}

TEST_P(EngineContract, AnswersOneValueAndNothingElse) {
  const model::Endpoint endpoint = fixture().make_full("full");
  EXPECT_EQ(engine().query_one(endpoint, fixture().count_query("items")), "200");
  EXPECT_EQ(
      code_of([&] { static_cast<void>(engine().query_one(endpoint, "this is no statement")); }),
      Errc::usage);
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().query_one(endpoint, "DELETE FROM items")); }),
            Errc::usage);
  EXPECT_EQ(rows_of(describe(endpoint), "items"), 200U);
}

TEST_P(EngineContract, RunsStatementsAndSaysHowManyRowsTheyChangedOrRunsNone) {
  const model::Endpoint endpoint = fixture().make_full("full");
  if (!engine().probe(endpoint).abilities.statements) {
    const std::string sql = fixture().count_query("items");
    EXPECT_EQ(code_of([&] { static_cast<void>(engine().query_rows(endpoint, sql)); }),
              Errc::unsupported);
    EXPECT_EQ(code_of([&] { engine().execute(endpoint, sql, {}); }), Errc::unsupported);
    return;
  }
  std::string notes;
  for (const model::TableFacts& table : describe(endpoint).tables)
    if (table.table == "notes") notes = model::TableName{table.schema, table.table}.display();
  const std::string remove = "DELETE FROM " + notes;
  EXPECT_EQ(engine().query_rows(endpoint, "SELECT count(*) FROM " + notes),
            (std::vector<std::vector<std::string>>{{"3"}}));
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().query_rows(endpoint, remove)); }),
            Errc::usage);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] { engine().execute(endpoint, remove, stop.get_token()); }),
            Errc::cancelled);
  EXPECT_EQ(rows_of(describe(endpoint), "notes"), 3U);
  // In what is loaded all are run, or nothing is loaded.
  const auto copy = back_up(endpoint);
  const model::Endpoint target = fixture().absent("target");
  engine::LoadOptions load = load_options();
  load.statements = {remove, "this is no statement"};
  EXPECT_EQ(code_of([&] { engine().load(copy->parts, copy->facts, target, load, {}); }),
            Errc::usage);
  EXPECT_FALSE(engine().probe(target).exists);
  load.statements.pop_back();
  engine().load(copy->parts, copy->facts, target, load, {});
  EXPECT_EQ(rows_of(describe(target), "notes"), 0U);
  EXPECT_EQ(rows_of(describe(endpoint), "notes"), 3U);
  EXPECT_EQ(engine().execute(endpoint, remove, {}), std::optional<std::uint64_t>(3));
  EXPECT_EQ(engine().execute(endpoint, remove, {}), std::optional<std::uint64_t>(0));
}

TEST_P(EngineContract, StopsDescribingWhenAsked) {
  const model::Endpoint endpoint = fixture().make_full("full");
  const auto held = hold(endpoint);
  held->capture();
  std::stop_source stop;
  stop.request_stop();
  model::DatabaseFacts facts;
  EXPECT_EQ(code_of([&] { held->describe(0, facts, stop.get_token()); }), Errc::cancelled);
}

TEST_P(EngineContract, ScratchIsGoneWithItsObject) {
  const model::Endpoint endpoint = fixture().make_full("full");
  const engine::Probe probe = engine().probe(endpoint);
  const TemporaryDirectory home("holdfast-contract");
  if (!probe.abilities.scratch) {
    EXPECT_EQ(code_of([&] { static_cast<void>(engine().scratch(probe, home.path())); }),
              Errc::unsupported);
    return;
  }
  const auto copy = back_up(endpoint);
  {
    const auto scratch = engine().scratch(probe, home.path());
    engine::LoadOptions options = load_options();
    options.on_scratch = true;
    engine().load(copy->parts, copy->facts, scratch->endpoint(), options, {});
    EXPECT_EQ(content(describe(scratch->endpoint())), content(copy->facts));
  }
  EXPECT_TRUE(std::filesystem::is_empty(home.path()));
}

TEST_P(EngineContract, PrintsGrantsForItsPurposesOnly) {
  const model::Endpoint endpoint = fixture().make_full("full");
  for (const char* purpose : {"backup", "restore", "application"}) {
    EXPECT_FALSE(engine().grants(endpoint, purpose).empty());
  }
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().grants(endpoint, "dancing")); }), Errc::usage);
}

TEST_P(EngineContract, InspectsAndImportsItsOwnFiles) {
  const std::filesystem::path file = fixture().foreign_file();
  if (file.empty()) return;  // the engine has no files of its own
  const auto inspection = engine().inspect(file, {.deep = true});
  ASSERT_TRUE(inspection.has_value());
  EXPECT_TRUE(inspection->whole);
  EXPECT_TRUE(inspection->deep);
  EXPECT_FALSE(inspection->kind.empty());
  CollectingRows sink;
  engine().inspect_rows(file, {}, {"", "items"}, sink);
  EXPECT_EQ(sink.rows.size(), 200U);
  EXPECT_EQ(code_of([&] {
              engine().inspect_rows(file, {}, {"", "absent"}, sink);
            }),
            Errc::not_found);
  const model::Endpoint target = fixture().absent("imported");
  engine().import_file(file, target, load_options(), {});
  EXPECT_EQ(rows_of(describe(target), "items"), 200U);
  EXPECT_EQ(code_of([&] { engine().import_file(file, target, load_options(), {}); }), Errc::exists);
}

TEST_P(EngineContract, LooksEndWithAStopRequest) {
  std::stop_source stop;
  stop.request_stop();
  const model::Endpoint endpoint = fixture().make_full("full");
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().probe(endpoint, stop.get_token())); }),
            Errc::cancelled);
  const std::filesystem::path file = fixture().foreign_file();
  if (file.empty()) return;  // the engine has no files of its own
  EXPECT_EQ(
      code_of([&] { static_cast<void>(engine().inspect(file, {.deep = true}, stop.get_token())); }),
      Errc::cancelled);
  CollectingRows sink;
  EXPECT_EQ(code_of([&] {
              engine().inspect_rows(file, {}, {"", "items"}, sink, stop.get_token());
            }),
            Errc::cancelled);
}

TEST_P(EngineContract, DoesNotClaimFilesOfOthers) {
  const TemporaryDirectory home("holdfast-contract");
  const std::filesystem::path file = home.path() / "letter.txt";
  write_file_durably(
      file,
      as_bytes(
          "Dear Ann, this is no database at all, and it goes on for quite a while, so that it is "
          "longer than any header that somebody might look for at its beginning.\n"));
  EXPECT_FALSE(engine().inspect(file, {.deep = true}).has_value());
  write_file_durably(file, {});
  EXPECT_FALSE(engine().inspect(file, {.deep = true}).has_value());
  EXPECT_FALSE(engine().inspect(home.path(), {.deep = true}).has_value());
}

TEST_P(EngineContract, TellsHowToRestoreWithoutHoldfast) {
  auto copy = back_up(fixture().make_full("full"));
  copy->facts.directory = "databases/full";
  copy->facts.uri = fixture().absent("full").uri;
  const std::string text = engine().restore_instructions(copy->facts);
  EXPECT_NE(text.find("databases/full"), std::string::npos);
}

TEST_P(EngineContract, RefusesMendsItDoesNotHave) {
  const model::Endpoint endpoint = fixture().make_full("full");
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().mend(endpoint, "no-such-code")); }),
            Errc::unsupported);
}

}  // namespace holdfast::test
