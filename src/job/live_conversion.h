// SPDX-License-Identifier: Apache-2.0
// A living instance whose databases become databases of another kind, table by table: what a
// migration does where no profile knows the application's tables better.
#pragma once

#include <memory>
#include <stop_token>

#include "job/instance_restore.h"
#include "job/preflight.h"
#include "model/conversion.h"
#include "model/instance.h"

namespace holdfast::job {

// Whether a database that is chosen has another engine in the target than in the source.
[[nodiscard]] bool changes_kinds(const model::Instance& source, const model::Instance& target,
                                 const InstanceRestoreOptions& options);

// All databases of the survey, each into that of the same name in the target; of their tables all,
// or those of options.tables: a database that has none of these leaves the survey. Asks both sides,
// changes nothing. What is left behind is the finding `migrate-tables-alone`. Errc::usage for a
// database that is of the same kind on both sides, or not named in the target; Errc::unsupported
// naming all that has no exact counterpart; Errc::not_found for a table that no database has.
[[nodiscard]] std::shared_ptr<const model::Conversion> convert_live(
    Survey& survey, const model::Instance& target, const InstanceRestoreOptions& options,
    const std::stop_token& stop);

}  // namespace holdfast::job
