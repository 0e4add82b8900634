// SPDX-License-Identifier: Apache-2.0
// key list, add, remove, passwd: the passwords of a repository.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/snapshot_view.h"
#include "cli/table.h"
#include "cli/text.h"
#include "job/key.h"

namespace holdfast::cli {

namespace {

constexpr std::array new_key_options{
    Option{.name = "new-password-file",
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "read the new password from this file"},
    Option{.name = "new-insecure-no-password", .help = "the new password is empty (insecure)"},
    Option{.name = "user",
           .kind = OptionKind::value,
           .value_name = "name",
           .help = "the user that the key names (default: who runs this)"},
    Option{.name = "host",
           .kind = OptionKind::value,
           .value_name = "name",
           .help = "the host that the key names (default: this one)"},
};

void run_list(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  auto keys = job::list_keys(invocation.job(), invocation.repository_access(), invocation.stop());
  std::sort(keys.begin(), keys.end(), [](const repo::FoundKey& a, const repo::FoundKey& b) {
    return a.file.created != b.file.created ? a.file.created < b.file.created : a.id < b.id;
  });
  Output& output = invocation.output();
  if (output.json()) {
    Json list = Json::array();
    for (const repo::FoundKey& key : keys) {
      Json json = Json::object();
      json.set("current", key.in_use);
      json.set("id", key.id.hex());
      json.set("userName", key.file.username);
      json.set("hostName", key.file.hostname);
      json.set("created", display_local(key.file.created));
      list.push(json);
    }
    output.json_line(list);
    return;
  }
  Table table;
  table.add_column(" ID");
  table.add_column("User");
  table.add_column("Host");
  table.add_column("Created");
  for (const repo::FoundKey& key : keys) {
    table.add_row({(key.in_use ? "*" : " ") + key.id.short_hex(), printable(key.file.username),
                   printable(key.file.hostname), display_local(key.file.created)});
  }
  for (const std::string& line : table.render(output.columns())) output.line(line);
}

job::NewKey ask_new_key(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  job::NewKey key;
  key.password = invocation.new_password(arguments.value("new-password-file"),
                                         arguments.flag("new-insecure-no-password"));
  key.username = arguments.value_or("user", "");
  key.hostname = arguments.value_or("host", "");
  key.cost = invocation.environment().key_cost;
  return key;
}

void print_key(Output& output, std::string_view action, std::string_view text,
               const format::Id& id) {
  if (output.json()) {
    output.json_line(
        Json::object().set("message_type", "key").set("action", action).set("id", id.hex()));
  } else {
    output.message(fmt::format("{} {}", text, id.hex()));
  }
}

void run_add(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const format::Id id = job::add_key(
      invocation.job(), invocation.repository_access(), [&] { return ask_new_key(invocation); },
      invocation.stop());
  print_key(invocation.output(), "added", "saved new key with ID", id);
}

void run_remove(Invocation& invocation) {
  invocation.expect_words(1, 1, "the id of one key");
  const format::Id id = job::remove_key(invocation.job(), invocation.repository_access(),
                                        invocation.arguments().words().front(), invocation.stop());
  print_key(invocation.output(), "removed", "removed key", id);
}

void run_passwd(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const format::Id id = job::change_password(
      invocation.job(), invocation.repository_access(), [&] { return ask_new_key(invocation); },
      invocation.stop());
  print_key(invocation.output(), "changed", "saved new key as", id);
}

}  // namespace

constinit const Command key_list_command{
    .name = "key list",
    .group = VerbGroup::repository,
    .arguments = "[flags]",
    .summary = "List the keys (passwords)",
    .description =
        "Lists the keys of the repository. Each wraps the one master key with a password of its "
        "own; the one "
        "in use is marked.",
    .run = run_list,
};

constinit const Command key_add_command{
    .name = "key add",
    .group = VerbGroup::repository,
    .arguments = "[flags]",
    .summary = "Add a password",
    .description = "Adds a key with a new password. All passwords open the same data.",
    .options = {new_key_options},
    .run = run_add,
};

constinit const Command key_remove_command{
    .name = "key remove",
    .group = VerbGroup::repository,
    .arguments = "[flags] KEY",
    .summary = "Remove a password",
    .description =
        "Removes the key with this id. The key in use is not removed. Whoever knew its password "
        "may have kept "
        "the master key, which stays the same.",
    .run = run_remove,
};

constinit const Command key_passwd_command{
    .name = "key passwd",
    .group = VerbGroup::repository,
    .arguments = "[flags]",
    .summary = "Change the password in use",
    .description =
        "Adds a key with a new password, proves that it opens the repository, and removes the key "
        "in use.",
    .options = {new_key_options},
    .run = run_passwd,
};

}  // namespace holdfast::cli
