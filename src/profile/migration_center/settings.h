// SPDX-License-Identifier: Apache-2.0
// What the keys of [migration_center] may say, beyond their types.
#pragma once

#include <optional>
#include <string>

#include "model/instance.h"

namespace holdfast::profile::migration_center {

struct Complaint {
  std::string key;  // empty: of the table
  std::string text;
};

// The first thing that makes no sense; nothing if all does.
[[nodiscard]] std::optional<Complaint> complaint_about(
    const model::MigrationCenterSettings& settings);

}  // namespace holdfast::profile::migration_center
