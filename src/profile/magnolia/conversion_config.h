// SPDX-License-Identifier: Apache-2.0
// Jackrabbit's configuration, rewritten for databases of another kind. Everything that does not say
// where content is kept stays as it is. Pure.
//
// Source: Jackrabbit 2.18, the setters of its persistence managers, file systems, data stores and
// DatabaseJournal, which are the parameters that each class takes and the only ones; class
// DataSourceConfig; the stock configurations of Magnolia for prefixes and places.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "model/instance.h"

namespace holdfast::profile::magnolia {

// "derby" or "h2": a database for each workspace, in its directory.
[[nodiscard]] bool is_embedded_engine(std::string_view engine) noexcept;

// The new databases, as configuration names them.
struct NewConnection {
  std::string engine;
  // Of a server, for its <DataSource>.
  std::string driver, url, user;
  model::PasswordSource password;
  std::string component;
};

enum class StoreChange : unsigned char { none, to_files, to_database };

// Prefixes are as they stand in the file, with `${wsp.name}` in them.
struct RepositoryChange {
  std::string file;         // repository.xml by whatever name
  std::string data_source;  // name of the <DataSource>
  std::string template_prefix, version_prefix, store_prefix, journal_prefix;
  std::string files_prefix, template_files_prefix, version_files_prefix;  // of DbFileSystems
  StoreChange store = StoreChange::none;
};
struct WorkspaceChange {
  std::string file, data_source, prefix, files_prefix;
};

// The file's text for the new databases. Errors as find_places(). `password` may be nullptr.
[[nodiscard]] std::string rewrite_repository(std::string_view text, const NewConnection& connection,
                                             const Secret* password,
                                             const RepositoryChange& change);
[[nodiscard]] std::string rewrite_workspace(std::string_view text, const NewConnection& connection,
                                            const WorkspaceChange& change);

// How Jackrabbit reads a password from its configuration just as it is, whatever signs are in it.
[[nodiscard]] std::string written_password(std::string_view password);

// The JDBC URL of a database of a server; empty for what no driver of Java's reaches, as a socket.
// `subprotocol`: "postgresql", "mariadb", "mysql".
[[nodiscard]] std::string jdbc_url_of(std::string_view uri, std::string_view subprotocol);

}  // namespace holdfast::profile::magnolia
