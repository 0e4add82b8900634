// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_zip.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <locale.h>
#include <sys/stat.h>

#include "archive/test_repository.h"
#include "base/c_handle.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

// One entry as libarchive reads it back.
struct Found {
  mode_t mode = 0;
  std::int64_t size = 0, seconds = 0, uid = 0;
  long nanoseconds = 0;
  std::string owner, link_target, content, acl;
  std::uint64_t device = 0;
  std::map<std::string, std::string> xattrs;
};

std::map<std::string, Found> read_back(const Bytes& bytes) {
  std::map<std::string, Found> entries;
  // Names of a zip are text to libarchive.
  const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  const locale_t before = uselocale(utf8);
  const CHandle<struct ::archive, archive_read_free> reader(archive_read_new());
  archive_read_support_format_all(reader.get());
  EXPECT_EQ(archive_read_open_memory(reader.get(), bytes.data(), bytes.size()), ARCHIVE_OK);
  struct ::archive_entry* entry = nullptr;
  while (archive_read_next_header(reader.get(), &entry) < ARCHIVE_EOF && entry != nullptr) {
    Found found;
    found.mode = archive_entry_mode(entry);
    found.size = archive_entry_size(entry);
    found.seconds = archive_entry_mtime(entry);
    found.nanoseconds = archive_entry_mtime_nsec(entry);
    found.uid = archive_entry_uid(entry);
    if (const char* owner = archive_entry_uname(entry)) found.owner = owner;
    if (const char* to = archive_entry_symlink(entry)) found.link_target = to;
    found.device = archive_entry_rdev(entry);
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
      found.xattrs[name] = std::string(static_cast<const char*>(value), size);
    }
    if (char* text =
            archive_entry_acl_to_text(entry, nullptr, ARCHIVE_ENTRY_ACL_STYLE_SEPARATOR_COMMA)) {
      found.acl = text;
      ::free(text);
    }
    const std::string path = archive_entry_pathname(entry);
    std::array<char, 65536> buffer;
    for (la_ssize_t got;
         (got = archive_read_data(reader.get(), buffer.data(), buffer.size())) > 0;) {
      found.content.append(buffer.data(), static_cast<std::size_t>(got));
    }
    entries[path] = std::move(found);
    entry = nullptr;
  }
  uselocale(before);
  freelocale(utf8);
  return entries;
}

class TarZip : public testing::Test {
 protected:
  Bytes dump(const format::Id& tree, DumpFormat format, std::string_view root = "/") {
    BytesSink sink;
    dump_tree(repository.get(), tree, root, format, sink, {});
    return std::move(sink.bytes);
  }
  format::Id stored(std::vector<format::Node> nodes) {
    const format::Id tree = repository.tree(std::move(nodes));
    repository.store();
    return tree;
  }
  TestRepository repository;
};

TEST_F(TarZip, TarHoldsEverythingANodeSays) {
  format::Node file = repository.file("file", {"one", "two"});
  file.uid = 4'000'000'000;
  file.user = "someone";
  file.mode |= 1U << 23U;
  file.extended_attributes = {{"user.note", Bytes(2, std::byte{0xff})}};
  format::Node device =
      TestRepository::entry("null", format::NodeType::chardev, 0666 | 1U << 26U | 1U << 21U);
  device.device = 259;
  format::Node old = repository.file("old", {});
  old.mtime = {-5, 250'000'000, 0};  // -4.75
  const format::Id inner = repository.tree({file, old});
  const format::Id tree =
      stored({repository.directory("dir", inner), device, repository.symlink("link", "../\xc3\xa4"),
              TestRepository::entry("fifo", format::NodeType::fifo, 0600 | 1U << 25U),
              TestRepository::entry("socket", format::NodeType::socket, 0600 | 1U << 24U)});
  const Bytes tar = dump(tree, DumpFormat::tar, "/a/b/");
  const std::map<std::string, Found> entries = read_back(tar);
  ASSERT_EQ(entries.size(), 6U);
  const Found& found = entries.at("a/b/dir/file");
  EXPECT_EQ(found.content, "onetwo");
  EXPECT_EQ(found.mode, static_cast<mode_t>(S_IFREG | 04644));
  EXPECT_EQ(found.uid, 4'000'000'000);
  EXPECT_EQ(found.owner, "someone");
  EXPECT_EQ(found.seconds, 1'600'000'000);
  EXPECT_EQ(found.nanoseconds, 123'456'789);
  EXPECT_EQ(found.xattrs.at("user.note"), "\xff\xff");
  EXPECT_EQ(entries.at("a/b/dir/").mode, static_cast<mode_t>(S_IFDIR | 0755));
  EXPECT_NE(as_text(tar).find(" mtime=-4.75\n"), std::string_view::npos);
  EXPECT_TRUE(S_ISFIFO(entries.at("a/b/fifo").mode));
  EXPECT_TRUE(S_ISCHR(entries.at("a/b/null").mode));
  EXPECT_EQ(entries.at("a/b/null").device, 259U);
  EXPECT_EQ(entries.at("a/b/link").link_target, "../\xc3\xa4");
}

TEST_F(TarZip, TarKeepsNamesAsTheyAre) {
  const std::string strange = "n\xff\xfe\n", german = "\xc3\xa4", longer(200, 'x');
  const Bytes tar =
      dump(stored({repository.file(strange, {"1"}), repository.file(german, {"2"}),
                   repository.file(longer, {"3"}), repository.symlink("link", strange)}),
           DumpFormat::tar);
  const std::map<std::string, Found> entries = read_back(tar);
  EXPECT_EQ(entries.at(strange).content, "1");
  EXPECT_EQ(entries.at(german).content, "2");
  EXPECT_EQ(entries.at(longer).content, "3");
  EXPECT_EQ(entries.at("link").link_target, strange);
  // Only what is not UTF-8 is marked so, because not every reader knows the mark.
  const std::string_view text = as_text(tar);
  std::size_t marks = 0;
  for (std::size_t at = text.find("hdrcharset=BINARY"); at != std::string_view::npos;
       at = text.find("hdrcharset=BINARY", at + 1)) {
    ++marks;
  }
  EXPECT_EQ(marks, 2U);
  EXPECT_EQ(text.find("LIBARCHIVE.xattr"), std::string_view::npos);
}

TEST_F(TarZip, TarWritesAclsAsText) {
  const unsigned char acl[] = {2, 0,  0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  4,
                               0, 33, 0,   0,   0,   4,   0,  4, 0,   255, 255, 255, 255, 16, 0,
                               4, 0,  255, 255, 255, 255, 32, 0, 0,   0,   255, 255, 255, 255};
  format::Node node = repository.file("f", {"x"});
  const auto* begin = reinterpret_cast<const std::byte*>(acl);
  node.extended_attributes = {{"system.posix_acl_access", Bytes(begin, begin + sizeof acl)}};
  format::Node odd = repository.file("odd", {"x"});
  odd.extended_attributes = {{"system.posix_acl_access", Bytes(5, std::byte{1})}};
  const Bytes tar = dump(stored({node, odd}), DumpFormat::tar);
  EXPECT_NE(as_text(tar).find("SCHILY.acl.access=user::rw-,"), std::string_view::npos);
  EXPECT_NE(as_text(tar).find(",user:33:r--"), std::string_view::npos);
  EXPECT_NE(as_text(tar).find("SCHILY.xattr.system.posix_acl_access="), std::string_view::npos);
  EXPECT_EQ(read_back(tar).at("f").content, "x");
}

TEST_F(TarZip, ZipHoldsFilesDirectoriesAndSymlinks) {
  const std::string text(100'000, 'z'), strange = "n\xff";
  const format::Id inner =
      repository.tree({repository.file("file", {text, "end"}), repository.file(strange, {"1"})});
  const Bytes zip =
      dump(stored({repository.directory("d\xc3\xa4", inner), repository.symlink("link", "to"),
                   TestRepository::entry("fifo", format::NodeType::fifo, 0600 | 1U << 25U)}),
           DumpFormat::zip);
  EXPECT_LT(zip.size(), 10'000U);
  const std::map<std::string, Found> entries = read_back(zip);
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries.at("d\xc3\xa4/file").content, text + "end");
  EXPECT_EQ(entries.at("d\xc3\xa4/" + strange).content, "1");
  EXPECT_EQ(entries.at("d\xc3\xa4/file").seconds, 1'600'000'000);
  EXPECT_EQ(entries.at("d\xc3\xa4/file").mode & 07777U, 0644U);
  EXPECT_EQ(entries.at("link").link_target, "to");
}

TEST_F(TarZip, AnEmptyTreeIsAnEmptyArchive) {
  const format::Id tree = stored({});
  EXPECT_TRUE(read_back(dump(tree, DumpFormat::tar)).empty());
  EXPECT_TRUE(read_back(dump(tree, DumpFormat::zip)).empty());
}

class FullSink final : public ByteSink {
 public:
  void write(ByteView) override { throw Error(Errc::no_space, "the pipe is full"); }
};

TEST_F(TarZip, AFailingSinkEndsItWithItsOwnError) {
  const format::Id tree = stored({repository.file("f", {std::string(100'000, 'x')})});
  for (const DumpFormat format : {DumpFormat::tar, DumpFormat::zip}) {
    FullSink sink;
    try {
      dump_tree(repository.get(), tree, "/", format, sink, {});
      FAIL() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::no_space);
    }
  }
}

TEST_F(TarZip, DamageEndsIt) {
  const format::Id tree = repository.tree({repository.file("f", {"content"})});
  repository.store();
  const auto place =
      repository.get().index().find({format::BlobType::data, format::id_of(as_bytes("content"))});
  repository.storage().damage(storage::FileKind::pack, place->pack.hex());
  BytesSink sink;
  try {
    dump_tree(repository.get(), tree, "/", DumpFormat::tar, sink, {});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_NE(error.message().find("/f"), std::string::npos) << error.message();
  }
}

TEST_F(TarZip, EndsOnAStopRequest) {
  const format::Id tree = stored({repository.file("f", {"content"})});
  std::stop_source stop;
  stop.request_stop();
  BytesSink sink;
  EXPECT_THROW(dump_tree(repository.get(), tree, "/", DumpFormat::tar, sink, stop.get_token()),
               Error);
  EXPECT_EQ(parse_dump_format("zip"), DumpFormat::zip);
  EXPECT_THROW(static_cast<void>(parse_dump_format("rar")), Error);
}

}  // namespace
}  // namespace holdfast::archive
