// SPDX-License-Identifier: Apache-2.0
#include "job/conversion_run.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/crew.h"
#include "base/error.h"
#include "base/units.h"
#include "job/journal.h"
#include "job/live_source.h"
#include "job/restore_run.h"
#include "job/restored_files.h"
#include "job/target_place.h"
#include "model/conversion.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

// A table of the source.
struct OldTable {
  std::string component;
  model::TableName name;
  friend auto operator<=>(const OldTable&, const OldTable&) = default;
};

// Rows that a new table was given.
struct Given {
  model::TableDigest digest;
  std::uint64_t bytes = 0;  // of their values
};

// Notes what a new table is given, and gives it.
class NotedRows final : public model::RowSink {
 public:
  explicit NotedRows(engine::Filling::Rows& into) : into_(into) {}
  void columns(const std::vector<model::Column>& /*columns*/) override {}
  void row(const model::Row& row) override {
    hasher_.add(row);
    for (const model::Value& value : row) bytes_ += value.text.size();
    into_.row(row);
  }
  [[nodiscard]] Given given() { return {hasher_.digest(), bytes_}; }

 private:
  engine::Filling::Rows& into_;
  model::RowHasher hasher_;
  std::uint64_t bytes_ = 0;
};

// What all threads that read tell each other.
class Tally {
 public:
  // Engines may take an error of whoever looks at their rows for one of their own, and go on.
  void fail(std::exception_ptr failure) noexcept {
    const std::lock_guard guard(mutex_);
    if (!failure_) failure_ = std::move(failure);
    has_failed_ = true;
  }
  void go_on() const {
    if (has_failed_) throw Error(Errc::cancelled, "another table could not be converted");
  }
  void rethrow() {
    const std::lock_guard guard(mutex_);
    if (failure_) std::rethrow_exception(failure_);
  }

  // Content of two tables that becomes one is content that was never one.
  void goes(const OldTable& from, const model::NewTablePlace& place) {
    const std::lock_guard guard(mutex_);
    const OldTable& first = sources_.emplace(place, from).first->second;
    if (first == from) return;
    throw Error(Errc::unsupported,
                fmt::format("{} of {} and {} of {} would become one table", first.name.display(),
                            first.component, from.name.display(), from.component))
        .set_hint("Drop or rename the one that the application does not use.");
  }
  void took(const OldTable& from, std::uint64_t rows) {
    const std::lock_guard guard(mutex_);
    taken_[from] += rows;
  }
  void gave(const model::NewTablePlace& place, const Given& more) {
    const std::lock_guard guard(mutex_);
    Given& given = given_[place];
    given.digest.add(more.digest);
    given.bytes += more.bytes;
  }

  // Once nobody reads any more.
  [[nodiscard]] const std::map<OldTable, std::uint64_t>& taken() const { return taken_; }
  [[nodiscard]] Given given(const model::NewTablePlace& place) const {
    const auto found = given_.find(place);
    return found == given_.end() ? Given() : found->second;
  }

 private:
  std::mutex mutex_;  // guards all below but has_failed_
  std::atomic<bool> has_failed_ = false;
  std::exception_ptr failure_;
  std::map<OldTable, std::uint64_t> taken_;  // rows of tables that go somewhere
  std::map<model::NewTablePlace, Given> given_;
  std::map<model::NewTablePlace, OldTable> sources_;
};

// A piece of a table of the source. A sink is told of its last row by being destroyed, and so is
// one whose reading failed, which then fails the whole conversion.
class Piece : public model::RowSink {
 public:
  Piece(Tally& tally, OldTable from)
      : tally_(tally), from_(std::move(from)), unwinding_(std::uncaught_exceptions()) {}

  void columns(const std::vector<model::Column>& columns) override {
    guarded([&] { into().columns(columns); });
  }
  void row(const model::Row& row) override {
    tally_.go_on();
    guarded([&] { into().row(row); });
    ++rows_;
  }

 protected:
  [[nodiscard]] virtual model::RowSink& into() = 0;
  template <typename Body>
  void guarded(const Body& body) {
    try {
      body();
    } catch (...) {
      has_failed_ = true;
      tally_.fail(std::current_exception());
      throw;
    }
  }
  // Called by destructors, with what ends the piece.
  template <typename Body>
  void end(const Body& body) noexcept {
    if (has_failed_ || std::uncaught_exceptions() > unwinding_) return;
    try {
      body();
      tally_.took(from_, rows_);
    } catch (...) {
      tally_.fail(std::current_exception());
    }
  }
  Tally& tally_;

 private:
  const OldTable from_;
  const int unwinding_;
  std::uint64_t rows_ = 0;
  bool has_failed_ = false;
};

class PieceOfRows final : public Piece {
 public:
  PieceOfRows(Tally& tally, const model::Conversion& conversion, engine::Filling& filling,
              const OldTable& from, const model::NewTablePlace& place)
      : Piece(tally, from),
        place_(place),
        rows_(filling.rows(place.table)),
        noted_(*rows_),
        mapped_(conversion.map(from.component, from.name, noted_)) {}
  ~PieceOfRows() override {
    end([&] {
      mapped_.reset();
      rows_->finish();
      tally_.gave(place_, noted_.given());
    });
  }
  PieceOfRows(const PieceOfRows&) = delete;
  PieceOfRows& operator=(const PieceOfRows&) = delete;

 private:
  [[nodiscard]] model::RowSink& into() override { return *mapped_; }

  const model::NewTablePlace place_;
  std::unique_ptr<engine::Filling::Rows> rows_;
  NotedRows noted_;
  std::unique_ptr<model::RowSink> mapped_;
};

class PieceOfFiles final : public Piece {
 public:
  PieceOfFiles(Tally& tally, OldTable from, std::unique_ptr<model::RowSink> files)
      : Piece(tally, std::move(from)), files_(std::move(files)) {}
  ~PieceOfFiles() override {
    end([&] { files_.reset(); });
  }
  PieceOfFiles(const PieceOfFiles&) = delete;
  PieceOfFiles& operator=(const PieceOfFiles&) = delete;

 private:
  [[nodiscard]] model::RowSink& into() override { return *files_; }

  std::unique_ptr<model::RowSink> files_;
};

class ConversionRun {
 public:
  ConversionRun(const RestorePlan& plan, const InstanceSource& source,
                const engine::LoadOptions& load, Changes& changes, model::Observer& observer,
                const std::stop_token& stop)
      : plan_(plan),
        conversion_(*plan.conversion),
        source_(source),
        load_(load),
        changes_(changes),
        observer_(observer),
        stop_(stop),
        files_(plan),
        place_of_([this](const std::string& path) {
          const fs::path place = files_.place_of(path);
          if (!place.empty()) check_inside(place);
          return place.string();
        }) {}

  void run(Clock& clock, InstanceRestoreReport& report) {
    const auto begun = clock.steady();
    open();
    const std::vector<model::DatabaseFacts> read = read_source();
    read_files();
    finish();
    const std::chrono::duration<double> time = clock.steady() - begun;
    check_whole(read);
    prove();
    tell(read, time.count(), report);
  }

 private:
  [[nodiscard]] bool is_restored(const fs::path& place) const {
    return std::any_of(plan_.files.begin(), plan_.files.end(), [&](const FilesTarget& files) {
      return std::any_of(files.paths.begin(), files.paths.end(),
                         [&](const PathTarget& path) { return is_in(place, path.path); });
    });
  }
  [[nodiscard]] bool is_really_restored(const fs::path& real) const {
    return std::any_of(plan_.files.begin(), plan_.files.end(), [&](const FilesTarget& files) {
      return std::any_of(files.paths.begin(), files.paths.end(), [&](const PathTarget& path) {
        return is_in(real, fs::weakly_canonical(path.path));
      });
    });
  }

  // A link in what was copied may lead into the source, of which nothing may be changed.
  void check_inside(const fs::path& place) const {
    if (!is_restored(place)) return;
    const fs::path real = fs::weakly_canonical(place);
    if (is_really_restored(real)) return;
    throw Error(Errc::unsupported, fmt::format("{} leads out of what was copied, to {}",
                                               place.string(), real.string()))
        .set_hint("Put what the link leads to in the place of the link, in the source.");
  }

  // What was copied has no directory for a database that was somewhere else. It belongs to whoever
  // has the one around it.
  void make_directories_for(const fs::path& place) const {
    fs::path around = place.parent_path();
    std::vector<fs::path> missing;
    while (is_restored(around) && !fs::exists(around)) {
      missing.push_back(around);
      around = around.parent_path();
    }
    if (missing.empty()) return;
    struct ::stat status {};
    if (::stat(around.c_str(), &status) != 0) throw system_error(errno, around.string());
    for (auto path = missing.rbegin(); path != missing.rend(); ++path) {
      if (::mkdir(path->c_str(), status.st_mode & 0777U) != 0) {
        if (errno == EEXIST) continue;  // for another database
        throw system_error(errno, path->string());
      }
      // Who may not give it away has made his own.
      if (::chown(path->c_str(), status.st_uid, status.st_gid) != 0 && errno != EPERM)
        throw system_error(errno, path->string());
      if (::chmod(path->c_str(), status.st_mode & 0777U) != 0)
        throw system_error(errno, path->string());
    }
  }

  // Several at once, as embedded databases each have a program of their own to start.
  template <typename Body>
  void for_each_database(std::string_view doing, const Body& body) {
    observer_.phase(doing);
    std::atomic<std::size_t> next = 0;
    const std::size_t count = plan_.new_databases.size();
    Crew crew;
    for (std::size_t i = 0; i < std::min<std::size_t>(load_.parallel, count); ++i) {
      crew.start([&](const std::stop_token& own) {
        for (std::size_t at = next++; at < count && !own.stop_requested(); at = next++) {
          const std::string& name = plan_.new_databases[at].settings.name;
          in_context(fmt::format("{}: {}", doing, name), [&] { body(at); });
        }
      });
    }
    crew.join();
  }

  void open() {
    fillings_.resize(plan_.new_databases.size());
    for_each_database("making databases", [&](std::size_t i) {
      const NewDatabaseTarget& target = plan_.new_databases[i];
      if (target.engine == nullptr) {
        throw Error(Errc::unsupported,
                    "engine \"" + target.settings.engine + "\" is not in this build");
      }
      if (const auto place = local_path(target.endpoint); !place.empty()) {
        check_inside(place);
        make_directories_for(place);
      }
      engine::LoadOptions load = load_;
      load.before_change = [this, &target](std::string_view what, const Json& undo) {
        changes_.announce("engine", target.settings.name + ": " + std::string(what),
                          engine_undo(target.settings, undo));
      };
      fillings_[i] =
          target.engine->fill(target.endpoint, conversion_.databases().at(i).tables, load, stop_);
    });
  }

  std::vector<model::DatabaseFacts> read_source() {
    observer_.phase("converting rows");
    std::vector<model::DatabaseFacts> read;
    try {
      read = source_.read_rows(
          [this](std::string_view component, const model::TableName& table) {
            return piece_of(component, table);
          },
          stop_);
    } catch (const std::exception&) {
      tally_.rethrow();
      throw;
    }
    tally_.rethrow();
    return read;
  }

  std::unique_ptr<model::RowSink> piece_of(std::string_view component,
                                           const model::TableName& name) {
    tally_.go_on();
    const OldTable from{std::string(component), name};
    try {
      if (const auto place = conversion_.route(component, name)) {
        tally_.goes(from, *place);
        return std::make_unique<PieceOfRows>(tally_, conversion_, *fillings_.at(place->database),
                                             from, *place);
      }
      if (auto files = conversion_.rows_to_files(component, name, place_of_))
        return std::make_unique<PieceOfFiles>(tally_, from, std::move(files));
    } catch (...) {
      tally_.fail(std::current_exception());
      throw;
    }
    return nullptr;
  }

  void read_files() {
    for (const model::Conversion::FilesToRows& files : conversion_.files_to_rows()) {
      observer_.phase("converting files");
      const auto rows = fillings_.at(files.into.database)->rows(files.into.table);
      NotedRows noted(*rows);
      files.run(place_of_, noted);
      rows->finish();
      tally_.gave(files.into, noted.given());
      if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    }
  }

  void finish() {
    for_each_database("completing databases", [&](std::size_t i) {
      fillings_[i]->finish();
      fillings_[i].reset();
    });
  }

  // The source's own account, which it gave after the last row, against the rows that came.
  void check_whole(const std::vector<model::DatabaseFacts>& read) const {
    std::map<OldTable, std::uint64_t> there;
    for (const model::DatabaseFacts& facts : read) {
      const std::string why = facts.engine_facts.is_object()
                                  ? facts.engine_facts.string_or("rows_unread", "")
                                  : std::string();
      if (!why.empty())
        throw Error(Errc::unsupported, "the rows of " + facts.name + " were not read: " + why)
            .set_hint("Name the application's driver, user and password.");
      for (const model::TableFacts& table : facts.tables)
        there[{facts.name, {table.schema, table.table}}] = table.rows;
    }
    if (tally_.taken().empty())
      throw Error(Errc::not_consistent, "no table of the source is one of the application's")
          .set_hint("Name the schema of its tables in the connection's URL.");
    for (const auto& [table, rows] : tally_.taken()) {
      const auto of_source = there.find(table);
      if (of_source != there.end() && of_source->second == rows) continue;
      throw Error(Errc::not_consistent,
                  fmt::format("{}: table {} has {} rows, and {} were read", table.component,
                              table.name.display(),
                              of_source == there.end() ? 0 : of_source->second, rows));
    }
    for (const auto& [table, rows] : there) {
      const bool is_lost = rows > 0 && !tally_.taken().contains(table) && goes_somewhere(table);
      if (!is_lost) continue;
      throw Error(Errc::not_consistent, fmt::format("{}: the {} rows of table {} were not read",
                                                    table.component, rows, table.name.display()));
    }
    for (const auto& [table, rows] : there) {
      if (conversion_.left(table.component, table.name) != model::Conversion::Left::too_new)
        continue;
      throw Error(Errc::not_consistent,
                  fmt::format("{}: table {} was made after the tables had been looked at",
                              table.component, table.name.display()))
          .set_hint("Migrate again.");
    }
  }

  [[nodiscard]] bool goes_somewhere(const OldTable& table) const {
    return conversion_.route(table.component, table.name).has_value() ||
           conversion_.rows_to_files(table.component, table.name, place_of_) != nullptr;
  }

  void prove() {
    for_each_database("proving databases", [&](std::size_t i) {
      const model::DatabaseFacts found = describe(plan_.new_databases[i]);
      const std::vector<model::NewTable>& tables = conversion_.databases()[i].tables;
      for (std::size_t j = 0; j < tables.size(); ++j) prove_table(found, tables[j], {i, j});
    });
  }

  void prove_table(const model::DatabaseFacts& found, const model::NewTable& table,
                   const model::NewTablePlace& place) const {
    const model::TableDigest wanted = tally_.given(place).digest;
    std::string seen = "nothing";
    for (const model::TableFacts& one : found.tables) {
      const bool is_it = equal_but_for_case(one.table, table.name.table) &&
                         (table.name.schema.empty() || table.name.schema == one.schema);
      if (!is_it) continue;
      if (one.rows == wanted.rows() && one.digest == wanted.hex()) return;
      seen = counted(one.rows, "row", "rows") + " with digest " + one.digest;
    }
    throw Error(Errc::differs,
                fmt::format("{}: table {} was given {} with digest {} and has {}",
                            plan_.new_databases[place.database].settings.name, table.name.display(),
                            counted(wanted.rows(), "row", "rows"), wanted.hex(), seen));
  }

  // Embedded databases are looked into as their copies are.
  [[nodiscard]] model::DatabaseFacts describe(const NewDatabaseTarget& target) const {
    model::DatabaseFacts facts;
    facts.name = target.settings.name;
    facts.engine = target.settings.engine;
    facts.uri = target.settings.uri;
    if (target.probe.abilities.rows) {
      target.engine->describe(target.endpoint, facts, stop_);
      return facts;
    }
    engine::HoldOptions options;
    options.scratch_directory = load_.scratch_directory;
    options.stopped = true;
    options.stop = stop_;
    const std::unique_ptr<engine::Hold> hold = target.engine->hold({&target.endpoint, 1}, options);
    hold->capture();
    hold->describe(0, facts, stop_);
    const auto parts = live_parts(*hold, 0, hold->parts(0), facts.engine_facts, stop_);
    target.engine->describe_copy(*parts, target.endpoint, options, facts, stop_);
    hold->release();
    return facts;
  }

  void tell(const std::vector<model::DatabaseFacts>& read, double seconds,
            InstanceRestoreReport& report) {
    std::uint64_t all_rows = 0;
    std::uint64_t all_bytes = 0;
    for (std::size_t i = 0; i < plan_.new_databases.size(); ++i) {
      const model::NewDatabase& database = conversion_.databases()[i];
      std::uint64_t rows = 0;
      for (std::size_t j = 0; j < database.tables.size(); ++j) {
        const Given given = tally_.given({i, j});
        rows += given.digest.rows();
        all_bytes += given.bytes;
      }
      all_rows += rows;
      report.databases.push_back(fmt::format(
          "rows → {}: {}, {}, digests equal", database.settings.uri,
          counted(database.tables.size(), "table", "tables"), counted(rows, "row", "rows")));
    }
    const double time = std::max(seconds, 0.001);
    const auto a_second = [&](std::uint64_t count) {
      return static_cast<std::uint64_t>(static_cast<double>(count) / time);
    };
    observer_.note(fmt::format("converted {}, {}, in {:.1f} s: {} and {} a second",
                               counted(all_rows, "row", "rows"), format_bytes(all_bytes), seconds,
                               counted(a_second(all_rows), "row", "rows"),
                               format_bytes(a_second(all_bytes))));
    for (const model::DatabaseFacts& facts : read) {
      for (const model::TableFacts& table : facts.tables) {
        const OldTable old{facts.name, {table.schema, table.table}};
        if (table.rows == 0 || tally_.taken().contains(old) ||
            conversion_.left(old.component, old.name) != model::Conversion::Left::unknown)
          continue;
        observer_.warning(
            fmt::format("{}: {} of table {} were left where they are: the "
                        "application does not know that table, or builds it anew",
                        facts.name, counted(table.rows, "row", "rows"), old.name.display()));
      }
    }
  }

  const RestorePlan& plan_;
  const model::Conversion& conversion_;
  const InstanceSource& source_;
  const engine::LoadOptions& load_;
  Changes& changes_;
  model::Observer& observer_;
  const std::stop_token& stop_;
  const RestoredFiles files_;
  const std::function<std::string(const std::string&)> place_of_;
  Tally tally_;
  std::vector<std::unique_ptr<engine::Filling>> fillings_;  // as plan_.new_databases
};

}  // namespace

void convert_rows(const RestorePlan& plan, const InstanceSource& source,
                  const engine::LoadOptions& load, Changes& changes, Clock& clock,
                  model::Observer& observer, const std::stop_token& stop,
                  InstanceRestoreReport& report) {
  ConversionRun(plan, source, load, changes, observer, stop).run(clock, report);
}

}  // namespace holdfast::job
