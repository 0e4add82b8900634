// SPDX-License-Identifier: Apache-2.0
// Exports and imports of a server of 2.x, by its own service or by the vendor's program.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "engine/typedb/connection.h"
#include "engine/typedb/exchange.h"
#include "engine/typedb/export_check.h"
#include "engine/typedb/fifo_export.h"
#include "engine/typedb/location.h"
#include "engine/typedb/migrator.h"
#include "engine/typedb/vendor_program.h"

namespace holdfast::engine::typedb {

// Who does a server's jobs.
struct JobRunner {
  ServerAccess access;
  SchemaPlace place = SchemaPlace::apart;
  std::optional<VendorProgram> vendor;  // nothing: its service
};

// Its service, if that answers; else the vendor's program of the same release. Errc::unsupported
// where there is neither: no option `program`, a release that nothing tells or that has no such
// command, a server on another host, where the program would ask this one.
[[nodiscard]] JobRunner find_runner(Connection& connection, const ServerAccess& access,
                                    const ServerLocation& server, const std::stop_token& stop);
// What is told of the server's release: the option, or what lies around the program; may be empty.
[[nodiscard]] std::string release_told(const ServerLocation& server);
// To its end, over a connection of its own. Errc as of run_job() and run_vendor(); programs tell no
// progress.
void run(const JobRunner& runner, MigratorJob job, const std::string& database,
         const JobFiles& files, const JobProgress& progress, const std::stop_token& stop);
// Begins an export; Errc as of find_exchange() and check_room().
[[nodiscard]] std::unique_ptr<RunningExport> begin_export(
    const JobRunner& runner, const ServerLocation& server,
    const std::filesystem::path& scratch_directory);

// The release that the header of an export names; empty if none stands there.
[[nodiscard]] std::string version_of(ByteView start);
// Reads an export to its end and judges it. Errc as of ExportReader and ExportCheck. `into` gets
// the items, or is null.
[[nodiscard]] ExportFacts read_running(RunningExport& exported, const std::string& name,
                                       const std::filesystem::path& scratch_directory,
                                       ByteSink* into, const std::stop_token& stop);

}  // namespace holdfast::engine::typedb
