// SPDX-License-Identifier: Apache-2.0
// What a database of migration-center is asked to see whether the product rests, and what the
// answers mean: which schema, whose sessions, where Jobservers are; states.h and schedulers.h have
// the rest.
#pragma once

#include <memory>
#include <string_view>

#include "model/instance.h"
#include "model/quiet_check.h"
#include "profile/migration_center/states.h"

namespace holdfast::profile::migration_center {

// Whether a column of a table holds addresses of Jobservers, by their names; in any case.
[[nodiscard]] bool is_address_column(std::string_view table, std::string_view column);

// The question that all others to one database come from at this moment.
[[nodiscard]] model::ProfileQuery question_to(const model::DatabaseSettings& database,
                                              const model::MigrationCenterSettings& settings,
                                              model::QuietMoment moment,
                                              std::shared_ptr<StatesMet> met);

}  // namespace holdfast::profile::migration_center
