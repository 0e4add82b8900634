// SPDX-License-Identifier: Apache-2.0
// A Magnolia comes back only where nobody works with it, keeps everybody out until all of it is
// there, and is not called restored if it would find something else when it starts. Single
// workspaces come back alone.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "base/fd.h"
#include "harness/magnolia.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class MagnoliaRestore : public testing::Test {
 protected:
  MagnoliaRestore() {
    make_repository(place_.repository(), place_password);
    password_file_ = (place_ / "magnolia-password").string();
    write_text(password_file_, std::string(magnolia_password));
    fs::permissions(password_file_, fs::perms::owner_read);
  }

  [[nodiscard]] MagnoliaLab made(MagnoliaVariant variant) const {
    MagnoliaLab lab(variant, place_.root() / "production");
    lab.create();
    return lab;
  }
  // An instance file with `more` in it.
  std::string file(const MagnoliaLab& lab, const std::string& more = {}) const {
    const fs::path path = place_ / (lab.directory().filename().string() + ".toml");
    write_text(path,
               fmt::format("name = \"magnoliaAuthor\"\nprofile = \"magnolia\"\nhome = \"{}\"\n{}",
                           lab.web_app().string(), more));
    return path.string();
  }
  [[nodiscard]] std::string database(const MagnoliaLab& lab, std::string_view user) const {
    return fmt::format(
        "[[database]]\nname = \"db-{}\"\nuri = \"{}\"\nuser = \"{}\"\npassword_file = \"{}\"\n",
        database_name_, lab.postgres_uri(), user, password_file_);
  }
  // A role that may do everything.
  static void make_role(const MagnoliaLab& lab, std::string_view name) {
    lab.servers().postgres().psql(
        "postgres", fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0} LOGIN SUPERUSER "
                                "PASSWORD '{1}'",
                                name, magnolia_password));
  }
  void back_up(const MagnoliaLab& lab, const std::string& more = {}) {
    database_name_ = lab.database();
    const Outcome copied = place_.holdfast({"backup", "-I", file(lab, more)});
    ASSERT_EQ(copied.exit_code, 0) << copied.text();
  }
  Outcome restore(const std::string& instance, std::vector<std::string> more = {"--replace"}) {
    std::vector<std::string> words = {"restore", "latest", "-I", instance};
    words.insert(words.end(), more.begin(), more.end());
    return place_.holdfast(words);
  }
  // A Tomcat that takes each directory in webapps for an application.
  static void write_server(const fs::path& tomcat) {
    fs::create_directories(tomcat / "conf");
    write_text(tomcat / "conf/server.xml",
               "<Server><Service name='Catalina'><Engine name='Catalina' defaultHost='localhost'>"
               "<Host name='localhost' appBase='webapps'/></Engine></Service></Server>");
  }
  static void expect_no_lock_below(const fs::path& directory) {
    for (const auto& item : fs::recursive_directory_iterator(directory))
      EXPECT_NE(item.path().filename(), ".lock") << item.path();
  }

  Place place_;
  std::string password_file_, database_name_;
};

TEST_F(MagnoliaRestore, IsRefusedOverOneThatRunsNamingIt) {
  const MagnoliaLab lab = made(MagnoliaVariant::derby);
  write_server(lab.tomcat());
  const std::string digest = lab.verify().digest;
  back_up(lab);
  MagnoliaProcess running = lab.hold();
  const Outcome refused = restore(file(lab));
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  EXPECT_TRUE(refused.says("target-running")) << refused.text();
  EXPECT_TRUE(refused.says(fmt::format("pid {} (java", running.pid()))) << refused.text();
  static_cast<void>(running.stop());
  fs::remove_all(lab.workspace("website"));
  const Outcome restored = restore(file(lab));
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_EQ(lab.verify().digest, digest);
  expect_no_lock_below(lab.tomcat());
  // What was there is kept where Tomcat takes it for no application.
  const std::string kept = (lab.tomcat() / "magnoliaAuthor_before_").string();
  EXPECT_TRUE(restored.says(kept)) << restored.text();
  const fs::directory_iterator applications(lab.web_app().parent_path());
  EXPECT_EQ(std::distance(begin(applications), end(applications)), 1);
}

// Nothing but the lock of the repository says that one on servers runs.
TEST_F(MagnoliaRestore, IsRefusedOverOneThatRunsOnServers) {
  const MagnoliaLab lab = made(MagnoliaVariant::pg);
  back_up(lab);
  make_role(lab, "restorer");
  MagnoliaProcess running = lab.load();
  const Outcome refused = restore(file(lab, database(lab, "restorer")));
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  EXPECT_TRUE(refused.says(fmt::format("pid {} (java", running.pid()))) << refused.text();
  EXPECT_TRUE(running.is_running());
  EXPECT_GT(running.stop(), 0U);
}

TEST_F(MagnoliaRestore, StopsTheApplicationAndLetsGoOfItsLockBeforeItStarts) {
  const MagnoliaLab lab = made(MagnoliaVariant::derby);
  back_up(lab);
  const MagnoliaService service(lab);
  const Outcome restored =
      restore(file(lab, service.quiesce() + "[restore]\nrole = \"replacement\"\n"));
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_EQ(service.history(), "start\nstop\nstart\n");
  EXPECT_TRUE(service.is_running());
}

// What is not of the copy leads the application elsewhere, where it would make an empty repository.
TEST_F(MagnoliaRestore, FailsWhereTheApplicationWouldFindAnotherRepository) {
  const MagnoliaLab lab = made(MagnoliaVariant::derby);
  back_up(lab);
  const MagnoliaLab target = lab.elsewhere(place_ / "test");
  write_server(target.tomcat());
  write_text(target.tomcat() / "conf/catalina.properties",
             "magnolia.repositories.home=" + (place_ / "empty").string() + "\n");
  const Outcome refused = restore(file(target));
  EXPECT_EQ(refused.exit_code, 22) << refused.text();
  EXPECT_TRUE(refused.says("magnolia-restored-place")) << refused.text();
  EXPECT_TRUE(refused.says((place_ / "empty").string())) << refused.text();
  EXPECT_FALSE(fs::exists(target.web_app())) << "all is put back";
  fs::remove(target.tomcat() / "conf/catalina.properties");
  const Outcome restored = restore(file(target));
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_TRUE(target.verify().is_whole());
  expect_no_lock_below(target.tomcat());
}

TEST_F(MagnoliaRestore, WritesTheAccountOfTheTargetIntoTheConfiguration) {
  const MagnoliaLab lab = made(MagnoliaVariant::pg);
  back_up(lab);
  const MagnoliaLab target = lab.elsewhere(place_ / "test", MagnoliaServers::other());
  target.make_databases();
  make_role(target, "clone");
  const Outcome restored = restore(file(target, database(target, "clone")), {});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_NE(read_text(target.conf()).find("\"clone\""), std::string::npos);
  EXPECT_FALSE(restored.says(magnolia_password)) << restored.text();
  EXPECT_TRUE(target.verify().is_whole());
}

TEST_F(MagnoliaRestore, BringsBackWhatAnAcceptedLinkLeadsTo) {
  const MagnoliaLab lab = made(MagnoliaVariant::derby);
  const std::string digest = lab.verify().digest;
  const fs::path data = place_ / "data";
  fs::rename(lab.home().parent_path(), data);
  fs::create_directory_symlink(data, lab.home().parent_path());
  const std::string accepted =
      "[[accept]]\ncode = \"magnolia-link-out\"\nreason = \"it is ours\"\n";
  const Outcome refused = place_.holdfast({"backup", "-I", file(lab)});
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  back_up(lab, accepted);
  fs::remove_all(data / "magnolia/workspaces");
  const Outcome restored = restore(file(lab, accepted));
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_EQ(lab.verify().digest, digest);
}

TEST_F(MagnoliaRestore, RunsTheHooksOfARepeatedCopyOnce) {
  const MagnoliaLab lab = made(MagnoliaVariant::derby);
  const fs::path marks = place_ / "marks";
  const fs::path properties = lab.web_app() / "WEB-INF/config/default/magnolia.properties";
  back_up(lab, fmt::format("[hooks]\nbefore_backup = [[\"/bin/sh\", \"-c\", \"echo once >> {}; "
                           "echo '# more' >> {}\"]]\n",
                           marks.string(), properties.string()));
  EXPECT_EQ(read_text(marks), "once\n");
}

class MagnoliaWorkspace : public MagnoliaRestore,
                          public testing::WithParamInterface<MagnoliaVariant> {};

TEST_P(MagnoliaWorkspace, ComesBackAloneWithItsRecords) {
  const MagnoliaLab lab = made(GetParam());
  const MagnoliaVerdict before = lab.verify();
  back_up(lab);
  const std::string account = lab.variant() == MagnoliaVariant::pg ? "restorer" : "";
  if (!account.empty()) make_role(lab, account);
  const std::string instance = file(lab, account.empty() ? "" : database(lab, account));
  const fs::path record = lab.records().at(0);
  // Both are written to; one of them is to stay as it is.
  static_cast<void>(lab.load(0ms).stop());
  const MagnoliaVerdict changed = lab.verify();
  ASSERT_NE(changed.workspaces.at("website"), before.workspaces.at("website"));
  ASSERT_NE(changed.workspaces.at("dam"), before.workspaces.at("dam"));
  fs::remove(record);

  const Outcome unknown = restore(instance, {"--workspace", "webseite", "--replace"});
  EXPECT_EQ(unknown.exit_code, 1) << unknown.text();
  EXPECT_TRUE(unknown.says("website")) << unknown.text();
  const Outcome kept = restore(instance, {"--workspace", "website"});
  EXPECT_EQ(kept.exit_code, 20) << kept.text();
  const Outcome restored = restore(instance, {"--workspace", "website", "--replace"});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_TRUE(restored.says("magnolia-workspace-versions")) << restored.text();
  const MagnoliaVerdict after = lab.verify();
  EXPECT_EQ(after.workspaces.at("website"), before.workspaces.at("website")) << after.text;
  EXPECT_EQ(after.workspaces.at("dam"), changed.workspaces.at("dam")) << after.text;
  EXPECT_EQ(after.missing, 0) << after.text;
  // What was there is kept where nobody takes it for a workspace.
  EXPECT_EQ(after.workspaces.size(), before.workspaces.size()) << after.text;
  EXPECT_TRUE(restored.says((lab.home() / "website_before_").string())) << restored.text();
  for (const auto& item : fs::directory_iterator(lab.home() / "workspaces"))
    EXPECT_EQ(item.path().filename().string().find("website_"), std::string::npos) << item.path();
  expect_no_lock_below(lab.tomcat());
}

TEST_P(MagnoliaWorkspace, IsRefusedWhereItsNodeTypesAreNotKnown) {
  const MagnoliaLab lab = made(GetParam());
  back_up(lab);
  const fs::path types = lab.home() / "repository/nodetypes/custom_nodetypes.xml";
  std::string text = read_text(types);
  const std::size_t at = text.find("mgnl:page");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 9, "mgnl:leaf");
  write_text(types, text);
  const bool is_served = lab.variant() == MagnoliaVariant::pg;
  if (is_served) make_role(lab, "restorer");
  const Outcome refused = restore(file(lab, is_served ? database(lab, "restorer") : ""),
                                  {"--workspace", "website", "--replace"});
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  EXPECT_TRUE(refused.says("magnolia-workspace-registry")) << refused.text();
  EXPECT_TRUE(refused.says("page")) << refused.text();
}

INSTANTIATE_TEST_SUITE_P(Each, MagnoliaWorkspace,
                         testing::Values(MagnoliaVariant::pg, MagnoliaVariant::derby),
                         [](const auto& one) { return std::string(variant_name(one.param)); });

}  // namespace
}  // namespace holdfast::test
