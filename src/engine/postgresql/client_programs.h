// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's own programs (pg_dump, pg_dumpall, psql, initdb …): where they are, and how they are
// run against a location without any password in argv or environment.
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "base/stream.h"
#include "engine/postgresql/location.h"

namespace holdfast::engine::postgresql {

struct Programs {
  std::filesystem::path directory;  // holds pg_dump and its like
  int major = 0;                    // their version
};

// The directories of PATH that are absolute, in their order.
[[nodiscard]] std::vector<std::filesystem::path> path_directories();

// All installations with a pg_dump: Debian's directories and PATH, oldest first.
[[nodiscard]] std::vector<Programs> installed_programs();
// The programs to use with a server: those of Location::bin_dir, else of its own major version,
// else the oldest of a newer one. Errc::unsupported, with what to install as hint, if there are
// none.
[[nodiscard]] Programs programs_for(const Location& location, int server_major);

// Gives a child the location's password, or else the one that libpq would find in PGPASSWORD, which
// children do not get. It stands in a file without a name that only they inherit: not on a disk,
// and gone with us however we end.
class Login {
 public:
  explicit Login(const Location& location);

  // A command that runs `program` of `programs` with `arguments` and --dbname=…, which says where
  // and how to connect (TLS too), but for the password. Nothing asks for one, and the time-outs
  // that the role may have do not hold. The login outlives the child.
  [[nodiscard]] Command command(const Programs& programs, std::string_view program,
                                std::vector<std::string> arguments) const;

 private:
  Location location_;
  Fd passfile_;  // none: no password
};

// Runs a command to its end; its standard output goes to `into`. Errc::failed_child with the end
// of its standard error.
void run_into(const Command& command, ByteSink& into, const std::stop_token& stop);

}  // namespace holdfast::engine::postgresql
