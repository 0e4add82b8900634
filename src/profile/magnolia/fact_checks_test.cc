// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/fact_checks.h"

#include <gtest/gtest.h>

#include "profile/magnolia/test_tree.h"

namespace holdfast::profile::magnolia {
namespace {

MagnoliaFacts facts_of(const std::string& name, const std::string& prefix,
                       const std::string& uri = "postgresql://h:5432/mag") {
  MagnoliaFacts facts;
  facts.name = name;
  facts.directory = "/t/" + name;
  Connection connection;
  connection.component = "db-mag";
  connection.engine = "postgresql";
  connection.uri = uri;
  facts.connections.push_back(connection);
  RepositoryFact repository;
  repository.home = "/t/" + name + "/repositories/magnolia";
  WorkspaceFact website;
  website.name = "website";
  website.persistence.keeping = Keeping::bundle_tables;
  website.persistence.connection = "db-mag";
  website.persistence.table_prefix = prefix + "website_";
  repository.workspaces.push_back(website);
  StoreFact store;
  store.kind = StoreKind::files;
  store.path = repository.home + "/datastore";
  repository.data_stores.push_back(store);
  facts.repositories.push_back(repository);
  return facts;
}

std::string shared(const MagnoliaFacts& a, const MagnoliaFacts& b) {
  const MagnoliaFacts* all[] = {&a, &b};
  return codes(find_shared(a, all));
}

TEST(FactChecks, NamesWhatApplicationsShare) {
  const MagnoliaFacts author = facts_of("author", "pm_");
  EXPECT_EQ(shared(author, facts_of("public", "pm_", "postgresql://h:5432/other")), "");
  EXPECT_EQ(shared(author, facts_of("public", "pub_")), "magnolia-shared-database warning");
  EXPECT_EQ(shared(author, facts_of("public", "pm_", "postgresql://h:5432/mag?sslmode=require")),
            "magnolia-shared-tables blocker");
  MagnoliaFacts same_store = facts_of("public", "pm_", "postgresql://h:5432/other");
  same_store.repositories[0].data_stores[0].path = author.repositories[0].data_stores[0].path;
  EXPECT_EQ(shared(author, same_store), "magnolia-shared-datastore warning");
  MagnoliaFacts same_home = facts_of("public", "pm_", "postgresql://h:5432/other");
  same_home.repositories[0].home = author.repositories[0].home;
  EXPECT_EQ(shared(author, same_home), "magnolia-shared-home blocker");
}

TEST(FactChecks, FindsWorkspacesWhoseTablesAreGone) {
  MagnoliaFacts facts = facts_of("author", "pm_");
  const std::set<std::string> whole = {"pm_website_bundle", "pm_website_refs"};
  EXPECT_EQ(codes(find_lost_tables(facts, "db-mag", whole)), "");
  EXPECT_EQ(codes(find_lost_tables(facts, "db-mag", {"pm_dam_bundle"})),
            "magnolia-workspace-without-tables note");
  facts.repositories[0].workspaces[0].has_index = true;
  EXPECT_EQ(codes(find_lost_tables(facts, "db-mag", {})), "magnolia-tables-lost blocker");
  EXPECT_EQ(codes(find_lost_tables(facts, "another", {})), "");
}

TEST(FactChecks, AsksForAStopWhereNoEngineDoes) {
  MagnoliaFacts facts = facts_of("author", "pm_");
  model::Instance instance;
  instance.quiesce.when = model::QuiesceWhen::needed;
  EXPECT_EQ(codes(find_stop_problems(facts, instance)), "");
  instance.magnolia.includes_search_index = true;
  EXPECT_EQ(codes(find_stop_problems(facts, instance)), "magnolia-index-needs-stop blocker");
  facts.repositories[0].workspaces[0].persistence.keeping = Keeping::other_files;
  instance.quiesce.stop = instance.quiesce.start = {"true"};
  instance.quiesce.when = model::QuiesceWhen::always;
  EXPECT_EQ(codes(find_stop_problems(facts, instance)), "magnolia-persistence-files warning");
}

}  // namespace
}  // namespace holdfast::profile::magnolia
