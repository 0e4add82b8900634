// SPDX-License-Identifier: Apache-2.0
// A small web application, and the place that tests convert it to.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "profile/magnolia.h"
#include "profile/magnolia/conversion_config.h"
#include "profile/magnolia/facts.h"
#include "profile/magnolia/restored_check.h"
#include "profile/magnolia/table_definitions.h"
#include "profile/magnolia/test_tree.h"

namespace holdfast::profile::magnolia {

inline std::string replaced(std::string text, const std::string& old_text,
                            const std::string& new_text) {
  for (std::size_t at = 0; (at = text.find(old_text, at)) != std::string::npos;
       at += new_text.size())
    text.replace(at, old_text.size(), new_text);
  return text;
}

inline void replace_in(const std::filesystem::path& file, const std::string& old_text,
                       const std::string& new_text) {
  const std::string text = read_text_file(file);
  ASSERT_NE(text.find(old_text), std::string::npos) << file << " has no " << old_text;
  write_text(file, replaced(text, old_text, new_text));
}

class Collector final : public model::RowSink {
 public:
  void columns(const std::vector<model::Column>& given) override {
    for (const model::Column& column : given) names.push_back(column.name);
  }
  void row(const model::Row& row) override { rows.push_back(row); }
  std::vector<std::string> names;
  std::vector<model::Row> rows;
};

constexpr std::array<TableKind, 4> bundle_kinds{TableKind::bundle, TableKind::refs,
                                                TableKind::binval, TableKind::names};

// A web application in an engine, and the place that it is converted to.
class ConversionTest : public testing::Test {
 protected:
  static bool is_server(const std::string& engine) { return !is_embedded_engine(engine); }

  void write_source(const std::string& engine) {
    engine_ = engine;
    if (is_server(engine)) {
      from_.write_application("source", engine == "sqlserver"
                                            ? "jdbc:sqlserver://db1;databaseName=mag"
                                            : "jdbc:" + engine + "://db1/mag");
    } else {
      from_.write_application(engine);
      for (const char* place : {"workspaces/website/db", "version/db"}) {
        if (engine == "derby") {
          std::filesystem::create_directories(home() + "/" + place);
        } else {
          write_text(home() + "/" + place + ".mv.db", "H");
        }
      }
    }
    if (engine == "mariadb" || engine == "sqlserver") {
      for (const std::filesystem::path& file : configuration())
        replace_in(file, "PostgreSQLPersistenceManager",
                   engine == "mariadb" ? "MySqlPersistenceManager" : "MSSqlPersistenceManager");
    }
    for (const std::string_view jar : {"derby-10.14.jar", "h2-2.1.jar", "postgresql-42.jar",
                                       "mariadb-java-client-2.7.jar", "mssql-jdbc-12.jar"})
      write_text(library() / jar, "");
    source_.name = "a";
    source_.profile = "magnolia";
    source_.home = from_.application();
    source_.magnolia.system_properties["db.password"] = "old";
  }
  // Keeps the data store in the database.
  void move_store_to_database() {
    const std::string place =
        is_server(engine_) ? "<param name='dataSourceName' value='magnolia'/>"
                           : "<param name='url' value='jdbc:" + engine_ + ":${rep.home}/ds/db'/>";
    replace_in(repository_file(),
               "FileDataStore'><param name='path' "
               "value='${rep.home}/repository/datastore'/>",
               "db.DbDataStore'>" + place + "<param name='schemaObjectPrefix' value='ds_'/>");
    if (engine_ == "derby") std::filesystem::create_directories(home() + "/ds/db");
    if (engine_ == "h2") write_text(home() + "/ds/db.mv.db", "H");
  }
  void want(const std::string& persistence, const std::string& data_store = "") {
    target_.name = "b";
    target_.profile = "magnolia";
    target_.file = "b.toml";
    target_.home = to_.application();
    target_.magnolia.persistence = persistence;
    target_.magnolia.data_store = data_store;
    const std::string engine = persistence.empty() ? engine_ : persistence;
    if (!is_server(engine)) return;
    model::DatabaseSettings database;
    database.name = "new";
    database.engine = engine;
    database.uri = (engine == "mariadb" ? "mysql" : engine) + "://db2:999/copy";
    database.user = "app";
    database.password.known = std::make_shared<const Secret>(std::string("p&${x}"));
    target_.databases = {database};
  }

  [[nodiscard]] std::filesystem::path library() const {
    return from_.application() + "/WEB-INF/lib";
  }
  [[nodiscard]] std::string home() const { return from_.home(); }
  [[nodiscard]] std::string repository_file() const {
    return from_.application() + "/WEB-INF/config/repo-conf/jr.xml";
  }
  [[nodiscard]] std::vector<std::filesystem::path> configuration() const {
    return {repository_file(), home() + "/workspaces/website/workspace.xml",
            home() + "/workspaces/config/workspace.xml"};
  }
  [[nodiscard]] std::string place_of(const std::string& path) const {
    return path.starts_with(from_.root()) ? to_.root() + path.substr(from_.root().size()) : "";
  }
  [[nodiscard]] std::shared_ptr<const model::Conversion> convert() const {
    return profile_.convert(source_, target_);
  }

  // Copies the files and adapts them; what else somebody must do.
  std::vector<std::string> adapt(const model::Conversion& conversion) const {
    std::filesystem::create_directories(to_.root());
    std::filesystem::copy(from_.root(), to_.root(), std::filesystem::copy_options::recursive);
    const Json facts = profile_.plan(source_).facts;
    const model::NameMappings names;
    const model::Adaptation made = conversion.adapt(at_target(facts, names));
    for (const model::FileChange& change : made.changes) {
      if (change.content) {
        write_text(place_of(change.path), *change.content);
      } else {
        std::filesystem::remove_all(place_of(change.path));
      }
    }
    return made.by_hand;
  }
  // What the application would not find there, as it is configured now.
  [[nodiscard]] std::vector<model::Finding> lost(const model::Conversion& conversion) const {
    const Json facts = conversion.converted_facts(profile_.plan(source_).facts);
    const model::NameMappings names;
    model::RestoredInstance converted = at_target(facts, names);
    for (const model::NewDatabase& database : conversion.databases()) {
      const model::DatabaseSettings& settings = database.settings;
      converted.databases.push_back({settings.name, settings.engine, "", settings.uri});
    }
    return check_restored_instance(converted, gather(to_));
  }
  [[nodiscard]] model::RestoredInstance at_target(const Json& facts,
                                                  const model::NameMappings& names) const {
    return {facts,
            true,
            {},
            names,
            [this](const std::string& path) { return place_of(path); },
            [this](const std::string& path) -> std::optional<std::string> {
              if (!std::filesystem::is_regular_file(place_of(path))) return std::nullopt;
              return read_text_file(place_of(path));
            }};
  }
  [[nodiscard]] MagnoliaFacts gather(const TestTree& tree) const {
    Variables properties;
    properties.set("db.password", "old", "-D");
    return gather_facts({.directory = tree.application(),
                         .system_properties = properties,
                         .environ = {},
                         .server_name = "host1",
                         .tomcat = nullptr});
  }

  // That the new tables of a workspace are where the new configuration says, and the rows of the
  // old ones go there. Nothing of what was never opened.
  static void expect_tables(const model::Conversion& conversion, const std::string& old_component,
                            const std::string& old_prefix, const Connection& now,
                            const std::string& new_prefix, TableKind kind, bool is_there) {
    const std::string old_table = catalog_name(now.engine == "postgresql" ? "h2" : "postgresql",
                                               old_prefix + std::string(table_suffix(kind)));
    const auto place = conversion.route(old_component, {"", old_table});
    ASSERT_EQ(place.has_value(), is_there) << old_component << " " << old_table;
    if (!place) return;
    const model::NewDatabase& database = conversion.databases().at(place->database);
    EXPECT_EQ(database.settings.uri, now.uri);
    EXPECT_EQ(database.settings.engine, now.engine);
    const model::NewTable& table = database.tables.at(place->table);
    EXPECT_EQ(table.name.table,
              catalog_name(now.engine, new_prefix + std::string(table_suffix(kind))));
    ASSERT_EQ(table.make.size(), 1U);
    EXPECT_NE(table.make[0].find(" table "), std::string::npos);
    EXPECT_FALSE(table.columns.empty());
  }

  TestTree from_, to_;
  std::string engine_;
  std::vector<std::string> by_hand_;
  MagnoliaProfile profile_;
  model::Instance source_, target_;
};

}  // namespace holdfast::profile::magnolia
