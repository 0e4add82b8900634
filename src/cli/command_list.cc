// SPDX-License-Identifier: Apache-2.0
// list: the ids of all objects of a kind.
#include "cli/commands.h"
#include "cli/invocation.h"
#include "job/list.h"

namespace holdfast::cli {

namespace {

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  invocation.expect_words(1, 2, "a kind of object");
  const job::ListKind kind = job::parse_list_kind(arguments.words().front());
  const std::string snapshot = arguments.words().size() == 2 ? arguments.words()[1] : std::string();
  Output& output = invocation.output();
  TroubleObserver observer(output);
  job::list_objects(
      invocation.job(), invocation.repository_access(), kind, snapshot,
      [&](const std::string& line) { output.line(line); }, observer, invocation.stop());
}

}  // namespace

constinit const Command list_command{
    .name = "list",
    .group = VerbGroup::repository,
    .arguments = "[flags] blobs|index|snapshots|keys|locks|packs [SNAPSHOT]",
    .summary = "List the ids of all objects of a kind",
    .description =
        "Prints the ids of all files of a kind, one a line; of blobs their type and id, once for "
        "each copy. `list packs SNAPSHOT` prints the packs that hold anything of that snapshot. "
        "The output is the same with --json.",
    .run = run,
};

}  // namespace holdfast::cli
