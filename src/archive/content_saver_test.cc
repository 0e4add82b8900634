// SPDX-License-Identifier: Apache-2.0
#include "archive/content_saver.h"

#include <gtest/gtest.h>

#include <cstring>

#include "archive/test_source.h"

namespace holdfast::archive {
namespace {

constexpr format::ChunkSizes tiny{1024, 4096, 10};

struct Bench {
  TestSource test;
  WorkQueue queue{{.waiting_bytes_max = 0, .block_bytes = 4096, .blocks_max = 3}};
  format::ChunkTables tables{0x3DA3358B4DC173};
  Destinations destinations{test.repository(), test.writer()};
  WorkQueue::Worker worker{destinations};
  std::shared_ptr<ContentSaver> content =
      std::make_shared<ContentSaver>(ContentSaver::Tools{&destinations, 0, &queue, &tables, tiny});

  void fill(std::string_view text) {
    while (!text.empty()) {
      const auto room = content->room(worker);
      const std::size_t size = std::min(room.size(), text.size());
      std::memcpy(room.data(), text.data(), size);
      content->filled(size);
      text.remove_prefix(size);
    }
  }
};

TEST(ContentSaver, CarriesUnfinishedChunksFromBlockToBlock) {
  Bench bench;
  const std::string text = noise(100'000, 5);
  std::vector<format::Id> expected;
  ByteView rest = as_bytes(text);
  while (const auto size = format::first_chunk_bytes(rest, bench.tables, tiny, true)) {
    expected.push_back(format::id_of(rest.first(*size)));
    rest = rest.subspan(*size);
  }
  bench.fill(text);
  SavedContent saved;
  bench.content->end(bench.worker,
                     [&](SavedContent&& content, auto&) { saved = std::move(content); });
  EXPECT_FALSE(bench.content->is_done());
  while (bench.queue.try_run_urgent(bench.worker)) {
  }
  EXPECT_TRUE(bench.content->is_done());
  EXPECT_EQ(saved.ids, expected);
  EXPECT_EQ(saved.size_bytes, text.size());
  EXPECT_EQ(saved.new_bytes, text.size());
  EXPECT_GT(saved.stored_bytes, 0U);
}

TEST(ContentSaver, IsDoneAtOnceWithoutBytes) {
  Bench bench;
  bool is_told = false;
  bench.content->end(bench.worker, [&](SavedContent&& content, auto&) {
    is_told = true;
    EXPECT_TRUE(content.ids.empty());
  });
  EXPECT_TRUE(is_told);
}

TEST(ContentSaver, HasNoRoomOnceTheQueueIsAbandoned) {
  Bench bench;
  bench.queue.abandon();
  EXPECT_TRUE(bench.content->room(bench.worker).empty());
}

}  // namespace
}  // namespace holdfast::archive
