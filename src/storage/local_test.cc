// SPDX-License-Identifier: Apache-2.0
// What a directory is beyond the contract: paths, modes, durability, foreign files, full disks.
#include "storage/local.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <set>

#include "base/error.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

const std::string name = "3f" + std::string(62, '0');
const FileRef pack{FileKind::pack, name};
const FileRef index_file{FileKind::index, name};

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

std::size_t count_files(const fs::path& below) {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(below)) {
    if (entry.is_regular_file()) ++count;
  }
  return count;
}

template <typename Body>
Errc code_of(Body&& body, std::string_view names) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find(names), std::string::npos) << error.message();
    return error.code();
  }
  ADD_FAILURE() << "no error was thrown";
  return Errc::bug;
}

class LocalStorageTest : public testing::Test {
 protected:
  TemporaryDirectory temporary_{"holdfast-local"};
  fs::path root_ = temporary_.path() / "repository";
  LocalStorage storage_{root_};
};

TEST_F(LocalStorageTest, MakesResticsDirectories) {
  storage_.create();
  for (const char* directory :
       {"", "data", "data/00", "data/7f", "data/ff", "index", "keys", "locks", "snapshots"}) {
    EXPECT_EQ(mode_of(root_ / directory), 0700U) << directory;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "data"), fs::directory_iterator()), 256);
}

TEST_F(LocalStorageTest, WritesReadOnlyFiles) {
  storage_.create();
  storage_.put(FileRef{}, as_bytes("config"));
  storage_.put(pack, as_bytes("pack"));
  EXPECT_EQ(mode_of(root_ / "config"), 0400U);
  EXPECT_EQ(mode_of(root_ / "data/3f" / name), 0400U);
  EXPECT_EQ(count_files(root_), 2U) << "a temporary file is left over";
}

TEST_F(LocalStorageTest, LetsTheGroupReadWhereItMayReadTheConfig) {
  storage_.create();
  storage_.put(FileRef{}, as_bytes("config"));
  ASSERT_EQ(::chmod((root_ / "config").c_str(), 0440), 0);
  fs::remove(root_ / "locks");
  LocalStorage shared(root_);
  const mode_t mask = ::umask(0);
  shared.put({FileKind::lock, name}, as_bytes("lock"));
  ::umask(mask);
  EXPECT_EQ(mode_of(root_ / "locks" / name), 0440U);
  EXPECT_EQ(mode_of(root_ / "locks"), 0770U);
}

TEST_F(LocalStorageTest, SyncsFileAndDirectoryOfEveryPut) {
  storage_.create();
  const LocalStorage::Counters before = storage_.counters();
  storage_.put(pack, as_bytes("pack"));
  EXPECT_EQ(storage_.counters().files_synced, before.files_synced + 1);
  EXPECT_EQ(storage_.counters().directories_synced, before.directories_synced + 1);
  storage_.put(index_file, as_bytes("index"));
  storage_.replace_config(as_bytes("config"));
  EXPECT_EQ(storage_.counters().files_synced, before.files_synced + 3);
  EXPECT_EQ(storage_.counters().directories_synced, before.directories_synced + 3);
}

TEST_F(LocalStorageTest, SyncsTheRemovalOfAnIndexButNotOfAPack) {
  storage_.create();
  storage_.put(pack, as_bytes("pack"));
  storage_.put(index_file, as_bytes("index"));
  const std::uint64_t before = storage_.counters().directories_synced;
  storage_.remove(pack);
  EXPECT_EQ(storage_.counters().directories_synced, before);
  storage_.remove(index_file);
  EXPECT_EQ(storage_.counters().directories_synced, before + 1);
}

TEST_F(LocalStorageTest, PassesOverForeignFilesAndDirectories) {
  storage_.create();
  storage_.put(pack, as_bytes("pack"));
  storage_.put(index_file, as_bytes("index"));
  const std::string other = "40" + std::string(62, '0');
  const auto touch = [&](const fs::path& path) { std::ofstream(root_ / path) << "foreign"; };
  touch("index/.DS_Store");
  touch("index/" + other + "-tmp-0123456789abcdef");
  touch("index/" + std::string(64, 'A'));
  touch("data/" + other);     // beside the subdirectories
  touch("data/3f/" + other);  // in another one's subdirectory
  fs::create_directory(root_ / "index" / other);
  fs::create_directory(root_ / "data/tmp");
  touch("data/tmp/" + other);
  for (const FileKind kind : {FileKind::pack, FileKind::index}) {
    std::set<std::string> names;
    storage_.list(kind, [&](const FoundFile& found) { names.insert(found.file.name); });
    EXPECT_EQ(names, std::set{name}) << file_kind_name(kind);
  }
  EXPECT_EQ(storage_.size_bytes({FileKind::index, other}), std::nullopt)
      << "a directory is no file";
}

TEST_F(LocalStorageTest, HoldsNoFilesWhereNoDirectoryIs) {
  for (const FileKind kind : all_file_kinds()) {
    storage_.list(kind, [](const FoundFile&) { ADD_FAILURE() << "a file out of nothing"; });
  }
  EXPECT_EQ(storage_.size_bytes(FileRef{}), std::nullopt);
  EXPECT_EQ(code_of([&] { storage_.put(pack, as_bytes("x")); }, root_.string()), Errc::not_found);
}

TEST_F(LocalStorageTest, MakesMissingSubdirectoriesAnew) {
  storage_.create();
  storage_.put(pack, as_bytes("pack"));
  fs::remove_all(root_ / "data");
  storage_.put(pack, as_bytes("anew"));
  storage_.put({FileKind::pack, std::string(64, 'e')}, as_bytes("other"));
  EXPECT_EQ(count_files(root_ / "data"), 2U);
}

TEST_F(LocalStorageTest, NeverTakesALostDirectoryForAnEmptyOne) {
  storage_.create();
  storage_.put(FileRef{}, as_bytes("config"));
  for (const auto& [kind, directory] :
       std::vector<std::pair<FileKind, std::string>>{{FileKind::key, "keys"},
                                                     {FileKind::index, "index"},
                                                     {FileKind::snapshot, "snapshots"},
                                                     {FileKind::pack, "data"}}) {
    LocalStorage storage(root_);
    EXPECT_NO_THROW(storage.list(kind, [](const FoundFile&) {}));
    fs::remove_all(root_ / directory);
    const std::string path = (root_ / directory).string();
    EXPECT_EQ(code_of([&] { storage.list(kind, [](const FoundFile&) {}); }, path), Errc::corrupt);
    EXPECT_EQ(code_of([&] { storage.put({kind, name}, as_bytes("x")); }, path), Errc::corrupt);
    EXPECT_FALSE(fs::exists(root_ / directory)) << "made anew, it would hide the loss";
    storage.create();
  }
  fs::remove_all(root_ / "locks");
  storage_.list(FileKind::lock, [](const FoundFile&) { ADD_FAILURE() << "a lock out of nothing"; });
  storage_.put({FileKind::lock, name}, as_bytes("lock"));
}

TEST_F(LocalStorageTest, ShowsALinkToNothingAsAnEmptyFile) {
  storage_.create();
  fs::create_symlink("/nowhere/at/all", root_ / "snapshots" / name);
  unsigned shown = 0;
  storage_.list(FileKind::snapshot, [&](const FoundFile& found) {
    EXPECT_EQ(found.file.name, name);
    EXPECT_EQ(found.size_bytes, 0U);
    ++shown;
  });
  EXPECT_EQ(shown, 1U);
}

// Writes a file that was last changed so long ago.
void plant(const fs::path& path, std::chrono::hours age) {
  std::ofstream(path) << "half";
  fs::last_write_time(path, fs::file_time_type::clock::now() - age);
}

TEST_F(LocalStorageTest, RemovesOldTemporaryFilesOfInterruptedWrites) {
  storage_.create();
  storage_.put(pack, as_bytes("pack"));
  const std::vector<std::string> old = {"config-tmp-4711",
                                        "index/" + name + "-tmp-0123456789abcdef",
                                        "keys/" + name + "-tmp-12345",
                                        "locks/" + name + "-tmp-12345",
                                        "snapshots/" + name + "-restic-temp-00ff",
                                        "data/3f/" + name + "-tmp-987654321"};
  for (const std::string& path : old) plant(root_ / path, std::chrono::hours(25));
  const std::vector<std::string> others = {
      "index/" + name + "-tmp-", "index/" + name + "-tmp-x",          "index/" + name + ".tmp",
      "index/notes-tmp-12",      "data/3f/" + name + "-tmp-1 (copy)", "config-tmp-backup",
  };
  for (const std::string& path : others) plant(root_ / path, std::chrono::hours(25));
  plant(root_ / "data/3f" / (name + "-tmp-1"), std::chrono::hours(23));  // perhaps under way
  fs::create_directory(root_ / "index" / (name + "-tmp-2"));
  const std::size_t before = count_files(root_);
  for (const FileKind kind : all_file_kinds()) {
    storage_.list(kind, [&](const FoundFile& found) { EXPECT_EQ(found.file, pack); });
  }

  const Leftovers counted = storage_.remove_leftovers(std::chrono::hours(24), true);
  EXPECT_EQ(counted.files, old.size());
  EXPECT_EQ(counted.size_bytes, 4 * old.size());
  EXPECT_EQ(count_files(root_), before);
  const Leftovers removed = storage_.remove_leftovers(std::chrono::hours(24), false);
  EXPECT_EQ(removed.files, old.size());
  EXPECT_EQ(removed.kept, 0U);
  EXPECT_EQ(count_files(root_), before - old.size());
  for (const std::string& path : old) EXPECT_FALSE(fs::exists(root_ / path)) << path;
  EXPECT_EQ(storage_.remove_leftovers(std::chrono::hours(24), false).files, 0U);
}

TEST_F(LocalStorageTest, CountsTemporaryFilesThatItMayNotRemove) {
  storage_.create();
  plant(root_ / "index" / (name + "-tmp-1"), std::chrono::hours(25));
  for (const fs::path& path : {temporary_.path(), root_, root_ / "index"}) {
    ASSERT_EQ(::chmod(path.c_str(), 0555), 0);
  }
  for (const char* path : {"keys", "locks", "snapshots", "data"}) {
    ASSERT_EQ(::chmod((root_ / path).c_str(), 0755), 0);
  }
  for (const auto& entry : fs::directory_iterator(root_ / "data")) {
    ASSERT_EQ(::chmod(entry.path().c_str(), 0755), 0);
  }
  EXPECT_EXIT(
      {
        if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(9);
        LocalStorage denied(root_);
        const Leftovers found = denied.remove_leftovers(std::chrono::hours(24), false);
        ::_exit(found.files == 0 && found.kept == 1 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
  for (const fs::path& path : {temporary_.path(), root_, root_ / "index"}) {
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  }
}

TEST_F(LocalStorageTest, RefusesARootThatIsNoDirectory) {
  std::ofstream(root_) << "a file";
  EXPECT_EQ(code_of([&] { storage_.create(); }, root_.string()), Errc::exists);
  EXPECT_EQ(storage_.size_bytes(FileRef{}), std::nullopt);
}

TEST_F(LocalStorageTest, ResolvesARelativeRootAtOnce) {
  const fs::path before = fs::current_path();
  fs::current_path(temporary_.path());
  LocalStorage relative("repository/");
  fs::current_path(before);
  EXPECT_EQ(relative.location(), root_.string());
}

TEST_F(LocalStorageTest, ReadsManyPacksWithFewDescriptors) {
  storage_.create();
  std::vector<FileRef> packs;
  for (unsigned number = 0; number < 100; ++number) {
    std::string pack_name = std::to_string(100 + number);
    pack_name.resize(64, 'f');
    packs.push_back({FileKind::pack, pack_name});
    storage_.put(packs.back(), as_bytes(pack_name));
  }
  for (int round = 0; round < 2; ++round) {
    for (const FileRef& ref : packs) {
      Bytes out(64);
      storage_.read(ref, 0, out);
      EXPECT_EQ(as_text(out), ref.name);
    }
  }
  std::size_t open = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = fs::read_symlink(entry.path(), error).string();
    if (target.starts_with((root_ / "data").string() + "/") && target.ends_with("fff")) ++open;
  }
  EXPECT_EQ(open, 32U);
}

// What a child process does in a file system of its own or under a limit of its own: puts a file
// that does not fit. Exits 0 if that ends as promised.
int put_what_does_not_fit(const fs::path& root, Errc expected) {
  LocalStorage storage(root);
  storage.create();
  const std::size_t before = count_files(root);
  try {
    storage.put(pack, Bytes(8U << 20U));
    std::cerr << "it did fit\n";
    return 1;
  } catch (const Error& error) {
    std::cerr << error.what() << "\n";
    if (error.code() != expected) return 2;
    if (error.message().find(root.string()) == std::string::npos) return 3;
  }
  return count_files(root) == before ? 0 : 4;
}

int put_beyond_the_file_size_limit(const fs::path& root) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1U << 20U, 1U << 20U};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  return put_what_does_not_fit(root, Errc::io);
}

int put_on_a_small_disk(const fs::path& root) {
  const int flags = ::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
  if (::unshare(flags) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", root.c_str(), "tmpfs", 0, "size=4m") != 0) {
    // No right to mount anything: the limit on file sizes fails at the same place.
    return put_beyond_the_file_size_limit(root);
  }
  return put_what_does_not_fit(root, Errc::no_space);
}

TEST_F(LocalStorageTest, LeavesNothingBehindWhenAWriteFails) {
  EXPECT_EXIT(::_exit(put_beyond_the_file_size_limit(root_)), testing::ExitedWithCode(0), "");
}

TEST_F(LocalStorageTest, SaysThatTheDiskIsFullAndLeavesNothingBehind) {
  fs::create_directory(root_);
  EXPECT_EXIT(::_exit(put_on_a_small_disk(root_)), testing::ExitedWithCode(0), "");
}

TEST_F(LocalStorageTest, SaysDeniedForADirectoryItMayNotWrite) {
  storage_.create();
  ASSERT_EQ(::chmod((root_ / "data/3f").c_str(), 0555), 0);
  ASSERT_EQ(::chmod(root_.c_str(), 0755), 0);
  ASSERT_EQ(::chmod((root_ / "data").c_str(), 0755), 0);
  ASSERT_EQ(::chmod(temporary_.path().c_str(), 0755), 0);
  EXPECT_EXIT(
      {
        if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(9);
        LocalStorage denied(root_);
        const Errc code = code_of([&] { denied.put(pack, as_bytes("x")); }, root_.string());
        ::_exit(code == Errc::denied ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(LocalStorageTest, GivesNoNameTwiceByAnyOfItsWays) {
  storage_.create();
  for (const Placing placing :
       {Placing::rename_noreplace, Placing::link_and_unlink, Placing::look_and_rename}) {
    LocalStorage storage(root_, 2, placing);
    storage.put(pack, as_bytes("first"));
    EXPECT_EQ(code_of([&] { storage.put(pack, as_bytes("second")); }, name), Errc::exists);
    EXPECT_EQ(count_files(root_), 1U);
    EXPECT_EQ(mode_of(root_ / "data/3f" / name), 0400U);
    storage.remove(pack);
    EXPECT_EQ(count_files(root_), 0U);
  }
}

TEST_F(LocalStorageTest, SaysCorruptForAFileThatWasCutShort) {
  storage_.create();
  storage_.put(pack, as_bytes("0123456789"));
  fs::permissions(root_ / "data/3f" / name, fs::perms::owner_all);
  fs::resize_file(root_ / "data/3f" / name, 5);
  Bytes out(10);
  EXPECT_EQ(code_of([&] { storage_.read(pack, 0, out); }, name), Errc::corrupt);
}

}  // namespace
}  // namespace holdfast::storage
