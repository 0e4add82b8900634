// SPDX-License-Identifier: Apache-2.0
// Reading a database for a look: without changing it, and leaving beside it what was there.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/fd.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/private_copy.h"

namespace holdfast::engine::sqlite {

struct Reader {
  std::optional<TemporaryDirectory>
      home;  // of a private copy, where the file itself may not be opened
  Fd file;   // locked; goes after the connection, whose locks its closing would drop
  Connection connection;
  // Of a database that nobody had open, read as it lay there; its path.
  std::optional<Traces> traces;
  std::filesystem::path path;
};

// Errc::not_found, corrupt (no database, or encrypted), denied, unavailable. Locks are waited for
// five seconds. `copies` is where a private copy may be made; empty: the usual place for temporary
// files. Opening, and what is read afterwards, ends with Errc::cancelled soon after a request.
[[nodiscard]] Reader open_live(const std::filesystem::path& path,
                               const std::filesystem::path& copies = {},
                               const std::stop_token& stop = {});

// The same for a file of which nothing is known but that it begins as a database does. Nothing is
// written to it or made beside it, not even what every reader makes in WAL mode: if somebody has it
// open it is read together with him, in a transaction; else as it lies there, under a lock; in WAL
// mode was_left_alone() says afterwards whether what was read counts. `with_leftovers`: what a dead
// process left beside it is taken in, in a private copy. `copied_within`: for a look that takes
// long at a database in rollback-journal mode, whose writers wait for our lock: a private copy is
// read if it can be made in that time, and they wait no longer. Errc::unavailable if it stays
// locked.
[[nodiscard]] Reader open_untouched(const std::filesystem::path& path, bool with_leftovers,
                                    const std::stop_token& stop = {},
                                    std::chrono::milliseconds copied_within = {});
[[nodiscard]] bool was_left_alone(const Reader& reader);

// How much of a file its own header misses. Looked at several times, without a lock: a writer may
// be at work.
struct Shortfall {
  std::uint64_t found_bytes, expected_bytes;
};
[[nodiscard]] std::optional<Shortfall> find_shortfall(Connection& look,
                                                      const std::filesystem::path& path);

}  // namespace holdfast::engine::sqlite
