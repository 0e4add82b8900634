// SPDX-License-Identifier: Apache-2.0
// An application whose files and databases were restored and compared: changing what it must find
// otherwise where it is now, and looking whether it will find all of it, both by its profile.
#pragma once

#include <set>
#include <string>

#include "job/environment.h"
#include "job/instance_restore.h"
#include "job/instance_source.h"
#include "job/restore_plan.h"
#include "model/instance.h"
#include "model/progress.h"

namespace holdfast::job {

// All is as it was copied; this is changed last. Returns Adaptation::left_databases, for
// check_application().
std::set<std::string> adapt_application(const InstanceSource& source, const model::Instance& target,
                                        const RestorePlan& plan, InstanceRestoreReport& report);

// Adds to the databases of a plan what is run in them, and to its findings and what is missing what
// cannot be.
void plan_statements(const InstanceSource& source, const model::Instance& target,
                     RestorePlan& plan);

// Before it may start. Errc::not_consistent for what nobody accepted. Of a part of an instance that
// is no workspace nothing can be said.
void check_application(const Environment& environment, const InstanceSource& source,
                       const model::Instance& target, const RestorePlan& plan,
                       const std::set<std::string>& left_databases,
                       const InstanceRestoreOptions& options, model::Observer& observer);

}  // namespace holdfast::job
