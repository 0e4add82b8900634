// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/judging.h"

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "profile/magnolia/fact_checks.h"
#include "profile/magnolia/joined_check.h"

namespace holdfast::profile::magnolia {
namespace {

std::string schema_of(const MagnoliaFacts& facts, const std::string& component) {
  const Connection* const connection = facts.connection(component);
  if (connection == nullptr) return {};
  // Tables of the same names in other schemas are not the application's.
  if (connection->schema.empty() && connection->engine == "postgresql") return "public";
  return connection->schema;
}

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
                                             const MagnoliaFacts& facts) {
  std::vector<std::unique_ptr<model::CopyCheck>> checks;
  checks.push_back(std::make_unique<TableCheck>(facts));
  for (const CheckPlan& plan : plans) checks.push_back(std::make_unique<MagnoliaCheck>(plan));
  return join_checks(std::move(checks));
}

Json restore_facts(const MagnoliaFacts& facts) {
  Json files = Json::array();
  for (const std::string& file : facts.configuration_files) files.push(file);
  Json remove = Json::array();
  Json clusters = Json::array();
  for (const RepositoryFact& repository : facts.repositories) {
    remove.push(repository.home + "/.lock");
    remove.push(repository.home + "/revision.log");
    if (!repository.index_directory.empty()) remove.push(repository.index_directory);
    for (const WorkspaceFact& workspace : repository.workspaces) {
      if (!workspace.index_directory.empty()) remove.push(workspace.index_directory);
    }
    if (repository.is_cluster && !repository.cluster_id.empty()) {
      clusters.push(
          Json::object().set("file", repository.configuration).set("id", repository.cluster_id));
    }
  }
  Json restore = Json::object();
  restore.set("clusters", std::move(clusters));
  restore.set("configuration_files", std::move(files));
  restore.set("remove", std::move(remove));
  return restore;
}

}  // namespace holdfast::profile::magnolia
