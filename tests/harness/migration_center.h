// SPDX-License-Identifier: Apache-2.0
// A stand-in of migration-center, at rest: a Jobserver, a WebClient and a staging area in a place's
// directory, and tests/fixtures/migration_center in a database of the shared server.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "harness/postgres_server.h"
#include "harness/program.h"

namespace holdfast::test {

// A port of this machine on which nobody listens until it is asked for.
class JobserverPort {
 public:
  JobserverPort();
  [[nodiscard]] std::uint16_t number() const noexcept { return number_; }
  void listen();
  // From now on somebody is connected; listen() comes first.
  void connect();

 private:
  Fd listener_, client_;
  std::uint16_t number_ = 0;
};

// All of it but its database.
class MigrationCenterFiles {
 public:
  explicit MigrationCenterFiles(Place& place);

  [[nodiscard]] std::filesystem::path home() const { return place_ / "mc"; }
  [[nodiscard]] std::filesystem::path jobserver() const { return home() / "Jobserver"; }
  [[nodiscard]] std::filesystem::path web_client() const { return home() / "tomcat"; }
  [[nodiscard]] std::filesystem::path log() const { return jobserver() / "logs/jobserver.log"; }
  [[nodiscard]] std::filesystem::path staging() const { return place_ / "staging"; }
  [[nodiscard]] JobserverPort& port() noexcept { return port_; }

  // How an instance file of it begins, with `more` keys of [migration_center] at the end.
  [[nodiscard]] std::string head(std::string_view more) const;
  // The same of another place to restore to: "<root>/<name>".
  [[nodiscard]] std::string other_head(const std::string& name) const;
  // Nobody has written to the logs for long.
  void let_logs_rest() const;

 protected:
  Place& place_;
  JobserverPort port_;
};

class MigrationCenter : public MigrationCenterFiles {
 public:
  // Other databases of the server, and all roles, are dropped; in the end these too.
  explicit MigrationCenter(Place& place, const std::string& database = "mc");
  ~MigrationCenter();
  MigrationCenter(const MigrationCenter&) = delete;
  MigrationCenter& operator=(const MigrationCenter&) = delete;

  std::string sql(std::string_view script) const;
  [[nodiscard]] static PostgresServer& server() { return PostgresServer::shared(); }

  // An instance file: `more` are keys of [migration_center], `tables` further tables.
  [[nodiscard]] std::string full(std::string_view more = {}, std::string_view tables = {}) const;
  // Its connection and nothing else.
  [[nodiscard]] std::string smallest() const;
  // Another place to restore to: "<root>/<name>" and the database `name`.
  [[nodiscard]] std::string other(const std::string& name, std::string_view tables = {}) const;

 private:
  [[nodiscard]] std::string database_table(const std::string& database) const;

  std::string database_;
};

}  // namespace holdfast::test
