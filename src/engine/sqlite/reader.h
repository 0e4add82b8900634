// SPDX-License-Identifier: Apache-2.0
// Reading a live database for a look: without changing it, and leaving beside it what was there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/fd.h"
#include "engine/sqlite/lite.h"

namespace holdfast::engine::sqlite {

struct Reader {
  std::optional<TemporaryDirectory>
      home;  // of a private copy, where the file itself may not be opened
  Connection connection;
};

// Errc::not_found, corrupt (no database, or encrypted), denied, unavailable. Locks are waited for
// five seconds. `copies` is where a private copy may be made; empty: the usual place for temporary
// files.
[[nodiscard]] Reader open_live(const std::filesystem::path& path,
                               const std::filesystem::path& copies = {});

// How much of a file its own header misses. Looked at several times, without a lock: a writer may
// be at work.
struct Shortfall {
  std::uint64_t found_bytes, expected_bytes;
};
[[nodiscard]] std::optional<Shortfall> find_shortfall(Connection& look,
                                                      const std::filesystem::path& path);

}  // namespace holdfast::engine::sqlite
