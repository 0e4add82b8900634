// SPDX-License-Identifier: Apache-2.0
// A migration to databases of another kind: what goes where, what is proven, and that nothing is
// left of one that fails. Source and target are SQLite's, the target's engine with a fill() of its
// own; Magnolia's engines are tests/integration's.
#include "job/conversion_run.h"

#include <gtest/gtest.h>

#include <mutex>
#include <utility>

#include "engine/registry.h"
#include "job/instance_steps.h"
#include "job/journal.h"
#include "job/live_source.h"
#include "job/new_databases.h"
#include "job/restore_run.h"
#include "job/scratch.h"
#include "job/test_instance.h"
#include "model/conversion.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

// SQLite's engine that takes in rows.
class PretendedEngine final : public engine::Engine {
 public:
  std::string fails_at;  // "rows", "row", "finish", "complete"
  bool loses_a_row = false;

  [[nodiscard]] std::string_view name() const noexcept override { return "sqlite"; }
  void check_endpoint(const model::Endpoint& endpoint) const override {
    real().check_endpoint(endpoint);
  }
  [[nodiscard]] engine::Probe probe(const model::Endpoint& endpoint,
                                    std::stop_token stop) const override {
    return real().probe(endpoint, std::move(stop));
  }
  [[nodiscard]] std::unique_ptr<engine::Hold> hold(
      std::span<const model::Endpoint> endpoints,
      const engine::HoldOptions& options) const override {
    return real().hold(endpoints, options);
  }
  engine::LoadReport load(const model::PartSource& parts, const model::DatabaseFacts& facts,
                          const model::Endpoint& into, const engine::LoadOptions& options,
                          std::stop_token stop) const override {
    return real().load(parts, facts, into, options, std::move(stop));
  }
  [[nodiscard]] std::unique_ptr<engine::Filling> fill(const model::Endpoint& into,
                                                      std::span<const model::NewTable> tables,
                                                      const engine::LoadOptions& options,
                                                      std::stop_token stop) const override;
  std::string undo(const Json& undo, const model::Endpoint& into) const override {
    return real().undo(undo, into);
  }
  void describe(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                std::stop_token stop) const override {
    real().describe(endpoint, facts, std::move(stop));
  }
  void rows(const model::Endpoint& endpoint, const model::TableName& table, model::RowSink& into,
            std::stop_token stop) const override {
    real().rows(endpoint, table, into, std::move(stop));
  }
  [[nodiscard]] std::string query_one(const model::Endpoint& endpoint,
                                      std::string_view sql) const override {
    return real().query_one(endpoint, sql);
  }
  [[nodiscard]] std::unique_ptr<engine::Scratch> scratch(const engine::Probe& probe,
                                                         const fs::path& at) const override {
    return real().scratch(probe, at);
  }
  [[nodiscard]] std::string grants(const model::Endpoint& endpoint,
                                   std::string_view purpose) const override {
    return real().grants(endpoint, purpose);
  }
  [[nodiscard]] std::optional<engine::Inspection> inspect(const fs::path& file,
                                                          const engine::InspectOptions& options,
                                                          std::stop_token stop) const override {
    return real().inspect(file, options, std::move(stop));
  }
  void inspect_rows(const fs::path& file, std::span<const fs::path> others,
                    const model::TableName& table, model::RowSink& into,
                    std::stop_token stop) const override {
    real().inspect_rows(file, others, table, into, std::move(stop));
  }
  engine::LoadReport import_file(const fs::path& file, const model::Endpoint& into,
                                 const engine::LoadOptions& options,
                                 std::stop_token stop) const override {
    return real().import_file(file, into, options, std::move(stop));
  }
  [[nodiscard]] std::string restore_instructions(const model::DatabaseFacts& facts) const override {
    return real().restore_instructions(facts);
  }
  [[nodiscard]] std::vector<Discovered> discover(const fs::path& directory,
                                                 std::stop_token stop) const override {
    return real().discover(directory, std::move(stop));
  }

  void fail_at(std::string_view place) const {
    if (fails_at == place) throw Error(Errc::denied, "the test allows no " + std::string(place));
  }

 private:
  [[nodiscard]] static const engine::Engine& real() { return *engine::find_engine("sqlite"); }
};

class PretendedFilling final : public engine::Filling {
 public:
  PretendedFilling(const PretendedEngine& engine, const fs::path& path,
                   std::span<const model::NewTable> tables)
      : engine_(engine),
        tables_(tables.begin(), tables.end()),
        connection_(path, engine::sqlite::Access::create) {
    for (const model::NewTable& table : tables_)
      for (const std::string& sql : table.make) connection_.run(sql);
    connection_.run("BEGIN");
  }
  [[nodiscard]] std::unique_ptr<Rows> rows(std::size_t table) override;
  void finish() override {
    engine_.fail_at("complete");
    connection_.run("COMMIT");
    for (const model::NewTable& table : tables_)
      for (const std::string& sql : table.complete) connection_.run(sql);
  }

 private:
  class RowsOfOne final : public Rows {
   public:
    RowsOfOne(PretendedFilling& filling, std::size_t table) : filling_(filling), table_(table) {}
    void columns(const std::vector<model::Column>& /*columns*/) override {}
    void row(const model::Row& row) override {
      filling_.engine_.fail_at("row");
      kept_.push_back(row);
    }
    void finish() override {
      filling_.engine_.fail_at("finish");
      if (filling_.engine_.loses_a_row && !kept_.empty()) kept_.pop_back();
      filling_.insert(table_, kept_);
    }

   private:
    PretendedFilling& filling_;
    const std::size_t table_;
    std::vector<model::Row> kept_;
  };

  void insert(std::size_t table, const std::vector<model::Row>& rows) {
    const std::lock_guard guard(mutex_);
    const model::NewTable& wanted = tables_.at(table);
    std::string places;
    for (std::size_t i = 0; i < wanted.columns.size(); ++i) places += i == 0 ? "?" : ",?";
    auto statement =
        connection_.prepare("INSERT INTO " + wanted.name.table + " VALUES(" + places + ")");
    for (const model::Row& row : rows) {
      ASSERT_EQ(row.size(), wanted.columns.size());
      for (std::size_t i = 0; i < row.size(); ++i) {
        const int parameter = static_cast<int>(i) + 1;
        if (row[i].kind == model::ValueKind::number) {
          statement.bind(parameter, static_cast<std::int64_t>(std::stoll(row[i].text)));
        } else {
          statement.bind(parameter, std::string_view(row[i].text));
        }
      }
      static_cast<void>(statement.step());
      statement.reset();
    }
  }

  const PretendedEngine& engine_;
  const std::vector<model::NewTable> tables_;
  std::mutex mutex_;  // guards connection_ while rows come
  engine::sqlite::Connection connection_;
};

std::unique_ptr<engine::Filling::Rows> PretendedFilling::rows(std::size_t table) {
  engine_.fail_at("rows");
  return std::make_unique<RowsOfOne>(*this, table);
}

std::unique_ptr<engine::Filling> PretendedEngine::fill(const model::Endpoint& into,
                                                       std::span<const model::NewTable> tables,
                                                       const engine::LoadOptions& options,
                                                       std::stop_token /*stop*/) const {
  const fs::path path = into.uri.substr(into.uri.find(':') + 1);
  Json undo = Json::object();
  undo.set("kind", "remove").set("path", path.string());
  options.before_change("make " + path.string(), undo);
  fail_at("fill");
  return std::make_unique<PretendedFilling>(*this, path, tables);
}

// Rows of `orders` with a column less, and a word for each; log lines into a file; texts of files
// into rows.
class PretendedConversion final : public model::Conversion {
 public:
  using PlaceOf = std::function<std::string(const std::string&)>;

  explicit PretendedConversion(const fs::path& place, fs::path files) : files_(std::move(files)) {
    model::NewDatabase database;
    database.settings.name = "ledger";
    database.settings.engine = "sqlite";
    database.settings.uri = "sqlite:" + place.string();
    database.tables.push_back({{"", "sales"},
                               {"id", "word"},
                               {"CREATE TABLE sales(id INT, word TEXT)"},
                               {"CREATE INDEX sales_by_word ON sales(word)"}});
    database.tables.push_back(
        {{"", "texts"}, {"name", "text"}, {"CREATE TABLE texts(name TEXT, text TEXT)"}, {}});
    databases_.push_back(std::move(database));
  }

  bool knows_log = true, refuses_a_row = false;
  Left log_is = Left::unknown;  // unless it is known
  std::vector<model::Finding> found;

  [[nodiscard]] const std::vector<model::Finding>& findings() const override { return found; }
  [[nodiscard]] const std::vector<model::NewDatabase>& databases() const override {
    return databases_;
  }
  [[nodiscard]] std::optional<model::NewTablePlace> route(
      std::string_view component, const model::TableName& table) const override {
    if (component == "orders" && table.table == "orders") return model::NewTablePlace{0, 0};
    return std::nullopt;
  }
  [[nodiscard]] std::unique_ptr<model::RowSink> map(std::string_view /*component*/,
                                                    const model::TableName& /*table*/,
                                                    model::RowSink& into) const override {
    class Mapped final : public model::RowSink {
     public:
      Mapped(model::RowSink& into, bool refuses) : into_(into), refuses_(refuses) {}
      void columns(const std::vector<model::Column>& columns) override {
        EXPECT_EQ(columns.size(), 3U);
      }
      void row(const model::Row& row) override {
        if (refuses_ && row[0].text == "2") throw Error(Errc::corrupt, "row 2 has no meaning");
        into_.row({row[0], model::Value::of_text("word " + row[2].text)});
      }

     private:
      model::RowSink& into_;
      const bool refuses_;
    };
    return std::make_unique<Mapped>(into, refuses_a_row);
  }
  [[nodiscard]] std::vector<FilesToRows> files_to_rows() const override {
    const auto run = [this](const PlaceOf& place_of, model::RowSink& into) {
      const fs::path place = place_of((files_ / "a.txt").string());
      into.row({model::Value::of_text("a.txt"), model::Value::of_text(read_text_file(place))});
      fs::remove(place);
    };
    return {{{0, 1}, run}};
  }
  [[nodiscard]] std::unique_ptr<model::RowSink> rows_to_files(
      std::string_view /*component*/, const model::TableName& table,
      const PlaceOf& place_of) const override {
    class Lines final : public model::RowSink {
     public:
      explicit Lines(fs::path place) : place_(std::move(place)) {}
      void columns(const std::vector<model::Column>& /*columns*/) override {}
      void row(const model::Row& row) override {
        text_ += row[0].text + "\n";
        write_file_durably(place_, as_bytes(text_), 0644);
      }

     private:
      const fs::path place_;
      std::string text_;
    };
    if (table.table != "log" || !knows_log) return nullptr;
    return std::make_unique<Lines>(fs::path(place_of(files_.string())) / "log.txt");
  }
  [[nodiscard]] Json converted_facts(const Json& facts) const override { return facts; }
  [[nodiscard]] Left left(std::string_view /*component*/,
                          const model::TableName& table) const override {
    return table.table == "log" ? log_is : Left::unknown;
  }
  [[nodiscard]] model::Adaptation adapt(const model::RestoredInstance& restored) const override {
    EXPECT_EQ(restored.databases.size(), 1U);
    const std::string path = (files_ / "sub/b.txt").string();
    return {{{path, "led to the ledger", "connection of the shop"}}, {"tell the tax office"}};
  }

 private:
  const fs::path files_;
  std::vector<model::NewDatabase> databases_;
};

class ConversionRunTest : public InstanceTest {
 protected:
  [[nodiscard]] model::Instance target() const {
    model::Instance instance = instance_at(root() / "new");
    instance.databases.clear();
    return instance;
  }

  // As migrate_instance() does it, with our engine.
  InstanceRestoreReport convert() {
    const std::stop_token stop = stop_.get_token();
    const model::Instance from = instance_at(source());
    const model::Instance to = target();
    const Survey survey =
        survey_instance(environment_, from, nullptr, {}, observer_, nullptr, stop);
    const TemporaryDirectory scratch("conversion");
    const engine::HoldOptions hold = hold_options(from, scratch.path(), stop);
    const LiveSource live(environment_, from, survey, hold, observer_, stop, LiveUse::rows);
    InstanceRestoreOptions options;
    RestorePlan plan =
        plan_conversion(environment_, live, survey, conversion_, to, options, observer_, stop);
    for (NewDatabaseTarget& database : plan.new_databases) database.engine = &engine_;
    InstanceRestoreReport report;
    run_restore(environment_, &live, to, plan, options, observer_, stop, report);
    return report;
  }
  void expect_failure(Errc code, std::string_view words) {
    std::string message;
    EXPECT_EQ(error_of([&] { static_cast<void>(convert()); }, &message), code) << message;
    EXPECT_NE(message.find(words), std::string::npos) << message;
    EXPECT_FALSE(fs::exists(root() / "new"));
    EXPECT_FALSE(fs::exists(root() / "ledger.db"));
    EXPECT_TRUE(journals_are_gone());
    EXPECT_EQ(read(source() / "files/a.txt"), "alpha");
    EXPECT_EQ(ask(source() / "db/orders.db", "SELECT count(*) FROM orders"), "3");
  }
  [[nodiscard]] fs::path ledger() const { return root() / "ledger.db"; }

  TestObserver observer_;
  PretendedEngine engine_;
  std::shared_ptr<PretendedConversion> conversion_ =
      std::make_shared<PretendedConversion>(root() / "ledger.db", source() / "files");
};

TEST_F(ConversionRunTest, GivesRowsAndFilesToTheirNewPlaces) {
  const InstanceRestoreReport report = convert();
  EXPECT_EQ(ask(ledger(), "SELECT group_concat(id || word) FROM sales"),
            "1word 90,2word 250,3word 70");
  EXPECT_EQ(ask(ledger(), "SELECT name || text FROM texts"), "a.txtalpha");
  EXPECT_EQ(ask(ledger(), "SELECT count(*) FROM sqlite_schema WHERE type = 'index'"), "1");
  EXPECT_EQ(read(root() / "new/files/log.txt"), "order 1\norder 2\norder 3\n");
  EXPECT_FALSE(fs::exists(root() / "new/files/a.txt"));
  EXPECT_EQ(read(root() / "new/files/sub/b.txt"), "led to the ledger");
  EXPECT_EQ(report.databases, std::vector<std::string>{"rows → sqlite:" + ledger().string() +
                                                       ": 2 tables, 4 rows, digests equal"});
  EXPECT_EQ(report.changed, std::vector<std::string>{"connection of the shop"});
  EXPECT_EQ(report.missing, std::vector<std::string>{"tell the tax office"});
  EXPECT_TRUE(observer_.warnings.empty());
  EXPECT_TRUE(journals_are_gone());
  // The source is as it was.
  EXPECT_EQ(read(source() / "files/a.txt"), "alpha");
  EXPECT_FALSE(fs::exists(source() / "files/log.txt"));
}

TEST_F(ConversionRunTest, TouchesNothingThatALinkLeadsTo) {
  const fs::path kept = root() / "kept.txt";
  write_file_durably(kept, as_bytes("alpha"), 0644);
  fs::remove(source() / "files/a.txt");
  fs::create_symlink(kept, source() / "files/a.txt");
  expect_failure(Errc::unsupported, "leads out of what was copied");
  EXPECT_EQ(read(kept), "alpha");
}

TEST_F(ConversionRunTest, SaysHowFastItWas) {
  static_cast<void>(convert());
  const bool is_said =
      std::any_of(observer_.notes.begin(), observer_.notes.end(), [](const std::string& note) {
        return note.starts_with("converted 4 rows, ") && note.ends_with(" a second");
      });
  EXPECT_TRUE(is_said);
}

TEST_F(ConversionRunTest, TellsOfRowsThatGoNowhere) {
  conversion_->knows_log = false;
  static_cast<void>(convert());
  ASSERT_EQ(observer_.warnings.size(), 1U);
  EXPECT_TRUE(observer_.warnings[0].starts_with("orders: 3 rows of table log were left"))
      << observer_.warnings[0];
}

TEST_F(ConversionRunTest, SaysNothingOfWhatIsLeftOnPurpose) {
  conversion_->knows_log = false;
  conversion_->log_is = model::Conversion::Left::on_purpose;
  static_cast<void>(convert());
  EXPECT_TRUE(observer_.warnings.empty());
}

TEST_F(ConversionRunTest, LeavesNoTableBehindThatIsTooNew) {
  conversion_->knows_log = false;
  conversion_->log_is = model::Conversion::Left::too_new;
  expect_failure(Errc::not_consistent, "orders: table log was made after");
}

TEST_F(ConversionRunTest, LeavesNothingOfWhatFails) {
  engine_.fails_at = "fill";
  expect_failure(Errc::denied, "the test allows no fill");
  engine_.fails_at = "rows";
  expect_failure(Errc::denied, "the test allows no rows");
  engine_.fails_at = "row";
  expect_failure(Errc::denied, "the test allows no row");
  // Told by a sink that is being destroyed.
  engine_.fails_at = "finish";
  expect_failure(Errc::denied, "the test allows no finish");
  engine_.fails_at = "complete";
  expect_failure(Errc::denied, "the test allows no complete");
}

TEST_F(ConversionRunTest, LeavesNothingWhenARowCannotBeMapped) {
  conversion_->refuses_a_row = true;
  expect_failure(Errc::corrupt, "row 2 has no meaning");
}

TEST_F(ConversionRunTest, ProvesThatTheNewTablesHoldWhatTheyWereGiven) {
  engine_.loses_a_row = true;
  expect_failure(Errc::differs, "table sales was given 3 rows with digest ");
}

TEST_F(ConversionRunTest, RefusesAPlaceThatIsTaken) {
  run_sql(ledger(), "CREATE TABLE mine(a)");
  EXPECT_EQ(error_of([&] { static_cast<void>(convert()); }), Errc::blocked);
  EXPECT_TRUE(observer_.found("target-not-empty", "ledger"));
  EXPECT_FALSE(fs::exists(root() / "new"));
  EXPECT_EQ(ask(ledger(), "SELECT count(*) FROM mine"), "0");
}

TEST_F(ConversionRunTest, RefusesAPlaceThatTheFilesBring) {
  write_file_durably(source() / "files/ledger.db", as_bytes("of before"), 0644);
  conversion_ =
      std::make_shared<PretendedConversion>(root() / "new/files/ledger.db", source() / "files");
  EXPECT_EQ(error_of([&] { static_cast<void>(convert()); }), Errc::blocked);
  EXPECT_TRUE(observer_.found("target-not-empty", "ledger"));
  EXPECT_FALSE(fs::exists(root() / "new"));
}

TEST_F(ConversionRunTest, MakesTheDirectoryOfADatabaseAmongTheFiles) {
  const fs::path place = root() / "new/files/sub/version/db/ledger.db";
  conversion_ = std::make_shared<PretendedConversion>(place, source() / "files");
  fs::permissions(source() / "files/sub", fs::perms(0710));
  static_cast<void>(convert());
  EXPECT_EQ(ask(place, "SELECT count(*) FROM sales"), "3");
  for (const char* made : {"new/files/sub/version", "new/files/sub/version/db"})
    EXPECT_EQ(fs::status(root() / made).permissions(), fs::perms(0710)) << made;
}

TEST_F(ConversionRunTest, RefusesWhatTheProfileFinds) {
  model::Finding finding;
  finding.code = "shop-too-old";
  finding.severity = model::Severity::blocker;
  conversion_->found.push_back(finding);
  EXPECT_EQ(error_of([&] { static_cast<void>(convert()); }), Errc::blocked);
  EXPECT_TRUE(observer_.found("shop-too-old"));
  EXPECT_FALSE(fs::exists(root() / "new"));
}

// By whatever name it is called.
TEST_F(ConversionRunTest, RefusesADatabaseOfTheSource) {
  fs::create_directory_symlink(source() / "db", root() / "other-name");
  conversion_ =
      std::make_shared<PretendedConversion>(root() / "other-name/orders.db", source() / "files");
  std::string message;
  EXPECT_EQ(error_of([&] { static_cast<void>(convert()); }, &message), Errc::usage);
  EXPECT_NE(message.find("is the database orders of the source"), std::string::npos) << message;
}

TEST_F(ConversionRunTest, RefusesFilesOfTheSource) {
  fs::create_directory_symlink(source(), root() / "new");
  std::string message;
  EXPECT_EQ(error_of([&] { static_cast<void>(convert()); }, &message), Errc::usage);
  EXPECT_NE(message.find("are the same place"), std::string::npos) << message;
}

}  // namespace
}  // namespace holdfast::job
