// SPDX-License-Identifier: Apache-2.0
// All profiles of this build.
#pragma once

#include <span>
#include <string_view>

#include "model/profile.h"

namespace holdfast::profile {

[[nodiscard]] std::span<const model::Profile* const> all_profiles() noexcept;
[[nodiscard]] const model::Profile* find_profile(std::string_view name) noexcept;  // or nullptr

}  // namespace holdfast::profile
