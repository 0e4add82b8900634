// SPDX-License-Identifier: Apache-2.0
// Shortening a log that is ours, as a restored one is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace holdfast::engine::typedb {

struct WalCut {
  std::uint64_t bytes = 0;     // that were cut off
  std::uint64_t segments = 0;  // that were removed
};
// Cuts off what a server would: the rest of a write that was broken off at the end of the newest
// segment; and an empty newest segment, which a server would take for an empty log. With `last`
// everything behind the records of that number goes too: Errc::not_found if it has none.
// Errc::corrupt for damage in front of that. `directory` is "<database>/wal".
WalCut cut_wal(const std::filesystem::path& directory, std::optional<std::uint64_t> last = {});

}  // namespace holdfast::engine::typedb
