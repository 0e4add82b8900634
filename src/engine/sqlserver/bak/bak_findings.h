// SPDX-License-Identifier: Apache-2.0
// What is wrong with a backup file, or worth knowing of it.
#pragma once

#include "engine/sqlserver/bak/bak_reader.h"
#include "engine/sqlserver/bak/bak_walk.h"

namespace holdfast::engine::sqlserver {

// Adds to BakReport::findings what is to be said of one file by itself. Whether it is one of
// several stripes is said by who knows the others.
void judge_bak(const WalkEnd& end, BakReport& report);

// "full backup of Shop", "differential backup", …
[[nodiscard]] std::string set_title(const BakSet& set);
// "full", "differential", "log", "file", "differential file", "partial", "differential partial";
// empty: unknown.
[[nodiscard]] std::string_view type_name(const BakSet& set) noexcept;
[[nodiscard]] bool is_copy_only(const BakSet& set) noexcept;
// What is final where it is there, else what was so at the beginning; may be nullptr.
[[nodiscard]] const SetConfiguration* configuration_of(const BakSet& set) noexcept;
// The last full backup in a file, which an import takes; nullptr if there is none that says of
// which database it is.
[[nodiscard]] const BakSet* last_full_set(const BakReport& report) noexcept;

}  // namespace holdfast::engine::sqlserver
