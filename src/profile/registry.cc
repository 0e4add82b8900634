// SPDX-License-Identifier: Apache-2.0
#include "profile/registry.h"

#include "profile/custom.h"
#include "profile/magnolia.h"
#include "profile/migration_center.h"
#include "profile/typedb.h"

namespace holdfast::profile {

std::span<const model::Profile* const> all_profiles() noexcept {
  static const CustomProfile custom;
  static const MagnoliaProfile magnolia;
  static const MigrationCenterProfile migration_center;
  static const TypedbProfile typedb;
  static const model::Profile* const profiles[] = {&custom, &magnolia, &migration_center, &typedb};
  return profiles;
}

const model::Profile* find_profile(std::string_view name) noexcept {
  for (const model::Profile* profile : all_profiles()) {
    if (profile->name() == name) return profile;
  }
  return nullptr;
}

}  // namespace holdfast::profile
