// SPDX-License-Identifier: Apache-2.0
// What of a copy was asked for by name, and whether the copy and the target have that.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "job/instance_restore.h"
#include "model/manifest.h"
#include "model/table_definition.h"
#include "model/value.h"

namespace holdfast::job {

struct DatabaseTarget;
struct RestorePlan;

// Whether a component is among those that were asked for.
[[nodiscard]] bool is_wanted(const InstanceRestoreOptions& options, std::string_view component);

// Whether "[SCHEMA.]T" or "SCHEMA.*" means a table.
[[nodiscard]] bool means_table(const std::string& wanted, const model::TableName& name);

// The tables of a database that it means.
[[nodiscard]] std::vector<model::TableName> select_tables(const model::DatabaseFacts& facts,
                                                          const std::string& wanted);

// Leaves of a database's tables those that some of `wanted` means, or all if nothing is wanted.
// Takes out of `missing` what means one.
void keep_tables(const std::vector<std::string>& wanted,
                 std::vector<model::TableDefinition>& tables, std::set<std::string>& missing);

// Every component and table that was asked for is in the copy, else Errc::not_found; and may come
// without all the rest, else Errc::usage.
void check_names(const model::Manifest& manifest, const InstanceRestoreOptions& options);

// A record of a log and a schema are those of one database: Errc::usage if several are planned.
// Errc::not_found if there is no such schema.
void check_single(const InstanceRestoreOptions& options, const RestorePlan& plan);

// What was asked for that not all engines can. Errc::usage naming the flag, of tables unsupported.
void check_abilities(const InstanceRestoreOptions& options, const DatabaseTarget& database);

}  // namespace holdfast::job
