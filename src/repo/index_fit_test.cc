// SPDX-License-Identifier: Apache-2.0
#include "repo/index_fit.h"

#include <gtest/gtest.h>

#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::BlobType;
using format::Id;
using storage::FileKind;
using storage::FileRef;

class IndexFit : public testing::Test {
 protected:
  IndexFit() {
    static_cast<void>(test.save(BlobType::data, {"one", noise(3000, 1)}));
    static_cast<void>(test.save(BlobType::tree, {"{\"nodes\":[]}\n"}));
  }
  // Its message; empty: the index fits.
  std::string misfit() {
    const auto again = Repository::open(std::make_unique<HookStorage>(test.files), test_password());
    try {
      load_fitting_index(*again, observer_, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::corrupt);
      EXPECT_NE(error.hint().find("repair index"), std::string::npos);
      return error.message();
    }
    EXPECT_NE(again->index().pack_count(), 0U);
    return {};
  }
  void expect_misfit(std::string_view word) {
    EXPECT_NE(misfit().find(word), std::string::npos) << misfit();
  }
  [[nodiscard]] FileRef some(FileKind kind) const {
    FileRef file{kind, ""};
    test.files->list(kind, [&](const storage::FoundFile& found) { file = found.file; });
    return file;
  }

  TestRepository test;

 private:
  model::SilentObserver observer_;
};

TEST_F(IndexFit, SaysNothingWhereAllIsThere) {
  EXPECT_EQ(misfit(), "");
}

TEST_F(IndexFit, MissesAPackThatIsLost) {
  test.files->remove(some(FileKind::pack));
  expect_misfit("is not there");
}

TEST_F(IndexFit, SeesAPackThatIsCut) {
  const FileRef pack = some(FileKind::pack);
  Bytes content = *storage::read_file(*test.files, pack);
  content.resize(content.size() / 2);
  test.files->overwrite(pack, content);
  expect_misfit("should have");
}

TEST_F(IndexFit, SeesADamagedIndexFile) {
  test.flip(FileKind::index, *format::parse_id(some(FileKind::index).name), 20);
  expect_misfit("index");
}

TEST_F(IndexFit, MissesWhatOnlyALostIndexFileNamed) {
  test.files->remove(some(FileKind::index));
  expect_misfit("does not name pack");
}

TEST_F(IndexFit, PassesOverPacksThatBringNothingNew) {
  // What an interrupted prune leaves: a second copy, in a pack that no index names.
  const std::vector<Id> before = test.repository->index_files();
  static_cast<void>(test.save(BlobType::data, {"one"}, true));
  for (const Id& id : test.repository->index_files()) {
    if (std::find(before.begin(), before.end(), id) == before.end()) {
      test.files->remove({FileKind::index, id.hex()});
    }
  }
  EXPECT_EQ(misfit(), "");
  // And an interrupted upload: a pack without its end.
  test.files->overwrite({FileKind::pack, std::string(64, '0')}, Bytes(500));
  EXPECT_EQ(misfit(), "");
}

}  // namespace
}  // namespace holdfast::repo
