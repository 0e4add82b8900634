// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/mydumper.h"

#include <gtest/gtest.h>

#include "base/fd.h"

namespace holdfast::engine::mariadb {
namespace {

void write(const std::filesystem::path& path, std::string_view text) {
  write_file_durably(path, as_bytes(text));
}

TEST(Mydumper, KnowsItsFilesByTheirNames) {
  using Kind = MydumperKind;
  EXPECT_EQ(mydumper_kind("shop.orders-schema.sql"), Kind::table);
  EXPECT_EQ(mydumper_kind("shop.orders-schema.sql.gz"), Kind::table);
  EXPECT_EQ(mydumper_kind("shop.orders.sql"), Kind::rows);
  EXPECT_EQ(mydumper_kind("shop.orders.00001.00002.sql.zst"), Kind::rows);
  EXPECT_EQ(mydumper_kind("shop.orders-schema-triggers.sql"), Kind::trigger);
  EXPECT_EQ(mydumper_kind("shop.cheap-schema-view.sql"), Kind::view);
  EXPECT_EQ(mydumper_kind("shop.tickets-schema-sequence.sql"), Kind::sequence);
  EXPECT_EQ(mydumper_kind("shop-schema-post.sql"), Kind::code);
  EXPECT_EQ(mydumper_kind("shop-schema-create.sql"), std::nullopt);
  EXPECT_EQ(mydumper_kind("metadata"), std::nullopt);
  EXPECT_EQ(mydumper_kind("shop.orders.00000.dat"), Kind::unknown);
}

TEST(Mydumper, ReadsBothKindsOfMetadata) {
  const TemporaryDirectory home("holdfast-mydumper");
  write(home.path() / "metadata",
        "Started dump at: 2026-11-20 17:47:16\nSHOW MASTER STATUS:\n\tLog: bin.000001\n\n"
        "Finished dump at: 2026-11-20 17:47:17");
  write(home.path() / "shop-schema-create.sql", "CREATE DATABASE `shop`;\n");
  write(home.path() / "shop.b-schema.sql", "");
  write(home.path() / "shop.a.sql", "");
  const auto old = read_mydumper(home.path());
  ASSERT_TRUE(old);
  EXPECT_TRUE(old->is_complete);
  EXPECT_EQ(old->finished, "2026-11-20 17:47:17");
  EXPECT_EQ(old->databases, (std::vector<std::string>{"shop"}));
  ASSERT_EQ(old->files.size(), 2U);
  EXPECT_EQ(old->files[0].kind, MydumperKind::table);
  write_file_durably(home.path() / "metadata",
                     as_bytes("# Started dump at: 2026-11-20 17:47:16\n[config]\nquote-character = "
                              "BACKTICK\n\n[`shop`.`or``ders`]\nreal_table_name=orders\nrows = 42\n"
                              "# Finished dump at: 2026-11-20 17:47:17\n"));
  const auto newer = read_mydumper(home.path());
  ASSERT_TRUE(newer);
  EXPECT_TRUE(newer->is_complete);
  EXPECT_EQ(newer->rows.at(model::TableName{"shop", "or`ders"}), 42U);
}

TEST(Mydumper, KeepsSchemasApart) {
  const TemporaryDirectory home("holdfast-mydumper");
  write(home.path() / "metadata",
        "# Started dump at: 2026-11-20 17:47:16\n[`a`.`t`]\nrows = 1\n[`b`.`t`]\nrows = 2\n"
        "[`mydumper_0`.`t`]\nrows = 3\n# Finished dump at: 2026-11-20 17:47:17\n");
  for (const char* name : {"a.t-schema.sql", "a.t.00000.sql.gz", "b.t-schema.sql",
                           "b-schema-post.sql", "b.c.t-schema.sql", "mydumper_0.t-schema.sql"})
    write(home.path() / name, "");
  write(home.path() / "b.c-schema-create.sql", "");
  write(home.path() / "mydumper_0-schema-create.sql",
        "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `sl/ash`;\n");
  const auto dump = read_mydumper(home.path());
  ASSERT_TRUE(dump);
  EXPECT_EQ(dump->databases, (std::vector<std::string>{"a", "b", "b.c", "sl/ash"}));
  std::map<std::string, std::string> schemas;
  for (const MydumperFile& file : dump->files) schemas[file.path.filename()] = file.schema;
  EXPECT_EQ(schemas["a.t.00000.sql.gz"], "a");
  EXPECT_EQ(schemas["b-schema-post.sql"], "b");
  EXPECT_EQ(schemas["b.c.t-schema.sql"], "b.c");
  EXPECT_EQ(schemas["mydumper_0.t-schema.sql"], "sl/ash");
  EXPECT_EQ(dump->rows.at(model::TableName{"a", "t"}), 1U);
  EXPECT_EQ(dump->rows.at(model::TableName{"b", "t"}), 2U);
  EXPECT_EQ(dump->rows.at(model::TableName{"sl/ash", "t"}), 3U);
}

TEST(Mydumper, IsNotFinishedUntilItSaysSo) {
  const TemporaryDirectory home("holdfast-mydumper");
  EXPECT_FALSE(read_mydumper(home.path()));
  write(home.path() / "metadata.partial", "Started dump at: 2026-11-20 17:47:16\n");
  const auto partial = read_mydumper(home.path());
  ASSERT_TRUE(partial);
  EXPECT_FALSE(partial->is_complete);
  write(home.path() / "metadata", "Started dump at: 2026-11-20 17:47:16\n");
  EXPECT_FALSE(read_mydumper(home.path())->is_complete);
  write_file_durably(home.path() / "metadata", as_bytes("something else\n"));
  EXPECT_FALSE(read_mydumper(home.path()));
}

}  // namespace
}  // namespace holdfast::engine::mariadb
