// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/private_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "base/error.h"
#include "engine/sqlite/header.h"
#include "engine/sqlite/locks.h"

namespace holdfast::engine::sqlite {
namespace {

constexpr int tries_max = 3;
constexpr std::chrono::milliseconds pause{20};

bool copy_file(int source_fd, const std::filesystem::path& target, std::string_view name,
               const Cloner& clone, std::optional<SteadyTime> deadline,
               const std::stop_token& stop) {
  Fd file = open_file(target, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (clone(source_fd, file.get())) return true;
  const bool whole = copy_bytes(source_fd, file.get(), name, deadline, stop);
  file.close(target.native());
  return whole;
}

bool copy_sibling(const std::filesystem::path& source, const std::filesystem::path& target,
                  const Cloner& clone, std::optional<SteadyTime> deadline,
                  const std::stop_token& stop) {
  const std::optional<Fd> file = try_open_file(source, O_RDONLY);
  if (!file) return true;
  return copy_file(file->get(), target, source.native(), clone, deadline, stop);
}

// Makes a copied journal independent of a super-journal at the source, which the application may
// remove at any time once our lock is gone. As long as that is there the transaction has not
// happened: the journal becomes one of its own, to be rolled back. Without it the transaction has
// happened, and the journal is only what is left of it.
void settle_super_journal(const std::filesystem::path& journal) {
  const std::optional<Fd> file = try_open_file(journal, O_RDWR);
  if (!file) return;
  const std::optional<FileFacts> facts = file_facts(journal);
  if (!facts) return;
  Bytes end(std::min<std::uint64_t>(facts->size_bytes, journal_end_bytes));
  pread_exact(file->get(), end, facts->size_bytes - end.size(), journal.native());
  const std::string super = super_journal_name(end);
  if (super.empty()) return;
  struct stat found {};
  const bool is_there = ::stat(super.c_str(), &found) == 0;
  if (!is_there && errno != ENOENT && errno != ENOTDIR) {
    throw Error(Errc::not_consistent,
                fmt::format("cannot tell whether the transaction over several databases in {} has "
                            "happened: its super-journal {} cannot be looked at: {}",
                            journal.native(), super, std::generic_category().message(errno)))
        .set_hint("Let the application open its databases once, or give this user the right.");
  }
  if (!is_there || (S_ISREG(found.st_mode) && found.st_size == 0)) {  // as SQLite sees it
    ::unlink(journal.c_str());
    return;
  }
  const std::array<std::byte, journal_trailer_bytes> nothing{};
  pwrite_all(file->get(), nothing, facts->size_bytes - nothing.size(), journal.native());
}

bool same_file(const std::optional<FileFacts>& a, const std::optional<FileFacts>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->inode == b->inode && a->size_bytes == b->size_bytes && a->changed_ns == b->changed_ns;
}

}  // namespace

Traces::Traces(const std::filesystem::path& database)
    : file_(file_facts(database)), log_(file_facts(wal_of(database))) {
  const std::optional<Fd> log = try_open_file(wal_of(database), O_RDONLY);
  if (log) static_cast<void>(read_some(log->get(), log_front_, wal_of(database).native()));
}

bool Traces::same(const Traces& other) const {
  return same_file(file_, other.file_) && same_file(log_, other.log_) &&
         log_front_ == other.log_front_;
}

// Source: sqlite.org/lockingv3.html, "Dealing with hot journals".
bool journal_is_hot(const std::filesystem::path& database, int database_fd) {
  const Siblings siblings = siblings_of(database);
  if (siblings.journal_bytes == 0 || !siblings.journal_live) return false;
  const std::optional<FileFacts> facts = file_facts(database);
  return facts && facts->size_bytes > 0 && !writer_has_lock(database_fd);
}

bool copy_with_journal(const std::filesystem::path& database, int database_fd,
                       const std::filesystem::path& target, const Cloner& clone,
                       std::optional<SteadyTime> deadline, const std::stop_token& stop) {
  const bool whole =
      copy_sibling(journal_of(database), journal_of(target), clone, deadline, stop) &&
      copy_file(database_fd, target, database.native(), clone, deadline, stop);
  if (!whole) {
    ::unlink(target.c_str());
    ::unlink(journal_of(target).c_str());
    return false;
  }
  settle_super_journal(journal_of(target));
  return true;
}

bool try_copy_with_wal(const std::filesystem::path& database, int database_fd,
                       const std::filesystem::path& target, const Cloner& clone,
                       const std::stop_token& stop) {
  // Our SHARED lock keeps whoever comes from removing the log when he goes: his log is the trace
  // that he was here.
  if (!try_lock_shared(database_fd)) return false;
  const Traces before(database);
  if (anybody_has_lock(database_fd)) {
    let_go(database_fd);
    return false;
  }
  static_cast<void>(copy_file(database_fd, target, database.native(), clone, std::nullopt, stop));
  static_cast<void>(copy_sibling(wal_of(database), wal_of(target), clone, std::nullopt, stop));
  const bool alone = !anybody_has_lock(database_fd) && before.same(Traces(database));
  let_go(database_fd);
  if (alone) {
    settle_copy(target, stop);
  } else {
    ::unlink(target.c_str());
    ::unlink(wal_of(target).c_str());
  }
  return alone;
}

void copy_with_wal(const std::filesystem::path& database, int database_fd,
                   const std::filesystem::path& target, const Cloner& clone,
                   const std::stop_token& stop) {
  for (int attempt = 0; attempt < tries_max; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(pause);
    if (try_copy_with_wal(database, database_fd, target, clone, stop)) return;
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped copying {}", database.native()));
  }
  throw Error(Errc::unavailable,
              fmt::format("{} is in use and may not be written by us", database.native()))
      .set_hint(
          "Reading a database in WAL mode together with others needs the right to write to its "
          "-shm file.");
}

void settle_copy(const std::filesystem::path& copy, const std::stop_token& stop) {
  {
    Connection connection(copy, Access::read_write);
    connection.stop_with(stop);
    connection.check_stop();
    connection.run("PRAGMA synchronous=OFF");
    if (connection.begin_read() != Begin::done) {
      throw Error(Errc::corrupt, fmt::format("{} cannot be recovered", copy.native()));
    }
    connection.rollback();
    connection.check_stop();
    connection.run("PRAGMA wal_checkpoint(TRUNCATE)");
    connection.check_stop();
    connection.tidy_on_close(true);
  }
  remove_siblings(copy);
}

}  // namespace holdfast::engine::sqlite
