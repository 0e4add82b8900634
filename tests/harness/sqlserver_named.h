// SPDX-License-Identifier: Apache-2.0
// A server that speaks TDS, named by the environment: HOLDFAST_SQLSERVER_URI ("sqlserver://sa@db1/
// any", of which only the server counts), HOLDFAST_SQLSERVER_PASSWORD_FILE, for its certificate
// HOLDFAST_SQLSERVER_TLS_CA (its authority's file) or HOLDFAST_SQLSERVER_TLS ("required", "off"),
// HOLDFAST_SQLSERVER_DRIVER.
#pragma once

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/fd.h"
#include "engine/sqlserver/location.h"
#include "model/endpoint.h"

namespace holdfast::test {

inline constexpr const char* no_sqlserver =
    "HOLDFAST_SQLSERVER_URI names no server: nothing is tried against one";

// Nothing if none is named.
inline std::optional<model::Endpoint> sqlserver_named() {
  const char* const uri = std::getenv("HOLDFAST_SQLSERVER_URI");
  if (uri == nullptr) return std::nullopt;
  model::Endpoint server;
  server.component = "try";
  server.engine = "sqlserver";
  server.uri = uri;
  if (const char* const file = std::getenv("HOLDFAST_SQLSERVER_PASSWORD_FILE")) {
    std::string password = read_text_file(file);
    while (password.ends_with('\n')) password.pop_back();
    server.password = std::make_shared<const Secret>(std::move(password));
  }
  for (const auto& [variable, option] : {std::pair{"HOLDFAST_SQLSERVER_TLS", "tls"},
                                         {"HOLDFAST_SQLSERVER_TLS_CA", "tls_ca"},
                                         {"HOLDFAST_SQLSERVER_DRIVER", "driver"}})
    if (const char* const value = std::getenv(variable)) server.options[option] = value;
  server.user = engine::sqlserver::location_of(server).user;  // for its other databases
  return server;
}

}  // namespace holdfast::test
