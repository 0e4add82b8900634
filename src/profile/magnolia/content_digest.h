// SPDX-License-Identifier: Apache-2.0
// One digest of a repository's content, as the project's own test instances are compared by.
#pragma once

#include <map>
#include <string>

#include "profile/magnolia/node_id.h"

namespace holdfast::profile::magnolia {

// The rows of a workspace, or of the version store, by node.
struct WorkspaceRows {
  std::map<NodeId, std::string> bundles;
  std::map<NodeId, std::string> references;
};

// What `verify` of the test instances' generator (MgnlFixture) prints after TOTAL: 64 hex digits
// over every BUNDLE and REFS row, byte for byte. By workspace name; "version" is the version store.
// For small repositories: all rows are in memory. Its order is Java's, by signed halves.
[[nodiscard]] std::string content_digest(const std::map<std::string, WorkspaceRows>& workspaces);

}  // namespace holdfast::profile::magnolia
