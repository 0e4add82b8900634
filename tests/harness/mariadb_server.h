// SPDX-License-Identifier: Apache-2.0
// A private MariaDB server and sessions in it, for tests of the whole program.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "engine/engine.h"
#include "engine/mariadb/client.h"

namespace holdfast::test {

// Started from the installed binaries, on a socket of its own; gone with the object.
class MariadbServer {
 public:
  // `more`: options of the server that win over the usual ones.
  explicit MariadbServer(const std::vector<std::string>& more = {});

  // Kills it, and starts it again on what it left.
  void crash();
  void start_again();

  [[nodiscard]] std::string socket() const;
  // "mysql:///schema?socket=…"
  [[nodiscard]] std::string uri(const std::string& schema) const;
  [[nodiscard]] model::Endpoint endpoint(const std::string& schema) const;
  // A session as root, in no schema.
  [[nodiscard]] engine::mariadb::Connection connect() const;
  void run(const std::string& sql) const;
  // The first field of the first row.
  [[nodiscard]] std::string value(const std::string& sql) const;
  // All rows, fields joined by tabs, null as \N.
  [[nodiscard]] std::vector<std::string> rows(const std::string& sql) const;
  // [[database]] with this name, for an instance file.
  [[nodiscard]] std::string instance_table(const std::string& component, const std::string& schema,
                                           const std::string& more = {}) const;
  // mariadb and mariadb-dump with the words that reach this server.
  [[nodiscard]] std::vector<std::string> client(const std::string& program,
                                                const std::vector<std::string>& words) const;

 private:
  TemporaryDirectory home_{"holdfast-server"};
  std::unique_ptr<engine::Scratch> scratch_;
  std::vector<std::string> argv_;  // of the server that was killed, with whoever it ran as
};

}  // namespace holdfast::test
