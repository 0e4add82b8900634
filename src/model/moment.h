// SPDX-License-Identifier: Apache-2.0
// When a copy's content was true.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/timestamp.h"

namespace holdfast::model {

enum class MomentKind : std::uint8_t {
  at_capture,  // the state when the hold was captured: snapshots
  at_release,  // the state when the copy ended: physical backups, logs
};
[[nodiscard]] std::string_view moment_kind_name(MomentKind kind) noexcept;

struct Moment {
  MomentKind kind = MomentKind::at_capture;
  Timestamp earliest;  // the state existed at some instant in [earliest, latest]
  Timestamp latest;
  std::string position;  // LSN, GTID, SCN, change counter; the engine's own text
  bool fenced = false;   // writers were stopped while it was captured
};

}  // namespace holdfast::model
