// SPDX-License-Identifier: Apache-2.0
// A Magnolia whose rows are in a SQL Server that scenarios play
// (tests/contract/engine/sqlserver): found, copied by the server's own BACKUP, restored beside. Its
// rows in a server that can be read: tests/sqlserver-live.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scripted_server.h"
#include "integration/magnolia_run.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view user = "holdfast", password = "se cret;'1";

class MagnoliaSqlServer : public MagnoliaRun {
 protected:
  MagnoliaSqlServer() {
    place_.environment().insert(ScriptedServer::environment());
    write_private("shop.password", std::string(password));
  }
  static std::string jdbc(const ScriptedServer& server) {
    return fmt::format("jdbc:sqlserver://{};databaseName=Shop;trustServerCertificate=true",
                       server.home().filename().string());
  }
  // The files of an embedded one, whose workspaces are led to the server.
  MagnoliaLab on(const ScriptedServer& server) {
    const MagnoliaLab embedded(MagnoliaVariant::h2, place_ / "embedded");
    embedded.create();
    MagnoliaLab lab(MagnoliaVariant::mssql, place_ / "production");
    lab.configure(jdbc(server), std::string(user), std::string(password));
    fs::create_directories(lab.home().parent_path());
    fs::copy(embedded.home(), lab.home(), fs::copy_options::recursive);
    const std::regex manager("<PersistenceManager[^]*?</PersistenceManager>");
    for (const auto& entry : fs::recursive_directory_iterator(lab.home())) {
      const fs::path& path = entry.path();
      if (path.filename().native().starts_with("db.")) fs::remove(path);
      if (path.filename() != "workspace.xml") continue;
      write_text(path,
                 std::regex_replace(
                     read_text(path), manager,
                     "<PersistenceManager class=\"org.apache.jackrabbit.core.persistence.pool."
                     "MSSqlPersistenceManager\"><param name=\"dataSourceName\" "
                     "value=\"magnolia\"/><param name=\"schemaObjectPrefix\" "
                     "value=\"pm_$${wsp.name}_\"/></PersistenceManager>"));
    }
    return lab;
  }
  // Copied by the server, through the directory that both see.
  std::string instance(const std::string& name, const MagnoliaLab& lab,
                       const ScriptedServer& server) {
    const model::Endpoint endpoint = server.endpoint();
    std::string text = fmt::format(
        "name = \"magnoliaAuthor\"\nprofile = \"magnolia\"\nhome = \"{}\"\n[[database]]\nname = "
        "\"db-Shop\"\nuri = \"{}\"\nuser = \"{}\"\npassword_file = \"{}\"\n",
        lab.web_app().native(), endpoint.uri, user, (place_ / "shop.password").native());
    for (const auto& [key, value] : endpoint.options)
      text += fmt::format("{} = '{}'\n", key, value);
    return write_private(name, text);
  }
};

TEST_F(MagnoliaSqlServer, IsCopiedByBackupOnceItIsAcceptedThatNoRowWasSeen) {
  const ScriptedServer server("magnolia_server"), target("magnolia_target");
  const MagnoliaLab lab = on(server), other(MagnoliaVariant::mssql, place_ / "test");
  const Outcome found = place_.holdfast({"discover", lab.web_app().string()});
  ASSERT_EQ(found.exit_code, 0) << found.text();
  EXPECT_TRUE(found.says(
      fmt::format("db-Shop: sqlserver://{}:1433/Shop", server.home().filename().string())))
      << found.text();
  EXPECT_FALSE(found.says(password)) << found.text();

  const std::string file = instance("magnolia.toml", lab, server);
  const Outcome ready = place_.holdfast({"preflight", "-I", file});
  EXPECT_EQ(ready.exit_code, 0) << ready.text();
  expect_refused(back_up(file), 22, "magnolia-content-unobservable");
  const Outcome copied = back_up(file, {"--accept", "magnolia-content-unobservable"});
  ASSERT_EQ(copied.exit_code, 0) << copied.text();
  EXPECT_EQ(server.files_left(), 0U);

  const Outcome restored =
      place_.holdfast({"restore", "latest", "-I", instance("target.toml", other, target)});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_TRUE(target.is_set("is 7 Shop"));
  EXPECT_EQ(target.files_left(), 0U);
  EXPECT_TRUE(server.is_set("is 5 Shop"));
  // The configuration leads to the other server, and the files are all there.
  const std::string conf = read_text(other.conf());
  EXPECT_NE(conf.find("//" + target.home().filename().string()), std::string::npos) << conf;
  EXPECT_EQ(conf.find("//" + server.home().filename().string()), std::string::npos) << conf;
  EXPECT_EQ(other.records().size(), lab.records().size());
  for (const ScriptedServer* const one : {&server, &target}) {
    EXPECT_FALSE(one->was_asked("UNANSWERED")) << one->statements();
    EXPECT_FALSE(one->was_asked("ABANDONED")) << one->statements();
  }
}

}  // namespace
}  // namespace holdfast::test
