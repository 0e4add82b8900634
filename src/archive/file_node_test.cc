// SPDX-License-Identifier: Apache-2.0
#include "archive/file_node.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/fd.h"

namespace holdfast::archive {
namespace {

using format::Node;
using format::NodeType;

class FileNode : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const {
    return (directory_.path() / name).string();
  }
  std::string make_file(const std::string& name, const std::string& content = "x") const {
    std::ofstream(path(name)) << content;
    return path(name);
  }
  [[nodiscard]] struct ::stat status(const std::string& name) const {
    struct ::stat found {};
    EXPECT_EQ(::lstat(path(name).c_str(), &found), 0) << name;
    return found;
  }
  [[nodiscard]] Node node(const std::string& name, const NodeOptions& options = {}) const {
    return make_node(fd_.get(), name, status(name), options, path(name));
  }
  void apply(const std::string& name, const Node& node) const {
    apply_metadata(fd_.get(), name, node, path(name));
  }
  [[nodiscard]] static bool is_root() { return ::geteuid() == 0; }

  TemporaryDirectory directory_{"holdfast-test"};
  Fd fd_ = open_file(directory_.path(), O_RDONLY | O_DIRECTORY);
};

Bytes bytes_of(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

// An ACL with an entry for user 1234: version 2, then (tag, permissions, id) each little-endian.
std::string acl(std::uint8_t mask_permissions) {
  std::string value("\x02\0\0\0", 4);
  const auto entry = [&](std::uint8_t tag, std::uint8_t permissions, std::uint32_t id) {
    value += static_cast<char>(tag);
    value += '\0';
    value += static_cast<char>(permissions);
    value += '\0';
    for (unsigned shift = 0; shift < 32; shift += 8) value += static_cast<char>(id >> shift);
  };
  entry(0x01, 6, 0xffffffff);
  entry(0x02, 4, 1234);
  entry(0x04, 4, 0xffffffff);
  entry(0x10, mask_permissions, 0xffffffff);
  entry(0x20, 0, 0xffffffff);
  return value;
}

TEST_F(FileNode, SaysOfAFileWhatLstatSays) {
  make_file("file", "hello");
  const struct timespec times[2] = {{-86400, 5}, {-100, 123456789}};
  ASSERT_EQ(::utimensat(fd_.get(), "file", times, 0), 0);
  ASSERT_EQ(::chmod(path("file").c_str(), 04751), 0);
  ASSERT_EQ(::link(path("file").c_str(), path("other").c_str()), 0);
  const Node made = node("file");
  const auto found = status("file");
  EXPECT_EQ(made.name, "file");
  EXPECT_EQ(made.type, NodeType::file);
  EXPECT_EQ(made.mode, 0751U | 1U << 23U);
  EXPECT_EQ(made.size_bytes, 5U);
  EXPECT_EQ(made.links, 2U);
  EXPECT_EQ(made.inode, found.st_ino);
  EXPECT_EQ(made.device_id, found.st_dev);
  EXPECT_EQ(made.uid, ::geteuid());
  EXPECT_EQ(made.mtime, (Timestamp{-100, 123456789, 0}));
  EXPECT_EQ(made.mtime.utc_offset_seconds, local_timestamp(-100, 0).utc_offset_seconds);
  EXPECT_EQ(made.atime, made.mtime);
  EXPECT_EQ(made.ctime,
            (Timestamp{found.st_ctim.tv_sec, static_cast<std::int32_t>(found.st_ctim.tv_nsec), 0}));
  EXPECT_EQ(node("file", {.with_atime = true}).atime, (Timestamp{-86400, 5, 0}));
  EXPECT_FALSE(made.content);
  if (is_root()) {
    EXPECT_EQ(made.user, "root");
    EXPECT_EQ(made.group, "root");
  }
}

TEST_F(FileNode, TellsTheTypesApart) {
  ASSERT_EQ(::mkdir(path("dir").c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path("dir").c_str(), 01777), 0);
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0644), 0);
  ASSERT_EQ(::chmod(path("fifo").c_str(), 0644), 0);
  const std::string target = std::string(600, 't') + "\xff";
  ASSERT_EQ(::symlink(target.c_str(), path("link").c_str()), 0);

  const Node dir = node("dir");
  EXPECT_EQ(dir.type, NodeType::dir);
  EXPECT_EQ(dir.mode, 2148532735U);
  EXPECT_EQ(dir.links, 0U);
  EXPECT_EQ(dir.size_bytes, 0U);
  const Node fifo = node("fifo");
  EXPECT_EQ(fifo.type, NodeType::fifo);
  EXPECT_EQ(fifo.mode, 33554852U);
  EXPECT_EQ(fifo.links, 0U);
  const Node link = node("link");
  EXPECT_EQ(link.type, NodeType::symlink);
  EXPECT_EQ(link.mode, 134218239U);
  EXPECT_EQ(link.link_target, target);
  EXPECT_EQ(link.links, 1U);
  EXPECT_EQ(link.size_bytes, 0U);
  if (is_root()) {
    ASSERT_EQ(::mknod(path("null").c_str(), S_IFCHR | 0644, ::makedev(1, 3)), 0);
    ASSERT_EQ(::mknod(path("loop").c_str(), S_IFBLK | 0644, ::makedev(7, 0)), 0);
    EXPECT_EQ(node("null").type, NodeType::chardev);
    EXPECT_EQ(node("null").mode, 69206436U);
    EXPECT_EQ(node("null").device, 259U);
    EXPECT_EQ(node("loop").type, NodeType::dev);
    EXPECT_EQ(node("loop").device, 1792U);
    EXPECT_EQ(node("loop").links, 1U);
  }
}

TEST_F(FileNode, KeepsXattrsInListingOrder) {
  make_file("file");
  const std::string large(3000, 'v');
  ASSERT_EQ(::lsetxattr(path("file").c_str(), "user.zebra", "z", 1, 0), 0);
  ASSERT_EQ(::lsetxattr(path("file").c_str(), "user.empty", "", 0, 0), 0);
  ASSERT_EQ(::lsetxattr(path("file").c_str(), "user.apple", large.data(), large.size(), 0), 0);
  std::vector<char> list(4096);
  const ssize_t size = ::llistxattr(path("file").c_str(), list.data(), list.size());
  ASSERT_GT(size, 0);
  std::vector<std::string> expected;
  for (ssize_t at = 0; at < size;) {
    expected.emplace_back(&list[static_cast<std::size_t>(at)]);
    at += static_cast<ssize_t>(expected.back().size()) + 1;
  }
  const Node made = node("file");
  std::vector<std::string> names;
  for (const auto& attribute : made.extended_attributes) names.push_back(attribute.name);
  EXPECT_EQ(names, expected);
  for (const auto& attribute : made.extended_attributes) {
    ASSERT_TRUE(attribute.value);
    if (attribute.name == "user.apple") {
      EXPECT_EQ(as_text(*attribute.value), large);
    }
    if (attribute.name == "user.empty") {
      EXPECT_TRUE(attribute.value->empty());
    }
  }
  const Fd file = open_file(path("file"), O_RDONLY);
  const Node opened = make_node_of_open(file.get(), "file", status("file"), {}, path("file"));
  EXPECT_TRUE(is_same_node(made, opened));
}

TEST_F(FileNode, ReadsXattrsOfDirectoriesOpenForPassing) {
  ASSERT_EQ(::setxattr(directory_.path().c_str(), "user.note", "n", 1, 0), 0);
  const Fd passing = open_file(directory_.path(), O_PATH | O_DIRECTORY);
  struct ::stat found {};
  ASSERT_EQ(::fstat(passing.get(), &found), 0);
  const Node made = make_node_of_open(passing.get(), "d", found, {}, "d");
  ASSERT_EQ(made.extended_attributes.size(), 1U);
  EXPECT_EQ(made.extended_attributes[0].name, "user.note");
}

TEST_F(FileNode, NamesWhatVanished) {
  make_file("file");
  const auto found = status("file");
  std::filesystem::remove(path("file"));
  try {
    static_cast<void>(make_node(fd_.get(), "file", found, {}, "/the/file"));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_found);
    EXPECT_NE(error.message().find("/the/file"), std::string::npos);
  }
  std::optional<Error> incomplete;
  EXPECT_EQ(make_node(fd_.get(), "file", found, {}, "/the/file", &incomplete).size_bytes, 1U);
  EXPECT_TRUE(incomplete);
}

TEST_F(FileNode, ComparesAllThatResticCompares) {
  make_file("file");
  const Node made = node("file");
  EXPECT_TRUE(is_same_node(made, made));
  const auto differs = [&](auto change) {
    Node other = made;
    change(other);
    return !is_same_node(made, other);
  };
  EXPECT_TRUE(differs([](Node& n) { n.mode ^= 1U; }));
  EXPECT_TRUE(differs([](Node& n) { ++n.mtime.nanoseconds; }));
  EXPECT_TRUE(differs([](Node& n) { ++n.ctime.seconds; }));
  EXPECT_TRUE(differs([](Node& n) { ++n.gid; }));
  EXPECT_TRUE(differs([](Node& n) { n.user += 'x'; }));
  EXPECT_TRUE(differs([](Node& n) { ++n.inode; }));
  EXPECT_TRUE(differs([](Node& n) { ++n.device_id; }));
  EXPECT_TRUE(differs([](Node& n) { ++n.links; }));
  EXPECT_TRUE(differs([](Node& n) { n.content.emplace(); }));
  EXPECT_TRUE(differs([](Node& n) { n.subtree.emplace(); }));
  EXPECT_TRUE(differs([](Node& n) { n.extended_attributes.push_back({"user.a", Bytes()}); }));
  EXPECT_FALSE(differs([](Node& n) { n.mtime.utc_offset_seconds += 3600; }));

  Node one = made;
  Node two = made;
  one.extended_attributes = {{"user.a", bytes_of("1")}, {"user.b", std::nullopt}};
  two.extended_attributes = {{"user.b", Bytes()}, {"user.a", bytes_of("1")}};
  EXPECT_TRUE(is_same_node(one, two));
  two.extended_attributes[1].value = bytes_of("2");
  EXPECT_FALSE(is_same_node(one, two));
}

TEST_F(FileNode, PutsMetadataBackSoThatAllOfItSticks) {
  make_file("from");
  ASSERT_EQ(::lsetxattr(path("from").c_str(), "user.kept", "k", 1, 0), 0);
  const std::string list = acl(7);
  ASSERT_EQ(
      ::lsetxattr(path("from").c_str(), "system.posix_acl_access", list.data(), list.size(), 0), 0);
  if (is_root()) {
    ASSERT_EQ(::chown(path("from").c_str(), 1234, 5678), 0);
    // cap_net_raw, permitted and effective, revision 2.
    const std::string capability("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    ASSERT_EQ(::lsetxattr(path("from").c_str(), "security.capability", capability.data(),
                          capability.size(), 0),
              0);
  }
  ASSERT_EQ(::chmod(path("from").c_str(), 06770), 0);
  const struct timespec times[2] = {{1000, 1}, {2000, 2}};
  ASSERT_EQ(::utimensat(fd_.get(), "from", times, 0), 0);
  const Node wanted = node("from", {.with_atime = true});

  for (const std::string to : {"to", "open"}) {
    make_file(to);
    ASSERT_EQ(::lsetxattr(path(to).c_str(), "user.extra", "e", 1, 0), 0);
    if (to == "open") {
      const Fd open(::openat(fd_.get(), to.c_str(), O_WRONLY | O_CLOEXEC));
      apply_metadata_to_open(open.get(), wanted, path(to));
    } else {
      apply(to, wanted);
    }
    Node found = node(to, {.with_atime = true});
    found.name = wanted.name;
    found.inode = wanted.inode;
    found.ctime = wanted.ctime;
    EXPECT_TRUE(is_same_node(wanted, found)) << to;
    EXPECT_EQ(found.mode, wanted.mode);
    EXPECT_EQ(found.extended_attributes.size(), wanted.extended_attributes.size());
  }
}

TEST_F(FileNode, TakesAclsAwayThatTheNodeLacks) {
  make_file("plain");
  ASSERT_EQ(::chmod(path("plain").c_str(), 0640), 0);
  const Node wanted = node("plain");
  make_file("to");
  const std::string list = acl(7);
  ASSERT_EQ(::lsetxattr(path("to").c_str(), "system.posix_acl_access", list.data(), list.size(), 0),
            0);
  apply("to", wanted);
  EXPECT_EQ(status("to").st_mode & 07777U, 0640U);
  EXPECT_TRUE(node("to").extended_attributes.empty());
}

TEST_F(FileNode, NeverFollowsSymlinks) {
  make_file("target");
  ASSERT_EQ(::chmod(path("target").c_str(), 0600), 0);
  const auto before = status("target");
  ASSERT_EQ(::symlink("target", path("link").c_str()), 0);
  Node wanted = node("link");
  wanted.mtime = {5000, 7, 0};
  apply("link", wanted);
  EXPECT_EQ(status("link").st_mtim.tv_sec, 5000);
  EXPECT_EQ(status("link").st_mtim.tv_nsec, 7);
  // Even if something else is put in the file's place meanwhile.
  make_file("file");
  Node of_file = node("file");
  of_file.mode = 0777;
  try {
    apply("link", of_file);
  } catch (const Error&) {
    // Refusing is as good as leaving it.
  }
  const auto after = status("target");
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
  EXPECT_EQ(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
}

TEST_F(FileNode, TriesAllBeforeItThrowsTheFirstFailure) {
  make_file("file");
  Node wanted = node("file");
  wanted.extended_attributes = {{"nonsense", Bytes()}, {"user.good", bytes_of("g")}};
  wanted.mode = 0604;
  wanted.mtime = {7, 0, 0};
  try {
    apply("file", wanted);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("nonsense"), std::string::npos);
    EXPECT_NE(error.message().find(path("file")), std::string::npos);
  }
  EXPECT_EQ(status("file").st_mode & 07777U, 0604U);
  EXPECT_EQ(status("file").st_mtim.tv_sec, 7);
  EXPECT_EQ(node("file").extended_attributes.size(), 1U);
}

TEST_F(FileNode, NamesTheGravestFailuresAndCountsTheOthers) {
  make_file("file");
  Node wanted = node("file");
  const std::string cut("user.cut\0x", 10);
  wanted.extended_attributes = {{"one", {}}, {"two", {}}, {cut, Bytes()}, {"four", {}}, {"5", {}}};
  try {
    apply("file", wanted);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("attribute one of"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("attribute two of"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("user.cut"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("and 2 more"), std::string::npos) << error.message();
  }
  EXPECT_TRUE(node("file").extended_attributes.empty());
}

TEST_F(FileNode, FindsOwnersByTheirNamesHere) {
  Node other;
  other.uid = 1234;
  other.gid = 5678;
  other.user = "root";
  other.group = "root";
  EXPECT_EQ(owner_by_name(other).uid, 0U);
  EXPECT_EQ(owner_by_name(other).gid, 0U);
  for (const std::string& unknown : {std::string("no such user here"), std::string(),
                                     std::string("root\0x", 6), std::string(1000, 'x')}) {
    other.user = other.group = unknown;
    EXPECT_EQ(owner_by_name(other).uid, 1234U) << unknown;
    EXPECT_EQ(owner_by_name(other).gid, 5678U) << unknown;
  }
}

// What root would be denied, or anybody: a file whose owner nobody can be.
constexpr std::uint32_t no_owner = 0xffffffff;

TEST_F(FileNode, LeavesRightsOutThatAnotherOwnerWouldLend) {
  make_file("file");
  Node wanted = node("file");
  wanted.mode = 0755U | 1U << 23U | 1U << 22U;
  apply("file", wanted);
  EXPECT_EQ(status("file").st_mode & 07777U, 06755U);
  wanted.uid = no_owner;
  std::string told;
  try {
    told = apply_metadata(fd_.get(), "file", wanted, path("file"));
    EXPECT_FALSE(is_root());
  } catch (const Error& error) {  // root is told as a failure that the owner could not be set
    told = error.message();
    EXPECT_NE(told.find("changing the owner"), std::string::npos) << told;
  }
  EXPECT_NE(told.find("without set-uid, set-gid"), std::string::npos) << told;
  EXPECT_NE(told.find(path("file")), std::string::npos) << told;
  EXPECT_EQ(status("file").st_mode & 07777U, 0755U);
}

TEST_F(FileNode, LeavesCapabilitiesOutThatAnotherOwnerWouldLend) {
  make_file("file");
  // Version 2: may bind to low ports.
  const Bytes capability =
      bytes_of(std::string("\x01\0\0\x02\0\x04\0\0", 8) + std::string(12, '\0'));
  if (::setxattr(path("file").c_str(), "security.capability", capability.data(), capability.size(),
                 0) != 0) {
    GTEST_SKIP() << "file capabilities cannot be set here";
  }
  const Node wanted = node("file");
  ASSERT_EQ(wanted.extended_attributes.size(), 1U);
  apply("file", wanted);
  EXPECT_EQ(node("file").extended_attributes.size(), 1U);
  Node others = wanted;
  others.gid = no_owner;
  try {
    apply("file", others);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("without file capabilities"), std::string::npos)
        << error.message();
  }
  EXPECT_TRUE(node("file").extended_attributes.empty());
}

// Runs `body` as an ordinary user in a process of its own; what it returns, or -1.
template <typename Body>
int as_ordinary_user(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 255;
    if (::setgid(4321) == 0 && ::setuid(4321) == 0) {
      try {
        code = body();
      } catch (const Error&) {
        code = 254;
      }
    }
    ::_exit(code);
  }
  int result = -1;
  if (::waitpid(child, &result, 0) != child || !WIFEXITED(result)) return -1;
  return WEXITSTATUS(result);
}

TEST_F(FileNode, PassesOverWhatOnlyRootMayDo) {
  if (!is_root()) GTEST_SKIP() << "needs root to become someone else";
  make_file("file");
  Node wanted = node("file");
  wanted.uid = 1;
  wanted.gid = 1;
  wanted.mode = 0750U | 1U << 23U;
  wanted.extended_attributes = {{"trusted.x", bytes_of("t")}, {"user.x", bytes_of("u")}};
  ASSERT_EQ(::chown(path("file").c_str(), 4321, 4321), 0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  EXPECT_EQ(as_ordinary_user([&] {
              const std::string told = apply_metadata(fd_.get(), "file", wanted, path("file"));
              return told.find("without set-uid, because") == std::string::npos ? 1 : 0;
            }),
            0);
  EXPECT_EQ(status("file").st_uid, 4321U);
  EXPECT_EQ(status("file").st_mode & 07777U, 0750U);
  EXPECT_EQ(node("file").extended_attributes.size(), 1U);
}

TEST_F(FileNode, TellsOfFailuresBehindWhatOnlyTheOwnerMayDo) {
  if (!is_root()) GTEST_SKIP() << "needs root to become someone else";
  make_file("file");
  Node wanted = node("file");
  wanted.extended_attributes = {{"user.denied", bytes_of("d")}, {"system.nonsense", bytes_of("n")}};
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  EXPECT_EQ(as_ordinary_user([&] {
              try {
                apply("file", wanted);
                return 1;
              } catch (const Error& error) {
                const bool is_told = error.message().find("nonsense") != std::string::npos;
                const bool is_passed = error.message().find("denied") == std::string::npos;
                return is_told && is_passed && error.code() != Errc::denied ? 0 : 2;
              }
            }),
            0);
}

}  // namespace
}  // namespace holdfast::archive
