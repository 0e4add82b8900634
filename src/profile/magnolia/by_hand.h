// SPDX-License-Identifier: Apache-2.0
// What RESTORE.md says of Magnolia itself, for those who have no Holdfast.
#pragma once

#include <string>

#include "profile/magnolia/facts.h"

namespace holdfast::profile::magnolia {

// Sections of Markdown: what is left to do once databases and files are in their places, before the
// application may start; each command is a line after four spaces. `HOST:PORT/NAME` and `HOST`
// stand in them for what only who restores can know, and `NEW` and `target` for the databases that
// the engines' own instructions make. Holds no secret. Reads the small configuration files again.
// `facts` are at_real_places(), as the paths of the copy.
[[nodiscard]] std::string by_hand(const MagnoliaFacts& facts);

}  // namespace holdfast::profile::magnolia
