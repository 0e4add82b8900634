// SPDX-License-Identifier: Apache-2.0
// Where a schema of an Oracle database is, as an endpoint says it, and how its programs are found.
// Pure; connects to nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "model/endpoint.h"

namespace holdfast::engine::oracle {

enum class Method : std::uint8_t { automatic, exp, datapump };
[[nodiscard]] std::string_view method_name(Method method) noexcept;  // "auto", "exp", "datapump"

struct Location {
  std::string host;  // empty: an alias
  unsigned port = 1521;
  std::string service;
  std::string alias;   // of tnsnames.ora
  std::string user;    // as the dictionary has it, "FMEMC"; empty: a wallet knows
  std::string schema;  // the same
  Method method = Method::automatic;
  std::string directory;                     // directory object of the server; empty: none
  std::filesystem::path exchange_directory;  // where we see what is in it; empty: nowhere
  std::filesystem::path home;                // ORACLE_HOME or an Instant Client; empty: PATH
  std::filesystem::path tns_admin;           // empty: as the client finds it
  std::filesystem::path kept_directory;      // where exports of what is replaced stay

  // "schema FMEMC at db1:1521/XEPDB1", for messages.
  [[nodiscard]] std::string display() const;
  // "//db1:1521/XEPDB1", or the alias.
  [[nodiscard]] std::string connect_text() const;
  // What clients connect to when nothing else is said: TWO_TASK. In full, as a site may have turned
  // easy connect naming off. ENABLE=BROKEN has the client use TCP keepalive, without which it waits
  // for ever for a server that went away. Source: SQL*Plus User's Guide, environment variables; Net
  // Services Reference, connect descriptors.
  [[nodiscard]] std::string descriptor() const;
  // The same for every schema of one database.
  [[nodiscard]] std::string server() const { return "oracle " + connect_text(); }
};

// exp unless a directory is named, which allows to write on the server; what is set wins.
[[nodiscard]] Method method_for(const Location& location) noexcept;

// `oracle://[user@]host[:port]/SERVICE`, or `oracle:ALIAS`. Names of users, schemas and directory
// objects are what SQL takes without quotes, and become upper case as there. Errc::usage naming
// what is wrong.
[[nodiscard]] Location location_of(const model::Endpoint& endpoint);

// Whether SQL takes it for a name without quotes: a letter, then letters, digits, `_` and `$`, at
// most 128. `#`, which SQL takes too, begins a comment in parameter files.
[[nodiscard]] bool is_plain_name(std::string_view name) noexcept;

}  // namespace holdfast::engine::oracle
