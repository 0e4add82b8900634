// SPDX-License-Identifier: Apache-2.0
// What the verbs on instances share: their options, and the forms that `backup` and `restore` have
// with -I.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "job/instance_restore.h"
#include "job/preflight.h"

namespace holdfast::cli {

inline constexpr Option accept_option{
    .name = "accept",
    .kind = OptionKind::list,
    .value_name = "code[:component]",
    .help = "go on although preflight found this blocker; it then stands in the manifest"};

inline constexpr std::array instance_backup_options{
    accept_option,
    Option{.name = "host",
           .letter = 'H',
           .kind = OptionKind::value,
           .value_name = "name",
           .help = "the host that the snapshot names (default: this one)",
           .variable = "HOST"},
    Option{.name = "scrub", .help = "read every file again, whatever its metadata say"},
    Option{.name = "tag",
           .kind = OptionKind::list,
           .value_name = "tag[,tag...]",
           .help = "tag the snapshot"},
};

inline constexpr std::array instance_restore_options{
    accept_option,
    Option{.name = "component",
           .kind = OptionKind::list,
           .value_name = "name",
           .help = "restore only this component"},
    Option{.name = "replace", .help = "replace what is there; it is kept under a new name"},
    Option{.name = "table",
           .kind = OptionKind::list,
           .value_name = "[schema.]table",
           .help = "restore only this table; schema.* is all of a schema"},
};

inline constexpr std::array schema_options{
    Option{.name = "schema",
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "make this schema in TypeQL at the target; of files without one, theirs"},
};

inline constexpr std::array sequence_options{
    Option{.name = "sequence",
           .kind = OptionKind::value,
           .value_name = "number",
           .help = "restore one database as it was after this record of its log"},
};

inline constexpr std::array workspace_options{
    Option{.name = "workspace",
           .kind = OptionKind::value,
           .value_name = "name",
           .help = "restore only this workspace, into an instance that is there"},
};

// backup -I and restore -I.
void run_instance_backup(Invocation& invocation);
void run_instance_restore(Invocation& invocation);

[[nodiscard]] std::vector<job::Acceptance> acceptances_of(const Invocation& invocation);

// What instance_restore_options and schema_options say.
[[nodiscard]] job::InstanceRestoreOptions restore_options_of(const Invocation& invocation);

// Ends restore -I and import: prints the report, then throws if the run was not a whole success.
void finish_instance_restore(Invocation& invocation, const job::InstanceRestoreReport& report);
// Exit code 3: "what was <done> is incomplete …"; `rest`: what of all that is not missing.
[[nodiscard]] Error incomplete_error(std::string_view done, std::string_view instance,
                                     std::string_view rest);
// Throws the failure of a hook that ran after the work was done and reported, if there is one.
// `hint`: that the work stands; `complete`: whether nothing is missing from it.
void refuse_failed_hook(const std::optional<Error>& failure, bool complete, std::string_view hint);

}  // namespace holdfast::cli
