// SPDX-License-Identifier: Apache-2.0
// Production is copied to another environment: other servers and hosts, another directory, owner
// and name. The copy has the same content, its own identity in a cluster, and whoever makes it is
// told whom it would talk to.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/magnolia.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// The role that owns all in the other environment, and connects there.
constexpr std::string_view other_owner = "tester";

class MagnoliaEnvironment : public testing::Test {
 protected:
  MagnoliaEnvironment()
      : source_(MagnoliaVariant::pg, place_.root() / "production"),
        target_(source_.elsewhere(place_.root() / "test", MagnoliaServers::other())) {
    make_repository(place_.repository(), place_password);
    write_private("magnolia-password", std::string(magnolia_password));
    source_.create();
    make_cluster();
    digest_ = source_.verify().digest;
    target_.servers().postgres().psql(
        "postgres",
        fmt::format("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{0}') THEN "
                    "CREATE ROLE {0} LOGIN CREATEDB PASSWORD '{1}'; END IF; END $$",
                    other_owner, magnolia_password));
  }

  std::string write_private(const std::string& name, const std::string& text) {
    const fs::path path = place_ / name;
    write_text(path, text);
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return path.string();
  }

  // The source is one node of a cluster, with its journal in the database.
  void make_cluster() {
    std::string conf = read_text(source_.conf());
    const std::string end = "</Repository>";
    conf.replace(conf.rfind(end), end.size(),
                 "<Cluster id=\"prod-1\"><Journal "
                 "class=\"org.apache.jackrabbit.core.journal.DatabaseJournal\">"
                 "<param name=\"revision\" value=\"${rep.home}/revision.log\"/>"
                 "<param name=\"dataSourceName\" value=\"magnolia\"/>"
                 "<param name=\"schemaObjectPrefix\" value=\"journal_\"/></Journal></Cluster>" +
                     end);
    write_text(source_.conf(), conf);
    source_.servers().postgres().psql(
        source_.database(),
        fmt::format("SET ROLE {};\n"
                    "CREATE TABLE journal_journal (revision_id bigint NOT NULL, journal_id "
                    "varchar(255), producer_id varchar(255), revision_data bytea);\n"
                    "CREATE TABLE journal_global_revision (revision_id bigint NOT NULL);\n"
                    "CREATE TABLE journal_local_revisions (journal_id varchar(255) NOT NULL, "
                    "revision_id bigint NOT NULL);\n"
                    "INSERT INTO journal_global_revision VALUES (7);\n"
                    "INSERT INTO journal_local_revisions VALUES ('prod-1', 7)",
                    magnolia_user));
  }

  [[nodiscard]] std::string production() {
    return write_private("prod.toml", fmt::format("name = \"magnolia\"\nprofile = \"magnolia\"\n"
                                                  "home = \"{}\"\n",
                                                  source_.web_app().string()));
  }
  [[nodiscard]] std::string named_production() {
    return write_private("named.toml",
                         read_text(production()) +
                             fmt::format("[[database]]\nname = \"db-{}\"\nuri = \"{}\"\n"
                                         "user = \"{}\"\npassword_file = \"{}\"\n",
                                         source_.database(), source_.postgres_uri(), magnolia_user,
                                         (place_ / "magnolia-password").string()));
  }
  [[nodiscard]] std::string test() {
    return write_private(
        "test.toml",
        fmt::format("name = \"magnolia\"\nprofile = \"magnolia\"\nhome = \"{}\"\n"
                    "[[database]]\nname = \"db-{}\"\nuri = \"{}\"\nuser = \"{}\"\n"
                    "password_file = \"{}\"\n[restore.owner]\n\"{}\" = \"{}\"\n",
                    target_.web_app().string(), source_.database(), target_.postgres_uri(),
                    other_owner, (place_ / "magnolia-password").string(), magnolia_user,
                    other_owner));
  }

  void expect_copied(const Outcome& outcome) {
    ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
    EXPECT_TRUE(outcome.says("endpoints-inherited")) << outcome.text();
    EXPECT_TRUE(outcome.says("https://public.example.org:8443")) << outcome.text();
    EXPECT_TRUE(
        outcome.says("config:/modules/publishing-core/config/receivers/"
                     "magnoliaPublic8080/url"))
        << outcome.text();
    EXPECT_TRUE(outcome.says("smtp.example.org")) << outcome.text();
    EXPECT_FALSE(outcome.says("notasecret")) << outcome.text();
    const std::string conf = read_text(target_.conf());
    // While the configuration has the account of production, which has no rights here.
    const bool is_production = conf.find(account_of(magnolia_user)) != std::string::npos;
    EXPECT_EQ(outcome.says("postgresql-application-grants"), is_production) << outcome.text();
    EXPECT_EQ(conf.find("\"prod-1\""), std::string::npos) << conf;
    EXPECT_NE(conf.find("<Cluster id=\"prod-1-"), std::string::npos) << conf;
    EXPECT_NE(conf.find(target_.postgres_jdbc()), std::string::npos) << conf;
    EXPECT_EQ(conf.find(source_.postgres_jdbc()), std::string::npos) << conf;
    EXPECT_EQ(target_.servers().postgres().psql(
                  target_.database(),
                  "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"),
              std::string(other_owner) + "\n");
    let_the_copy_be(other_owner);
    const MagnoliaVerdict verdict = target_.verify();
    EXPECT_TRUE(verdict.is_whole()) << verdict.text;
    EXPECT_EQ(verdict.digest, digest_) << verdict.text;
  }

  static std::string account_of(std::string_view user) {
    return fmt::format("name=\"user\" value=\"{}\"", user);
  }

  // Whom the copy connects as, in its configuration.
  void let_the_copy_be(std::string_view user) {
    std::string conf = read_text(target_.conf());
    const std::string old_user = account_of(magnolia_user);
    const std::size_t at = conf.find(old_user);
    if (at == std::string::npos) return;
    conf.replace(at, old_user.size(), account_of(user));
    write_text(target_.conf(), conf);
  }

  Place place_;
  MagnoliaLab source_, target_;
  std::string digest_;
};

TEST_F(MagnoliaEnvironment, IsMadeFromASnapshotWhenProductionCannotBeReached) {
  const Outcome saved = place_.holdfast({"backup", "-I", production()});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_FALSE(saved.says("endpoints-inherited")) << saved.text();
  // Production is gone, with its database; who asked for it would fail.
  fs::rename(source_.directory(), place_.root() / "unreachable");
  source_.servers().postgres().drop_database(source_.database());
  expect_copied(place_.holdfast({"restore", "latest", "-I", test()}));
  const Outcome manifest = place_.holdfast({"dump", "latest", "/magnolia/holdfast.json"});
  ASSERT_EQ(manifest.exit_code, 0) << manifest.text();
  EXPECT_FALSE(manifest.says("notasecret")) << manifest.text();
}

TEST_F(MagnoliaEnvironment, IsMadeStraightFromProduction) {
  expect_copied(place_.holdfast({"migrate", "-I", production(), "--to", test()}));
  const MagnoliaVerdict production = source_.verify();
  EXPECT_EQ(production.digest, digest_) << production.text;
  EXPECT_NE(read_text(source_.conf()).find("id=\"prod-1\""), std::string::npos);
}

TEST_F(MagnoliaEnvironment, InPlaceOfProductionKeepsItsIdentity) {
  ASSERT_EQ(place_.holdfast({"backup", "-I", production()}).exit_code, 0);
  const std::vector<std::string> words = {"restore", "latest", "-I", production(), "--replace"};
  // Whoever restores into a server says as whom.
  const Outcome unnamed = place_.holdfast(words);
  EXPECT_EQ(unnamed.exit_code, 20) << unnamed.text();
  EXPECT_TRUE(unnamed.says("target-missing:db-" + source_.database())) << unnamed.text();
  source_.servers().postgres().psql("postgres",
                                    fmt::format("ALTER ROLE {} CREATEDB", magnolia_user));
  const Outcome back =
      place_.holdfast({"restore", "latest", "-I", named_production(), "--replace"});
  ASSERT_EQ(back.exit_code, 0) << back.text();
  EXPECT_TRUE(back.says("as a replacement")) << back.text();
  EXPECT_FALSE(back.says("endpoints-inherited")) << back.text();
  EXPECT_FALSE(back.says("postgresql-application-grants")) << back.text();
  EXPECT_NE(read_text(source_.conf()).find("id=\"prod-1\""), std::string::npos);
  EXPECT_EQ(source_.verify().digest, digest_);
}

}  // namespace
}  // namespace holdfast::test
