// SPDX-License-Identifier: Apache-2.0
// discover: drafts an instance file.
#include <array>

#include "base/uri.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "job/discover.h"

namespace holdfast::cli {

namespace {

void run(Invocation& invocation) {
  invocation.expect_words(1, 1000, "at least one directory, database or process");
  const job::Discovery discovery =
      job::discover(invocation.arguments().words(), invocation.stop().get_token());
  const std::string text = job::to_instance_file(discovery);
  Output& output = invocation.output();
  if (!output.json()) return output.raw().write(as_bytes(text));
  Json databases = Json::array();
  for (const model::DatabaseSettings& database : discovery.instance.databases) {
    databases.push(Json::object()
                       .set("name", database.name)
                       .set("engine", database.engine)
                       .set("uri", redacted_uri(database.uri)));
  }
  Json files = Json::array();
  for (const model::FilesSettings& one : discovery.instance.files) {
    Json paths = Json::array();
    for (const std::string& path : one.paths) paths.push(path);
    files.push(Json::object().set("name", one.name).set("paths", paths));
  }
  Json line = Json::object().set("message_type", "instance");
  line.set("name", discovery.instance.name).set("home", discovery.instance.home);
  line.set("databases", databases).set("files", files).set("instance_file", text);
  output.json_line(line);
}

}  // namespace

constinit const Command discover_command{
    .name = "discover",
    .group = VerbGroup::instances,
    .arguments = "DIRECTORY|FILE|URI|pid:N...",
    .summary = "Look at an application and draft its instance file",
    .description =
        "Looks at directories, database files, database URIs or running processes, and prints an "
        "instance file that names "
        "every database and every directory that was found, with a comment on where each was read. "
        "Nothing is changed.\n\n"
        "Example: holdfast discover /srv/shop > /etc/holdfast/shop.toml",
    .run = run,
};

}  // namespace holdfast::cli
