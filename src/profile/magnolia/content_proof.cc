// SPDX-License-Identifier: Apache-2.0
// Who gets which rows, and where it all comes together.
#include "profile/magnolia/content_proof.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "profile/magnolia/proof_state.h"
#include "profile/magnolia/row_reader.h"

namespace holdfast::profile::magnolia {
namespace {

// The tables of a workspace.
constexpr std::array workspace_kinds{TableKind::bundle, TableKind::refs, TableKind::binval,
                                     TableKind::names};

bool is_schema(std::string_view wanted, std::string_view schema) {
  return wanted.empty() || schema.empty() || ascii_upper(wanted) == ascii_upper(schema);
}

class RecordSink final : public ByteSink {
 public:
  RecordSink(ContentProof::State& state, const RecordId& id) : state_(state), id_(id), hash_(id) {}
  // Whether it is in the copy in the end, has_record() says.
  ~RecordSink() override {
    guarded(state_, [&] {
      const bool is_right = hash_.is_right();
      const std::lock_guard lock(state_.mutex);
      if (is_right) {
        state_.damaged.erase(id_);
      } else {
        state_.damaged.insert(id_);
      }
    });
  }
  void write(ByteView bytes) override { hash_.update(bytes); }

 private:
  ContentProof::State& state_;
  RecordId id_;
  RecordHash hash_;
};

}  // namespace

void add_use(Uses& uses, std::string_view name, const Use& use) {
  const auto found = uses.find(name);
  if (found != uses.end()) {
    Use& all = found->second;
    all.bundles += use.bundles;
    if (std::pair(use.workspace, use.node) < std::pair(all.workspace, all.node)) {
      all.workspace = use.workspace;
      all.node = use.node;
    }
    return;
  }
  uses.emplace(name, use);
  if (uses.size() > uses_max) uses.erase(std::prev(uses.end()));
}

std::uint64_t hash_of(const NodeId& id) noexcept {
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15U;  // spreads what ids have in common
  return (id.high * odd) ^ (id.low >> 32U | id.low << 32U);
}

RecordId binval_record(std::uint32_t workspace, std::string_view binval_id) {
  RecordId id;
  id.bytes = sha256(as_bytes(std::to_string(workspace) + "/" + std::string(binval_id)));
  return id;
}

std::string_view WorkspaceState::name(NameAt at) const noexcept {
  const std::string& block = names[at >> 32U];
  const std::size_t place = at & 0xffffffffU;
  return std::string_view(block).substr(place + 1, static_cast<unsigned char>(block[place]));
}

void ContentProof::State::take(std::uint32_t workspace, Gathered& gathered) {
  const std::lock_guard lock(mutex);
  WorkspaceState& to = workspaces[workspace];
  const NameAt block = NameAt{to.names.size()} << 32U;
  for (EntryRecord& entry : gathered.entries) entry.name |= block;
  for (BinaryRecord& binary : gathered.binaries) binary.property |= block;
  const auto move = [](auto& from, auto& into) {
    into.insert(into.end(), from.begin(), from.end());
    from.clear();
  };
  move(gathered.nodes, to.nodes);
  move(gathered.entries, to.entries);
  move(gathered.unreadable, to.unreadable);
  move(gathered.binaries, binaries);
  move(gathered.histories, histories);
  move(gathered.binvals, records);
  if (gathered.names.empty()) return;
  to.names.emplace_back(gathered.names);  // a copy is no longer than it has to be
  gathered.names.clear();
}

ContentProof::ContentProof() : state_(std::make_unique<State>()) {}
ContentProof::~ContentProof() = default;

void ContentProof::add_workspace(WorkspaceTables tables) {
  state_->workspaces.emplace_back().tables = std::move(tables);
}

void ContentProof::add_other_workspace(WorkspaceTables tables) {
  state_->others.push_back(std::move(tables));
}

void ContentProof::add_store_table(StoreTable table) {
  state_->store_tables.push_back(std::move(table));
}

void ContentProof::set_store_unobserved(std::string why) {
  state_->store_unobserved = std::move(why);
}

std::unique_ptr<model::RowSink> ContentProof::rows(std::string_view component,
                                                   const model::TableName& table) {
  for (const StoreTable& store : state_->store_tables) {
    if (store.component == component && is_schema(store.schema, table.schema) &&
        is_table(table.table, store.prefix, TableKind::datastore))
      return store_sink(*state_, store.component);
  }
  std::uint32_t number = 0;
  for (WorkspaceState& workspace : state_->workspaces) {
    const std::uint32_t here = number++;
    const WorkspaceTables& tables = workspace.tables;
    if (tables.component != component || !is_schema(tables.schema, table.schema)) continue;
    for (const TableKind kind : workspace_kinds) {
      if (!is_table(table.table, tables.prefix, kind)) continue;
      {
        const std::lock_guard lock(state_->mutex);
        workspace.kinds_seen |= 1U << static_cast<unsigned>(kind);
      }
      if (kind == TableKind::bundle) return bundle_sink(*state_, here);
      if (kind == TableKind::refs) return references_sink(*state_, here);
      if (kind == TableKind::binval) return binval_sink(*state_, here);
      return nullptr;
    }
  }
  const std::lock_guard lock(state_->mutex);
  state_->other_tables.emplace(std::string(component), table);
  return nullptr;
}

std::unique_ptr<ByteSink> ContentProof::record(const RecordId& id) {
  return std::make_unique<RecordSink>(*state_, id);
}

void ContentProof::has_record(const RecordId& id, std::uint64_t size_bytes) {
  // What a crash leaves behind most often; nothing else can be told without reading.
  const bool is_cut = size_bytes == 0 && !RecordHash(id).is_right();
  const std::lock_guard lock(state_->mutex);
  state_->records.push_back(id);
  if (is_cut) {
    state_->found.damaged_records.add({{}, {}, {}, "record " + id.text(), {}});
  }
}

}  // namespace holdfast::profile::magnolia
