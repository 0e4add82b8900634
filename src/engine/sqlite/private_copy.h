// SPDX-License-Identifier: Apache-2.0
// Copies of a database together with what a dead process left beside it, settled so that the copy
// stands alone. The source is only read; nothing is recovered there.
#pragma once

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
// recovers or writes meanwhile. False, and nothing is left, if `deadline` passed.
[[nodiscard]] bool copy_with_journal(const std::filesystem::path& database, int database_fd,
                                     const std::filesystem::path& target, const Cloner& clone,
                                     std::optional<SteadyTime> deadline,
                                     const std::stop_token& stop);

// Copies database and write-ahead log to `target`, for a database that nobody has open.
// Errc::unavailable if somebody came meanwhile.
void copy_with_wal(const std::filesystem::path& database, int database_fd,
                   const std::filesystem::path& target, const Cloner& clone,
                   const std::stop_token& stop);

// Recovers a private copy: rolls its journal back, moves its log into the file, removes both.
void settle_copy(const std::filesystem::path& copy);

}  // namespace holdfast::engine::sqlite
