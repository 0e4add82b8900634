// SPDX-License-Identifier: Apache-2.0
// Everything that is known of one Magnolia web application, each fact with where it was read.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "model/finding.h"
#include "profile/magnolia/jdbc_url.h"
#include "profile/magnolia/repository_files.h"
#include "profile/magnolia/tomcat.h"
#include "profile/magnolia/variables.h"

namespace holdfast::profile::magnolia {

// A path and where it was read. Empty path: there is none, or it cannot be told (then a finding
// says so).
struct PathFact {
  std::string path, where;
};

// A database that something of the instance lies in; each place once.
struct Connection {
  std::string component;  // unique: "db-magnolia"; an embedded one's is its workspace: "website"
  std::string engine, uri, user;
  std::shared_ptr<const Secret> password;  // nullptr: none, or not known
  std::string path;                        // embedded: its directory or file; else empty
  std::string schema;                      // where tables are looked for, if the URL says it
  std::map<std::string, std::string> options;
  std::vector<JdbcRemark> remarks;
  std::string where;
};

struct PersistenceFact {
  Keeping keeping = Keeping::unknown;
  std::string class_name, where;
  std::string connection;    // the component's name; empty: in no database
  std::string table_prefix;  // as in the engine's catalog
  // The same as it stands in the file, and with its variables in place.
  std::string written_prefix, plain_prefix;
};

enum class StoreKind : std::uint8_t { files, tables, bucket, memory, unknown };
// A data store or a file system.
struct StoreFact {
  StoreKind kind = StoreKind::unknown;
  std::string class_name, where;
  std::string path;                      // kind files
  std::string connection, table_prefix;  // kind tables; as PersistenceFact
  std::string written_prefix, plain_prefix;
  std::uint64_t record_bytes_min = 100;  // of a data store: smaller values are in the bundles
};

struct WorkspaceFact {
  std::string name, directory;
  std::string configuration;  // its workspace.xml; of the version store: the repository's file
  PersistenceFact persistence;
  StoreFact file_system;
  std::string index_directory;  // empty: it has none
  bool has_index = false;       // the index is there, so the workspace was opened
};

struct RepositoryFact {
  std::string name, home, configuration, where;
  std::string workspaces_root;
  std::vector<WorkspaceFact> workspaces;  // by name; those with a workspace.xml
  WorkspaceFact version;                  // name "version"
  StoreFact file_system;
  std::vector<StoreFact> data_stores;
  std::string index_directory;  // of the repository itself
  bool is_cluster = false;
  std::string cluster_id;
  StoreFact journal;  // of a cluster; kind tables or files
};

struct MagnoliaFacts {
  std::string name;          // of the web application: "magnoliaAuthor"
  std::string directory;     // absolute
  std::string tomcat;        // its base directory; empty: none is known
  std::string context_file;  // of Tomcat's, outside of the web application
  bool is_author = true;
  std::vector<std::string> chain;  // the property files that are there, the last one wins
  std::vector<std::string> configuration_files;  // small files whose content must not move
  PathFact resources, key_pair;
  std::vector<PathFact> left_out;  // caches, logs, uploads under way
  std::vector<PathFact> led_out;   // real places of links that lead out of the instance
  std::vector<RepositoryFact> repositories;
  std::vector<Connection> connections;
  std::vector<std::string> drivers;       // jars of JDBC drivers in WEB-INF/lib
  std::set<std::string> used_properties;  // system properties and variables that decided something
  std::set<std::string> secret_properties;  // those of them that are passwords
  std::vector<model::Finding> findings;

  [[nodiscard]] const Connection* connection(std::string_view component) const noexcept;
};

struct WebApplicationPlace {
  std::string directory;             // absolute, clean
  Variables system_properties;       // of its JVM, as far as they are known
  std::vector<std::string> environ;  // of its JVM: "NAME=value"; empty: not known
  std::string server_name;           // of the host, as Magnolia has it
  const Tomcat* tomcat = nullptr;    // it outlives the call
};

// Whether a directory is Magnolia's: has WEB-INF/config with a magnolia.properties or a
// repositories.xml below it.
[[nodiscard]] bool is_magnolia(const std::string& directory);

// Reads all configuration of a web application. Reads files only, follows no link that leads out of
// the instance, runs nothing. What cannot be read, parsed or told is a finding.
[[nodiscard]] MagnoliaFacts gather_facts(const WebApplicationPlace& place);

// The same with every path where it really lies, if an accepted link on the way leads out of the
// instance: as the paths of a copy are.
[[nodiscard]] MagnoliaFacts at_real_places(MagnoliaFacts facts);

}  // namespace holdfast::profile::magnolia
