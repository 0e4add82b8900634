// SPDX-License-Identifier: Apache-2.0
// One schema copied by exp through a pipe, or by expdp through a file of the server's.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/stream.h"
#include "engine/oracle/dump_facts.h"
#include "engine/oracle/programs.h"
#include "model/copy_check.h"

namespace holdfast::engine::oracle {

struct ExportJob {
  std::string scn;            // empty: now; exp reads in one transaction, Data Pump does not
  std::string character_set;  // the database's
  std::filesystem::path scratch_directory;
  // Told before a file is made on the server; empty: nobody is.
  std::function<void(std::string_view what, const Json& undo)> before_change;
  model::RowTap row_tap;  // as read_dump() takes it
};
struct Exported {
  DumpFacts dump;
  LogReport report;
  std::string release;  // of the program
};

// The dump goes into `into` while it is read; its log is judged: Errc::not_consistent where it says
// that something is missing, denied, unavailable, no_space, failed_child where the program failed
// or a signal ended it. What Data Pump writes is a file of a new name in `directory`, fetched and
// removed; where the server's undo is gone it is tried once more, as what delayed it the first time
// may be over.
[[nodiscard]] Exported export_schema(const Access& access, const ExportJob& job, ByteSink& into,
                                     const std::stop_token& stop);

// Errc::not_consistent and the like for a log of `program`, of an export or an import, that says
// that not all was done; failed_child, with the signal, where one ended it before its last line.
void refuse_incomplete(const ToolResult& result, std::string_view program, std::string_view place);
// Removes a file of the server's that export_schema() announced; no error if it is gone.
void remove_server_file(const Access& access, std::string_view directory, std::string_view file);
// A name that nobody else uses: "HOLDFAST_0123456789AB.dmp".
[[nodiscard]] std::string new_server_file();

}  // namespace holdfast::engine::oracle
