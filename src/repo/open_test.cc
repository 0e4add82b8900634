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

TEST(Open, RefusesASchemeWithoutDriver) {
  Location location;
  location.url = "s3:https://example.org/bucket";
  EXPECT_EQ(code_thrown([&] { static_cast<void>(open(location, test_password(), {})); }),
            Errc::unsupported);
}

}  // namespace
}  // namespace holdfast::repo
