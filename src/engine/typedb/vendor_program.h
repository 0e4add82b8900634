// SPDX-License-Identifier: Apache-2.0
// The program that comes with a server of 2.x, where its own service cannot be asked: how its
// command line is written in each generation, and running it.
//
// Sources: typedb/typedb, server/common/RunOptions.java of 2.0.0 and 2.5.0 (positionals for both
// verbs), server/common/Command.java of 2.6.0 (--database --file, and --port must be said),
// server/parameters/CoreSubcommandParser.java of 2.29.1 (--schema --data from 2.19.0 on). 3.x has
// no such verb: its console asks the server as we do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/typedb/migrator.h"

namespace holdfast::engine::typedb {

enum class CommandShape : std::uint8_t {
  positional,       // 2.0.0 to 2.5.0: server [--port=N] export DATABASE FILE
  file,             // 2.6.0 to 2.18.0: server export --database= --file= --port=
  schema_and_data,  // 2.19.0 to 2.29.1: server export --database= --schema= --data= --port=
};
// Nothing for releases that have no such command.
[[nodiscard]] std::optional<CommandShape> command_shape(std::string_view release);
[[nodiscard]] SchemaPlace schema_place(CommandShape shape) noexcept;

struct VendorProgram {
  std::filesystem::path program;  // "/opt/typedb/typedb"; of 2.0.x "grakn"
  CommandShape shape = CommandShape::schema_and_data;
  std::uint16_t port = 1729;
};

[[nodiscard]] std::vector<std::string> vendor_command(const VendorProgram& vendor, MigratorJob job,
                                                      const std::string& database,
                                                      const JobFiles& files);
// Runs it to its end. Errc::failed_child with what it said, which is without the colours and the
// redrawing of its progress; cancelled.
void run_vendor(const VendorProgram& vendor, MigratorJob job, const std::string& database,
                const JobFiles& files, const std::stop_token& stop);

// Text for a terminal as lines: escape sequences are left out, of a line that was drawn again and
// again the last is left, and so are the last `lines_max` lines.
[[nodiscard]] std::string last_lines(std::string_view output, std::size_t lines_max);

}  // namespace holdfast::engine::typedb
