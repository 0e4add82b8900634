// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/held_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "base/timestamp.h"
#include "engine/postgresql/patience.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/sqlstate.h"
#include "engine/wide_row.h"

namespace holdfast::engine::postgresql {
namespace {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

constexpr std::size_t tables_at_once = 500;
constexpr int snapshot_tries_max = 5;
// After so long it is said whom we wait for.
constexpr Milliseconds lock_slice_max{2000};
// How long a session that may have gone is asked.
constexpr Milliseconds held_wait{5000};
// Rows of so much heap and TOAST are copied by themselves. The count of blocks is a power of two of
// 8 KiB, so that the ranges stay where they are while a table grows.
constexpr std::uint64_t range_bytes = 128U << 20U;
constexpr std::uint64_t block_bytes = 8192;
constexpr std::uint64_t narrow_bytes_max = 48U << 10U;
constexpr std::uint64_t range_blocks_max = range_bytes / block_bytes;
constexpr std::uint64_t range_blocks_min = 16;
constexpr std::string_view begin_reading =
    "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";

std::uint64_t range_blocks_of(const Table& table) {
  if (table.heap_blocks == 0) return range_blocks_max;
  const std::uint64_t bytes_a_block = std::max(table.size_bytes / table.heap_blocks, block_bytes);
  const std::uint64_t blocks =
      std::bit_floor(std::max<std::uint64_t>(range_bytes / bytes_a_block, range_blocks_min));
  return std::min(blocks, range_blocks_max);
}

std::vector<const model::TableName*> names_of(const std::vector<const Table*>& tables) {
  std::vector<const model::TableName*> names;
  names.reserve(tables.size());
  for (const Table* table : tables) names.push_back(&table->name);
  return names;
}

// Whether enough is kept out of line. Beside its heap a table that keeps nothing there has maps of
// that, less than a thousandth and some pages, and an empty index; what is in a page or two of
// TOAST is not wide, however it is compressed.
bool may_be_wide(const Table& table) {
  const std::uint64_t heap_bytes = table.heap_blocks * block_bytes;
  return table.size_bytes > heap_bytes + heap_bytes / 1000 + narrow_bytes_max;
}

// What a lock is refused with if its table, or the table's schema, is not there any more.
bool is_gone(std::string_view state) {
  return state == "42P01" || state == "3F000";
}

// Somebody has a lock, or would have had to be ended for it.
bool is_busy(std::string_view state) {
  return state == "55P03" || state == "40P01";
}

}  // namespace

HeldDatabase::HeldDatabase(const Location& location, std::stop_token stop)
    : location_(location), stop_(std::move(stop)), control_(location, stop_) {
  encoding_ = control_.encoding();
  server_version_ = control_.server_version();
  standby_ = control_.value("SELECT pg_catalog.pg_is_in_recovery()") == "t";
  fence_wait_max_ = std::max<Milliseconds>(deadlock_time(control_) * 4 / 5, Milliseconds(1));
  lock_slice_ = std::min(fence_wait_max_, lock_slice_max);
}

FenceMeans HeldDatabase::fence_means() {
  if (!fence_means_) fence_means_ = find_fence_means(control_);
  return *fence_means_;
}

void HeldDatabase::begin() {
  control_.rollback();
  if (!control_.alive()) control_ = Connection(location_, stop_);
  locked_.clear();
  // Locking takes no snapshot: that comes later, and sees what was committed until then.
  control_.run(begin_reading);
  begun_ = true;
}

// The SQLSTATE of a refusal, or nothing.
std::string HeldDatabase::lock(const std::vector<const Table*>& tables, std::string& message) {
  control_.run(fmt::format("SET LOCAL lock_timeout = {}", lock_slice_.count()));
  for (std::size_t begin = 0; begin < tables.size(); begin += tables_at_once) {
    const auto first = tables.begin() + static_cast<std::ptrdiff_t>(begin);
    const std::size_t count = std::min(tables_at_once, tables.size() - begin);
    const std::vector<const Table*> some(first, first + static_cast<std::ptrdiff_t>(count));
    std::string state = control_.attempt(lock_statement(names_of(some), "ACCESS SHARE"), &message);
    if (!state.empty()) return state;
  }
  for (const Table* table : tables) locked_.insert(table->oid);
  return "";
}

void HeldDatabase::prepare_fence() {
  if (fence_means() == FenceMeans::none) return;
  if (fence_ && !fence_->alive()) fence_.reset();
  if (fence_) return;
  fence_.emplace(location_, stop_);
}

bool HeldDatabase::fence(SteadyTime deadline, Milliseconds silence_max) {
  const FenceMeans means = fence_means();
  check_rule(means != FenceMeans::none, "what cannot be fenced is not fenced");
  prepare_fence();
  const std::vector<Table> tables = list_tables(control_, false);
  std::vector<const Table*> all;
  for (const Table& table : tables) all.push_back(&table);
  begin();
  // Whoever waits for a table that we have, and has one that we wait for, is to outlast us: after
  // its deadlock time the server would end one of us, and maybe the application.
  deadline = std::min(deadline, std::chrono::steady_clock::now() + fence_wait_max_);
  const auto left =
      std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now());
  // These come first: behind our own SHARE locks somebody may queue whom they would wait for.
  std::string message;
  std::string state;
  if (!all.empty()) {
    state = control_.attempt(
        fmt::format("SET LOCAL lock_timeout = {0}; SET LOCAL statement_timeout = {0}; {1};"
                    " SET LOCAL statement_timeout = 0",
                    std::max<std::int64_t>(left.count(), 1),
                    lock_statement(names_of(all), "ACCESS SHARE")),
        &message);
  }
  if (state.empty()) {
    for (const Table& table : tables) locked_.insert(table.oid);
    fenced_ = lock_writers_out(*fence_, means, tables, deadline, silence_max);
    moment_fenced_ = fenced_;
    if (fenced_) return true;
  }
  let_go();
  if (!state.empty() && state != "55P03" && state != "57014" && !is_gone(state))
    throw refusal(location_.component, message, state);
  return false;
}

void HeldDatabase::unfence() noexcept {
  fenced_ = false;
  if (fence_) fence_->rollback();
}

void HeldDatabase::check_fence() {
  if (!fenced_ || fence_->in_transaction()) return;
  throw Error(
      Errc::not_consistent,
      fmt::format("{}: the fence had ended before everything was captured", location_.component))
      .set_hint("Raise limits.fence_ms if capturing takes long.");
}

void HeldDatabase::refuse_haste() const {
  throw Error(Errc::unavailable,
              fmt::format("{}: tables are made, emptied or dropped faster than they can be held",
                          location_.component))
      .set_hint("Try again when no schema change is under way.");
}

// Begins, and locks all tables, or has nothing: one has gone, or somebody has it.
HeldDatabase::Locked HeldDatabase::begin_locked() {
  const std::vector<Table> tables = list_tables(control_, false);
  std::vector<const Table*> all;
  for (const Table& table : tables) all.push_back(&table);
  begin();
  std::string message;
  const std::string state = lock(all, message);
  if (state.empty()) return Locked::yes;
  control_.rollback();
  begun_ = false;
  if (is_gone(state)) return Locked::gone;
  if (is_busy(state)) return Locked::busy;
  throw refusal(location_.component, message, state);
}

// Who has one table and wants another gets it: with each try that fails all are let go.
void HeldDatabase::lock_tables(Milliseconds lock_wait) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + lock_wait;
  for (int went = 0; !begun_;) {
    const Locked locked = begin_locked();
    if (locked == Locked::gone && ++went == snapshot_tries_max) refuse_haste();
    if (locked == Locked::busy && std::chrono::steady_clock::now() >= deadline)
      throw lock_refusal(control_, who_locks(control_));
  }
}

// Within a fence: tables that were made since its list was read, and that could be dropped or
// emptied once it has ended. After the snapshot there is no way back, as there is without a fence.
void HeldDatabase::lock_latecomers() {
  for (int attempt = 0; attempt < snapshot_tries_max; ++attempt) {
    const std::vector<TableAt> tables = list_table_names(*fence_);
    std::vector<const model::TableName*> fresh;
    for (const TableAt& table : tables) {
      if (!locked_.contains(table.oid)) fresh.push_back(&table.name);
    }
    if (fresh.empty()) return;
    control_.run("SAVEPOINT holdfast_latecomers");
    const std::string state = control_.attempt(lock_statement(fresh, "ACCESS SHARE", false));
    // No snapshot is exported within a savepoint.
    control_.run(fmt::format("{}RELEASE SAVEPOINT holdfast_latecomers",
                             state.empty() ? "" : "ROLLBACK TO SAVEPOINT holdfast_latecomers; "));
    if (state.empty()) {
      for (const TableAt& table : tables) locked_.insert(table.oid);
      return;
    }
    if (!is_gone(state)) return;  // somebody is at it: secure() will see
  }
}

void HeldDatabase::take_snapshot() {
  check_rule(begun_, "tables are locked before the snapshot");
  if (fenced_) {
    check_fence();
    lock_latecomers();
  }
  moment_.kind = model::MomentKind::at_capture;
  moment_.earliest = system_clock().now();
  snapshot_ = control_.value("SELECT pg_catalog.pg_export_snapshot()");
  moment_.latest = system_clock().now();
  moment_.position = control_.value(
      "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
      " ELSE pg_catalog.pg_current_wal_lsn() END");
}

// Locks what was not there when the others were locked. False if one of them has been rewritten
// since the snapshot: it would look empty.
bool HeldDatabase::lock_new_tables(Milliseconds wait) {
  std::vector<const Table*> fresh;
  std::string oids;
  for (const Table& table : tables_) {
    if (locked_.contains(table.oid)) continue;
    fresh.push_back(&table);
    oids += fmt::format("{}{}", oids.empty() ? "" : ",", table.oid);
  }
  if (fresh.empty()) return true;
  std::string message;
  std::string state;
  const Patience patience{std::chrono::steady_clock::now() + wait, lock_slice_};
  if (!attempt_patiently(control_, lock_statement(names_of(fresh), "ACCESS SHARE"), state, message,
                         patience)) {
    if (is_gone(state)) return false;
    throw refusal(location_.component, message, state);
  }
  for (const Table* table : fresh) locked_.insert(table->oid);
  // The left side is as the snapshot has it, the right side as it is now.
  return control_.value(fmt::format("SELECT count(*) FROM pg_class c WHERE c.oid IN ({}) AND"
                                    " c.relfilenode <> pg_catalog.pg_relation_filenode(c.oid)",
                                    oids)) == "0";
}

void HeldDatabase::secure(Milliseconds lock_wait, Milliseconds patience) {
  patience_ = {std::chrono::steady_clock::now() + patience, lock_slice_};
  for (int attempt = 1;; ++attempt) {
    tables_ = list_tables(control_, true, patience_);
    if (lock_new_tables(lock_wait)) break;
    if (moment_fenced_ || attempt == snapshot_tries_max) refuse_haste();
    control_.rollback();
    begun_ = false;
    lock_tables(lock_wait);
    take_snapshot();
  }
  sequences_ = read_sequences(control_, patience_);
  large_objects_ = count_large_objects(control_);
  cut_ranges();
}

void HeldDatabase::cut_ranges() {
  ranges_.clear();
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    const Table& table = tables_[i];
    if (table.unlogged && standby_) continue;  // a standby has no content of theirs
    const std::uint64_t blocks = range_blocks_of(table);
    // Before 14 a range of blocks would be found by reading the whole table.
    const bool divides = server_version_ >= 140000 && table.condition.empty() &&
                         !table.columns.empty() && table.heap_blocks > blocks + blocks / 2;
    const std::uint64_t count = divides ? (table.heap_blocks + blocks - 1) / blocks : 1;
    for (std::uint64_t number = 0; number < count; ++number) {
      TableRange range;
      range.table = i;
      range.part = part_of_table(table.name, number);
      range.bytes_estimate = table.size_bytes / count;
      if (divides) {
        range.blocks =
            BlockRange{number * blocks, number + 1 == count ? UINT64_MAX : (number + 1) * blocks};
      }
      ranges_.push_back(std::move(range));
    }
  }
}

std::unique_ptr<Connection> HeldDatabase::take_worker(const std::stop_token& stop) {
  {
    const std::lock_guard guard(workers_mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Connection> worker = std::move(idle_.back());
      idle_.pop_back();
      worker->stop_with(stop);
      return worker;
    }
  }
  auto worker = std::make_unique<Connection>(location_, stop);
  try {
    worker->run(
        fmt::format("{}; SET TRANSACTION SNAPSHOT {}", begin_reading, quote_text(snapshot_)));
  } catch (const Error&) {
    check_held();
    throw;
  }
  return worker;
}

void HeldDatabase::check_held() {
  if (control_copies_ > 0) return;
  const std::lock_guard guard(control_mutex_);
  try {
    control_.time_out_after(held_wait);
    control_.run("SELECT 1");
    control_.time_out_after({});
  } catch (Error& error) {
    throw error.add_context("holding the moment");
  }
}

void HeldDatabase::with_worker(const std::stop_token& stop,
                               const std::function<void(Connection&)>& work) {
  std::unique_ptr<Connection> worker = take_worker(stop);
  work(*worker);
  const std::lock_guard guard(workers_mutex_);
  idle_.push_back(std::move(worker));
}

void HeldDatabase::with_control(const std::stop_token& stop,
                                const std::function<void(Connection&)>& work) {
  const std::lock_guard guard(control_mutex_);
  control_.stop_with(stop);
  const struct Leave {
    Connection& control;
    const std::stop_token& otherwise;
    ~Leave() { control.stop_with(otherwise); }
  } leave{control_, stop_};
  work(control_);
}

std::uint64_t HeldDatabase::read_range(const TableRange& range,
                                       const std::function<void(ByteView)>& line,
                                       const std::stop_token& stop) {
  const Table& table = tables_.at(range.table);
  const std::string sql =
      copy_out_statement(table, encoding_, range.blocks ? &*range.blocks : nullptr);
  std::uint64_t rows = 0;
  WideRowTurn a_turn;  // what a wide row has taken is free when its session has gone
  WideRowTurn* const turn = may_be_wide(table) ? &a_turn : nullptr;
  std::unique_ptr<Connection> worker = take_worker(stop);
  // Whoever waits to change the table has all newcomers wait behind him, and him our holding
  // session keeps waiting; which needs no new lock to read.
  const std::string state = worker->attempt(lock_statement({&table.name}, "ACCESS SHARE", false));
  if (state == "55P03") {
    worker.reset();
    ++control_copies_;
    const struct Leave {
      std::atomic<int>& copies;
      ~Leave() { --copies; }
    } leave{control_copies_};
    with_control(stop, [&](Connection& control) { rows = control.copy_out(sql, line, turn); });
    return rows;
  }
  if (!state.empty()) {
    throw Error(Errc::unavailable, fmt::format("{}: {} cannot be locked (SQLSTATE {})",
                                               location_.component, table.name.display(), state));
  }
  rows = worker->copy_out(sql, line, turn);
  if (a_turn.wide()) {
    worker.reset();
    return rows;
  }
  const std::lock_guard guard(workers_mutex_);
  idle_.push_back(std::move(worker));
  return rows;
}

std::uint64_t HeldDatabase::read_large_objects(const std::function<void(ByteView)>& line,
                                               const std::stop_token& stop) {
  std::uint64_t rows = 0;
  with_worker(stop, [&](Connection& worker) {
    rows = worker.copy_out(copy_large_objects_statement(), line);
  });
  return rows;
}

void HeldDatabase::release() {
  {
    const std::lock_guard guard(workers_mutex_);
    idle_.clear();
  }
  const std::lock_guard guard(control_mutex_);
  // The session that kept the locks must have lived all along: its transaction is still the one.
  if (!begun_ || !control_.in_transaction()) {
    throw Error(Errc::not_consistent,
                fmt::format("{}: the session that held the moment is gone", location_.component));
  }
  control_.rollback();
  begun_ = false;
}

void HeldDatabase::let_go() noexcept {
  unfence();
  moment_fenced_ = false;
  {
    const std::lock_guard guard(workers_mutex_);
    idle_.clear();
  }
  const std::lock_guard guard(control_mutex_);
  control_.rollback();
  begun_ = false;
}

void HeldDatabase::end() noexcept {
  let_go();
  fence_.reset();
}

}  // namespace holdfast::engine::postgresql
