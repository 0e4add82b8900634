// SPDX-License-Identifier: Apache-2.0
// Judges the items of an export while they go by, in memory that does not grow with them: whether
// they are what a server can load again. examine_export() says more of a file that lies still.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "engine/typedb/examine_export.h"
#include "engine/typedb/identities.h"
#include "engine/typedb/item.h"
#include "engine/typedb/label_tally.h"
#include "engine/typedb/type_names.h"

namespace holdfast::engine::typedb {

struct ExportFacts {
  std::string version, database;  // of the header
  ThingCounts counted;
  std::vector<LabelCount> labels;
  std::uint64_t items = 0;
};

// One thread at a time.
class ExportCheck {
 public:
  // `name` is what errors call the export. Scratch as of IdentityCheck. `schema` outlives it, or is
  // null: labels are not looked up then.
  ExportCheck(std::string name, std::filesystem::path scratch_directory, const TypeNames* schema);

  // Errc::corrupt for an item that is malformed, unknown, no header at the beginning or anything
  // after the checksums; not_consistent for a label that the schema has not.
  void add(ByteView item);
  // To be called once, after the last. Errc::not_consistent unless the export ends with checksums
  // that are right, ids are unique and all references resolve. Errc::cancelled.
  [[nodiscard]] ExportFacts finish(const std::stop_token& stop);
  // Things so far.
  [[nodiscard]] std::uint64_t things() const noexcept { return things_; }

 private:
  class References;
  void add_thing(const Item& item);
  void look_up(ItemKind kind, std::string_view label) const;

  std::string name_;
  const TypeNames* schema_;
  IdentityCheck identities_;
  LabelTally tally_;
  ExportFacts facts_;
  std::optional<ThingCounts> checksums_;
  std::uint64_t things_ = 0;
};

// Whether both have the same number of things of each label. What differs, as a sentence; empty if
// nothing.
[[nodiscard]] std::string difference(const ExportFacts& copied, const ExportFacts& found);
// Hexadecimal SHA-256 of what difference() compares: equal if nothing differs.
[[nodiscard]] std::string content_digest(const ExportFacts& facts);

}  // namespace holdfast::engine::typedb
