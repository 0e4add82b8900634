// SPDX-License-Identifier: Apache-2.0
// Records of a shared data store: tests/integration restores whole workspaces.
#include "job/workspace_restore.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "job/journal.h"
#include "job/node_tree.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

// A copy that lies below a directory.
class CopiedStore final : public InstanceSource {
 public:
  explicit CopiedStore(fs::path root) : InstanceSource(manifest_of()), root_(std::move(root)) {}
  [[nodiscard]] std::unique_ptr<model::PartSource> parts(
      const model::DatabaseFacts& /*facts*/) const override {
    return nullptr;
  }
  [[nodiscard]] ListingDifference compare_listing(const model::FilesFacts& /*files*/,
                                                  std::stop_token /*stop*/) const override {
    return {};
  }
  [[nodiscard]] Place find(const std::string& place) const override {
    return find_entry(root_ / place);
  }
  [[nodiscard]] std::uint64_t restore(const std::string& place, const fs::path& target, bool verify,
                                      model::Observer& observer,
                                      std::stop_token stop) const override {
    if (before) before(target);
    return restore_verified(find(place), target, verify, observer, std::move(stop));
  }

  std::function<void(const fs::path& target)> before;

 private:
  static model::Manifest manifest_of() {
    model::Manifest manifest;
    model::FilesFacts files;
    files.paths = {{"/old/datastore", "files/datastore"}};
    manifest.files = {files};
    return manifest;
  }
  fs::path root_;
};

class SharedRecords : public testing::Test {
 protected:
  SharedRecords() : source_(root_.path() / "copy") {
    for (const auto& [name, text] : {std::pair{"aa/bb/cc/aabbcc1", "one"},
                                     {"aa/bb/cc/aabbcc2", ""},
                                     {"dd/ee/ff/ddeeff3", "three"}}) {
      const fs::path record = root_.path() / "copy/files/datastore" / name;
      fs::create_directories(record.parent_path());
      write_file_durably(record, as_bytes(text), 0644);
    }
    fs::create_directories(store());
    journal_ = Journal::begin(state(), "shop", "restore", {});
    changes_.emplace(*journal_);
  }
  [[nodiscard]] fs::path store() const { return root_.path() / "new/datastore"; }
  [[nodiscard]] fs::path state() const { return root_.path() / "state"; }
  [[nodiscard]] std::vector<SharedFile> missing() {
    return missing_files(source_, "/old/datastore", store(), findings_, {});
  }
  // Files below the store, relative to it.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& item : fs::recursive_directory_iterator(store())) {
      if (!item.is_directory()) found.push_back(item.path().lexically_relative(store()).string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  [[nodiscard]] std::vector<std::string> announced() const {
    std::vector<std::string> paths;
    const std::vector<FoundJournal> journals = find_journals(state());
    for (const JournalEntry& entry : journals.at(0).entries)
      if (entry.kind == "remove") paths.push_back(entry.undo.at("path").as_string());
    return paths;
  }

  TemporaryDirectory root_{"shared-records-test"};
  CopiedStore source_;
  std::vector<model::Finding> findings_;
  std::unique_ptr<Journal> journal_;
  std::optional<Changes> changes_;
  model::SilentObserver observer_;
};

TEST_F(SharedRecords, AreCountedWithTheSpaceThatARestoreTakes) {
  RestorePlan plan;
  plan.shared = missing();
  ASSERT_EQ(plan.shared.size(), 3U);
  std::uint64_t bytes = 0;
  for (const SharedFile& file : plan.shared) bytes += file.size_bytes;
  EXPECT_EQ(bytes, 8U);
  check_space(plan);
  EXPECT_TRUE(plan.findings.empty());
  plan.shared[0].size_bytes = std::uint64_t{1} << 62U;
  check_space(plan);
  ASSERT_EQ(plan.findings.size(), 1U);
  EXPECT_EQ(plan.findings[0].code, "target-space");
}

TEST_F(SharedRecords, ComeWhereTheyAreMissing) {
  fs::create_directories(store() / "aa/bb/cc");
  write_file_durably(store() / "aa/bb/cc/aabbcc1", as_bytes("eno"), 0644);
  put_shared(source_, missing(), *changes_, observer_, {});
  EXPECT_EQ(names(),
            (std::vector<std::string>{"aa/bb/cc/aabbcc1", "aa/bb/cc/aabbcc2", "dd/ee/ff/ddeeff3"}));
  EXPECT_EQ(read_text_file(store() / "aa/bb/cc/aabbcc1"), "eno") << "it is never changed";
  EXPECT_EQ(read_text_file(store() / "dd/ee/ff/ddeeff3"), "three");
  EXPECT_TRUE(findings_.empty());
  EXPECT_EQ(announced().size(), 1U) << "an entry for each of very many would take long";
  journal_->undo_all();
  EXPECT_EQ(names().size(), 3U) << "nobody refers to them, and they harm nobody";
  journal_->close();
}

// Whoever puts back what a killed run left knows of the file that it was writing.
TEST_F(SharedRecords, AreAnnouncedBeforeTheyAreWritten) {
  unsigned count = 0;
  source_.before = [&](const fs::path& target) {
    const std::vector<std::string> paths = announced();
    EXPECT_NE(std::find(paths.begin(), paths.end(), target.string()), paths.end()) << target;
    EXPECT_TRUE(target.filename().string().starts_with("tmp")) << "Jackrabbit takes no such record";
    if (++count < 3) return;
    write_file_durably(target, as_bytes("half"), 0644);
    throw Error(Errc::cancelled, "killed");
  };
  EXPECT_THROW(put_shared(source_, missing(), *changes_, observer_, {}), Error);
  journal_->undo_all();
  EXPECT_EQ(names(), (std::vector<std::string>{"aa/bb/cc/aabbcc1", "aa/bb/cc/aabbcc2"}));
  journal_->close();
}

}  // namespace
}  // namespace holdfast::job
