// SPDX-License-Identifier: Apache-2.0
#include "repo/check.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/fd.h"
#include "format/index_file.h"
#include "repo/test_repository.h"
#include "storage/local.h"
#include "storage/open.h"

namespace holdfast::repo {
namespace {

using format::BlobType;
using format::Id;
using format::IndexedPack;
using storage::FileKind;

// A repository with two snapshots and several packs.
struct Filled {
  explicit Filled(unsigned version = 2) : test(version) {
    inner = test.save_tree({{"deep", {"below", std::string(3000, 'b')}}});
    root = test.save_tree({{"a", {"one", "two"}}, {"empty", {}}}, {{"dir", inner}});
    snapshot = test.save_snapshot(root);
    second = test.save_snapshot(test.save_tree({{"c", {"three"}}}));
  }
  CheckReport run(bool read_data = true, std::string_view subset = {}) {
    model::SilentObserver observer;
    CheckOptions options;
    options.read_data = read_data;
    if (!subset.empty()) options.subset = parse_read_subset(subset);
    return check(*test.repository, options, observer, {});
  }
  // What an index file says of a pack that is already named elsewhere.
  void save_index(const std::vector<IndexedPack>& packs) {
    std::string json;
    format::append_index_json(json, packs);
    test.repository->save_unpacked(FileKind::index, json);
  }

  TestRepository test;
  Id inner, root, snapshot, second;
};

bool has_line(const std::vector<std::string>& lines, std::string_view part) {
  for (const std::string& line : lines) {
    if (line.find(part) != std::string::npos) return true;
  }
  return false;
}

std::string all(const CheckReport& report) {
  std::string text;
  for (const std::string& line : report.errors) text += line + "\n";
  return text;
}

TEST(Check, FindsASoundRepositorySound) {
  for (const unsigned version : {1U, 2U}) {
    Filled filled(version);
    const CheckReport report = filled.run();
    EXPECT_TRUE(report.sound()) << all(report);
    EXPECT_TRUE(report.hints.empty());
    EXPECT_EQ(report.packs_read, filled.test.count(FileKind::pack));
    EXPECT_TRUE(report.broken_packs.empty());
    EXPECT_FALSE(report.suggest_prune || report.suggest_repair_index);
  }
}

// Copies of index and snapshot files kept on this machine are of no use to the next one.
TEST(Check, SeesTheRepositoryAndNotItsCopiesInACache) {
  Filled filled;
  const TemporaryDirectory cache("holdfast-check");
  const auto run = [&](bool with_cache) {
    storage::OpenOptions wrappers;
    wrappers.cache_directory = cache.path();
    const auto client = Repository::open(
        storage::wrap(std::make_unique<HookStorage>(filled.test.files), wrappers), test_password());
    model::SilentObserver observer;
    CheckOptions options;
    options.with_cache = with_cache;
    return check(*client, options, observer, {});
  };
  EXPECT_TRUE(run(true).sound()) << "fills the cache";
  for (const FileKind kind : {FileKind::index, FileKind::snapshot}) {
    const Id id = filled.test.repository->list(kind).front();
    filled.test.flip(kind, id, 40);
    EXPECT_TRUE(run(true).sound()) << "or this proves nothing";
    EXPECT_TRUE(has_line(run(false).errors, id.hex())) << file_kind_name(kind);
    filled.test.flip(kind, id, 40);
  }
  EXPECT_TRUE(run(false).sound());
}

TEST(Check, NamesADirectoryThatIsGone) {
  for (const char* directory : {"index", "snapshots", "data"}) {
    const TemporaryDirectory place("holdfast-check");
    Repository::InitOptions init;
    init.cost = quick_cost;
    const auto client = Repository::init(std::make_unique<storage::LocalStorage>(place.path()),
                                         test_password(), init);
    model::SilentObserver observer;
    EXPECT_TRUE(check(*client, {}, observer, {}).sound());
    std::filesystem::remove_all(place.path() / directory);
    const CheckReport report = check(*client, {}, observer, {});
    EXPECT_TRUE(has_line(report.errors, (place.path() / directory).string())) << all(report);
  }
}

// The heart of it: one flipped bit anywhere in any file that a restore needs is found.
TEST(Check, FindsAFlippedBitInAnyFile) {
  Filled filled;
  for (const FileKind kind : {FileKind::key, FileKind::index, FileKind::snapshot, FileKind::pack}) {
    for (const Id& id : filled.test.repository->list(kind)) {
      const std::size_t size_bytes = filled.test.content(kind, id).size();
      for (const std::size_t at : {std::size_t{0}, size_bytes / 2, size_bytes - 1}) {
        filled.test.flip(kind, id, at);
        const CheckReport report = filled.run();
        EXPECT_TRUE(has_line(report.errors, id.hex())) << file_kind_name(kind) << " " << at << "\n"
                                                       << all(report);
        EXPECT_EQ(report.suggest_repair_index, kind == FileKind::index) << file_kind_name(kind);
        filled.test.flip(kind, id, at);
      }
    }
  }
  EXPECT_TRUE(filled.run().sound());
}

TEST(Check, FindsAnyFileThatIsLostOrTorn) {
  Filled filled;
  for (const FileKind kind : {FileKind::index, FileKind::pack}) {
    for (const Id& id : filled.test.repository->list(kind)) {
      const Bytes content = filled.test.content(kind, id);
      filled.test.files->remove({kind, id.hex()});
      EXPECT_FALSE(filled.run(false).sound()) << file_kind_name(kind);
      filled.test.files->overwrite({kind, id.hex()}, ByteView(content).first(content.size() / 2));
      EXPECT_FALSE(filled.run(false).sound()) << file_kind_name(kind);
      filled.test.files->overwrite({kind, id.hex()}, content);
    }
  }
  EXPECT_TRUE(filled.run().sound());
}

TEST(Check, NamesAMissingPackAndWhatItBreaks) {
  Filled filled;
  const Id pack = filled.test.repository->index().find({BlobType::tree, filled.inner})->pack;
  filled.test.files->remove({FileKind::pack, pack.hex()});
  const CheckReport report = filled.run(false);
  EXPECT_TRUE(has_line(report.errors, "pack " + pack.hex() + ": the file does not exist"))
      << all(report);
  EXPECT_TRUE(has_line(report.errors, "tree " + filled.inner.hex() + ": /dir"));
  EXPECT_EQ(report.broken_packs, std::vector<Id>{pack});
}

TEST(Check, NamesAPackOfAnotherSize) {
  Filled filled;
  const Id pack = filled.test.repository->list(FileKind::pack).at(0);
  Bytes content = filled.test.content(FileKind::pack, pack);
  content.push_back(std::byte{0});
  filled.test.files->overwrite({FileKind::pack, pack.hex()}, content);
  const CheckReport report = filled.run(false);
  EXPECT_TRUE(has_line(report.errors, "by the index it must have")) << all(report);
}

TEST(Check, FindsDamagedIndexFilesAndSuggestsRepair) {
  Filled filled;
  const Id index = filled.test.repository->list(FileKind::index).at(0);
  filled.test.flip(FileKind::index, index, 30);
  const CheckReport report = filled.run(false);
  EXPECT_TRUE(has_line(report.errors, "index " + index.hex()));
  EXPECT_TRUE(report.suggest_repair_index);
}

TEST(Check, TellsDuplicatesFromConflicts) {
  Filled filled;
  std::vector<IndexedPack> packs = filled.test.repository->index().packs();
  filled.save_index({packs[0]});
  CheckReport report = filled.run();
  EXPECT_TRUE(report.sound()) << all(report);
  EXPECT_TRUE(has_line(report.hints, "1 packs are named by several index files"));

  packs[0].blobs[0].plain_size_bytes += 1;
  filled.save_index({packs[0]});
  report = filled.run();
  EXPECT_TRUE(has_line(report.errors, "index files name different content"));
}

TEST(Check, MentionsPacksInNoIndex) {
  Filled filled;
  filled.test.files->put({FileKind::pack, std::string(64, 'a')}, as_bytes("left over"));
  const CheckReport report = filled.run();
  EXPECT_TRUE(report.sound());
  EXPECT_TRUE(has_line(report.hints, "1 packs are in no index"));
}

TEST(Check, MentionsMixedPacks) {
  Filled filled;
  std::vector<IndexedPack> packs = filled.test.repository->index().packs();
  IndexedPack mixed = packs[0];
  for (IndexedPack& pack : packs) {
    if (pack.blobs.size() > 1) mixed = pack;
  }
  ASSERT_GT(mixed.blobs.size(), 1U);
  mixed.blobs[0].blob.type =
      mixed.blobs[0].blob.type == BlobType::data ? BlobType::tree : BlobType::data;
  mixed.id.bytes[0] ^= std::byte{1};
  filled.save_index({mixed});
  filled.test.files->put({FileKind::pack, mixed.id.hex()}, as_bytes("x"));
  const CheckReport report = filled.run(false);
  EXPECT_TRUE(has_line(report.hints, "1 packs hold both data and trees"));
  EXPECT_TRUE(report.suggest_prune);
}

TEST(Check, FindsAnIndexWithGaps) {
  Filled filled;
  IndexedPack pack;
  for (const IndexedPack& one : filled.test.repository->index().packs()) {
    if (one.blobs.size() > 1) pack = one;
  }
  filled.test.files->put({FileKind::pack, std::string(64, 'a')},
                         filled.test.content(FileKind::pack, pack.id));
  pack.id = *format::parse_id(std::string(64, 'a'));
  pack.blobs.erase(pack.blobs.begin());
  filled.save_index({pack});
  EXPECT_TRUE(has_line(filled.run(false).errors, "leaves a gap before"));
}

TEST(Check, FindsSnapshotsThatAreNoneAndTreesThatAreMissing) {
  Filled filled;
  const Id bad = filled.test.repository->save_unpacked(FileKind::snapshot, "{\"tree\":1}");
  Id missing;
  missing.bytes[3] = std::byte{9};
  filled.test.save_snapshot(missing);
  const CheckReport report = filled.run(false);
  EXPECT_TRUE(has_line(report.errors, "snapshot " + bad.hex()));
  EXPECT_TRUE(has_line(report.errors, "tree " + missing.hex() + ": /"));
}

TEST(Check, FindsFilesWhoseSizeDoesNotAddUp) {
  Filled filled;
  format::Node node;
  node.name = "file";
  node.content = filled.test.save(BlobType::data, {"12345"});
  node.size_bytes = 7;
  filled.test.save_snapshot(filled.test.save_nodes({node}));
  EXPECT_TRUE(has_line(filled.run(false).errors, "/file: the file has 7 bytes, its blobs have 5"));
}

TEST(Check, ReadsThePartItIsAskedFor) {
  Filled filled;
  for (int i = 0; i < 40; ++i) filled.test.save(BlobType::data, {"more " + std::to_string(i)});
  const std::uint64_t packs = filled.test.count(FileKind::pack);
  EXPECT_EQ(filled.run(true, "1/1").packs_read, packs);
  EXPECT_EQ(filled.run(true, "1/2").packs_read + filled.run(true, "2/2").packs_read, packs);
  EXPECT_EQ(filled.run(true, "50%").packs_read, (packs + 1) / 2);
  EXPECT_EQ(filled.run(true, "100%").packs_read, packs);
  EXPECT_EQ(filled.run(true, "1").packs_read, 1U);
  EXPECT_EQ(filled.run(true, "10G").packs_read, packs);
  EXPECT_EQ(filled.run(false).packs_read, 0U);
}

TEST(Check, ReadsSubsetsAsPeopleWriteThem) {
  EXPECT_EQ(parse_read_subset("3/17").bucket, 3U);
  EXPECT_EQ(parse_read_subset("3/17").buckets, 17U);
  EXPECT_DOUBLE_EQ(parse_read_subset("2.5%").fraction, 0.025);
  EXPECT_EQ(parse_read_subset("5M").size_bytes, 5U << 20U);
  for (const char* text : {"", "0/5", "6/5", "1/257", "1/", "/2", "a/b", "0%", "101%", "-1%", "x%",
                           "%", "0", "huge"}) {
    EXPECT_EQ(code_thrown([&] { static_cast<void>(parse_read_subset(text)); }), Errc::usage)
        << text;
  }
}

TEST(Check, ReadsAPackOnceMoreBeforeItIsCalledBroken) {
  Filled filled;
  std::set<std::string> failed_once;
  std::mutex mutex;
  filled.test.hooks->on_read = [&](const storage::FileRef& file) {
    const std::lock_guard lock(mutex);
    if (file.kind == FileKind::pack && failed_once.insert(file.name).second)
      throw Error(Errc::io, "a bad cable");
  };
  EXPECT_TRUE(filled.run().sound());
}

TEST(Check, EndsWhenStopped) {
  Filled filled;
  model::SilentObserver observer;
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(check(*filled.test.repository, {}, observer, source.get_token()));
            }),
            Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::repo
