// SPDX-License-Identifier: Apache-2.0
// What a held database holds: digests of its tables, gathered while they are copied or by reading
// them for their own sake, its objects and its facts.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/stream.h"
#include "engine/postgresql/held_database.h"
#include "model/copy_check.h"
#include "model/manifest.h"
#include "model/value.h"

namespace holdfast::engine::postgresql {

class Content {
 public:
  // `database` is secured and outlives this. Rows of tables go to `tap` too, if there is one.
  explicit Content(HeldDatabase& database, model::RowTap tap = {})
      : database_(database), tap_(std::move(tap)) {}

  // Reads what must be read near the moment: objects and facts. Once; later calls do nothing.
  void read_catalog(const std::stop_token& stop);

  // Reads a range, notes its digest, and gives the text to `into` if there is one. Safe from
  // several threads.
  void read_range(const TableRange& range, ByteSink* into, const std::stop_token& stop);
  void read_large_objects(ByteSink* into, const std::stop_token& stop);
  // Reads, `parallel` at once, what has not been read yet.
  void read_rest(unsigned parallel, const std::stop_token& stop);

  // Fills version, engine_facts, tables and objects; everything has been read.
  void fill(model::DatabaseFacts& facts) const;
  // Only what is known without reading rows: version, engine_facts.
  void outline(model::DatabaseFacts& facts) const;

 private:
  void note(const std::string& part, const model::TableDigest& digest);
  [[nodiscard]] bool has(const std::string& part) const;

  HeldDatabase& database_;
  const model::RowTap tap_;
  mutable std::mutex mutex_;                           // guards the rest
  std::map<std::string, model::TableDigest> digests_;  // by part
  std::optional<std::vector<model::ObjectFacts>> objects_;
  Json facts_;
};

}  // namespace holdfast::engine::postgresql
