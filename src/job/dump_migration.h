// SPDX-License-Identifier: Apache-2.0
// migrate --from FILE --to NEW: a foreign file straight into a database, of its own kind or of
// another.
#pragma once

#include <filesystem>
#include <stop_token>
#include <vector>

#include "engine/engine.h"
#include "job/environment.h"
#include "job/instance_restore.h"
#include "model/instance.h"

namespace holdfast::job {

// Into a database of the file's kind as import_instance(). Else its tables, or those of
// options.tables, are made anew in the one database of the target, or in that of
// options.components: the file is looked at to its end, tables are designed and the place is looked
// at before anything is made; rows go straight on, with as many tables at a time as both sides
// take; what is there then is compared with what was read. All of it, or nothing: the journal takes
// away what was made. Hooks before_restore, after_restore and on_error of the target.
// Errc::corrupt for a file that is not whole; Errc::unsupported naming everything that has no exact
// counterpart; Errc::exists naming the tables that are there; Errc::differs.
[[nodiscard]] InstanceRestoreReport migrate_dump(const Environment& environment,
                                                 const std::vector<std::filesystem::path>& files,
                                                 const model::Instance& target,
                                                 const InstanceRestoreOptions& options,
                                                 model::Observer& observer, std::stop_source& stop);

// The same of files that are known to be read so; its rows are moved, whatever the kind of
// the target.
[[nodiscard]] InstanceRestoreReport migrate_rows(const Environment& environment,
                                                 const engine::FileReader& from,
                                                 const std::vector<std::filesystem::path>& files,
                                                 const model::Instance& target,
                                                 const InstanceRestoreOptions& options,
                                                 model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job
