// SPDX-License-Identifier: Apache-2.0
// The rehearsal: restore into scratch, open, compare, report, throw away, record the proof.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "job/environment.h"
#include "model/instance.h"
#include "model/manifest.h"

namespace holdfast::job {

struct DrillCheck {
  std::string component;
  std::string name;  // "table orders", "index orders_by_day", "files", "query 1"
  bool passed = false;
  std::string expected, found;  // said where it failed
};

// A server of [[drill.endpoint]] on which a component was rehearsed.
struct DrillPlace {
  std::string component, engine, uri, user;
  std::string version;  // empty if nothing could be loaded there
};

struct DrillReport {
  std::string instance;
  format::Id snapshot, tree;
  Timestamp snapshot_time, started;
  bool complete = true;  // false: the snapshot says itself that something is missing from it
  std::vector<std::string> missing;  // what that is, a line each
  double restore_seconds = 0;        // the measured recovery time, without comparing
  double total_seconds = 0;
  std::vector<DrillCheck> checks;
  std::vector<DrillPlace> places;
  std::vector<std::string> notes;   // what was not made or not compared there, a line each
  std::string left;                 // why something of the drill could not be removed yet
  std::optional<format::Id> proof;  // the proof snapshot; only if all checks passed
  [[nodiscard]] bool passed() const noexcept;
};

// `snapshot` as of find_instance_snapshot(). A copy that cannot be restored or is not what its
// manifest says is a failed check, not an Error. Without access.no_lock and if all passed the proof
// is stored; of a snapshot that is incomplete it says so, also by its tag `incomplete`. Nothing is
// left behind in the scratch place or at an endpoint, unless `left` says so; the journal has it
// then.
[[nodiscard]] DrillReport drill(const Environment& environment, const RepositoryAccess& access,
                                std::string_view snapshot, const model::Instance& instance,
                                model::Observer& observer, std::stop_source& stop);

// "db: rehearsed on postgresql 15.18 at postgresql://…/shop as drill"
[[nodiscard]] std::string to_display(const DrillPlace& place);
[[nodiscard]] std::string to_junit(const DrillReport& report);
[[nodiscard]] Json to_json(const DrillReport& report);

// What differs between what a manifest says of a database and what is found, as checks, one a table
// and object.
[[nodiscard]] std::vector<DrillCheck> compare_database(const model::DatabaseFacts& expected,
                                                       const model::DatabaseFacts& found);

}  // namespace holdfast::job
