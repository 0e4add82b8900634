// SPDX-License-Identifier: Apache-2.0
#include "job/restore_text.h"

#include <filesystem>

#include "base/process.h"
#include "engine/registry.h"

namespace holdfast::job {

namespace {

// A name of whatever bytes as one line of text: in quotes for a shell where it needs them, so that
// it can neither break out of its line nor steer a terminal.
std::string shown(const std::string& name) {
  return display({name});
}

void add_files(const model::FilesFacts& files, std::string& text) {
  text += "\n## Files " + shown(files.name) +
          "\n\nCopy with all metadata (as root, so that owners are kept):\n\n";
  for (const model::PathFacts& path : files.paths) {
    text += "    mkdir -p -- " +
            shell_quote(std::filesystem::path(path.source).parent_path().string()) + "\n";
    text += "    cp -aT -- " + shell_quote(path.place) + " " + shell_quote(path.source) + "\n";
  }
  if (files.unreadable.empty()) return;
  text += "\nNot in this copy:\n\n";
  for (const std::string& path : files.unreadable) text += "- " + shown(path) + "\n";
}

}  // namespace

std::string restore_text(const model::Manifest& manifest) {
  const std::string top = model::escape_name(manifest.instance);
  std::string text = "# How to restore " + shown(manifest.instance) + " without Holdfast\n\n";
  text += "Copied on " + shown(manifest.hostname) + " at " + to_rfc3339(manifest.started) +
          ". Everything here is plain files. To get them out of the repository, any restic client "
          "will do:\n\n";
  text += "    restic -r REPOSITORY restore SNAPSHOT --target /tmp/restore\n    cd /tmp/restore/" +
          top + "\n\n";
  text +=
      "Stop the application before you put anything in place, and keep what you replace. "
      "`holdfast.json` says what each component held, row counts and digests included. Commands "
      "are "
      "for bash.\n";
  if (!manifest.complete) {
    text += "\n**This copy is incomplete.** `findings` in `holdfast.json` says what is missing.\n";
  }
  for (const model::DatabaseFacts& database : manifest.databases) {
    text += "\n## Database " + shown(database.name) + " (" + shown(database.engine) + ", was " +
            shown(database.uri) + ")\n\n";
    const engine::Engine* engine = engine::find_engine(database.engine);
    if (engine != nullptr) text += engine->restore_instructions(database);
    if (!text.ends_with('\n')) text += '\n';
  }
  for (const model::FilesFacts& files : manifest.files) add_files(files, text);
  return text + manifest.profile_facts.string_or("by_hand", "");
}

}  // namespace holdfast::job
