// SPDX-License-Identifier: Apache-2.0
// Which release is to open what is restored, and whether it can. docs/findings.md lists the codes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/typedb/location.h"
#include "engine/typedb/releases.h"
#include "model/finding.h"
#include "model/manifest.h"

namespace holdfast::engine::typedb {

struct Release {
  std::string text;  // "3.10.4"; empty: it cannot be told
  std::string from;  // where that stands, or why it cannot be told
};
// Of the endpoint's options, else of the distribution there, else of the one around the data
// directory.
[[nodiscard]] Release release_of(const Location& location);

// What stands in the way of a copy of these facts: the release, a server that runs there, where a
// database is made beside the data directory, whom its files will belong to. Reads, changes
// nothing.
[[nodiscard]] std::vector<model::Finding> check_target(const model::DatabaseFacts& facts,
                                                       const Location& location,
                                                       const LoadOptions& options);
// That the copy of a database would take the place of `_system`, or the other way round: a server
// would have no users, or those of another one.
[[nodiscard]] std::optional<model::Finding> check_system(const model::DatabaseFacts& facts,
                                                         const Location& location);
// What stands in the way of ending a copy of these facts at record `last` of its log: 2.x has none,
// or it has not that record. A sentence; empty: nothing.
[[nodiscard]] std::string why_no_end_at(const model::DatabaseFacts& facts, std::uint64_t last);
// What an upgraded package does not open: a directory of an encoding that the release around it
// does not read. Nothing if it does, or one of the two is not known.
[[nodiscard]] std::optional<model::Finding> check_installed(const Release& release,
                                                            Encoding encoding);
// Errc::unsupported, with the releases, if the target is known not to open it.
void refuse_wrong_release(const model::DatabaseFacts& facts, const Location& location);

}  // namespace holdfast::engine::typedb
