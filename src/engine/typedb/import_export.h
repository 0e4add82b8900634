// SPDX-License-Identifier: Apache-2.0
// Loads an export into a server of 3.4 or later and proves it: counts of each label are compared
// with what the server has afterwards, identities are checked on the way in, and a database that
// fails is removed again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/stream.h"
#include "engine/typedb/connection.h"
#include "engine/typedb/export_check.h"

namespace holdfast::engine::typedb {

struct ImportOptions {
  // Into a database without things that is there, whose schema stays.
  bool data_only = false;
  std::filesystem::path scratch_directory;  // as of IdentityCheck
  // Told before anything is changed, as of LoadOptions; may be empty. An import that is under way
  // is no change: the server removes it when the call ends, however that comes about. What is told
  // is that the database is put in its place, with a digest of what is in it by then.
  std::function<void(std::string_view what, const Json& undo)> before_change;
  // Told when it is in its place, before that is read to prove it; may be empty.
  std::function<void()> before_proof;
};

// Returns what the server has afterwards. `schema` counts unless data_only. A server only loads new
// databases: an empty one that is there is removed first, and put back if that fails. Errc::exists
// if the database has things, or without data_only a schema; not_found if it is not there with
// data_only; not_consistent if the export is not sound or its labels are not the schema's; differs
// if the server has something else afterwards.
ExportFacts import_export(Connection& connection, const std::string& database,
                          std::string_view schema, ByteSource& data, const ImportOptions& options,
                          const std::stop_token& stop);

// Undoes what an import announced, as Engine::undo: what has the name by now is only removed if it
// has as many things of each label as were loaded, or "beside" in it says that nobody else has the
// name (server_load.h). Errc as of Connection; corrupt for what is no such undo.
[[nodiscard]] std::string undo_import(Connection& connection, const Json& undo);
// What `undo` has as "kind".
[[nodiscard]] bool is_import_undo(const Json& undo);

}  // namespace holdfast::engine::typedb
