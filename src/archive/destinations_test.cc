// SPDX-License-Identifier: Apache-2.0
#include "archive/destinations.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <set>
#include <thread>

#include "archive/archiver.h"
#include "archive/stream_saver.h"
#include "archive/test_repository.h"
#include "archive/test_source.h"

namespace holdfast::archive {
namespace {

// Takes so many packs, then fails for good; each takes a while.
class FailingStorage final : public TestStorage {
 public:
  explicit FailingStorage(std::uint64_t packs_max, std::chrono::milliseconds delay = {})
      : packs_max_(packs_max), delay_(delay) {}
  void put(const storage::FileRef& file, ByteView content) override {
    if (file.kind == storage::FileKind::pack) {
      std::this_thread::sleep_for(delay_);
      if (packs_++ >= packs_max_) throw Error(Errc::no_space, "no room for packs");
    }
    TestStorage::put(file, content);
  }

 private:
  const std::uint64_t packs_max_;
  const std::chrono::milliseconds delay_;
  std::atomic<std::uint64_t> packs_{0};
};

constexpr std::uint64_t any_number = UINT64_MAX;

// Several repositories, each with its own key and chunk parameters.
struct Several {
  explicit Several(std::vector<std::unique_ptr<storage::Storage>> storages) {
    for (auto& storage : storages) {
      repo::Repository::InitOptions options;
      options.cost = format::ScryptCost{.n = 2, .r = 1, .p = 1};
      repositories.push_back(repo::Repository::init(std::move(storage), Secret("test"), options));
      repo::WriterOptions small;
      small.pack_size_bytes = 4U << 20U;
      writers.push_back(std::make_unique<repo::BlobWriter>(*repositories.back(), small, nullptr));
      destinations.add(*repositories.back(), writers.back().get());
    }
  }
  void finish() {
    for (std::size_t i = 0; i < writers.size(); ++i)
      destinations.attempt(i, [&] { writers[i]->finish(); });
  }
  [[nodiscard]] std::string content(std::size_t i, const std::vector<format::Id>& ids) const {
    repo::Codec codec = repositories[i]->codec();
    std::string text;
    for (const format::Id& id : ids)
      text += as_text(repositories[i]->load_blob({format::BlobType::data, id}, codec));
    return text;
  }
  // The node at an absolute path.
  [[nodiscard]] format::Node node(std::size_t i, format::Id tree, const std::string& path) const {
    repo::Codec codec = repositories[i]->codec();
    format::Node found;
    for (const auto& part : std::filesystem::path(path).relative_path()) {
      const auto nodes =
          format::parse_tree(repositories[i]->load_blob({format::BlobType::tree, tree}, codec));
      const auto one = std::find_if(nodes.begin(), nodes.end(), [&](const format::Node& node) {
        return node.name == part.string();
      });
      if (one == nodes.end()) throw Error(Errc::not_found, path);
      found = *one;
      tree = found.subtree.value_or(tree);
    }
    return found;
  }

  std::mutex mutex;  // guards told
  std::vector<std::string> told;
  Destinations destinations{[this](std::size_t destination, const Error& error) {
    const std::lock_guard lock(mutex);
    told.push_back(std::to_string(destination) + ": " + error.message());
  }};
  std::vector<std::unique_ptr<repo::Repository>> repositories;
  std::vector<std::unique_ptr<repo::BlobWriter>> writers;
};

std::vector<std::unique_ptr<storage::Storage>> storages_taking(
    std::initializer_list<std::uint64_t> packs) {
  std::vector<std::unique_ptr<storage::Storage>> storages;
  for (const std::uint64_t one : packs) storages.push_back(std::make_unique<FailingStorage>(one));
  return storages;
}

// What this process has read by system calls so far.
std::uint64_t read_bytes() {
  const std::string text = read_text_file("/proc/self/io");
  unsigned long long count = 0;
  EXPECT_EQ(std::sscanf(text.c_str(), "rchar: %llu", &count), 1) << text;
  return count;
}

TEST(Destinations, EndsOneAloneAndThrowsTheLast) {
  Several several(storages_taking({any_number, any_number}));
  Destinations& both = several.destinations;
  EXPECT_TRUE(both.attempt(1, [] {}));
  EXPECT_FALSE(both.attempt(0, [] { throw Error(Errc::io, "first"); }));
  EXPECT_FALSE(both.is_open(0));
  EXPECT_EQ(both.first_open(), 1U);
  EXPECT_FALSE(both.attempt(0, [] { FAIL() << "nothing is tried where something failed"; }));
  EXPECT_NO_THROW(both.require_open());
  EXPECT_THROW(both.attempt(1, [] { throw Error(Errc::denied, "second"); }), Error);
  EXPECT_THROW(both.require_open(), Error);
  EXPECT_EQ(both.failure(0)->message(), "first");
  EXPECT_EQ(both.failure(1)->code(), Errc::denied);
  EXPECT_EQ(several.told, (std::vector<std::string>{"0: first", "1: second"}));
}

TEST(Destinations, LetsABugThrough) {
  Several several(storages_taking({any_number, any_number}));
  EXPECT_THROW(several.destinations.attempt(0, [] { check_rule(false, "never"); }), Error);
  EXPECT_TRUE(several.destinations.is_open(0));
}

TEST(Destinations, GetTheSameTreeFromOneReadOfEachFile) {
  TestSource test(fast_place());
  const std::string large = noise(30'000'000, 3);
  const std::string file = test.make_file("large", large);
  std::uint64_t total = large.size();
  for (int i = 0; i < 300; ++i) {
    const std::string text = noise(2000 + static_cast<std::size_t>(i), 100U + unsigned(i));
    test.make_file("sub" + std::to_string(i % 7) + "/f" + std::to_string(i), text);
    total += text.size();
  }
  Several several(storages_taking({any_number, any_number, any_number}));
  ArchiveOptions options;
  const std::uint64_t before = read_bytes();
  const auto saved = save_paths(several.destinations, {{}, {}, {}}, {test.root().string()}, options,
                                test.observer, {});
  const std::uint64_t read = read_bytes() - before;
  EXPECT_GE(read, total);
  EXPECT_LT(read, total + total / 10) << "each byte is read once, however many repositories";
  EXPECT_EQ(test.observer.bytes_done, total);
  EXPECT_EQ(test.observer.files_done, 301U);
  several.finish();
  std::set<std::vector<format::Id>> cuts;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(saved[i].counts.files_new, 301U);
    EXPECT_EQ(saved[i].counts.bytes_processed, total);
    const format::Node node = several.node(i, saved[i].tree, file);
    EXPECT_EQ(several.content(i, node.content.value()), large);
    cuts.insert(node.content.value());
    EXPECT_EQ(several.node(i, saved[i].tree, test.path("sub3/f3")).size_bytes, 2003U);
  }
  EXPECT_EQ(cuts.size(), 3U) << "each repository has chunk parameters of its own";
  EXPECT_TRUE(several.told.empty());
}

TEST(Destinations, ReadOnlyWhatOneOfThemDoesNotKnow) {
  TestSource test(fast_place());
  const std::string large = noise(20'000'000, 5);
  test.make_file("large", large);
  Several several(storages_taking({any_number, any_number}));
  const auto save = [&](const std::vector<std::optional<format::Id>>& parents) {
    auto saved =
        save_paths(several.destinations, parents, {test.root().string()}, {}, test.observer, {});
    for (std::size_t i = 0; i < 2; ++i) {
      several.writers[i]->finish();
      several.writers[i].reset();
      several.writers[i] = std::make_unique<repo::BlobWriter>(*several.repositories[i],
                                                              repo::WriterOptions{}, nullptr);
      several.destinations.set_writer(i, several.writers[i].get());
    }
    return saved;
  };
  // The directories above it may be changed by anyone at any moment.
  const auto own_tree = [&](std::size_t i, const ArchivedTree& saved) {
    return several.node(i, saved.tree, test.root().string()).subtree.value();
  };
  const auto first = save({{}, {}});
  std::uint64_t before = read_bytes();
  const auto unchanged = save({first[0].tree, first[1].tree});
  EXPECT_LT(read_bytes() - before, 1'000'000U);
  EXPECT_EQ(unchanged[1].counts.files_unmodified, 1U);
  // The second has lost its parent: both are given what is read, and the trees stay the same.
  before = read_bytes();
  const auto half = save({first[0].tree, {}});
  EXPECT_GE(read_bytes() - before, large.size());
  EXPECT_EQ(half[0].counts.files_unmodified, 1U);
  EXPECT_EQ(half[1].counts.files_new, 1U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(own_tree(i, unchanged[i]), own_tree(i, first[i]));
    EXPECT_EQ(own_tree(i, half[i]), own_tree(i, first[i]));
  }
}

TEST(Destinations, GoOnWithoutTheFirstThatFailsInTheMiddle) {
  for (const std::size_t failing : {0U, 1U, 2U}) {
    TestSource test(fast_place());
    const std::string large = noise(60'000'000, 7);
    const std::string file = test.make_file("large", large);
    for (int i = 0; i < 50; ++i)
      test.make_file("sub/f" + std::to_string(i), noise(200'000, 500U + unsigned(i)));
    std::vector<std::unique_ptr<storage::Storage>> storages;
    for (std::size_t i = 0; i < 3; ++i)
      storages.push_back(std::make_unique<FailingStorage>(i == failing ? 2 : any_number));
    Several several(std::move(storages));
    const auto saved = save_paths(several.destinations, {{}, {}, {}}, {test.root().string()}, {},
                                  test.observer, {});
    several.finish();
    EXPECT_EQ(several.told.size(), 1U);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(several.destinations.is_open(i), i != failing);
      if (i == failing) continue;
      EXPECT_EQ(saved[i].counts.files_new, 51U);
      EXPECT_EQ(several.content(i, several.node(i, saved[i].tree, file).content.value()), large);
    }
    EXPECT_EQ(several.destinations.failure(failing)->code(), Errc::no_space);
  }
}

TEST(Destinations, FailTogetherWithTheErrorOfTheLast) {
  TestSource test(fast_place());
  test.make_file("large", noise(40'000'000, 9));
  Several several(storages_taking({0, 1}));
  EXPECT_THROW(static_cast<void>(save_paths(several.destinations, {{}, {}}, {test.root().string()},
                                            {}, test.observer, {})),
               Error);
  EXPECT_EQ(several.told.size(), 2U);
}

TEST(Destinations, GetTheSameStreamThoughOneFails) {
  Several several(storages_taking({any_number, 1, any_number}));
  model::SilentObserver observer;
  PartSaver part(several.destinations, 0, observer);
  const std::string text = noise(80'000'000, 13);
  {
    const auto segment = part.segment(0);
    for (std::size_t at = 0; at < text.size(); at += 1'000'000)
      segment->write(as_bytes(std::string_view(text).substr(at, 1'000'000)));
    segment->finish();
  }
  several.finish();
  EXPECT_EQ(observer.bytes_done, text.size());
  for (const std::size_t i : {0U, 2U})
    EXPECT_EQ(several.content(i, part.join(i).content), text) << i;
  EXPECT_FALSE(several.destinations.is_open(1));
}

// A slow repository keeps no more waiting than its packs: memory has a ceiling, and all that is
// read reaches both.
TEST(Destinations, HoldNoMoreThanTheirPacksForASlowOne) {
  std::vector<std::unique_ptr<storage::Storage>> storages;
  storages.push_back(std::make_unique<FailingStorage>(any_number));
  storages.push_back(std::make_unique<FailingStorage>(any_number, std::chrono::milliseconds(30)));
  Several several(std::move(storages));
  model::SilentObserver observer;
  PartSaver part(several.destinations, 0, observer);
  const std::string text = noise(150'000'000, 17);
  std::uint64_t ahead_bytes_max = 0;
  {
    const auto segment = part.segment(0);
    for (std::size_t at = 0; at < text.size(); at += 1'000'000) {
      segment->write(as_bytes(std::string_view(text).substr(at, 1'000'000)));
      const std::uint64_t fast = several.writers[0]->totals().data_bytes;
      const std::uint64_t slow = several.writers[1]->totals().data_bytes;
      ahead_bytes_max = std::max(ahead_bytes_max, fast > slow ? fast - slow : 0);
    }
    segment->finish();
  }
  several.finish();
  // What lies in the stream savers' blocks: (threads + 1) of 8 MiB.
  EXPECT_LT(ahead_bytes_max, 6 * (8ULL << 20U));
  EXPECT_LE(several.writers[1]->totals().pack_buffers, repo::BlobWriter::pack_buffers_max(2));
  EXPECT_EQ(several.content(1, part.join(1).content), text);
}

}  // namespace
}  // namespace holdfast::archive
