// SPDX-License-Identifier: Apache-2.0
// A file below keys/: a password's wrapping of the master key.
#pragma once

#include <string>
#include <string_view>

#include "base/timestamp.h"
#include "format/crypto.h"

namespace holdfast::format {

struct KeyFile {
  Timestamp created;
  std::string username;
  std::string hostname;
  ScryptCost cost;
  Bytes salt;  // 64 bytes
  Bytes data;  // the sealed master key
};

[[nodiscard]] std::string to_json(const KeyFile& key);
// Errc::corrupt for anything malformed, Errc::unsupported for a kdf other than scrypt.
[[nodiscard]] KeyFile parse_key_file(std::string_view json);

}  // namespace holdfast::format
