// SPDX-License-Identifier: Apache-2.0
// perform_undo() of journal.h: what undoes each kind of entry, and what an engine needs for that;
// and look_before_undo(). Records nothing.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "engine/registry.h"
#include "job/hooks.h"
#include "job/journal.h"
#include "job/preflight.h"
#include "job/scratch.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto in_use_after = 60s;
constexpr auto between_tries = 1s;

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

// Whether others have had the time to write to what bore a public name since `seconds`.
bool may_be_used(std::int64_t seconds) {
  const std::chrono::seconds now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const auto passed = now - std::chrono::seconds(seconds);
  return passed > in_use_after || passed < -in_use_after;
}

// What was put in place and may have been written to since keeps a name of its own, for what is
// beside is removed.
std::string undo_rename(const Json& undo) {
  const fs::path now = undo.at("now").as_string();
  fs::path before = undo.at("before").as_string();
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(now, ignored))) return {};
  const std::string undone = undo.string_or("undone", "");
  const bool is_kept = !undone.empty() && may_be_used(undo.int_or("since", 0));
  if (is_kept) before = undone;
  if (fs::exists(fs::symlink_status(before, ignored))) {
    throw Error(Errc::exists,
                before.string() + " is there again; its old content stays at " + now.string())
        .set_hint("Look at both and move the right one into place.");
  }
  if (::rename(now.c_str(), before.c_str()) != 0) {
    throw system_error(errno, "renaming " + now.string() + " to " + before.string());
  }
  fsync_directory(before.parent_path());
  if (!is_kept) return {};
  return fmt::format(
      "what had been at {} stays as {}, as it may have been written to; remove it "
      "with: rm -rf {}",
      now.string(), before.string(), shell_quote(before.string()));
}

// Where an engine's undo has to work. The password is fetched again from where it came.
model::Endpoint endpoint_of(const Json& entry) {
  model::DatabaseSettings database;
  database.engine = entry.at("engine").as_string();
  const Json* endpoint = entry.find("endpoint");
  if (endpoint == nullptr) return make_endpoint(database, {});  // written by an older version
  database.name = endpoint->at("name").as_string();
  database.uri = endpoint->at("uri").as_string();
  database.user = endpoint->at("user").as_string();
  database.password.file = endpoint->at("password_file").as_string();
  for (const Json& word : endpoint->at("password_command").as_array())
    database.password.command.push_back(word.as_string());
  for (const auto& [name, value] : endpoint->at("options").as_object())
    database.options.emplace(name, value.as_string());
  return make_endpoint(database, {});
}

const engine::Engine& engine_of(const JournalEntry& entry) {
  const std::string& name = entry.undo.at("engine").as_string();
  const engine::Engine* engine = engine::find_engine(name);
  if (engine == nullptr) throw Error(Errc::unsupported, "engine " + name + " is not in this build");
  return *engine;
}

// A lock of the application's passes, and so does the restart of a server.
void undo_statement(const JournalEntry& entry, std::chrono::steady_clock::time_point give_up) {
  for (;;) {
    try {
      engine_of(entry).execute(endpoint_of(entry.undo), entry.undo.at("undo").as_string(), {});
      return;
    } catch (const Error& error) {
      if (!error.retryable() || std::chrono::steady_clock::now() >= give_up) throw;
    }
    std::this_thread::sleep_for(between_tries);
  }
}

// The newest entry of the change after which all is in its place.
const JournalEntry* last_of(std::span<const JournalEntry> entries) {
  const JournalEntry* last = nullptr;
  for (const JournalEntry& entry : entries) {
    if (entry.kind == "engine" && !entry.settled && entry.undo.bool_or("last", false))
      last = &entry;
  }
  return last;
}

}  // namespace

bool JournalEntry::is_of_restore() const {
  if (kind != "engine") return kind == "rename" || kind == "remove" || kind == "rmdir";
  // A throw-away server is nobody else's, nor a throw-away database on one that is lent.
  if (undo.bool_or("rehearsal", false)) return false;
  const Json* const of_engine = undo.find("undo");
  return of_engine == nullptr || of_engine->find("scratch") == nullptr;
}

UndoOutlook look_before_undo(std::span<const JournalEntry> entries, bool may_stand) {
  UndoOutlook outlook;
  const auto look = [&](const JournalEntry& entry, const auto& question) {
    try {
      const engine::Engine& engine = engine_of(entry);
      return question(engine, entry.undo.at("undo"), endpoint_of(entry.undo));
    } catch (const std::exception& error) {
      outlook.obstacles.emplace_back(&entry, entry.what + ": " + error.what());
      return false;
    }
  };
  const JournalEntry* const last = may_stand ? last_of(entries) : nullptr;
  outlook.done =
      last != nullptr && look(*last, [](const auto& engine, const Json& undo, const auto& into) {
        return engine.stands(undo, into);
      });
  if (outlook.done || !outlook.obstacles.empty()) return outlook;
  for (const JournalEntry& entry : entries) {
    if (entry.kind != "engine" || entry.settled || !entry.is_of_restore()) continue;
    look(entry, [](const auto& engine, const Json& undo, const auto& into) {
      engine.check_undo(undo, into);
      return true;
    });
  }
  return outlook;
}

Json engine_undo(const model::DatabaseSettings& database, const Json& undo, bool last) {
  Json endpoint;
  endpoint.set("name", database.name).set("uri", database.uri).set("user", database.user);
  endpoint.set("password_file", database.password.file);
  Json command = Json::array();
  for (const std::string& word : database.password.command) command.push(word);
  endpoint.set("password_command", std::move(command));
  Json options = Json::object();
  for (const auto& [name, value] : database.options) options.set(name, value);
  endpoint.set("options", std::move(options));
  Json entry;
  entry.set("engine", database.engine).set("undo", undo).set("endpoint", std::move(endpoint));
  if (last) entry.set("last", true);
  return entry;
}

std::string perform_undo(const JournalEntry& entry, std::string_view run_id,
                         std::string_view instance, std::chrono::steady_clock::time_point give_up) {
  return in_context("putting back: " + entry.what, [&]() -> std::string {
    if (entry.kind == "start") {
      const std::chrono::milliseconds timeout(entry.undo.at("timeout_ms").as_int());
      wait_for_stop_commands(run_id, timeout);
      std::vector<std::string> argv;
      for (const Json& word : entry.undo.at("argv").as_array()) argv.push_back(word.as_string());
      run_start_command(argv, instance, timeout);
    } else if (entry.kind == "engine") {
      return engine_of(entry).undo(entry.undo.at("undo"), endpoint_of(entry.undo));
    } else if (entry.kind == "statement") {
      undo_statement(entry, give_up);
    } else if (entry.kind == "rename") {
      return undo_rename(entry.undo);
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
    return {};
  });
}

}  // namespace holdfast::job
