// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/fact_checks.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/ascii.h"
#include "base/uri.h"
#include "profile/magnolia/gathering.h"

namespace holdfast::profile::magnolia {
namespace {

using model::Finding;
using model::Severity;

// Source: Jackrabbit 2.18, persistence/bundle/*.ddl.
constexpr std::array<std::string_view, 4> bundle_tables{"BUNDLE", "REFS", "BINVAL", "NAMES"};

// Everything of an application that has tables: component, prefix, what it is.
struct TableUse {
  std::string component, prefix, what;
};
std::vector<TableUse> table_uses(const MagnoliaFacts& facts) {
  std::vector<TableUse> uses;
  const auto add_store = [&](const StoreFact& store, const std::string& what) {
    if (store.kind == StoreKind::tables && !store.connection.empty())
      uses.push_back({store.connection, ascii_upper(store.table_prefix), what});
  };
  for (const RepositoryFact& repository : facts.repositories) {
    const auto add_workspace = [&](const WorkspaceFact& workspace, const std::string& what) {
      const PersistenceFact& kept = workspace.persistence;
      if (!kept.connection.empty())
        uses.push_back({kept.connection, ascii_upper(kept.table_prefix), what});
      add_store(workspace.file_system, "the file system of " + what);
    };
    for (const WorkspaceFact& workspace : repository.workspaces)
      add_workspace(workspace, "workspace " + workspace.name);
    add_workspace(repository.version, "the version store");
    add_store(repository.file_system, "the file system of " + repository.name);
    add_store(repository.journal, "the journal");
    for (const StoreFact& store : repository.data_stores) add_store(store, "the data store");
  }
  return uses;
}

// The same database, whoever looks at it.
std::string place_of(const Connection& connection) {
  return plain_place(connection.uri) + " " + connection.schema;
}

void compare_tables(const MagnoliaFacts& facts, const MagnoliaFacts& other,
                    std::vector<Finding>& findings) {
  const std::vector<TableUse> theirs = table_uses(other);
  std::set<std::string> told;
  for (const Connection& own : facts.connections) {
    for (const Connection& their : other.connections) {
      if (own.engine != their.engine || place_of(own) != place_of(their)) continue;
      bool is_table_shared = false;
      for (const TableUse& mine : table_uses(facts)) {
        if (mine.component != own.component) continue;
        for (const TableUse& use : theirs) {
          if (use.component != their.component || use.prefix != mine.prefix ||
              use.what != mine.what)
            continue;
          is_table_shared = true;
          if (!told.insert(own.component + mine.prefix).second) continue;
          findings.push_back(make_finding(
              "magnolia-shared-tables", Severity::blocker, own.component,
              mine.what + " of " + facts.name + " and " + use.what + " of " + other.name +
                  " have the same tables, \"" + mine.prefix + "…\" in " + own.uri,
              "each writes over what the other has written, and a restore of one would be one of "
              "both",
              "Give each a database of its own, or another schemaObjectPrefix."));
        }
      }
      if (is_table_shared || !told.insert(own.component).second) continue;
      findings.push_back(
          make_finding("magnolia-shared-database", Severity::warning, own.component,
                       facts.name + " and " + other.name + " share the database " + own.uri,
                       "each copy holds the tables of both, and a restore of one brings both back",
                       "Give each a database of its own."));
    }
  }
}

void compare_directories(const MagnoliaFacts& facts, const MagnoliaFacts& other,
                         std::vector<Finding>& findings) {
  for (const RepositoryFact& own : facts.repositories) {
    for (const RepositoryFact& their : other.repositories) {
      if (is_below(own.home, their.home) || is_below(their.home, own.home)) {
        findings.push_back(make_finding(
            "magnolia-shared-home", Severity::blocker, "files",
            facts.name + " and " + other.name + " share the repository home " + own.home,
            "only one of them can run, and a copy of one is a copy of both",
            "Give each a home of its own: magnolia.repositories.home."));
      }
      for (const StoreFact& mine : own.data_stores) {
        for (const StoreFact& store : their.data_stores) {
          if (mine.path.empty() || mine.path != store.path) continue;
          findings.push_back(make_finding(
              "magnolia-shared-datastore", Severity::warning, "datastore",
              facts.name + " and " + other.name + " share the data store " + mine.path,
              "a clean-up of one removes the records that only the other refers to",
              "Give each a data store of its own, or never run the data store's clean-up."));
        }
      }
    }
  }
}

}  // namespace

std::vector<Finding> find_shared(const MagnoliaFacts& facts,
                                 std::span<const MagnoliaFacts* const> neighbours) {
  std::vector<Finding> findings;
  for (const MagnoliaFacts* other : neighbours) {
    if (other == &facts || other->directory == facts.directory) continue;
    compare_tables(facts, *other, findings);
    compare_directories(facts, *other, findings);
  }
  return findings;
}

std::vector<Finding> find_stop_problems(const MagnoliaFacts& facts,
                                        const model::Instance& instance) {
  std::vector<Finding> findings;
  const bool is_stopped =
      !instance.quiesce.stop.empty() && instance.quiesce.when == model::QuiesceWhen::always;
  if (instance.magnolia.includes_search_index && !is_stopped) {
    findings.push_back(make_finding(
        "magnolia-index-needs-stop", Severity::blocker, "files",
        "search_index = \"include\", and [quiesce] does not stop the application for each backup",
        "an index of another moment than the content's gives wrong results without an error",
        "Add [quiesce] with when = \"always\", or leave the index out: it is built anew."));
  }
  for (const RepositoryFact& repository : facts.repositories) {
    std::vector<const WorkspaceFact*> all{&repository.version};
    for (const WorkspaceFact& workspace : repository.workspaces) all.push_back(&workspace);
    for (const WorkspaceFact* workspace : all) {
      const PersistenceFact& kept = workspace->persistence;
      if (kept.keeping != Keeping::bundle_files && kept.keeping != Keeping::other_files) continue;
      findings.push_back(make_finding(
          "magnolia-persistence-files", is_stopped ? Severity::warning : Severity::blocker, "files",
          kept.where + ": " + workspace->name + " is kept by " + kept.class_name,
          "its items are plain files: whole only if the application is stopped, and nothing in "
          "them is checked",
          is_stopped ? "Move the workspace to a bundle persistence manager in a database."
                     : "Add [quiesce] with when = \"always\"."));
    }
  }
  return findings;
}

std::vector<Finding> find_lost_tables(const MagnoliaFacts& facts, std::string_view component,
                                      const std::set<std::string>& tables) {
  std::vector<Finding> findings;
  std::set<std::string> there;
  for (const std::string& table : tables) there.insert(ascii_upper(table));
  for (const RepositoryFact& repository : facts.repositories) {
    std::vector<const WorkspaceFact*> all{&repository.version};
    for (const WorkspaceFact& workspace : repository.workspaces) all.push_back(&workspace);
    for (const WorkspaceFact* one : all) {
      const WorkspaceFact& workspace = *one;
      const PersistenceFact& kept = workspace.persistence;
      if (kept.connection != component || kept.keeping != Keeping::bundle_tables) continue;
      const std::string prefix = ascii_upper(kept.table_prefix);
      const bool has_any = std::any_of(
          bundle_tables.begin(), bundle_tables.end(),
          [&](std::string_view table) { return there.contains(prefix + std::string(table)); });
      if (has_any) continue;
      // The version store is opened with the repository.
      const bool was_opened = workspace.has_index || one == &repository.version;
      findings.push_back(make_finding(
          was_opened ? "magnolia-tables-lost" : "magnolia-workspace-without-tables",
          was_opened ? Severity::blocker : Severity::note, std::string(component),
          "workspace " + workspace.name + " (" + kept.where + ") has no tables " +
              kept.table_prefix + "*" + (workspace.has_index ? ", but a search index" : ""),
          was_opened ? "Jackrabbit would make them anew, empty, without an error"
                     : "they are made when it is first opened; there is nothing to copy yet",
          was_opened ? "Restore them; accept this if the workspace was never opened." : ""));
    }
  }
  return findings;
}

}  // namespace holdfast::profile::magnolia
