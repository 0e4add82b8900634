// SPDX-License-Identifier: Apache-2.0
// What a content proof does with rows while they pass.
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "profile/magnolia/bundle.h"
#include "profile/magnolia/proof_state.h"
#include "profile/magnolia/references.h"
#include "profile/magnolia/row_reader.h"

namespace holdfast::profile::magnolia {
namespace {

// A sink hands over what it has gathered when that are so many records, or so many bytes of names.
constexpr std::size_t gathered_records_max = 4096;
constexpr std::size_t gathered_names_bytes_max = std::size_t{256} << 10U;
// So many different types and namespaces a sink counts by itself.
constexpr std::size_t own_uses_max = 500;
// Where Magnolia keeps what it is configured to do, its modules' mail servers and receivers too.
constexpr std::string_view configuration_workspace = "config";
constexpr std::size_t property_bytes_max = 255;

NameAt add_name(std::string& names, const Name& name) {
  const NameAt at = names.size();
  const std::string shown = name.uri == jcr_uri ? name.display() : std::string(name.local);
  const std::size_t size = std::min<std::size_t>(shown.size(), 255);
  names += static_cast<char>(size);
  names.append(shown, 0, size);
  return at;
}

std::string key_of(const Name& name) {
  std::string key;
  key.reserve(name.uri.size() + 1 + name.local.size());
  key += name.uri;
  key += '\n';  // in no URI, and before every character that names may have
  return key += name.local;
}

// The digest of a row: what it is, its node and its data.
Sha256Digest row_digest(Bytes& scratch, char kind, const NodeId& id, std::string_view data) {
  scratch.resize(17);
  scratch[0] = static_cast<std::byte>(kind);
  id.store(std::span<std::byte, 16>(scratch.data() + 1, 16));
  append(scratch, data);
  const Sha256Digest digest = sha256(scratch);
  if (scratch.capacity() > gathered_names_bytes_max) Bytes().swap(scratch);
  return digest;
}

// Columns that are not what the table's kind has are told once, and its rows are passed over.
class TableSink : public model::RowSink {
 public:
  TableSink(ContentProof::State& state, std::uint32_t workspace)
      : state_(state), workspace_(workspace) {}

  void columns(const std::vector<model::Column>& columns) final {
    try {
      find(columns);
      is_readable_ = true;
    } catch (const Error& error) {
      tell(&ProofResult::unreadable_bundles, {}, table_ + ": " + error.message());
    }
  }

  void row(const model::Row& row) final {
    if (!is_readable_) return;
    try {
      take(row);
    } catch (const Error& error) {
      tell(&ProofResult::unreadable_bundles, {}, table_ + ": " + error.message());
    }
  }

 protected:
  virtual void find(const std::vector<model::Column>& columns) = 0;
  virtual void take(const model::Row& row) = 0;

  static std::size_t column(const std::vector<model::Column>& columns, std::string_view name) {
    const auto found = find_column(columns, name);
    if (!found) throw Error(Errc::corrupt, "there is no column " + std::string(name));
    return *found;
  }

  void tell(Problems ProofResult::*kind, const NodeId& node, std::string what) {
    const std::lock_guard lock(state_.mutex);
    const WorkspaceTables& tables = state_.workspaces[workspace_].tables;
    (state_.found.*kind).add({tables.component, tables.name, node, std::move(what), {}});
  }

  ContentProof::State& state_;
  const std::uint32_t workspace_;
  std::string table_;

 private:
  bool is_readable_ = false;
};

class BundleSink final : public TableSink, private BundleVisitor {
 public:
  BundleSink(ContentProof::State& state, std::uint32_t workspace) : TableSink(state, workspace) {
    const std::lock_guard lock(state.mutex);
    is_version_store_ = state.workspaces[workspace].tables.is_version_store;
    is_configuration_ = state.workspaces[workspace].tables.name == configuration_workspace;
    table_ = table_name(state.workspaces[workspace].tables.prefix, TableKind::bundle);
  }
  ~BundleSink() override {
    guarded(state_, [&] {
      hand_over();
      hand_over_uses();
    });
  }

 private:
  // How long each list was before the bundle.
  struct Mark {
    std::size_t nodes, entries, binaries, histories, names;
  };

  void find(const std::vector<model::Column>& columns) override {
    key_.emplace(columns);
    data_ = column(columns, "BUNDLE_DATA");
  }

  void take(const model::Row& row) override {
    id_ = key_->of(row);
    const std::string& data = row.at(data_).text;
    ++bundles_;
    digest_.add(row_digest(scratch_, 'b', id_, data));
    const Mark mark{gathered_.nodes.size(), gathered_.entries.size(), gathered_.binaries.size(),
                    gathered_.histories.size(), gathered_.names.size()};
    try {
      read_bundle(id_, as_bytes(data), *this);
    } catch (const Error& error) {
      gathered_.nodes.resize(mark.nodes);
      gathered_.entries.resize(mark.entries);
      gathered_.binaries.resize(mark.binaries);
      gathered_.histories.resize(mark.histories);
      gathered_.names.resize(mark.names);
      gathered_.unreadable.push_back(id_);
      const bool is_old = error.code() == Errc::unsupported;
      tell(is_old ? &ProofResult::old_formats : &ProofResult::unreadable_bundles, id_,
           error.message());
    }
    const std::size_t records = gathered_.nodes.size() + gathered_.entries.size() +
                                gathered_.binaries.size() + gathered_.unreadable.size();
    if (records > gathered_records_max || gathered_.names.size() > gathered_names_bytes_max)
      hand_over();
    if (types_.size() + uris_.size() > own_uses_max) hand_over_uses();
  }

  void uri(std::string_view uri) override {
    if (!is_built_in_namespace(uri)) note(uris_, std::string(uri));
  }
  void node(const Name& type, const std::optional<NodeId>& parent, bool) override {
    gathered_.nodes.push_back({id_, parent.value_or(no_parent_id)});
    note(types_, key_of(type));
  }
  void mixin(const Name& type) override { note(types_, key_of(type)); }
  void property(const Name& name, PropertyType type, bool multiple, std::uint32_t) override {
    property_ = name;
    property_name_.reset();
    is_history_ = !is_version_store_ && type == PropertyType::reference && !multiple &&
                  name == Name{jcr_uri, "versionHistory"};
  }
  void value(const PropertyValue& value) override {
    if (is_history_) gathered_.histories.push_back({value.id, id_, workspace_});
    if (is_configuration_) note_endpoint(value);
    if (value.type != PropertyType::binary || value.place == BinaryPlace::here) return;
    std::optional<RecordId> record;
    if (value.place == BinaryPlace::data_store) {
      record = parse_record_reference(value.text);
      if (!record) {
        throw Error(Errc::corrupt, "bundle of node " + id_.text() + ": a binary refers to `" +
                                       std::string(value.text.substr(0, 100)) +
                                       "`, which names no record");
      }
    } else {
      record = binval_record(workspace_, value.text);
    }
    if (!property_name_) property_name_ = add_name(gathered_.names, property_);
    gathered_.binaries.push_back({*record, id_, *property_name_, workspace_});
  }
  void note_endpoint(const PropertyValue& value) {
    if (value.type != PropertyType::string && value.type != PropertyType::uri) return;
    auto endpoint = endpoint_of(property_.local, value.text);
    if (!endpoint) return;
    const std::lock_guard lock(state_.mutex);
    WorkspaceState& workspace = state_.workspaces[workspace_];
    std::string property(property_.local.substr(0, property_bytes_max));
    workspace.endpoints.insert({id_, std::move(property), std::move(*endpoint)});
    if (workspace.endpoints.size() <= endpoints_kept_max) return;
    workspace.endpoints.erase(std::prev(workspace.endpoints.end()));
    ++workspace.endpoints_dropped;
  }
  void child(const Name& name, const NodeId& id) override {
    gathered_.entries.push_back({id, hash_of(id_), add_name(gathered_.names, name)});
  }
  void shared_parent(const NodeId& parent) override { gathered_.nodes.push_back({id_, parent}); }

  // The first bundle of a sink is not the first of all: the smallest id is.
  void note(std::unordered_map<std::string, Use>& uses, std::string key) {
    const auto [use, is_new] = uses.try_emplace(std::move(key), Use{0, workspace_, id_});
    ++use->second.bundles;
    use->second.node = std::min(use->second.node, id_);
  }

  void hand_over() {
    {
      const std::lock_guard lock(state_.mutex);
      WorkspaceState& workspace = state_.workspaces[workspace_];
      workspace.bundles += std::exchange(bundles_, 0);
      workspace.digest.add(std::exchange(digest_, {}));
    }
    state_.take(workspace_, gathered_);
    property_name_.reset();
  }

  void hand_over_uses() {
    const std::lock_guard lock(state_.mutex);
    for (const auto& [name, use] : types_) add_use(state_.types, name, use);
    for (const auto& [name, use] : uris_) add_use(state_.uris, name, use);
    types_.clear();
    uris_.clear();
  }

  bool is_version_store_ = false;
  bool is_configuration_ = false;
  std::optional<NodeKey> key_;
  std::size_t data_ = 0;
  NodeId id_;
  Name property_;
  std::optional<NameAt> property_name_;
  bool is_history_ = false;
  Gathered gathered_;
  std::uint64_t bundles_ = 0;
  model::TableDigest digest_;
  Bytes scratch_;
  std::unordered_map<std::string, Use> types_;
  std::unordered_map<std::string, Use> uris_;
};

class ReferencesSink final : public TableSink {
 public:
  ReferencesSink(ContentProof::State& state, std::uint32_t workspace)
      : TableSink(state, workspace) {
    const std::lock_guard lock(state.mutex);
    table_ = table_name(state.workspaces[workspace].tables.prefix, TableKind::refs);
  }
  ~ReferencesSink() override {
    const std::lock_guard lock(state_.mutex);
    state_.workspaces[workspace_].references += rows_;
    state_.workspaces[workspace_].digest.add(digest_);
  }

 private:
  void find(const std::vector<model::Column>& columns) override {
    key_.emplace(columns);
    data_ = column(columns, "REFS_DATA");
  }
  void take(const model::Row& row) override {
    const NodeId id = key_->of(row);
    const std::string& data = row.at(data_).text;
    ++rows_;
    digest_.add(row_digest(scratch_, 'r', id, data));
    try {
      read_references(id, as_bytes(data), [](const Referrer&) {});
    } catch (const Error& error) {
      tell(&ProofResult::unreadable_references, id, error.message());
    }
  }

  std::optional<NodeKey> key_;
  std::size_t data_ = 0;
  std::uint64_t rows_ = 0;
  model::TableDigest digest_;
  Bytes scratch_;
};

class BinvalSink final : public TableSink {
 public:
  BinvalSink(ContentProof::State& state, std::uint32_t workspace) : TableSink(state, workspace) {
    const std::lock_guard lock(state.mutex);
    table_ = table_name(state.workspaces[workspace].tables.prefix, TableKind::binval);
  }
  ~BinvalSink() override {
    guarded(state_, [&] { state_.take(workspace_, gathered_); });
  }

 private:
  void find(const std::vector<model::Column>& columns) override {
    id_ = column(columns, "BINVAL_ID");
  }
  void take(const model::Row& row) override {
    // Derby's column is char(64): padded.
    std::string_view id = row.at(id_).text;
    id = id.substr(0, id.find_last_not_of(' ') + 1);
    gathered_.binvals.push_back(binval_record(workspace_, id));
    if (gathered_.binvals.size() > gathered_records_max) state_.take(workspace_, gathered_);
  }

  std::size_t id_ = 0;
  Gathered gathered_;
};

// Rows of DATASTORE.
class StoreSink final : public model::RowSink {
 public:
  StoreSink(ContentProof::State& state, std::string component)
      : state_(state), component_(std::move(component)) {}

  void columns(const std::vector<model::Column>& columns) override {
    id_ = find_column(columns, "ID");
    length_ = find_column(columns, "LENGTH");
    data_ = find_column(columns, "DATA");
    if (id_ && length_ && data_) return;
    tell(&ProofResult::damaged_records, "DATASTORE: the columns ID, LENGTH and DATA are not there");
    id_.reset();
  }

  void row(const model::Row& row) override {
    if (!id_) return;
    const std::string_view name = row.at(*id_).text;
    if (name.starts_with("TEMP_")) return;  // an upload that was under way
    const auto id = RecordId::of_text(name);
    if (!id) return;  // no bundle can name it
    const model::Value& data = row.at(*data_);
    RecordHash hash(*id);
    hash.update(as_bytes(data.text));
    {
      const std::lock_guard lock(state_.mutex);
      state_.records.push_back(*id);
    }
    if (!hash.is_right()) {
      tell(&ProofResult::damaged_records, "record " + id->text());
    } else if (row.at(*length_) !=
               model::Value::integer(static_cast<std::int64_t>(data.text.size()))) {
      tell(&ProofResult::wrong_lengths, "record " + id->text() + " has " +
                                            std::to_string(data.text.size()) +
                                            " bytes, its LENGTH is " + row.at(*length_).text);
    }
  }

 private:
  void tell(Problems ProofResult::*kind, std::string what) {
    const std::lock_guard lock(state_.mutex);
    (state_.found.*kind).add({component_, {}, {}, std::move(what), {}});
  }

  ContentProof::State& state_;
  std::string component_;
  std::optional<std::size_t> id_, length_, data_;
};

}  // namespace

std::unique_ptr<model::RowSink> bundle_sink(ContentProof::State& state, std::uint32_t workspace) {
  return std::make_unique<BundleSink>(state, workspace);
}

std::unique_ptr<model::RowSink> references_sink(ContentProof::State& state,
                                                std::uint32_t workspace) {
  return std::make_unique<ReferencesSink>(state, workspace);
}

std::unique_ptr<model::RowSink> binval_sink(ContentProof::State& state, std::uint32_t workspace) {
  return std::make_unique<BinvalSink>(state, workspace);
}

std::unique_ptr<model::RowSink> store_sink(ContentProof::State& state, std::string component) {
  return std::make_unique<StoreSink>(state, std::move(component));
}

}  // namespace holdfast::profile::magnolia
