// SPDX-License-Identifier: Apache-2.0
// Copies of a database together with what a dead process left beside it, settled so that the copy
// stands alone. The source is only read; nothing is recovered there.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <stop_token>

#include "base/fd.h"
#include "engine/sqlite/clone.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/location.h"

namespace holdfast::engine::sqlite {

// Whether a writer died within a transaction. Given a descriptor of the database.
[[nodiscard]] bool journal_is_hot(const std::filesystem::path& database, int database_fd);

// Copies database and hot journal to `target`. The caller holds SHARED (locks.h), so that nobody
// recovers or writes meanwhile. Whether a transaction over several databases had happened is
// decided here, by its super-journal; settle_copy() needs nothing of the source any more. False,
// and nothing is left, if `deadline` passed.
[[nodiscard]] bool copy_with_journal(const std::filesystem::path& database, int database_fd,
                                     const std::filesystem::path& target, const Cloner& clone,
                                     std::optional<SteadyTime> deadline,
                                     const std::stop_token& stop);

// What somebody who writes to a database in WAL mode leaves behind: size, time or salts of its log
// change, or, when he takes the log in, the file itself.
class Traces {
 public:
  explicit Traces(const std::filesystem::path& database);
  [[nodiscard]] bool same(const Traces& other) const;

 private:
  std::optional<FileFacts> file_, log_;
  std::array<std::byte, 32> log_front_{};
};

// Copies database and write-ahead log to `target`, for a database that nobody has open. False, and
// nothing is left, if somebody has, or came meanwhile.
[[nodiscard]] bool try_copy_with_wal(const std::filesystem::path& database, int database_fd,
                                     const std::filesystem::path& target, const Cloner& clone,
                                     const std::stop_token& stop);
// The same, tried several times; Errc::unavailable then.
void copy_with_wal(const std::filesystem::path& database, int database_fd,
                   const std::filesystem::path& target, const Cloner& clone,
                   const std::stop_token& stop);

// Recovers a private copy: rolls its journal back, moves its log into the file, removes both.
// Errc::cancelled after a stop request, at the latest when the journal is rolled back.
void settle_copy(const std::filesystem::path& copy, const std::stop_token& stop = {});

}  // namespace holdfast::engine::sqlite
