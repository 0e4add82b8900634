// SPDX-License-Identifier: Apache-2.0
// grants: the rights a role needs.
#include <fmt/format.h>

#include <array>

#include "base/uri.h"
#include "cli/commands.h"
#include "cli/instance_forms.h"
#include "job/grants.h"

namespace holdfast::cli {

namespace {

void run(Invocation& invocation) {
  invocation.expect_words(1, 1, "one of backup, restore and application");
  const std::string& purpose = invocation.arguments().words().front();
  const auto all = job::list_grants(invocation.instance(), purpose);
  Output& output = invocation.output();
  for (const job::ComponentGrants& grants : all) {
    if (output.json()) {
      output.json_line(Json::object()
                           .set("message_type", "grants")
                           .set("purpose", purpose)
                           .set("component", grants.component)
                           .set("engine", grants.engine)
                           .set("uri", redacted_uri(grants.uri))
                           .set("statements", grants.statements));
      continue;
    }
    std::string text = fmt::format("-- {} ({})\n{}", grants.component, redacted_uri(grants.uri),
                                   grants.statements);
    if (!text.ends_with('\n')) text += '\n';
    output.raw().write(as_bytes(text));
  }
}

}  // namespace

constinit const Command grants_command{
    .name = "grants",
    .group = VerbGroup::instances,
    .arguments = "backup|restore|application -I FILE.toml",
    .summary = "Print the exact grants a role needs, as statements to run",
    .description =
        "Prints, for each database of the instance, the statements that give a role exactly what a "
        "backup, a "
        "restore or the application itself needs. They are not run.",
    .run = run,
    .words = "backup restore application",
};

}  // namespace holdfast::cli
