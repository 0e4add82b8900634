// SPDX-License-Identifier: Apache-2.0
#include "job/restore_text.h"

#include "engine/registry.h"

namespace holdfast::job {

std::string restore_text(const model::Manifest& manifest) {
  const std::string top = model::escape_name(manifest.instance);
  std::string text = "# How to restore `" + manifest.instance + "` without Holdfast\n\n";
  text += "Copied on " + manifest.hostname + " at " + to_rfc3339(manifest.started) +
          ". Everything here is plain files. ";
  text += "To get them out of the repository, any restic client will do:\n\n";
  text += "    restic -r REPOSITORY restore SNAPSHOT --target /tmp/restore\n    cd /tmp/restore/" +
          top + "\n\n";
  text +=
      "Stop the application before you put anything in place, and keep what you replace. "
      "`holdfast.json` says what each "
      "component held, row counts and digests included.\n";
  if (!manifest.complete) {
    text += "\n**This copy is incomplete.** `findings` in `holdfast.json` says what is missing.\n";
  }
  for (const model::DatabaseFacts& database : manifest.databases) {
    text += "\n## Database `" + database.name + "` (" + database.engine + ", was " + database.uri +
            ")\n\n";
    const engine::Engine* engine = engine::find_engine(database.engine);
    if (engine != nullptr) text += engine->restore_instructions(database);
    if (!text.ends_with('\n')) text += '\n';
  }
  for (const model::FilesFacts& files : manifest.files) {
    text += "\n## Files `" + files.name +
            "`\n\nCopy with all metadata (as root, so that owners are kept):\n\n";
    for (const model::PathFacts& path : files.paths) {
      text += "    cp -a \"" + path.place + "\" \"" + path.source + "\"\n";
    }
    for (const std::string& path : files.unreadable) text += "\nNot in this copy: `" + path + "`\n";
  }
  return text;
}

}  // namespace holdfast::job
