// SPDX-License-Identifier: Apache-2.0
// What a dump of either kind says of itself, read natively while it passes, and whether that is
// what the database had.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "engine/oracle/catalog.h"

namespace holdfast::engine::oracle {

struct DumpTable {
  std::string schema, table;
  std::uint64_t rows = 0;
  std::map<std::string, std::uint64_t> partitions;  // rows of each; empty where it does not tell
  // Columns whose values are LOBs, where it tells columns.
  std::optional<std::set<std::string>> lobs;
};

struct DumpFacts {
  bool whole = false;
  std::string damage;         // why it is not
  std::string character_set;  // of the database: "AL32UTF8"; empty: it does not tell
  std::string client_character_set;
  bool is_of_dba = false;  // only who may import for others can load it
  std::vector<DumpTable> tables;
  // Its other objects: "sequence SEQ_JOBS". Kinds that are not among `listed` it does not tell.
  std::set<std::string> listed, objects;
};
// Reads a dump to its end. What is wrong with it is told; Errc::cancelled.
using ExamineDump = std::function<DumpFacts(ByteSource& dump, const std::stop_token& stop)>;

// Takes a dump's bytes as they pass and has them read on a thread of its own. Memory: 1 MiB.
// Whoever writes waits for whoever reads, unless he has ended.
class DumpWatch final : public ByteSink {
 public:
  DumpWatch(ExamineDump examine, const std::stop_token& stop);
  ~DumpWatch() override;
  void write(ByteView bytes) override;
  // No more will come. What it was, or what was thrown.
  [[nodiscard]] DumpFacts finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What of the schema is not in the dump as the database had it, as lines; empty: it is whole.
// `rows` and `partitions` are those of its moment.
[[nodiscard]] std::vector<std::string> compare_dump(
    const DumpFacts& dump, const Server& server, std::string_view schema, const Catalog& catalog,
    const std::map<std::string, std::uint64_t>& rows, const PartitionRows& partitions);

}  // namespace holdfast::engine::oracle
