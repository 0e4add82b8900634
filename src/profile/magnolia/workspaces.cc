// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/workspaces.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/ascii.h"
#include "base/error.h"
#include "base/xml.h"
#include "profile/magnolia/configuration_file.h"
#include "profile/magnolia/gathering.h"
#include "profile/magnolia/judging.h"
#include "profile/magnolia/namespaces.h"
#include "profile/magnolia/node_types.h"
#include "profile/magnolia/repository_files.h"
#include "profile/magnolia/row_reader.h"

namespace holdfast::profile::magnolia {
namespace {

using model::Severity;

constexpr std::string_view registry_file = "/namespaces/ns_reg.properties";
constexpr std::string_view types_file = "/nodetypes/custom_nodetypes.xml";
constexpr std::size_t named_max = 10;

// A name of a table as the engine's catalog has it by this prefix: PostgreSQL's are in lower case.
model::TableName table_of(const std::string& schema, const std::string& prefix,
                          std::string_view kind, bool is_lower) {
  std::string table = prefix;
  for (const char c : kind) table += is_lower ? static_cast<char>(c - 'A' + 'a') : c;
  return {schema, table};
}

// How many workspaces, version stores among them, have something in each database.
std::map<std::string, unsigned> users_of_databases(const Json& facts) {
  std::map<std::string, unsigned> users;
  for (const Json& repository : facts.at("repositories").as_array()) {
    for (const Json& one : repository.at("workspaces").as_array())
      ++users[one.string_or("component", "")];
  }
  return users;
}

bool is_inside(const std::string& path, const std::string& directory) {
  return path != directory && is_below(path, directory);
}

model::Workspace workspace_of(const Json& repository, const Json& one, bool is_alone) {
  model::Workspace workspace;
  workspace.name = one.at("name").as_string();
  workspace.repository = repository.at("name").as_string();
  workspace.directory = one.at("directory").as_string();
  workspace.component = one.string_or("component", "");
  workspace.owns_database = is_alone && one.bool_or("is_embedded", false);
  for (const std::string_view kind : {"BUNDLE", "REFS", "BINVAL", "NAMES"}) {
    workspace.tables.push_back(table_of(one.string_or("schema", ""), one.string_or("prefix", ""),
                                        kind, one.string_or("engine", "") == "postgresql"));
  }
  for (const Json& store : repository.at("data_stores").as_array())
    workspace.stores.push_back(store.as_string());
  Json files = Json::array();
  files.push(one.at("configuration").as_string());
  const std::string index = one.string_or("index", "");
  const bool goes_with_it =
      is_inside(index, workspace.directory) && !one.bool_or("index_holds_more", false);
  Json remove = Json::array();
  if (goes_with_it) remove.push(index);
  workspace.facts.set("configuration_files", std::move(files));
  workspace.facts.set("file_system", repository.string_or("file_system", ""));
  workspace.facts.set("index_that_stays", goes_with_it ? "" : index);
  workspace.facts.set("is_embedded", one.bool_or("is_embedded", false));
  workspace.facts.set("prefix", one.string_or("prefix", ""));
  workspace.facts.set("remove", std::move(remove));
  return workspace;
}

// What both registries of a repository have.
struct Registry {
  std::set<std::string> uris, types;
};

Registry parse_registry(const ReadCopy& read, const std::string& directory) {
  Registry registry;
  for (const std::string_view file : {registry_file, types_file}) {
    const std::string path = directory + std::string(file);
    const auto text = read(path);
    if (!text) throw Error(Errc::not_found, "there is no " + path);
    if (file == registry_file) {
      registry.uris = Namespaces::parse(*text, path).uris();
    } else {
      registry.types = NodeTypes::of(parse_xml(*text, path), path).names();
    }
  }
  return registry;
}

std::string missing(const std::set<std::string>& wanted, const std::set<std::string>& there) {
  std::vector<std::string> names;
  for (const std::string& one : wanted) {
    if (!there.contains(one)) names.push_back(one);
  }
  const std::size_t more = names.size() > named_max ? names.size() - named_max : 0;
  names.resize(names.size() - more);
  return fmt::format("{}{}", fmt::join(names, ", "),
                     more > 0 ? fmt::format(" and {} more", more) : "");
}

class Placing {
 public:
  Placing(const model::Workspace& workspace, const MagnoliaFacts& found, const ReadCopy& read_copy)
      : workspace_(workspace), found_(found), read_copy_(read_copy) {}

  model::WorkspaceTarget run(const std::vector<model::DatabaseSettings>& databases) {
    const auto repository =
        std::find_if(found_.repositories.begin(), found_.repositories.end(),
                     [&](const RepositoryFact& one) { return one.name == workspace_.repository; });
    if (repository == found_.repositories.end()) {
      block("magnolia-workspace-place",
            found_.directory + " has no repository " + workspace_.repository,
            "a workspace goes into the repository that it was copied from",
            "Restore the whole instance.");
      return std::move(target_);
    }
    const WorkspaceFact* there = nullptr;
    for (const WorkspaceFact& one : repository->workspaces) {
      if (one.name == workspace_.name) there = &one;
    }
    const std::string name = workspace_.directory.substr(workspace_.directory.rfind('/') + 1);
    target_.directory =
        there == nullptr ? repository->workspaces_root + "/" + name : there->directory;
    for (const StoreFact& store : repository->data_stores) {
      if (store.kind == StoreKind::files) target_.stores.push_back(store.path);
    }
    if (target_.stores.size() != workspace_.stores.size() || workspace_.stores.empty()) {
      block("magnolia-workspace-place",
            fmt::format("the copy has {} directories of binaries, {} has {}",
                        workspace_.stores.size(), found_.directory, target_.stores.size()),
            "binaries that the workspace's nodes name could not be put there",
            "Restore the whole instance.");
    }
    find_database(databases, there);
    refuse_index(workspace_.facts.string_or("index_that_stays", ""));
    if (there != nullptr && !goes_with(*there)) refuse_index(there->index_directory);
    compare_registries(repository->file_system.path);
    target_.findings.push_back(make_finding(
        "magnolia-workspace-versions", Severity::warning, workspace_.component,
        "versions are not restored with workspace " + workspace_.name,
        "all workspaces share one version store; nodes may have versions that are newer than "
        "they, or none",
        "Restore the whole instance if they must be those of the copy."));
    return std::move(target_);
  }

 private:
  void block(std::string code, std::string seen, std::string why, std::string mend) {
    target_.findings.push_back(make_finding(std::move(code), Severity::blocker,
                                            workspace_.component, std::move(seen), std::move(why),
                                            std::move(mend)));
  }

  [[nodiscard]] bool goes_with(const WorkspaceFact& there) const {
    const std::vector<std::string> spare = spare_indexes(found_);
    return is_inside(there.index_directory, there.directory) &&
           std::find(spare.begin(), spare.end(), there.index_directory) != spare.end();
  }

  // Only what is below the workspace's own directory goes when that is replaced.
  void refuse_index(const std::string& index) {
    const bool is_told =
        std::any_of(target_.findings.begin(), target_.findings.end(),
                    [&](const auto& one) { return one.seen.ends_with(" " + index); });
    if (index.empty() || is_told) return;
    block("magnolia-workspace-place",
          "workspace " + workspace_.name +
              " has its search index elsewhere or among other things: " + index,
          "an index of another moment gives wrong results without an error",
          "Give it a directory of its own below the workspace's; or stop the application, restore "
          "with this accepted, and remove the index.");
  }

  // Where it is there, its tables are where it has them; else where the copy has them.
  void find_database(const std::vector<model::DatabaseSettings>& databases,
                     const WorkspaceFact* there) {
    const std::string component =
        there == nullptr ? workspace_.component : there->persistence.connection;
    const auto database = std::find_if(databases.begin(), databases.end(),
                                       [&](const auto& one) { return one.name == component; });
    if (database != databases.end()) {
      target_.database = *database;
      target_.database->name = workspace_.component;
    }
    const std::string prefix = workspace_.facts.string_or("prefix", "");
    if (there == nullptr || ascii_upper(there->persistence.table_prefix) == ascii_upper(prefix))
      return;
    block("magnolia-workspace-place",
          fmt::format("workspace {} is in tables {}*, those of the copy are {}*", workspace_.name,
                      there->persistence.table_prefix, prefix),
          "the application would not look into what is restored",
          "Restore the whole instance, or give the workspace the prefix of the copy.");
  }

  void compare_registries(const std::string& directory) {
    const std::string copied = workspace_.facts.string_or("file_system", "");
    try {
      if (copied.empty() || directory.empty()) {
        throw Error(Errc::unsupported,
                    "namespaces and node types are in a database, where they are not compared");
      }
      const Registry wanted = parse_registry(read_copy_, copied);
      const Registry there = parse_registry(read_configuration_file, directory);
      const std::string uris = missing(wanted.uris, there.uris);
      const std::string types = missing(wanted.types, there.types);
      if (uris.empty() && types.empty()) return;
      block("magnolia-workspace-registry",
            fmt::format("{} lacks{}{}{}{}", found_.directory,
                        uris.empty() ? "" : " the namespaces " + uris,
                        !uris.empty() && !types.empty() ? " and" : "",
                        types.empty() ? "" : " the node types ", types),
            "nodes of the workspace may be of them, and could not be read",
            "Let Magnolia register them, by the modules that the copy had; accept this if no node "
            "of the workspace is of them.");
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      block("magnolia-workspace-registry-unobservable", error.message(),
            "whether the nodes of the workspace can be read there cannot be told",
            "Restore the whole instance, or accept this.");
    }
  }

  const model::Workspace& workspace_;
  const MagnoliaFacts& found_;
  const ReadCopy& read_copy_;
  model::WorkspaceTarget target_;
};

}  // namespace

std::vector<model::Workspace> workspaces_of(const Json& facts) {
  std::vector<model::Workspace> all;
  if (facts.find("repositories") == nullptr) return all;
  const std::map<std::string, unsigned> users = users_of_databases(facts);
  for (const Json& repository : facts.at("repositories").as_array()) {
    for (const Json& one : repository.at("workspaces").as_array()) {
      if (one.bool_or("is_version_store", false)) continue;
      all.push_back(workspace_of(repository, one, users.at(one.string_or("component", "")) == 1));
    }
  }
  return all;
}

model::WorkspaceTarget place_workspace(const model::Workspace& workspace,
                                       const MagnoliaFacts& found,
                                       const std::vector<model::DatabaseSettings>& databases,
                                       const ReadCopy& read_copy) {
  if (workspace.component.empty()) {
    throw Error(Errc::unsupported,
                "workspace " + workspace.name + " is in no tables that can be brought back alone");
  }
  if (workspace.facts.bool_or("is_embedded", false) && !workspace.owns_database) {
    throw Error(Errc::unsupported, "workspace " + workspace.name +
                                       " shares an embedded database, which goes as a whole")
        .set_hint("Restore the whole instance.");
  }
  return Placing(workspace, found, read_copy).run(databases);
}

}  // namespace holdfast::profile::magnolia
