// SPDX-License-Identifier: Apache-2.0
#include "archive/archiver.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive/test_source.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

using Names = std::vector<std::string>;
using format::Node;
using format::NodeType;

Errc code_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  return Errc::bug;
}

// Asks for a stop as soon as bytes pass.
class Tee final : public ByteSink {
 public:
  explicit Tee(std::stop_source& stop) : stop_(stop) {}
  void write(ByteView) override { stop_.request_stop(); }

 private:
  std::stop_source& stop_;
};

TEST(Archiver, SavesEveryKindOfEntry) {
  TestSource test;
  test.make_file("empty", "");
  test.make_file("small", "hello");
  test.make_file("bad\xff\n\"name", "odd");
  test.make_file("dir/.hidden", "h");
  test.make_directory("hollow");
  std::filesystem::create_symlink("nowhere", test.path("link"));
  std::filesystem::create_hard_link(test.path("small"), test.path("twin"));
  ASSERT_EQ(::mkfifo(test.path("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::chmod(test.path("small").c_str(), 04755), 0);
  ASSERT_EQ(::lsetxattr(test.path("small").c_str(), "user.note", "n", 1, 0), 0);
  const std::string sparse = test.make_file("sparse", "");
  ASSERT_EQ(::truncate(sparse.c_str(), 3'000'000), 0);
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(::mknod(test.path("null").c_str(), S_IFCHR | 0666, ::makedev(1, 3)), 0);
  }

  const ArchivedTree saved = test.save_root();
  EXPECT_TRUE(saved.failed.empty());
  Names expected{"bad\xff\n\"name", "dir",    "empty", "fifo", "hollow", "link",
                 "small",           "sparse", "twin"};
  if (is_root) expected.insert(expected.begin() + 6, "null");
  EXPECT_EQ(test.names(saved.tree, test.root()), expected);

  const Node small = test.node(saved.tree, test.path("small"));
  EXPECT_EQ(test.content(small), "hello");
  EXPECT_EQ(small.mode, 0755U | 1U << 23U);
  EXPECT_EQ(small.links, 2U);
  ASSERT_EQ(small.extended_attributes.size(), 1U);
  EXPECT_EQ(test.node(saved.tree, test.path("twin")).inode, small.inode);
  const Node empty = test.node(saved.tree, test.path("empty"));
  EXPECT_TRUE(empty.content && empty.content->empty());
  EXPECT_EQ(test.content(test.node(saved.tree, sparse)), std::string(3'000'000, '\0'));
  EXPECT_EQ(test.node(saved.tree, test.path("link")).link_target, "nowhere");
  EXPECT_EQ(test.node(saved.tree, test.path("fifo")).type, NodeType::fifo);
  EXPECT_TRUE(test.names(saved.tree, test.path("hollow")).empty());
  if (is_root) {
    EXPECT_EQ(test.node(saved.tree, test.path("null")).device, 259U);
  }
}

TEST(Archiver, GivesLeadingDirectoriesTheirRealMetadata) {
  TestSource test;
  test.make_file("a/b/file", "x");
  test.make_file("a/other", "y");
  ASSERT_EQ(::chmod(test.path("a").c_str(), 02711), 0);
  const ArchivedTree saved = test.save({test.path("a/b")});
  EXPECT_EQ(test.names(saved.tree, test.path("a")), (Names{"b"}));
  EXPECT_EQ(test.node(saved.tree, test.path("a")).mode, format::to_go_mode(S_IFDIR | 02711));
  EXPECT_EQ(saved.counts.files_new, 1U);
  // The directories above count, as restic counts them.
  const std::filesystem::path root = test.root().relative_path();
  const auto depth = std::distance(root.begin(), root.end());
  EXPECT_EQ(saved.counts.dirs_new, static_cast<std::uint64_t>(depth) + 2);
}

TEST(Archiver, CutsLargeFilesAsOneStream) {
  TestSource test(fast_place());
  const std::string text = noise(18'000'000, 11);
  const std::string file = test.make_file("large", text);
  test.make_file("exact", text.substr(0, 512 * 1024));
  test.make_file("one-more", text.substr(0, 512 * 1024 + 1));
  const ArchivedTree saved = test.save_root();
  const Node node = test.node(saved.tree, file);
  EXPECT_EQ(node.size_bytes, text.size());
  const format::ChunkTables tables(test.repository().config().chunker_polynomial);
  std::vector<format::Id> expected;
  ByteView rest = as_bytes(text);
  while (const auto size = format::first_chunk_bytes(rest, tables, format::restic_chunks, true)) {
    expected.push_back(format::id_of(rest.first(*size)));
    rest = rest.subspan(*size);
  }
  EXPECT_EQ(node.content, expected);
  EXPECT_EQ(test.content(test.node(saved.tree, test.path("exact"))), text.substr(0, 512 * 1024));
  EXPECT_EQ(test.node(saved.tree, test.path("exact")).content->size(), 1U);
  EXPECT_EQ(test.content(test.node(saved.tree, test.path("one-more"))),
            text.substr(0, 512 * 1024 + 1));
  EXPECT_EQ(test.observer.bytes_done, text.size() + 2 * 512 * 1024 + 1);
  EXPECT_EQ(saved.counts.bytes_processed, text.size() + 2 * 512 * 1024 + 1);
}

TEST(Archiver, MakesTheSameTreeWithAnyNumberOfThreads) {
  TestSource test(fast_place());
  for (int file = 0; file < 200; ++file) {
    test.make_file("d" + std::to_string(file % 7) + "/f" + std::to_string(file),
                   noise(static_cast<std::size_t>(file) * 37, 100));
  }
  test.make_file("large", noise(9'000'000, 12));
  std::optional<format::Id> first;
  for (const unsigned threads : {1U, 2U, 5U}) {
    ArchiveOptions options;
    options.threads = threads;
    const format::Id tree = test.own_tree(test.save_root(options));
    EXPECT_EQ(first.value_or(tree), tree);
    first = tree;
  }
}

TEST(Archiver, StoresNothingTheSecondTime) {
  TestSource test;
  test.make_file("a/x", "1");
  test.make_file("a/y", noise(2'000'000, 13));
  test.make_file("z", "3");
  const ArchivedTree first = test.save_root();
  EXPECT_EQ(first.counts.files_new, 3U);
  EXPECT_EQ(first.counts.files_processed, 3U);
  ArchiveOptions options;
  options.parent_tree = first.tree;
  test.observer.begun.clear();
  test.observer.items.clear();
  const ArchivedTree second = test.save_root(options);
  EXPECT_EQ(test.own_tree(second), test.own_tree(first));
  EXPECT_EQ(test.totals.data_blobs, 0U);
  for (const auto& item : test.observer.items) {
    if (item.path.starts_with(test.root().string())) {
      EXPECT_EQ(item.data_size + item.metadata_size, 0U) << item.path;
      EXPECT_EQ(item.action, model::ItemAction::unchanged) << item.path;
    }
  }
  EXPECT_EQ(second.counts.files_unmodified, 3U);
  EXPECT_EQ(second.counts.dirs_unmodified + second.counts.dirs_changed, first.counts.dirs_new);
  EXPECT_EQ(second.counts.bytes_processed, 2'000'002U);
  EXPECT_TRUE(test.observer.begun.empty());  // nothing was read
  const auto* item = test.observer.find(test.path("a/y"));
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(item->action, model::ItemAction::unchanged);
  ASSERT_NE(test.observer.find(test.path("a/")), nullptr);
}

TEST(Archiver, CountsWhatChangedAsResticDoes) {
  TestSource test;
  test.make_file("same/x", "1");
  test.make_file("change/x", "1");
  test.make_file("change/y", "1");
  test.make_file("turn", "a file");
  const ArchivedTree first = test.save_root();
  test.make_file("change/x", "22");
  test.make_file("change/new", "n");
  std::filesystem::remove(test.path("turn"));
  test.make_directory("turn");
  ArchiveOptions options;
  options.parent_tree = first.tree;
  test.observer.items.clear();
  const ArchivedTree second = test.save_root(options);
  EXPECT_EQ(second.counts.files_new, 1U);
  EXPECT_EQ(second.counts.files_changed, 1U);
  EXPECT_EQ(second.counts.files_unmodified, 2U);
  EXPECT_EQ(second.counts.dirs_new, 0U);
  const std::string root = test.root().string();
  EXPECT_EQ(test.observer.count_directories(root, model::ItemAction::unchanged), 1U);  // same
  EXPECT_EQ(test.observer.count_directories(root, model::ItemAction::changed), 3U);
  EXPECT_EQ(second.counts.dirs_changed + second.counts.dirs_unmodified,
            first.counts.dirs_new + 1);  // what was a file is no new directory
  const auto* item = test.observer.find(test.path("change/new"));
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(item->data_size, 1U);
}

TEST(Archiver, TakesFreshMetadataOfUnchangedContent) {
  TestSource test;
  const std::string file = test.make_file("x", "content");
  const ArchivedTree first = test.save_root();
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);  // changes ctime
  ArchiveOptions options;
  options.parent_tree = first.tree;
  options.ignore_ctime = true;
  test.observer.begun.clear();
  const ArchivedTree second = test.save_root(options);
  EXPECT_TRUE(test.observer.begun.empty());
  EXPECT_EQ(test.node(second.tree, file).mode, 0600U);
  EXPECT_EQ(second.counts.files_unmodified, 1U);
}

TEST(Archiver, ReadsAgainWhatTheParentCannotVouchFor) {
  TestSource test;
  const std::string file = test.make_file("x", "content");
  const auto reads = [&](const ArchiveOptions& options) {
    test.observer.begun.clear();
    static_cast<void>(test.save_root(options));
    return !test.observer.begun.empty();
  };
  ArchiveOptions options;
  options.parent_tree = test.save_root().tree;
  EXPECT_FALSE(reads(options));
  options.force = true;
  EXPECT_TRUE(reads(options));
  options.force = false;

  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  EXPECT_TRUE(reads(options));
  // Another file of the same size and time.
  struct ::stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  test.make_file("new", "CONTENT");
  const struct timespec times[2] = {status.st_mtim, status.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, test.path("new").c_str(), times, 0), 0);
  std::filesystem::rename(test.path("new"), file);
  options.ignore_ctime = true;
  EXPECT_TRUE(reads(options));
  options.ignore_ctime = false;
  options.ignore_inode = true;  // which ignores ctime as well
  EXPECT_FALSE(reads(options));
}

TEST(Archiver, StoresAgainWhatTheRepositoryLost) {
  TestSource test;
  const std::string file = test.make_file("x", "content");
  const ArchivedTree first = test.save_root();
  // The same tree with a blob that no index knows.
  const std::function<format::Id(const format::Id&)> spoil = [&](const format::Id& id) {
    format::TreeWriter writer;
    for (Node& node : test.tree(id)) {
      if (node.content) node.content->front().bytes[0] ^= std::byte{1};
      if (node.subtree) node.subtree = spoil(*node.subtree);
      writer.add(node);
    }
    return test.writer().save(format::BlobType::tree, writer.finish(), test.worker()).id;
  };
  test.store();
  ArchiveOptions options;
  options.parent_tree = spoil(first.tree);
  test.store();
  const ArchivedTree second = test.save_root(options);
  EXPECT_EQ(test.own_tree(second), test.own_tree(first));
  EXPECT_EQ(second.counts.files_changed, 1U);
  ASSERT_EQ(test.observer.warnings.size(), 1U);
  EXPECT_NE(test.observer.warnings[0].find(file), std::string::npos);
}

TEST(Archiver, DoesWithoutADamagedParent) {
  TestSource test;
  test.make_file("x", "content");
  ArchiveOptions options;
  options.parent_tree = format::id_of(as_bytes("no such tree"));
  const ArchivedTree saved = test.save_root(options);
  EXPECT_EQ(saved.counts.files_new, 1U);
  EXPECT_EQ(test.observer.warnings.size(), 1U);
  EXPECT_EQ(saved.counts.items_failed, 0U);
  options.parent_tree =
      test.writer()
          .save(format::BlobType::tree, as_bytes("{\"nodes\":[{\"name\":"), test.worker())
          .id;
  test.store();
  EXPECT_EQ(test.own_tree(test.save_root(options)), test.own_tree(saved));
  EXPECT_EQ(test.observer.warnings.size(), 2U);
}

TEST(Archiver, ReportsMissingPathsAndGoesOn) {
  TestSource test;
  test.make_file("x", "content");
  const ArchivedTree saved = test.save({test.path("x"), test.path("none")});
  EXPECT_EQ(saved.failed, (Names{test.path("none")}));
  EXPECT_EQ(saved.counts.items_failed, 1U);
  EXPECT_EQ(test.observer.errors, 1U);
  EXPECT_EQ(code_of([&] { static_cast<void>(test.save({test.path("none")})); }), Errc::not_found);
  EXPECT_EQ(code_of([&] { static_cast<void>(test.save({""})); }), Errc::usage);
}

TEST(Archiver, SavesALargeDirectoryInOrder) {
  TestSource test(fast_place());
  constexpr int files = 20'000;
  test.make_directory("many");
  const Fd many = open_file(test.path("many"), O_RDONLY | O_DIRECTORY);
  for (int file = 0; file < files; ++file) {
    const Fd made = open_at(many.get(), "file" + std::to_string(file), O_CREAT | O_WRONLY);
  }
  const ArchivedTree saved = test.save_root();
  EXPECT_EQ(saved.counts.files_new, static_cast<std::uint64_t>(files));
  const Names names = test.names(saved.tree, test.path("many"));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(files));
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST(Archiver, SavesADeepTree) {
  TestSource test(fast_place());
  constexpr int levels = 700;  // of a path that is longer than PATH_MAX
  Fd at = open_file(test.root(), O_RDONLY | O_DIRECTORY);
  for (int level = 0; level < levels; ++level) {
    if (level % 100 == 0) {
      const Fd made = open_at(at.get(), "file", O_CREAT | O_WRONLY);
      write_all(made.get(), as_bytes(std::to_string(level)), "file");
    }
    ASSERT_EQ(::mkdirat(at.get(), "a-directory", 0755), 0);
    at = open_at(at.get(), "a-directory", O_RDONLY | O_DIRECTORY);
  }
  const ArchivedTree first = test.save_root();
  EXPECT_TRUE(first.failed.empty());
  EXPECT_EQ(first.counts.files_new, 7U);
  EXPECT_GE(first.counts.dirs_new, static_cast<std::uint64_t>(levels));
  ArchiveOptions options;
  options.parent_tree = first.tree;
  const ArchivedTree second = test.save_root(options);
  EXPECT_EQ(test.own_tree(second), test.own_tree(first));
  EXPECT_EQ(second.counts.files_unmodified, 7U);
}

TEST(Archiver, LeavesOutWhatCannotBeRead) {
  TestSource test;
  test.make_file("locked/x", "1");
  test.make_file("secret", "2");
  test.make_file("open", "3");
  std::filesystem::permissions(test.root().parent_path(), std::filesystem::perms{0755});
  ASSERT_EQ(::chmod(test.path("locked").c_str(), 0), 0);
  ASSERT_EQ(::chmod(test.path("secret").c_str(), 0), 0);
  // Root reads everything; threads started as someone else do not.
  test.before_save = [] { ::setfsuid(1234); };
  test.after_save = [] { ::setfsuid(::geteuid()); };
  const ArchivedTree saved = test.save_root();
  ASSERT_EQ(::chmod(test.path("locked").c_str(), 0700), 0);
  EXPECT_EQ(test.names(saved.tree, test.root()), (Names{"open"}));
  EXPECT_EQ(saved.counts.items_failed, 2U);
  EXPECT_EQ(saved.counts.files_new, 1U);
}

TEST(Archiver, StopsSoonAfterItIsAsked) {
  TestSource test(fast_place());
  for (int file = 0; file < 40; ++file) {
    test.make_file("f" + std::to_string(file), noise(1'500'000, static_cast<unsigned>(file)));
  }
  ArchiveOptions options;
  options.threads = 2;
  options.tee = [&](const std::string&) { return std::make_unique<Tee>(test.stop); };
  EXPECT_EQ(code_of([&] { static_cast<void>(test.save_root(options)); }), Errc::cancelled);
  // What was under way may end; nothing is begun any more.
  EXPECT_LE(test.observer.begun.size(), 4U);
}

TEST(Archiver, EndsWithTheErrorOfAWorker) {
  TestSource test(fast_place());
  for (int file = 0; file < 100; ++file) {
    test.make_file("f" + std::to_string(file), noise(10'000, static_cast<unsigned>(file)));
  }
  ArchiveOptions options;
  options.tee = [](const std::string& path) -> std::unique_ptr<ByteSink> {
    if (path.ends_with("f50")) throw Error(Errc::not_consistent, "no");
    return nullptr;
  };
  EXPECT_EQ(code_of([&] { static_cast<void>(test.save_root(options)); }), Errc::not_consistent);
}

TEST(Archiver, AddsCounts) {
  ArchiveCounts sum;
  const ArchiveCounts more{1, 2, 3, 4, 5, 6, 7, 8, 9};
  sum += more;
  sum += more;
  EXPECT_EQ(sum.files_new, 2U);
  EXPECT_EQ(sum.dirs_unmodified, 12U);
  EXPECT_EQ(sum.bytes_processed, 16U);
  EXPECT_EQ(sum.items_failed, 18U);
}

}  // namespace
}  // namespace holdfast::archive
