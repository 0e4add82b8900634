// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/repository_files.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/xml.h"

namespace holdfast::profile::magnolia {
namespace {

Error error_at(std::string_view file, std::size_t line, const std::string& message) {
  return Error(Errc::corrupt, std::string(file) + ":" + std::to_string(line) + ": " + message);
}

// Configuration values become paths and names: none of them holds a control character.
const std::string& checked(const std::string& value, std::string_view file, std::size_t line) {
  if (std::any_of(value.begin(), value.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    throw error_at(file, line, "a value with control characters");
  return value;
}

std::string required(const XmlElement& element, std::string_view name, std::string_view file) {
  const std::string* value = element.attribute(name);
  if (value == nullptr || value->empty()) {
    throw error_at(file, element.line, "<" + element.name + "> lacks " + std::string(name));
  }
  return checked(*value, file, element.line);
}

std::map<std::string, std::string> parameters_of(const XmlElement& element, std::string_view file) {
  std::map<std::string, std::string> parameters;
  for (const XmlElement* param : element.all("param")) {
    parameters[required(*param, "name", file)] =
        checked(param->attribute_or("value", ""), file, param->line);
  }
  return parameters;
}

Bean bean_of(const XmlElement& element, std::string_view file) {
  Bean bean;
  bean.line = element.line;
  bean.class_name = checked(element.attribute_or("class", ""), file, element.line);
  bean.parameters = parameters_of(element, file);
  for (const XmlElement* param : element.all("param")) {
    if (param->children.empty()) continue;
    bean.inner.push_back(bean_of(*param, file));
    bean.inner.back().class_name = checked(param->attribute_or("value", ""), file, param->line);
  }
  return bean;
}

std::optional<Bean> bean_in(const XmlElement& parent, std::string_view name,
                            std::string_view file) {
  const XmlElement* element = parent.child(name);
  if (element == nullptr) return std::nullopt;
  return bean_of(*element, file);
}

XmlElement root_named(std::string_view text, std::string_view file, std::string_view name) {
  XmlElement root = parse_xml(text, file);
  if (root.name != name) {
    throw error_at(file, root.line,
                   "<" + root.name + "> where <" + std::string(name) + "> was expected");
  }
  return root;
}

WorkspaceConfig workspace_of(const XmlElement& element, std::string_view file) {
  return {checked(element.attribute_or("name", ""), file, element.line), element.line,
          bean_in(element, "FileSystem", file), bean_in(element, "PersistenceManager", file),
          bean_in(element, "SearchIndex", file)};
}

// "pool.DerbyPersistenceManager" of Jackrabbit's classes, empty of others.
std::string_view short_name(std::string_view class_name) noexcept {
  constexpr std::string_view package = "org.apache.jackrabbit.core.persistence.";
  constexpr std::string_view before_2 = "org.apache.jackrabbit.core.state.";
  if (class_name.starts_with(package)) return class_name.substr(package.size());
  if (class_name.starts_with(before_2)) return class_name.substr(before_2.size());
  return {};
}

}  // namespace

const std::string* Bean::find(std::string_view name) const noexcept {
  for (const auto& [key, value] : parameters) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string Bean::get(std::string_view name) const {
  const std::string* value = find(name);
  return value == nullptr ? std::string() : *value;
}

std::vector<MappedRepository> parse_repositories(std::string_view text, std::string_view file) {
  const XmlElement root = root_named(text, file, "JCR");
  std::vector<MappedRepository> repositories;
  const auto add_workspace = [](MappedRepository& repository, const std::string& name) {
    auto& names = repository.workspaces;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const XmlElement* element : root.all("Repository")) {
    MappedRepository repository;
    repository.name = required(*element, "name", file);
    repository.provider = element->attribute_or("provider", "");
    repository.parameters = parameters_of(*element, file);
    repository.line = element->line;
    for (const XmlElement* workspace : element->all("workspace"))
      add_workspace(repository, required(*workspace, "name", file));
    for (const MappedRepository& other : repositories) {
      if (other.name == repository.name)
        throw error_at(file, element->line, "two repositories named " + repository.name);
    }
    repositories.push_back(std::move(repository));
  }
  for (const XmlElement* mapping : root.all("RepositoryMapping")) {
    for (const XmlElement* map : mapping->all("Map")) {
      const std::string repository = map->attribute_or("repositoryName", "");
      const std::string name = map->attribute_or("name", "");
      const std::string workspace =
          checked(map->attribute_or("workspaceName", name), file, map->line);
      for (MappedRepository& one : repositories) {
        if (one.name == repository && !workspace.empty()) add_workspace(one, workspace);
      }
    }
  }
  return repositories;
}

WorkspaceConfig parse_workspace_config(std::string_view text, std::string_view file) {
  return workspace_of(root_named(text, file, "Workspace"), file);
}

RepositoryConfig parse_repository_config(std::string_view text, std::string_view file) {
  const XmlElement root = root_named(text, file, "Repository");
  RepositoryConfig config;
  if (const XmlElement* sources = root.child("DataSources")) {
    for (const XmlElement* source : sources->all("DataSource"))
      config.data_sources[required(*source, "name", file)] = bean_of(*source, file);
  }
  config.file_system = bean_in(root, "FileSystem", file);
  config.data_store = bean_in(root, "DataStore", file);
  config.search_index = bean_in(root, "SearchIndex", file);
  if (const XmlElement* workspaces = root.child("Workspaces")) {
    config.workspaces_root = required(*workspaces, "rootPath", file);
    config.config_root =
        checked(workspaces->attribute_or("configRootPath", ""), file, workspaces->line);
    config.default_workspace =
        checked(workspaces->attribute_or("defaultWorkspace", ""), file, workspaces->line);
    config.workspaces_line = workspaces->line;
  } else {
    throw error_at(file, root.line, "<Repository> lacks <Workspaces>");
  }
  if (const XmlElement* workspace = root.child("Workspace"))
    config.workspace_template = workspace_of(*workspace, file);
  if (const XmlElement* versioning = root.child("Versioning")) {
    config.version_file_system = bean_in(*versioning, "FileSystem", file);
    config.version_persistence_manager = bean_in(*versioning, "PersistenceManager", file);
    config.version_root = checked(versioning->attribute_or("rootPath", ""), file, versioning->line);
    config.version_line = versioning->line;
  }
  if (const XmlElement* cluster = root.child("Cluster")) {
    config.is_cluster = true;
    config.cluster_id = checked(cluster->attribute_or("id", ""), file, cluster->line);
    config.cluster_line = cluster->line;
    config.journal = bean_in(*cluster, "Journal", file);
  }
  return config;
}

std::vector<std::string> parse_initialization_files(std::string_view text, std::string_view file) {
  const XmlElement root = parse_xml(text, file);
  for (const XmlElement* parameter : root.all("context-param")) {
    const XmlElement* name = parameter->child("param-name");
    const XmlElement* value = parameter->child("param-value");
    if (name == nullptr || value == nullptr ||
        name->text.find("magnolia.initialization.file") == std::string::npos)
      continue;
    std::vector<std::string> files;
    std::string one;
    for (const char c : value->text + ",") {
      if (c == ',') {
        if (!one.empty()) files.push_back(std::move(one));
        one.clear();
      } else if (static_cast<unsigned char>(c) > 0x20) {
        one += c;
      }
    }
    return files;
  }
  return {};
}

Keeping keeping_of(std::string_view class_name) noexcept {
  const std::string_view name = short_name(class_name);
  if (name == "bundle.BundleFsPersistenceManager") return Keeping::bundle_files;
  if (name.starts_with("pool.") || name.starts_with("bundle.")) return Keeping::bundle_tables;
  if (name.starts_with("mem.")) return Keeping::memory;
  if (name.starts_with("db.")) return Keeping::other_tables;
  if (name.starts_with("xml.") || name.starts_with("obj.")) return Keeping::other_files;
  return Keeping::unknown;
}

std::string_view engine_of_class(std::string_view class_name) noexcept {
  const std::size_t dot = class_name.rfind('.');
  const std::string_view name = class_name.substr(dot == std::string_view::npos ? 0 : dot + 1);
  struct Known {
    std::string_view prefix, engine;
  };
  constexpr std::array<Known, 7> known{{{"Derby", "derby"},
                                        {"H2", "h2"},
                                        {"MySql", "mariadb"},
                                        {"PostgreSQL", "postgresql"},
                                        {"Oracle", "oracle"},
                                        {"MSSql", "sqlserver"},
                                        {"Ingres", "ingres"}}};
  for (const Known& one : known) {
    if (name.starts_with(one.prefix)) return one.engine;
  }
  return {};
}

std::string table_prefix(std::string_view engine, std::string_view written) {
  const std::string_view extra = engine == "oracle"      ? "$#"
                                 : engine == "sqlserver" ? "$#@"
                                 : engine == "mariadb"   ? "$"
                                                         : "";
  std::string prefix;
  while (!written.empty()) {
    const Utf8Rune next = decode_utf8(written);
    const std::size_t size = std::max<std::size_t>(next.size_bytes, 1);
    char32_t rune = next.size_bytes == 0 ? 0xFFFD : next.rune;
    written.remove_prefix(size);
    if (rune == 0xDF) {
      prefix += "SS";
      continue;
    }
    const bool is_small =
        (rune >= U'a' && rune <= U'z') || (rune >= 0xE0 && rune <= 0xFE && rune != 0xF7);
    if (is_small) rune -= U'a' - U'A';
    const bool is_plain =
        (rune >= U'A' && rune <= U'Z') || (rune >= U'0' && rune <= U'9') || rune == U'_' ||
        (rune < 0x80 && extra.find(static_cast<char>(rune)) != std::string_view::npos);
    const auto add_unit = [&](std::uint32_t unit) {
      static constexpr char digits[] = "0123456789abcdef";
      if (engine == "oracle") {
        prefix += '_';
        return;
      }
      prefix += "_x";
      for (const unsigned shift : {12U, 8U, 4U, 0U}) prefix += digits[(unit >> shift) & 15U];
      prefix += '_';
    };
    if (is_plain) {
      prefix += static_cast<char>(rune);
    } else if (rune >= 0x10000) {
      const auto rest = static_cast<std::uint32_t>(rune) - 0x10000;
      add_unit(0xD800 + (rest >> 10U));
      add_unit(0xDC00 + (rest & 0x3FFU));
    } else {
      add_unit(static_cast<std::uint32_t>(rune));
    }
  }
  return prefix;
}

std::string catalog_name(std::string_view engine, std::string_view name) {
  if (engine == "postgresql") return ascii_lower(name);
  if (engine == "derby" || engine == "h2" || engine == "oracle") return ascii_upper(name);
  return std::string(name);
}

}  // namespace holdfast::profile::magnolia
