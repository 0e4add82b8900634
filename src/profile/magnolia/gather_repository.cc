// SPDX-License-Identifier: Apache-2.0
// One Jackrabbit repository: its configuration, its workspaces, its version store.
#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "profile/magnolia/configuration_file.h"
#include "profile/magnolia/gathering.h"

namespace holdfast::profile::magnolia {
namespace {

namespace fs = std::filesystem;
using model::Severity;

constexpr std::string_view node_id_property = "org.apache.jackrabbit.core.cluster.node_id";

std::string place_in(const std::string& file, std::size_t line) {
  return file + ":" + std::to_string(line);
}

class Repository {
 public:
  Repository(Gathering& gathering, const Lookup& outer, RepositoryFact& fact)
      : gathering_(gathering), outer_(outer), fact_(fact) {}

  void read(const MappedRepository& mapped) {
    std::error_code ignored;
    if (!fs::is_directory(fact_.home, ignored)) {
      gathering_.add(
          "magnolia-repository-missing", Severity::blocker,
          "the repository " + fact_.name + " has no home " + fact_.home + " (" + fact_.where + ")",
          "either it was never started, or its files are elsewhere or lost",
          "Mount or name the right directory; accept this if it was never started.");
    }
    try {
      const auto text = read_configuration_file(fact_.configuration);
      if (!text) {
        gathering_.facts().findings.push_back(
            make_finding("magnolia-configuration-unobservable", Severity::blocker, "",
                         "there is no " + fact_.configuration + " (" + fact_.where + ")",
                         "what it configures would be left out of the copy",
                         "Correct `configFile` or magnolia.repositories.jackrabbit.config."));
        return;
      }
      config_ = parse_repository_config(*text, fact_.configuration);
    } catch (const Error& error) {
      return add_unreadable(error);
    }
    gathering_.facts().configuration_files.push_back(fact_.configuration);
    read_common();
    read_version();
    read_workspaces(mapped);
  }

 private:
  struct Scope {  // what stands for what in a piece of configuration
    std::string file, home, name;
    Lookup lookup;
  };

  [[nodiscard]] Lookup lookup_with(const std::string& home, const std::string& name) const {
    return
        [this, rep_home = Variable{fact_.home, fact_.where}, wsp_home = Variable{home, fact_.where},
         wsp_name = Variable{name, fact_.where}](std::string_view wanted) -> const Variable* {
          if (wanted == "rep.home") return &rep_home;
          if (wanted == "wsp.home" && !wsp_home.value.empty()) return &wsp_home;
          if (wanted == "wsp.name" && !wsp_name.value.empty()) return &wsp_name;
          return outer_(wanted);
        };
  }

  void add_unreadable(const Error& error) {
    gathering_.facts().findings.push_back(unreadable_configuration(error.message()));
  }

  [[nodiscard]] std::string database(const Bean& bean, const Scope& scope, const std::string& name,
                                     const std::string& what, const std::string& usual_url) {
    return gathering_.connection_of({.bean = &bean,
                                     .data_sources = &config_.data_sources,
                                     .data_sources_file = fact_.configuration,
                                     .lookup = scope.lookup,
                                     .file = scope.file,
                                     .usual_url = usual_url,
                                     .name = name,
                                     .repository = fact_.name,
                                     .what = what});
  }

  // Adds what one parameter says of the prefix of tables whose connection is known.
  template <typename Fact>
  void add_prefix(const Bean& bean, const Scope& scope, std::string_view parameter, Fact& fact) {
    const Connection* found = gathering_.facts().connection(fact.connection);
    if (found == nullptr) return;
    const std::string written = bean.get(parameter);
    const auto plain = gathering_.resolve(written, scope.lookup, place_in(scope.file, bean.line),
                                          std::string(parameter));
    if (!plain) return;
    fact.written_prefix += written;
    fact.plain_prefix += *plain;
    fact.table_prefix += catalog_name(found->engine, table_prefix(found->engine, *plain));
  }

  // Where SQL Server's classes make their tables. Source: Jackrabbit 2.18,
  // MSSqlPersistenceManager, MSSqlFileSystem and MSSqlDatabaseJournal, setTableSpace().
  void look_at_filegroup(const Bean& bean, const Scope& scope, const std::string& what,
                         const std::string& connection) {
    const std::string written = bean.get("tableSpace");
    if (engine_of_class(bean.class_name) != "sqlserver" || written.empty()) return;
    const std::string where = place_in(scope.file, bean.line);
    const auto group = gathering_.resolve(written, scope.lookup, where, "tableSpace of " + what);
    if (!group || group->empty()) return;
    gathering_.add("magnolia-filegroup", Severity::note,
                   where + ": tables of " + what + " are made in the filegroup " + *group,
                   "a copy by BACKUP brings it along; in a database that is made for rows, it is "
                   "missing, and Jackrabbit could make no table there",
                   "Make it there too, or take `tableSpace` out of the configuration there.",
                   connection);
  }

  [[nodiscard]] PersistenceFact persistence(const std::optional<Bean>& bean, const Scope& scope,
                                            const std::string& what) {
    PersistenceFact fact;
    if (!bean) {
      gathering_.add("magnolia-persistence-unknown", Severity::blocker,
                     scope.file + ": " + what + " has no <PersistenceManager>",
                     "where its content lies is not known", "Correct the file.");
      return fact;
    }
    fact.class_name = bean->class_name;
    fact.where = place_in(scope.file, bean->line);
    fact.keeping = keeping_of(bean->class_name);
    const std::string seen = fact.where + ": " + what + " is kept by " + fact.class_name;
    switch (fact.keeping) {
      case Keeping::bundle_tables:
      case Keeping::other_tables: {
        // Source: Jackrabbit 2.18, DerbyPersistenceManager and H2PersistenceManager, init().
        const std::string_view engine = engine_of_class(fact.class_name);
        const std::string usual = engine == "derby"
                                      ? "jdbc:derby:" + scope.home + "/db/itemState;create=true"
                                  : engine == "h2" ? "jdbc:h2:file:" + scope.home + "/db/itemState"
                                                   : "";
        fact.connection = database(*bean, scope, scope.name, what, usual);
        add_prefix(*bean, scope, "schemaObjectPrefix", fact);
        look_at_filegroup(*bean, scope, what, fact.connection);
        if (fact.keeping == Keeping::other_tables) {
          gathering_.add("magnolia-persistence-other", Severity::warning, seen,
                         "its tables are not bundles: they are copied, but nothing in them is "
                         "checked and they cannot be migrated",
                         "Move the workspace to a bundle persistence manager.", fact.connection);
        }
        break;
      }
      case Keeping::memory:
        gathering_.add("magnolia-in-memory", Severity::note, seen,
                       "it is empty again after each start; there is nothing to copy", "");
        break;
      case Keeping::bundle_files:
      case Keeping::other_files:
        break;  // the profile says what that takes, which depends on [quiesce]
      case Keeping::unknown:
        gathering_.add("magnolia-persistence-unknown", Severity::blocker, seen,
                       "a class that is not Jackrabbit's: where the content lies is not known",
                       "Name what it keeps in [[database]] and [[files]], then accept this.");
        break;
    }
    return fact;
  }

  [[nodiscard]] StoreFact file_system(const std::optional<Bean>& bean, const Scope& scope,
                                      const std::string& what) {
    StoreFact fact;
    if (!bean) return fact;
    fact.class_name = bean->class_name;
    fact.where = place_in(scope.file, bean->line);
    const std::string_view name = bean->class_name;
    if (name.ends_with(".fs.local.LocalFileSystem")) {
      fact.kind = StoreKind::files;
      fact.path = gathering_.path_of(bean->get("path"), scope.lookup, "", fact.where,
                                     "the file system of " + what);
    } else if (name.find(".fs.db.") != std::string_view::npos) {
      fact.kind = StoreKind::tables;
      fact.connection = database(*bean, scope, "filesystem", "the file system of " + what, "");
      add_prefix(*bean, scope, "schemaObjectPrefix", fact);
      look_at_filegroup(*bean, scope, "the file system of " + what, fact.connection);
    } else if (name.find(".fs.mem.") != std::string_view::npos) {
      fact.kind = StoreKind::memory;
    } else {
      gathering_.add("magnolia-filesystem-unknown", Severity::blocker,
                     fact.where + ": the file system of " + what + " is a " + fact.class_name,
                     "where its files lie is not known",
                     "Name what it keeps in [[files]], then accept this.");
    }
    return fact;
  }

  void data_store(const Bean& bean, const Scope& scope) {
    StoreFact fact;
    fact.class_name = bean.class_name;
    fact.where = place_in(scope.file, bean.line);
    const std::string length = bean.get("minRecordLength");
    if (!length.empty() && length.size() < 10 &&
        length.find_first_not_of("0123456789") == std::string::npos)
      fact.record_bytes_min = std::stoull(length);
    const std::string_view name = bean.class_name;
    if (name.ends_with("MultiDataStore")) {
      for (const Bean& inner : bean.inner) data_store(inner, scope);
      if (!bean.inner.empty()) return;
    }
    if (name.find("S3DataStore") != std::string_view::npos) {
      fact.kind = StoreKind::bucket;
      gathering_.add("magnolia-datastore-s3", Severity::blocker,
                     fact.where + ": the data store of " + fact_.name + " is a bucket (" +
                         fact.class_name + ")",
                     "its records are not copied",
                     "Copy the bucket by its own means after each backup, then accept this.");
    } else if (name.ends_with(".FileDataStore")) {
      fact.kind = StoreKind::files;
      // Source: Jackrabbit 2.18, FileDataStore.init(): without a path it is the repository's.
      const std::string* path = bean.find("path");
      fact.path = gathering_.path_of(path == nullptr ? "${rep.home}/repository/datastore" : *path,
                                     scope.lookup, "", fact.where, "the data store");
      std::error_code ignored;
      if (!fact.path.empty() && !fs::is_directory(fact.path, ignored)) {
        gathering_.add("magnolia-datastore-missing", Severity::blocker,
                       "there is no data store " + fact.path + " (" + fact.where + ")",
                       "every binary that the content refers to would be missing",
                       "Mount or name the right directory; accept this if it was never started.",
                       "datastore");
      }
    } else if (name.ends_with(".DbDataStore")) {
      fact.kind = StoreKind::tables;
      fact.connection = database(bean, scope, "records", "the data store", "");
      add_prefix(bean, scope, "tablePrefix", fact);
      add_prefix(bean, scope, "schemaObjectPrefix", fact);
    } else {
      gathering_.add("magnolia-datastore-unknown", Severity::blocker,
                     fact.where + ": the data store of " + fact_.name + " is a " + fact.class_name,
                     "where its records lie is not known",
                     "Name what it keeps in [[files]], then accept this.");
    }
    fact_.data_stores.push_back(std::move(fact));
  }

  void read_common() {
    const Scope scope{fact_.configuration, fact_.home, "repository", lookup_with("", "")};
    fact_.workspaces_root =
        gathering_.path_of(config_.workspaces_root, scope.lookup, "",
                           place_in(scope.file, config_.workspaces_line), "rootPath");
    if (!config_.config_root.empty()) {
      gathering_.add("magnolia-config-root", Severity::blocker,
                     place_in(scope.file, config_.workspaces_line) +
                         ": configRootPath keeps the workspaces' configuration in the repository's "
                         "file system",
                     "it is not read there, so workspaces may be left out of the copy",
                     "Keep a workspace.xml in each workspace's directory.");
    }
    fact_.file_system = file_system(config_.file_system, scope, "repository " + fact_.name);
    if (config_.data_store) {
      data_store(*config_.data_store, scope);
    } else {
      gathering_.add("magnolia-datastore-none", Severity::note,
                     fact_.configuration + ": no <DataStore>",
                     "binaries lie with the workspaces, each copied with its own", "");
    }
    fact_.index_directory = index_of(config_.search_index, scope);
    if (const auto& bean = config_.workspace_template.persistence_manager)
      look_at_filegroup(*bean, scope, "new workspaces", "");
    if (!config_.is_cluster) return;
    fact_.is_cluster = true;
    const std::string where = place_in(scope.file, config_.cluster_line);
    fact_.cluster_id =
        gathering_.resolve(config_.cluster_id, scope.lookup, where, "the cluster id").value_or("");
    for (const std::string_view name : {std::string_view("magnolia.clusterid"), node_id_property}) {
      if (const Variable* id = outer_(name); id != nullptr && !id->value.empty()) {
        fact_.cluster_id = id->value;
        gathering_.facts().used_properties.emplace(name);
      }
    }
    gathering_.add(
        "magnolia-cluster", Severity::note,
        where + ": " + fact_.name + " is a cluster, this node is \"" + fact_.cluster_id + "\"",
        "the database, the data store and the repository's files are shared by all nodes",
        "Before a restore stop every node, and delete each one's search index after it.");
    if (config_.journal) read_journal(*config_.journal, scope);
  }

  void read_journal(const Bean& bean, const Scope& scope) {
    StoreFact& fact = fact_.journal;
    fact.class_name = bean.class_name;
    fact.where = place_in(scope.file, bean.line);
    if (bean.class_name.ends_with("DatabaseJournal")) {
      fact.kind = StoreKind::tables;
      fact.connection = database(bean, scope, "journal", "the cluster's journal", "");
      add_prefix(bean, scope, "schemaObjectPrefix", fact);
      look_at_filegroup(bean, scope, "the cluster's journal", fact.connection);
    } else {
      fact.kind = StoreKind::files;
      fact.path = gathering_.path_of(bean.get("directory"), scope.lookup, "", fact.where,
                                     "the cluster's journal");
    }
  }

  [[nodiscard]] std::string index_of(const std::optional<Bean>& bean, const Scope& scope) {
    if (!bean || bean->get("path").empty()) return {};
    return gathering_.path_of(bean->get("path"), scope.lookup, "", place_in(scope.file, bean->line),
                              "the search index");
  }

  void read_version() {
    Scope scope{fact_.configuration, fact_.home + "/version", "version", lookup_with("", "")};
    if (!config_.version_root.empty()) {
      scope.home =
          gathering_.path_of(config_.version_root, scope.lookup, "",
                             place_in(scope.file, config_.version_line), "the version store");
    }
    WorkspaceFact& version = fact_.version;
    version.name = "version";
    version.directory = scope.home;
    version.configuration = fact_.configuration;
    version.persistence =
        persistence(config_.version_persistence_manager, scope, "the version store");
    version.file_system = file_system(config_.version_file_system, scope, "the version store");
  }

  void read_workspaces(const MappedRepository& mapped) {
    if (fact_.workspaces_root.empty()) return;
    std::vector<std::string> names;
    std::error_code failure;
    for (const auto& item : fs::directory_iterator(fact_.workspaces_root, failure)) {
      std::error_code gone;
      if (item.is_directory(gone)) names.push_back(item.path().filename().string());
    }
    if (failure && failure != std::errc::no_such_file_or_directory) {
      gathering_.facts().findings.push_back(
          unreadable_configuration(system_error(failure.value(), fact_.workspaces_root).message()));
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) read_workspace(name, mapped.workspaces);
    for (const std::string& name : mapped.workspaces) {
      const bool is_there =
          std::find(names.begin(), names.end(), name) != names.end() ||
          std::any_of(fact_.workspaces.begin(), fact_.workspaces.end(),
                      [&](const auto& workspace) { return workspace.name == name; });
      if (is_there) continue;
      gathering_.add("magnolia-workspace-unused", Severity::note,
                     place_in(fact_.where.substr(0, fact_.where.rfind(':')), mapped.line) +
                         ": workspace " + name + " has no directory in " + fact_.workspaces_root,
                     "it is made when it is first used; there is nothing to copy yet", "");
    }
  }

  void read_workspace(const std::string& directory_name, const std::vector<std::string>& mapped) {
    const std::string directory = fact_.workspaces_root + "/" + directory_name;
    const std::string file = directory + "/workspace.xml";
    WorkspaceConfig config;
    try {
      const auto text = read_configuration_file(file);
      if (!text) return add_unconfigured(directory_name, directory, mapped);
      config = parse_workspace_config(*text, file);
    } catch (const Error& error) {
      return add_unreadable(error);
    }
    gathering_.look_for_links(file, file);
    gathering_.facts().configuration_files.push_back(file);
    WorkspaceFact workspace;
    workspace.name = config.name.empty()
                         ? directory_name
                         : gathering_
                               .resolve(config.name, lookup_with(directory, ""),
                                        place_in(file, config.line), "the name of the workspace")
                               .value_or(directory_name);
    workspace.directory = directory;
    workspace.configuration = file;
    const Scope scope{file, directory, workspace.name, lookup_with(directory, workspace.name)};
    const std::string what = "workspace " + workspace.name;
    workspace.persistence = persistence(config.persistence_manager, scope, what);
    workspace.file_system = file_system(config.file_system, scope, what);
    workspace.index_directory = index_of(config.search_index, scope);
    std::error_code ignored;
    workspace.has_index =
        !workspace.index_directory.empty() && fs::is_directory(workspace.index_directory, ignored);
    fact_.workspaces.push_back(std::move(workspace));
  }

  void add_unconfigured(const std::string& name, const std::string& directory,
                        const std::vector<std::string>& mapped) {
    if (directory == fact_.version.file_system.path || directory == fact_.version.directory) return;
    const bool is_mapped = std::find(mapped.begin(), mapped.end(), name) != mapped.end();
    gathering_.add("magnolia-workspace-unconfigured",
                   is_mapped ? Severity::blocker : Severity::warning,
                   directory + " has no workspace.xml" +
                       (is_mapped ? ", though " + fact_.where + " names the workspace" : ""),
                   "to Jackrabbit the workspace does not exist: its content is out of reach, and "
                   "its tables may be in no copy",
                   is_mapped ? "Put its workspace.xml back from the last backup."
                             : "Remove the directory if it is of no use any more.");
  }

  Gathering& gathering_;
  const Lookup& outer_;
  RepositoryFact& fact_;
  RepositoryConfig config_;
};

}  // namespace

void gather_repository(const MappedRepository& mapped, const std::string& repositories_file,
                       const Lookup& lookup, Gathering& gathering) {
  RepositoryFact fact;
  fact.name = mapped.name;
  fact.where = place_in(repositories_file, mapped.line);
  const auto parameter = [&](const char* name, const std::string& usual) {
    const auto found = mapped.parameters.find(name);
    return found == mapped.parameters.end() ? usual : found->second;
  };
  const std::string& directory = gathering.place().directory;
  fact.home =
      gathering.path_of(parameter("repositoryHome", "${magnolia.repositories.home}/" + mapped.name),
                        lookup, directory, fact.where, "repositoryHome");
  fact.configuration =
      gathering.path_of(parameter("configFile", "${magnolia.repositories.jackrabbit.config}"),
                        lookup, directory, fact.where, "configFile");
  if (fact.home.empty() || fact.configuration.empty()) return;
  gathering.add_home(fact.home);
  Repository(gathering, lookup, fact).read(mapped);
  gathering.facts().repositories.push_back(std::move(fact));
}

}  // namespace holdfast::profile::magnolia
