// SPDX-License-Identifier: Apache-2.0
#include "archive/stream_saver.h"

#include <gtest/gtest.h>

#include <thread>

#include "archive/test_source.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

std::string joined(TestSource& test, const SavedStream& stream) {
  format::Node node;
  node.content = stream.content;
  return test.content(node);
}

// The ids that cutting `text` in one piece gives.
std::vector<format::Id> ids_of(TestSource& test, std::string_view text,
                               const format::ChunkSizes& sizes) {
  const format::ChunkTables tables(test.repository().config().chunker_polynomial);
  std::vector<format::Id> ids;
  ByteView rest = as_bytes(text);
  while (const auto size = format::first_chunk_bytes(rest, tables, sizes, true)) {
    ids.push_back(format::id_of(rest.first(*size)));
    rest = rest.subspan(*size);
  }
  return ids;
}

SavedStream save(TestSource& test, std::string_view text, const format::ChunkSizes& sizes,
                 unsigned threads, std::size_t step_bytes) {
  StreamSaver saver(test.repository(), test.writer(), sizes, threads);
  while (!text.empty()) {
    const std::string_view step = text.substr(0, step_bytes);
    saver.write(as_bytes(step));
    text.remove_prefix(step.size());
  }
  return saver.finish();
}

TEST(StreamSaver, CutsAsThoughTheStreamCameInOnePiece) {
  TestSource test;
  const std::string text = noise(20'000'000, 1);
  const auto expected = ids_of(test, text, format::restic_chunks);
  const SavedStream stream = save(test, text, format::restic_chunks, 1, 100'003);
  EXPECT_EQ(stream.content, expected);
  EXPECT_EQ(stream.size_bytes, text.size());
  EXPECT_EQ(stream.new_bytes, text.size());
  test.store();
  EXPECT_EQ(joined(test, stream), text);
  for (const unsigned threads : {2U, 4U}) {
    const SavedStream again = save(test, text, format::restic_chunks, threads, 3'000'000);
    EXPECT_EQ(again.content, expected);
    EXPECT_EQ(again.new_bytes, 0U);
  }
}

TEST(StreamSaver, CutsFinelyOnAllThreads) {
  TestSource test;
  const std::string text = noise(9'000'000, 2);
  const auto expected = ids_of(test, text, format::fine_chunks);
  EXPECT_GT(expected.size(), 50U);
  for (const unsigned threads : {1U, 2U, 3U}) {
    EXPECT_EQ(save(test, text, format::fine_chunks, threads, 65'536).content, expected);
  }
}

TEST(StreamSaver, SavesNothingOfAnEmptyStream) {
  TestSource test;
  StreamSaver saver(test.repository(), test.writer(), format::fine_chunks, 2);
  const SavedStream stream = saver.finish();
  EXPECT_TRUE(stream.content.empty());
  EXPECT_EQ(stream.size_bytes, 0U);
}

TEST(StreamSaver, EndsWithoutFinishing) {
  TestSource test;
  StreamSaver saver(test.repository(), test.writer(), format::restic_chunks, 3);
  saver.write(as_bytes(noise(30'000'000, 3)));
}

TEST(StreamSaver, ThrowsWhatSavingFailedWith) {
  TestSource test;
  const std::string text = noise(40'000'000, 4);
  for (const unsigned threads : {1U, 3U}) {
    test.writer().cancel();
    StreamSaver saver(test.repository(), test.writer(), format::restic_chunks, threads);
    try {
      saver.write(as_bytes(text));
      static_cast<void>(saver.finish());
      ADD_FAILURE() << "a cancelled writer saved";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::cancelled);
    }
  }
}

TEST(StreamSaver, PicksFineChunksUpToOneGibibyte) {
  EXPECT_EQ(stream_chunk_sizes(0), format::restic_chunks);
  EXPECT_EQ(stream_chunk_sizes(1), format::fine_chunks);
  EXPECT_EQ(stream_chunk_sizes(1ULL << 30U), format::fine_chunks);
  EXPECT_EQ(stream_chunk_sizes((1ULL << 30U) + 1), format::restic_chunks);
}

TEST(PartSaver, JoinsSegmentsInTheOrderOfTheirNumbers) {
  TestSource test;
  Destinations one(test.repository(), test.writer());
  PartSaver part(one, 1'000'000, test.observer);
  std::vector<std::thread> threads;
  for (std::uint32_t number = 0; number < 4; ++number) {
    threads.emplace_back([&part, number] {
      const auto segment = part.segment(number);
      segment->write(as_bytes(std::string(100'000, static_cast<char>('a' + number))));
      segment->finish();
    });
  }
  for (std::thread& thread : threads) thread.join();
  const SavedStream stream = part.join();
  test.store();
  std::string expected;
  for (const char letter : {'a', 'b', 'c', 'd'}) expected += std::string(100'000, letter);
  EXPECT_EQ(joined(test, stream), expected);
  EXPECT_EQ(stream.size_bytes, 400'000U);
  EXPECT_EQ(test.observer.bytes_done, 400'000U);
}

TEST(PartSaver, RefusesToJoinWhatIsIncomplete) {
  TestSource test;
  const auto code_of = [](PartSaver& part) {
    try {
      static_cast<void>(part.join());
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::bug;
  };
  Destinations one(test.repository(), test.writer());
  PartSaver none(one, 0, test.observer);
  EXPECT_EQ(code_of(none), Errc::incomplete);
  PartSaver gap(one, 0, test.observer);
  gap.segment(1)->finish();
  EXPECT_EQ(code_of(gap), Errc::incomplete);
  gap.segment(0)->finish();
  EXPECT_EQ(gap.join().size_bytes, 0U);
  PartSaver dropped(one, 0, test.observer);
  dropped.segment(0)->write(as_bytes("half"));
  EXPECT_EQ(code_of(dropped), Errc::incomplete);
  EXPECT_THROW(static_cast<void>(dropped.segment(0)), Error);
}

}  // namespace
}  // namespace holdfast::archive
