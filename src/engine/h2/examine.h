// SPDX-License-Identifier: Apache-2.0
// Looks at the file of an H2 database. docs/findings.md lists the codes.
#pragma once

#include "engine/embedded/kind.h"

namespace holdfast::engine::h2 {

[[nodiscard]] embedded::Examination examine_database(const std::filesystem::path& place,
                                                     embedded::Depth depth,
                                                     const std::stop_token& stop);

}  // namespace holdfast::engine::h2
