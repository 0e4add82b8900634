// SPDX-License-Identifier: Apache-2.0
// cat: objects of the repository as they are inside.
#include "base/error.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "job/cat.h"

namespace holdfast::cli {

namespace {

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  invocation.expect_words(1, 2, "a kind of object and its id");
  const job::CatKind kind = job::parse_cat_kind(arguments.words().front());
  if (job::cat_needs_id(kind)) {
    invocation.expect_words(2, 2, "a kind of object and its id");
  } else {
    invocation.expect_words(1, 1, "that word alone");
  }
  TroubleObserver observer(invocation.output());
  Bytes content = job::cat_object(invocation.job(), invocation.repository_access(), kind,
                                  arguments.words().back(), observer, invocation.stop());
  invocation.output().raw().write(content);
  wipe(content.data(), content.size());
}

}  // namespace

constinit const Command cat_command{
    .name = "cat",
    .group = VerbGroup::repository,
    .arguments = "[flags] config|masterkey|KIND ID",
    .summary = "Print an object of the repository",
    .description =
        "Prints an object of the repository, decrypted: config, masterkey, or by its id a key, "
        "lock, snapshot, "
        "index, pack or blob; `cat tree SNAPSHOT[:SUBFOLDER]` prints the tree of a snapshot or "
        "folder. Whoever "
        "has the master key can read everything.",
    .run = run,
    .words = "config masterkey key lock snapshot index pack blob tree",
};

}  // namespace holdfast::cli
