// SPDX-License-Identifier: Apache-2.0
// A private PostgreSQL server for a test program: made at the first use, gone at the end of the
// program. Every test makes databases of its own. HOLDFAST_TEST_POSTGRESQL=14 chooses among the
// versions that are installed, or whose binaries are in PATH.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "engine/postgresql/scratch_server.h"
#include "model/endpoint.h"

namespace holdfast::test {

class PostgresServer {
 public:
  // Settings beyond those of a private server: {"wal_level", "replica"}.
  explicit PostgresServer(std::vector<std::pair<std::string, std::string>> settings = {});

  // The one that a test program's tests share. Its WAL can be decoded, and prepared transactions
  // are allowed.
  [[nodiscard]] static PostgresServer& shared();

  [[nodiscard]] engine::postgresql::PrivateServer& server() noexcept { return *server_; }
  // Its superuser's, unless `user` is given.
  [[nodiscard]] model::Endpoint endpoint(const std::string& database,
                                         const std::string& user = "postgres") const;

  // Runs a script by psql, in one session; what it prints, unaligned and without headings. Throws
  // Errc::failed_child with psql's words if a statement fails.
  std::string psql(const std::string& database, std::string_view script,
                   const std::string& user = "postgres") const;
  // A database's name for psql(), which takes some names for more than a name.
  [[nodiscard]] static std::string conninfo(const std::string& database);
  // The output of another of PostgreSQL's programs: {"pg_dump", "-Fc", "shop"}. Where to connect is
  // in its environment.
  std::string program(const std::vector<std::string>& argv) const;

  // A new database with what the script makes; one of that name is dropped first.
  model::Endpoint make_database(const std::string& name, std::string_view script = {}) const;
  // Drops a database with whatever holds it: sessions and subscriptions.
  void drop_database(const std::string& name) const;
  // Drops every database but the server's own, and every role but the superuser.
  void clean() const;
  // The databases there are, but the server's own.
  [[nodiscard]] std::vector<std::string> databases() const;

 private:
  [[nodiscard]] Command command(std::vector<std::string> argv) const;

  TemporaryDirectory directory_;
  std::unique_ptr<engine::postgresql::PrivateServer> server_;
};

// `name` as an SQL identifier.
[[nodiscard]] std::string sql_name(std::string_view name);

}  // namespace holdfast::test
