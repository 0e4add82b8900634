// SPDX-License-Identifier: Apache-2.0
// One database of a Hold: its locks and how its state gets into a private copy. Not which databases
// go together and how long writers may wait; that is hold.h.
//
// A writer in WAL mode is never kept waiting but by fence(). In rollback mode a writer who commits
// waits while this holds SHARED: from begin() until the copy is made or let_go().
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/fd.h"
#include "engine/sqlite/clone.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/location.h"
#include "model/moment.h"

namespace holdfast::engine::sqlite {

class HeldDatabase {
 public:
  // `copy` is where the private copy will be. Errc::not_found, corrupt, denied … if there is
  // nothing to hold.
  HeldDatabase(std::filesystem::path path, std::filesystem::path copy, Cloner clone);
  ~HeldDatabase();
  HeldDatabase(const HeldDatabase&) = delete;
  HeldDatabase& operator=(const HeldDatabase&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] const FileFacts& file() const noexcept { return file_facts_; }
  [[nodiscard]] bool can_fence() const noexcept { return can_write_; }
  // Whether writers wait while the state is held. Exact after begin(), else as the file's header
  // says.
  [[nodiscard]] bool stalls_writers() const noexcept { return !wal_ && !near_; }
  [[nodiscard]] bool copied() const noexcept { return copied_; }
  [[nodiscard]] const std::filesystem::path& copy_path() const noexcept { return copy_; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] model::Moment& moment() noexcept { return moment_; }
  [[nodiscard]] const model::Moment& moment() const noexcept { return moment_; }

  // Bytes per second at which the file can be copied into `directory`, as far as a sample tells.
  [[nodiscard]] double measure_rate(const std::filesystem::path& directory,
                                    const std::stop_token& stop) const;

  // Keeps writers out. False, and they are not, if that could not be had until `deadline`.
  [[nodiscard]] bool fence(SteadyTime deadline, const std::stop_token& stop);
  void unfence() noexcept;

  // Fixes the state. False if the lock could not be had until `deadline`.
  [[nodiscard]] bool begin(SteadyTime deadline, const std::stop_token& stop);
  // Gives the state up without a copy; begin() may be called again.
  void end() noexcept;

  // The three ways to the copy. Each lets the state go when the copy is made.

  // Quick, and writers no longer wait, but if the scratch directory is on another file system than
  // the database, copied() only after copy_held(). False: this file system cannot.
  [[nodiscard]] bool copy_by_clone();
  // False if `deadline` passed first; the state is then given up.
  [[nodiscard]] bool copy_held(std::optional<SteadyTime> deadline, const std::stop_token& stop);
  // Without a state held: steps between which writers may write. False if they did, `tries_max`
  // times.
  [[nodiscard]] bool copy_in_steps(int tries_max, const std::stop_token& stop);

  // Guards the above where several threads may ask for the same copy.
  [[nodiscard]] std::mutex& mutex() noexcept { return mutex_; }

 private:
  enum class Way : std::uint8_t {
    connection,   // SQLite reads it
    hot_journal,  // a writer died: bytes are copied under our own lock and recovered in the copy
    closed_wal,   // WAL mode, nobody has it open and we may not write: bytes are copied and
                  // recovered
  };
  [[nodiscard]] Connection open_reader() const;
  [[nodiscard]] bool wait_for_shared(SteadyTime deadline, const std::stop_token& stop) const;
  [[nodiscard]] bool still_hot();
  [[nodiscard]] bool copy_pages(std::optional<SteadyTime> deadline, const std::stop_token& stop);
  void copy_near_clone(const std::stop_token& stop);
  void after_begin();
  void guard_log();
  void note_position();

  const std::filesystem::path path_;
  const std::filesystem::path copy_;
  const Cloner clone_;
  FileFacts file_facts_;
  // Closed last: closing them drops SQLite's locks in this process.
  Fd file_;
  Fd shm_;
  bool wal_ = false;
  bool can_write_ = false;
  bool tidy_ = false;  // there were no siblings before us, so there shall be none after
  Way way_ = Way::connection;
  std::optional<Connection> reader_;  // holds the state
  std::optional<Fd> near_;            // or this, a clone without a name beside the database
  // A copy may end on one thread while another lifts the fence.
  std::mutex gate_mutex_;           // guards gate_, fenced_ and begun_
  std::optional<Connection> gate_;  // holds the fence
  bool fenced_ = false;
  bool begun_ = false;  // the state is held
  bool copied_ = false;
  std::uint64_t size_bytes_ = 0;
  model::Moment moment_;
  std::mutex mutex_;
};

}  // namespace holdfast::engine::sqlite
