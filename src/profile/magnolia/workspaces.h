// SPDX-License-Identifier: Apache-2.0
// Bringing single workspaces back: what belongs to one, and whether it fits an instance that is
// there. A workspace is its four tables, or a database of its own if that is embedded, its
// directory with workspace.xml, and the records of the data store that its nodes name. It shares
// the version store, namespaces and node types with others: these stay as they are.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/profile.h"
#include "profile/magnolia/facts.h"

namespace holdfast::profile::magnolia {

// Profile::workspaces(), of restore_facts().
[[nodiscard]] std::vector<model::Workspace> workspaces_of(const Json& facts);

using ReadCopy = std::function<std::optional<std::string>(const std::string& path)>;
// Profile::plan_workspace(). `found` are the facts of the instance that is there, and `databases`
// its plan's.
[[nodiscard]] model::WorkspaceTarget place_workspace(
    const model::Workspace& workspace, const MagnoliaFacts& found,
    const std::vector<model::DatabaseSettings>& databases, const ReadCopy& read_copy);

}  // namespace holdfast::profile::magnolia
