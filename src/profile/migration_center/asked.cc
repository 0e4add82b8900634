// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/asked.h"

#include "base/ascii.h"
#include "profile/migration_center/finding.h"
#include "profile/migration_center/text.h"

namespace holdfast::profile::migration_center {

using model::Severity;

std::string display(const Table& table, std::string_view column) {
  std::string text = table.schema + "." + table.name;
  if (!column.empty()) text.append(".").append(column);
  return text;
}

std::vector<TableColumns> tables_of(const model::QueriedRows& rows) {
  std::vector<TableColumns> tables;
  for (const auto& row : rows) {
    if (row.size() < 4) continue;
    const bool is_new = tables.empty() || tables.back().table.schema != row[0] ||
                        tables.back().table.name != row[1];
    if (is_new) tables.push_back({{row[0], row[1]}, {}});
    tables.back().columns.push_back({row[2], row[3]});
  }
  return tables;
}

// The instance file allows letters, digits, `_`, `$` and `#`.
std::string exactly(std::string_view name) {
  std::string pattern = "^";
  for (const char c : ascii_upper(name)) {
    if (c == '$') pattern += '\\';
    pattern += c;
  }
  return pattern + "$";
}

model::Finding runs_unobservable(const Asked& asked, std::string seen) {
  return finding_of("migration-center-runs-unobservable", Severity::blocker, asked.component,
                    std::move(seen),
                    "whether a scanner, an importer, a transformation or a validation runs cannot "
                    "be told",
                    "Let the backup's user read the schema's tables, or correct the columns in "
                    "[migration_center.status].");
}

model::Finding sessions_unobservable(const Asked& asked, std::string seen) {
  return finding_of(
      "migration-center-sessions-unobservable", Severity::blocker, asked.component, std::move(seen),
      "a transformation or a validation is a session of the schema's owner, and "
      "what somebody has not committed there is not in the copy",
      asked.engine == "oracle"
          ? "GRANT SELECT to the backup's user on each of sys.gv_$session, sys.gv_$locked_object "
            "and sys.dba_2pc_pending, and on sys.dba_objects unless it owns the schema."
          : "GRANT pg_read_all_stats TO the backup's role.");
}

model::Finding schedulers_unobservable(const Asked& asked, std::string seen) {
  return finding_of("migration-center-schedulers-unobservable", Severity::blocker, asked.component,
                    std::move(seen),
                    "a scheduled job may begin while the copy is made, and a clone may call the "
                    "Jobserver of the original",
                    "Let the backup's user see them; or say in [migration_center] which column "
                    "enables them: scheduler_column, scheduler_on, scheduler_off.");
}

model::Finding jobservers_unobservable(std::string component, std::string seen) {
  return finding_of("migration-center-jobserver-unobservable", Severity::blocker,
                    std::move(component), std::move(seen), "what it does cannot be told",
                    "Run Holdfast where it is too, or see that it does nothing, and accept this.");
}

}  // namespace holdfast::profile::migration_center
