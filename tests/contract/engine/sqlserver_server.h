// SPDX-License-Identifier: Apache-2.0
// A database of its own on the server that the environment names (harness/sqlserver_named.h).
#pragma once

#include <string>

#include "engine/sqlserver/location.h"
#include "engine/sqlserver/session.h"
#include "harness/sqlserver_named.h"
#include "model/endpoint.h"

namespace holdfast::test {

// A database of that server, made empty and dropped with the object.
class SqlServerDatabase {
 public:
  SqlServerDatabase(const model::Endpoint& server, const std::string& name)
      : admin_(engine::sqlserver::location_of(server), server.password.get(), false),
        name_(engine::sqlserver::identifier(name)),
        endpoint_(server) {
    drop();
    admin_.run("CREATE DATABASE " + name_);
    const engine::sqlserver::Location location = engine::sqlserver::location_of(server);
    endpoint_.uri = engine::sqlserver::uri_of(location, name);
    endpoint_.user = location.user;
  }
  ~SqlServerDatabase() { drop(); }
  SqlServerDatabase(const SqlServerDatabase&) = delete;
  SqlServerDatabase& operator=(const SqlServerDatabase&) = delete;

  [[nodiscard]] const model::Endpoint& endpoint() const noexcept { return endpoint_; }
  [[nodiscard]] std::unique_ptr<engine::sqlserver::Session> session() const {
    return std::make_unique<engine::sqlserver::Session>(engine::sqlserver::location_of(endpoint_),
                                                        endpoint_.password.get(), true);
  }

 private:
  void drop() { static_cast<void>(admin_.try_run("DROP DATABASE IF EXISTS " + name_)); }

  engine::sqlserver::Session admin_;
  const std::string name_;
  model::Endpoint endpoint_;
};

}  // namespace holdfast::test
