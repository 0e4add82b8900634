// SPDX-License-Identifier: Apache-2.0
// What is to be said of a copy that was made: what is not in it, what was not looked at, and what
// the last one had.
#pragma once

#include <optional>
#include <vector>

#include "model/finding.h"
#include "model/manifest.h"

namespace holdfast::job {

// Nothing if all of it could be read.
[[nodiscard]] std::optional<model::Finding> unreadable_files(const model::FilesFacts& facts);
// Nothing if the rows of a copied tree were read.
[[nodiscard]] std::optional<model::Finding> unread_rows(const model::DatabaseFacts& facts);
// Tables that went, or lost all their rows, since the manifest before.
[[nodiscard]] std::vector<model::Finding> lost_tables(const model::Manifest& before,
                                                      const model::Manifest& now);

}  // namespace holdfast::job
