// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/private_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "engine/sqlite/locks.h"

namespace holdfast::engine::sqlite {
namespace {

constexpr int tries_max = 3;

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

// What tells one state of a log from another: who writes to it changes its size, time or salts.
struct LogState {
  std::optional<FileFacts> facts;
  std::array<std::byte, 32> front{};

  explicit LogState(const std::filesystem::path& database) : facts(file_facts(wal_of(database))) {
    const std::optional<Fd> file = try_open_file(wal_of(database), O_RDONLY);
    if (file) static_cast<void>(read_some(file->get(), front, wal_of(database).native()));
  }
  [[nodiscard]] bool same(const LogState& other) const {
    if (facts.has_value() != other.facts.has_value() || front != other.front) return false;
    return !facts ||
           (facts->inode == other.facts->inode && facts->size_bytes == other.facts->size_bytes &&
            facts->changed_ns == other.facts->changed_ns);
  }
};

}  // namespace

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
  }
  return whole;
}

void copy_with_wal(const std::filesystem::path& database, int database_fd,
                   const std::filesystem::path& target, const Cloner& clone,
                   const std::stop_token& stop) {
  // Our SHARED lock keeps whoever comes from removing the log when he goes: his log is the trace
  // that he was here.
  for (int attempt = 0; attempt < tries_max && try_lock_shared(database_fd); ++attempt) {
    const LogState before(database);
    const bool alone = !anybody_has_lock(database_fd);
    static_cast<void>(copy_file(database_fd, target, database.native(), clone, std::nullopt, stop));
    static_cast<void>(copy_sibling(wal_of(database), wal_of(target), clone, std::nullopt, stop));
    const bool still_alone =
        alone && !anybody_has_lock(database_fd) && before.same(LogState(database));
    let_go(database_fd);
    if (still_alone) return settle_copy(target);
    ::unlink(target.c_str());
    ::unlink(wal_of(target).c_str());
  }
  throw Error(Errc::unavailable,
              fmt::format("{} is in use and may not be written by us", database.native()))
      .set_hint(
          "Reading a database in WAL mode together with others needs the right to write to its "
          "-shm file.");
}

void settle_copy(const std::filesystem::path& copy) {
  {
    Connection connection(copy, Access::read_write);
    connection.tidy_on_close(true);
    connection.run("PRAGMA synchronous=OFF");
    if (connection.begin_read() != Begin::done) {
      throw Error(Errc::corrupt, fmt::format("{} cannot be recovered", copy.native()));
    }
    connection.rollback();
    connection.run("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  remove_siblings(copy);
}

}  // namespace holdfast::engine::sqlite
