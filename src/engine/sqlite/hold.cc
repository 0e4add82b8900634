// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/hold.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "base/crew.h"
#include "base/error.h"
#include "base/fd.h"
#include "engine/sqlite/content.h"
#include "engine/sqlite/held_database.h"

namespace holdfast::engine::sqlite {
namespace {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

constexpr int stepwise_tries_max = 3;
constexpr std::size_t stream_step_bytes = 1U << 20U;
constexpr std::string_view part_path = "data.db";
// How long a state is waited for where waiting keeps nobody else out.
constexpr auto lone_wait = 30s;

class SqliteHold final : public Hold {
 public:
  SqliteHold(std::span<const model::Endpoint> endpoints, const HoldOptions& options,
             const Cloner& clone);
  ~SqliteHold() override { let_all_go(); }

  [[nodiscard]] bool fence(SteadyTime deadline) override;
  void capture() override;
  void unfence() override;
  [[nodiscard]] model::Moment moment(std::size_t database) const override;
  [[nodiscard]] std::vector<model::Part> parts(std::size_t database) override;
  void copy(std::size_t database, const model::Part& part, model::PartSink& into,
            std::stop_token stop) override;
  void describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void release() override;
  // A pass in the background keeps writers waiting, however long it takes.
  [[nodiscard]] bool lets_writers_work() const override {
    const std::lock_guard lock(pass_mutex_);
    return pass_ == nullptr;
  }

 private:
  enum class Stage : std::uint8_t { held, fenced, captured, released };

  [[nodiscard]] HeldDatabase& captured(std::size_t database) const;
  void refuse_twins() const;
  void measure_rate();
  [[nodiscard]] Milliseconds predicted(const std::vector<HeldDatabase*>& databases) const;
  [[nodiscard]] SteadyTime begin_deadline() const;
  void check_stop() const;
  void begin(HeldDatabase& database, SteadyTime deadline);
  void begin_all();
  [[nodiscard]] std::vector<HeldDatabase*> clone_what_can_be();
  void copy_stallers();
  void start_pass(std::vector<HeldDatabase*> databases, std::optional<SteadyTime> deadline);
  void await_pass(const std::stop_token& stop);
  void ensure_copied(HeldDatabase& database, const std::stop_token& stop);
  [[noreturn]] void refuse_stall(const HeldDatabase& database) const;
  void let_all_go() noexcept;

  const HoldOptions options_;
  std::vector<std::unique_ptr<HeldDatabase>> databases_;
  Stage stage_ = Stage::held;
  bool was_fenced_ = false;
  Timestamp fenced_at_;
  SteadyTime fence_deadline_{};
  SteadyTime stalled_since_{};     // writers of rollback-journal databases wait from here on
  double rate_ = 0;                // bytes per second of a locked pass; 0: not measured
  mutable std::mutex pass_mutex_;  // guards pass_ being joined
  std::unique_ptr<Crew> pass_;     // the locked pass in the background
};

SqliteHold::SqliteHold(std::span<const model::Endpoint> endpoints, const HoldOptions& options,
                       const Cloner& clone)
    : options_(options) {
  check_rule(!endpoints.empty(), "a hold has databases");
  for (const model::Endpoint& endpoint : endpoints) {
    const std::filesystem::path copy =
        beside(options_.scratch_directory / fmt::format("sqlite-{}.db", databases_.size()));
    databases_.push_back(std::make_unique<HeldDatabase>(path_of(endpoint), copy, clone));
  }
  refuse_twins();
  check_stop();
  if (!options_.stopped) measure_rate();
}

// One file under two names would wait for itself.
void SqliteHold::refuse_twins() const {
  for (std::size_t i = 0; i < databases_.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const FileFacts& a = databases_[i]->file();
      const FileFacts& b = databases_[j]->file();
      if (a.device != b.device || a.inode != b.inode) continue;
      throw Error(Errc::usage,
                  fmt::format("{} and {} are the same file", databases_[j]->path().native(),
                              databases_[i]->path().native()))
          .set_hint("Name each database once in the instance file.");
    }
  }
}

void SqliteHold::measure_rate() {
  for (const auto& database : databases_) {
    if (!database->stalls_writers()) continue;
    const double rate = database->measure_rate(options_.scratch_directory, options_.stop);
    rate_ = rate_ == 0 ? rate : std::min(rate_, rate);
  }
}

Milliseconds SqliteHold::predicted(const std::vector<HeldDatabase*>& databases) const {
  double bytes = 0;
  for (const HeldDatabase* database : databases)
    bytes += static_cast<double>(database->size_bytes());
  return rate_ > 0 ? Milliseconds(static_cast<std::int64_t>(bytes / rate_ * 1000))
                   : Milliseconds(0);
}

bool SqliteHold::fence(SteadyTime deadline) {
  check_rule(stage_ == Stage::held, "fence() comes before capture()");
  for (const auto& database : databases_) {
    if (database->can_fence()) continue;
    throw Error(Errc::unsupported, fmt::format("{} cannot be fenced: we may not write there",
                                               database->path().native()))
        .set_hint(
            "Run as a user who may write to the database and its directory, or accept unfenced "
            "copies.");
  }
  check_stop();
  const SteadyTime begun = std::chrono::steady_clock::now();
  // Writers may wait as long as the fence lasts, and not longer: a part of that is kept for
  // capturing.
  const auto window =
      std::min<std::chrono::steady_clock::duration>(deadline - begun, options_.fence_max);
  const SteadyTime lock_deadline = begun + window * 3 / 5;
  struct LetGo {
    SqliteHold* hold;
    ~LetGo() {
      if (hold == nullptr) return;
      for (const auto& database : hold->databases_) {
        database->unfence();
        database->end();
      }
    }
  } let_go{this};
  for (const auto& database : databases_) {
    if (!database->fence(lock_deadline, options_.stop)) return false;
  }
  let_go.hold = nullptr;
  stage_ = Stage::fenced;
  was_fenced_ = true;
  fence_deadline_ = begun + window;
  stalled_since_ = begun;
  fenced_at_ = system_clock().now();
  return true;
}

void SqliteHold::check_stop() const {
  if (options_.stop.stop_requested()) {
    throw Error(Errc::cancelled,
                fmt::format("stopped capturing {}", databases_.front()->path().native()));
  }
}

// Until when locks are waited for, all of them together.
SteadyTime SqliteHold::begin_deadline() const {
  if (was_fenced_) return fence_deadline_;  // writers wait already
  const SteadyTime now = std::chrono::steady_clock::now();
  if (databases_.size() == 1) return now + lone_wait;
  return now + options_.fence_max;
}

void SqliteHold::begin(HeldDatabase& database, SteadyTime deadline) {
  model::Moment& moment = database.moment();
  moment.earliest = was_fenced_ ? fenced_at_ : system_clock().now();
  if (!database.begin(deadline, options_.stop)) {
    throw Error(Errc::unavailable,
                fmt::format("{} stayed locked by another program", database.path().native()))
        .set_hint("Try again, or find out which program holds the database locked.");
  }
  moment.latest = system_clock().now();
  moment.fenced = was_fenced_;
  if (!was_fenced_ && stalled_since_ == SteadyTime{} && database.stalls_writers()) {
    stalled_since_ = std::chrono::steady_clock::now();
  }
}

void SqliteHold::begin_all() {
  const SteadyTime deadline = begin_deadline();
  std::vector<HeldDatabase*> order;
  for (const auto& database : databases_) {
    if (!database->copied()) order.push_back(database.get());
  }
  // Those that keep writers waiting come last, so that these wait for nobody but each other.
  std::stable_partition(order.begin(), order.end(),
                        [](const HeldDatabase* database) { return !database->stalls_writers(); });
  for (HeldDatabase* const database : order) {
    check_stop();
    begin(*database, deadline);
  }
  if (!was_fenced_) return;
  // One moment for all: any instant between the fence and the last capture.
  const Timestamp latest = order.back()->moment().latest;
  for (const auto& database : databases_) database->moment().latest = latest;
}

std::vector<HeldDatabase*> SqliteHold::clone_what_can_be() {
  std::vector<HeldDatabase*> left;
  for (const auto& database : databases_) {
    if (!database->stalls_writers() || database->copied()) continue;
    if (!database->copy_by_clone()) left.push_back(database.get());
  }
  return left;
}

void SqliteHold::refuse_stall(const HeldDatabase& database) const {
  throw Error(Errc::not_consistent, fmt::format("{} ({} bytes, rollback journal) cannot be copied "
                                                "without keeping its writers waiting for "
                                                "more than {} ms",
                                                database.path().native(), database.size_bytes(),
                                                options_.writer_stall_max.count()))
      .set_hint(
          "Switch it to WAL (PRAGMA journal_mode=WAL), raise limits.writer_stall_ms, or set "
          "[quiesce].");
}

// What is held in rollback-journal mode keeps writers waiting: cloned at once, or copied in steps
// between which they may write, or in one pass that is short enough.
void SqliteHold::copy_stallers() {
  std::vector<HeldDatabase*> left = clone_what_can_be();
  if (left.empty()) return;
  if (options_.stopped) return start_pass(std::move(left), std::nullopt);
  HeldDatabase& first = *left.front();
  if (databases_.size() == 1 && !was_fenced_) {
    // Only a single database: of several, stepwise copies would not be one moment.
    first.end();
    if (first.copy_in_steps(stepwise_tries_max, options_.stop)) return;
    stalled_since_ = {};
    begin_all();
    if (!first.stalls_writers()) return;  // it has been switched to WAL meanwhile
  }
  const SteadyTime deadline = stalled_since_ + options_.writer_stall_max;
  if (std::chrono::steady_clock::now() + predicted(left) > deadline) refuse_stall(first);
  start_pass(std::move(left), deadline);
}

void SqliteHold::capture() {
  check_rule(stage_ == Stage::held || stage_ == Stage::fenced, "capture() comes once");
  struct LetGo {
    SqliteHold* hold;
    ~LetGo() {
      if (hold != nullptr) hold->let_all_go();
    }
  } let_go{this};
  begin_all();
  stage_ = Stage::captured;
  copy_stallers();
  let_go.hold = nullptr;
}

void SqliteHold::unfence() {
  for (const auto& database : databases_) database->unfence();
  if (stage_ != Stage::fenced) return;
  // Nothing was captured: as if there had been no fence.
  stage_ = Stage::held;
  was_fenced_ = false;
  stalled_since_ = {};
}

void SqliteHold::start_pass(std::vector<HeldDatabase*> databases,
                            std::optional<SteadyTime> deadline) {
  pass_ = std::make_unique<Crew>();
  pass_->start([this, databases = std::move(databases), deadline](const std::stop_token& stop) {
    // However this ends: whoever waits for one of these databases is let in at once.
    struct EndAll {
      const std::vector<HeldDatabase*>& databases;
      ~EndAll() {
        for (HeldDatabase* const database : databases) database->end();
      }
    } const end_all{databases};
    for (HeldDatabase* const database : databases) {
      const std::lock_guard lock(database->mutex());
      if (!database->copy_held(deadline, stop)) refuse_stall(*database);
    }
  });
}

void SqliteHold::await_pass(const std::stop_token& stop) {
  const std::lock_guard lock(pass_mutex_);
  if (!pass_) return;
  const std::unique_ptr<Crew> pass = std::move(pass_);
  const std::stop_callback cancel(stop, [&] { pass->request_stop(); });
  pass->join();
}

void SqliteHold::ensure_copied(HeldDatabase& database, const std::stop_token& stop) {
  await_pass(stop);
  const std::lock_guard lock(database.mutex());
  if (database.copied()) return;
  if (database.stalls_writers()) {
    throw Error(Errc::not_consistent, fmt::format("{} was not copied", database.path().native()));
  }
  static_cast<void>(database.copy_held(std::nullopt, stop));
}

HeldDatabase& SqliteHold::captured(std::size_t database) const {
  check_rule(stage_ == Stage::captured || stage_ == Stage::released, "capture() comes first");
  check_rule(database < databases_.size(), "the hold has that database");
  return *databases_[database];
}

model::Moment SqliteHold::moment(std::size_t database) const {
  return captured(database).moment();
}

std::vector<model::Part> SqliteHold::parts(std::size_t database) {
  model::Part part;
  part.path = part_path;
  part.bytes_estimate = captured(database).size_bytes();
  return {part};
}

void SqliteHold::copy(std::size_t database, const model::Part& part, model::PartSink& into,
                      std::stop_token stop) {
  HeldDatabase& held = captured(database);
  if (part.path != part_path) {
    throw Error(Errc::not_found,
                fmt::format("{} has no part `{}`", held.path().native(), part.path));
  }
  ensure_copied(held, stop);
  const std::string name = held.copy_path().native();
  const Fd file = open_file(held.copy_path(), O_RDONLY);
  const std::unique_ptr<model::PartSink::Segment> segment = into.segment(0);
  Bytes buffer(stream_step_bytes);
  while (true) {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped copying {}", held.path().native()));
    const std::size_t count = read_some(file.get(), buffer, name);
    if (count == 0) break;
    segment->write(ByteView(buffer).first(count));
  }
  segment->finish();
}

void SqliteHold::describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) {
  HeldDatabase& held = captured(database);
  ensure_copied(held, stop);
  in_context(fmt::format("examining the copy of {}", held.path().native()), [&] {
    Connection copy(held.copy_path(), Access::immutable);
    copy.stop_with(std::move(stop));
    describe_content(copy, held.file(), facts, options_.row_tap);
  });
}

void SqliteHold::release() {
  check_rule(stage_ == Stage::captured, "release() comes after capture()");
  unfence();
  await_pass({});
  // The copies stay until the end, so that they may still be described.
  for (const auto& database : databases_) database->end();
  stage_ = Stage::released;
}

void SqliteHold::let_all_go() noexcept {
  pass_.reset();  // stops and joins
  stage_ = Stage::released;
  for (const auto& database : databases_) {
    database->end();
    database->unfence();
  }
}

}  // namespace

std::unique_ptr<Hold> make_hold(std::span<const model::Endpoint> endpoints,
                                const HoldOptions& options, Cloner clone) {
  return std::make_unique<SqliteHold>(endpoints, options, clone);
}

}  // namespace holdfast::engine::sqlite
