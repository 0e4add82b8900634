// SPDX-License-Identifier: Apache-2.0
// What `rewrite`, `repair snapshots` and `recover` make, in the eyes of Debian's restic; and what
// they make of what that wrote and of what was lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "harness/listing.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using storage::FileKind;

class RewriteInterop : public testing::TestWithParam<unsigned> {
 protected:
  RewriteInterop() {
    make_repository(place_.repository(), place_password, GetParam());
    fs::create_directories(source() / "sub" / "deep");
    write_text(source() / "a", "content of a");
    write_text(source() / "b.log", "left out");
    write_text(source() / "sub" / "c\nd", "content of c");
    write_text(source() / "sub" / "deep" / "e.log", "left out too");
    fs::create_symlink("a", source() / "link");
  }
  [[nodiscard]] fs::path source() const { return place_ / "source"; }

  Outcome restic(std::vector<std::string> words, int exit_code = 0) {
    words.insert(words.begin(), "restic");
    const Outcome outcome = place_.run(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << words[1] << ": " << outcome.text();
    return outcome;
  }
  Outcome holdfast(const std::vector<std::string>& words, int exit_code = 0) {
    const Outcome outcome = place_.holdfast(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << words[0] << ": " << outcome.text();
    return outcome;
  }
  std::vector<Json> snapshots() { return restic({"snapshots", "--json"}).document().as_array(); }
  std::string id(std::size_t number) { return snapshots().at(number).at("id").as_string(); }

  // Both find the repository whole.
  void expect_sound() {
    restic({"check", "--read-data"});
    holdfast({"check", "--read-data"});
  }
  // What restic restores of a snapshot, below the source's place.
  Listing restored(const std::string& snapshot) {
    const fs::path target = place_ / ("out" + std::to_string(++outs_));
    restic({"restore", snapshot, "--target", target.string()});
    return list_directory(target / source().relative_path());
  }

  Place place_;

 private:
  int outs_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Versions, RewriteInterop, testing::Values(1U, 2U),
                         [](const auto& each) { return "Version" + std::to_string(each.param); });

// The tree must be, byte for byte, what restic makes where the files were never there.
TEST_P(RewriteInterop, WhatWasLeftOutWasNeverThere) {
  restic({"backup", source().string()});
  holdfast({"rewrite", "--forget", "-e", "*.log"});
  const std::string rewritten = holdfast({"cat", "tree", "latest:" + source().string()}).output;
  restic({"backup", "--exclude", "*.log", source().string()});
  EXPECT_EQ(holdfast({"cat", "tree", "latest:" + source().string()}).output, rewritten);
  expect_sound();
  EXPECT_EQ(snapshots().size(), 2U);
  restic({"prune", "--max-unused", "0"});
  expect_sound();
}

TEST_P(RewriteInterop, ResticGoesOnFromRewrittenSnapshots) {
  holdfast({"backup", source().string()});
  holdfast({"rewrite", "-i", (source() / "sub").string(), "--new-host", "elsewhere"});
  const std::vector<Json> both = snapshots();
  ASSERT_EQ(both.size(), 2U);
  const Json& made = both[0].find("original") != nullptr ? both[0] : both[1];
  EXPECT_EQ(made.at("hostname").as_string(), "elsewhere");
  EXPECT_EQ(made.at("tags").as_array().at(0).as_string(), "rewrite");
  const Listing listing = restored(made.at("id").as_string());
  EXPECT_TRUE(fs::exists(place_ / "out1" / (source() / "sub" / "c\nd").relative_path()));
  EXPECT_FALSE(fs::exists(place_ / "out1" / (source() / "a").relative_path()));
  restic({"tag", "--add", "seen", made.at("id").as_string()});
  restic({"forget", "--group-by", "", "--keep-tag", "seen", "--prune"});
  expect_sound();
}

// Damage of the kinds that repairs are for.
class RepairInterop : public RewriteInterop {
 protected:
  RepairInterop() {
    holdfast({"backup", source().string()});
    first_ = restored("latest");
    for (const fs::path& pack : files_of(place_.repository(), FileKind::pack)) {
      first_packs_.insert(pack);
    }
    write_text(source() / "a", "another content");
    write_text(source() / "sub" / "new", "of the second alone");
    restic({"backup", source().string()});
  }
  // The pack that came with the second snapshot.
  fs::path new_pack(format::BlobType type) {
    std::vector<fs::path> packs = packs_of(place_.repository(), place_password, type);
    std::erase_if(packs, [&](const fs::path& pack) { return first_packs_.contains(pack); });
    EXPECT_EQ(packs.size(), 1U);
    return packs.at(0);
  }
  void repair_index() { restic({"rebuild-index"}); }
  void expect_first_is_whole() { EXPECT_EQ(difference(first_, restored(first_id())), ""); }
  std::string first_id() { return id(0); }

  Listing first_;
  std::set<fs::path> first_packs_;
};

INSTANTIATE_TEST_SUITE_P(Versions, RepairInterop, testing::Values(2U),
                         [](const auto& each) { return "Version" + std::to_string(each.param); });

TEST_P(RepairInterop, ALostPackOfData) {
  fs::remove(new_pack(format::BlobType::data));
  restic({"check"}, 1);
  holdfast({"repair", "snapshots", "--forget"}, 1);  // first the index
  repair_index();
  const Outcome outcome = holdfast({"repair", "snapshots", "--forget"});
  EXPECT_TRUE(outcome.says((source() / "a").string() + ": ")) << outcome.text();
  expect_sound();
  ASSERT_EQ(snapshots().size(), 2U);
  expect_first_is_whole();
  const Listing second = restored(id(1));
  EXPECT_NE(difference(first_, second), "");
  EXPECT_EQ(read_text(place_ / "out3" / (source() / "sub" / "c\nd").relative_path()),
            "content of c");
  EXPECT_EQ(read_text(place_ / "out3" / (source() / "a").relative_path()), "");
}

TEST_P(RepairInterop, ALostPackOfTrees) {
  fs::remove(new_pack(format::BlobType::tree));
  repair_index();
  holdfast({"repair", "snapshots"});  // of the second nothing is left, and it stays
  EXPECT_EQ(snapshots().size(), 2U);
  restic({"check"}, 1);
  holdfast({"repair", "snapshots", "--forget"});
  expect_sound();
  ASSERT_EQ(snapshots().size(), 1U);
  expect_first_is_whole();
}

TEST_P(RepairInterop, AFlippedPackOfTrees) {
  flip_file(new_pack(format::BlobType::tree), 20);
  restic({"check", "--read-data"}, 1);
  holdfast({"repair", "snapshots", "--forget"});
  expect_first_is_whole();
  restic({"prune", "--max-unused", "0"});
  expect_sound();
}

TEST_P(RepairInterop, ALostSnapshot) {
  const Listing second = restored(id(1));
  const std::string tree = snapshots()[1].at("tree").as_string();
  restic({"forget", id(1)});
  holdfast({"recover"});
  expect_sound();
  ASSERT_EQ(snapshots().size(), 2U);
  expect_first_is_whole();
  const fs::path target = place_ / "recovered";
  restic({"restore", "latest", "--target", target.string()});
  EXPECT_EQ(
      difference(second, list_directory(target / tree.substr(0, 8) / source().relative_path())),
      "");
}

// Each finds the same trees.
TEST_P(RepairInterop, BothRecoverTheSame) {
  restic({"forget", id(1)});
  restic({"forget", id(0)});
  const fs::path copy = place_ / "copy";
  fs::copy(place_.repository(), copy, fs::copy_options::recursive);
  const auto recovered = [&](const std::function<void()>& recover, const fs::path& repository) {
    recover();
    const Json tree = holdfast({"-r", repository.string(), "cat", "tree", "latest:/"}).document();
    std::set<std::string> entries;
    for (const Json& node : tree.at("nodes").as_array()) {
      entries.insert(node.at("name").as_string() + " " + node.at("subtree").as_string());
    }
    return entries;
  };
  const auto theirs = recovered(
      [&] {
        restic({"-r", copy.string(), "--no-cache", "recover"});
      },
      copy);
  EXPECT_EQ(theirs.size(), 2U);
  EXPECT_EQ(recovered([&] { holdfast({"recover"}); }, place_.repository()), theirs);
}

}  // namespace
}  // namespace holdfast::test
