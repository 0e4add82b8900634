// SPDX-License-Identifier: Apache-2.0
// Locks on the bytes that SQLite uses, taken as open-file-description locks: they live as long as
// our descriptor, whatever else this process opens and closes, and they exclude SQLite's own in
// every process.
//
// Source: sqlite.org/lockingv3.html; sqlite.org/walformat.html section 2.2 ("WAL locks"): bytes of
// the -shm file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace holdfast::engine::sqlite {

// Takes what a reader takes on a database file (SHARED), given a descriptor open for reading. False
// if a writer is committing. Held until let_go() or until the descriptor closes.
[[nodiscard]] bool try_lock_shared(int database_fd);
// Takes EXCLUSIVE, given a descriptor open for writing. False if anybody holds any lock.
[[nodiscard]] bool try_lock_exclusive(int database_fd);
// Whether anybody else is about to write (RESERVED or more).
[[nodiscard]] bool writer_has_lock(int database_fd);
// Whether anybody else holds SHARED or more.
[[nodiscard]] bool anybody_has_lock(int database_fd);

// Doubles the read locks that readers now hold on a -shm file, so that the log they read is kept
// although this process's own lock may vanish. Given a descriptor open for reading.
void lock_like_readers(int shm_fd);
void let_go(int fd) noexcept;  // of everything taken above

// Other processes that have the file open, as "pid 123 (name)". Those of other users are seen by
// root only.
[[nodiscard]] std::vector<std::string> who_has_open(std::uint64_t device, std::uint64_t inode);

}  // namespace holdfast::engine::sqlite
