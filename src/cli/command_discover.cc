// SPDX-License-Identifier: Apache-2.0
// discover: drafts an instance file.
#include <string>
#include <vector>

#include "base/uri.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "job/discover.h"

namespace holdfast::cli {

namespace {

void print_json(const job::Discovery& discovery, const std::string& text, Output& output) {
  Json databases = Json::array();
  for (const auto* list : {&discovery.instance.databases, &discovery.databases}) {
    for (const model::DatabaseSettings& database : *list) {
      databases.push(Json::object()
                         .set("name", database.name)
                         .set("engine", database.engine)
                         .set("uri", redacted_uri(database.uri)));
    }
  }
  Json files = Json::array();
  for (const auto* list : {&discovery.instance.files, &discovery.files}) {
    for (const model::FilesSettings& one : *list) {
      Json paths = Json::array();
      for (const std::string& path : one.paths) paths.push(path);
      files.push(Json::object().set("name", one.name).set("paths", paths));
    }
  }
  Json line = Json::object().set("message_type", "instance");
  line.set("name", discovery.instance.name).set("profile", discovery.instance.profile);
  line.set("home", discovery.instance.home);
  line.set("databases", databases).set("files", files).set("instance_file", text);
  output.json_line(line);
}

void run(Invocation& invocation) {
  invocation.expect_words(1, 1000, "at least one directory, database or process");
  const std::vector<job::Discovery> found =
      job::discover(invocation.arguments().words(), invocation.stop().get_token());
  Output& output = invocation.output();
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string text = job::to_instance_file(found[i]);
    if (output.json()) {
      print_json(found[i], text, output);
      continue;
    }
    if (found.size() > 1) {
      output.raw().write(as_bytes((i > 0 ? "\n" : "") + std::string("# ---- Instance ") +
                                  std::to_string(i + 1) + " of " + std::to_string(found.size()) +
                                  ": it belongs in a file of its own, " + found[i].instance.name +
                                  ".toml ----\n"));
    }
    output.raw().write(as_bytes(text));
  }
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
        "A Magnolia is known by its web application, Tomcat or process: each is an instance of its "
        "own, and its file says in comments what lies where. Nothing is changed.\n\n"
        "Example: holdfast discover /srv/shop > /etc/holdfast/shop.toml",
    .run = run,
    .words = "FILE",
};

}  // namespace holdfast::cli
