// SPDX-License-Identifier: Apache-2.0
#include "job/hold_entries.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::job {

std::function<void(std::string_view, std::string_view, const Json&)> HoldEntries::announcer() {
  return [this](std::string_view component, std::string_view what, const Json& undo) {
    const auto database =
        std::find_if(survey_.databases.begin(), survey_.databases.end(),
                     [&](const ProbedDatabase& one) { return one.settings.name == component; });
    check_rule(database != survey_.databases.end(), "a hold speaks of its own databases");
    Json entry = engine_undo(database->settings, undo, false);
    entry.set("rehearsal", true);  // nothing of a restore hangs on it
    const std::lock_guard lock(mutex_);
    entries_.push_back(journal_.announce("engine", fmt::format("{}: {}", component, what), entry));
  };
}

void HoldEntries::undo() {
  for (const std::uint64_t entry : entries_) journal_.undo(entry);
}

}  // namespace holdfast::job
