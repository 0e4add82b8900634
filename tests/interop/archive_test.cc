// SPDX-License-Identifier: Apache-2.0
// The same directory saved by Debian's restic and by us, into one repository: the same tree, to the
// byte, the same counts, and not a blob more. With every option that decides what is saved, and
// whichever of the two comes first. What restic 0.14 itself loses (symlink targets that are not
// UTF-8) is left out of the corpus.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "archive/archiver.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"
#include "format/snapshot_file.h"
#include "repo/blob_writer.h"
#include "repo/open.h"

namespace holdfast::archive {
namespace {

namespace fs = std::filesystem;

constexpr const char* password = "interop";

struct ResticRun {
  format::Id snapshot, tree;
  Json summary;
};

struct OwnRun {
  ArchivedTree saved;
  repo::WriterTotals totals;
};

class ArchiveInterop : public ::testing::Test {
 protected:
  ArchiveInterop() {
    fs::create_directory(top());
    // restic's temporary packs would change the times of the directories that are compared.
    fs::create_directory(path("temporary"));
    // Made by us, because restic would spend half a second on the key with each of its runs.
    repo::Repository::InitOptions options;
    options.cost = format::ScryptCost{.n = 128, .r = 1, .p = 1};
    repo::Location location;
    location.url = path("repository").string();
    static_cast<void>(repo::init(location, Secret(password), options));
  }

  [[nodiscard]] fs::path path(std::string_view name) const { return directory_.path() / name; }
  [[nodiscard]] fs::path top() const { return path("source"); }
  void write(const fs::path& below, std::string_view content) const {
    fs::create_directories((top() / below).parent_path());
    std::ofstream(top() / below, std::ios::binary) << content;
  }

  std::string run(std::vector<std::string> argv) const {
    Command command;
    command.argv = std::move(argv);
    command.environment = {{"RESTIC_PASSWORD", password},
                           {"RESTIC_REPOSITORY", path("repository").string()},
                           {"RESTIC_CACHE_DIR", path("cache").string()},
                           {"TMPDIR", path("temporary").string()}};
    const ProcessResult result = run_process(command);
    EXPECT_EQ(result.exit_code, 0) << display(command.argv) << "\n" << result.errors;
    return result.output;
  }

  ResticRun restic_backup(const std::vector<std::string>& paths,
                          const std::vector<std::string>& flags) const {
    std::vector<std::string> argv{"restic", "backup", "--json"};
    argv.insert(argv.end(), flags.begin(), flags.end());
    argv.insert(argv.end(), paths.begin(), paths.end());
    const std::string output = run(std::move(argv));
    const std::size_t last = output.rfind("{\"message_type\":\"summary\"");
    if (last == std::string::npos) {
      ADD_FAILURE() << "restic gave no summary";
      return {};
    }
    ResticRun done;
    done.summary = Json::parse(output.substr(last), "restic's summary");
    const std::string id = done.summary.at("snapshot_id").as_string();
    const Json snapshot = Json::parse(run({"restic", "cat", "snapshot", id}), "snapshot");
    done.tree = format::parse_id(snapshot.at("tree").as_string()).value();
    for (const auto& entry : fs::directory_iterator(path("repository/snapshots"))) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(id)) done.snapshot = format::parse_id(name).value();
    }
    return done;
  }

  [[nodiscard]] std::unique_ptr<repo::Repository> open() const {
    repo::Location location;
    location.url = path("repository").string();
    auto repository = repo::open(location, Secret(password), {});
    model::SilentObserver observer;
    repository->load_index(observer);
    return repository;
  }

  OwnRun save(const std::vector<std::string>& paths, const ArchiveOptions& options) const {
    const auto repository = open();
    repo::BlobWriter writer(*repository, {}, nullptr);
    model::SilentObserver observer;
    OwnRun done;
    done.saved = save_paths(*repository, writer, paths, options, observer, {});
    writer.finish();
    done.totals = writer.totals();
    return done;
  }

  // Times of everything above the paths, which others on this machine may change at any moment.
  [[nodiscard]] static std::vector<std::int64_t> times_above(
      const std::vector<std::string>& paths) {
    std::vector<std::int64_t> times;
    for (const std::string& each : paths) {
      for (fs::path above = fs::path(each).parent_path(); above != above.parent_path();
           above = above.parent_path()) {
        struct ::stat status {};
        EXPECT_EQ(::stat(above.c_str(), &status), 0);
        times.push_back(status.st_ctim.tv_sec);
        times.push_back(status.st_ctim.tv_nsec);
      }
    }
    return times;
  }

  // Saves by both, restic first, and expects one result. Again if something changed meanwhile.
  ResticRun expect_same(const std::vector<std::string>& paths,
                        const std::vector<std::string>& flags, const ArchiveOptions& options) {
    for (int attempt = 0; attempt < 50; ++attempt) {
      const auto before = times_above(paths);
      const ResticRun theirs = restic_backup(paths, flags);
      const OwnRun ours = save(paths, options);
      if (times_above(paths) != before) continue;
      EXPECT_EQ(ours.saved.tree.hex(), theirs.tree.hex())
          << difference(ours.saved.tree, theirs.tree);
      EXPECT_EQ(ours.totals.data_blobs, 0U);
      EXPECT_EQ(ours.totals.tree_blobs, 0U);
      EXPECT_EQ(ours.saved.counts.items_failed, 0U);
      expect_same_counts(ours.saved.counts, theirs.summary);
      return theirs;
    }
    ADD_FAILURE() << "the directories above the source never held still";
    return {};
  }

  static void expect_same_counts(const ArchiveCounts& counts, const Json& summary) {
    const auto expect = [&](const char* name, std::uint64_t count) {
      EXPECT_EQ(count, summary.at(name).as_uint()) << name;
    };
    expect("files_new", counts.files_new);
    expect("files_changed", counts.files_changed);
    expect("files_unmodified", counts.files_unmodified);
    expect("dirs_new", counts.dirs_new);
    expect("dirs_changed", counts.dirs_changed);
    expect("dirs_unmodified", counts.dirs_unmodified);
    expect("total_files_processed", counts.files_processed);
    expect("total_bytes_processed", counts.bytes_processed);
  }

  // The first two trees that differ, as JSON, for people.
  [[nodiscard]] std::string difference(format::Id ours, format::Id theirs) const {
    const auto repository = open();
    repo::Codec codec = repository->codec();
    for (;;) {
      const Bytes a = repository->load_blob({format::BlobType::tree, ours}, codec);
      const Bytes b = repository->load_blob({format::BlobType::tree, theirs}, codec);
      const std::vector<format::Node> mine = format::parse_tree(a);
      const std::vector<format::Node> other = format::parse_tree(b);
      bool is_deeper = false;
      for (std::size_t i = 0; i < std::min(mine.size(), other.size()) && !is_deeper; ++i) {
        is_deeper = mine[i].name == other[i].name && mine[i].subtree && other[i].subtree &&
                    mine[i].subtree != other[i].subtree;
        if (is_deeper) {
          ours = *mine[i].subtree;
          theirs = *other[i].subtree;
        }
      }
      if (!is_deeper) return fmt::format("ours: {}theirs: {}", as_text(a), as_text(b));
    }
  }

  void make_corpus() const;

  TemporaryDirectory directory_{"holdfast-interop"};
};

std::string noise(std::size_t size_bytes, unsigned seed) {
  std::string text(size_bytes, '\0');
  for (char& byte : text) {
    seed = seed * 1'664'525U + 1'013'904'223U;
    byte = static_cast<char>(seed >> 24U);
  }
  return text;
}

void ArchiveInterop::make_corpus() const {
  for (const char* name :
       {"bad\xff\xfe", "we<ird>&\"q\"\\", "new\nline", "tab\t", "\xe2\x80\xa8", "\xc3\xa4\xc3\xb6",
        "\x7f\x01", "-dash", " space ", "...", "\xf0\x9f\x90\xbf", "\xc2\xa0", "\xef\xbf\xbd"}) {
    write(fs::path("names") / name, name);
  }
  write("dir\xff/\xfe/file", "inside");
  write("empty", "");
  write("small", "some text\n");
  write("half-mebibyte", noise(512 * 1024, 3));
  write("half-mebibyte-and-one", noise(512 * 1024 + 1, 4));
  write("big", noise(20'000'000, 1));
  write("zeros", std::string(3'000'000, '\0'));
  write("sparse", "begin");
  fs::resize_file(top() / "sparse", 9'000'000);
  fs::create_directories(top() / "hollow");
  fs::create_directories(top() / "deep/er/and/deeper/still");
  for (unsigned file = 0; file < 300; ++file) {
    write(fs::path("many") / std::to_string(file), noise(file * 13, file));
  }
  fs::create_symlink("to\xc3\xa4\n<&>", top() / "link\xff");
  fs::create_symlink("nowhere", top() / "dangling");
  fs::create_symlink("/etc", top() / "absolute");
  fs::create_hard_link(top() / "small", top() / "twin");
  ASSERT_EQ(::mkfifo((top() / "fifo").c_str(), 0640), 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct ::sockaddr_un address {};
  address.sun_family = AF_UNIX;
  const std::string name = (top() / "socket").string();
  ASSERT_LT(name.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<struct ::sockaddr*>(&address), sizeof address), 0);
  ::close(socket);

  const auto set_mode = [&](const char* below, mode_t mode) {
    if (!fs::exists(top() / below)) write(below, below);
    ASSERT_EQ(::chmod((top() / below).c_str(), mode), 0);
  };
  set_mode("setuid", 06755);
  set_mode("hollow", 03777);
  set_mode("read-only", 0400);
  // An ACL with an entry for user 33, and a default one.
  const unsigned char acl[] = {2, 0,  0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  4,
                               0, 33, 0,   0,   0,   4,   0,  4, 0,   255, 255, 255, 255, 16, 0,
                               4, 0,  255, 255, 255, 255, 32, 0, 0,   0,   255, 255, 255, 255};
  write("attributes/file", "x");
  for (const char* below : {"attributes", "attributes/file"}) {
    const std::string of = (top() / below).string();
    ASSERT_EQ(::setxattr(of.c_str(), "user.zulu", "value", 5, 0), 0);
    ASSERT_EQ(::setxattr(of.c_str(), "user.alpha", "\0\xff", 2, 0), 0);
    ASSERT_EQ(::setxattr(of.c_str(), "user.empty", "", 0, 0), 0);
    ASSERT_EQ(::setxattr(of.c_str(), "system.posix_acl_access", acl, sizeof acl, 0), 0);
  }
  ASSERT_EQ(
      ::setxattr((top() / "attributes").c_str(), "system.posix_acl_default", acl, sizeof acl, 0),
      0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::mknod((top() / "char").c_str(), S_IFCHR | 0622, makedev(1, 3)), 0);
    ASSERT_EQ(::mknod((top() / "block").c_str(), S_IFBLK | 0660, makedev(7, 300)), 0);
    write("owned", "by nobody we know");
    ASSERT_EQ(::lchown((top() / "owned").c_str(), 12345, 54321), 0);
    ASSERT_EQ(::setxattr((top() / "owned").c_str(), "trusted.secret", "t", 1, 0), 0);
  }
  const auto set_times = [&](const char* below, std::int64_t seconds, long nanoseconds) {
    const struct ::timespec times[2] = {{seconds + 77, 5}, {seconds, nanoseconds}};
    const std::string of = (top() / below).string();
    ASSERT_EQ(::utimensat(AT_FDCWD, of.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  };
  set_times("small", -1'000'000'000, 1);
  set_times("empty", 1, 500'000'000);
  set_times("dangling", 1'234'567'890, 987'654'321);
  set_times("many/7", 2'000'000'000, 120'000'000);
  set_times("hollow", 1'000'000'000, 123);
}

TEST_F(ArchiveInterop, GivesTheSameTreeAsRestic) {
  make_corpus();
  fs::remove_all(path("repository"));
  run({"restic", "init", "--repository-version", "2"});
  expect_same({top().string()}, {"--force"}, {});
}

// CTest runs this in Berlin's zone, whose offset differs between summer and winter.
TEST_F(ArchiveInterop, WritesTimesInTheOffsetOfTheirDay) {
  write("winter", "w");
  write("summer", "s");
  const struct ::timespec winter[2] = {{1'700'000'000, 0}, {1'700'000'000, 0}};
  const struct ::timespec summer[2] = {{1'720'000'000, 0}, {1'720'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (top() / "winter").c_str(), winter, 0), 0);
  ASSERT_EQ(::utimensat(AT_FDCWD, (top() / "summer").c_str(), summer, 0), 0);
  write("long ago", "l");
  const struct ::timespec long_ago[2] = {{-2'500'000'000, 1},
                                         {-2'500'000'000, 1}};  // local mean time
  ASSERT_EQ(::utimensat(AT_FDCWD, (top() / "long ago").c_str(), long_ago, 0), 0);
  expect_same({top().string()}, {"--force"}, {});
}

TEST_F(ArchiveInterop, CountsChangesAsRestic) {
  make_corpus();
  const ResticRun first = expect_same({top().string()}, {"--force"}, {});
  ArchiveOptions options;
  options.parent_tree = first.tree;
  const std::vector<std::string> with_parent{"--parent", first.snapshot.hex()};
  expect_same({top().string()}, with_parent, options);

  write("small", "changed\n");
  write("many/new", "new");
  write("deep/er/and/new", "new");
  fs::remove(top() / "empty");
  fs::remove_all(top() / "many/9");
  fs::create_directory(top() / "many/9");
  ASSERT_EQ(::chmod((top() / "big").c_str(), 0600), 0);
  expect_same({top().string()}, with_parent, options);
  options.ignore_ctime = true;
  expect_same({top().string()}, {"--parent", first.snapshot.hex(), "--ignore-ctime"}, options);
  options.ignore_ctime = false;
  options.ignore_inode = true;
  expect_same({top().string()}, {"--parent", first.snapshot.hex(), "--ignore-inode"}, options);
}

TEST_F(ArchiveInterop, MeansTheSamePathsAsRestic) {
  write("a/b/c/file", "1");
  write("a/b/other", "2");
  write("a/x", "3");
  write("z", "4");
  fs::create_directory_symlink("a/b", top() / "way");
  const auto at = [&](const char* below) { return (top() / below).string(); };
  expect_same({at("a/b/c")}, {"--force"}, {});
  expect_same({at("a/b/c/file"), at("z")}, {"--force"}, {});
  expect_same({at("a/b"), at("a")}, {"--force"}, {});
  expect_same({at("a"), at("a/b/c/file"), at("a/b")}, {"--force"}, {});
  expect_same({at("way")}, {"--force"}, {});
  expect_same({at("way/c")}, {"--force"}, {});
  expect_same({at("way"), at("way/c")}, {"--force"}, {});
}

TEST_F(ArchiveInterop, ExcludesAsRestic) {
  for (const char* below :
       {"a/x.tmp", "a/keep.tmp", "a/X.TMP", "a/b/c/y", "a/b/d/y", "b/c", "Cache/z", "marked/.no",
        "marked/x", "marked/sub/x", "tagged/CACHEDIR.TAG", "tagged/x", "fake/CACHEDIR.TAG",
        "fake/x", "large", "ab", "\xc3\x89t\xc3\xa9"}) {
    write(below, below);
  }
  write("tagged/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
  write("large", std::string(5000, 'l'));
  const auto same = [&](const std::vector<std::string>& flags,
                        const std::function<void(ArchiveOptions&)>& set) {
    ArchiveOptions options;
    set(options);
    std::vector<std::string> all{"--force"};
    all.insert(all.end(), flags.begin(), flags.end());
    expect_same({top().string()}, all, options);
  };
  for (const std::vector<std::string>& patterns :
       std::vector<std::vector<std::string>>{{"*.tmp"},
                                             {"*.tmp", "!keep.tmp"},
                                             {"a/**/y"},
                                             {"b"},
                                             {"/**/c"},
                                             {(top() / "a/b/*").string()},
                                             {(top() / "b").string() + "/"},
                                             {"[^a]?", "c/"},
                                             {"\xc3\x89*"}}) {
    std::vector<std::string> flags;
    for (const std::string& pattern : patterns) flags.push_back("--exclude=" + pattern);
    same(flags, [&](ArchiveOptions& options) {
      for (const std::string& pattern : patterns) options.excludes.add(pattern, false);
    });
  }
  same({"--iexclude=*.tmp", "--iexclude=CACHE", "--iexclude=\xc3\xa9T\xc3\xa9"},
       [](ArchiveOptions& options) {
         options.excludes.add("*.tmp", true);
         options.excludes.add("CACHE", true);
         options.excludes.add("\xc3\xa9T\xc3\xa9", true);
       });
  same({"--exclude-if-present=.no"},
       [](ArchiveOptions& options) { options.exclude_if_present = {".no"}; });
  same({"--exclude-caches"}, [](ArchiveOptions& options) {
    options.exclude_if_present = {"CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55"};
  });
  same({"--exclude-larger-than=4K"},
       [](ArchiveOptions& options) { options.exclude_larger_than = 4096; });
}

TEST_F(ArchiveInterop, KeepsAccessTimesAsRestic) {
  write("file", "x");
  const struct ::timespec times[2] = {{1'500'000'000, 7}, {1'600'000'000, 9}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (top() / "file").c_str(), times, 0), 0);
  ArchiveOptions options;
  options.node.with_atime = true;
  expect_same({(top() / "file").string()}, {"--force", "--with-atime"}, options);
}

TEST_F(ArchiveInterop, StaysOnOneFileSystemAsRestic) {
  ArchiveOptions options;
  options.one_file_system = true;
  options.excludes.add("/[^p]*", false);  // leaves /proc, which is mounted wherever this runs
  const ResticRun theirs =
      restic_backup({"/"}, {"--force", "--one-file-system", "--exclude=/[^p]*"});
  const OwnRun ours = save({"/"}, options);
  const auto repository = open();
  repo::Codec codec = repository->codec();
  const auto load = [&](const format::Id& tree) {
    return format::parse_tree(repository->load_blob({format::BlobType::tree, tree}, codec));
  };
  const auto mine = load(ours.saved.tree);
  const auto other = load(theirs.tree);
  ASSERT_EQ(mine.size(), other.size());
  bool has_proc = false;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    EXPECT_EQ(mine[i].name, other[i].name);
    if (mine[i].name != "proc") continue;
    has_proc = true;
    EXPECT_EQ(mine[i].subtree, other[i].subtree);
    EXPECT_TRUE(load(format::Id(*mine[i].subtree)).empty());
  }
  EXPECT_TRUE(has_proc);
}

TEST_F(ArchiveInterop, LetsResticGoOnFromOurSnapshot) {
  make_corpus();
  const std::vector<std::string> paths{top().string()};
  for (int attempt = 0; attempt < 50; ++attempt) {
    const auto before = times_above(paths);
    const OwnRun ours = save(paths, {});
    format::SnapshotFile snapshot;
    snapshot.time = system_clock().now();
    snapshot.tree = ours.saved.tree;
    snapshot.paths = paths;
    snapshot.hostname = "interop";
    const format::Id id =
        open()->save_unpacked(storage::FileKind::snapshot, format::to_json(snapshot));
    const ResticRun theirs = restic_backup(paths, {"--host", "interop"});
    if (times_above(paths) != before) continue;
    EXPECT_EQ(theirs.tree.hex(), ours.saved.tree.hex());
    EXPECT_EQ(theirs.summary.at("files_unmodified").as_uint(), ours.saved.counts.files_processed);
    EXPECT_EQ(theirs.summary.at("dirs_unmodified").as_uint(), ours.saved.counts.dirs_new);
    EXPECT_EQ(theirs.summary.at("data_blobs").as_uint(), 0U);
    EXPECT_EQ(theirs.summary.at("tree_blobs").as_uint(), 0U);
    run({"restic", "check", "--read-data"});
    run({"restic", "restore", id.hex(), "--target", path("restored").string()});
    const ProcessResult diff =
        run_process({.argv = {"diff", "-r", "--no-dereference", "--exclude=fifo", "--exclude=char",
                              "--exclude=block", "--exclude=socket", top().string(),
                              path("restored").string() + top().string()}});
    EXPECT_EQ(diff.exit_code, 0) << diff.output << diff.errors;
    return;
  }
  ADD_FAILURE() << "the directories above the source never held still";
}

}  // namespace
}  // namespace holdfast::archive
