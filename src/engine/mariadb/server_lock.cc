// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/server_lock.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "engine/mariadb/privileges.h"
#include "engine/mariadb/table_fence.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr unsigned backup_stages_since = 100'401;
constexpr unsigned instance_lock_since = 80'000;  // of MySQL
constexpr std::chrono::seconds shortest_idle{2};

// Whether FLUSH TABLES WITH READ LOCK waits for statements that only read, and leaves the tables
// they read closed to everybody if it is taken back.
// Source: dev.mysql.com/doc/refman/8.4/en/flush.html; MariaDB from 10.4 on locks without closing.
bool is_waiting_for_readers(const Connection& connection) {
  return !connection.is_mariadb() || connection.version_number() < 100'400;
}

}  // namespace

// Source: mariadb.com/kb/en/backup-stage. BLOCK_COMMIT waits for no statement but those that commit
// or define; FLUSH TABLES WITH READ LOCK stops all writes, also those to tables without
// transactions.
ServerLock::ServerLock(const Location& location, const Secret* password, bool has_others,
                       std::chrono::milliseconds fence_max)
    : connection_(location, password, false),
      killer_(location, password, false),
      method_(connection_.is_mariadb() && connection_.version_number() >= backup_stages_since &&
                      !has_others
                  ? Method::backup_stage
                  : Method::read_lock),
      fence_max_(fence_max),
      sees_others_(is_waiting_for_readers(connection_) &&
                   Privileges(connection_, location.schema).has_global("PROCESS")) {}

ServerLock::~ServerLock() {
  try {
    unlock();
  } catch (const Error& error) {  // a destructor; closing the session lets go as well
    log(LogLevel::warn, "a server's lock could not be let go of", {{"why", error.message()}});
  }
}

ServerLock::Ended ServerLock::take(std::chrono::steady_clock::time_point deadline,
                                   const std::stop_token& stop) {
  connection_.stop_with(stop);
  const Ended ended = take(deadline);
  // From now on it is let go of in good order, whoever asks.
  connection_.stop_with({});
  if (ended != Ended::done) wait_for_us(session_patience);
  return ended;
}

void ServerLock::wait_for_us(std::chrono::seconds idle) {
  connection_.run(fmt::format("SET wait_timeout={}", idle.count()));
}

ServerLock::Ended ServerLock::take(std::chrono::steady_clock::time_point deadline) {
  wait_for_us(std::max(shortest_idle, std::chrono::ceil<std::chrono::seconds>(3 * fence_max_)));
  if (method_ == Method::read_lock) return take_read_lock(deadline);
  Ended ended = connection_.run_until("BACKUP STAGE START", deadline, killer_);
  if (ended != Ended::done) return ended;
  held_ = true;
  ended = connection_.run_until("BACKUP STAGE BLOCK_COMMIT", deadline, killer_);
  if (ended != Ended::done) unlock();
  return ended;
}

ServerLock::Ended ServerLock::take_read_lock(std::chrono::steady_clock::time_point deadline) {
  if (given_up_ || is_in_the_way()) return Ended::late;
  // Definitions first, so that the read lock waits for none; needs BACKUP_ADMIN, and does without.
  if (!connection_.is_mariadb() && connection_.version_number() >= instance_lock_since) {
    const Ended ended = connection_.run_until("LOCK INSTANCE FOR BACKUP", deadline, killer_);
    instance_locked_ = ended == Ended::done;
    if (ended == Ended::late) return ended;
  }
  const Ended ended = connection_.run_until("FLUSH TABLES WITH READ LOCK", deadline, killer_);
  held_ = ended == Ended::done;
  if (!held_) unlock_instance();
  given_up_ = ended == Ended::late && is_waiting_for_readers(connection_) && !sees_others_;
  return ended;
}

// A statement that has run for a while will go on for a while. Others' are shown with PROCESS.
bool ServerLock::is_in_the_way() {
  if (!sees_others_) return false;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(fence_max_).count();
  return killer_.number(
             fmt::format("SELECT count(*) FROM information_schema.PROCESSLIST WHERE COMMAND IN "
                         "('Query', 'Execute') AND TIME >= {} AND ID NOT IN (CONNECTION_ID(), {})",
                         seconds, connection_.id())) > 0;
}

void ServerLock::let_go() {
  try {
    unlock();
  } catch (const Error& error) {
    if (!held_ || !connection_.ping()) throw;
    held_ = instance_locked_ = false;  // with its session
    throw fence_was_ended(error);
  }
}

void ServerLock::unlock() {
  if (held_) connection_.run(method_ == Method::read_lock ? "UNLOCK TABLES" : "BACKUP STAGE END");
  const bool was_held = std::exchange(held_, false);
  unlock_instance();
  if (was_held) wait_for_us(session_patience);
}

void ServerLock::unlock_instance() {
  if (instance_locked_) connection_.run("UNLOCK INSTANCE");
  instance_locked_ = false;
}

}  // namespace holdfast::engine::mariadb
