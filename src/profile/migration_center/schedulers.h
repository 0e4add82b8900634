// SPDX-License-Identifier: Apache-2.0
// The schedulers of migration-center: which are enabled, how they are disabled for a copy and
// enabled again, and how a clone is kept from calling the Jobserver of the original.
//
// On Oracle the database itself fires them (source: the vendor's architecture page), so they are
// jobs of DBMS_SCHEDULER or DBMS_JOB of the schema's owner. What fires them on PostgreSQL the
// vendor does not say: jobs of pg_cron are known, and the column of SCHEDULERS that the instance
// file names, or a boolean one that is named like it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/instance.h"
#include "model/quiet_check.h"
#include "profile/migration_center/asked.h"

namespace holdfast::profile::migration_center {

// With QuietAnswer::steps where the instance file lets them be disabled, and facts for a restore:
// `schedulers`, and in `schedulers_asked` and `schedulers_seen` the tables that should tell and
// those that did.
[[nodiscard]] std::vector<model::ProfileQuery> questions_of_schedulers(
    const AskedPtr& asked, const std::vector<std::string>& schemas,
    const std::vector<std::string>& owners);

// For a restored database of that component, by the facts of its copy: none may fire in a clone;
// in a replacement those go on that were disabled for the copy. Statements of Oracle are for the
// schema that is the session's current one. Errc::corrupt for facts that are none.
[[nodiscard]] std::vector<std::string> statements_after_restore(const Json& facts,
                                                                std::string_view component,
                                                                bool is_clone,
                                                                const model::NameMappings& names);

// What these statements leave to somebody: schedulers that nobody has seen and that a clone may
// have enabled; jobs of Oracle that a replacement may lack.
[[nodiscard]] std::vector<std::string> left_by_statements(const Json& facts,
                                                          std::string_view component,
                                                          bool is_clone);

}  // namespace holdfast::profile::migration_center
