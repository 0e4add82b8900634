// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/embedded_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "engine/embedded/hold.h"
#include "engine/embedded/load.h"
#include "engine/embedded/place.h"
#include "engine/embedded/probe.h"
#include "engine/embedded/rows.h"
#include "engine/embedded/switch.h"

namespace holdfast::engine::embedded {
namespace {

[[noreturn]] void refuse(const Kind& kind, std::string_view what, std::string_view hint) {
  throw Error(Errc::unsupported, fmt::format("the {} engine {}", kind.name(), what)).set_hint(hint);
}
constexpr std::string_view rows_hint = "Open a copy of it with the database's own tools.";

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
  std::string why_not = "it is encrypted";
  const Json* const encrypted = facts.engine_facts.find("encrypted");
  const bool is_closed = encrypted != nullptr && encrypted->is_bool() && encrypted->as_bool();
  const auto means = is_closed ? std::nullopt : find_row_means(kind_, endpoint, why_not);
  if (!means) {
    facts.engine_facts.set("rows_unread", why_not);
    return;
  }
  try {
    read_rows_of_copy(kind_, *means, copy, endpoint, scratch.path(), options.row_tap, facts, stop);
  } catch (const Error& error) {
    // What the driver cannot do says nothing against the copy.
    constexpr std::array about_the_driver{Errc::denied, Errc::unsupported, Errc::not_found,
                                          Errc::failed_child};
    if (std::ranges::find(about_the_driver, error.code()) == about_the_driver.end()) throw;
    facts.tables.clear();
    facts.engine_facts.set("rows_unread", error.message());
  }
}

LoadReport EmbeddedEngine::load(const model::PartSource& parts, const model::DatabaseFacts& facts,
                                const model::Endpoint& into, const LoadOptions& options,
                                std::stop_token stop) const {
  return load_tree(kind_, parts, facts, path_of(kind_, into), options, stop);
}

std::string EmbeddedEngine::undo(const Json& undo, const model::Endpoint& /*into*/) const {
  undo_switch(kind_, undo);
  return {};
}

bool EmbeddedEngine::stands(const Json& undo, const model::Endpoint& /*into*/) const {
  return switch_stands(undo);
}

void EmbeddedEngine::check_undo(const Json& undo, const model::Endpoint& /*into*/) const {
  check_switch_undo(kind_, undo);
}

void EmbeddedEngine::describe(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                              std::stop_token stop) const {
  const std::filesystem::path place = path_of(kind_, endpoint);
  const bool used = who_locks(kind_.lock_of(place).path).has_value();
  describe_place(kind_, place, used ? Depth::front : Depth::whole, facts, stop);
}

void EmbeddedEngine::rows(const model::Endpoint& /*endpoint*/, const model::TableName& /*table*/,
                          model::RowSink& /*into*/, std::stop_token /*stop*/) const {
  refuse(kind_, "has no rows", rows_hint);
}

std::string EmbeddedEngine::query_one(const model::Endpoint& /*endpoint*/,
                                      std::string_view /*sql*/) const {
  refuse(kind_, "asks no queries (rows)", rows_hint);
}

std::unique_ptr<Scratch> EmbeddedEngine::scratch(const Probe& /*probe*/,
                                                 const std::filesystem::path& /*directory*/) const {
  refuse(kind_, "makes no scratch database", "Restore it into another directory instead.");
}

std::string EmbeddedEngine::grants(const model::Endpoint& endpoint,
                                   std::string_view purpose) const {
  constexpr std::array purposes{std::string_view("backup"), std::string_view("restore"),
                                std::string_view("application")};
  if (std::ranges::find(purposes, purpose) == purposes.end())
    throw Error(Errc::usage, fmt::format("there are no grants for `{}`", purpose))
        .set_hint("Purposes are backup, restore and application.");
  const std::filesystem::path place = path_of(kind_, endpoint);
  if (purpose == "restore")
    return fmt::format(
        "-- Whoever restores a {} needs write permission on the directory {}, and must be root to "
        "give the files to another user.\n",
        kind_.title(), shell_quote(place.parent_path().native()));
  return fmt::format("-- {} needs read and write permission on {}{}: its lock is a file's.\n",
                     purpose, shell_quote(place.native()),
                     kind_.is_directory() ? " and everything in it" : "");
}

std::optional<Inspection> EmbeddedEngine::inspect(const std::filesystem::path& file, bool deep,
                                                  std::stop_token stop) const {
  return inspect_place(kind_, file, deep, stop);
}

void EmbeddedEngine::inspect_rows(const std::filesystem::path& /*file*/,
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
      "    cp -a -- {0} {1}\n",
      copy, quoted, shell_quote(place + ".old"));
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
