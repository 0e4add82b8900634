// SPDX-License-Identifier: Apache-2.0
// One web application: its chain of property files, and what they lead to.
#include <algorithm>
#include <array>
#include <filesystem>

#include "base/ascii.h"
#include "base/error.h"
#include "profile/magnolia/configuration_file.h"
#include "profile/magnolia/gathering.h"
#include "profile/magnolia/java_command.h"
#include "profile/magnolia/java_properties.h"

namespace holdfast::profile::magnolia {
namespace {

namespace fs = std::filesystem;
using model::Severity;

constexpr std::string_view config = "WEB-INF/config";

class Application {
 public:
  Application(const WebApplicationPlace& place, MagnoliaFacts& facts)
      : place_(place), facts_(facts), gathering_(place, facts) {}

  void read() {
    facts_.directory = place_.directory;
    facts_.name = fs::path(place_.directory).filename().string();
    gathering_.look_for_link(place_.directory);
    gathering_.add_home(place_.directory);
    read_tomcat();
    read_chain();
    const Lookup lookup = [this](std::string_view name) { return variables_.find(name); };
    read_places(lookup);
    read_repositories(lookup);
    read_drivers();
  }

 private:
  void read_tomcat() {
    if (place_.tomcat == nullptr) return;
    facts_.tomcat = place_.tomcat->directory();
    for (const WebApplication& application : place_.tomcat->applications()) {
      if (application.directory == place_.directory) facts_.context_file = application.context_file;
    }
    const auto& findings = place_.tomcat->findings();
    facts_.findings.insert(facts_.findings.end(), findings.begin(), findings.end());
    if (!facts_.context_file.empty()) facts_.configuration_files.push_back(facts_.context_file);
  }

  // Where the property files are, the first one is the weakest. Source: Magnolia, "Configuration
  // management", and its web.xml.
  [[nodiscard]] std::vector<std::string> chain() {
    std::vector<std::string> files;
    try {
      const std::string web = place_.directory + "/WEB-INF/web.xml";
      if (const auto text = read_configuration_file(web)) {
        files = parse_initialization_files(*text, web);
        std::reverse(files.begin(), files.end());
      }
    } catch (const Error& error) {
      facts_.findings.push_back(unreadable_configuration(error.message()));
    }
    if (!files.empty()) return files;
    const std::string base = std::string(config) + "/";
    return {base + "magnolia.properties", base + "default/magnolia.properties",
            base + "${webapp}/magnolia.properties", base + "${servername}/magnolia.properties",
            base + "${servername}/${webapp}/magnolia.properties"};
  }

  void set_usual() {
    const std::string usual = "Magnolia's own default";
    variables_.set("magnolia.app.rootdir", place_.directory, "the web application's directory");
    variables_.set("magnolia.webapp", facts_.name, "the web application's directory");
    variables_.set("magnolia.contextpath", "/" + facts_.name, "the web application's directory");
    variables_.set("magnolia.servername", place_.server_name, "the name of this host");
    variables_.set("magnolia.home", "${magnolia.app.rootdir}", usual);
    variables_.set("magnolia.cache.startdir", "${magnolia.home}/cache", usual);
    variables_.set("magnolia.upload.tmpdir", "${magnolia.home}/tmp", usual);
    variables_.set("magnolia.logs.dir", "${magnolia.home}/logs", usual);
    variables_.set("magnolia.resources.dir", "${magnolia.home}/modules", usual);
    variables_.set("magnolia.repositories.home", "${magnolia.home}/repositories", usual);
    variables_.set("magnolia.repositories.config",
                   std::string(config) + "/default/repositories.xml", usual);
    variables_.set("magnolia.author.key.location",
                   std::string(config) + "/default/magnolia-activation-keypair.properties", usual);
  }

  void read_chain() {
    set_usual();
    Variables names;
    names.set("webapp", facts_.name, "");
    names.set("contextPath", facts_.name, "");
    names.set("servername", place_.server_name, "");
    for (const auto& [name, variable] : place_.system_properties.all())
      names.set("systemProperty/" + name, variable.value, "");
    for (const std::string& written : chain()) {
      const Expansion expansion = expand(written, names);
      if (!expansion.is_whole()) continue;  // a place that this server has not
      const std::string file = clean_directory(expansion.text.starts_with('/')
                                                   ? expansion.text
                                                   : place_.directory + "/" + expansion.text);
      read_properties(file);
    }
    read_environment();
    for (const auto& [name, variable] : place_.system_properties.all()) {
      if (variables_.find(name) != nullptr) facts_.used_properties.insert(name);
      variables_.set(name, variable.value, variable.where);
    }
    const Variable* author = variables_.find("magnolia.bootstrap.authorInstance");
    facts_.is_author = author == nullptr || author->value != "false";
  }

  void read_properties(const std::string& file) {
    try {
      const auto text = read_configuration_file(file);
      if (!text) return;
      gathering_.look_for_links(file, file);
      for (const JavaProperty& one : parse_java_properties(*text, file))
        variables_.set(one.key, one.value, file + ":" + std::to_string(one.line));
      facts_.chain.push_back(file);
      facts_.configuration_files.push_back(file);
    } catch (const Error& error) {
      facts_.findings.push_back(unreadable_configuration(error.message()));
    }
  }

  // MAGNOLIA_HOME stands for magnolia.home, whatever the case of its letters.
  void read_environment() {
    std::vector<std::pair<std::string, std::string>> found;
    for (const auto& [name, variable] : variables_.all()) {
      std::string wanted;
      for (const char c : name) wanted += c == '.' ? '_' : ascii_upper(c);
      if (!wanted.starts_with("MAGNOLIA_")) continue;
      const std::string_view value = environment_value(place_.environ, wanted);
      if (!value.empty()) found.emplace_back(name, value);
    }
    for (const auto& [name, value] : found) {
      variables_.set(name, value, "the environment of the process");
      facts_.used_properties.insert(name);
    }
  }

  [[nodiscard]] PathFact place(const char* name, const Lookup& lookup) {
    const Variable* variable = variables_.find(name);
    if (variable == nullptr) return {};
    const std::string path =
        gathering_.path_of(variable->value, lookup, place_.directory, variable->where, name);
    return {path, variable->where + " (" + name + ")"};
  }

  void read_places(const Lookup& lookup) {
    facts_.resources = place("magnolia.resources.dir", lookup);
    facts_.key_pair = place("magnolia.author.key.location", lookup);
    for (const char* name :
         {"magnolia.cache.startdir", "magnolia.logs.dir", "magnolia.upload.tmpdir"}) {
      PathFact left_out = place(name, lookup);
      // One that holds the application itself must not take it along.
      if (left_out.path.empty() || is_below(place_.directory, left_out.path)) continue;
      facts_.left_out.push_back(std::move(left_out));
    }
  }

  void read_repositories(const Lookup& lookup) {
    const std::string file = place("magnolia.repositories.config", lookup).path;
    if (file.empty()) return;
    std::vector<MappedRepository> mapped;
    try {
      const auto text = read_configuration_file(file);
      if (!text) {
        facts_.findings.push_back(unreadable_configuration("there is no " + file));
        return;
      }
      mapped = parse_repositories(*text, file);
    } catch (const Error& error) {
      facts_.findings.push_back(unreadable_configuration(error.message()));
      return;
    }
    gathering_.look_for_links(file, file);
    facts_.configuration_files.push_back(file);
    for (const MappedRepository& repository : mapped)
      gather_repository(repository, file, lookup, gathering_);
  }

  void read_drivers() {
    std::error_code failure;
    for (const auto& item : fs::directory_iterator(place_.directory + "/WEB-INF/lib", failure)) {
      const std::string name = item.path().filename().string();
      constexpr std::array<std::string_view, 9> beginnings{
          "derby",           "h2-",        "h2.jar",  "postgresql", "mariadb-java-client",
          "mysql-connector", "mssql-jdbc", "sqljdbc", "jtds"};
      const bool is_driver =
          name.ends_with(".jar") &&
          std::any_of(beginnings.begin(), beginnings.end(),
                      [&](std::string_view beginning) { return name.starts_with(beginning); });
      if (is_driver) facts_.drivers.push_back(item.path().string());
    }
    std::sort(facts_.drivers.begin(), facts_.drivers.end());
  }

  const WebApplicationPlace& place_;
  MagnoliaFacts& facts_;
  Gathering gathering_;
  Variables variables_;
};

}  // namespace

bool is_magnolia(const std::string& directory) {
  const fs::path base = fs::path(directory) / config;
  std::error_code ignored;
  if (!fs::is_directory(base, ignored)) return false;
  if (fs::exists(base / "magnolia.properties", ignored)) return true;
  std::error_code failure;
  for (const auto& item : fs::directory_iterator(base, failure)) {
    if (fs::exists(item.path() / "magnolia.properties", ignored) ||
        fs::exists(item.path() / "repositories.xml", ignored))
      return true;
  }
  return false;
}

MagnoliaFacts gather_facts(const WebApplicationPlace& place) {
  MagnoliaFacts facts;
  Application(place, facts).read();
  return facts;
}

MagnoliaFacts at_real_places(MagnoliaFacts facts) {
  const auto change = [&](std::string& path) {
    for (const PathFact& out : facts.led_out) {
      if (path.empty() || !is_below(path, out.where)) continue;
      path = out.path + path.substr(out.where.size());
      return;
    }
  };
  const auto change_workspace = [&](WorkspaceFact& workspace) {
    for (std::string* path : {&workspace.directory, &workspace.configuration,
                              &workspace.file_system.path, &workspace.index_directory})
      change(*path);
  };
  change(facts.directory);
  for (std::string& file : facts.configuration_files) change(file);
  for (RepositoryFact& repository : facts.repositories) {
    for (std::string* path :
         {&repository.home, &repository.configuration, &repository.workspaces_root,
          &repository.file_system.path, &repository.journal.path, &repository.index_directory})
      change(*path);
    for (StoreFact& store : repository.data_stores) change(store.path);
    for (WorkspaceFact& workspace : repository.workspaces) change_workspace(workspace);
    change_workspace(repository.version);
  }
  return facts;
}

}  // namespace holdfast::profile::magnolia
