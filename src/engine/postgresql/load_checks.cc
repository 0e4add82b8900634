// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/load_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

using model::Severity;

constexpr std::size_t differences_max = 10;

model::Finding blocker(std::string code, std::string seen, std::string why, std::string mend) {
  model::Finding finding;
  finding.code = std::move(code);
  finding.severity = Severity::blocker;
  finding.seen = std::move(seen);
  finding.why = std::move(why);
  finding.mend = std::move(mend);
  finding.mend_class = model::MendClass::manual;
  return finding;
}

std::set<std::string> names(Connection& connection, std::string_view sql) {
  const Rows rows = connection.query(sql);
  std::set<std::string> found;
  for (std::size_t i = 0; i < rows.size(); ++i) found.insert(rows.text(i, 0));
  return found;
}

std::vector<std::string> texts(const Json& facts, std::string_view key) {
  std::vector<std::string> found;
  const Json* list = facts.find(key);
  if (list == nullptr || !list->is_array()) return found;
  for (const Json& one : list->as_array()) found.push_back(one.as_string());
  return found;
}

void find_roles(Connection& admin, const Json& facts, const NameMapping& mapping,
                std::vector<model::Finding>& findings) {
  const std::set<std::string> there = names(admin, "SELECT rolname FROM pg_catalog.pg_roles");
  std::set<std::string> missing;
  for (const std::string& role : texts(facts, "roles")) {
    const std::string name = mapping.owner(role);
    if (!there.contains(name)) missing.insert(name);
  }
  for (const std::string& name : missing) {
    findings.push_back(blocker(
        "postgresql-target-role", fmt::format("the server has no role {}", quote_name(name)),
        "objects of the copy belong to it, or something is granted to it",
        fmt::format("CREATE ROLE {}; (with its attributes: see globals.sql of the copy), or map it "
                    "in [restore.owner].",
                    quote_name(name))));
  }
}

void find_tablespaces(Connection& admin, const Json& facts, const NameMapping& mapping,
                      std::vector<model::Finding>& findings) {
  const std::set<std::string> there = names(admin, "SELECT spcname FROM pg_catalog.pg_tablespace");
  for (const std::string& tablespace : texts(facts, "tablespaces")) {
    const std::string name = mapping.tablespace(tablespace);
    if (name.empty() || there.contains(name)) continue;
    findings.push_back(
        blocker("postgresql-target-tablespace",
                fmt::format("the server has no tablespace {}", quote_name(name)),
                "tables or indexes of the copy lie in it",
                fmt::format("CREATE TABLESPACE {} LOCATION '…'; or map it in [restore.tablespace], "
                            "to pg_default for example.",
                            quote_name(name))));
  }
}

void find_extensions(Connection& admin, const Json& facts, std::vector<model::Finding>& findings) {
  const Json* extensions = facts.find("extensions");
  if (extensions == nullptr || !extensions->is_array()) return;
  const std::set<std::string> there =
      names(admin, "SELECT name FROM pg_catalog.pg_available_extensions");
  const std::map<std::string, std::string> versions = extension_versions(admin, facts);
  for (const Json& extension : extensions->as_array()) {
    const std::string& name = extension.at("name").as_string();
    if (there.contains(name)) {
      if (versions.contains(name)) continue;
      findings.push_back(
          blocker("postgresql-target-extension-version",
                  fmt::format("the server has not version {} of extension {}",
                              extension.string_or("version", ""), name),
                  "it is made in the server's default version; what uses it may behave otherwise",
                  "Install that version, or look what has changed between the two."));
      findings.back().severity = Severity::warning;
      continue;
    }
    findings.push_back(
        blocker("postgresql-target-extension",
                fmt::format("extension {} {} is not installed on the server", name,
                            extension.string_or("version", "")),
                "the copy needs it",
                "Install its package on the server's machine, such as postgresql-contrib."));
  }
}

void find_version(Connection& admin, const Json& facts, std::vector<model::Finding>& findings) {
  const std::int64_t copied = facts.int_or("server_version_num", 0) / 10000;
  if (admin.server_major() >= copied) return;
  findings.push_back(
      blocker("postgresql-target-older",
              fmt::format("the server is of version {}, the copy of version {}",
                          admin.server_version_text(), facts.string_or("server_version", "")),
              "definitions of a newer version may not be understood",
              "Restore into a server of the same version or a newer one."));
}

model::TableName mapped(model::TableName name, const LoadOptions& options) {
  const auto found = options.schemas.find(name.schema);
  if (found != options.schemas.end()) name.schema = found->second;
  return name;
}

// Definitions of these name roles.
bool defined_by_roles(std::string_view kind) {
  return kind.starts_with("grants") || kind == "policy" || kind == "large objects";
}
// These are named by roles.
bool named_by_roles(const model::ObjectFacts& object) {
  return object.kind.starts_with("default grants") || object.kind == "user mapping" ||
         (object.kind == "setting" && object.name != "all");
}

std::int64_t major_of(const model::DatabaseFacts& facts) {
  return facts.engine_facts.is_object() ? facts.engine_facts.int_or("server_version_num", 0) / 10000
                                        : 0;
}

bool has_other_tablespaces(const model::DatabaseFacts& expected, const LoadOptions& options) {
  return !options.tablespaces.empty() ||
         (options.on_scratch && !texts(expected.engine_facts, "tablespaces").empty());
}

// Whether definitions of these name tablespaces.
bool names_tablespaces(std::string_view kind) {
  return kind == "index" || kind == "table" || kind == "partitioned table" ||
         kind == "materialized view";
}

}  // namespace

std::map<std::string, std::string> extension_versions(Connection& admin, const Json& facts) {
  std::map<std::string, std::string> found;
  const Json* const extensions = facts.is_object() ? facts.find("extensions") : nullptr;
  if (extensions == nullptr || !extensions->is_array()) return found;
  const std::set<std::string> there =
      names(admin, "SELECT name || ' ' || version FROM pg_catalog.pg_available_extension_versions");
  for (const Json& extension : extensions->as_array()) {
    const std::string& name = extension.at("name").as_string();
    const std::string version = extension.string_or("version", "");
    if (there.contains(name + " " + version)) found[name] = version;
  }
  return found;
}

NameMapping mapping_of(const LoadOptions& options) {
  NameMapping mapping;
  mapping.owners = options.owners;
  mapping.tablespaces = options.tablespaces;
  mapping.no_tablespaces = options.on_scratch;
  return mapping;
}

std::vector<model::Finding> find_server_problems(Connection& admin, const Json& facts,
                                                 const LoadOptions& options) {
  std::vector<model::Finding> findings;
  if (!facts.is_object()) return findings;
  const NameMapping mapping = mapping_of(options);
  find_version(admin, facts, findings);
  find_extensions(admin, facts, findings);
  if (options.on_scratch) return findings;  // these are made, or not needed
  find_roles(admin, facts, mapping, findings);
  find_tablespaces(admin, facts, mapping, findings);
  return findings;
}

void map_to_server(Connection& admin, const Json& facts, LoadOptions& options) {
  const std::string us = admin.value("SELECT current_user");
  const std::vector<std::string> owners = texts(facts, "owners");
  for (const std::string& role : texts(facts, "roles")) {
    // Whose something is may be said by who may become that role.
    const Rows rows = admin.query(
        fmt::format("SELECT pg_catalog.pg_has_role(r.oid, 'USAGE') AND pg_catalog.pg_has_role("
                    "r.oid, '{}') FROM pg_catalog.pg_roles r WHERE r.rolname = $1",
                    admin.server_major() >= 16 ? "SET" : "MEMBER"),
        {role});
    const bool owns = std::find(owners.begin(), owners.end(), role) != owners.end();
    if (rows.empty() || (owns && !rows.boolean(0, 0))) options.owners.emplace(role, us);
  }
  for (const std::string& tablespace : texts(facts, "tablespaces")) {
    const Rows rows = admin.query(
        "SELECT pg_catalog.has_tablespace_privilege(t.oid, 'CREATE')"
        " FROM pg_catalog.pg_tablespace t WHERE t.spcname = $1",
        {tablespace});
    if (rows.empty() || !rows.boolean(0, 0)) options.tablespaces.emplace(tablespace, "pg_default");
  }
}

void refuse_problems(const std::vector<model::Finding>& findings) {
  for (const model::Finding& finding : findings) {
    if (finding.severity != Severity::blocker) continue;
    throw Error(Errc::unsupported, fmt::format("{}: {}", finding.seen, finding.why))
        .set_hint(finding.mend);
  }
}

void harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
               const LoadOptions& options) {
  if (major_of(expected) == 0) {  // a dump, which says less than a copy
    found.objects.clear();
    std::erase_if(found.tables, [](const auto& table) { return table.schema == "pg_catalog"; });
  }
  // Of what a standby has no content of, the definition was restored.
  if (const Json* const tables =
          expected.engine_facts.is_object() ? expected.engine_facts.find("tables") : nullptr) {
    for (const Json& one : tables->as_array()) {
      if (!one.at("parts").as_array().empty()) continue;
      const model::TableName bare =
          mapped({one.at("schema").as_string(), one.at("table").as_string()}, options);
      std::erase_if(found.tables, [&](const model::TableFacts& table) {
        return table.schema == bare.schema && table.table == bare.table && table.rows == 0;
      });
    }
  }
  if (expected.engine_facts.is_object() && expected.engine_facts.bool_or("standby", false)) {
    std::set<std::string> known;  // but the values of unlogged sequences
    for (const model::ObjectFacts& object : expected.objects) {
      if (object.kind == "sequence value") known.insert(object.name);
    }
    std::erase_if(found.objects, [&](const model::ObjectFacts& object) {
      return object.kind == "sequence value" && !known.contains(object.name);
    });
  }
  for (model::TableFacts& table : expected.tables)
    table.schema = mapped({table.schema, table.table}, options).schema;
  if (!options.schemas.empty()) {  // names and definitions are full of them
    expected.objects.clear();
    found.objects.clear();
    return;
  }
  const bool other_version = major_of(expected) != major_of(found);
  const bool other_tablespaces = has_other_tablespaces(expected, options);
  for (model::DatabaseFacts* facts : {&expected, &found}) {
    const bool other_roles = !options.owners.empty();
    if (other_roles) std::erase_if(facts->objects, named_by_roles);
    for (model::ObjectFacts& object : facts->objects) {
      if (other_version || (other_roles && defined_by_roles(object.kind)) ||
          (other_tablespaces && names_tablespaces(object.kind)))
        object.definition_sha256.clear();
    }
  }
  if (!other_version) return;
  // Another version may bring objects of its own, or name them differently.
  const auto key = [](const model::ObjectFacts& object) { return object.kind + " " + object.name; };
  std::set<std::string> wanted;
  for (const model::ObjectFacts& object : expected.objects) wanted.insert(key(object));
  std::erase_if(found.objects,
                [&](const model::ObjectFacts& object) { return !wanted.contains(key(object)); });
}

std::vector<std::string> not_compared(const model::DatabaseFacts& expected,
                                      const model::DatabaseFacts& found,
                                      const LoadOptions& options) {
  std::vector<std::string> lines;
  if (expected.objects.empty() || major_of(expected) == 0) return lines;
  if (!options.schemas.empty()) {
    lines.emplace_back(
        "objects other than tables: [restore.schema] changes their names and definitions");
    return lines;
  }
  if (major_of(expected) != major_of(found)) {
    lines.push_back(fmt::format(
        "definitions of objects: version {} of the server words them differently than version {}",
        major_of(found), major_of(expected)));
  }
  if (!options.owners.empty()) {
    std::string why = "[restore.owner] changes them";
    if (options.only_beside) {
      why = "our own role stands there for";
      for (const auto& [role, ours] : options.owners) why += " " + quote_name(role);
    }
    lines.push_back(
        "owners and grants of objects, roles of policies, default grants, user mappings and "
        "settings "
        "of roles: " +
        why);
  }
  if (has_other_tablespaces(expected, options))
    lines.emplace_back("definitions of tables and indexes: they lie in other tablespaces");
  return lines;
}

std::vector<std::string> differences(const model::DatabaseFacts& expected_facts,
                                     const model::DatabaseFacts& found_facts,
                                     const LoadOptions& options) {
  model::DatabaseFacts expected = expected_facts;
  model::DatabaseFacts found = found_facts;
  harmonize(expected, found, options);
  std::vector<std::string> lines;
  const auto differ = [&](std::string line) {
    if (lines.size() < differences_max) lines.push_back(std::move(line));
  };
  std::map<model::TableName, const model::TableFacts*> tables;
  for (const model::TableFacts& table : found.tables) tables[{table.schema, table.table}] = &table;
  for (const model::TableFacts& table : expected.tables) {
    const model::TableName name{table.schema, table.table};
    const auto other = tables.find(name);
    if (other == tables.end()) {
      differ(fmt::format("table {} is missing", name.display()));
    } else if (other->second->rows != table.rows) {
      differ(fmt::format("table {} has {} rows instead of {}", name.display(), other->second->rows,
                         table.rows));
    } else if (!table.digest.empty() && other->second->digest != table.digest) {
      differ(fmt::format("the rows of table {} differ", name.display()));
    }
    tables.erase(name);
  }
  if (!expected.tables.empty()) {
    for (const auto& [name, table] : tables)
      differ(fmt::format("table {} is one too many", name.display()));
  }
  std::map<std::pair<std::string, std::string>, std::string> objects;
  for (const model::ObjectFacts& object : found.objects)
    objects[{object.kind, object.name}] = object.definition_sha256;
  for (const model::ObjectFacts& object : expected.objects) {
    const auto other = objects.find({object.kind, object.name});
    if (other == objects.end()) {
      differ(fmt::format("{} {} is missing", object.kind, object.name));
    } else if (other->second != object.definition_sha256) {
      differ(fmt::format("{} {} is defined differently", object.kind, object.name));
    }
  }
  return lines;
}

}  // namespace holdfast::engine::postgresql
