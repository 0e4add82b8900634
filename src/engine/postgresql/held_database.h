// SPDX-License-Identifier: Apache-2.0
// One database at one moment: a session that keeps an exported snapshot and a lock on every table,
// and workers that read by the same snapshot.
//
// TRUNCATE and rewriting ALTER TABLE do not follow snapshots: a table they touched looks empty to
// an older one. So tables are locked (ACCESS SHARE, which stops only those) before the snapshot is
// taken, and what was not locked then is proven not to have been rewritten since.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/postgresql/catalog.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/fence.h"
#include "engine/postgresql/location.h"
#include "model/moment.h"

namespace holdfast::engine::postgresql {

using SteadyTime = std::chrono::steady_clock::time_point;

// Rows of a table that are copied by themselves.
struct TableRange {
  std::size_t table = 0;             // in HeldDatabase::tables()
  std::optional<BlockRange> blocks;  // none: the whole table
  std::string part;                  // its path
  std::uint64_t bytes_estimate = 0;
};

class HeldDatabase {
 public:
  // Connects. Errc::not_found if the database is not there. `stop` ends everything up to secure().
  explicit HeldDatabase(const Location& location, std::stop_token stop = {});
  ~HeldDatabase() { end(); }
  HeldDatabase(const HeldDatabase&) = delete;
  HeldDatabase& operator=(const HeldDatabase&) = delete;

  [[nodiscard]] const Location& location() const noexcept { return location_; }
  [[nodiscard]] FenceMeans fence_means();

  // Stops writers until unfence(), waiting for locks until the deadline at most, and less long than
  // the server lets deadlocks be. False with nothing held if they were not to be had. The server
  // lets writers go on by itself when it has heard nothing from us for `silence_max`.
  [[nodiscard]] bool fence(SteadyTime deadline, std::chrono::milliseconds silence_max);
  // Errc::not_consistent if the server has let writers go on before unfence().
  void check_fence();
  void unfence() noexcept;
  [[nodiscard]] bool fenced() const noexcept { return fenced_; }
  // Opens the session that fences, so that no time is lost while others wait behind a fence.
  void prepare_fence();

  // Without a fence: begins, and locks the tables there are. `lock_wait`: how long a lock is waited
  // for.
  void lock_tables(std::chrono::milliseconds lock_wait);
  // Takes the snapshot: the moment is fixed. Waits for nobody.
  void take_snapshot();
  // Makes sure of the tables, and reads what does not follow snapshots. May wait, so that nobody
  // should be fenced off any longer.
  void secure(std::chrono::milliseconds lock_wait,
              std::chrono::milliseconds patience = patience_max);

  // From here on: after secure().
  [[nodiscard]] model::Moment& moment() noexcept { return moment_; }
  [[nodiscard]] const std::string& snapshot() const noexcept { return snapshot_; }
  [[nodiscard]] const std::vector<Table>& tables() const noexcept { return tables_; }
  [[nodiscard]] const std::vector<TableRange>& ranges() const noexcept { return ranges_; }
  [[nodiscard]] const std::vector<SequenceValue>& sequences() const noexcept { return sequences_; }
  [[nodiscard]] const LargeObjects& large_objects() const noexcept { return large_objects_; }
  // What is left of secure()'s, for all that is still asked of the catalogs.
  [[nodiscard]] const Patience& patience() const noexcept { return patience_; }
  [[nodiscard]] const std::string& encoding() const noexcept { return encoding_; }
  [[nodiscard]] int server_version() const noexcept { return server_version_; }
  [[nodiscard]] bool standby() const noexcept { return standby_; }

  // Whoever could not read by the snapshot asks here first: Errc::unavailable with the server's
  // words if the holding session is gone, for its snapshot is unknown from then on. Safe from
  // several threads; nothing is said while another copies a table by that session, and notices
  // itself.
  void check_held();

  // Runs `work` on a session of the snapshot: a worker's, or the holding one. Safe from several
  // threads.
  void with_worker(const std::stop_token& stop, const std::function<void(Connection&)>& work);
  void with_control(const std::stop_token& stop, const std::function<void(Connection&)>& work);

  // Reads rows as COPY text; how many. Safe from several threads.
  std::uint64_t read_range(const TableRange& range, const std::function<void(ByteView)>& line,
                           const std::stop_token& stop);
  std::uint64_t read_large_objects(const std::function<void(ByteView)>& line,
                                   const std::stop_token& stop);

  // Ends the hold. Errc::not_consistent if the holding session is gone, and with it the locks.
  void release();
  void let_go() noexcept;  // of locks and snapshot; sessions stay
  void end() noexcept;     // of everything

 private:
  void begin();
  enum class Locked : std::uint8_t { yes, gone, busy };
  [[nodiscard]] Locked begin_locked();
  [[noreturn]] void refuse_haste() const;
  [[nodiscard]] std::string lock(const std::vector<const Table*>& tables, std::string& message);
  void lock_latecomers();
  [[nodiscard]] bool lock_new_tables(std::chrono::milliseconds wait);
  void cut_ranges();
  [[nodiscard]] std::unique_ptr<Connection> take_worker(const std::stop_token& stop);

  const Location location_;
  const std::stop_token stop_;
  std::mutex control_mutex_;  // guards control_ once workers work
  Connection control_;
  std::atomic<int> control_copies_ = 0;  // who copies a table by control_, or waits to
  std::optional<Connection> fence_;
  bool fenced_ = false;
  bool moment_fenced_ = false;  // the snapshot is of a fenced moment, and cannot be taken again
  // Less than the server's deadlock time: locks are waited for no longer at a time.
  std::chrono::milliseconds fence_wait_max_, lock_slice_;
  std::optional<FenceMeans> fence_means_;
  bool begun_ = false;
  std::set<std::uint64_t> locked_;  // oids
  std::string snapshot_;
  std::string encoding_;
  int server_version_ = 0;
  bool standby_ = false;
  model::Moment moment_;
  std::vector<Table> tables_;
  std::vector<TableRange> ranges_;
  std::vector<SequenceValue> sequences_;
  LargeObjects large_objects_;
  Patience patience_;
  std::mutex workers_mutex_;  // guards the next
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace holdfast::engine::postgresql
