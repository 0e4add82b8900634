// SPDX-License-Identifier: Apache-2.0
// What a `.typedb` file holds, and whether it is whole: read once from end to end, in memory that
// does not grow with it. docs/findings.md lists the codes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/typedb/identities.h"
#include "engine/typedb/item.h"
#include "engine/typedb/type_names.h"
#include "model/finding.h"

namespace holdfast::engine::typedb {

struct ExportOptions {
  // Whether ids are unique and references resolve: reads as far again only where they do not, and
  // needs 16 bytes of scratch for each thing and reference once they do not fit into memory.
  bool identities = true;
  std::filesystem::path scratch_directory;  // empty: TMPDIR, else /var/tmp
  std::size_t memory_bytes = 64U << 20U;    // of identities, before they go to scratch
  std::uint64_t left_free_bytes = scratch_left_free_bytes;  // of the scratch directory's disk
  const TypeNames* schema = nullptr;                        // labels must be in it; may be null
};

struct LabelCount {
  ItemKind kind = ItemKind::unknown;  // unknown: a role, with its players
  std::string label;
  std::uint64_t count = 0;
};

struct ExportReport {
  std::string version, database;  // of the header
  ThingCounts counted;
  std::optional<ThingCounts> checksums;
  std::vector<LabelCount> labels;  // entities, relations, attributes, roles; each by name
  std::uint64_t items = 0, size_bytes = 0;
  bool identities_checked = false;
  std::vector<model::Finding>
      findings;  // what is wrong; blockers among them: it cannot be restored
};

// Errors only for what the system refuses, and Errc::cancelled soon after a stop request.
[[nodiscard]] ExportReport examine_export(const std::filesystem::path& file,
                                          const ExportOptions& options,
                                          const std::stop_token& stop);

// Whether the first bytes of a file, up to export_front_bytes, are a header item.
inline constexpr std::size_t export_front_bytes = 1024;
[[nodiscard]] bool begins_as_export(ByteView front);

}  // namespace holdfast::engine::typedb
