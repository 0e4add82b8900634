// SPDX-License-Identifier: Apache-2.0
// The statements that give a role what a purpose needs, and not more.
#pragma once

#include <string>
#include <string_view>

#include "engine/postgresql/application.h"
#include "engine/postgresql/location.h"

namespace holdfast::engine::postgresql {

// Errc::usage for a purpose other than backup, restore, application.
[[nodiscard]] std::string grants_for(const Location& location, std::string_view purpose,
                                     const Application& application = {});

}  // namespace holdfast::engine::postgresql
