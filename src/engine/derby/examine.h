// SPDX-License-Identifier: Apache-2.0
// Looks at the directory of a Derby database. docs/findings.md lists the codes.
#pragma once

#include "engine/embedded/kind.h"

namespace holdfast::engine::derby {

[[nodiscard]] embedded::Examination examine_database(const std::filesystem::path& place,
                                                     embedded::Depth depth,
                                                     const std::stop_token& stop);

}  // namespace holdfast::engine::derby
