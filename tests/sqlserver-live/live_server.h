// SPDX-License-Identifier: Apache-2.0
// The server that tests are told of by the environment, and databases of theirs on it.
//
// HOLDFAST_SQLSERVER_URI ("sqlserver://db1:1433/holdfast": databases are made whose names begin so,
// and dropped again; none of that very name need be there), _USER, _PASSWORD_FILE, _TLS ("verified"
// unless set), _TLS_CA, _DRIVER. For copies by BACKUP: _BACKUP_DIRECTORY with _EXCHANGE_DIRECTORY,
// or _RECEIVER with _RECEIVER_CERTIFICATE and _RECEIVER_KEY.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "engine/sqlserver/session.h"
#include "harness/sqlserver_named.h"

namespace holdfast::engine::sqlserver::live {

// Skips where no server is named.
class LiveServer : public testing::Test {
 protected:
  void SetUp() override {
    const auto named = test::sqlserver_named();
    if (!named) GTEST_SKIP() << test::no_sqlserver;
    endpoint_ = *named;
    server_ = std::make_unique<Session>(location_of(endpoint_), endpoint_.password.get(), false);
  }
  void TearDown() override {
    for (const std::string& name : made_)
      static_cast<void>(server_->try_run("DROP DATABASE " + identifier(name)));
  }
  // A database that is gone after the test; not made yet.
  model::Endpoint another(std::string_view what) {
    const Location location = location_of(endpoint_);
    const std::string name = fmt::format("{}_{}_{}", location.database, what, ::getpid());
    model::Endpoint endpoint = endpoint_;
    endpoint.uri = uri_of(location, name);
    made_.push_back(name);
    return endpoint;
  }
  model::Endpoint make(std::string_view what) {
    model::Endpoint endpoint = another(what);
    server_->run("CREATE DATABASE " + identifier(made_.back()));
    return endpoint;
  }
  static std::unique_ptr<Session> session_in(const model::Endpoint& endpoint,
                                             std::stop_token stop = {}) {
    return std::make_unique<Session>(location_of(endpoint), endpoint.password.get(), true,
                                     std::move(stop));
  }
  model::Endpoint endpoint_;
  std::unique_ptr<Session> server_;
  std::vector<std::string> made_;
};

}  // namespace holdfast::engine::sqlserver::live
