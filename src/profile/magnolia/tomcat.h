// SPDX-License-Identifier: Apache-2.0
// A Tomcat's configuration: which web applications it has and which databases it lends them by
// name (JNDI). Reads files, runs nothing.
//
// Source: Apache Tomcat 9, "The Context Container", "JNDI Resources", "The Host Container".
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/xml.h"
#include "model/finding.h"
#include "profile/magnolia/variables.h"

namespace holdfast::profile::magnolia {

// A <Resource> of type javax.sql.DataSource.
struct JndiResource {
  std::string name;  // "jdbc/MagnoliaAuthor"
  std::string url, user;
  std::string properties;  // "name=value;name=value", for the driver
  std::shared_ptr<const Secret> password;
  std::string where;  // "file:line"
};

struct WebApplication {
  std::string directory;     // absolute
  std::string context_file;  // conf/Catalina/localhost/<name>.xml; empty if it has none
};

class Tomcat {
 public:
  // The Tomcat whose base (conf/server.xml in it) is `directory`; nothing if that is none.
  // `system_properties` stand in its files as `${…}`. A file that cannot be read or parsed is a
  // finding.
  [[nodiscard]] static std::optional<Tomcat> at(const std::string& directory,
                                                Variables system_properties);

  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  // Directories with WEB-INF, of appBase and of contexts, by name.
  [[nodiscard]] const std::vector<WebApplication>& applications() const noexcept {
    return applications_;
  }
  // The resource that `java:comp/env/<name>` is in that application: of its own context file, else
  // of META-INF/context.xml, of server.xml's <Context>, of conf/context.xml; a <ResourceLink> leads
  // to <GlobalNamingResources>. Adds findings for files that cannot be parsed.
  [[nodiscard]] std::optional<JndiResource> resource(const std::string& application_directory,
                                                     std::string_view name,
                                                     std::vector<model::Finding>& findings) const;
  // -D words in bin/setenv.sh, which is not run: "magnolia.home=/srv" with the place. A hint for
  // people, no more.
  [[nodiscard]] std::vector<std::string> setenv_properties() const;
  [[nodiscard]] const std::vector<model::Finding>& findings() const noexcept { return findings_; }

 private:
  void read_server();
  void read_host(const XmlElement& host, const std::string& engine);
  void read_context_files(const std::string& engine, const std::string& host,
                          const std::string& app_base);
  void add_application(const std::string& directory, const std::string& context_file);
  [[nodiscard]] std::string expanded(const std::string& value) const;
  [[nodiscard]] JndiResource resource_of(const XmlElement& element, const std::string& file) const;
  [[nodiscard]] std::optional<JndiResource> resource_in(const XmlElement& context,
                                                        const std::string& file,
                                                        std::string_view name) const;

  std::string directory_;
  Variables properties_;
  std::vector<WebApplication> applications_;
  std::optional<XmlElement> server_;
  std::vector<model::Finding> findings_;
};

// Configuration that is not as it should be, as a finding.
[[nodiscard]] model::Finding unreadable_configuration(const std::string& message);

}  // namespace holdfast::profile::magnolia
