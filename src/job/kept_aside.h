// SPDX-License-Identifier: Apache-2.0
// Directories beside which nothing may be kept, as a profile names them: a server would take it for
// one more application, with the databases of this one.
#pragma once

#include <vector>

#include "job/restore_plan.h"
#include "model/finding.h"
#include "model/manifest.h"

namespace holdfast::job {

// Has them made and kept one directory higher, where they go into a directory of the same name or
// of a Tomcat. Where that is another file system or may not be written, all stays as it is, and
// what would be kept is told as a finding.
void keep_aside(const model::Manifest& manifest, RestorePlan& plan,
                std::vector<model::Finding>& findings);

}  // namespace holdfast::job
