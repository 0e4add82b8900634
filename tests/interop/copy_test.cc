// SPDX-License-Identifier: Apache-2.0
// `copy` by either program from and into repositories of both, and the upgrade of a repository:
// what one has copied or upgraded the other finds whole, and does not copy again.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using storage::FileKind;
using Words = std::vector<std::string>;

// A million bytes that no compression shrinks.
std::string noise() {
  std::mt19937 random(7);
  std::string text(1'000'000, '\0');
  for (char& byte : text) byte = static_cast<char>(random());
  return text;
}

class CopyInterop : public testing::Test {
 protected:
  CopyInterop() {
    fs::create_directories(source() / "sub");
    write_text(source() / "sub" / "kept", noise());
  }
  [[nodiscard]] fs::path source() const { return place_ / "source"; }
  [[nodiscard]] fs::path from() const { return place_ / "from"; }
  [[nodiscard]] fs::path to() const { return place_ / "to"; }

  Outcome run(Words words, int exit_code) {
    const Outcome outcome = words.front() == "restic"
                                ? place_.run(words)
                                : place_.holdfast({words.begin() + 1, words.end()});
    EXPECT_EQ(outcome.exit_code, exit_code) << words[1] << ": " << outcome.text();
    return outcome;
  }
  Outcome in(const fs::path& repository, const std::string& program, Words words,
             int exit_code = 0) {
    words.insert(words.begin(), {program, "-r", repository.string()});
    return run(words, exit_code);
  }
  // Two snapshots of different hosts in from().
  void fill(unsigned version) {
    make_repository(from(), place_password, version);
    write_text(source() / "a", "first content");
    in(from(), "restic", {"backup", "--host", "one", "--tag", "x", source().string()});
    write_text(source() / "a", "second content");
    in(from(), "holdfast", {"backup", "--host", "two", source().string()});
  }
  Outcome copy(const std::string& program, Words more = {}, int exit_code = 0) {
    Words words{"copy", "--from-repo", from().string(), "--from-password-file",
                place_.password_file().string()};
    words.insert(words.end(), more.begin(), more.end());
    return in(to(), program, words, exit_code);
  }
  Json::Array snapshots(const fs::path& repository) {
    return in(repository, "holdfast", {"snapshots", "--json"}).array();
  }
  std::vector<std::string> trees(const fs::path& repository) {
    std::vector<std::string> found;
    for (const Json& snapshot : snapshots(repository))
      found.push_back(snapshot.at("tree").as_string());
    return found;
  }
  void expect_whole(const fs::path& repository) {
    in(repository, "restic", {"check", "--read-data"});
    in(repository, "holdfast", {"check", "--read-data"});
  }

  Place place_;
};

class CopyVersions : public CopyInterop,
                     public testing::WithParamInterface<std::tuple<unsigned, unsigned>> {};

INSTANTIATE_TEST_SUITE_P(All, CopyVersions,
                         testing::Combine(testing::Values(1U, 2U), testing::Values(1U, 2U)),
                         [](const auto& each) {
                           return "From" + std::to_string(std::get<0>(each.param)) + "To" +
                                  std::to_string(std::get<1>(each.param));
                         });

TEST_P(CopyVersions, ResticFindsWholeWhatWeCopied) {
  const auto [from_version, to_version] = GetParam();
  fill(from_version);
  make_repository(to(), place_password, to_version);
  copy("holdfast");
  expect_whole(to());
  EXPECT_EQ(trees(to()), trees(from()));
  const Json::Array originals = snapshots(from());
  const Json::Array copies = snapshots(to());
  ASSERT_EQ(copies.size(), 2U);
  for (std::size_t i = 0; i < copies.size(); ++i) {
    EXPECT_EQ(copies[i].at("original").as_string(), originals[i].at("id").as_string());
    EXPECT_EQ(copies[i].find("parent"), nullptr);
    EXPECT_EQ(copies[i].at("hostname"), originals[i].at("hostname"));
  }
  // restic knows them for what they are, and so do we.
  copy("restic");
  copy("holdfast");
  EXPECT_EQ(snapshots(to()).size(), 2U);
  in(to(), "restic", {"restore", "latest", "--target", (place_ / "out").string()});
  EXPECT_EQ(read_text(place_ / "out" / source().relative_path() / "a"), "second content");
}

TEST_F(CopyInterop, WeCopyNothingAgainThatResticCopied) {
  fill(2);
  make_repository(to(), place_password);
  copy("restic");
  const std::size_t packs = files_of(to(), FileKind::pack).size();
  const Outcome outcome = copy("holdfast", {"--json"});
  std::size_t skipped = 0;
  for (const Json& line : outcome.lines()) {
    if (line.at("message_type").as_string() == "skipped") ++skipped;
  }
  EXPECT_EQ(skipped, 2U);
  EXPECT_EQ(outcome.lines().back().at("snapshots_copied").as_uint(), 0U);
  EXPECT_EQ(files_of(to(), FileKind::pack).size(), packs);
  EXPECT_EQ(snapshots(to()).size(), 2U);
  // A copy of a copy, back to where it came from.
  in(from(), "holdfast",
     {"copy", "--from-repo", to().string(), "--from-password-file",
      place_.password_file().string()});
  EXPECT_EQ(snapshots(from()).size(), 2U);
}

TEST_F(CopyInterop, TakesOnlyWhatIsNamed) {
  fill(2);
  make_repository(to(), place_password);
  copy("holdfast", {"--host", "one", "--tag", "x"});
  ASSERT_EQ(snapshots(to()).size(), 1U);
  EXPECT_EQ(snapshots(to())[0].at("hostname").as_string(), "one");
  copy("holdfast", {"0000000000"}, 1);
  const Outcome again = copy("holdfast", {"--json", "latest"});
  EXPECT_EQ(again.lines().back().at("snapshots_copied").as_uint(), 1U);
  EXPECT_LT(again.lines().back().at("data_added_packed").as_uint(), 100'000U)
      << "what both have is there: " << again.text();
  expect_whole(to());
}

TEST_F(CopyInterop, VariablesNameTheSourceAsForRestic) {
  fill(2);
  make_repository(to(), place_password);
  in(to(), "holdfast", {"copy"}, 1);
  place_.environment()["RESTIC_FROM_REPOSITORY"] = from().string();
  place_.environment()["RESTIC_FROM_PASSWORD_FILE"] = place_.password_file().string();
  in(to(), "holdfast", {"copy"});
  EXPECT_EQ(snapshots(to()).size(), 2U);
}

TEST_F(CopyInterop, WarnsWhereTheTargetCutsFilesElsewhere) {
  fill(2);
  make_repository(to(), place_password);
  EXPECT_TRUE(copy("holdfast").says("--copy-chunker-params"));
  fs::remove_all(to());
  in(to(), "holdfast",
     {"init", "--copy-chunker-params", "--from-repo", from().string(), "--from-password-file",
      place_.password_file().string()});
  EXPECT_FALSE(copy("holdfast").says("--copy-chunker-params"));
  const Outcome saved = in(to(), "holdfast", {"backup", "--json", source().string()});
  EXPECT_EQ(saved.lines().back().at("data_blobs").as_uint(), 0U) << saved.text();
}

TEST_F(CopyInterop, LeavesOutWhatIsDamagedAndCopiesTheRest) {
  fill(2);
  make_repository(to(), place_password);
  const std::set<std::string> before = [&] {
    std::set<std::string> names;
    for (const fs::path& pack : packs_of(from(), place_password, format::BlobType::data))
      names.insert(pack.filename());
    return names;
  }();
  write_text(source() / "third", std::string(100'000, 'z'));
  in(from(), "holdfast", {"backup", "--host", "three", source().string()});
  for (const fs::path& pack : packs_of(from(), place_password, format::BlobType::data)) {
    if (!before.contains(pack.filename())) flip_file(pack, 20);
  }
  const Outcome outcome = copy("holdfast", {}, 3);
  EXPECT_TRUE(outcome.says(snapshots(from()).back().at("short_id").as_string() + " is not copied"))
      << outcome.text();
  ASSERT_EQ(snapshots(to()).size(), 2U);
  EXPECT_EQ(snapshots(to()).back().at("hostname").as_string(), "two");
  expect_whole(to());
}

TEST_F(CopyInterop, UpgradesARepositoryAsResticDoes) {
  fill(1);
  fs::copy(from(), to(), fs::copy_options::recursive);
  const auto names = [&] { return in(from(), "holdfast", {"migrate", "--json"}).array().size(); };
  EXPECT_EQ(names(), 1U);
  EXPECT_TRUE(in(from(), "holdfast", {"migrate"}).says("upgrade_repo_v2"));
  in(from(), "holdfast", {"migrate", "no_such_thing"}, 1);
  in(from(), "holdfast", {"migrate", "upgrade_repo_v2"});
  in(to(), "restic", {"migrate", "upgrade_repo_v2"});
  const Json ours = in(from(), "restic", {"cat", "config"}).document();
  EXPECT_EQ(ours.at("version").as_uint(), 2U);
  EXPECT_EQ(ours, in(to(), "restic", {"cat", "config"}).document());
  expect_whole(from());
  EXPECT_EQ(names(), 0U);
  EXPECT_TRUE(in(from(), "holdfast", {"migrate", "upgrade_repo_v2"}).says("not needed"));
  // What version 1 has left is compressed by a prune of either.
  in(from(), "holdfast", {"prune", "--repack-uncompressed", "--max-unused", "0"});
  in(to(), "holdfast", {"backup", source().string()});
  in(to(), "restic", {"prune", "--repack-uncompressed"});
  expect_whole(from());
  expect_whole(to());
  EXPECT_EQ(snapshots(from()).size(), 2U);
}

TEST_F(CopyInterop, UpgradesNothingThatIsDamaged) {
  fill(1);
  fs::remove(packs_of(from(), place_password, format::BlobType::tree).front());
  in(from(), "holdfast", {"migrate", "upgrade_repo_v2"}, 1);
  EXPECT_EQ(in(from(), "restic", {"cat", "config"}).document().at("version").as_uint(), 1U);
}

}  // namespace
}  // namespace holdfast::test
