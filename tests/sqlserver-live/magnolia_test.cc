// SPDX-License-Identifier: Apache-2.0
// A whole Magnolia on the server that HOLDFAST_SQLSERVER_URI names (harness/sqlserver_named.h):
// found, copied by rows, rehearsed, restored beside, moved to every other kind of database and
// back. What is there is read by the generator, through a JDBC driver that Holdfast has nothing to
// do with.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "engine/sqlserver/session.h"
#include "harness/sqlserver_named.h"
#include "integration/magnolia_run.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using Variant = MagnoliaVariant;

class MagnoliaSqlServer : public MagnoliaRun {
 protected:
  void SetUp() override {
    if (!sqlserver_named()) GTEST_SKIP() << no_sqlserver;
    write_private("sqlserver-password", std::string(sqlserver_named()->password->reveal()));
  }
  void TearDown() override {
    for (const MagnoliaLab& one : on_sqlserver_) one.drop_sqlserver_database();
  }

  MagnoliaLab at(Variant variant, const std::string& name) {
    MagnoliaLab made(variant, place_ / name);
    if (uses_sqlserver(variant)) on_sqlserver_.push_back(made);
    return made;
  }
  // A table of an instance file that names a database of that server.
  [[nodiscard]] std::string table(const std::string& head, const model::Endpoint& endpoint) const {
    std::string text =
        fmt::format("{}\nuri = \"{}\"\nuser = '{}'\npassword_file = \"{}\"\n", head, endpoint.uri,
                    endpoint.user, (place_ / "sqlserver-password").string());
    for (const auto& [name, value] : endpoint.options)
      text += fmt::format("{} = \"{}\"\n", name, value);
    return text;
  }
  [[nodiscard]] static std::string head(const MagnoliaLab& lab) {
    return fmt::format("name = \"magnoliaAuthor\"\nprofile = \"magnolia\"\nhome = \"{}\"\n",
                       lab.web_app().string());
  }
  // Restores go into a database that is not there yet.
  [[nodiscard]] std::string restored_to(const MagnoliaLab& from, const MagnoliaLab& to) {
    return write_private("target.toml", head(to) + table("[[database]]\nname = \"" +
                                                             from.sqlserver().component + "\"",
                                                         to.sqlserver()));
  }
  // Of a migration to another kind of database, which is there and empty.
  std::string converted_to(const MagnoliaLab& to, const std::string& data_store) {
    to.make_databases();
    std::string text = head(to) + "[magnolia]\n";
    const std::string engine = uses_sqlserver(to.variant())  ? "sqlserver"
                               : uses_postgres(to.variant()) ? "postgresql"
                               : uses_mariadb(to.variant())  ? "mariadb"
                                                             : variant_name(to.variant()).data();
    text += fmt::format("persistence = \"{}\"\n", engine);
    if (!data_store.empty()) text += fmt::format("data_store = \"{}\"\n", data_store);
    if (uses_sqlserver(to.variant())) text += table("[[database]]\nname = \"db\"", to.sqlserver());
    if (uses_postgres(to.variant())) text += database("db", to.postgres_uri(), magnolia_user);
    if (uses_mariadb(to.variant())) text += database("db", to.mariadb_uri(), administrator(to));
    return write_private("target.toml", text);
  }
  // Holdfast writes a URL for Microsoft's driver, and the generator has jTDS.
  static void let_java_in(const MagnoliaLab& lab) {
    std::string text = read_text(lab.conf());
    const std::size_t url = text.find("jdbc:sqlserver://");
    if (url == std::string::npos) return;
    const std::size_t end = text.find('"', url);
    text.replace(url, end - url, lab.sqlserver_jdbc());
    write_text(lab.conf(), text);
  }
  void expect_content(const MagnoliaLab& lab, const MagnoliaVerdict& wanted) {
    let_java_in(lab);
    const MagnoliaVerdict verdict = lab.verify();
    EXPECT_TRUE(verdict.is_whole()) << verdict.text;
    EXPECT_EQ(verdict.digest, wanted.digest) << variant_name(lab.variant()) << verdict.text;
    EXPECT_EQ(verdict.records, wanted.records) << verdict.text;
  }

 private:
  std::vector<MagnoliaLab> on_sqlserver_;
};

class MagnoliaSqlServerVariants : public MagnoliaSqlServer,
                                  public testing::WithParamInterface<Variant> {};

TEST_P(MagnoliaSqlServerVariants, IsCopiedRehearsedAndComesBackElsewhere) {
  const MagnoliaLab lab = at(GetParam(), "production");
  lab.create();
  const MagnoliaVerdict before = lab.verify();
  model::Endpoint rehearsal = lab.sqlserver();
  const std::string instance = discovered(
      lab, table("[[drill.endpoint]]\ncomponent = \"" + rehearsal.component + "\"", rehearsal));
  for (const char* purpose : {"backup", "restore", "application"})
    EXPECT_EQ(place_.holdfast({"grants", purpose, "-I", instance}).exit_code, 0) << purpose;
  const Outcome ready = place_.holdfast({"preflight", "-I", instance});
  ASSERT_EQ(ready.exit_code, 0) << ready.text();
  const Outcome copied = back_up(instance);
  ASSERT_EQ(copied.exit_code, 0) << copied.text();
  const Outcome drilled = place_.holdfast({"drill", "-I", instance});
  EXPECT_EQ(drilled.exit_code, 0) << drilled.text();
  const MagnoliaLab target = at(GetParam(), "test");
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", restored_to(lab, target)});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_TRUE(restored.says("digests equal")) << restored.text();
  expect_content(target, before);
  expect_content(lab, before);
}

INSTANTIATE_TEST_SUITE_P(All, MagnoliaSqlServerVariants,
                         testing::Values(Variant::mssql, Variant::mssqlfull),
                         [](const auto& one) { return std::string(variant_name(one.param)); });

// To a server of every kind and to an embedded database, each time from SQL Server, and back.
// Incomplete at most for want of the authority in Java's trust store, which is told.
bool is_moved(const Outcome& moved) {
  return moved.exit_code == 0 || (moved.exit_code == 3 && moved.says("keytool -importcert"));
}

TEST_F(MagnoliaSqlServer, KeepsItsContentFromEngineToEngine) {
  MagnoliaLab from = at(Variant::h2, "start");
  from.create();
  const MagnoliaVerdict before = from.verify();
  int step = 0;
  const auto move = [&](Variant variant, const std::string& data_store) {
    const MagnoliaLab next = at(variant, fmt::format("step{}", ++step));
    const std::string source = write_private("source.toml", head(from));
    const Outcome moved =
        place_.holdfast({"migrate", "-I", source, "--to", converted_to(next, data_store)});
    ASSERT_TRUE(is_moved(moved)) << variant_name(variant) << moved.text();
    EXPECT_TRUE(moved.says("digests equal")) << moved.text();
    expect_content(next, before);
    from = next;
  };
  ASSERT_NO_FATAL_FAILURE(move(Variant::mssql, ""));
  ASSERT_NO_FATAL_FAILURE(move(Variant::pg, ""));
  ASSERT_NO_FATAL_FAILURE(move(Variant::mssql, "database"));
  ASSERT_NO_FATAL_FAILURE(move(Variant::mariadb, "files"));
  ASSERT_NO_FATAL_FAILURE(move(Variant::mssql, ""));
  ASSERT_NO_FATAL_FAILURE(move(Variant::derby, ""));
}

// Bundles of old formats hold the numbers: none changes, and new ones begin behind them.
TEST_F(MagnoliaSqlServer, KeepsTheNumbersOfNames) {
  const MagnoliaLab from = at(Variant::pg, "start");
  from.create();
  from.servers().postgres().psql(
      from.database(),
      "INSERT INTO pm_website_names (id, name) VALUES (7, 'a'), (8, 'A'), (41, 'b\xc3\xa4')");
  const MagnoliaLab to = at(Variant::mssql, "there");
  const Outcome moved = place_.holdfast(
      {"migrate", "-I", write_private("source.toml", head(from)), "--to", converted_to(to, "")});
  ASSERT_TRUE(is_moved(moved)) << moved.text();
  const model::Endpoint server = to.sqlserver();
  engine::sqlserver::Session session(engine::sqlserver::location_of(server), server.password.get(),
                                     true);
  session.run("INSERT INTO PM_WEBSITE_NAMES (NAME) VALUES ('new')");
  std::string names;
  for (const auto& row : session.query("SELECT ID, NAME FROM PM_WEBSITE_NAMES ORDER BY ID"))
    names += row.at(0).value_or("") + " " + row.at(1).value_or("") + "; ";
  EXPECT_EQ(names, "7 a; 8 A; 41 b\xc3\xa4; 42 new; ");
}

TEST_F(MagnoliaSqlServer, TablesThatAreThereAreNotTouched) {
  const MagnoliaLab from = at(Variant::h2, "start");
  from.create();
  const MagnoliaLab to = at(Variant::mssql, "there");
  const std::string target = converted_to(to, "");
  const model::Endpoint server = to.sqlserver();
  engine::sqlserver::Session session(engine::sqlserver::location_of(server), server.password.get(),
                                     true);
  session.run("CREATE TABLE PM_WEBSITE_BUNDLE (a int)");
  const Outcome refused =
      place_.holdfast({"migrate", "-I", write_private("source.toml", head(from)), "--to", target});
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  EXPECT_TRUE(refused.says("target-not-empty")) << refused.text();
  EXPECT_FALSE(fs::exists(to.web_app()));
}

}  // namespace
}  // namespace holdfast::test
