// SPDX-License-Identifier: Apache-2.0
// What Debian's restic backed up comes back from us as it was: content, metadata, hard links and
// all, for both versions of the format. The corpus holds whatever is odd and can be made here.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "archive/restorer.h"
#include "archive/snapshots.h"
#include "archive/tar_zip.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "repo/open.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr const char* password = "interop";

void run(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  command.environment = {{"RESTIC_PASSWORD", password}};
  const ProcessResult result = run_process(command);
  ASSERT_EQ(result.exit_code, 0) << display(command.argv) << "\n" << result.errors;
}

void write(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string noise(std::size_t size_bytes, unsigned seed) {
  std::string text(size_bytes, '\0');
  for (char& c : text) {
    seed = seed * 1'664'525 + 1'013'904'223;
    c = static_cast<char>(seed >> 24U);
  }
  return text;
}

void set_times(const fs::path& path, std::int64_t seconds, long nanoseconds) {
  const struct ::timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0) << path;
}

void make_content(const fs::path& top) {
  write(top / "empty", "");
  write(top / "small", "some text\n");
  write(top / "big", noise(20'000'000, 1));
  write(top / "zeros", std::string(3'000'000, '\0'));
  fs::create_directories(top / "empty directory");
  fs::create_directories(top / "deep/er/and/deeper");
  for (int i = 0; i < 300; ++i)
    write(top / fmt::format("deep/er/{}", i), noise(static_cast<std::size_t>(i), 2));
  const Fd sparse = open_file(top / "sparse", O_WRONLY | O_CREAT);
  pwrite_all(sparse.get(), as_bytes("begin"), 0, "sparse");
  pwrite_all(sparse.get(), as_bytes("end"), 8'000'000, "sparse");
}

void make_names(const fs::path& top) {
  for (const char* name :
       {"bad\xff\xfe", "we<ird>&\"q\"\\", "new\nline", "tab\t", "\xe2\x80\xa8", "\xc3\xa4\xc3\xb6",
        "\x7f\x01", "-dash", " space ", "...", "\xf0\x9f\x90\xbf"}) {
    write(top / name, name);
  }
  fs::create_directories(top / "dir\xff/\xfe");
  write(top / "dir\xff/\xfe/file", "inside");
  // Targets of symlinks and names of xattrs that are not UTF-8 are lost in restic 0.14 itself.
  fs::create_symlink("to\xc3\xa4\n", top / "link\xff");
  fs::create_symlink("/etc/passwd", top / "link absolute");
  fs::create_symlink("../../..", top / "link up");
  fs::create_symlink("nowhere", top / "link dangling");
}

void make_kinds(const fs::path& top) {
  fs::create_hard_link(top / "small", top / "hard");
  fs::create_hard_link(top / "small", top / "deep/er/and/hard");
  ASSERT_EQ(::mkfifo((top / "fifo").c_str(), 0640), 0);
  if (::geteuid() != 0) return;
  ASSERT_EQ(::mknod((top / "char").c_str(), S_IFCHR | 0622, makedev(1, 3)), 0);
  ASSERT_EQ(::mknod((top / "block").c_str(), S_IFBLK | 0660, makedev(7, 300)), 0);
  for (const char* name : {"owned", "owned link"}) {
    if (std::string_view(name) == "owned") write(top / name, "owned");
    if (std::string_view(name) == "owned link") fs::create_symlink("owned", top / name);
    ASSERT_EQ(::lchown((top / name).c_str(), 12345, 54321), 0);
  }
}

void make_metadata(const fs::path& top) {
  const auto mode = [&](const char* name, mode_t bits) {
    if (!fs::exists(top / name)) write(top / name, name);
    ASSERT_EQ(::chmod((top / name).c_str(), bits), 0);
  };
  mode("setuid", 04755);
  mode("setgid", 02711);
  mode("readonly", 0400);
  mode("nothing", ::geteuid() == 0 ? 0 : 0400);
  fs::create_directories(top / "sticky");
  mode("sticky", 01777);
  fs::create_directories(top / "shut");
  write(top / "shut/inside", "inside");
  mode("shut", 0555);
  // An xattr, an ACL (user::rw-, user:33:r--, group::r--, mask::r--, other::---) and a default one.
  const unsigned char acl[] = {2, 0,  0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  4,
                               0, 33, 0,   0,   0,   4,   0,  4, 0,   255, 255, 255, 255, 16, 0,
                               4, 0,  255, 255, 255, 255, 32, 0, 0,   0,   255, 255, 255, 255};
  write(top / "attributes", "x");
  fs::create_directories(top / "attributes directory");
  for (const char* name : {"attributes", "attributes directory"}) {
    const std::string path = (top / name).string();
    // Where the file system has none of them, there is nothing to compare.
    static_cast<void>(::setxattr(path.c_str(), "user.text", "value", 5, 0));
    static_cast<void>(::setxattr(path.c_str(), "user.binary", "\0\xff", 2, 0));
    static_cast<void>(::setxattr(path.c_str(), "user.empty", "", 0, 0));
    static_cast<void>(::setxattr(path.c_str(), "system.posix_acl_access", acl, sizeof acl, 0));
    static_cast<void>(::setxattr(path.c_str(), "system.posix_acl_default", acl, sizeof acl, 0));
  }
  set_times(top / "small", -1'000'000'000, 1);
  set_times(top / "empty", 1, 500'000'000);
  set_times(top / "link up", 1'234'567'890, 987'654'321);
  set_times(top / "fifo", 4'000'000'000, 0);
  set_times(top / "shut", 1'000'000'000, 123);
  set_times(top / "deep/er", 1'000'000'001, 999'999'999);
}

std::string xattrs_of(const fs::path& path) {
  std::string names(65536, '\0');
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  names.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  std::set<std::string> lines;
  for (std::size_t at = 0; at < names.size(); at += std::strlen(&names[at]) + 1) {
    std::string value(65536, '\0');
    const ssize_t length = ::lgetxattr(path.c_str(), &names[at], value.data(), value.size());
    value.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    lines.insert(fmt::format("{}={}", &names[at], to_hex(as_bytes(value))));
  }
  return fmt::format("{}", fmt::join(lines, " "));
}

// One line for everything about an entry that a backup has to bring back.
std::string line_of(const fs::path& path, bool with_links) {
  struct ::stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  std::string line =
      fmt::format("mode {:o} owner {}:{} mtime {}.{:09} rdev {}", status.st_mode, status.st_uid,
                  status.st_gid, status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                  S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode) ? status.st_rdev : 0);
  if (with_links && !S_ISDIR(status.st_mode)) line += fmt::format(" links {}", status.st_nlink);
  if (S_ISREG(status.st_mode)) {
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file),
                              std::istreambuf_iterator<char>()};
    line += fmt::format(" size {} content {}", content.size(),
                        to_hex(sha256(as_bytes(content))).substr(0, 16));
  }
  if (S_ISLNK(status.st_mode)) line += " to " + fs::read_symlink(path).string();
  return line + " " + xattrs_of(path);
}

std::map<std::string, std::string> listing_of(const fs::path& top, bool with_links = true) {
  std::map<std::string, std::string> lines;
  for (const auto& entry : fs::recursive_directory_iterator(top)) {
    lines[entry.path().lexically_relative(top).string()] = line_of(entry.path(), with_links);
  }
  return lines;
}

void expect_same(const std::map<std::string, std::string>& wanted,
                 const std::map<std::string, std::string>& found) {
  for (const auto& [name, line] : wanted) {
    const auto other = found.find(name);
    if (other == found.end()) {
      ADD_FAILURE() << name << " is missing";
    } else {
      EXPECT_EQ(line, other->second) << name;
    }
  }
  EXPECT_EQ(wanted.size(), found.size());
}

// A corpus and what restic made of it, once for each version of the format.
struct World {
  explicit World(int version) {
    fs::create_directories(corpus);
    make_content(corpus);
    make_names(corpus);
    make_kinds(corpus);
    make_metadata(corpus);
    run({"restic", "-r", location, "init", "--repository-version", std::to_string(version)});
    run({"restic", "-r", location, "--no-cache", "backup", corpus.string()});
    wanted = listing_of(corpus);
  }
  TemporaryDirectory scratch{"holdfast-interop"};
  fs::path corpus = scratch.path() / "corpus";
  std::string location = (scratch.path() / "repository").string();
  std::map<std::string, std::string> wanted;
};

class RestoreInterop : public testing::TestWithParam<int> {
 protected:
  RestoreInterop() : world(worlds[GetParam()]) {
    if (!world) world = std::make_unique<World>(GetParam());
    repo::Location location;
    location.url = world->location;
    repository = repo::open(location, Secret(password), {});
    const archive::FoundSnapshot found =
        archive::find_snapshot(*repository, "latest:" + world->corpus.string(), {});
    model::SilentObserver observer;
    repository->load_index(observer);
    tree = archive::tree_of(*repository, found);
  }
  static void TearDownTestSuite() { worlds.clear(); }

  archive::RestoreReport restore(const fs::path& to) {
    options.target = to;
    model::SilentObserver observer;
    return archive::restore_tree(*repository, tree, options, observer, {});
  }

  inline static std::map<int, std::unique_ptr<World>> worlds;
  std::unique_ptr<World>& world;
  TemporaryDirectory scratch{"holdfast-interop"};
  fs::path target = scratch.path() / "target";
  std::unique_ptr<repo::Repository> repository;
  format::Id tree;
  archive::RestoreOptions options;
};

TEST_P(RestoreInterop, BringsBackEverythingResticSaved) {
  options.verify = true;
  EXPECT_EQ(restore(target).items_failed, 0U);
  expect_same(world->wanted, listing_of(target));
}

TEST_P(RestoreInterop, FindsNothingToDoTheSecondTime) {
  options.sparse = true;
  EXPECT_EQ(restore(target).items_failed, 0U);
  struct ::stat status {};
  ASSERT_EQ(::stat((target / "zeros").c_str(), &status), 0);
  EXPECT_EQ(status.st_blocks, 0);
  options.delete_extra = true;
  const archive::RestoreReport again = restore(target);
  EXPECT_EQ(again.items_failed, 0U);
  EXPECT_EQ(again.bytes_restored, 0U);
  EXPECT_EQ(again.files_deleted, 0U);
  expect_same(world->wanted, listing_of(target));
}

TEST_P(RestoreInterop, MendsATargetThatIsSomethingElse) {
  EXPECT_EQ(restore(target).items_failed, 0U);
  {
    const Fd big = open_file(target / "big", O_WRONLY);
    pwrite_all(big.get(), as_bytes("changed"), 10'000'000, "big");
  }
  fs::remove(target / "link up");
  fs::create_directories(target / "link up");
  fs::remove_all(target / "deep");
  fs::create_symlink("/", target / "deep");
  fs::resize_file(target / "small", 3);
  write(target / "extra", "x");
  options.delete_extra = true;
  EXPECT_EQ(restore(target).items_failed, 0U);
  expect_same(world->wanted, listing_of(target));
}

TEST_P(RestoreInterop, AgreesWithWhatResticRestores) {
  const fs::path theirs = scratch.path() / "theirs", ours = scratch.path() / "ours";
  run({"restic", "-r", world->location, "--no-cache", "restore", "latest", "--target",
       theirs.string()});
  EXPECT_EQ(restore(ours).items_failed, 0U);
  expect_same(listing_of(theirs / world->corpus.relative_path()), listing_of(ours));
}

TEST_P(RestoreInterop, DumpsATarThatTarUnderstands) {
  const fs::path tar = scratch.path() / "dump.tar";
  fs::create_directories(target);
  {
    const Fd file = open_file(tar, O_WRONLY | O_CREAT);
    FdSink sink(file.get(), tar.string());
    archive::dump_tree(*repository, tree, "/", archive::DumpFormat::tar, sink, {});
  }
  run({"tar", "-x", "-p", "--xattrs", "--xattrs-include=*", "--acls", "--same-owner",
       "--numeric-owner", "-f", tar.string(), "-C", target.string()});
  expect_same(listing_of(world->corpus, false), listing_of(target, false));
}

INSTANTIATE_TEST_SUITE_P(Versions, RestoreInterop, testing::Values(1, 2),
                         [](const auto& version) { return fmt::format("v{}", version.param); });

}  // namespace
}  // namespace holdfast
