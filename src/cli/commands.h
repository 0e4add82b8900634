// SPDX-License-Identifier: Apache-2.0
// The list of all verbs.
#pragma once

#include <span>

#include "cli/command.h"

namespace holdfast::cli {

extern const Command backup_command;
extern const Command cache_command;
extern const Command cat_command;
extern const Command check_command;
extern const Command copy_command;
extern const Command diff_command;
extern const Command discover_command;
extern const Command drill_command;
extern const Command dump_command;
extern const Command export_command;
extern const Command find_command;
extern const Command forget_command;
extern const Command generate_command;
extern const Command grants_command;
extern const Command import_command;
extern const Command migrate_command;
extern const Command init_command;
extern const Command inspect_command;
extern const Command key_add_command;
extern const Command key_list_command;
extern const Command key_passwd_command;
extern const Command key_remove_command;
extern const Command list_command;
extern const Command ls_command;
extern const Command preflight_command;
extern const Command prune_command;
extern const Command repair_index_command;
extern const Command repair_packs_command;
extern const Command recover_command;
extern const Command repair_snapshots_command;
extern const Command restore_command;
extern const Command resume_command;
extern const Command rewrite_command;
extern const Command snapshots_command;
extern const Command stats_command;
extern const Command tag_command;
extern const Command unlock_command;
extern const Command version_command;

// In the order of the help.
[[nodiscard]] std::span<const Command* const> all_commands() noexcept;

}  // namespace holdfast::cli
