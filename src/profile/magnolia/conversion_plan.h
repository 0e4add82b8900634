// SPDX-License-Identifier: Apache-2.0
// From the facts of an instance and what its target wants to the tables that are made, the rows and
// files that go into them, and the configuration that leads to them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/conversion.h"
#include "profile/magnolia/binary_files.h"
#include "profile/magnolia/conversion_config.h"
#include "profile/magnolia/facts.h"
#include "profile/magnolia/table_definitions.h"

namespace holdfast::profile::magnolia {

// Tables of one prefix in the source. Where they go: either to tables or, with a directory, to
// files.
struct ConvertedTables {
  std::string component, schema, prefix;  // schema empty: whichever; prefix: as in the catalog
  std::map<TableKind, model::NewTablePlace> places;
  FilesPlace files;  // a path of the source; kind: datastore or fsentry
  TableKind files_kind = TableKind::datastore;
};

// The records of a FileDataStore that go to a table.
struct ConvertedFiles {
  std::string directory;
  model::NewTablePlace into;
};

struct ConversionPlan {
  Dialect dialect = Dialect::derby;
  std::vector<model::NewDatabase> databases;
  std::vector<ConvertedTables> tables;
  std::vector<ConvertedFiles> files;
  NewConnection connection;
  std::vector<RepositoryChange> repositories;
  std::vector<WorkspaceChange> workspaces;
  std::vector<std::string> by_hand;
  std::vector<model::Finding> findings;
};

// `source` has its components, as Profile::plan() says them. Reads the small configuration files.
[[nodiscard]] ConversionPlan plan_conversion(const MagnoliaFacts& facts,
                                             const model::Instance& source,
                                             const model::Plan& components,
                                             const model::Instance& target);

}  // namespace holdfast::profile::magnolia
