// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/conversion.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <utility>

#include "base/hash.h"
#include "profile/magnolia/conversion_fixture.h"

namespace holdfast::profile::magnolia {
namespace {

namespace fs = std::filesystem;
using model::Value;

using Direction = std::pair<std::string, std::string>;
class EveryDirection : public ConversionTest, public testing::WithParamInterface<Direction> {};

TEST_P(EveryDirection, TheNewConfigurationIsFoundAgain) {
  const auto& [engine, wanted] = GetParam();
  write_source(engine);
  want(wanted);
  const auto conversion = convert();
  ASSERT_EQ(codes(conversion->findings()), "");
  const MagnoliaFacts old = gather(from_);
  adapt(*conversion);
  EXPECT_EQ(codes(lost(*conversion)), "");
  const MagnoliaFacts now = gather(to_);
  EXPECT_EQ(codes(now.findings), "magnolia-workspace-unused note");
  ASSERT_EQ(now.repositories.size(), 1U);
  const RepositoryFact &was = old.repositories[0], &is = now.repositories[0];
  ASSERT_EQ(is.workspaces.size(), 2U);
  const auto expect = [&](const WorkspaceFact& before, const WorkspaceFact& after) {
    EXPECT_EQ(engine_of_class(after.persistence.class_name), wanted);
    const Connection* connection = now.connection(after.persistence.connection);
    ASSERT_NE(connection, nullptr);
    EXPECT_EQ(connection->engine, wanted);
    const bool was_opened = is_server(engine) || before.name != "config";
    for (const TableKind kind : bundle_kinds) {
      expect_tables(*conversion, before.persistence.connection, before.persistence.table_prefix,
                    *connection, after.persistence.table_prefix, kind, was_opened);
    }
    EXPECT_EQ(before.has_index && after.has_index, false) << "indexes are removed";
  };
  for (std::size_t i = 0; i < 2; ++i) expect(was.workspaces[i], is.workspaces[i]);
  expect(was.version, is.version);
  EXPECT_EQ(is.data_stores.at(0).path, place_of(was.data_stores.at(0).path));
  EXPECT_EQ(conversion->databases().size(), is_server(wanted) ? 1U : is_server(engine) ? 3U : 2U);
  if (is_server(wanted)) {
    ASSERT_EQ(now.connections.size(), 1U);
    EXPECT_EQ(now.connections[0].user, "app");
    EXPECT_EQ(now.connections[0].password->reveal(), "p&${x}");
  }
}

std::vector<Direction> all_directions() {
  std::vector<Direction> all;
  for (const char* from : {"derby", "h2", "postgresql", "mariadb", "sqlserver"}) {
    for (const char* to : {"derby", "h2", "postgresql", "mariadb", "sqlserver"}) {
      if (std::string(from) != to) all.emplace_back(from, to);
    }
  }
  return all;
}

TEST_F(ConversionTest, IsMissedWhereTheApplicationIsLedElsewhere) {
  write_source("derby");
  want("postgresql");
  const auto conversion = convert();
  adapt(*conversion);
  replace_in(to_.application() + "/WEB-INF/config/repo-conf/jr.xml", "db2:999/copy", "db1/mag");
  EXPECT_NE(find_code(lost(*conversion), "magnolia-restored-database"), nullptr);
}

INSTANTIATE_TEST_SUITE_P(All, EveryDirection, testing::ValuesIn(all_directions()),
                         [](const auto& direction) {
                           return direction.param.first + "To" + direction.param.second;
                         });

class EveryEngine : public ConversionTest, public testing::WithParamInterface<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, EveryEngine,
                         testing::Values("derby", "h2", "postgresql", "mariadb", "sqlserver"),
                         [](const auto& engine) { return engine.param; });

TEST_P(EveryEngine, ADataStoreOfFilesGoesToATable) {
  write_source(GetParam());
  want("", "database");
  const auto conversion = convert();
  ASSERT_EQ(codes(conversion->findings()), "");
  adapt(*conversion);
  EXPECT_EQ(codes(lost(*conversion)), "");
  const MagnoliaFacts now = gather(to_);
  const StoreFact& store = now.repositories.at(0).data_stores.at(0);
  EXPECT_EQ(store.kind, StoreKind::tables);
  EXPECT_EQ(store.record_bytes_min, 1024U);
  const auto files = conversion->files_to_rows();
  ASSERT_EQ(files.size(), 1U);
  const model::NewDatabase& database = conversion->databases().at(files[0].into.database);
  EXPECT_EQ(database.settings.uri, now.connection(store.connection)->uri);
  EXPECT_TRUE(is_table(database.tables.at(files[0].into.table).name.table, store.table_prefix,
                       TableKind::datastore));
  const std::string content = "a record";
  const Sha256Digest hash = sha256(as_bytes(content));
  const std::string name = to_hex(ByteView(hash));
  const std::string record = to_.home() + "/repository/datastore/" + name.substr(0, 2) + "/" +
                             name.substr(2, 2) + "/" + name.substr(4, 2) + "/" + name;
  write_text(record, content);
  Collector rows;
  files[0].run([this](const std::string& path) { return place_of(path); }, rows);
  ASSERT_EQ(rows.rows.size(), 1U);
  EXPECT_EQ(rows.rows[0][0], Value::of_text(name));
  EXPECT_FALSE(fs::exists(record));
}

TEST_P(EveryEngine, ADataStoreOfATableGoesToFiles) {
  write_source(GetParam());
  move_store_to_database();
  want("", "files");
  const auto conversion = convert();
  ASSERT_EQ(codes(conversion->findings()), "");
  const MagnoliaFacts old = gather(from_);
  const StoreFact& was = old.repositories.at(0).data_stores.at(0);
  const model::TableName table{"", was.table_prefix + "DATASTORE"};
  EXPECT_FALSE(conversion->route(was.connection, table).has_value());
  const auto places = [this](const std::string& path) { return place_of(path); };
  const auto sink = conversion->rows_to_files(was.connection, table, places);
  ASSERT_NE(sink, nullptr);
  EXPECT_EQ(conversion->rows_to_files(was.connection, {"", "OTHER"}, places), nullptr);
  adapt(*conversion);
  EXPECT_EQ(codes(lost(*conversion)), "");
  const MagnoliaFacts now = gather(to_);
  const StoreFact& store = now.repositories.at(0).data_stores.at(0);
  EXPECT_EQ(store.path, to_.home() + "/repository/datastore");
  EXPECT_EQ(store.record_bytes_min, 1024U);
  const Sha256Digest hash = sha256(as_bytes("x"));
  const std::string name = to_hex(ByteView(hash));
  sink->columns({{"ID", ""}, {"LENGTH", ""}, {"LAST_MODIFIED", ""}, {"DATA", ""}});
  sink->row(
      {Value::of_text(name), Value::integer(1), Value::integer(0), Value::of_bytes(as_bytes("x"))});
  EXPECT_EQ(read_text_file(store.path + "/" + name.substr(0, 2) + "/" + name.substr(2, 2) + "/" +
                           name.substr(4, 2) + "/" + name),
            "x");
}

TEST_P(EveryEngine, ADataStoreOfATableStaysInOne) {
  write_source("postgresql");
  move_store_to_database();
  want(GetParam());
  const auto conversion = convert();
  ASSERT_EQ(codes(conversion->findings()), "");
  adapt(*conversion);
  EXPECT_EQ(codes(lost(*conversion)), "");
  const MagnoliaFacts now = gather(to_);
  const StoreFact& store = now.repositories.at(0).data_stores.at(0);
  expect_tables(*conversion, "db-mag", "ds_", *now.connection(store.connection), store.table_prefix,
                TableKind::datastore, true);
  const model::TableName table{"public", "ds_datastore"};
  Collector rows;
  const auto sink = conversion->map("db-mag", table, rows);
  sink->columns({{"id", ""}, {"length", ""}, {"last_modified", ""}, {"data", ""}});
  sink->row({Value::of_text("TEMP_1"), Value::integer(0), Value::integer(0), Value::null()});
  sink->row({Value::of_text("a"), Value::integer(0), Value::integer(0), Value::of_bytes({})});
  EXPECT_EQ(rows.rows.size(), 1U) << "uploads that were under way stay behind";
  EXPECT_FALSE(conversion->route("db-mag", {"other", "ds_datastore"}).has_value())
      << "another schema's";
}

TEST_P(EveryEngine, AFileSystemOfATableGoesToWhereItIsKept) {
  write_source("postgresql");
  replace_in(repository_file(),
             "local.LocalFileSystem'><param name='path' value='${rep.home}/repository'/>",
             "db.DbFileSystem'><param name='dataSourceName' value='magnolia'/>"
             "<param name='schemaObjectPrefix' value='fs_repository_'/>");
  want(GetParam(), "files");
  const auto conversion = convert();
  ASSERT_EQ(codes(conversion->findings()), "");
  adapt(*conversion);
  EXPECT_EQ(codes(lost(*conversion)), "");
  const MagnoliaFacts now = gather(to_);
  const StoreFact& store = now.repositories.at(0).file_system;
  const auto sink =
      conversion->rows_to_files("db-mag", {"public", "fs_repository_fsentry"},
                                [this](const std::string& path) { return place_of(path); });
  EXPECT_EQ(sink != nullptr, is_embedded_engine(GetParam()));
  if (is_embedded_engine(GetParam())) {
    EXPECT_EQ(store.path, to_.home() + "/repository");
  } else {
    expect_tables(*conversion, "db-mag", "fs_repository_", *now.connection(store.connection),
                  store.table_prefix, TableKind::fsentry, true);
  }
}

}  // namespace
}  // namespace holdfast::profile::magnolia
