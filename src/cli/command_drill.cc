// SPDX-License-Identifier: Apache-2.0
// drill: a rehearsed restore.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/fd.h"
#include "cli/commands.h"
#include "cli/instance_forms.h"
#include "cli/instance_view.h"
#include "job/drill.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "junit",
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "write the result as JUnit XML, too"},
};

// Before the work is done whose result cannot be written then.
void check_writable(const std::filesystem::path& file) {
  const std::string doing = "the result cannot be written to " + file.string();
  const std::filesystem::path parent = file.parent_path().empty() ? "." : file.parent_path();
  struct ::stat status {};
  if (::stat(file.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
    throw system_error(EISDIR, doing);
  if (::stat(parent.c_str(), &status) != 0) throw system_error(errno, doing);
  if (!S_ISDIR(status.st_mode)) throw system_error(ENOTDIR, doing);
  if (::faccessat(AT_FDCWD, parent.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    throw system_error(errno, doing);
}

// Why the file could not be written; the drill's own result counts all the same.
std::optional<Error> write_junit(const std::string& file, const job::DrillReport& report) {
  try {
    in_context("writing the result to " + file,
               [&] { write_file_durably(file, as_bytes(job::to_junit(report)), 0644); });
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

void run(Invocation& invocation) {
  invocation.expect_words(0, 1, "at most one snapshot");
  const Arguments& arguments = invocation.arguments();
  const model::Instance& instance = invocation.instance();
  const auto junit = arguments.value("junit");
  if (junit) check_writable(*junit);
  const job::RepositoryAccess access = invocation.repository_access();
  const std::string snapshot = arguments.words().empty() ? "latest" : arguments.words().front();
  const auto progress = invocation.progress(ProgressShape::restore);
  const job::DrillReport report = job::drill(invocation.job(), access, snapshot, instance,
                                             progress->observer(), invocation.stop());
  progress->finish();
  print_drill(invocation.output(), report);
  const std::optional<Error> unwritten = junit ? write_junit(*junit, report) : std::nullopt;
  if (report.passed()) {
    if (!report.left.empty() && !unwritten) {
      throw Error(Errc::incomplete,
                  "the drill passed, and not everything of it could be removed: " + report.left)
          .set_hint("Run `holdfast resume`, which tries again.");
    }
    if (unwritten) {
      throw Error(*unwritten)
          .set_hint(report.complete ? "The drill passed; its report is above."
                                    : "What is in the snapshot passed; the report is above.");
    }
    if (report.complete) return;
    throw incomplete_error("rehearsed", report.instance, "everything else passed");
  }
  if (unwritten) invocation.output().warning(unwritten->message());
  Error error(Errc::differs, "the drill of snapshot " + report.snapshot.short_hex() + " failed");
  error.set_hint(
      "What failed is listed above. Back up again, and drill that; `holdfast check --read-data` "
      "tells whether the "
      "repository is damaged.");
  throw error;
}

}  // namespace

constinit const Command drill_command{
    .name = "drill",
    .group = VerbGroup::instances,
    .arguments = "[SNAPSHOT] -I FILE.toml [--junit FILE]",
    .summary = "Rehearse a restore in a scratch place and compare",
    .description =
        "Restores a snapshot (default: the latest) into a scratch place, opens every database, "
        "compares every table, index, "
        "view, trigger and file with what the backup recorded, asks the queries of "
        "[[drill.query]], and throws all of it away. "
        "If everything is right, a proof is stored: a small snapshot that says so, and that "
        "`forget` removes together with "
        "what it proves. A server named in [[drill.endpoint]] takes the place of a private one: a "
        "database of a random "
        "name is made there and dropped again. The exit code is 21 if anything differs, 3 if all "
        "is right but the "
        "snapshot lacks something, or something of the drill could not be removed yet.",
    .options = {options},
    .run = run,
    .words = "latest",
};

}  // namespace holdfast::cli
