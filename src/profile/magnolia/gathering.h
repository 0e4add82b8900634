// SPDX-License-Identifier: Apache-2.0
// What gathering facts shares: values resolved to paths and databases, with findings where that
// fails.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "profile/magnolia/facts.h"

namespace holdfast::profile::magnolia {

[[nodiscard]] model::Finding make_finding(std::string code, model::Severity severity,
                                          std::string component, std::string seen, std::string why,
                                          std::string mend);

// A clean path without a slash at its end.
[[nodiscard]] std::string clean_directory(const std::string& path);
// Whether `path` is `directory` or lies below it; both clean.
[[nodiscard]] bool is_below(std::string_view path, std::string_view directory) noexcept;
// Whether a process has a lock on the file; false if there is no such file.
[[nodiscard]] bool is_locked(const std::string& path);

class Gathering {
 public:
  Gathering(const WebApplicationPlace& place, MagnoliaFacts& facts)
      : place_(place), facts_(facts) {}

  MagnoliaFacts& facts() noexcept { return facts_; }
  [[nodiscard]] const WebApplicationPlace& place() const noexcept { return place_; }

  void add(std::string code, model::Severity severity, std::string seen, std::string why,
           std::string mend, std::string component = "");

  // The value with its variables in place; a finding for what is undefined or circular. Nothing if
  // it is not whole.
  [[nodiscard]] std::optional<std::string> resolve(const std::string& value, const Lookup& lookup,
                                                   const std::string& where,
                                                   const std::string& what);
  // The clean absolute path that a value names; relative ones lie below `base`. Empty with a
  // finding for a relative path without a base, for `..`, and for the root directory.
  [[nodiscard]] std::string path_of(const std::string& value, const Lookup& lookup,
                                    const std::string& base, const std::string& where,
                                    const std::string& what);
  // Looks for links on the way to a path below one of the instance's directories: one that leads
  // out of them is a finding, and its real place a fact.
  void look_for_links(const std::string& path, const std::string& where);
  // The same of the instance's directory itself.
  void look_for_link(const std::string& directory);
  // Directories that are the instance's own; links among them lead nowhere else.
  void add_home(const std::string& directory) { homes_.push_back(directory); }

  struct DatabaseUse {
    const Bean* bean = nullptr;  // with dataSourceName, or url, user and password
    const std::map<std::string, Bean>* data_sources = nullptr;
    std::string data_sources_file;
    Lookup lookup;
    std::string file;        // of the bean
    std::string usual_url;   // what is taken without a url; empty: nothing
    std::string name;        // of an embedded database
    std::string repository;  // for a second one of that name
    std::string what;        // for findings: "workspace website"
  };
  // The component of the database that a bean lies in; empty, with a finding, if it cannot be told.
  [[nodiscard]] std::string connection_of(const DatabaseUse& use);

 private:
  void add_link(const std::string& link, const std::string& target, const std::string& where);
  [[nodiscard]] const Bean* source_of(const DatabaseUse& use, std::string& where);
  void take_password(const DatabaseUse& use, const Bean& bean, Connection& connection);
  [[nodiscard]] std::string place_of(const std::string& url, Connection connection,
                                     const DatabaseUse& use);
  [[nodiscard]] std::string add_connection(Connection connection, const std::string& name,
                                           const std::string& otherwise);
  [[nodiscard]] std::optional<JndiResource> jndi(const std::string& url, const std::string& where,
                                                 const std::string& what);
  [[nodiscard]] std::string embedded(Connection connection, const std::string& path,
                                     const DatabaseUse& use);

  const WebApplicationPlace& place_;
  MagnoliaFacts& facts_;
  std::vector<std::string> homes_;
};

// Adds one repository of repositories.xml.
void gather_repository(const MappedRepository& mapped, const std::string& repositories_file,
                       const Lookup& lookup, Gathering& gathering);

}  // namespace holdfast::profile::magnolia
