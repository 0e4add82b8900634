// SPDX-License-Identifier: Apache-2.0
// What a content proof makes of what has passed: lists are sorted and walked side by side.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

#include "base/ascii.h"
#include "base/error.h"
#include "profile/magnolia/proof_state.h"
#include "profile/magnolia/row_reader.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::size_t path_depth_max = 100;

constexpr unsigned bit(TableKind kind) noexcept {
  return 1U << static_cast<unsigned>(kind);
}

Problem problem_of(const WorkspaceState& workspace, const NodeId& node, std::string what) {
  return {workspace.tables.component, workspace.tables.name, node, std::move(what), {}};
}

bool is_unreadable(const WorkspaceState& workspace, const NodeId& id) {
  return std::binary_search(workspace.unreadable.begin(), workspace.unreadable.end(), id);
}

// The first record of that node, or the end.
auto find_node(const WorkspaceState& workspace, const NodeId& id) {
  const auto found = std::lower_bound(
      workspace.nodes.begin(), workspace.nodes.end(), id,
      [](const NodeRecord& node, const NodeId& wanted) { return node.id < wanted; });
  return found != workspace.nodes.end() && found->id == id ? found : workspace.nodes.end();
}

auto find_entry(const WorkspaceState& workspace, const NodeId& child, std::uint64_t parent_hash) {
  const auto found = std::lower_bound(workspace.entries.begin(), workspace.entries.end(),
                                      std::pair(child, parent_hash),
                                      [](const EntryRecord& entry, const auto& wanted) {
                                        return std::pair(entry.child, entry.parent_hash) < wanted;
                                      });
  const bool is_it = found != workspace.entries.end() && found->child == child &&
                     found->parent_hash == parent_hash;
  return is_it ? found : workspace.entries.end();
}

void sort(WorkspaceState& workspace) {
  auto& nodes = workspace.nodes;
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  std::sort(workspace.entries.begin(), workspace.entries.end(),
            [&](const EntryRecord& a, const EntryRecord& b) {
              const auto a_key = std::tie(a.child, a.parent_hash);
              const auto b_key = std::tie(b.child, b.parent_hash);
              if (a_key != b_key) return a_key < b_key;
              return workspace.name(a.name) < workspace.name(b.name);
            });
  std::sort(workspace.unreadable.begin(), workspace.unreadable.end());
}

// Who listed a child is kept as a hash alone.
NodeId lister_of(const WorkspaceState& workspace, const EntryRecord& entry) {
  const auto found =
      std::find_if(workspace.nodes.begin(), workspace.nodes.end(),
                   [&](const NodeRecord& node) { return hash_of(node.id) == entry.parent_hash; });
  return found == workspace.nodes.end() ? NodeId{} : found->id;
}

// Every child entry leads to a node whose parent is the one that lists it.
void judge_entries(const WorkspaceState& workspace, Problems& problems) {
  std::size_t told = 0;
  for (const EntryRecord& entry : workspace.entries) {
    if (is_of_system(entry.child)) continue;
    auto node = find_node(workspace, entry.child);
    const bool is_there = node != workspace.nodes.end();
    for (; node != workspace.nodes.end() && node->id == entry.child; ++node) {
      if (hash_of(node->parent) == entry.parent_hash) break;
    }
    if (node != workspace.nodes.end() && node->id == entry.child) continue;
    if (!is_there && is_unreadable(workspace, entry.child)) continue;
    if (told++ >= problems_told_max) {
      problems.add_untold(1);
      continue;
    }
    problems.add(problem_of(
        workspace, lister_of(workspace, entry),
        fmt::format("child `{}`, node {}, {}", workspace.name(entry.name), entry.child.text(),
                    is_there ? "has another parent" : "is not there")));
  }
}

// Every node but the root is listed by each of its parents.
void judge_nodes(const WorkspaceState& workspace, Problems& problems) {
  std::size_t told = 0;
  for (const NodeRecord& node : workspace.nodes) {
    if (is_of_system(node.id) || (node.id == root_id && node.parent == no_parent_id)) continue;
    if (find_entry(workspace, node.id, hash_of(node.parent)) != workspace.entries.end()) continue;
    if (is_unreadable(workspace, node.parent)) continue;
    if (told++ >= problems_told_max) {
      problems.add_untold(1);
      continue;
    }
    std::string what = "it has no parent";
    if (node.parent != no_parent_id) {
      const bool is_there = find_node(workspace, node.parent) != workspace.nodes.end();
      what = fmt::format("its parent, node {}, {}", node.parent.text(),
                         is_there ? "does not list it" : "is not there");
    }
    problems.add(problem_of(workspace, node.id, std::move(what)));
  }
}

void judge_tables(const WorkspaceState& workspace, ProofResult& result) {
  constexpr unsigned all = bit(TableKind::bundle) | bit(TableKind::refs) | bit(TableKind::binval) |
                           bit(TableKind::names);
  if (workspace.kinds_seen == 0) return;  // never opened: Jackrabbit makes them then
  for (const TableKind kind :
       {TableKind::bundle, TableKind::refs, TableKind::binval, TableKind::names}) {
    if (workspace.kinds_seen == all || (workspace.kinds_seen & bit(kind)) != 0) continue;
    result.missing_tables.add(problem_of(
        workspace, {},
        fmt::format("table {} is not there", table_name(workspace.tables.prefix, kind))));
  }
  if ((workspace.kinds_seen & bit(TableKind::bundle)) != 0 && workspace.bundles == 0)
    result.empty_workspaces.add(problem_of(workspace, {}, "there is no node in it"));
}

bool is_binval(const BinaryRecord& binary) noexcept {
  return binary.record.size_bytes == 0;
}

void judge_binaries(ContentProof::State& state, ProofResult& result) {
  auto& records = state.records;
  std::sort(records.begin(), records.end());
  records.erase(std::unique(records.begin(), records.end()), records.end());
  auto& binaries = state.binaries;
  const auto property = [&](const BinaryRecord& binary) {
    return state.workspaces[binary.workspace].name(binary.property);
  };
  std::sort(binaries.begin(), binaries.end(), [&](const BinaryRecord& a, const BinaryRecord& b) {
    const auto a_key = std::tie(a.record, a.workspace, a.node);
    const auto b_key = std::tie(b.record, b.workspace, b.node);
    return a_key != b_key ? a_key < b_key : property(a) < property(b);
  });
  auto record = records.begin();
  std::uint64_t used = 0;
  const RecordId* last = nullptr;
  for (const BinaryRecord& binary : binaries) {
    while (record != records.end() && *record < binary.record) ++record;
    const bool is_there = record != records.end() && *record == binary.record;
    if (!is_binval(binary)) {
      ++result.binaries;
      if (is_there && (last == nullptr || *last != binary.record)) ++used;
      last = &binary.record;
    }
    if (is_there) continue;
    const WorkspaceState& workspace = state.workspaces[binary.workspace];
    const bool is_unobserved = is_binval(binary)
                                   ? (workspace.kinds_seen & bit(TableKind::binval)) == 0
                                   : !state.store_unobserved.empty();
    std::string what = is_binval(binary) ? fmt::format("binary of property {}", property(binary))
                                         : fmt::format("record {} of property {}",
                                                       binary.record.text(), property(binary));
    (is_unobserved ? result.unobserved_binaries : result.missing_records)
        .add(problem_of(workspace, binary.node, std::move(what)));
  }
  result.records = static_cast<std::uint64_t>(std::count_if(
      records.begin(), records.end(), [](const RecordId& id) { return id.size_bytes != 0; }));
  result.orphans = result.records - used;
}

// A history is a node of the version store.
// Of the records whose bytes were wrong when they were read last, those that are in the copy.
void judge_damaged(const ContentProof::State& state, ProofResult& result) {
  if (state.damaged.empty()) return;
  std::set<RecordId> told;
  for (const RecordId& id : state.records) {
    if (state.damaged.contains(id) && told.insert(id).second)
      result.damaged_records.add({{}, {}, {}, "record " + id.text(), {}});
  }
}

void judge_histories(ContentProof::State& state, ProofResult& result) {
  std::vector<const WorkspaceState*> stores;
  for (const WorkspaceState& workspace : state.workspaces) {
    if (!workspace.tables.is_version_store) continue;
    // Nobody read it: what it has cannot be told.
    if ((workspace.kinds_seen & bit(TableKind::bundle)) == 0) return;
    stores.push_back(&workspace);
  }
  if (stores.empty()) return;
  std::sort(state.histories.begin(), state.histories.end());
  for (const HistoryRecord& history : state.histories) {
    const bool is_there =
        std::any_of(stores.begin(), stores.end(), [&](const WorkspaceState* store) {
          return find_node(*store, history.history) != store->nodes.end() ||
                 is_unreadable(*store, history.history);
        });
    if (is_there) continue;
    result.missing_history.add(
        problem_of(state.workspaces[history.workspace], history.node,
                   fmt::format("version history {}", history.history.text())));
  }
}

void judge_names(const ContentProof::State& state, const std::optional<Namespaces>& namespaces,
                 const std::optional<NodeTypes>& types, ProofResult& result) {
  const auto tell = [&](Problems& problems, const Use& use, std::string_view what) {
    problems.add(problem_of(state.workspaces[use.workspace], use.node,
                            fmt::format("{}, used by {} nodes", what, use.bundles)));
  };
  for (const auto& [uri, use] : state.uris) {
    if (namespaces && !namespaces->has_uri(uri))
      tell(result.missing_uris, use, fmt::format("namespace {}", uri));
  }
  if (!types) return;
  for (const auto& [key, use] : state.types) {
    const std::size_t end = key.find('\n');
    const Name type{std::string_view(key).substr(0, end), std::string_view(key).substr(end + 1)};
    if (!types->has(type))
      tell(result.missing_types, use, fmt::format("node type {}", type.display()));
  }
  for (const auto& [type, supertype] : types->missing_supertypes()) {
    result.missing_types.add(
        {{}, {}, {}, fmt::format("node type {}, supertype of {}", supertype, type), {}});
  }
}

bool is_of_others(const ContentProof::State& state, const std::string& component,
                  const model::TableName& table) {
  return std::any_of(state.others.begin(), state.others.end(), [&](const WorkspaceTables& other) {
    const bool is_schema = other.schema.empty() || table.schema.empty() ||
                           ascii_upper(other.schema) == ascii_upper(table.schema);
    return other.component == component && is_schema &&
           is_table(table.table, other.prefix, TableKind::bundle);
  });
}

// Tables that look like a workspace's and are none's.
void judge_other_tables(const ContentProof::State& state, ProofResult& result) {
  constexpr std::string_view bundle = "BUNDLE";
  for (const auto& [component, table] : state.other_tables) {
    const std::string name = ascii_upper(table.table);
    if (!name.ends_with(bundle)) continue;
    const std::string prefix = name.substr(0, name.size() - bundle.size());
    const bool has_refs =
        std::any_of(state.other_tables.begin(), state.other_tables.end(), [&](const auto& other) {
          return other.first == component && other.second.schema == table.schema &&
                 ascii_upper(other.second.table) == prefix + "REFS";
        });
    if (!has_refs || is_of_others(state, component, table)) continue;
    result.unknown_workspaces.add(
        {component, {}, {}, fmt::format("table {} belongs to no workspace", table.display()), {}});
  }
}

// Problems::told is a set: their paths come last in its order, and are added here.
void add_paths(const ContentProof::State& state, Problems& problems) {
  Problems with_paths;
  for (Problem problem : problems.told()) {
    for (const WorkspaceState& workspace : state.workspaces) {
      if (workspace.tables.name != problem.workspace || problem.node == NodeId{} ||
          workspace.tables.component != problem.component)
        continue;
      problem.path = path_of(workspace, problem.node);
      break;
    }
    with_paths.add(std::move(problem));
  }
  with_paths.add_untold(problems.count() - with_paths.count());
  problems = std::move(with_paths);
}

void add_endpoints(const WorkspaceState& workspace, Endpoints& endpoints) {
  for (const EndpointRecord& one : workspace.endpoints) {
    const std::string path = path_of(workspace, one.node);
    endpoints.add(
        {fmt::format("{}:{}/{}", workspace.tables.name, path == "/" ? "" : path, one.property),
         one.value});
  }
  endpoints.add_untold(workspace.endpoints_dropped);
}

}  // namespace

std::string path_of(const WorkspaceState& workspace, const NodeId& id) {
  std::string path;
  NodeId at = id;
  for (std::size_t depth = 0; depth < path_depth_max; ++depth) {
    if (at == root_id) return path.empty() ? "/" : path;
    if (at == version_storage_id) return "/jcr:system/jcr:versionStorage" + path;
    // Of several entries the first that is right, in the order of the lists; an unreadable node is
    // only known by who lists it.
    auto entry = std::lower_bound(
        workspace.entries.begin(), workspace.entries.end(), at,
        [](const EntryRecord& one, const NodeId& wanted) { return one.child < wanted; });
    if (entry == workspace.entries.end() || entry->child != at) break;
    const auto node = find_node(workspace, at);
    NodeId parent;
    if (node != workspace.nodes.end()) {
      parent = node->parent;
      const auto by_parent = find_entry(workspace, at, hash_of(parent));
      if (by_parent == workspace.entries.end()) break;
      entry = by_parent;
    } else {
      parent = lister_of(workspace, *entry);
    }
    path = "/" + std::string(workspace.name(entry->name)) + path;
    at = parent;
  }
  return path.empty() ? path : "…" + path;
}

ProofResult ContentProof::judge(const std::optional<Namespaces>& namespaces,
                                const std::optional<NodeTypes>& types) {
  if (state_->has_lost)
    throw Error(Errc::not_consistent, "what the copy holds could not be kept in memory");
  const std::lock_guard lock(state_->mutex);
  ProofResult result = state_->found;
  judge_damaged(*state_, result);
  for (WorkspaceState& workspace : state_->workspaces) {
    sort(workspace);
    judge_tables(workspace, result);
    judge_entries(workspace, result.missing_nodes);
    judge_nodes(workspace, result.unlisted_nodes);
    if (workspace.kinds_seen == 0) continue;
    add_endpoints(workspace, result.endpoints);
    result.workspaces.push_back(
        {workspace.tables.name, workspace.bundles, workspace.references, workspace.digest.hex()});
  }
  std::sort(result.workspaces.begin(), result.workspaces.end(),
            [](const WorkspaceContent& a, const WorkspaceContent& b) { return a.name < b.name; });
  judge_binaries(*state_, result);
  judge_histories(*state_, result);
  judge_names(*state_, namespaces, types, result);
  judge_other_tables(*state_, result);
  for (Problems ProofResult::*kind :
       {&ProofResult::missing_records, &ProofResult::unobserved_binaries,
        &ProofResult::unreadable_bundles, &ProofResult::old_formats,
        &ProofResult::unreadable_references, &ProofResult::missing_nodes,
        &ProofResult::unlisted_nodes, &ProofResult::missing_types, &ProofResult::missing_uris,
        &ProofResult::missing_history}) {
    add_paths(*state_, result.*kind);
  }
  return result;
}

}  // namespace holdfast::profile::magnolia
