// SPDX-License-Identifier: Apache-2.0
// What config, key, lock and snapshot files have in common when read. Private to this room.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/json.h"

namespace holdfast::format {

// The JSON object that `text` is; Errc::corrupt, naming `what`, for anything else.
[[nodiscard]] Json parse_object(std::string_view text, std::string_view what);

// The member as a number of 32 bits, Errc::corrupt if it is not one; 0 where it is missing or null.
[[nodiscard]] std::uint32_t number32_or_zero(const Json& object, std::string_view key);

// Sets the members of one object in another, behind those that are there. In time that grows with
// the number of members: some come from files that anybody may have written.
void append_members(Json& to, const Json& members);

}  // namespace holdfast::format
