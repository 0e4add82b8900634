// SPDX-License-Identifier: Apache-2.0
#include "repo/blob_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "format/index_file.h"
#include "repo/pack_reader.h"
#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::BlobType;
using format::Id;
using format::IndexedPack;
using format::PackedBlob;
using storage::FileKind;
using storage::FileRef;

constexpr std::size_t small_pack = 4U << 20U;

WriterOptions small_packs() {
  WriterOptions options;
  options.pack_size_bytes = small_pack;
  return options;
}

// All blobs of all packs that are stored, by their own headers.
std::vector<PackedBlob> stored_blobs(const TestRepository& test) {
  std::vector<PackedBlob> blobs;
  Codec codec = test.repository->codec();
  test.files->list(FileKind::pack, [&](const storage::FoundFile& found) {
    const Id id = *format::parse_id(found.file.name);
    for (const PackedBlob& blob : read_pack_header(*test.repository, id, found.size_bytes, codec))
      blobs.push_back(blob);
  });
  return blobs;
}

TEST(BlobWriter, StoresBlobsThatAnotherClientReads) {
  for (const unsigned version : {1U, 2U}) {
    TestRepository test(version);
    const std::string text(100'000, 'x');
    const Id id = test.save(BlobType::data, {text}).front();
    const Id tree = test.save(BlobType::tree, {"{\"nodes\":[]}\n"}).front();
    EXPECT_EQ(tree.hex(), "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8");
    const auto again = test.open_again();
    Codec codec = again->codec();
    EXPECT_EQ(as_text(again->load_blob({BlobType::data, id}, codec)), text);
    EXPECT_EQ(as_text(again->load_blob({BlobType::tree, tree}, codec)), "{\"nodes\":[]}\n");
    for (const PackedBlob& blob : stored_blobs(test))
      EXPECT_EQ(blob.plain_size_bytes == 0, version == 1);
  }
}

TEST(BlobWriter, CompressesTreesAlwaysAndDataUnlessItIsOff) {
  TestRepository test;
  test.repository->set_compression(format::Compression::off);
  test.save(BlobType::data, {std::string(10'000, 'x')});
  test.save(BlobType::tree, {std::string(10'000, 'y')});
  for (const PackedBlob& blob : stored_blobs(test)) {
    EXPECT_EQ(blob.plain_size_bytes, blob.blob.type == BlobType::tree ? 10'000U : 0U);
  }
}

TEST(BlobWriter, StoresDataRawWhereCompressionDoesNotPay) {
  TestRepository test;
  test.save(BlobType::data, {noise(10'000, 1)});
  EXPECT_EQ(stored_blobs(test).at(0).plain_size_bytes, 0U);
}

TEST(BlobWriter, KeepsAnEmptyBlob) {
  TestRepository test;
  const Id id = test.save(BlobType::data, {""}).front();
  const auto again = test.open_again();
  Codec codec = again->codec();
  EXPECT_TRUE(again->load_blob({BlobType::data, id}, codec).empty());
}

TEST(BlobWriter, StoresEqualBlobsOnce) {
  TestRepository test;
  BlobWriter writer(*test.repository, {}, nullptr);
  BlobWriter::Worker worker(*test.repository);
  const SavedBlob first = writer.save(BlobType::data, as_bytes("same"), worker);
  const SavedBlob second = writer.save(BlobType::data, as_bytes("same"), worker);
  EXPECT_TRUE(first.is_new);
  EXPECT_EQ(first.stored_bytes, 4 + format::seal_overhead_bytes);
  EXPECT_FALSE(second.is_new);
  EXPECT_EQ(second.stored_bytes, 0U);
  EXPECT_EQ(first.id, second.id);
  writer.finish();
  const WriterTotals totals = writer.totals();
  EXPECT_EQ(totals.data_blobs, 1U);
  EXPECT_EQ(totals.data_bytes, 4U);
  EXPECT_EQ(totals.stored_bytes, first.stored_bytes);
  EXPECT_EQ(totals.packs, 1U);
  EXPECT_EQ(totals.index_files, 1U);
  EXPECT_EQ(writer.written_packs().size(), 1U);
  EXPECT_EQ(code_thrown(
                [&] { static_cast<void>(writer.save(BlobType::data, as_bytes("late"), worker)); }),
            Errc::bug);
}

TEST(BlobWriter, StoresTheChunksOfARunAsItWouldOneByOne) {
  TestRepository test;
  const std::string run = noise(300'000, 1) + std::string(300'000, 'a') + noise(300'000, 1) + "end";
  std::vector<ByteView> chunks;
  for (std::size_t at = 0; at < run.size(); at += 100'000)
    chunks.push_back(as_bytes(std::string_view(run).substr(at, 100'000)));
  BlobWriter writer(*test.repository, small_packs(), nullptr);
  BlobWriter::Worker worker(*test.repository);
  EXPECT_TRUE(writer.save_run({}, worker).empty());
  const std::vector<SavedBlob> saved = writer.save_run(chunks, worker);
  ASSERT_EQ(saved.size(), chunks.size());
  const std::vector<bool> is_new{true, true, true, true, false, false, false, false, false, true};
  for (std::size_t i = 0; i < saved.size(); ++i) {
    EXPECT_EQ(saved[i].id, format::id_of(chunks[i])) << i;
    EXPECT_EQ(saved[i].is_new, is_new[i]) << i;
  }
  EXPECT_LT(saved[3].stored_bytes, 1000U);
  writer.finish();
  BlobWriter again(*test.repository, small_packs(), nullptr);
  for (const SavedBlob& blob : again.save_run(chunks, worker)) EXPECT_FALSE(blob.is_new);
}

TEST(BlobWriter, NeverMixesDataAndTreesInAPack) {
  TestRepository test;
  BlobWriter writer(*test.repository, {}, nullptr);
  BlobWriter::Worker worker(*test.repository);
  for (int i = 0; i < 50; ++i) {
    const std::string text = "text " + std::to_string(i);
    static_cast<void>(writer.save(BlobType::data, as_bytes(text), worker));
    static_cast<void>(writer.save(BlobType::tree, as_bytes(text), worker));
  }
  writer.finish();
  // The two open packs of data are merged at the end.
  const std::vector<IndexedPack> packs = test.repository->index().packs();
  ASSERT_EQ(packs.size(), 2U);
  for (const IndexedPack& pack : packs) {
    EXPECT_EQ(pack.blobs.size(), 50U);
    for (const PackedBlob& blob : pack.blobs) EXPECT_EQ(blob.blob.type, pack.blobs[0].blob.type);
  }
}

TEST(BlobWriter, ScattersBlobsOverTwoOpenPacks) {
  TestRepository test;
  BlobWriter writer(*test.repository, small_packs(), nullptr);
  BlobWriter::Worker worker(*test.repository);
  std::vector<Id> order;
  for (std::uint64_t i = 0; i < 120; ++i) {
    order.push_back(writer.save(BlobType::data, as_bytes(noise(100'000, i)), worker).id);
  }
  writer.finish();
  bool is_scattered = false;
  for (const IndexedPack& pack : writer.written_packs()) {
    for (std::size_t i = 1; i < pack.blobs.size(); ++i) {
      const auto one = std::find(order.begin(), order.end(), pack.blobs[i - 1].blob.id);
      if (one + 1 == order.end() || *(one + 1) != pack.blobs[i].blob.id) is_scattered = true;
    }
  }
  EXPECT_TRUE(is_scattered);
}

TEST(BlobWriter, KeepsPacksNearTheirSize) {
  TestRepository test;
  BlobWriter writer(*test.repository, small_packs(), nullptr);
  BlobWriter::Worker worker(*test.repository);
  for (std::uint64_t i = 0; i < 40; ++i) {
    static_cast<void>(writer.save(BlobType::data, as_bytes(noise(700'000, i)), worker));
  }
  writer.finish();
  std::size_t packs = 0;
  test.files->list(FileKind::pack, [&](const storage::FoundFile& found) {
    ++packs;
    EXPECT_LE(found.size_bytes, small_pack + (1U << 20U) + (64U << 10U));
  });
  EXPECT_GE(packs, 6U);
  EXPECT_LE(packs, 9U);
}

TEST(BlobWriter, ClosesAPackOfManySmallBlobsBeforeItsHeaderOutgrowsTheBuffer) {
  TestRepository test;
  BlobWriter writer(*test.repository, small_packs(), nullptr);
  BlobWriter::Worker worker(*test.repository);
  for (std::uint32_t i = 0; i < 160'000; ++i) {
    static_cast<void>(
        writer.save(BlobType::data, std::as_bytes(std::span<const std::uint32_t>(&i, 1)), worker));
  }
  writer.finish();
  const std::uint64_t buffer_bytes =
      BlobWriter::memory_bytes_max(small_packs(), 1, 0) / BlobWriter::pack_buffers_max(1);
  test.files->list(FileKind::pack, [&](const storage::FoundFile& found) {
    EXPECT_LE(found.size_bytes, buffer_bytes);
  });
}

TEST(BlobWriter, GivesABlobOfAPacksSizeAPackOfItsOwn) {
  TestRepository test;
  BlobWriter writer(*test.repository, small_packs(), nullptr);
  BlobWriter::Worker worker(*test.repository);
  static_cast<void>(writer.save(BlobType::data, as_bytes("small"), worker));
  const Id big = writer.save(BlobType::data, as_bytes(noise(9'000'000, 1)), worker).id;
  static_cast<void>(writer.save(BlobType::data, as_bytes("small too"), worker));
  writer.finish();
  for (const IndexedPack& pack : test.repository->index().packs()) {
    if (pack.blobs[0].blob.id == big) {
      EXPECT_EQ(pack.blobs.size(), 1U);
    } else {
      EXPECT_EQ(pack.blobs.size(), 2U);
    }
  }
}

TEST(BlobWriter, NamesNoPackBeforeItIsStored) {
  TestRepository test;
  std::set<std::string> stored;
  std::mutex mutex;
  std::atomic<int> indexes{0};
  // Whatever an index file names must be in the storage at the moment the index file arrives.
  test.hooks->on_put = [&](const FileRef& file) {
    if (file.kind != FileKind::index) return;
    ++indexes;
    const auto client = test.open_again();
    for (const Id& id : client->index().pack_ids()) {
      EXPECT_TRUE(test.files->size_bytes({FileKind::pack, id.hex()}));
    }
  };
  WriterOptions options = small_packs();
  options.index_packs_max = 2;
  BlobWriter writer(*test.repository, options, nullptr);
  BlobWriter::Worker worker(*test.repository);
  for (std::uint64_t i = 0; i < 30; ++i) {
    static_cast<void>(writer.save(BlobType::data, as_bytes(noise(1'000'000, i)), worker));
  }
  writer.finish();
  EXPECT_GE(indexes, 3);
  EXPECT_EQ(test.open_again()->index().blob_count(), 30U);
}

TEST(BlobWriter, WritesAnIndexFileForSoManyBlobs) {
  TestRepository test;
  WriterOptions options = small_packs();
  options.index_blobs_max = 3;
  BlobWriter writer(*test.repository, options, nullptr);
  BlobWriter::Worker worker(*test.repository);
  for (std::uint64_t i = 0; i < 24; ++i) {
    static_cast<void>(writer.save(BlobType::data, as_bytes(noise(1'000'000, i)), worker));
  }
  writer.finish();
  EXPECT_GE(writer.totals().index_files, 3U);
}

class SteppingClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() override { return {}; }
  [[nodiscard]] std::chrono::steady_clock::time_point steady() override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(200 * ++readings_));
  }

 private:
  std::atomic<int> readings_{0};
};

TEST(BlobWriter, WritesAnIndexFileWhenTimeHasPassed) {
  TestRepository test;
  SteppingClock clock;
  WriterOptions options = small_packs();
  options.clock = &clock;
  BlobWriter writer(*test.repository, options, nullptr);
  BlobWriter::Worker worker(*test.repository);
  for (std::uint64_t i = 0; i < 30; ++i) {
    static_cast<void>(writer.save(BlobType::data, as_bytes(noise(1'000'000, i)), worker));
  }
  writer.finish();
  EXPECT_GE(writer.totals().index_files, 2U);
}

TEST(BlobWriter, IsUsedByManyThreadsWithinItsMemory) {
  TestRepository test(2, 2);
  test.hooks->on_put = [](const FileRef& file) {
    if (file.kind == FileKind::pack) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  };
  BlobWriter writer(*test.repository, small_packs(), nullptr);
  std::vector<std::jthread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      BlobWriter::Worker worker(*test.repository);
      for (std::uint64_t i = 0; i < 30; ++i) {
        // Half of the blobs are saved by two threads.
        static_cast<void>(
            writer.save(BlobType::data,
                        as_bytes(noise(500'000, i < 15 ? t / 2 * 100 + i : t * 1000 + i)), worker));
        static_cast<void>(
            writer.save(BlobType::tree, as_bytes(std::to_string(t * 1000 + i)), worker));
      }
    });
  }
  threads.clear();
  writer.finish();
  EXPECT_EQ(writer.totals().data_blobs, 90U);
  EXPECT_EQ(writer.totals().tree_blobs, 120U);
  EXPECT_LE(writer.totals().pack_buffers, BlobWriter::pack_buffers_max(2));
  EXPECT_GE(writer.totals().pack_buffers, 4U);
  EXPECT_EQ(BlobWriter::memory_bytes_max(small_packs(), 2, 0), 4U * ((5U << 20U) + (64U << 10U)));
  const auto again = test.open_again();
  EXPECT_EQ(again->index().blob_count(), 210U);
  std::map<Id, int> copies;
  for (const PackedBlob& blob : stored_blobs(test)) EXPECT_EQ(++copies[blob.blob.id], 1);
}

TEST(BlobWriter, TellsEveryoneWhatAnUploadFailedWith) {
  TestRepository test;
  test.hooks->on_put = [](const FileRef& file) {
    if (file.kind == FileKind::pack) throw Error(Errc::no_space, "disk full");
  };
  BlobWriter writer(*test.repository, small_packs(), nullptr);
  BlobWriter::Worker worker(*test.repository);
  const auto save_many = [&] {
    for (std::uint64_t i = 0; i < 1000; ++i) {
      static_cast<void>(writer.save(BlobType::data, as_bytes(noise(1'000'000, i)), worker));
    }
  };
  EXPECT_EQ(code_thrown(save_many), Errc::no_space);
  const std::string message = message_thrown(save_many);
  EXPECT_NE(message.find("disk full (while writing pack "), std::string::npos) << message;
  EXPECT_EQ(code_thrown([&] { writer.finish(); }), Errc::no_space);
  EXPECT_EQ(test.count(FileKind::index), 0U);
}

TEST(BlobWriter, DoesNotTakeForKnownWhatAFailedRunClaimed) {
  TestRepository test;
  test.hooks->on_put = [](const FileRef&) { throw Error(Errc::no_space, "disk full"); };
  EXPECT_EQ(code_thrown([&] { test.save(BlobType::data, {"text"}); }), Errc::no_space);
  test.hooks->on_put = {};
  const Id id = test.save(BlobType::data, {"text"}).front();
  EXPECT_TRUE(test.open_again()->index().has({BlobType::data, id}));
}

TEST(BlobWriter, WritesNoIndexWithoutFinishing) {
  TestRepository test;
  {
    BlobWriter writer(*test.repository, {}, nullptr);
    BlobWriter::Worker worker(*test.repository);
    static_cast<void>(writer.save(BlobType::data, as_bytes("text"), worker));
  }
  EXPECT_EQ(test.count(FileKind::index), 0U);
  EXPECT_EQ(test.count(FileKind::pack), 0U);
  EXPECT_TRUE(test.repository->index().claim({BlobType::data, format::id_of(as_bytes("text"))}));
}

TEST(BlobWriter, StopsWhenCancelledAndKeepsWhatIsStored) {
  TestRepository test(2, 1);
  std::optional<BlobWriter> writer(std::in_place, *test.repository, small_packs(), nullptr);
  BlobWriter::Worker worker(*test.repository);
  for (std::uint64_t i = 0; i < 30; ++i) {
    static_cast<void>(writer->save(BlobType::data, as_bytes(noise(1'000'000, i)), worker));
  }
  writer->cancel();
  EXPECT_EQ(code_thrown(
                [&] { static_cast<void>(writer->save(BlobType::data, as_bytes("late"), worker)); }),
            Errc::cancelled);
  EXPECT_EQ(code_thrown([&] { writer->finish(); }), Errc::cancelled);
  EXPECT_EQ(test.count(FileKind::index), 0U);
  writer.reset();
  EXPECT_EQ(test.count(FileKind::index), 1U);
  EXPECT_EQ(test.open_again()->index().pack_count(), test.count(FileKind::pack));
  EXPECT_GE(test.count(FileKind::pack), 2U);
}

TEST(BlobWriter, WakesThoseWhoWaitForABufferWhenCancelled) {
  TestRepository test(2, 1);
  std::atomic<bool> may_go{false};
  test.hooks->on_put = [&](const FileRef&) {
    while (!may_go) std::this_thread::yield();
  };
  BlobWriter writer(*test.repository, small_packs(), nullptr);
  std::atomic<bool> is_thrown{false};
  std::jthread saver([&] {
    BlobWriter::Worker worker(*test.repository);
    EXPECT_EQ(
        code_thrown([&] {
          for (std::uint64_t i = 0; i < 1000; ++i) {
            static_cast<void>(writer.save(BlobType::data, as_bytes(noise(1'000'000, i)), worker));
          }
        }),
        Errc::cancelled);
    is_thrown = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_FALSE(is_thrown);  // it waits: uploads do not end
  writer.cancel();
  saver.join();
  may_go = true;
}

TEST(BlobWriter, WritesNothingInADryRun) {
  TestRepository test;
  WriterOptions options = small_packs();
  options.dry_run = true;
  BlobWriter writer(*test.repository, options, nullptr);
  BlobWriter::Worker worker(*test.repository);
  for (std::uint64_t i = 0; i < 10; ++i) {
    EXPECT_TRUE(writer.save(BlobType::data, as_bytes(noise(1'000'000, i)), worker).is_new);
    EXPECT_FALSE(writer.save(BlobType::data, as_bytes(noise(1'000'000, i)), worker).is_new);
  }
  writer.finish();
  EXPECT_EQ(test.count(FileKind::pack), 0U);
  EXPECT_EQ(test.count(FileKind::index), 0U);
  EXPECT_EQ(writer.totals().data_blobs, 10U);
  EXPECT_TRUE(writer.written_packs().empty());
}

TEST(BlobWriter, StoresAKnownBlobAgainWhenAsked) {
  TestRepository test;
  const Id id = test.save(BlobType::data, {"text"}).front();
  test.save(BlobType::data, {"text"}, true);
  EXPECT_EQ(test.repository->index().find_all({BlobType::data, id}).size(), 2U);
}

TEST(BlobWriter, ChecksTheLockBeforeItWritesAnIndex) {
  TestRepository test;
  LockOptions lock_options;
  lock_options.times.refresh = std::chrono::milliseconds(2);
  std::atomic<bool> is_lost{false};
  lock_options.on_lost = [&] { is_lost = true; };
  const auto lock = Lock::acquire(*test.repository, lock_options);
  while (!is_lost) {
    test.files->list(FileKind::lock,
                     [&](const storage::FoundFile& found) { test.files->remove(found.file); });
  }
  BlobWriter writer(*test.repository, {}, lock.get());
  BlobWriter::Worker worker(*test.repository);
  static_cast<void>(writer.save(BlobType::data, as_bytes("text"), worker));
  EXPECT_EQ(code_thrown([&] { writer.finish(); }), Errc::locked);
  EXPECT_EQ(test.count(FileKind::index), 0U);
}

TEST(BlobWriter, RefusesPackSizesTheFormatDoesNotKnow) {
  TestRepository test;
  for (const std::size_t size_bytes : {std::size_t{1} << 20U, std::size_t{129} << 20U}) {
    WriterOptions options;
    options.pack_size_bytes = size_bytes;
    EXPECT_EQ(code_thrown([&] { BlobWriter writer(*test.repository, options, nullptr); }),
              Errc::usage);
  }
}

// The machine slept, another took the lock for stale and pruned: the packs of this run are gone.
TEST(BlobWriter, NamesNothingInAnIndexOnceItsLockIsLost) {
  TestRepository test;
  LockOptions lock_options;
  const auto lock = Lock::acquire(*test.repository, lock_options);
  test.hooks->on_put = [&](const FileRef& file) {
    if (file.kind != FileKind::pack) return;
    test.files->list(FileKind::lock,
                     [&](const storage::FoundFile& found) { test.files->remove(found.file); });
  };
  {
    BlobWriter writer(*test.repository, {}, lock.get());
    BlobWriter::Worker worker(*test.repository);
    static_cast<void>(writer.save(BlobType::data, as_bytes(noise(10'000, 1)), worker));
    EXPECT_EQ(code_thrown([&] { writer.finish(); }), Errc::locked);
  }
  EXPECT_EQ(test.count(FileKind::index), 0U);
}

}  // namespace
}  // namespace holdfast::repo
