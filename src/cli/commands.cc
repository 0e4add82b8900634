// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

#include <array>

namespace holdfast::cli {

namespace {

constexpr std::array verbs{
    &discover_command,
    &preflight_command,
    &drill_command,
    &export_command,
    &import_command,
    &migrate_command,
    &inspect_command,
    &grants_command,
    &resume_command,
    &backup_command,
    &restore_command,
    &snapshots_command,
    &ls_command,
    &find_command,
    &diff_command,
    &stats_command,
    &tag_command,
    &dump_command,
    &forget_command,
    &rewrite_command,
    &init_command,
    &check_command,
    &repair_index_command,
    &repair_packs_command,
    &repair_snapshots_command,
    &recover_command,
    &copy_command,
    &prune_command,
    &key_list_command,
    &key_add_command,
    &key_remove_command,
    &key_passwd_command,
    &unlock_command,
    &list_command,
    &cat_command,
    &cache_command,
    &generate_command,
    &version_command,
};

}  // namespace

std::span<const Command* const> all_commands() noexcept {
  return verbs;
}

}  // namespace holdfast::cli
