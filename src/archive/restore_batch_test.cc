// SPDX-License-Identifier: Apache-2.0
#include "archive/restore_batch.h"

#include <gtest/gtest.h>

#include "archive/test_repository.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

namespace fs = std::filesystem;

class Batch : public testing::Test {
 protected:
  RestoreReport run(RestoreBatch batch, const std::stop_token& stop = {}) {
    BatchRun(repository.get(), target, options, tally, std::move(batch)).run(stop, {});
    return tally.report();
  }

  TestRepository repository;
  RestoreOptions options;
  model::SilentObserver observer;
  RestoreTally tally{observer};
  RestoreTarget target{repository.scratch("target"), {}};
};

TEST_F(Batch, WritesFilesWhereTheyBelongAndEndsTheirDirectories) {
  const auto outer = target.below(target.root(), "outer");
  const auto inner = target.below(outer, "inner");
  ASSERT_TRUE(target.ensure(*inner));
  RestoreBatch batch;
  batch.items.emplace_back(inner, repository.file("one", {"shared", "rest"}));
  batch.items.emplace_back(outer, repository.file("two", {"shared"}));
  batch.left.push_back({inner, repository.directory("inner", {})});
  batch.left.push_back({outer, repository.directory("outer", {})});
  repository.store();
  const RestoreReport report = run(std::move(batch));
  EXPECT_EQ(report.items_failed, 0U);
  EXPECT_EQ(report.files_restored, 4U);
  EXPECT_EQ(read_text_file(repository.scratch("target/outer/inner/one")), "sharedrest");
  EXPECT_EQ(read_text_file(repository.scratch("target/outer/two")), "shared");
  for (const auto* directory : {"target/outer", "target/outer/inner"}) {
    EXPECT_EQ(fs::status(repository.scratch(directory)).permissions(), fs::perms(0755));
  }
}

TEST_F(Batch, DoesNotLinkToAFileThatFailed) {
  RestoreBatch batch;
  const auto linked = std::make_shared<LinkedFile>();
  linked->directory = target.root();
  linked->name = "first";
  format::Node first = repository.file("first", {"x"});
  first.size_bytes = 5;
  batch.items.emplace_back(target.root(), first).linked = linked;
  RestoreItem& other = batch.items.emplace_back(target.root(), repository.file("other", {"x"}));
  other.linked = linked;
  other.is_link = true;
  repository.store();
  EXPECT_EQ(run(std::move(batch)).items_failed, 2U);
  EXPECT_TRUE(fs::is_empty(repository.scratch("target")));
}

TEST_F(Batch, EndsOnAStopRequest) {
  RestoreBatch batch;
  batch.items.emplace_back(target.root(), repository.file("f", {"x"}));
  repository.store();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(run(std::move(batch), stop.get_token()), Error);
}

TEST_F(Batch, WeighsWhatANodeHolds) {
  const format::Node small = repository.file("f", {});
  format::Node large = small;
  large.content->resize(1000);
  EXPECT_GE(weight_of(large), weight_of(small) + 1000 * sizeof(format::Id));
  large.extended_attributes.push_back({"user.x", Bytes(5000)});
  EXPECT_GE(weight_of(large), weight_of(small) + 1000 * sizeof(format::Id) + 5000);
}

}  // namespace
}  // namespace holdfast::archive
