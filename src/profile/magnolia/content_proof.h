// SPDX-License-Identifier: Apache-2.0
// Proves that the parts of a copied repository fit together: that every binary a bundle names is
// there and whole, that links between nodes resolve, and that what bundles are made of is
// registered. Jackrabbit itself starts over such damage without a word.
//
// Memory: 64 bytes and its name for each node, 64 bytes and the property's name for each binary in
// a data store, 33 for each record, 40 for each versioned node; whatever the size of bundles and
// records.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/stream.h"
#include "model/value.h"
#include "profile/magnolia/data_store.h"
#include "profile/magnolia/namespaces.h"
#include "profile/magnolia/node_types.h"
#include "profile/magnolia/proof_result.h"

namespace holdfast::profile::magnolia {

// Whose four tables belong together.
struct WorkspaceTables {
  std::string name;
  std::string component;  // the database they lie in
  std::string schema;     // empty: whichever there is
  std::string prefix;     // schemaObjectPrefix, with its variables resolved
  bool is_version_store = false;
};

struct StoreTable {
  std::string component;
  std::string schema;  // empty: whichever there is
  std::string prefix;  // of its DATASTORE table
};

class ContentProof {
 public:
  ContentProof();
  ~ContentProof();
  ContentProof(const ContentProof&) = delete;
  ContentProof& operator=(const ContentProof&) = delete;

  // First, on one thread.
  void add_workspace(WorkspaceTables tables);
  // Tables of another repository in the same database: none of ours, and not forgotten ones.
  void add_other_workspace(WorkspaceTables tables);
  void add_store_table(StoreTable table);
  // Binaries lie where nobody looks (S3): which of them are missing cannot be told.
  void set_store_unobserved(std::string why);

  // From any thread, in any order. The rows of a table, which may come in pieces with a sink of its
  // own each; nullptr if nobody asks for them. What a sink was given counts when it is destroyed; a
  // sink must not outlive this object. Sinks report by judge(), never by an Error.
  [[nodiscard]] std::unique_ptr<model::RowSink> rows(std::string_view component,
                                                     const model::TableName& table);
  // The bytes of a record that is read. Of several readings the last counts; it is judged if
  // has_record() follows.
  [[nodiscard]] std::unique_ptr<ByteSink> record(const RecordId& id);
  // A record that is in the copy, read or not.
  void has_record(const RecordId& id, std::uint64_t size_bytes);

  // Last, on one thread, once all sinks are gone. Without `namespaces` or `types` what is
  // registered is not asked. The same result whatever the order of rows and threads.
  [[nodiscard]] ProofResult judge(const std::optional<Namespaces>& namespaces,
                                  const std::optional<NodeTypes>& types);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::profile::magnolia
