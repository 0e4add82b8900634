// SPDX-License-Identifier: Apache-2.0
// What a content proof found.
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/finding.h"
#include "profile/magnolia/endpoints.h"
#include "profile/magnolia/node_id.h"

namespace holdfast::profile::magnolia {

// So many problems of each kind are told one by one; all are counted.
inline constexpr std::size_t problems_told_max = 20;

struct Problem {
  std::string component;
  std::string workspace;  // empty: none in particular
  NodeId node;            // all zeros: none in particular
  std::string what;       // "record ab01… of property jcr:data"
  std::string path;       // "/website/home", as far as it can be told; may be empty

  // "workspace dam, node 1234-… (/demo/asset/jcr:content): record …"
  [[nodiscard]] std::string display() const;
  friend auto operator<=>(const Problem&, const Problem&) = default;
};

// The smallest problems, so that the same are told whatever the order in which they were met.
class Problems {
 public:
  void add(Problem problem);
  // Of a kind of which there are `more` that are not told.
  void add_untold(std::uint64_t more) noexcept { count_ += more; }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] const std::set<Problem>& told() const noexcept { return told_; }

 private:
  std::uint64_t count_ = 0;
  std::set<Problem> told_;
};

struct WorkspaceContent {
  std::string name;
  std::uint64_t bundles = 0;
  std::uint64_t references = 0;  // rows of REFS
  // Of BUNDLE and REFS rows: equal for equal content whatever persistence manager holds it, and
  // whatever the order of rows. 64 hex digits.
  std::string digest;
};

struct ProofResult {
  std::vector<WorkspaceContent> workspaces;  // those with tables, by name
  std::uint64_t binaries = 0;                // values in a data store
  std::uint64_t records = 0;                 // different ones
  std::uint64_t orphans = 0;                 // records that no bundle names: harmless

  Endpoints endpoints;  // in the properties of workspace `config`

  Problems missing_records;      // that a bundle names
  Problems damaged_records;      // whose bytes do not hash to their name
  Problems wrong_lengths;        // rows of DATASTORE whose LENGTH is another
  Problems unobserved_binaries;  // BINVAL or a data store that nobody saw
  Problems unreadable_bundles;
  Problems old_formats;  // bundles of formats 1 and 2
  Problems unreadable_references;
  Problems missing_nodes;       // child entries whose node is not there, or is somebody else's
  Problems unlisted_nodes;      // whose parent is not there, or does not list them
  Problems missing_types;       // node types used, or named as supertypes, that nobody registered
  Problems missing_uris;        // namespaces used that nobody registered
  Problems missing_history;     // version histories that nodes name and the version store has not
  Problems missing_tables;      // of a workspace that has some of its tables
  Problems empty_workspaces;    // tables without any node
  Problems unknown_workspaces;  // tables that belong to no workspace
};

// One finding for each kind of problem that there is, with the first few in words.
[[nodiscard]] std::vector<model::Finding> findings_of(const ProofResult& result);

}  // namespace holdfast::profile::magnolia
