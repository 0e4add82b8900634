// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/conversion_config.h"

#include <algorithm>
#include <set>

#include "base/bytes.h"
#include "profile/magnolia/repository_files.h"
#include "profile/magnolia/xml_edit.h"

namespace holdfast::profile::magnolia {
namespace {

using Names = std::set<std::string, std::less<>>;

// What says where tables are, and what only one engine's class takes.
const Names& connection_parameters() {
  static const Names names{"driver",
                           "url",
                           "user",
                           "password",
                           "schema",
                           "databaseType",
                           "dataSourceName",
                           "schemaObjectPrefix",
                           "tablePrefix",
                           "tableSpace",
                           "indexTablespace",
                           "lockTimeout",
                           "shutdownOnClose",
                           "derbyStorageInitialPages",
                           "derbyStorageMinimumRecordSize",
                           "derbyStoragePageCacheSize",
                           "derbyStoragePageReservedSpace",
                           "derbyStoragePageSize"};
  return names;
}

std::string database_type(std::string_view engine) {
  return engine == "mariadb" ? "mysql" : engine == "sqlserver" ? "mssql" : std::string(engine);
}

class Rewriting {
 public:
  Rewriting(std::string_view text, const std::string& file, const NewConnection& connection,
            std::string data_source)
      : root_(find_places(text, file)),
        edit_(text),
        connection_(connection),
        data_source_(std::move(data_source)) {}

  [[nodiscard]] const XmlPlace& root() const noexcept { return root_; }
  [[nodiscard]] const XmlPlace* find(std::string_view parent, std::string_view name) const {
    const XmlPlace* above = parent.empty() ? &root_ : root_.child(parent);
    return above == nullptr ? nullptr : above->child(name);
  }

  void manager(const XmlPlace* element, const std::string& home, const std::string& prefix) {
    if (element == nullptr) return;
    const std::string old_class = element->attribute("class");
    if (keeping_of(old_class) != Keeping::bundle_tables) return;
    const std::string& engine = connection_.engine;
    const char* type = engine == "derby"        ? "Derby"
                       : engine == "h2"         ? "H2"
                       : engine == "postgresql" ? "PostgreSQL"
                       : engine == "sqlserver"  ? "MSSql"
                                                : "MySql";
    XmlParameters add = place(home);
    add.emplace_back("schemaObjectPrefix", prefix);
    edit_.change(
        *element,
        "org.apache.jackrabbit.core.persistence.pool." + std::string(type) + "PersistenceManager",
        connection_parameters(), add);
  }

  // Of a file system that is kept in tables: an embedded database takes none.
  void file_system(const XmlPlace* element, const std::string& path, const std::string& prefix) {
    if (element == nullptr || element->attribute("class").find(".fs.db.") == std::string::npos)
      return;
    if (is_embedded_engine(connection_.engine)) {
      edit_.change(*element, "org.apache.jackrabbit.core.fs.local.LocalFileSystem",
                   connection_parameters(), {{"path", path}});
      return;
    }
    XmlParameters add = place("");
    add.emplace_back("schemaObjectPrefix", prefix);
    edit_.change(*element, "org.apache.jackrabbit.core.fs.db.DbFileSystem", connection_parameters(),
                 add);
  }

  void data_store(const XmlPlace* element, StoreChange change, const std::string& prefix) {
    if (element == nullptr || change == StoreChange::none) return;
    Names drop;
    for (const XmlPlace& parameter : element->children) {
      const std::string name = parameter.attribute("name");
      if (name != "minRecordLength") drop.insert(name);
    }
    if (change == StoreChange::to_files) {
      edit_.change(*element, "org.apache.jackrabbit.core.data.FileDataStore", drop,
                   {{"path", "${rep.home}/repository/datastore"}});
      return;
    }
    const bool was_database = element->attribute("class").ends_with(".DbDataStore");
    XmlParameters add = place("${rep.home}/datastore");
    if (is_embedded_engine(connection_.engine))
      add.emplace_back("databaseType", database_type(connection_.engine));
    add.emplace_back("schemaObjectPrefix", prefix);
    edit_.change(*element, "org.apache.jackrabbit.core.data.db.DbDataStore",
                 was_database ? connection_parameters() : drop, add);
  }

  void journal(const XmlPlace* element, const std::string& prefix) {
    if (element == nullptr || !element->attribute("class").ends_with("DatabaseJournal")) return;
    XmlParameters add = place("");
    add.emplace_back("schemaObjectPrefix", prefix);
    // Only this class of its own fills the variable that SQL Server's definition has.
    const std::string type = connection_.engine == "sqlserver" ? "MSSql" : "";
    edit_.change(*element, "org.apache.jackrabbit.core.journal." + type + "DatabaseJournal",
                 connection_parameters(), add);
  }

  // All content goes to one database, so no other is left.
  void data_sources(const Secret* password) {
    const XmlPlace* all = root_.child("DataSources");
    if (is_embedded_engine(connection_.engine)) {
      if (all != nullptr) edit_.remove(*all);
      return;
    }
    XmlParameters add{{"driver", connection_.driver}, {"url", connection_.url}};
    if (!connection_.user.empty()) add.emplace_back("user", connection_.user);
    if (password != nullptr) add.emplace_back("password", written_password(password->reveal()));
    add.emplace_back("databaseType", database_type(connection_.engine));
    add.emplace_back("validationQuery", "select 1");
    const XmlPlace* first = all == nullptr ? nullptr : all->child("DataSource");
    if (first != nullptr) {
      Names drop = connection_parameters();
      drop.insert("validationQuery");
      edit_.change(*first, "", drop, add);
      for (const XmlPlace& other : all->children) {
        if (&other != first && other.name == "DataSource") edit_.remove(other);
      }
      return;
    }
    std::string text = "<DataSource name=\"" + data_source_ + "\">";
    for (const auto& [name, value] : add) text += "\n      " + xml_parameter(name, value);
    text += "\n    </DataSource>";
    if (all != nullptr && all->content_begin != all->end) {
      edit_.insert_first(*all, text);
      return;
    }
    if (all != nullptr) edit_.remove(*all);
    edit_.insert_first(root_, "<DataSources>\n    " + text + "\n  </DataSources>");
  }

  [[nodiscard]] std::string result() const { return edit_.result(); }

 private:
  // What leads to the database; an embedded one's is in `home`.
  [[nodiscard]] XmlParameters place(const std::string& home) const {
    if (connection_.engine == "derby") return {{"url", "jdbc:derby:" + home + "/db;create=true"}};
    if (connection_.engine == "h2") {
      return {{"driver", "org.h2.Driver"},
              {"url", "jdbc:h2:" + home + "/db"},
              {"user", "sa"},
              {"password", ""}};
    }
    return {{"dataSourceName", data_source_}};
  }

  XmlPlace root_;
  XmlEdit edit_;
  const NewConnection& connection_;
  const std::string data_source_;
};

}  // namespace

bool is_embedded_engine(std::string_view engine) noexcept {
  return engine == "derby" || engine == "h2";
}

std::string rewrite_repository(std::string_view text, const NewConnection& connection,
                               const Secret* password, const RepositoryChange& change) {
  Rewriting rewriting(text, change.file, connection, change.data_source);
  rewriting.data_sources(password);
  rewriting.journal(rewriting.find("Cluster", "Journal"), change.journal_prefix);
  rewriting.file_system(rewriting.find("", "FileSystem"), "${rep.home}/repository",
                        change.files_prefix);
  rewriting.data_store(rewriting.find("", "DataStore"), change.store, change.store_prefix);
  rewriting.file_system(rewriting.find("Workspace", "FileSystem"), "${wsp.home}/default",
                        change.template_files_prefix);
  rewriting.manager(rewriting.find("Workspace", "PersistenceManager"), "${wsp.home}",
                    change.template_prefix);
  rewriting.file_system(rewriting.find("Versioning", "FileSystem"), "${rep.home}/version",
                        change.version_files_prefix);
  rewriting.manager(rewriting.find("Versioning", "PersistenceManager"), "${rep.home}/version",
                    change.version_prefix);
  return rewriting.result();
}

std::string rewrite_workspace(std::string_view text, const NewConnection& connection,
                              const WorkspaceChange& change) {
  Rewriting rewriting(text, change.file, connection, change.data_source);
  rewriting.file_system(rewriting.find("", "FileSystem"), "${wsp.home}/default",
                        change.files_prefix);
  rewriting.manager(rewriting.find("", "PersistenceManager"), "${wsp.home}", change.prefix);
  return rewriting.result();
}

std::string written_password(std::string_view password) {
  // Jackrabbit puts values for variables, and takes passwords in base64.
  const bool is_plain =
      password.find("${") == std::string_view::npos && !password.starts_with("{base64}") &&
      std::all_of(password.begin(), password.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  return is_plain ? std::string(password) : "{base64}" + to_base64(as_bytes(password));
}

std::string jdbc_url_of(std::string_view uri, std::string_view subprotocol) {
  const std::size_t slashes = uri.find("://");
  if (slashes == std::string_view::npos) return {};
  std::string_view place = uri.substr(slashes + 3);
  const std::string_view query = place.substr(std::min(place.find('?'), place.size()));
  place = place.substr(0, place.find('?'));
  const std::size_t slash = place.find('/');
  if (const std::size_t at = place.substr(0, slash).rfind('@'); at != std::string_view::npos)
    place.remove_prefix(at + 1);
  if (place.starts_with('/') || place.find('/') == std::string_view::npos || place.ends_with('/') ||
      query.find("host=") != std::string_view::npos ||
      query.find("socket=") != std::string_view::npos)
    return {};
  std::string url = "jdbc:" + std::string(subprotocol) + "://" + std::string(place);
  // libpq and Java's driver call these alike.
  std::string_view rest = subprotocol == "postgresql" && !query.empty() ? query.substr(1) : "";
  char sign = '?';
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    if (!one.starts_with("sslmode=") && !one.starts_with("sslrootcert=")) continue;
    url += sign + std::string(one);
    sign = '&';
  }
  return url;
}

}  // namespace holdfast::profile::magnolia
