// SPDX-License-Identifier: Apache-2.0
// ls, cat, dump, check, prune and restore as jobs; their results on paper are tested in the cli.
#include "base/error.h"
#include "base/stream.h"
#include "job/cat.h"
#include "job/check.h"
#include "job/dump.h"
#include "job/files_backup.h"
#include "job/files_restore.h"
#include "job/ls.h"
#include "job/prune.h"
#include "job/test_jobs.h"

namespace holdfast::job {
namespace {

class ReadJobs : public JobTest {
 protected:
  ReadJobs() {
    write("d/a", "content of a");
    write("d/sub/b", "b");
    FilesBackupOptions options;
    options.paths = {path("d")};
    snapshot = *backup_files(environment, access, options, observer, stop).snapshot;
    log.changes.clear();
  }
  // The paths `ls` shows below the source.
  std::vector<std::string> list(std::vector<std::string> directories, bool recursive) {
    LsOptions options;
    options.snapshot = "latest:" + path("d");
    options.directories = std::move(directories);
    options.recursive = recursive;
    std::vector<std::string> seen;
    list_files(
        environment, access, options,
        [&](const archive::Snapshot& found) { EXPECT_EQ(found.id, snapshot); },
        [&](const std::string& at, const format::Node&) { seen.push_back(at); }, observer, stop);
    return seen;
  }
  std::string dump(const std::string& what) {
    DumpOptions options;
    options.snapshot = snapshot.hex();
    options.path = what;
    options.refuse_archive = true;
    BytesSink sink;
    dump_path(environment, access, options, sink, observer, stop);
    return std::string(as_text(sink.bytes));
  }
  template <typename Body>
  Errc code_of(const Body& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::bug;
  }
  format::Id snapshot;
};

using Paths = std::vector<std::string>;

TEST_F(ReadJobs, ListFolders) {
  EXPECT_EQ(list({}, false), (Paths{"/a", "/sub", "/sub/b"}));
  EXPECT_EQ(list({"/sub/"}, false), (Paths{"/sub", "/sub/b"}));
  EXPECT_EQ(list({"/"}, false), (Paths{"/a", "/sub"}));
  EXPECT_EQ(list({"/su"}, true), Paths{});
  EXPECT_EQ(code_of([&] { static_cast<void>(list({"sub"}, false)); }), Errc::usage);
}

TEST_F(ReadJobs, DumpFilesButNoArchiveWhereNoneIsWanted) {
  EXPECT_EQ(dump(path("d/a")), "content of a");
  EXPECT_EQ(dump(path("d/./sub/../a")), "content of a");
  EXPECT_EQ(code_of([&] { dump(path("d")); }), Errc::usage);
  EXPECT_EQ(code_of([&] { dump("/nothing"); }), Errc::not_found);
}

TEST_F(ReadJobs, ShowObjects) {
  EXPECT_EQ(cat_needs_id(CatKind::config), false);
  EXPECT_EQ(cat_needs_id(CatKind::blob), true);
  for (const std::string_view name : cat_kind_names()) static_cast<void>(parse_cat_kind(name));
  EXPECT_EQ(code_of([] { static_cast<void>(parse_cat_kind("dog")); }), Errc::usage);
  const Bytes json =
      cat_object(environment, access, CatKind::snapshot, snapshot.short_hex(), observer, stop);
  EXPECT_EQ(Json::parse(as_text(json), "snapshot").at("hostname").as_string(), "testhost");
}

TEST_F(ReadJobs, WriteNothingButTheirLock) {
  list({}, false);
  dump(path("d/a"));
  static_cast<void>(cat_object(environment, access, CatKind::config, "", observer, stop));
  EXPECT_TRUE(check_repository(environment, access, {}, observer, stop).sound());
  EXPECT_TRUE(log.without_locks().empty());
}

TEST_F(ReadJobs, PruneNothingThatIsNeeded) {
  PruneJobOptions options;
  options.prune.max_unused = repo::parse_max_unused("0");
  EXPECT_EQ(prune_repository(environment, access, options, observer, stop).blobs_unused, 0U);
  options.recover_repository_id = "another";
  EXPECT_EQ(code_of([&] {
              static_cast<void>(prune_repository(environment, access, options, observer, stop));
            }),
            Errc::usage);
  access.no_lock = true;
  EXPECT_EQ(code_of([&] {
              static_cast<void>(prune_repository(environment, access, {}, observer, stop));
            }),
            Errc::usage);
}

TEST_F(ReadJobs, RestoreAFolder) {
  FilesRestoreOptions options;
  options.snapshot = "latest:" + path("d/sub");
  options.restore.target = path("out");
  bool has_begun = false;
  const archive::RestoreReport report = restore_files(
      environment, access, options, [&](const archive::Snapshot&) { has_begun = true; }, observer,
      stop);
  EXPECT_TRUE(has_begun);
  EXPECT_EQ(report.items_failed, 0U);
  EXPECT_EQ(read_text_file(path("out/b")), "b");
}

// Data that only other snapshots need may be damaged.
TEST_F(ReadJobs, CheckReadsWhatTheSnapshotsNeed) {
  write("e/c", std::string(100, 'c'));
  FilesBackupOptions options;
  options.paths = {path("e")};
  const format::Id second = *backup_files(environment, access, options, observer, stop).snapshot;
  const auto packs = [&](const format::Id& of) {
    CheckJobOptions check;
    check.check.read_data = true;
    check.ids = {of.hex()};
    const repo::CheckReport report = check_repository(environment, access, check, observer, stop);
    EXPECT_TRUE(report.sound());
    return report.packs_read;
  };
  CheckJobOptions all;
  all.check.read_data = true;
  const repo::CheckReport report = check_repository(environment, access, all, observer, stop);
  EXPECT_GT(report.packs_read, packs(snapshot));
  EXPECT_GT(report.packs_read, packs(second));
  EXPECT_GE(packs(snapshot) + packs(second), report.packs_read);
}

}  // namespace
}  // namespace holdfast::job
