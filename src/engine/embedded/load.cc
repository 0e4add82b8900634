// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "engine/embedded/hold.h"
#include "engine/embedded/switch.h"

namespace holdfast::engine::embedded {
namespace {

void refuse_what_cannot_be(const Kind& kind, const LoadOptions& options) {
  const auto refuse = [&](std::string_view what) {
    throw Error(Errc::unsupported, fmt::format("the {} engine has no {}", kind.name(), what));
  };
  if (!options.tables.empty()) refuse("restore of single tables");
  if (options.only_beside) refuse("rehearsal on a lent server");
  if (!options.owners.empty()) refuse("owners of objects to rename");
  if (!options.schemas.empty()) refuse("schemas to rename");
  if (!options.tablespaces.empty()) refuse("tablespaces");
  check_rule(!options.replace || !options.kept_suffix.empty(),
             "what is replaced is kept under another name");
}

// What another program made of a copy may hold them.
void remove_passing_files(const Kind& kind, const std::filesystem::path& made) {
  for (const std::string& name : kind.passing_files()) erase_tree(made / name);
}

model::DatabaseFacts prove(const Kind& kind, const std::filesystem::path& made,
                           const model::DatabaseFacts& expected, const std::stop_token& stop) {
  return in_context("proving what was restored", [&] {
    model::DatabaseFacts found;
    describe_place(kind, made, Depth::whole, found, stop);
    if (!expected.version.empty() && expected.version != found.version)
      throw Error(Errc::differs, fmt::format("{} is of {}, its manifest says {}", expected.name,
                                             found.version, expected.version))
          .set_hint("Run `holdfast check --read-data` on the repository.");
    return found;
  });
}

struct Loading {
  Loading(const Kind& kind, const std::filesystem::path& place, Announce announcer)
      : announce(std::move(announcer)), made(kind, place, announce) {}
  Announce announce;
  NewTree made;
};

std::vector<std::string> switch_in(Loading& loading, const std::filesystem::path& kept) {
  if (!loading.made.switch_in(kept, loading.announce)) return {};
  return {
      fmt::format("{}; remove it with: rm -r -- {}", kept.native(), shell_quote(kept.native()))};
}

}  // namespace

std::string tree_of(const Kind& kind, const model::PartSource& parts) {
  const auto entries = parts.list();
  const auto tree = std::ranges::find_if(entries, [](const model::PartSource::Entry& entry) {
    return entry.kind == model::PartKind::tree;
  });
  if (tree == entries.end())
    throw Error(Errc::corrupt, fmt::format("the copy of a {} holds no tree", kind.title()));
  return tree->path;
}

LoadReport load_tree(const Kind& kind, const model::PartSource& parts,
                     const model::DatabaseFacts& facts, const std::filesystem::path& place,
                     const LoadOptions& options, const std::stop_token& stop) {
  refuse_what_cannot_be(kind, options);
  const std::filesystem::path kept = options.replace ? place.native() + options.kept_suffix : "";
  check_place(place, kept);
  Announce announce = options.before_change;
  if (!announce) announce = [](std::string_view, const Json&) {};
  const std::string tree = tree_of(kind, parts);
  const auto loading = std::make_shared<Loading>(kind, place, std::move(announce));
  parts.restore_tree(tree, loading->made.path());
  if (stop.stop_requested())
    throw Error(Errc::cancelled, fmt::format("stopped restoring {}", place.native()));
  remove_passing_files(kind, loading->made.path());
  LoadReport report;
  report.found = prove(kind, loading->made.path(), facts, stop);
  // Every byte was read back and is that of the copy, whose rows were counted.
  report.found->tables = facts.tables;
  if (facts.tables.empty())
    report.notes.push_back(
        fmt::format("{}: its files were looked at, its rows were not", place.native()));
  if (!options.leave_beside) {
    report.kept = switch_in(*loading, kept);
    return report;
  }
  loading->made.leave();
  report.switch_in = [loading, kept] { return switch_in(*loading, kept); };
  return report;
}

}  // namespace holdfast::engine::embedded
