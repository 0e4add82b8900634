// SPDX-License-Identifier: Apache-2.0
#include "repo/open.h"

#include <gtest/gtest.h>

#include "base/fd.h"
#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

TEST(Open, MakesAndOpensARepositoryInADirectory) {
  const TemporaryDirectory directory("holdfast-open-test");
  Location location;
  location.url = "local:" + (directory.path() / "repository").string();
  Repository::InitOptions options;
  options.cost = quick_cost;
  const std::string id = init(location, test_password(), options)->config().id;
  EXPECT_EQ(open(location, test_password(), {})->config().id, id);
  EXPECT_EQ(code_thrown([&] { static_cast<void>(init(location, test_password(), options)); }),
            Errc::exists);
}

TEST(Open, SaysThatThereIsNoRepository) {
  const TemporaryDirectory directory("holdfast-open-test");
  Location location;
  location.url = (directory.path() / "nothing").string();
  EXPECT_EQ(code_thrown([&] { static_cast<void>(open(location, test_password(), {})); }),
            Errc::no_repository);
}

TEST(Open, WrapsTheStorageForTests) {
  const TemporaryDirectory directory("holdfast-open-test");
  Location location;
  location.url = directory.path().string();
  bool is_wrapped = false;
  const auto files = std::make_shared<storage::MemoryStorage>();
  location.wrap = [&](std::unique_ptr<storage::Storage>) {
    is_wrapped = true;
    return std::make_unique<HookStorage>(files);
  };
  Repository::InitOptions options;
  options.cost = quick_cost;
  static_cast<void>(init(location, test_password(), options));
  EXPECT_TRUE(is_wrapped);
  EXPECT_TRUE(files->size_bytes({storage::FileKind::config, {}}));
}

TEST(Open, KeepsAnIndexThatIsTooLargeForMemoryInTheCache) {
  const TemporaryDirectory directory("holdfast-open-test", "/var/tmp");
  if (OverflowFile(directory.path()).extend(1) == nullptr) {
    GTEST_SKIP() << "files below /var/tmp cannot take an index";
  }
  Location location;
  location.url = (directory.path() / "repository").string();
  Repository::InitOptions options;
  options.cost = quick_cost;
  static_cast<void>(init(location, test_password(), options));
  location.cache_base = directory.path() / "cache";
  const auto opened = open(location, test_password(), {});
  opened->forget_index();  // as before each loading
  BlobIndex& index = opened->index();
  std::uint64_t number = 0;
  while (index.blob_number_end() < 1'010'000) {
    EXPECT_EQ(index.file_bytes(), 0U);
    format::IndexedPack pack;
    store_le64(pack.id.bytes.data(), ++number);
    for (std::uint32_t i = 0; i < 101'000; ++i) {
      pack.blobs.push_back({{format::BlobType::data, {}}, i * 100, 100, 0});
      store_le64(pack.blobs.back().blob.id.bytes.data(), ++number);
    }
    index.add_pack(pack);
  }
  EXPECT_GT(index.file_bytes(), 0U);
}

TEST(Open, RefusesASchemeWithoutDriver) {
  Location location;
  location.url = "s3:https://example.org/bucket";
  EXPECT_EQ(code_thrown([&] { static_cast<void>(open(location, test_password(), {})); }),
            Errc::unsupported);
}

}  // namespace
}  // namespace holdfast::repo
