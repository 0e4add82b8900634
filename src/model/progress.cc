// SPDX-License-Identifier: Apache-2.0
// Names of what was done with an item.
#include "model/progress.h"

namespace holdfast::model {

// Source: restic, doc/075_scripting.rst, the `action` of verbose_status in backup and in restore.
std::string_view item_action_name(ItemAction action) noexcept {
  switch (action) {
    case ItemAction::added:
      return "new";
    case ItemAction::changed:
      return "modified";
    case ItemAction::unchanged:
      return "unchanged";
    case ItemAction::restored:
      return "restored";
    case ItemAction::updated:
      return "updated";
    case ItemAction::deleted:
      return "deleted";
  }
  return "unknown";
}

}  // namespace holdfast::model
