// SPDX-License-Identifier: Apache-2.0
// Whether a server can restore a backup: its release, certificates, rights, directories and room.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/sqlserver/physical/backup_statement.h"
#include "engine/sqlserver/row_counts.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

// What a backup says that it needs.
struct TargetNeeds {
  unsigned database_version = 0;  // 0: nobody knows
  std::vector<RestoredFile> files;
  Json certificates = Json::array();
};
[[nodiscard]] TargetNeeds needs_of(const Json& engine_facts);

[[nodiscard]] std::vector<model::Finding> target_problems(Session& admin, const Location& location,
                                                          const TargetNeeds& needs,
                                                          const LoadOptions& options);
// What is in the way of renaming `database`, unless its application is stopped before: those who
// would be thrown out, and rights that its account lacks.
[[nodiscard]] std::vector<model::Finding> place_problems(Session& admin,
                                                         const std::string& database,
                                                         const LoadOptions& options);
// Of files that know where they go; nothing where the server does not tell.
[[nodiscard]] std::vector<model::Finding> space_problems(Session& admin,
                                                         std::span<const RestoredFile> files);
// Throws the first blocker.
void refuse_problems(const std::vector<model::Finding>& findings);

// Where files of databases go: as the location says, else as the server has it.
[[nodiscard]] std::pair<std::string, std::string> directories_of(Session& admin,
                                                                 const Location& location);

// What describe() of a backup promises: its files by name, and tables that were there before and
// after.
[[nodiscard]] std::vector<model::ObjectFacts> promised_objects(const Json& engine_facts);
// The same of a restored database that the session is in; of tables those that are expected.
[[nodiscard]] std::vector<model::ObjectFacts> restored_objects(
    Session& session, const RowCounts& counts, std::span<const model::ObjectFacts> expected);

}  // namespace holdfast::engine::sqlserver
