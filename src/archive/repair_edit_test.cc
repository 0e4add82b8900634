// SPDX-License-Identifier: Apache-2.0
#include "archive/repair_edit.h"

#include <gtest/gtest.h>

#include "archive/test_repository.h"

namespace holdfast::archive {
namespace {

using format::Node;
using format::NodeType;
using Verdict = TreeEdit::Verdict;

class Warnings final : public model::Observer {
 public:
  void warning(std::string_view text) override { lines.emplace_back(text); }
  std::vector<std::string> lines;
};

class Repair : public testing::Test {
 protected:
  Verdict judge(Node& node) { return edit_.judge("/a/" + node.name, node, true); }

  TestRepository test;
  Warnings told;

 private:
  RepairEdit edit_{test.get().index(), told};
};

TEST_F(Repair, LeavesAloneWhatIsWhole) {
  Node file = test.file("f", {"one", "two"});
  Node empty = test.file("e", {});
  Node link = test.symlink("l", "f");
  test.store();
  EXPECT_EQ(judge(file), Verdict::same);
  EXPECT_EQ(judge(empty), Verdict::same);
  EXPECT_EQ(judge(link), Verdict::same);
  EXPECT_TRUE(told.lines.empty());
}

TEST_F(Repair, CutsFilesToWhatIsLeft) {
  Node file = test.file("f", {"one", "three"});
  test.store();
  const format::Id first = file.content->front();
  file.content->insert(file.content->begin() + 1, format::id_of(as_bytes("lost")));
  file.content->insert(file.content->begin(), format::Id());
  file.size_bytes += 4;
  EXPECT_EQ(judge(file), Verdict::changed);
  ASSERT_EQ(file.content->size(), 2U);
  EXPECT_EQ(file.content->front(), first);
  EXPECT_EQ(file.size_bytes, 8U);
  EXPECT_EQ(told.lines,
            std::vector<std::string>{"/a/f: 2 of 4 pieces of its content are lost; 8 of "
                                     "12 bytes are left"});
}

TEST_F(Repair, CorrectsSizesAndMissingLists) {
  Node file = test.file("f", {"one"});
  test.store();
  file.size_bytes = 7;
  EXPECT_EQ(judge(file), Verdict::changed);
  EXPECT_EQ(file.size_bytes, 3U);
  Node bare = TestRepository::entry("b", NodeType::file, 0644);
  EXPECT_EQ(judge(bare), Verdict::changed);
  EXPECT_TRUE(bare.content && bare.content->empty());
  EXPECT_EQ(told.lines.size(), 2U);
}

TEST_F(Repair, LeavesOutWhatNobodyCanRestore) {
  Node odd = TestRepository::entry("o", NodeType::irregular, 0644);
  EXPECT_EQ(judge(odd), Verdict::left_out);
  EXPECT_EQ(told.lines.size(), 1U);
}

}  // namespace
}  // namespace holdfast::archive
