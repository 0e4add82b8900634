// SPDX-License-Identifier: Apache-2.0
// unlock: removes locks that nobody holds any more.
#include <fmt/format.h>

#include <array>

#include "cli/commands.h"
#include "cli/invocation.h"
#include "job/unlock.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "remove-all",
           .help = "remove those that are held, too: only if no other run is active"},
};

void run(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const unsigned removed =
      job::unlock_repository(invocation.job(), invocation.repository_access(),
                             invocation.arguments().flag("remove-all"), invocation.stop());
  Output& output = invocation.output();
  if (output.json()) {
    output.json_line(Json::object().set("message_type", "summary").set("locks_removed", removed));
  } else if (removed > 0) {
    output.message(fmt::format("removed {} locks", removed));
  }
}

}  // namespace

constinit const Command unlock_command{
    .name = "unlock",
    .group = VerbGroup::repository,
    .arguments = "[flags]",
    .summary = "Remove stale locks",
    .description =
        "Removes locks that are older than half an hour, or whose process on this host is gone.",
    .options = {options},
    .run = run,
};

}  // namespace holdfast::cli
