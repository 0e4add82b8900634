// SPDX-License-Identifier: Apache-2.0
// Where a TypeDB keeps its databases and which release it is: read from the running process, its
// configuration, or the layout of its package. Only looks; runs nothing.
//
// Sources: typedb/typedb, binary/typedb (the programs that it starts),
// server/common/RunOptions.java and ServerDefaults.java of 2.5.0, server/common/Command.java
// of 2.6.0, Constants.java and Util.java of 2.29.1 (below `typedb.dir`), server/parameters/cli.rs
// and config.rs of 3.0.0 to 3.12.3 (options from the working directory, all else from the program's
// directory), BUILD (names of archives).
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::engine::typedb {

struct Installation {
  std::filesystem::path home;            // of the distribution
  std::filesystem::path data_directory;  // absolute; empty: it cannot be told
  std::string data_from;     // where that stands, or why it cannot be told: a line for people
  std::string version;       // "2.29.1"; empty: it cannot be told
  std::string version_from;  // likewise
  std::optional<pid_t> pid;  // of the server, if it runs
};

// The servers that run here and may be looked at, in order of their pids. `proc` is where proc(5)
// is.
[[nodiscard]] std::vector<Installation> running_servers(
    const std::filesystem::path& proc = "/proc");
// That of a process; nothing if it is no server of TypeDB, or has ended. What the process has open
// counts more than what its command line says, and that more than its configuration.
[[nodiscard]] std::optional<Installation> server_of(pid_t pid,
                                                    const std::filesystem::path& proc = "/proc");
// What is unpacked or installed at `home`; nothing if no server of TypeDB is.
[[nodiscard]] std::optional<Installation> installed_at(const std::filesystem::path& home);
// The distribution that a data directory belongs to, if it lies within one.
[[nodiscard]] std::optional<Installation> around(const std::filesystem::path& data_directory);

}  // namespace holdfast::engine::typedb
