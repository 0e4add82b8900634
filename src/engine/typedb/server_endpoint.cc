// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/server_endpoint.h"

#include <fmt/format.h>

#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "engine/typedb/export_facts.h"
#include "engine/typedb/export_hold.h"
#include "engine/typedb/import_export.h"
#include "engine/typedb/v2_server.h"

namespace holdfast::engine::typedb {
namespace {

void check_there(Connection& connection, const ServerLocation& location,
                 const std::stop_token& stop) {
  if (connection.contains(location.database, stop)) return;
  throw Error(Errc::not_found, fmt::format("there is no {}", location.display()))
      .set_hint("Name a database that the console's `database list` shows.");
}

// Where it was made: in the place of `into`, or beside it, and then nowhere else.
ServerLocation undone_location(const Json& undo, const model::Endpoint& into) {
  ServerLocation location = server_location_of(into);
  if (!undo.bool_or("beside", false)) return location;
  const std::string made = undo.string_or("database", "");
  if (made.empty()) return location;  // none was: files for it
  if (!made.starts_with(location.database + std::string(beside_suffix)))
    throw Error(Errc::corrupt,
                fmt::format("database {} was not made beside {}", made, location.display()));
  location.database = made;
  return location;
}

}  // namespace

ServerAccess access_to(const model::Endpoint& endpoint,
                       std::optional<std::chrono::milliseconds> patience) {
  const ServerLocation location = server_location_of(endpoint);
  ServerAccess access;
  access.target.address = location.address();
  access.target.tls = location.tls;
  if (!location.tls_ca.empty()) access.target.root_certificates = read_text_file(location.tls_ca);
  if (patience) access.target.patience = *patience;
  access.user = location.user;
  access.password = endpoint.password;
  return access;
}

std::unique_ptr<Hold> hold_on_server(std::span<const model::Endpoint> endpoints,
                                     const HoldOptions& options) {
  check_rule(!endpoints.empty(), "a hold has databases");
  const ServerAccess access = access_to(endpoints.front());
  Connection connection(access, options.stop);
  std::vector<ServerLocation> locations;
  std::vector<std::string> names;
  std::set<std::string> known;
  for (const model::Endpoint& endpoint : endpoints) {
    ServerLocation location = server_location_of(endpoint);
    if (!known.insert(location.database).second)
      throw Error(Errc::usage, fmt::format("{} is named twice", location.display()))
          .set_hint("Name each database once in the instance file.");
    check_there(connection, location, options.stop);
    names.push_back(location.database);
    locations.push_back(std::move(location));
  }
  if (connection.generation() != Generation::v3)
    return make_v2_hold(access, std::move(locations), options);
  return hold_exports(access, std::move(names), options);
}

void describe_on_server(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                        const std::stop_token& stop) {
  const ServerLocation location = server_location_of(endpoint);
  const ServerAccess access = access_to(endpoint);
  Connection connection(access, stop);
  check_there(connection, location, stop);
  if (connection.generation() != Generation::v3) return describe_v2(access, location, facts, stop);
  DatabaseExport exported(connection, location.database, stop);
  tell_schema(location.database, exported.schema(), facts);
  tell_things(read_export(exported, location.display(), {}, nullptr, stop), facts);
}

std::string undo_on_server(const Json& undo, const model::Endpoint& into) {
  const ServerAccess access = access_to(into);
  const ServerLocation location = undone_location(undo, into);
  if (undo.find("server") != nullptr) return undo_v2(undo, access, location);
  Connection connection(access);
  return undo_import(connection, undo);
}

void check_undo_on_server(const model::Endpoint& into) {
  const Connection connection(access_to(into));
}

bool is_undo_on_server(const Json& undo) {
  return undo.find("server") != nullptr || is_import_undo(undo);
}

std::string grants_on_server(const ServerLocation& location, std::string_view purpose) {
  return fmt::format(
      "-- TypeDB has no rights but those to sign in: any user of {} is enough for {}. Servers of "
      "2.x have no users. With the console of TypeDB 3, as user admin:\n"
      "-- user create {} PASSWORD\n",
      location.address(), purpose, location.user.empty() ? "holdfast" : location.user);
}

std::string restore_paragraphs_of_export(const model::DatabaseFacts& facts) {
  const std::string schema = facts.directory + "/" + std::string(schema_part);
  const std::string data = facts.directory + "/" + std::string(data_part);
  const std::string name = facts.engine_facts.string_or("database", facts.name);
  return fmt::format(
      "{0} and {1} are a database of TypeDB {2}: its schema, and its things\nas TypeDB exports "
      "them. A server of 3.4 or later makes it again, under a name that is free:\n\n"
      "    typedb console --address HOST:1729 --username admin \\\n"
      "      --command={3}\n\n"
      "A schema of 2.x is to be rewritten in TypeQL of 3 before. Of 2.x, whose servers read the "
      "files\nthemselves, 2.19.0 to 2.29.1 make the database again:\n\n"
      "    typedb server import --database={4} --schema={0} --data={1} --port=1729\n\n"
      "Before, make it and load the schema with the console first, then the data:\n\n"
      "    typedb server import --database={4} --file={1} --port=1729     # 2.6.0 to 2.18.0\n"
      "    typedb server import {4} {1}     # 2.0.0 to 2.5.0; before 2.1.0 `grakn`\n",
      shell_quote(schema), shell_quote(data), facts.version,
      shell_quote(fmt::format("database import {} {} {}", name, schema, data)), shell_quote(name));
}

}  // namespace holdfast::engine::typedb
