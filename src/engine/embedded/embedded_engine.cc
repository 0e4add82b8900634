// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/embedded_engine.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "engine/embedded/hold.h"
#include "engine/embedded/live_rows.h"
#include "engine/embedded/load.h"
#include "engine/embedded/new_tables.h"
#include "engine/embedded/place.h"
#include "engine/embedded/probe.h"
#include "engine/embedded/scratch.h"
#include "engine/embedded/switch.h"

namespace holdfast::engine::embedded {
namespace {

[[noreturn]] void refuse(const Kind& kind, std::string_view what, std::string_view hint) {
  throw Error(Errc::unsupported, fmt::format("the {} engine {}", kind.name(), what)).set_hint(hint);
}
constexpr std::string_view rows_hint = "Open a copy of it with the database's own tools.";
// What an undo of scratch() has.
constexpr std::string_view scratch_key = "scratch";

// Who may read and write what is there; nothing if nothing is.
std::string owner_line(const std::filesystem::path& place) {
  const std::optional<PlaceFacts> facts = place_facts(place);
  if (!facts) return {};
  const struct passwd* const user = ::getpwuid(facts->uid);
  const struct group* const group = ::getgrgid(facts->gid);
  return fmt::format(
      "-- It belongs to user {} and group {} (mode {:04o}): run as that user, or "
      "as root.\n",
      user != nullptr ? user->pw_name : std::to_string(facts->uid),
      group != nullptr ? group->gr_name : std::to_string(facts->gid), facts->mode & 07777U);
}

}  // namespace

void EmbeddedEngine::check_endpoint(const model::Endpoint& endpoint) const {
  static_cast<void>(path_of(kind_, endpoint));
}

Probe EmbeddedEngine::probe(const model::Endpoint& endpoint, std::stop_token stop) const {
  return probe_place(kind_, endpoint, stop);
}

std::unique_ptr<Hold> EmbeddedEngine::hold(std::span<const model::Endpoint> endpoints,
                                           const HoldOptions& options) const {
  return make_hold(kind_, endpoints, options);
}

void EmbeddedEngine::describe_copy(const model::PartSource& parts, const model::Endpoint& endpoint,
                                   const HoldOptions& options, model::DatabaseFacts& facts,
                                   std::stop_token stop) const {
  const TemporaryDirectory scratch(fmt::format("holdfast-{}", kind_.name()),
                                   options.scratch_directory);
  const std::filesystem::path copy = scratch.path() / path_of(kind_, endpoint).filename();
  parts.restore_tree(tree_of(kind_, parts), copy);
  model::DatabaseFacts looked_at;
  describe_place(kind_, copy, Depth::whole, looked_at, stop);
  // Owner and mode are those of the original.
  for (const auto& [name, value] : looked_at.engine_facts.as_object()) {
    if (!name.starts_with("file_")) facts.engine_facts.set(name, value);
  }
  try_rows_of_copy(kind_, copy, endpoint, scratch.path(), options.row_tap, facts, stop);
}

LoadReport EmbeddedEngine::load(const model::PartSource& parts, const model::DatabaseFacts& facts,
                                const model::Endpoint& into, const LoadOptions& options,
                                std::stop_token stop) const {
  const std::filesystem::path place = path_of(kind_, into);
  LoadReport report = load_tree(kind_, parts, facts, place, options, stop);
  loaded_into_scratch(place, facts.engine_facts.string_or("user", ""));
  return report;
}

std::unique_ptr<Filling> EmbeddedEngine::fill(const model::Endpoint& into,
                                              std::span<const model::NewTable> tables,
                                              const LoadOptions& options,
                                              std::stop_token stop) const {
  return make_filling(kind_, into, tables, options, stop);
}

std::string EmbeddedEngine::undo(const Json& undo, const model::Endpoint& into) const {
  if (undo.find(scratch_key) != nullptr) return {};  // of files nothing stays
  if (is_undo_of_tables(undo)) {
    undo_new_tables(kind_, undo, into);
  } else {
    undo_switch(kind_, undo);
  }
  return {};
}

bool EmbeddedEngine::stands(const Json& undo, const model::Endpoint& /*into*/) const {
  return undo.find(scratch_key) == nullptr && !is_undo_of_tables(undo) && switch_stands(undo);
}

void EmbeddedEngine::check_undo(const Json& undo, const model::Endpoint& into) const {
  if (undo.find(scratch_key) != nullptr) return;
  if (is_undo_of_tables(undo)) return check_tables_undo(kind_, undo, into);
  check_switch_undo(kind_, undo);
}

void EmbeddedEngine::describe(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                              std::stop_token stop) const {
  describe_live(kind_, endpoint, facts, stop);
}

// What a copy does not say of its rows is not compared.
void EmbeddedEngine::harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
                               const LoadOptions& /*options*/) const {
  if (expected.tables.empty()) found.tables.clear();
}

void EmbeddedEngine::rows(const model::Endpoint& endpoint, const model::TableName& table,
                          model::RowSink& into, std::stop_token stop) const {
  read_live_rows(kind_, endpoint, table, into, stop);
}

std::string EmbeddedEngine::query_one(const model::Endpoint& endpoint, std::string_view sql) const {
  return query_live(kind_, endpoint, sql);
}

std::unique_ptr<Scratch> EmbeddedEngine::scratch(const Probe& probe,
                                                 const std::filesystem::path& directory) const {
  return make_scratch(kind_, probe, directory);
}

std::string EmbeddedEngine::grants(const model::Endpoint& endpoint,
                                   std::string_view purpose) const {
  constexpr std::array purposes{std::string_view("backup"), std::string_view("restore"),
                                std::string_view("application")};
  if (std::ranges::find(purposes, purpose) == purposes.end())
    throw Error(Errc::usage, fmt::format("there are no grants for `{}`", purpose))
        .set_hint("Purposes are backup, restore and application.");
  const std::filesystem::path place = path_of(kind_, endpoint);
  const std::string owner = owner_line(place);
  if (purpose == "restore")
    return fmt::format(
        "-- Whoever restores a {} needs write permission on the directory {}, and must be root to "
        "give the files to another user.\n{}",
        kind_.title(), shell_quote(place.parent_path().native()), owner);
  return fmt::format("-- {} needs read and write permission on {}{}: its lock is a file's.\n{}",
                     purpose, shell_quote(place.native()),
                     kind_.is_directory() ? " and everything in it" : "", owner);
}

std::optional<Inspection> EmbeddedEngine::inspect(const std::filesystem::path& file,
                                                  const InspectOptions& options,
                                                  std::stop_token stop) const {
  return inspect_place(kind_, file, options.deep, stop);
}

void EmbeddedEngine::inspect_rows(const std::filesystem::path& /*file*/,
                                  std::span<const std::filesystem::path> /*others*/,
                                  const model::TableName& /*table*/, model::RowSink& /*into*/,
                                  std::stop_token /*stop*/) const {
  refuse(kind_, "has no rows", rows_hint);
}

LoadReport EmbeddedEngine::import_file(const std::filesystem::path& /*file*/,
                                       const model::Endpoint& /*into*/,
                                       const LoadOptions& /*options*/,
                                       std::stop_token /*stop*/) const {
  refuse(kind_, "imports no files",
         "Stop the application and put the database's files in their place.");
}

std::string EmbeddedEngine::restore_instructions(const model::DatabaseFacts& facts) const {
  const std::string scheme = fmt::format("{}:", kind_.name());
  const std::string place =
      facts.uri.starts_with(scheme) ? facts.uri.substr(scheme.size()) : facts.uri;
  const std::string quoted = shell_quote(place);
  const std::string copy = shell_quote(facts.directory + place);
  std::string text = fmt::format(
      "{0} is the whole database, as its application has it. Stop the application, and put it in\n"
      "its place:\n\n"
      "    mv -- {1} {2}     # if there is one\n"
      "    mkdir -p -- {3}\n"
      "    cp -a -- {0} {1}\n",
      copy, quoted, shell_quote(place + ".old"),
      shell_quote(std::filesystem::path(place).parent_path().string()));
  if (facts.engine_facts.is_object() && facts.engine_facts.find("file_uid") != nullptr) {
    text += fmt::format("    chown -R {}:{} -- {}\n", facts.engine_facts.uint_or("file_uid", 0),
                        facts.engine_facts.uint_or("file_gid", 0), quoted);
  }
  return text + kind_.tool_lines(facts, place);
}

std::vector<Engine::Discovered> EmbeddedEngine::discover(const std::filesystem::path& directory,
                                                         std::stop_token stop) const {
  return discover_places(kind_, directory, stop);
}

}  // namespace holdfast::engine::embedded
