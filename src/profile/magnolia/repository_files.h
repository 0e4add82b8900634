// SPDX-License-Identifier: Apache-2.0
// Magnolia's repositories.xml, and Jackrabbit's repository and workspace configurations, as they
// are written: values still hold their `${…}`. Pure.
//
// Source: Jackrabbit 2.18, "Repository configuration" and its document type
// repository-2.0.dtd; Magnolia, "Repository configuration" (repositories.xml).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::profile::magnolia {

// A class with its parameters.
struct Bean {
  std::string class_name;
  std::map<std::string, std::string> parameters;
  std::vector<Bean> inner;  // classes given as values of parameters, with parameters of their own
  std::size_t line = 0;
  [[nodiscard]] const std::string* find(std::string_view name) const noexcept;
  [[nodiscard]] std::string get(std::string_view name) const;  // empty if it is not there
};

struct MappedRepository {
  std::string name, provider;
  std::map<std::string, std::string> parameters;  // "configFile", "repositoryHome"
  std::vector<std::string> workspaces;            // each once, of <workspace> and <Map>
  std::size_t line = 0;
};
// Errc::corrupt with "file:line: …" if it is no such file, or two repositories have one name.
[[nodiscard]] std::vector<MappedRepository> parse_repositories(std::string_view text,
                                                               std::string_view file);

struct WorkspaceConfig {
  std::string name;  // empty: that of its directory
  std::size_t line = 0;
  std::optional<Bean> file_system, persistence_manager, search_index;
};
[[nodiscard]] WorkspaceConfig parse_workspace_config(std::string_view text, std::string_view file);

struct RepositoryConfig {
  std::map<std::string, Bean> data_sources;  // by name
  std::optional<Bean> file_system, data_store, search_index;
  std::string workspaces_root, config_root, default_workspace;
  std::size_t workspaces_line = 0;
  WorkspaceConfig workspace_template;
  std::string version_root;
  std::optional<Bean> version_file_system, version_persistence_manager;
  std::size_t version_line = 0;
  bool is_cluster = false;
  std::string cluster_id;
  std::size_t cluster_line = 0;
  std::optional<Bean> journal;
};
[[nodiscard]] RepositoryConfig parse_repository_config(std::string_view text,
                                                       std::string_view file);

// What web.xml says in `magnolia.initialization.file`: places of property files, the first of
// which wins; empty if it is not set.
[[nodiscard]] std::vector<std::string> parse_initialization_files(std::string_view text,
                                                                  std::string_view file);

// How a persistence manager keeps its items.
enum class Keeping : unsigned char {
  bundle_tables,  // `pool.*`, and `bundle.*` as their old names
  bundle_files,   // `bundle.BundleFsPersistenceManager`
  memory,
  other_tables,  // `db.*`: an old layout
  other_files,   // `xml.*`, `obj.*`: an old layout
  unknown,
};
[[nodiscard]] Keeping keeping_of(std::string_view class_name) noexcept;
// The engine that a class is made for: "derby", "postgresql"; empty if any.
[[nodiscard]] std::string_view engine_of_class(std::string_view class_name) noexcept;

// A table prefix as Jackrabbit makes it: letters (here those of Latin-1) in upper case, every
// character that the database does not take in a name as `_x0000_` with its code in hex (`_` for
// Oracle). Source: Jackrabbit 2.18, ConnectionHelper and OracleConnectionHelper,
// prepareDbIdentifier; which characters are taken beside A-Z, 0-9 and `_` the drivers say.
[[nodiscard]] std::string table_prefix(std::string_view engine, std::string_view written);
// A name that is written without quotes, as the engine's catalog has it: in lower case in
// PostgreSQL, in upper case in Derby, H2 and Oracle, as it is written in the others.
[[nodiscard]] std::string catalog_name(std::string_view engine, std::string_view name);

}  // namespace holdfast::profile::magnolia
