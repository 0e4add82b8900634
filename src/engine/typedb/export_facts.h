// SPDX-License-Identifier: Apache-2.0
// What a database of a server is, read from its export, as the manifest has it.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

#include "engine/typedb/database_export.h"
#include "engine/typedb/export_check.h"
#include "model/manifest.h"

namespace holdfast::engine::typedb {

// Reads what is left of an export, and judges it; Errc as of DatabaseExport and ExportCheck.
// `into` gets the items as a `.typedb` file; may be null. `name` is what errors call the export.
[[nodiscard]] ExportFacts read_export(DatabaseExport& exported, const std::string& name,
                                      const std::filesystem::path& scratch_directory,
                                      ByteSink* into, const std::stop_token& stop);

// engine_facts that are known before anything is read: `form`, `database`, `schema_sha256` of the
// text; and the object "schema definition", whose digest is schema_digest().
void tell_schema(const std::string& database, std::string_view schema, model::DatabaseFacts& facts);
// And the rest: version, labels as tables without digests, counts, players of each role.
void tell_things(const ExportFacts& found, model::DatabaseFacts& facts);

// The form in engine_facts of a copy that is an export; directories have none.
[[nodiscard]] bool is_export_copy(const Json& engine_facts) noexcept;

// Hexadecimal SHA-256 of a schema's words, in whatever order they stand, without comments: servers
// write the same definitions in another order when they are defined anew.
[[nodiscard]] std::string schema_digest(std::string_view typeql);
// Whether the text has nothing but `define`.
[[nodiscard]] bool defines_nothing(std::string_view typeql);

}  // namespace holdfast::engine::typedb
