// SPDX-License-Identifier: Apache-2.0
// A Magnolia instance is found from its web application, copied whole, and comes back elsewhere
// with the same content: its own referee, the generator's `verify`, says so. What is damaged is
// named before a snapshot is written.
#include "harness/magnolia.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class MagnoliaTest : public testing::Test {
 protected:
  MagnoliaTest() {
    make_repository(place_.repository(), place_password);
    write_text(password_file(), std::string(magnolia_password));
    fs::permissions(password_file(), fs::perms::owner_read);
  }

  [[nodiscard]] fs::path password_file() const { return place_.root() / "magnolia-password"; }
  [[nodiscard]] MagnoliaLab lab(MagnoliaVariant variant) const {
    return {variant, place_.root() / "production"};
  }

  // The instance file that discover prints, with `more` behind it; its path.
  std::string discovered(const MagnoliaLab& lab, const std::string& more = {}) {
    const Outcome found = place_.holdfast({"discover", lab.web_app().string()});
    EXPECT_EQ(found.exit_code, 0) << found.text();
    std::string text = found.output + more;
    for (const std::string& name : components_) {
      if (name.starts_with("my:"))
        text += database(name.substr(3), lab.mariadb_uri(), administrator(lab));
    }
    return written("discovered.toml", text);
  }
  std::string written(const std::string& name, const std::string& text) {
    const fs::path path = place_ / name;
    write_text(path, text);
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return path.string();
  }

  // Where a copy of `lab` is to go: another directory and other servers.
  std::string target_file(const MagnoliaLab& target) {
    std::string text =
        fmt::format("name = \"magnoliaAuthor\"\nprofile = \"magnolia\"\nhome = \"{}\"\n",
                    target.web_app().string());
    for (const std::string& name : components_) {
      if (name.starts_with("pg:"))
        text += database(name.substr(3), target.postgres_uri(), magnolia_user);
      if (name.starts_with("my:"))
        text += database(name.substr(3), target.mariadb_uri(), administrator(target));
    }
    return written("target.toml", text);
  }

  [[nodiscard]] std::string database(const std::string& name, const std::string& uri,
                                     std::string_view user) const {
    return fmt::format(
        "[[database]]\nname = \"{}\"\nuri = \"{}\"\nuser = \"{}\"\npassword_file = \"{}\"\n", name,
        uri, user, password_file().string());
  }

  // An account on the MariaDB server that may do more than the application's own.
  static std::string_view administrator(const MagnoliaLab& lab) {
    lab.servers().mariadb().run(
        fmt::format("GRANT ALL ON *.* TO administrator IDENTIFIED BY '{}' WITH GRANT OPTION",
                    magnolia_password));
    return "administrator";
  }

  // Notes which components lie on servers.
  void look(const MagnoliaLab& lab) {
    const Outcome found = place_.holdfast({"discover", lab.web_app().string(), "--json"});
    ASSERT_EQ(found.exit_code, 0) << found.text();
    const std::vector<Json> lines = found.lines();
    for (const Json& database : lines.at(0).at("databases").as_array()) {
      const std::string engine = database.at("engine").as_string();
      const std::string name = database.at("name").as_string();
      if (engine == "postgresql") components_.push_back("pg:" + name);
      if (engine == "mariadb") components_.push_back("my:" + name);
    }
  }

  Outcome back_up(const std::string& instance) {
    return place_.holdfast({"backup", "-I", instance});
  }

  // Restores the latest copy of `lab` elsewhere, and has it verified there.
  MagnoliaLab restore(const MagnoliaLab& lab, const std::string& name = "test") {
    const MagnoliaLab target = lab.elsewhere(place_ / name, MagnoliaServers::other());
    target.make_databases();
    const Outcome outcome = place_.holdfast({"restore", "latest", "-I", target_file(target)});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    return target;
  }
  MagnoliaVerdict restored(const MagnoliaLab& lab, const std::string& name = "test") {
    return restore(lab, name).verify();
  }

  Place place_;
  std::vector<std::string> components_;
};

class MagnoliaVariants : public MagnoliaTest,
                         public testing::WithParamInterface<MagnoliaVariant> {};

TEST_P(MagnoliaVariants, ComesBackElsewhereWhole) {
  const MagnoliaLab source = lab(GetParam());
  source.create();
  const std::string digest = source.verify().digest;
  look(source);
  const Outcome copied = back_up(discovered(source));
  ASSERT_EQ(copied.exit_code, 0) << copied.text();
  fs::remove_all(source.directory());
  const MagnoliaVerdict verdict = restored(source);
  EXPECT_TRUE(verdict.is_whole()) << verdict.text;
  EXPECT_EQ(verdict.digest, digest) << verdict.text;
}

TEST_P(MagnoliaVariants, IsOpenedByJackrabbit) {
  if (!has_jackrabbit()) GTEST_SKIP() << "needs JACKRABBIT_CP: see scripts/jackrabbit_class_path";
  const MagnoliaLab source = lab(GetParam());
  source.create();
  look(source);
  const Outcome copied = back_up(discovered(source));
  ASSERT_EQ(copied.exit_code, 0) << copied.text();
  const MagnoliaVerdict was = source.verify_with_jackrabbit();
  EXPECT_EQ(was.missing, 0) << was.text;
  fs::remove_all(source.directory());
  const MagnoliaVerdict now = restore(source).verify_with_jackrabbit();
  EXPECT_EQ(now.missing, 0) << now.text;
  EXPECT_EQ(now.digest, was.digest) << was.text << now.text;
}

INSTANTIATE_TEST_SUITE_P(Each, MagnoliaVariants, testing::ValuesIn(magnolia_variants),
                         [](const auto& one) { return std::string(variant_name(one.param)); });

// Those on servers are copied while they are written to.
class MagnoliaUnderLoad : public MagnoliaTest,
                          public testing::WithParamInterface<MagnoliaVariant> {};

TEST_P(MagnoliaUnderLoad, EveryCopyIsWhole) {
  const MagnoliaLab source = lab(GetParam());
  source.create();
  look(source);
  const std::string instance = discovered(source);
  const int rounds = is_soak() ? 20 : 2;
  for (int round = 0; round < rounds; ++round) {
    MagnoliaProcess load = source.load(0ms);
    const Outcome copied = back_up(instance);
    ASSERT_EQ(copied.exit_code, 0) << copied.text();
    EXPECT_TRUE(load.is_running());
    EXPECT_GT(load.stop(), 0U);
    const MagnoliaVerdict verdict = restored(source, "test" + std::to_string(round));
    EXPECT_TRUE(verdict.is_whole()) << verdict.text;
  }
}

INSTANTIATE_TEST_SUITE_P(OnServers, MagnoliaUnderLoad,
                         testing::Values(MagnoliaVariant::pg, MagnoliaVariant::pgfull,
                                         MagnoliaVariant::mariadb),
                         [](const auto& one) { return std::string(variant_name(one.param)); });

// Those with embedded databases are stopped for it.
class MagnoliaEmbedded : public MagnoliaTest,
                         public testing::WithParamInterface<MagnoliaVariant> {};

TEST_P(MagnoliaEmbedded, IsRefusedWhileItRunsAndCopiedWhileItIsStopped) {
  const MagnoliaLab source = lab(GetParam());
  source.create();
  look(source);
  const MagnoliaService service(source);
  const std::string alone = discovered(source);
  const Outcome refused = back_up(alone);
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  // In a mixed one nothing that it has opened so far need be embedded.
  const bool is_mixed = GetParam() == MagnoliaVariant::mixed;
  EXPECT_TRUE(refused.says(is_mixed ? "magnolia-running" : "quiesce-missing")) << refused.text();
  EXPECT_TRUE(service.is_running());
  EXPECT_EQ(service.history(), "start\n");

  const Outcome copied =
      back_up(discovered(source, service.quiesce() + (is_mixed ? "when = \"always\"\n" : "")));
  ASSERT_EQ(copied.exit_code, 0) << copied.text();
  EXPECT_EQ(service.history(), "start\nstop\nstart\n");
  EXPECT_TRUE(service.is_running());
  const MagnoliaVerdict verdict = restored(source);
  EXPECT_TRUE(verdict.is_whole()) << verdict.text;
}

INSTANTIATE_TEST_SUITE_P(Stopped, MagnoliaEmbedded,
                         testing::Values(MagnoliaVariant::derby, MagnoliaVariant::h2,
                                         MagnoliaVariant::mixed),
                         [](const auto& one) { return std::string(variant_name(one.param)); });

// Damage is named, and no snapshot is written.
class MagnoliaDamage : public MagnoliaTest {
 protected:
  MagnoliaDamage() : source_(lab(MagnoliaVariant::pg)) {
    source_.create();
    instance_ = discovered(source_);
  }
  void expect_refused(int exit_code, std::string_view code) {
    const Outcome refused = back_up(instance_);
    EXPECT_EQ(refused.exit_code, exit_code) << refused.text();
    EXPECT_TRUE(refused.says(code)) << refused.text();
    const Outcome listed = place_.holdfast({"snapshots", "--json"});
    EXPECT_TRUE(listed.array().empty()) << listed.text();
  }
  void sql(const std::string& statement) {
    source_.servers().postgres().psql(source_.database(), statement);
  }

  MagnoliaLab source_;
  std::string instance_;
};

TEST_F(MagnoliaDamage, ARecordThatIsGone) {
  fs::remove(source_.records().at(0));
  expect_refused(22, "magnolia-record-missing");
}

TEST_F(MagnoliaDamage, ABitOfARecord) {
  flip_file(source_.records().at(0));
  expect_refused(22, "magnolia-record-damaged");
}

TEST_F(MagnoliaDamage, AWorkspaceXmlThatIsGone) {
  fs::remove(source_.workspace("dam") / "workspace.xml");
  expect_refused(22, "magnolia-workspace-unconfigured");
}

TEST_F(MagnoliaDamage, NodeTypesThatAreCutOff) {
  cut_file(source_.home() / "repository/nodetypes/custom_nodetypes.xml");
  expect_refused(22, "magnolia-file-damaged");
}

TEST_F(MagnoliaDamage, ATableThatIsGone) {
  sql("DROP TABLE pm_website_bundle");
  expect_refused(22, "magnolia-table-missing");
}

TEST_F(MagnoliaDamage, AllTablesOfAWorkspaceThatHasAnIndex) {
  fs::create_directories(source_.workspace("website") / "index");
  sql("DROP TABLE pm_website_bundle, pm_website_refs, pm_website_binval, pm_website_names");
  expect_refused(22, "magnolia-tables-lost");
}

TEST_F(MagnoliaDamage, ANodeThatIsGone) {
  sql("DELETE FROM pm_website_bundle WHERE ctid IN (SELECT ctid FROM pm_website_bundle ORDER BY "
      "length(bundle_data) DESC LIMIT 1)");
  const MagnoliaVerdict verdict = source_.verify();
  EXPECT_FALSE(verdict.is_whole()) << verdict.text;
  expect_refused(22, "magnolia-node-missing");
}

// A data store grows by new names: what was read once is not opened again.
TEST_F(MagnoliaTest, TheSecondCopyOpensNoRecordAgain) {
  const MagnoliaLab source = lab(MagnoliaVariant::pg);
  source.create();
  const std::string instance = discovered(source);
  ASSERT_EQ(back_up(instance).exit_code, 0);
  const Outcome second = place_.holdfast({"backup", "-I", instance, "--json"});
  ASSERT_EQ(second.exit_code, 0) << second.text();
  const Json summary = second.lines().back();
  EXPECT_EQ(summary.at("files_new").as_uint(), 0U) << second.text();
  EXPECT_EQ(summary.at("files_changed").as_uint(), 0U) << second.text();
  EXPECT_GE(summary.at("files_unmodified").as_uint(), source.records().size()) << second.text();
  // Damage that leaves size and times alone is found by reading all.
  const fs::path record = source.records().at(0);
  const auto time = fs::last_write_time(record);
  flip_file(record);
  fs::last_write_time(record, time);
  const Outcome scrubbed = place_.holdfast({"backup", "-I", instance, "--scrub"});
  EXPECT_EQ(scrubbed.exit_code, 22) << scrubbed.text();
  EXPECT_TRUE(scrubbed.says("magnolia-record-damaged")) << scrubbed.text();
}

TEST_F(MagnoliaTest, AuthorAndPublicMustShareNothing) {
  const MagnoliaLab author = lab(MagnoliaVariant::pg);
  author.create();
  const MagnoliaLab other(MagnoliaVariant::pg, author.directory(), "magnoliaPublic");
  other.create();
  const Outcome apart = place_.holdfast({"discover", author.tomcat().string()});
  EXPECT_EQ(apart.exit_code, 0) << apart.text();
  EXPECT_TRUE(apart.says("name = \"magnoliaAuthor\"")) << apart.text();
  EXPECT_TRUE(apart.says("name = \"magnoliaPublic\"")) << apart.text();
  EXPECT_FALSE(apart.says("magnolia-shared")) << apart.text();
  // The public one is let use the author's database.
  std::string conf = read_text(other.conf());
  for (std::size_t at = 0; (at = conf.find(other.postgres_jdbc(), at)) != std::string::npos;)
    conf.replace(at, other.postgres_jdbc().size(), author.postgres_jdbc());
  write_text(other.conf(), conf);
  const Outcome shared = place_.holdfast({"preflight", "-I", discovered(author)});
  EXPECT_EQ(shared.exit_code, 20) << shared.text();
  EXPECT_TRUE(shared.says("magnolia-shared-tables")) << shared.text();
}

}  // namespace
}  // namespace holdfast::test
