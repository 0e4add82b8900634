// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/conversion_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "base/ascii.h"
#include "base/error.h"
#include "base/path.h"
#include "base/uri.h"
#include "profile/magnolia/configuration_file.h"
#include "profile/magnolia/gathering.h"
#include "profile/magnolia/jdbc_sqlserver.h"
#include "profile/magnolia/jdbc_url.h"
#include "profile/magnolia/judging.h"
#include "profile/magnolia/new_tables.h"
#include "profile/magnolia/row_reader.h"
#include "profile/magnolia/xml_edit.h"

namespace holdfast::profile::magnolia {
namespace {

namespace fs = std::filesystem;
using model::Severity;

constexpr std::string_view lost_otherwise = "its content would be missing after the migration";

// A prefix as it stands in configuration, and with its variables in place.
struct Prefix {
  std::string written, plain;
};

class Planner {
 public:
  Planner(const MagnoliaFacts& facts, const model::Instance& source, const model::Plan& components,
          const model::Instance& target)
      : facts_(facts), source_(source), components_(components), target_(target) {}

  ConversionPlan make() {
    const std::string engine = choose_engine();
    if (engine.empty()) return std::move(plan_);
    plan_.connection.engine = engine;
    is_embedded_ = is_embedded_engine(engine);
    plan_.dialect = dialect_of(engine);
    tables_.emplace(plan_.dialect);
    if (!is_embedded_) add_server();
    judge_places();
    for (const RepositoryFact& repository : facts_.repositories) convert(repository);
    if (is_embedded_) judge_named();
    for (const model::Finding& finding : tables_->findings()) plan_.findings.push_back(finding);
    plan_.databases = tables_->take_databases();
    look_for_driver();
    look_for_leftovers();
    return std::move(plan_);
  }

 private:
  void block(const char* code, const std::string& component, const std::string& seen,
             std::string_view why, const std::string& mend) {
    plan_.findings.push_back(
        make_finding(code, Severity::blocker, component, seen, std::string(why), mend));
  }

  [[nodiscard]] std::string choose_engine() {
    if (!target_.magnolia.persistence.empty()) return target_.magnolia.persistence;
    std::set<std::string> engines;
    const auto add = [&](const WorkspaceFact& workspace) {
      const Connection* connection = facts_.connection(workspace.persistence.connection);
      if (connection != nullptr) engines.insert(connection->engine);
    };
    for (const RepositoryFact& repository : facts_.repositories) {
      for (const WorkspaceFact& workspace : repository.workspaces) add(workspace);
      add(repository.version);
    }
    if (engines.size() == 1 && is_known(*engines.begin())) return *engines.begin();
    block("magnolia-conversion-persistence", "",
          engines.empty() ? "no workspace is kept in a database"
                          : fmt::format("the workspaces are kept by {}", fmt::join(engines, ", ")),
          "`data_store` alone does not say where their content goes",
          "Add persistence = \"…\" to [magnolia] of the target.");
    return {};
  }
  [[nodiscard]] static bool is_known(std::string_view engine) {
    return engine == "derby" || engine == "h2" || engine == "postgresql" || engine == "mariadb" ||
           engine == "sqlserver";
  }
  [[nodiscard]] static Dialect dialect_of(std::string_view engine) {
    return engine == "derby"        ? Dialect::derby
           : engine == "h2"         ? Dialect::h2
           : engine == "postgresql" ? Dialect::postgresql
           : engine == "sqlserver"  ? Dialect::mssql
                                    : Dialect::mysql;
  }

  // The one database of a server that everything goes to.
  void add_server() {
    const std::string& engine = plan_.connection.engine;
    std::vector<const model::DatabaseSettings*> fitting;
    for (const model::DatabaseSettings& database : target_.databases) {
      if (database.engine == engine) fitting.push_back(&database);
    }
    if (fitting.size() != 1 || target_.databases.size() != 1) {
      block("magnolia-conversion-database", "",
            fmt::format("{} has {} [[database]], {} of them of {}", target_.file,
                        target_.databases.size(), fitting.size(), engine),
            "all content goes to one database, which must be told",
            "Name exactly one [[database]], with the uri of a " + engine + " database.");
      if (fitting.empty()) {  // go on for what else there is to say
        tables_->add_database({});
        return;
      }
    }
    const model::DatabaseSettings& database = *fitting[0];
    tables_->add_database(database);
    NewConnection& connection = plan_.connection;
    connection.component = database.name;
    connection.user = database.user;
    connection.password = database.password;
    if (engine == "sqlserver") {
      lead_to_sqlserver(database, connection);
    } else {
      const bool has_mysql_driver = has_driver("mysql-connector") && !has_driver("mariadb");
      const std::string subprotocol = engine == "postgresql" ? "postgresql"
                                      : has_mysql_driver     ? "mysql"
                                                             : "mariadb";
      connection.driver = engine == "postgresql"                 ? "org.postgresql.Driver"
                          : !has_mysql_driver                    ? "org.mariadb.jdbc.Driver"
                          : has_driver("mysql-connector-java-5") ? "com.mysql.jdbc.Driver"
                                                                 : "com.mysql.cj.jdbc.Driver";
      connection.url = jdbc_url_of(database.uri, subprotocol);
    }
    if (connection.url.empty()) {
      block("magnolia-conversion-database", database.name,
            redacted_uri(database.uri) + " names no host or no database",
            "no JDBC driver could lead the application there",
            "Write it as \"" + (engine == "mariadb" ? std::string("mysql") : engine) +
                "://host:port/database\".");
    }
    if (connection.user.empty()) {
      block("magnolia-conversion-database", database.name,
            "[[database]] " + database.name + " has no `user`",
            "the application is given the account that stands there",
            "Add `user` and, if it has one, its password.");
    }
    const auto tls = database.options.find("tls");
    if (engine != "sqlserver" && tls != database.options.end() && tls->second != "off" &&
        tls->second != "preferred") {
      plan_.by_hand.push_back("the connection of the application to " + database.name +
                              " is written without TLS: add what its driver needs for it");
    }
  }

  // Its URL says how to encrypt too; what a trust store of Java's holds is not known.
  void lead_to_sqlserver(const model::DatabaseSettings& database, NewConnection& connection) {
    const bool is_jtds = has_driver("jtds") && !has_driver("mssql-jdbc") && !has_driver("sqljdbc");
    connection.driver = is_jtds ? "net.sourceforge.jtds.jdbc.Driver"
                                : "com.microsoft.sqlserver.jdbc.SQLServerDriver";
    connection.url = sqlserver_jdbc_url(database.uri, database.options, database.user, is_jtds);
    connection.user.erase(0, connection.user.find('\\') + 1);
    const auto authorities = database.options.find("tls_ca");
    if (authorities != database.options.end())
      plan_.by_hand.push_back("the application trusts what is in Java's trust store: add " +
                              authorities->second + " (keytool -importcert), for " + database.name);
  }

  void judge_places() {
    if (target_.home.empty() || source_.home == target_.home) {
      block("magnolia-conversion-same-place", "",
            target_.home.empty() ? "the target has no `home`"
                                 : "source and target have the home " + target_.home,
            "what is converted goes beside the source, which stays as it is",
            "Give the target a `home` of its own.");
    }
    for (const model::DatabaseSettings& to : target_.databases) {
      for (const model::DatabaseSettings& from : components_.databases) {
        if (plain_place(from.uri) != plain_place(to.uri)) continue;
        block("magnolia-conversion-same-place", to.name,
              redacted_uri(to.uri) + " is a database of the source and of the target",
              "what is converted goes beside the source, which stays as it is",
              "Name another database for the target.");
      }
    }
    for (const model::DatabaseSettings& database : components_.databases) {
      if (facts_.connection(database.name) != nullptr) continue;
      block("magnolia-conversion-database", database.name,
            "[[database]] " + database.name + " of the source is none of Magnolia's",
            "what becomes of it in a conversion is not known",
            "Migrate it by itself, with an instance file of its own.");
    }
  }

  // Where a path of the source lies in the target; empty if that cannot be told.
  [[nodiscard]] std::string target_place(const std::string& path) const {
    for (const model::FilesSettings& from : components_.files) {
      for (const model::FilesSettings& to : target_.files) {
        if (from.name != to.name || from.paths.size() != to.paths.size()) continue;
        for (std::size_t i = 0; i < from.paths.size(); ++i) {
          if (is_below(path, from.paths[i]))
            return clean_directory(to.paths[i]) + path.substr(from.paths[i].size());
        }
      }
    }
    const std::string home = clean_path(source_.home);
    if (!is_below(path, home) || target_.home.empty()) return {};
    return clean_path(target_.home) + path.substr(home.size());
  }

  // An embedded database in a directory of the source's. Its number.
  std::size_t add_embedded(const std::string& directory, std::string name,
                           const std::string& otherwise) {
    const std::string& engine = plan_.connection.engine;
    const auto is_taken = [&](const std::string& wanted) {
      return wanted == "files" || wanted == "datastore" || !names_.insert(wanted).second;
    };
    if (is_taken(name)) {
      name = otherwise;
      for (unsigned number = 2; is_taken(name); ++number)
        name = otherwise + "-" + std::to_string(number);
    }
    const std::string place = target_place(directory);
    if (place.empty()) {
      block("magnolia-conversion-place", name,
            directory + " lies outside of `home`, and the target does not say where it goes",
            "a database is made in it",
            "Add [[files]] with a path for each path of the source's component.");
    }
    if (place == directory) {
      block("magnolia-conversion-same-place", name,
            directory + " is a directory of the source and of the target",
            "what is converted goes beside the source, which stays as it is",
            "Name another path for it in [[files]] of the target.");
    }
    model::DatabaseSettings settings;
    settings.name = name;
    settings.engine = engine;
    settings.uri = engine + ":" + place + (engine == "h2" ? "/db.mv.db" : "/db");
    if (engine == "h2") settings.user = "sa";
    for (const std::string& jar : facts_.drivers) {
      const bool fits = fs::path(jar).filename().string().starts_with(engine);
      if (fits) settings.options.emplace("driver", jar);  // the first
    }
    for (const model::DatabaseSettings& given : target_.databases) {
      if (given.name != name || given.engine != engine) continue;
      for (const auto& [key, value] : given.options) settings.options[key] = value;
    }
    return tables_->add_database(std::move(settings));
  }

  // An embedded target makes its databases itself.
  void judge_named() {
    for (const model::DatabaseSettings& given : target_.databases) {
      if (given.engine == plan_.connection.engine && names_.contains(given.name)) continue;
      block("magnolia-conversion-database", given.name,
            "[[database]] " + given.name + " of the target is none of those that are made",
            "nothing would go there", "Take it out of " + target_.file + ".");
    }
  }

  // What tables are called: as in the source, but where prefixes kept no two apart there.
  [[nodiscard]] Prefix prefix_of(const std::string& connection, const std::string& written,
                                 const std::string& plain, const Prefix& stock) const {
    const Connection* from = facts_.connection(connection);
    if (!is_embedded_ && (from == nullptr || !from->path.empty())) return stock;
    return {written, plain};
  }

  // Which tables go where; for what was never opened in an embedded database there are none.
  void convert_tables(const std::string& component, const std::string& prefix,
                      std::initializer_list<TableKind> kinds, const std::string& plain,
                      const std::string& what, const auto& database) {
    ConvertedTables converted;
    const Connection* connection = facts_.connection(component);
    if (connection == nullptr) return;
    std::error_code ignored;
    if (!connection->path.empty() && !fs::exists(connection->path, ignored)) return;
    converted.component = component;
    converted.schema = schema_of(facts_, component);
    converted.prefix = prefix;
    const std::size_t number = database();
    for (const TableKind kind : kinds)
      converted.places[kind] = tables_->add_table(number, kind, plain, what);
    plan_.tables.push_back(std::move(converted));
  }

  void convert_manager(const RepositoryFact& repository, const WorkspaceFact& workspace,
                       const std::string& plain) {
    const PersistenceFact& kept = workspace.persistence;
    if (kept.keeping == Keeping::memory) return;
    const std::string what = "workspace " + workspace.name + " of " + repository.name;
    if (kept.keeping != Keeping::bundle_tables || kept.connection.empty()) {
      block("magnolia-conversion-persistence", "",
            what + " is kept by " + kept.class_name + " (" + kept.where + ")",
            std::string("it is in no tables of bundles: ") + std::string(lost_otherwise),
            "Move the workspace to a bundle persistence manager first.");
      return;
    }
    const std::string& directory = workspace.directory;
    convert_tables(
        kept.connection, kept.table_prefix,
        {TableKind::bundle, TableKind::refs, TableKind::binval, TableKind::names}, plain, what,
        [&] {
          return is_embedded_
                     ? add_embedded(&workspace == &repository.version ? repository.home + "/version"
                                                                      : directory,
                                    workspace.name, repository.name + "-" + workspace.name)
                     : 0;
        });
  }

  // A file system in tables goes to tables of a server, or to files.
  void convert_file_system(const StoreFact& store, const FilesPlace& files,
                           const std::string& plain, const std::string& what) {
    if (store.kind != StoreKind::tables || store.connection.empty()) return;
    if (!is_embedded_) {
      convert_tables(store.connection, store.table_prefix, {TableKind::fsentry}, plain, what,
                     [] { return std::size_t{0}; });
      return;
    }
    plan_.tables.push_back({store.connection,
                            schema_of(facts_, store.connection),
                            store.table_prefix,
                            {},
                            files,
                            TableKind::fsentry});
  }

  // Returns what becomes of it.
  StoreChange convert_store(const RepositoryFact& repository, const std::string& class_name,
                            const std::string& plain) {
    const std::string& wanted = target_.magnolia.data_store;
    const auto& stores = repository.data_stores;
    if (stores.empty()) return StoreChange::none;
    const StoreFact& store = stores[0];
    const bool has_tables = std::any_of(stores.begin(), stores.end(), [](const StoreFact& one) {
      return one.kind == StoreKind::tables;
    });
    const bool is_plain = stores.size() == 1 && class_name == store.class_name &&
                          (store.kind == StoreKind::files || store.kind == StoreKind::tables);
    if (!is_plain) {
      if (wanted.empty() && !has_tables) return StoreChange::none;
      block(
          "magnolia-conversion-datastore", "",
          "the data store of " + repository.name + " is a " + class_name + " (" + store.where + ")",
          "only a FileDataStore or a DbDataStore can be converted",
          has_tables ? "Move it to one of them first."
                     : "Take `data_store` out of the target's [magnolia].");
      return StoreChange::none;
    }
    const std::string place =
        store.kind == StoreKind::files ? store.path : store.connection + '\t' + store.table_prefix;
    if (!store_places_.insert(place).second) {
      block("magnolia-conversion-datastore", "",
            "the data store of " + repository.name + " is that of another repository too (" +
                store.where + ")",
            "its records would go to one of them", "Give each a data store of its own first.");
      return StoreChange::none;
    }
    const bool to_files = wanted == "files" || (wanted.empty() && store.kind == StoreKind::files);
    if (to_files && store.kind == StoreKind::files) return StoreChange::none;
    if (to_files) {
      plan_.tables.push_back({store.connection,
                              schema_of(facts_, store.connection),
                              store.table_prefix,
                              {},
                              {repository.home, "repository/datastore"},
                              TableKind::datastore});
      return StoreChange::to_files;
    }
    const std::string what = "the data store of " + repository.name;
    const auto database = [&] {
      return is_embedded_ ? add_embedded(repository.home + "/datastore", "records",
                                         repository.name + "-records")
                          : 0;
    };
    if (store.kind == StoreKind::tables) {
      convert_tables(store.connection, store.table_prefix, {TableKind::datastore}, plain, what,
                     database);
    } else {
      plan_.files.push_back(
          {store.path, tables_->add_table(database(), TableKind::datastore, plain, what)});
    }
    return StoreChange::to_database;
  }

  void convert_cluster(const RepositoryFact& repository, const std::string& plain) {
    if (!repository.is_cluster) return;
    if (is_embedded_) {
      block("magnolia-conversion-cluster", "",
            repository.name + " is a cluster, and " + plan_.connection.engine +
                " lets in one node alone",
            "no other node could work on its content",
            "Take a server's database, or <Cluster> out of the configuration first.");
      return;
    }
    const StoreFact& journal = repository.journal;
    if (journal.kind != StoreKind::tables) return;
    convert_tables(journal.connection, journal.table_prefix,
                   {TableKind::journal, TableKind::global_revision, TableKind::local_revisions},
                   plain, "the journal of " + repository.name, [] { return std::size_t{0}; });
  }

  // What the file of a repository says, beside the facts.
  struct Written {
    std::string data_source = "magnolia";
    std::string store_class;
    WorkspaceConfig workspace_template;
  };
  [[nodiscard]] static Written written_in(const std::string& file) {
    Written written;
    try {
      const std::string text = read_configuration_file(file).value_or("");
      const XmlPlace root = find_places(text, file);
      const XmlPlace* sources = root.child("DataSources");
      const XmlPlace* source = sources == nullptr ? nullptr : sources->child("DataSource");
      if (source != nullptr) written.data_source = source->attribute("name");
      const XmlPlace* store = root.child("DataStore");
      if (store != nullptr) written.store_class = store->attribute("class");
      written.workspace_template = parse_repository_config(text, file).workspace_template;
    } catch (const Error&) {
      return written;  // it is a blocker of the source's already
    }
    return written;
  }

  // Prefixes of the template for new workspaces.
  [[nodiscard]] std::string template_prefix(const std::optional<Bean>& bean,
                                            const std::string& stock) const {
    if (!bean) return stock;
    const std::string_view engine = engine_of_class(bean->class_name);
    const bool was_embedded = bean->find("dataSourceName") == nullptr && is_embedded_engine(engine);
    return was_embedded && !is_embedded_ ? stock : bean->get("schemaObjectPrefix");
  }

  void convert(const RepositoryFact& repository) {
    const bool is_alone = std::none_of(
        facts_.repositories.begin(), facts_.repositories.end(), [&](const RepositoryFact& other) {
          return &other != &repository && other.configuration == repository.configuration;
        });
    // Several repositories in one database are told apart by their names.
    const std::string tag = facts_.repositories.size() > 1 && is_alone ? repository.name + "_" : "";
    const Written written = written_in(repository.configuration);
    RepositoryChange change;
    change.file = repository.configuration;
    change.data_source = written.data_source;
    const WorkspaceConfig& model = written.workspace_template;
    change.template_prefix =
        template_prefix(model.persistence_manager, "pm_" + tag + "${wsp.name}_");
    change.template_files_prefix = template_prefix(model.file_system, "fs_" + tag + "${wsp.name}_");
    const WorkspaceFact& version = repository.version;
    const Prefix version_prefix = manager_prefix(version, {tag + "version_", tag + "version_"});
    change.version_prefix = version_prefix.written;
    convert_manager(repository, version, version_prefix.plain);
    const auto files = [&](const StoreFact& store, const FilesPlace& place, const std::string& name,
                           const std::string& what) {
      const Prefix prefix = store_prefix(store, {"fs_" + tag + name, "fs_" + tag + name});
      convert_file_system(store, place, prefix.plain, "the file system of " + what);
      return prefix.written;
    };
    change.files_prefix = files(repository.file_system, {repository.home, "repository"},
                                "repository_", repository.name);
    change.version_files_prefix = files(version.file_system, {repository.home, "version"},
                                        "version_", "the versions of " + repository.name);
    for (const WorkspaceFact& workspace : repository.workspaces) {
      const Prefix prefix = manager_prefix(
          workspace, {"pm_" + tag + "${wsp.name}_", "pm_" + tag + workspace.name + "_"});
      convert_manager(repository, workspace, prefix.plain);
      const std::string files_prefix =
          files(workspace.file_system, {workspace.directory, "default"}, workspace.name + "_",
                "workspace " + workspace.name);
      plan_.workspaces.push_back(
          {workspace.configuration, change.data_source, prefix.written, files_prefix});
    }
    const StoreFact none;
    const auto& stores = repository.data_stores;
    Prefix records = store_prefix(stores.empty() ? none : stores[0],
                                  {"DS_" + ascii_upper(tag), "DS_" + ascii_upper(tag)});
    change.store_prefix = records.written;
    change.store = convert_store(repository, written.store_class, records.plain);
    const Prefix journal = store_prefix(repository.journal, {tag + "journal_", tag + "journal_"});
    change.journal_prefix = journal.written;
    convert_cluster(repository, journal.plain);
    plan_.repositories.push_back(std::move(change));
  }

  [[nodiscard]] Prefix manager_prefix(const WorkspaceFact& workspace, const Prefix& stock) const {
    const PersistenceFact& kept = workspace.persistence;
    return prefix_of(kept.connection, kept.written_prefix, kept.plain_prefix, stock);
  }
  // MariaDB tells the case of letters in names of tables apart, and not every class writes them in
  // upper case.
  [[nodiscard]] Prefix store_prefix(const StoreFact& store, const Prefix& stock) const {
    Prefix prefix =
        store.kind == StoreKind::tables
            ? prefix_of(store.connection, store.written_prefix, store.plain_prefix, stock)
            : stock;
    if (plan_.dialect == Dialect::mysql && prefix.written == prefix.plain)
      prefix.written = ascii_upper(prefix.written);
    return prefix;
  }

  [[nodiscard]] bool has_driver(std::string_view beginning) const {
    return std::any_of(facts_.drivers.begin(), facts_.drivers.end(), [&](const std::string& jar) {
      return fs::path(jar).filename().string().starts_with(beginning);
    });
  }
  // Where it has others, it is known to lack that of the new engine.
  void look_for_driver() {
    const std::string& engine = plan_.connection.engine;
    const bool has_another =
        (engine == "mariadb" && has_driver("mysql-connector")) ||
        (engine == "sqlserver" &&
         (has_driver("mssql-jdbc") || has_driver("sqljdbc") || has_driver("jtds")));
    if (has_driver(engine) || has_another) return;
    const std::string place = facts_.directory + "/WEB-INF/lib";
    if (!facts_.drivers.empty()) {
      plan_.by_hand.push_back("put a JDBC driver of " + engine +
                              " into WEB-INF/lib: it has other drivers only");
      return;
    }
    plan_.findings.push_back(make_finding(
        "magnolia-conversion-driver", Severity::note, "", "there is no JDBC driver in " + place,
        "without one of " + engine + " the application will not start",
        "Put one there, unless its server has one for all applications."));
  }

  // Connections that stand elsewhere than in what is rewritten.
  void look_for_leftovers() {
    for (const Connection& connection : facts_.connections) {
      const std::string file = connection.where.substr(0, connection.where.rfind(':'));
      const auto is_it = [&](const auto& change) { return change.file == file; };
      if (std::any_of(plan_.repositories.begin(), plan_.repositories.end(), is_it) ||
          std::any_of(plan_.workspaces.begin(), plan_.workspaces.end(), is_it))
        continue;
      plan_.by_hand.push_back(
          fmt::format("{} still leads to {}, which Jackrabbit does not use any more: remove it",
                      connection.where, redacted_uri(connection.uri)));
    }
  }

  const MagnoliaFacts& facts_;
  const model::Instance& source_;
  const model::Plan& components_;
  const model::Instance& target_;
  bool is_embedded_ = false;
  std::set<std::string> names_;  // of embedded databases
  std::optional<NewTables> tables_;
  std::set<std::string> store_places_;  // of data stores that are converted
  ConversionPlan plan_;
};

}  // namespace

ConversionPlan plan_conversion(const MagnoliaFacts& facts, const model::Instance& source,
                               const model::Plan& components, const model::Instance& target) {
  return Planner(facts, source, components, target).make();
}

}  // namespace holdfast::profile::magnolia
