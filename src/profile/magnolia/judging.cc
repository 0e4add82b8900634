// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/judging.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "profile/magnolia/fact_checks.h"
#include "profile/magnolia/gathering.h"
#include "profile/magnolia/joined_check.h"

namespace holdfast::profile::magnolia {

namespace fs = std::filesystem;

std::string schema_of(const MagnoliaFacts& facts, const std::string& component) {
  const Connection* const connection = facts.connection(component);
  if (connection == nullptr) return {};
  // Tables of the same names in other schemas are not the application's.
  if (connection->schema.empty() && connection->engine == "postgresql") return "public";
  // Among several, the server says in which.
  if (connection->schema.find_first_of(",\"$") != std::string::npos) return {};
  return connection->schema;
}

namespace {

void add_once(std::vector<std::string>& to, const std::string& text) {
  if (!text.empty() && std::find(to.begin(), to.end(), text) == to.end()) to.push_back(text);
}

}  // namespace

std::vector<std::string> needed_paths(const MagnoliaFacts& facts) {
  std::vector<std::string> paths = facts.configuration_files;
  for (const RepositoryFact& repository : facts.repositories) {
    for (const StoreFact& store : repository.data_stores) {
      if (store.kind == StoreKind::files) add_once(paths, store.path);
    }
    add_once(paths, repository.home);
    add_once(paths, repository.workspaces_root);
    add_once(paths, repository.file_system.path);
    add_once(paths, repository.version.file_system.path);
    add_once(paths, repository.journal.path);
    for (const WorkspaceFact& workspace : repository.workspaces) {
      add_once(paths, workspace.configuration);
      add_once(paths, workspace.file_system.path);
    }
  }
  for (const Connection& connection : facts.connections) add_once(paths, connection.path);
  add_once(paths, facts.directory);
  add_once(paths, facts.resources.path);
  add_once(paths, facts.key_pair.path);
  return paths;
}

std::vector<std::string> all_indexes(const MagnoliaFacts& facts) {
  std::vector<std::string> indexes;
  for (const RepositoryFact& repository : facts.repositories) {
    add_once(indexes, repository.index_directory);
    for (const WorkspaceFact& workspace : repository.workspaces)
      add_once(indexes, workspace.index_directory);
  }
  return indexes;
}

std::vector<std::string> spare_indexes(const MagnoliaFacts& facts) {
  std::vector<std::string> indexes = all_indexes(facts);
  const std::vector<std::string> needed = needed_paths(facts);
  std::erase_if(indexes, [&](const std::string& index) {
    return std::any_of(needed.begin(), needed.end(),
                       [&](const std::string& path) { return is_below(path, index); });
  });
  return indexes;
}

namespace {

// Without a component: what is kept in no tables of bundles, of which nothing is read.
WorkspaceTables tables_of(const MagnoliaFacts& facts, const WorkspaceFact& workspace,
                          bool is_version_store) {
  WorkspaceTables tables;
  tables.name = workspace.name;
  tables.is_version_store = is_version_store;
  if (workspace.persistence.keeping != Keeping::bundle_tables) return tables;
  tables.component = workspace.persistence.connection;
  tables.schema = schema_of(facts, tables.component);
  tables.prefix = workspace.persistence.table_prefix;
  return tables;
}

std::vector<WorkspaceTables> all_tables(const MagnoliaFacts& facts,
                                        const RepositoryFact& repository) {
  std::vector<WorkspaceTables> all;
  for (const WorkspaceFact& workspace : repository.workspaces)
    all.push_back(tables_of(facts, workspace, false));
  all.push_back(tables_of(facts, repository.version, true));
  return all;
}

// The tables of a neighbour in a database that is ours too, as of our component.
void add_foreign(const MagnoliaFacts& facts, const MagnoliaFacts& neighbour, CheckPlan& plan) {
  for (const RepositoryFact& repository : neighbour.repositories) {
    for (WorkspaceTables& tables : all_tables(neighbour, repository)) {
      const Connection* const theirs = neighbour.connection(tables.component);
      if (theirs == nullptr) continue;
      for (const Connection& ours : facts.connections) {
        if (ours.uri != theirs->uri) continue;
        tables.component = ours.component;
        plan.other_workspaces.push_back(tables);
      }
    }
  }
}

CheckPlan check_plan(const MagnoliaFacts& facts, const RepositoryFact& repository) {
  CheckPlan plan;
  for (const WorkspaceFact& workspace : repository.workspaces)
    plan.workspaces.push_back({tables_of(facts, workspace, false), workspace.configuration});
  plan.workspaces.push_back({tables_of(facts, repository.version, true), ""});
  for (const Connection& connection : facts.connections) {
    if (!connection.path.empty()) plan.embedded_components.insert(connection.component);
  }
  for (const RepositoryFact& other : facts.repositories) {
    if (&other == &repository) continue;
    for (WorkspaceTables& tables : all_tables(facts, other)) {
      if (!tables.component.empty()) plan.other_workspaces.push_back(std::move(tables));
    }
  }
  for (const StoreFact& store : repository.data_stores) {
    if (store.kind == StoreKind::files) {
      plan.file_stores.push_back(store.path);
    } else if (store.kind == StoreKind::tables) {
      plan.database_stores.push_back(
          {store.connection, schema_of(facts, store.connection), store.table_prefix});
    } else {
      plan.store_elsewhere = store.class_name + " (" + store.where + ")";
    }
  }
  const StoreFact& files = repository.file_system;
  if (files.kind == StoreKind::files) plan.repository_directory = files.path;
  if (files.kind == StoreKind::tables)
    plan.file_table = {files.connection, schema_of(facts, files.connection), files.table_prefix};
  return plan;
}

// Notes which tables are copied, and misses those of workspaces that must have some.
class TableCheck final : public model::CopyCheck {
 public:
  explicit TableCheck(const MagnoliaFacts& facts) : facts_(facts) {}

  [[nodiscard]] std::unique_ptr<model::RowSink> rows(std::string_view component,
                                                     const model::TableName& table) override {
    const std::lock_guard guard(mutex_);
    tables_[std::string(component)].insert(table.table);
    return nullptr;
  }
  [[nodiscard]] std::unique_ptr<ByteSink> passing(const std::string& /*path*/) override {
    return nullptr;
  }
  [[nodiscard]] bool has_file(const std::string& /*path*/, std::uint64_t /*size*/) override {
    return false;
  }
  void stored(const std::string& /*path*/, ByteView /*content*/) override {}
  // A database of which no table was seen is another check's affair.
  [[nodiscard]] std::vector<model::Finding> findings() override {
    std::vector<model::Finding> all;
    for (const auto& [component, tables] : tables_) {
      for (model::Finding& finding : find_lost_tables(facts_, component, tables))
        all.push_back(std::move(finding));
    }
    return all;
  }

 private:
  const MagnoliaFacts facts_;
  std::mutex mutex_;                                     // guards tables_
  std::map<std::string, std::set<std::string>> tables_;  // by component
};

// An index of another moment than the content's is seen by nobody afterwards: whoever has the
// repository open while its index is copied goes on writing both.
class IndexCheck final : public model::CopyCheck {
 public:
  explicit IndexCheck(const MagnoliaFacts& facts) {
    for (const RepositoryFact& repository : facts.repositories) {
      const std::string lock = repository.home + "/.lock";
      if (!repository.index_directory.empty()) locks_[repository.index_directory] = lock;
      for (const WorkspaceFact& workspace : repository.workspaces) {
        if (!workspace.index_directory.empty()) locks_[workspace.index_directory] = lock;
      }
    }
  }

  [[nodiscard]] std::unique_ptr<model::RowSink> rows(std::string_view /*component*/,
                                                     const model::TableName& /*table*/) override {
    return nullptr;
  }
  [[nodiscard]] std::unique_ptr<ByteSink> passing(const std::string& /*path*/) override {
    return nullptr;
  }
  [[nodiscard]] bool has_file(const std::string& path, std::uint64_t /*size*/) override {
    for (const auto& [index, lock] : locks_) {
      if (is_below(path, index) && !open_.contains(index) && is_locked(lock))
        open_.emplace(index, lock);
    }
    return false;
  }
  void stored(const std::string& /*path*/, ByteView /*content*/) override {}
  [[nodiscard]] std::vector<model::Finding> findings() override {
    std::vector<model::Finding> all;
    for (const auto& [index, lock] : open_) {
      all.push_back(make_finding(
          "magnolia-index-needs-stop", model::Severity::blocker, "files",
          index + " was copied while the application had the repository open: " + lock +
              " is locked",
          "an index of another moment than the content's gives wrong results without an error",
          "Let `stop` of [quiesce] end the application, or leave the index out."));
    }
    return all;
  }

 private:
  std::map<std::string, std::string> locks_, open_;  // of an index's directory its `.lock`
};

Json workspace_facts(const MagnoliaFacts& facts, const WorkspaceFact& workspace,
                     bool is_version_store) {
  const WorkspaceTables tables = tables_of(facts, workspace, is_version_store);
  const Connection* const connection = facts.connection(tables.component);
  Json one = Json::object();
  one.set("component", tables.component);
  one.set("configuration", workspace.configuration);
  one.set("directory", workspace.directory);
  one.set("engine", connection == nullptr ? "" : connection->engine);
  const std::vector<std::string> spare = spare_indexes(facts);
  one.set("index", workspace.index_directory);
  one.set("index_holds_more",
          !workspace.index_directory.empty() &&
              std::find(spare.begin(), spare.end(), workspace.index_directory) == spare.end());
  one.set("is_embedded", connection != nullptr && !connection->path.empty());
  one.set("is_version_store", is_version_store);
  one.set("name", workspace.name);
  one.set("prefix", tables.prefix);
  one.set("schema", tables.schema);
  return one;
}

Json repository_facts(const MagnoliaFacts& facts, const RepositoryFact& repository) {
  Json workspaces = Json::array();
  for (const WorkspaceFact& workspace : repository.workspaces)
    workspaces.push(workspace_facts(facts, workspace, false));
  workspaces.push(workspace_facts(facts, repository.version, true));
  Json stores = Json::array();
  for (const StoreFact& store : repository.data_stores) {
    if (store.kind == StoreKind::files) stores.push(store.path);
  }
  const bool is_files = repository.file_system.kind == StoreKind::files;
  Json one = Json::object();
  one.set("data_stores", std::move(stores));
  one.set("file_system", is_files ? repository.file_system.path : "");
  one.set("home", repository.home);
  one.set("name", repository.name);
  one.set("workspaces", std::move(workspaces));
  return one;
}

// Configuration that lies beside what is in force: of other engines, of other servers.
Json other_files(const MagnoliaFacts& facts) {
  constexpr std::size_t files_max = 1000;
  constexpr std::uintmax_t file_bytes_max = std::uintmax_t{1} << 20U;
  std::set<std::string> files;
  std::error_code failure;
  for (auto item =
           fs::recursive_directory_iterator(facts.directory + "/WEB-INF/config",
                                            fs::directory_options::skip_permission_denied, failure);
       !failure && item != fs::recursive_directory_iterator(); item.increment(failure)) {
    std::error_code gone;
    const std::string path = item->path().string();
    const bool is_configuration = path.ends_with(".xml") || path.ends_with(".properties");
    if (!is_configuration || item->is_symlink(gone) || !item->is_regular_file(gone) ||
        item->file_size(gone) > file_bytes_max)
      continue;
    const auto& in_force = facts.configuration_files;
    if (std::find(in_force.begin(), in_force.end(), path) != in_force.end()) continue;
    files.insert(path);
    if (files.size() == files_max) break;
  }
  Json list = Json::array();
  for (const std::string& file : files) list.push(file);
  return list;
}

}  // namespace

std::vector<CheckPlan> check_plans(const MagnoliaFacts& facts,
                                   std::span<const MagnoliaFacts* const> neighbours) {
  std::vector<CheckPlan> plans;
  for (const RepositoryFact& repository : facts.repositories) {
    plans.push_back(check_plan(facts, repository));
    for (const MagnoliaFacts* neighbour : neighbours) add_foreign(facts, *neighbour, plans.back());
  }
  return plans;
}

std::unique_ptr<model::CopyCheck> make_check(const std::vector<CheckPlan>& plans,
                                             const MagnoliaFacts& facts, bool has_indexes) {
  std::vector<std::unique_ptr<model::CopyCheck>> checks;
  checks.push_back(std::make_unique<TableCheck>(facts));
  if (has_indexes) checks.push_back(std::make_unique<IndexCheck>(facts));
  for (const CheckPlan& plan : plans) checks.push_back(std::make_unique<MagnoliaCheck>(plan));
  return join_checks(std::move(checks));
}

Json restore_facts(const MagnoliaFacts& facts) {
  Json files = Json::array();
  for (const std::string& file : facts.configuration_files) files.push(file);
  Json remove = Json::array();
  Json clusters = Json::array();
  Json locks = Json::array();
  Json repositories = Json::array();
  for (const RepositoryFact& repository : facts.repositories) {
    // Jackrabbit keeps it locked while it has the repository open, and removes it in the end.
    // Source: Jackrabbit 2.18, core.util.RepositoryLock.
    locks.push(repository.home + "/.lock");
    remove.push(repository.home + "/.lock");
    remove.push(repository.home + "/revision.log");
    if (repository.is_cluster && !repository.cluster_id.empty()) {
      clusters.push(
          Json::object().set("file", repository.configuration).set("id", repository.cluster_id));
    }
    repositories.push(repository_facts(facts, repository));
  }
  for (const std::string& index : spare_indexes(facts)) remove.push(index);
  Json links = Json::array();
  for (const PathFact& out : facts.led_out)
    links.push(Json::object().set("link", out.where).set("target", out.path));
  // Tomcat takes each directory beside it for one more application.
  // Source: Tomcat 9, "Automatic Application Deployment" of the Host element, deployOnStartup.
  Json deployed = Json::array();
  const std::string base = facts.directory.substr(0, facts.directory.rfind('/'));
  if (!facts.tomcat.empty() && (facts.context_file.empty() || base == facts.tomcat + "/webapps"))
    deployed.push(facts.directory);
  Json restore = Json::object();
  restore.set("clusters", std::move(clusters));
  restore.set("configuration_files", std::move(files));
  restore.set("deployed", std::move(deployed));
  restore.set("directory", facts.directory);
  restore.set("links", std::move(links));
  restore.set("locks", std::move(locks));
  restore.set("other_files", other_files(facts));
  restore.set("remove", std::move(remove));
  restore.set("repositories", std::move(repositories));
  return restore;
}

}  // namespace holdfast::profile::magnolia
