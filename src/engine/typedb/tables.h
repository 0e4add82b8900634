// SPDX-License-Identifier: Apache-2.0
// Whether a RocksDB directory that nobody writes to is whole.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

namespace holdfast::engine::typedb {

// Whether every table that its MANIFEST names is there and all their blocks have their checksums.
// Empty if so, else what is wrong, naming file and byte. Errc::cancelled.
[[nodiscard]] std::string why_unproven(const std::filesystem::path& rocks,
                                       const std::stop_token& stop);

}  // namespace holdfast::engine::typedb
