// SPDX-License-Identifier: Apache-2.0
#include "job/copy_findings.h"

#include <algorithm>
#include <string>

#include "job/target_place.h"
#include "model/value.h"

namespace holdfast::job {

using model::Severity;

std::optional<model::Finding> unreadable_files(const model::FilesFacts& facts) {
  if (facts.unreadable.empty()) return std::nullopt;
  // The list ends where it would fill the manifest.
  return finding_of("files-unreadable", Severity::warning, facts.name,
                    (facts.unreadable.size() < 10'000 ? "" : "at least ") +
                        std::to_string(facts.unreadable.size()) +
                        " could not be read, the first: " + facts.unreadable[0],
                    "they are not in this copy",
                    "Give this user the right to read them, or exclude them.");
}

std::optional<model::Finding> unread_rows(const model::DatabaseFacts& facts) {
  const std::string why = facts.engine_facts.string_or("rows_unread", "");
  if (why.empty()) return std::nullopt;
  return finding_of(facts.engine + "-rows-unread", Severity::warning, facts.name,
                    "the copy's files are sound, its rows were not read: " + why,
                    "nothing is known of what its tables hold",
                    "Name the application's driver, user and password, so that they can be read.");
}

std::vector<model::Finding> lost_tables(const model::Manifest& before, const model::Manifest& now) {
  std::vector<model::Finding> findings;
  for (const model::DatabaseFacts& old : before.databases) {
    const auto found =
        std::find_if(now.databases.begin(), now.databases.end(),
                     [&](const auto& database) { return database.name == old.name; });
    if (found == now.databases.end()) continue;
    // Of a tree that could not be looked into nothing is known; a finding has said so.
    if (found->parts.size() == 1 && found->parts[0].is_tree && found->tables.empty()) continue;
    for (const model::TableFacts& table : old.tables) {
      const auto same =
          std::find_if(found->tables.begin(), found->tables.end(), [&](const auto& candidate) {
            return candidate.schema == table.schema && candidate.table == table.table;
          });
      const bool vanished = same == found->tables.end();
      if (!vanished && !(table.rows > 0 && same->rows == 0)) continue;
      findings.push_back(
          finding_of(vanished ? "table-vanished" : "table-emptied", Severity::warning, old.name,
                     "table " + model::TableName{table.schema, table.table}.display() + " had " +
                         std::to_string(table.rows) + " rows in the last snapshot, now " +
                         (vanished ? "it is gone" : "it has none"),
                     "if nobody meant that, the older snapshots are the only copies",
                     "Find out whether it was meant; keep the older snapshots until then."));
    }
  }
  return findings;
}

}  // namespace holdfast::job
