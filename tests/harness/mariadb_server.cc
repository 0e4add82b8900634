// SPDX-License-Identifier: Apache-2.0
#include "harness/mariadb_server.h"

#include "engine/mariadb/location.h"
#include "engine/mariadb/scratch.h"

namespace holdfast::test {

using engine::mariadb::Connection;

MariadbServer::MariadbServer(const std::vector<std::string>& more)
    : scratch_(engine::mariadb::start_scratch({}, home_.path(), more)) {}

std::string MariadbServer::socket() const {
  return engine::mariadb::location_of(scratch_->endpoint()).socket;
}

std::string MariadbServer::uri(const std::string& schema) const {
  return engine::mariadb::uri_of(engine::mariadb::location_of(scratch_->endpoint()), schema);
}

model::Endpoint MariadbServer::endpoint(const std::string& schema) const {
  model::Endpoint endpoint = scratch_->endpoint();
  endpoint.component = schema;
  endpoint.uri = uri(schema);
  return endpoint;
}

Connection MariadbServer::connect() const {
  return {engine::mariadb::location_of(scratch_->endpoint()), nullptr, false};
}

void MariadbServer::run(const std::string& sql) const {
  connect().run(sql);
}

std::string MariadbServer::value(const std::string& sql) const {
  return connect().value(sql);
}

std::vector<std::string> MariadbServer::rows(const std::string& sql) const {
  Connection connection = connect();
  std::vector<std::string> lines;
  for (const auto& row : connection.query(sql)) {
    std::string line;
    for (const auto& cell : row) line += (line.empty() ? "" : "\t") + cell.value_or("\\N");
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string MariadbServer::instance_table(const std::string& component, const std::string& schema,
                                          const std::string& more) const {
  return "[[database]]\nname = \"" + component + "\"\nuri = \"" + uri(schema) +
         "\"\nuser = \"root\"\n" + more + "\n";
}

std::vector<std::string> MariadbServer::client(const std::string& program,
                                               const std::vector<std::string>& words) const {
  std::vector<std::string> argv{program, "--no-defaults", "--user=root", "--socket=" + socket()};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

}  // namespace holdfast::test
