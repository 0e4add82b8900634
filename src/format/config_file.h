// SPDX-License-Identifier: Apache-2.0
// The repository's `config`: version, id, chunker polynomial. Keys of other programs are kept.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "format/chunker.h"

namespace holdfast::format {

struct ConfigFile {
  unsigned version = 2;  // 1 or 2
  std::string id;        // 64 hex digits
  Polynomial chunker_polynomial = 0;
  Json other = Json::object();  // members we do not know, in their order
};

[[nodiscard]] std::string to_json(const ConfigFile& config);
// Errc::corrupt for anything malformed or a reducible polynomial; Errc::unsupported for another
// version or rustic's fixed-size chunker.
[[nodiscard]] ConfigFile parse_config_file(std::string_view json);

}  // namespace holdfast::format
