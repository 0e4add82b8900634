// SPDX-License-Identifier: Apache-2.0
// preflight: every check of a backup.
#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/finding_view.h"
#include "cli/instance_forms.h"
#include "cli/text.h"
#include "job/instance_preflight.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    accept_option,
    Option{.name = "fix",
           .kind = OptionKind::word,
           .value_name = "code",
           .help = "do the mends that touch nothing of the application; with a code, do that one "
                   "although it writes to "
                   "the source"},
};

void run(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const Arguments& arguments = invocation.arguments();
  const model::Instance& instance = invocation.instance();
  job::InstancePreflightOptions preflight;
  preflight.acceptances = acceptances_of(invocation);
  for (const std::string& code : arguments.list("fix")) {
    preflight.fix = true;
    if (!code.empty()) preflight.codes.insert(code);
  }
  std::optional<job::RepositoryAccess> access;
  if (!instance.repository.location.empty() || arguments.given("repo") ||
      arguments.given("repository-file")) {
    preflight.extra_repositories = invocation.backup_accesses();
    access = std::move(preflight.extra_repositories.front());
    preflight.extra_repositories.erase(preflight.extra_repositories.begin());
  }
  // Findings are the result here, not the news of a run.
  model::SilentObserver nobody;
  const job::InstancePreflightReport report =
      job::preflight_instance(invocation.job(), access ? &*access : nullptr, instance, preflight,
                              nobody, invocation.stop());
  Output& output = invocation.output();
  print_findings(output, report.findings);
  const bool blocked = model::has_blocker(report.findings);
  if (output.json()) {
    Json fixed = Json::array();
    for (const std::string& line : report.fixed) fixed.push(line);
    output.json_line(Json::object()
                         .set("message_type", "summary")
                         .set("instance", instance.name)
                         .set("ready", !blocked)
                         .set("findings", report.findings.size())
                         .set("fixed", fixed));
  } else {
    for (const std::string& line : report.fixed) output.line("fixed: " + printable(line));
    output.line(fmt::format("{}: {}{}", printable(instance.name), count_findings(report.findings),
                            blocked ? "" : "; ready for a backup"));
  }
  if (!blocked) return;
  Error error(Errc::blocked,
              "preflight found blockers; a backup would stop before touching anything");
  error.set_hint("Mend them, or accept one with `--accept CODE[:component]` or [[accept]].");
  throw error;
}

}  // namespace

constinit const Command preflight_command{
    .name = "preflight",
    .group = VerbGroup::instances,
    .arguments = "-I FILE.toml [--fix[=CODE]]",
    .summary = "Run every check of a backup and say how to mend what is wrong",
    .description =
        "Runs every check of the instance's profile and engines and compares with the last "
        "snapshot. Each finding says what "
        "was seen, why it matters and how to mend it. The exit code is 20 if a backup would be "
        "refused.",
    .options = {options},
    .run = run,
};

}  // namespace holdfast::cli
