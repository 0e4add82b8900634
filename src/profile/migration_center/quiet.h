// SPDX-License-Identifier: Apache-2.0
// Whether a migration-center rests: its databases are asked, and this machine is looked at.
#pragma once

#include <memory>

#include "model/instance.h"
#include "model/quiet_check.h"
#include "profile/migration_center/installation.h"

namespace holdfast::profile::migration_center {

// `instance` with the databases of its plan.
[[nodiscard]] std::shared_ptr<model::QuietCheck> make_quiet_check(const model::Instance& instance,
                                                                  const Installation& installation);

}  // namespace holdfast::profile::migration_center
