// SPDX-License-Identifier: Apache-2.0
// What a content proof keeps of the rows that passed. For the files proof_*.cc alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "model/value.h"
#include "profile/magnolia/content_proof.h"
#include "profile/magnolia/table_definitions.h"

namespace holdfast::profile::magnolia {

// Names lie in blocks, each with its length in a byte before it: block number and place in it.
using NameAt = std::uint64_t;

struct NodeRecord {
  NodeId id;
  NodeId parent;  // no_parent_id: none
  friend auto operator<=>(const NodeRecord&, const NodeRecord&) = default;
};

struct EntryRecord {
  NodeId child;
  std::uint64_t parent_hash;
  NameAt name;
};

struct BinaryRecord {
  RecordId record;  // size_bytes 0: a row of BINVAL, by a hash of its own
  NodeId node;
  NameAt property;
  std::uint32_t workspace;
};

// A property that says where another system is.
struct EndpointRecord {
  NodeId node;
  std::string property, value;
  friend auto operator<=>(const EndpointRecord&, const EndpointRecord&) = default;
};
// So many are kept, the smallest.
inline constexpr std::size_t endpoints_kept_max = 1'000;

struct HistoryRecord {
  NodeId history;
  NodeId node;
  std::uint32_t workspace;
  friend auto operator<=>(const HistoryRecord&, const HistoryRecord&) = default;
};

// Of what many bundles use: how many, and the first of them by workspace and id.
struct Use {
  std::uint64_t bundles = 0;
  std::uint32_t workspace = 0;
  NodeId node;
};
// By name; no more than so many, the smallest: a name that was dropped can never come back, so that
// the numbers of those that stay are right.
using Uses = std::map<std::string, Use, std::less<>>;
inline constexpr std::size_t uses_max = 10'000;
void add_use(Uses& uses, std::string_view name, const Use& use);

// What a sink has gathered, and what all sinks of a workspace have.
struct Gathered {
  std::vector<NodeRecord> nodes;
  std::vector<EntryRecord> entries;
  std::vector<BinaryRecord> binaries;
  std::vector<HistoryRecord> histories;
  std::vector<RecordId> binvals;
  std::vector<NodeId> unreadable;
  std::string names;
};

struct WorkspaceState {
  WorkspaceTables tables;
  unsigned kinds_seen = 0;  // a bit for each TableKind
  std::uint64_t bundles = 0;
  std::uint64_t references = 0;
  model::TableDigest digest;
  std::deque<NodeRecord> nodes;
  std::deque<EntryRecord> entries;
  std::vector<std::string> names;
  std::vector<NodeId> unreadable;
  std::set<EndpointRecord> endpoints;
  std::uint64_t endpoints_dropped = 0;

  [[nodiscard]] std::string_view name(NameAt at) const noexcept;
};

struct ContentProof::State {
  std::mutex mutex;
  std::deque<WorkspaceState> workspaces;
  std::vector<StoreTable> store_tables;
  std::vector<WorkspaceTables> others;
  std::set<std::pair<std::string, model::TableName>> other_tables;
  std::string store_unobserved;
  std::deque<BinaryRecord> binaries;
  std::deque<HistoryRecord> histories;
  std::deque<RecordId> records;
  std::set<RecordId> damaged;          // of those that were read
  std::atomic<bool> has_lost = false;  // something that passed: nothing can be judged
  Uses types;
  Uses uris;
  // Those kinds that are found while rows pass.
  ProofResult found;

  // Moves everything there is to its workspace, and empties `gathered`.
  void take(std::uint32_t workspace, Gathered& gathered);
};

// For destructors of sinks: what cannot be kept makes judge() fail.
template <typename Body>
void guarded(ContentProof::State& state, Body&& body) noexcept {
  try {
    body();
  } catch (...) {
    state.has_lost = true;
  }
}

// Two ids give the same number once in 2^64 pairs.
[[nodiscard]] std::uint64_t hash_of(const NodeId& id) noexcept;
// What stands for a row of BINVAL among records; never a name of a record.
[[nodiscard]] RecordId binval_record(std::uint32_t workspace, std::string_view binval_id);

// The sinks of rows().
[[nodiscard]] std::unique_ptr<model::RowSink> bundle_sink(ContentProof::State& state,
                                                          std::uint32_t workspace);
[[nodiscard]] std::unique_ptr<model::RowSink> references_sink(ContentProof::State& state,
                                                              std::uint32_t workspace);
[[nodiscard]] std::unique_ptr<model::RowSink> binval_sink(ContentProof::State& state,
                                                          std::uint32_t workspace);
[[nodiscard]] std::unique_ptr<model::RowSink> store_sink(ContentProof::State& state,
                                                         std::string component);

// "/home/…" of a node that is in the (sorted) nodes of a workspace, as far as it can be told.
[[nodiscard]] std::string path_of(const WorkspaceState& workspace, const NodeId& id);

}  // namespace holdfast::profile::magnolia
