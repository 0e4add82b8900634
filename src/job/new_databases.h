// SPDX-License-Identifier: Apache-2.0
// The databases that a conversion makes: whether they can be made where they are to be. Reads only.
#pragma once

#include <stop_token>
#include <vector>

#include "job/preflight.h"
#include "job/restore_plan.h"
#include "model/conversion.h"
#include "model/finding.h"

namespace holdfast::job {

// One for each of conversion.databases(), in their order. What stands in the way is added to the
// findings. Errc::usage if one of them, however it is named, is a database of `source`, or lies in
// its files. `files`: what is put in its place before them; `replaces`: with what is there kept
// aside.
[[nodiscard]] std::vector<NewDatabaseTarget> look_at_new_databases(
    const model::Conversion& conversion, const Survey& source,
    const std::vector<FilesTarget>& files, std::vector<model::Finding>& findings,
    const std::stop_token& stop);

// What the source's rows cannot be read by: its databases of engines that could not find the means.
void add_unread_rows(const Survey& source, std::vector<model::Finding>& findings);

// Errc::usage if a path of the target is one of the source's, lies in one, or holds one: a
// conversion takes its time, in which the source stays as it is.
void refuse_same_files(const Survey& source, const std::vector<FilesTarget>& files);

}  // namespace holdfast::job
