// SPDX-License-Identifier: Apache-2.0
// A file below locks/: who uses the repository now.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/timestamp.h"

namespace holdfast::format {

struct LockFile {
  Timestamp time;
  bool exclusive = false;
  std::string hostname;
  std::string username;
  std::int64_t pid = 0;
  std::uint32_t uid = 0;  // omitted when 0
  std::uint32_t gid = 0;
};

[[nodiscard]] std::string to_json(const LockFile& lock);
[[nodiscard]] LockFile parse_lock_file(std::string_view json);  // Errc::corrupt

}  // namespace holdfast::format
