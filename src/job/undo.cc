// SPDX-License-Identifier: Apache-2.0
// perform_undo() of journal.h: what undoes each kind of entry. Records nothing.
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/error.h"
#include "base/fd.h"
#include "engine/registry.h"
#include "job/hooks.h"
#include "job/journal.h"
#include "job/scratch.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

// Directories that were made; one in which somebody has put something stays.
void undo_directories(const Json& undo) {
  const fs::path top = undo.at("top").as_string();
  for (fs::path path = undo.at("path").as_string(); path.has_relative_path();
       path = path.parent_path()) {
    if (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
      if (errno == ENOTEMPTY || errno == EEXIST) return;
      throw system_error(errno, "removing " + path.string());
    }
    if (path == top) return;
  }
}

void undo_rename(const Json& undo) {
  const fs::path now = undo.at("now").as_string();
  const fs::path before = undo.at("before").as_string();
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(now, ignored))) return;
  if (fs::exists(fs::symlink_status(before, ignored))) {
    throw Error(Errc::exists,
                before.string() + " is there again; its old content stays at " + now.string())
        .set_hint("Look at both and move the right one into place.");
  }
  if (::rename(now.c_str(), before.c_str()) != 0) {
    throw system_error(errno, "renaming " + now.string() + " to " + before.string());
  }
  fsync_directory(before.parent_path());
}

}  // namespace

void perform_undo(const JournalEntry& entry, std::string_view run_id, std::string_view instance) {
  in_context("putting back: " + entry.what, [&] {
    if (entry.kind == "start") {
      const std::chrono::milliseconds timeout(entry.undo.at("timeout_ms").as_int());
      wait_for_stop_commands(run_id, timeout);
      std::vector<std::string> argv;
      for (const Json& word : entry.undo.at("argv").as_array()) argv.push_back(word.as_string());
      run_start_command(argv, instance, timeout);
    } else if (entry.kind == "engine") {
      const engine::Engine* engine = engine::find_engine(entry.undo.at("engine").as_string());
      if (engine == nullptr)
        throw Error(Errc::unsupported,
                    "engine " + entry.undo.at("engine").as_string() + " is not in this build");
      engine->undo(entry.undo.at("undo"));
    } else if (entry.kind == "rename") {
      undo_rename(entry.undo);
    } else if (entry.kind == "rmdir") {
      undo_directories(entry.undo);
    } else if (entry.kind == "remove") {
      erase_tree(entry.undo.at("path").as_string());
    } else if (entry.kind == "scratch") {
      erase_scratch(entry.undo);
    } else {
      throw Error(Errc::unsupported, "journal entry of unknown kind \"" + entry.kind + "\"")
          .set_hint("Run the version of Holdfast that wrote it.");
    }
  });
}

}  // namespace holdfast::job
