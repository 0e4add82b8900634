// SPDX-License-Identifier: Apache-2.0
// Damage that is planted in an instance, and what moves while it is copied: each is named, and no
// snapshot is written; and an application that was stopped comes back though the backup is killed.
#include <signal.h>

#include "integration/magnolia_run.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class MagnoliaPlanted : public MagnoliaRun {
 protected:
  static std::string sql(const MagnoliaLab& lab, const std::string& statement) {
    return lab.servers().postgres().psql(lab.database(), statement);
  }

  // A line of shell that makes a workspace of a new name, as Magnolia would.
  static std::string adding_a_workspace(const MagnoliaLab& lab) {
    return fmt::format(
        "(cd '{}'; mkdir campaign$$; sed \"s/name=.website./name='campaign$$'/\" "
        "website/workspace.xml > campaign$$/workspace.xml)\n",
        lab.workspace("website").parent_path().string());
  }
  static std::vector<std::string> added_workspaces(const MagnoliaLab& lab) {
    std::vector<std::string> added;
    for (const auto& one : fs::directory_iterator(lab.workspace("website").parent_path())) {
      if (const std::string name = one.path().filename(); name.starts_with("campaign"))
        added.push_back(name);
    }
    return added;
  }
  // An instance whose server's own programs, which read what was captured, first run `script`.
  [[nodiscard]] std::string with_captured(const MagnoliaLab& lab, const std::string& script) {
    const fs::path programs = lab.servers().postgres().server().binaries().directory;
    fs::create_directories(place_ / "bin");
    for (const std::string name : {"pg_dump", "pg_dumpall"}) {
      write_text(place_ / "bin" / name,
                 fmt::format("#!/bin/sh -e\ncase \"$*\" in *--snapshot=*)\n{};; esac\nexec "
                             "'{}/{}' \"$@\"\n",
                             script, programs.string(), name));
      fs::permissions(place_ / "bin" / name, fs::perms::owner_all);
    }
    return discovered(lab,
                      database(on_servers(lab).at(0).second, lab.postgres_uri(), magnolia_user) +
                          fmt::format("bin_dir = \"{}\"\n", (place_ / "bin").string()));
  }
};

// A bit of the length in front of a record's name: what follows is read as something else. Once it
// is turned back, the copy is whole.
TEST_F(MagnoliaPlanted, ABitOfANodeInPostgresql) {
  const MagnoliaLab source = lab(MagnoliaVariant::pg);
  source.create();
  const std::string instance = discovered(source);
  const std::string flip =
      "UPDATE pm_dam_bundle SET bundle_data = set_byte(bundle_data, at, get_byte(bundle_data, at) "
      "# 1) FROM (SELECT ctid AS row, position('dataStore:'::bytea in bundle_data) - 2 AS at FROM "
      "pm_dam_bundle WHERE position('dataStore:'::bytea in bundle_data) > 0 ORDER BY node_id_hi "
      "LIMIT 1) AS one WHERE pm_dam_bundle.ctid = one.row";
  sql(source, flip);
  expect_refused(back_up(instance), 22, "magnolia-bundle-unreadable");
  sql(source, flip);
  const Outcome whole = back_up(instance);
  EXPECT_EQ(whole.exit_code, 0) << whole.text();
}

// Derby's pages have checksums: the bit is seen wherever it is.
TEST_F(MagnoliaPlanted, ABitOfANodeInDerby) {
  const MagnoliaLab source = lab(MagnoliaVariant::derby);
  source.create();
  const std::string instance = discovered(source);
  fs::path damaged;
  for (const auto& file : fs::directory_iterator(source.workspace("dam") / "db" / "seg0")) {
    const std::size_t at = read_text(file.path()).find("dataStore:");
    if (at == std::string::npos) continue;
    damaged = file.path();
    flip_file(damaged, at + 11);
    break;
  }
  ASSERT_FALSE(damaged.empty());
  expect_refused(back_up(instance), 22, damaged.filename().string());
}

TEST_F(MagnoliaPlanted, AWorkspaceThatIsAddedMeanwhileIsCopiedOrNamed) {
  const MagnoliaLab source = lab(MagnoliaVariant::pg);
  source.create();
  const std::string adding = adding_a_workspace(source);
  // Whenever it is copied there is one more.
  expect_refused(back_up(with_captured(source, adding)), 22,
                 "/workspace.xml changed while it was copied");
  // One more, and no other after that.
  const std::string once =
      fmt::format("! mkdir '{}' 2>/dev/null || {{ {} }}\n", (place_ / "added").string(), adding);
  const std::size_t before = added_workspaces(source).size();
  const Outcome copied = back_up(with_captured(source, once));
  ASSERT_EQ(copied.exit_code, 0) << copied.text();
  EXPECT_TRUE(copied.says("copying again")) << copied.text();
  EXPECT_EQ(added_workspaces(source).size(), before + 1);
  const Outcome listed = place_.holdfast({"ls", "latest"});
  for (const std::string& name : added_workspaces(source))
    EXPECT_TRUE(listed.says("/" + name + "/workspace.xml")) << listed.text();
}

// Records that nobody needs any more once the databases are captured are needed by what was
// captured: those are named whose nodes the application has removed meanwhile.
TEST_F(MagnoliaPlanted, AGarbageCollectionMeanwhileIsNamed) {
  const MagnoliaLab source = lab(MagnoliaVariant::pg);
  source.create();
  const std::string instance = with_captured(
      source, fmt::format(": > '{0}/captured'; until [ -e '{0}/go' ]; do sleep 0.01; done",
                          place_.root().string()));
  MagnoliaProcess load = source.load(5ms);
  Started job = place_.start({"backup", "-I", instance});
  ASSERT_TRUE(eventually([&] { return fs::exists(place_ / "captured"); }));
  // The application goes on, and removes the oldest of what it has made.
  const std::size_t orphans_before = source.orphans().size();
  EXPECT_TRUE(eventually([&] { return source.orphans().size() > orphans_before + 10; }));
  load.stop();
  for (const std::string& name : source.orphans()) {
    fs::remove(source.data_store() / name.substr(0, 2) / name.substr(2, 2) / name.substr(4, 2) /
               name);
  }
  const MagnoliaVerdict verdict = source.verify();
  EXPECT_TRUE(verdict.is_whole()) << verdict.text;  // of the application as it is now
  write_text(place_ / "go", "");
  expect_refused(job.wait(), 22, "magnolia-record-missing");
  const Outcome again = back_up(instance);
  EXPECT_EQ(again.exit_code, 0) << again.text();
}

// Nothing is copied while its application has it open, whatever `stop` says it did.
TEST_F(MagnoliaPlanted, AnIndexTakesAnApplicationThatIsDown) {
  const MagnoliaLab source = lab(MagnoliaVariant::pg);
  source.create();
  const fs::path index = source.workspace("website") / "index";
  write_text((fs::create_directories(index), index / "segments_1"), "an index");
  const std::string include = "[magnolia]\nsearch_index = \"include\"\n";
  MagnoliaService service(source);
  expect_refused(back_up(discovered(source, include + service.quiesce())), 20,
                 "magnolia-index-needs-stop");
  expect_refused(back_up(discovered(source, include + "[quiesce]\nstop = [\"true\"]\nstart = "
                                                      "[\"true\"]\nwhen = \"always\"\n"
                                                      "timeout = \"10s\"\n")),
                 1, "/.lock");
  const Outcome copied =
      back_up(discovered(source, include + service.quiesce() + "when = \"always\"\n"));
  ASSERT_EQ(copied.exit_code, 0) << copied.text();
  EXPECT_TRUE(place_.holdfast({"ls", "latest"}).says("/website/index/segments_1"));
}

TEST_F(MagnoliaPlanted, AKilledBackupLeavesTheApplicationRunningAndTheNextOneIsWhole) {
  const MagnoliaLab source = lab(MagnoliaVariant::derby);
  source.create();
  const MagnoliaService service(source);
  const std::string instance = discovered(source, service.quiesce());
  Started job = place_.start({"backup", "-I", instance});
  ASSERT_TRUE(
      eventually([&] { return service.history() == "start\nstop\n" && !service.is_running(); }));
  job.kill(SIGKILL);
  const Outcome killed = job.wait();
  ASSERT_EQ(killed.exit_code, 137) << killed.text();
  EXPECT_TRUE(eventually([&] { return service.is_running(); }));
  EXPECT_EQ(service.history(), "start\nstop\nstart\n");
  EXPECT_EQ(snapshots(), 0U);
  // Whoever comes while it is still being put back is told so.
  Outcome next;
  ASSERT_TRUE(eventually([&] {
    next = back_up(instance);
    return next.exit_code != 11;
  }));
  ASSERT_EQ(next.exit_code, 0) << next.text();
  EXPECT_EQ(service.history(), "start\nstop\nstart\nstop\nstart\n");
  EXPECT_TRUE(service.is_running());
  const MagnoliaLab target = source.elsewhere(place_ / "test");
  const std::string to = write_private(
      "target.toml", fmt::format("name = \"magnoliaAuthor\"\nprofile = \"magnolia\"\nhome = "
                                 "\"{}\"\n",
                                 target.web_app().string()));
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", to});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  const MagnoliaVerdict verdict = target.verify();
  EXPECT_TRUE(verdict.is_whole()) << verdict.text;
}

}  // namespace
}  // namespace holdfast::test
