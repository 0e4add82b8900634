// SPDX-License-Identifier: Apache-2.0
// Small web applications that tests write, laid out as the stock ones are.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "model/finding.h"

namespace holdfast::profile::magnolia {

inline void write_text(const std::filesystem::path& file, std::string_view text) {
  std::filesystem::create_directories(file.parent_path());
  write_file_durably(file, as_bytes(text), 0644);
}

class TestTree {
 public:
  [[nodiscard]] std::string root() const { return directory_.path().string(); }
  [[nodiscard]] std::string application(std::string_view name = "magnoliaAuthor") const {
    return root() + "/tomcat/webapps/" + std::string(name);
  }
  [[nodiscard]] std::string home(std::string_view name = "magnoliaAuthor") const {
    return application(name) + "/repositories/magnolia";
  }

  // A web application with one repository of two workspaces, in an engine by name: "derby", "h2",
  // or "source" for a DataSource of that URL.
  void write_application(const std::string& engine, const std::string& url = "",
                         std::string_view name = "magnoliaAuthor") const {
    const std::string base = application(name) + "/WEB-INF/config/";
    write_text(base + "default/magnolia.properties",
               "magnolia.home=${magnolia.app.rootdir}\n"
               "magnolia.repositories.home=${magnolia.home}/repositories\n"
               "magnolia.repositories.jackrabbit.config=WEB-INF/config/repo-conf/jr.xml\n"
               "magnolia.author.key.location=WEB-INF/config/default/key.properties\n"
               "magnolia.connection.jcr.password=superuser\n");
    write_text(base + std::string(name) + "/magnolia.properties",
               name == "magnoliaPublic" ? "magnolia.bootstrap.authorInstance=false\n"
                                        : "magnolia.bootstrap.authorInstance=true\n");
    write_text(base + "default/key.properties", "key.private=00\n");
    write_text(base + "default/repositories.xml",
               "<JCR><RepositoryMapping/>\n<Repository name='magnolia' provider='p'>"
               "<param name='configFile' value='${magnolia.repositories.jackrabbit.config}'/>"
               "<param name='repositoryHome' value='${magnolia.repositories.home}/magnolia'/>"
               "<workspace name='website'/><workspace name='config'/>"
               "<workspace name='later'/></Repository></JCR>\n");
    write_text(base + "repo-conf/jr.xml", repository_xml(engine, url));
    for (const char* workspace : {"website", "config"})
      write_text(home(name) + "/workspaces/" + workspace + "/workspace.xml",
                 workspace_xml(engine, workspace));
    write_text(home(name) + "/repository/datastore/aa/bb/cc/aabbcc", "x");
    write_text(home(name) + "/repository/namespaces/ns_reg.properties",
               "jcr=http\\://www.jcp.org/jcr/1.0\n");
    std::filesystem::create_directories(home(name) + "/workspaces/website/index");
    std::filesystem::create_directories(application(name) + "/modules");
  }

  static std::string manager(const std::string& engine, const std::string& home,
                             const std::string& prefix) {
    if (engine == "source") {
      return "<PersistenceManager class='org.apache.jackrabbit.core.persistence.bundle."
             "PostgreSQLPersistenceManager'><param name='dataSourceName' value='magnolia'/>"
             "<param name='schemaObjectPrefix' value='pm_" +
             prefix + "'/></PersistenceManager>";
    }
    const std::string type = engine == "derby" ? "Derby" : "H2";
    return "<PersistenceManager class='org.apache.jackrabbit.core.persistence.pool." + type +
           "PersistenceManager'><param name='url' value='jdbc:" + engine + ":" + home +
           "/db'/><param name='schemaObjectPrefix' value='" + prefix + "'/></PersistenceManager>";
  }
  static std::string file_system(const std::string& path) {
    return "<FileSystem class='org.apache.jackrabbit.core.fs.local.LocalFileSystem'>"
           "<param name='path' value='" +
           path + "'/></FileSystem>";
  }
  static std::string workspace_xml(const std::string& engine, const std::string& name) {
    return "<Workspace name='" + name + "'>\n" + file_system("${wsp.home}/default") + "\n" +
           manager(engine, "${wsp.home}", "${wsp.name}_") +
           "<SearchIndex class='org.apache.jackrabbit.core.query.lucene.SearchIndex'>"
           "<param name='path' value='${wsp.home}/index'/></SearchIndex></Workspace>\n";
  }
  static std::string repository_xml(const std::string& engine, const std::string& url) {
    std::string text =
        "<!DOCTYPE Repository PUBLIC '-//The Apache Software Foundation//DTD Jackrabbit 2.0//EN' "
        "'http://jackrabbit.apache.org/dtd/repository-2.0.dtd'>\n<Repository>";
    if (engine == "source") {
      text += "<DataSources><DataSource name='magnolia'>\n<param name='driver' value='" +
              std::string(url.starts_with("java:") ? "javax.naming.InitialContext" : "d") +
              "'/><param name='url' value='" + url + "'/>" +
              (url.starts_with("java:") ? ""
                                        : "<param name='user' value='mag'/>"
                                          "<param name='password' value='${db.password}'/>") +
              "</DataSource></DataSources>";
    }
    return text + file_system("${rep.home}/repository") +
           "<DataStore class='org.apache.jackrabbit.core.data.FileDataStore'>"
           "<param name='path' value='${rep.home}/repository/datastore'/>"
           "<param name='minRecordLength' value='1024'/></DataStore>"
           "<Workspaces rootPath='${rep.home}/workspaces' defaultWorkspace='default'/>"
           "<Versioning rootPath='${rep.home}/version'>" +
           file_system("${rep.home}/workspaces/version") +
           manager(engine, "${rep.home}/version", "version_") + "</Versioning></Repository>\n";
  }

 private:
  TemporaryDirectory directory_{"magnolia-test"};
};

// "code severity" of each, one after the other.
inline std::string codes(const std::vector<model::Finding>& findings) {
  std::string text;
  for (const model::Finding& finding : findings) {
    text += (text.empty() ? "" : ", ") + finding.code + " " +
            std::string(model::severity_name(finding.severity));
  }
  return text;
}

inline const model::Finding* find_code(const std::vector<model::Finding>& findings,
                                       std::string_view code) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const auto& finding) { return finding.code == code; });
  return found == findings.end() ? nullptr : &*found;
}

}  // namespace holdfast::profile::magnolia
