// SPDX-License-Identifier: Apache-2.0
// The faults themselves: a fault test proves nothing if its fault does not happen.
#include "harness/fault_storage.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "storage/memory.h"

namespace holdfast::test {
namespace {

using storage::FileKind;
using storage::FileRef;
using storage::MemoryStorage;

FileRef file(FileKind kind, char digit) {
  return {kind, std::string(64, digit)};
}

class FaultStorageTest : public testing::Test {
 protected:
  Errc code_of_put(const FileRef& ref) {
    try {
      storage_.put(ref, as_bytes("content"));
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::bug;  // stands for: no error
  }

  std::shared_ptr<MemoryStorage> below_ = std::make_shared<MemoryStorage>();
  std::shared_ptr<FaultPlan> plan_ = std::make_shared<FaultPlan>();
  FaultStorage storage_{below_, plan_};
};

TEST_F(FaultStorageTest, FailsOnlyTheChosenCalls) {
  plan_->add("fail:call=put:file=pack:at=2:count=2:code=io");
  EXPECT_EQ(code_of_put(file(FileKind::pack, 'a')), Errc::bug);
  EXPECT_EQ(code_of_put(file(FileKind::index, 'a')), Errc::bug);
  EXPECT_EQ(code_of_put(file(FileKind::pack, 'b')), Errc::io);
  EXPECT_EQ(code_of_put(file(FileKind::pack, 'b')), Errc::io);
  EXPECT_EQ(code_of_put(file(FileKind::pack, 'b')), Errc::bug);
  EXPECT_EQ(plan_->count(CallKind::put, FileKind::pack), 4U);
  EXPECT_EQ(plan_->count(CallKind::put), 5U);
  EXPECT_EQ(plan_->count(CallKind::read), 0U);
  EXPECT_EQ(plan_->calls().at(1).file, file(FileKind::index, 'a'));
}

TEST_F(FaultStorageTest, PerformsACallWhoseSuccessIsNotSeen) {
  plan_->add({.kind = FaultKind::fail_after, .call = CallKind::put});
  EXPECT_EQ(code_of_put(file(FileKind::pack, 'a')), Errc::unavailable);
  EXPECT_EQ(below_->size_bytes(file(FileKind::pack, 'a')), 7U);
}

TEST_F(FaultStorageTest, RunsOutOfSpaceForGood) {
  plan_->no_space_from(2);
  EXPECT_EQ(code_of_put(file(FileKind::pack, 'a')), Errc::bug);
  EXPECT_EQ(code_of_put(file(FileKind::pack, 'b')), Errc::no_space);
  EXPECT_EQ(code_of_put(file(FileKind::lock, 'b')), Errc::no_space);
  plan_->clear_faults();
  EXPECT_EQ(code_of_put(file(FileKind::pack, 'b')), Errc::bug);
}

TEST_F(FaultStorageTest, TearsDropsAndFlipsWhatIsStored) {
  plan_->add("tear:call=put:at=1");
  plan_->add("drop:call=put:at=2");
  plan_->add("flip:call=put:at=3");
  storage_.put(file(FileKind::pack, 'a'), as_bytes("12345678"));
  storage_.put(file(FileKind::pack, 'b'), as_bytes("12345678"));
  storage_.put(file(FileKind::pack, 'c'), as_bytes("12345678"));
  EXPECT_EQ(below_->size_bytes(file(FileKind::pack, 'a')), 4U);
  EXPECT_EQ(below_->size_bytes(file(FileKind::pack, 'b')), std::nullopt);
  const std::optional<Bytes> flipped = read_file(*below_, file(FileKind::pack, 'c'));
  ASSERT_TRUE(flipped.has_value());
  EXPECT_EQ(as_text(*flipped), "1234%678");
}

TEST_F(FaultStorageTest, FlipsAndDropsWhatIsRead) {
  below_->put(file(FileKind::pack, 'a'), as_bytes("12345678"));
  plan_->add("flip:call=read:at=1");
  plan_->add("drop:call=read:at=2");
  Bytes out(8);
  storage_.read(file(FileKind::pack, 'a'), 0, out);
  EXPECT_EQ(as_text(out), "1234%678");
  EXPECT_THROW(storage_.read(file(FileKind::pack, 'a'), 0, out), Error);
  storage_.read(file(FileKind::pack, 'a'), 0, out);
  EXPECT_EQ(as_text(out), "12345678");
}

TEST_F(FaultStorageTest, KillsTheProcessBeforeOrAfterTheCall) {
  plan_->add("kill_before:call=put");
  EXPECT_EXIT(storage_.put(file(FileKind::pack, 'a'), as_bytes("x")),
              testing::KilledBySignal(SIGKILL), "");
  plan_->clear_faults();
  plan_->add("kill_after:call=remove");
  EXPECT_EXIT(storage_.remove(file(FileKind::pack, 'a')), testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FaultStorageTest, ShowsEveryCallToAnObserver) {
  std::vector<CallKind> seen;
  plan_->set_observer([&](const Call& call) { seen.push_back(call.kind); });
  storage_.create();
  storage_.list(FileKind::pack, [](const auto&) {});
  EXPECT_EQ(seen, (std::vector{CallKind::create, CallKind::list}));
}

TEST(FaultPlan, CountsFaultsOnlyWhileItsConditionHolds) {
  FaultPlan plan;
  bool armed = false;
  plan.add("fail:call=put:at=2");
  plan.set_condition([&] { return armed; });
  const Call put{.kind = CallKind::put, .file = {storage::FileKind::pack, ""}, .size_bytes = 0};
  EXPECT_FALSE(plan.meet(put));
  EXPECT_FALSE(plan.meet(put));
  armed = true;
  EXPECT_FALSE(plan.meet(put));
  EXPECT_TRUE(plan.meet(put));
  EXPECT_EQ(plan.count(), 4U);
}

TEST(FaultPlan, RefusesTextsThatAreNoFaults) {
  FaultPlan plan;
  for (const char* text : {"", "melt", "fail:call=look", "fail:at=x", "fail:file=blob",
                           "fail:code=odd", "fail:at", "fail:every=2"}) {
    EXPECT_THROW(plan.add(text), Error) << text;
  }
}

}  // namespace
}  // namespace holdfast::test
