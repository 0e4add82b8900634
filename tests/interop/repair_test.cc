// SPDX-License-Identifier: Apache-2.0
// Damaged repositories of each kind: repaired as far as they can be, with nothing else lost, and
// restic's `check --read-data` agrees. Where Debian's restic can repair the same, both make the
// same of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "format/index_file.h"
#include "harness/listing.h"
#include "harness/program.h"
#include "harness/repository_files.h"
#include "repo/pack_builder.h"
#include "repo/pack_reader.h"
#include "storage/local.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using format::BlobType;
using storage::FileKind;
using Words = std::vector<std::string>;

std::string noise(std::size_t size_bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size_bytes, '\0');
  for (char& byte : text) byte = static_cast<char>(random());
  return text;
}

// Two snapshots: the first of some files, the second of these and others, in packs of their own.
class RepairInterop : public testing::Test {
 protected:
  RepairInterop() {
    place_.environment()["HOLDFAST_PACK_SIZE"] = "4";
    make(2);
  }
  void make(unsigned version) {
    fs::remove_all(place_.repository());
    fs::remove_all(source());
    ids_.clear();
    listings_.clear();
    make_repository(place_.repository(), place_password, version);
    fs::create_directories(source());
    for (unsigned i = 1; i <= 2; ++i) {
      for (unsigned n = 0; n < 20; ++n) {
        write_text(source() / (std::to_string(i) + "-" + std::to_string(n)),
                   noise(50'000, 100 * i + n));
      }
      const Outcome saved = holdfast({"backup", "--json", source().string()});
      ids_.push_back(saved.lines().back().at("snapshot_id").as_string());
      listings_.push_back(list_directory(source()));
    }
  }
  [[nodiscard]] fs::path source() const { return place_ / "source"; }
  [[nodiscard]] std::vector<fs::path> packs(BlobType type) const {
    return packs_of(place_.repository(), place_password, type);
  }
  // A pack of data that the second snapshot alone needs.
  fs::path second_pack() {
    const auto alone = place_ / "alone";
    fs::remove_all(alone);
    fs::copy(place_.repository(), alone, fs::copy_options::recursive);
    run({"-r", alone.string(), "forget", ids_[1], "--prune", "--max-unused", "unlimited"}, 0);
    for (const fs::path& pack : packs(BlobType::data)) {
      if (!fs::exists(alone / pack.lexically_relative(place_.repository()))) return pack;
    }
    ADD_FAILURE() << "no such pack";
    return {};
  }
  Outcome run(const Words& words, int exit_code) {
    // `repair packs` leaves copies where it is started.
    RunOptions options;
    options.wrapper = {"env", "-C", place_.root().string()};
    const Outcome outcome = place_.holdfast(words, options);
    EXPECT_EQ(outcome.exit_code, exit_code) << words[0] << ": " << outcome.text();
    return outcome;
  }
  Outcome holdfast(const Words& words, int exit_code = 0) { return run(words, exit_code); }
  Outcome restic(Words words, int exit_code = 0) {
    words.insert(words.begin(), "restic");
    const Outcome outcome = place_.run(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << words[1] << ": " << outcome.text();
    return outcome;
  }
  void expect_restores(std::size_t number) {
    const fs::path target = place_ / "out";
    fs::remove_all(target);
    holdfast({"restore", ids_[number], "--target", target.string()});
    EXPECT_EQ(difference(listings_[number], list_directory(target / source().relative_path())), "");
  }
  // Every snapshot is whole, and both programs say so.
  void expect_whole() {
    restic({"check", "--read-data"});
    holdfast({"check", "--read-data"});
    for (std::size_t i = 0; i < ids_.size(); ++i) expect_restores(i);
  }
  // What is lost is stored anew from the source, which is still there.
  void heal() {
    holdfast({"backup", "--force", source().string()});
    expect_whole();
  }
  // What all index files together say.
  using Index = std::map<format::Id, std::vector<format::PackedBlob>>;
  [[nodiscard]] static Index index_of(const fs::path& repository) {
    const auto opened = open_repository(repository, place_password);
    model::SilentObserver observer;
    opened->load_index(observer);
    Index index;
    for (const format::IndexedPack& pack : opened->index().packs()) index[pack.id] = pack.blobs;
    return index;
  }
  void repeat_index() const {
    const auto opened = open_repository(place_.repository(), place_password);
    std::vector<format::IndexedPack> all;
    for (const auto& [id, blobs] : index_of(place_.repository())) all.push_back({id, blobs});
    std::string json;
    format::append_index_json(json, all);
    static_cast<void>(opened->save_unpacked(FileKind::index, json));
  }
  [[nodiscard]] std::vector<fs::path> index_files() const {
    return files_of(place_.repository(), FileKind::index);
  }
  // One pack that holds data and a tree, as restic wrote them before 0.8, in place of those that
  // hold the same.
  void mix_packs() const {
    const auto opened = open_repository(place_.repository(), place_password);
    model::SilentObserver observer;
    opened->load_index(observer);
    repo::Codec codec = opened->codec();
    repo::PackBuilder builder{Bytes()};
    std::vector<format::Id> old_packs;
    for (const BlobType type : {BlobType::data, BlobType::tree}) {
      const fs::path path = packs(type).front();
      const format::IndexedPack pack =
          *opened->index().pack(*format::parse_id(path.filename().string()));
      old_packs.push_back(pack.id);
      repo::read_pack_blobs(
          *opened, pack.id, pack.blobs, codec,
          [&](const format::PackedBlob& blob, Bytes& plain) {
            Bytes sealed;
            codec.sealer.seal(plain, sealed);
            builder.add(blob.blob, sealed, 0);
          },
          [](const format::PackedBlob&, const Error& error) { ADD_FAILURE() << error.what(); });
    }
    const format::IndexedPack mixed = builder.finish(codec);
    opened->storage().put({FileKind::pack, mixed.id.hex()}, builder.content());
    for (const format::Id& id : old_packs) opened->remove(FileKind::pack, id);
  }

  Place place_;
  std::vector<std::string> ids_;
  std::vector<Listing> listings_;
};

TEST_F(RepairInterop, ALostIndexIsMadeAnew) {
  for (const fs::path& file : index_files()) fs::remove(file);
  holdfast({"check"}, 1);
  holdfast({"repair", "index"});
  expect_whole();
}

TEST_F(RepairInterop, ALostPackIsForgottenAndStoredAnew) {
  const fs::path pack = second_pack();
  fs::remove(pack);
  holdfast({"repair", "index"});
  expect_restores(0);
  heal();
}

TEST_F(RepairInterop, ALostPackIsTakenOutById) {
  const fs::path pack = second_pack();
  fs::remove(pack);
  EXPECT_TRUE(holdfast({"repair", "packs", pack.filename().string()}, 3).says("Lost blobs"));
  expect_restores(0);
  heal();
}

TEST_F(RepairInterop, AFlippedPackIsSavedButForOneBlob) {
  const fs::path pack = second_pack();
  flip_file(pack, 20);
  const std::string damaged = read_text(pack);
  EXPECT_TRUE(holdfast({"check", "--read-data"}, 1).says("repair packs"));
  const std::size_t blobs =
      index_of(place_.repository()).at(*format::parse_id(pack.filename().string())).size();
  const Outcome outcome = holdfast({"repair", "packs", "--json", pack.filename().string()}, 3);
  const Json summary = outcome.lines().back();
  EXPECT_EQ(summary.at("blobs_saved").as_uint(), blobs - 1);
  EXPECT_EQ(summary.at("blobs_lost").as_array().size(), 1U);
  EXPECT_FALSE(fs::exists(pack));
  EXPECT_EQ(read_text(place_ / ("pack-" + pack.filename().string())), damaged) << "a copy is kept";
  expect_restores(0);
  heal();
}

TEST_F(RepairInterop, AHeaderIsSavedByTheIndex) {
  const fs::path pack = second_pack();
  flip_file(pack, fs::file_size(pack) - 12);
  holdfast({"check", "--read-data"}, 1);
  holdfast({"repair", "packs", pack.filename().string()});
  expect_whole();
}

TEST_F(RepairInterop, ATruncatedPackIsSavedAsFarAsItGoes) {
  const fs::path pack = second_pack();
  const std::size_t blobs =
      index_of(place_.repository()).at(*format::parse_id(pack.filename().string())).size();
  ASSERT_GT(blobs, 1U);
  cut_file(pack);
  const Outcome indexed = holdfast({"repair", "index"}, 3);
  EXPECT_TRUE(indexed.says(pack.filename().string()) && indexed.says("repair packs"))
      << indexed.text();
  const Outcome outcome = holdfast({"repair", "packs", "--json", pack.filename().string()}, 3);
  EXPECT_GT(outcome.lines().back().at("blobs_saved").as_uint(), 0U) << outcome.text();
  expect_restores(0);
  heal();
}

TEST_F(RepairInterop, ARepeatedIndexIsLeftOut) {
  repeat_index();
  const std::size_t before = index_files().size();
  holdfast({"repair", "index"});
  EXPECT_LT(index_files().size(), before);
  expect_whole();
}

TEST_F(RepairInterop, MixedPacksOfVersion1AreFoundAndSeparated) {
  make(1);
  mix_packs();
  holdfast({"repair", "index"});
  expect_whole();
  // One with the mark of version 1 in each of its files is one of version 2 with leftovers.
  holdfast({"migrate", "upgrade_repo_v2"});
  expect_whole();
  for (const fs::path& file : index_files()) fs::remove(file);
  holdfast({"repair", "index", "--read-all-packs"});
  expect_whole();
  holdfast({"prune", "--repack-uncompressed", "--max-unused", "0"});
  EXPECT_FALSE(holdfast({"check"}).says("both data and trees"));
  expect_whole();
}

// Of what Debian's restic can repair both make the same.
TEST_F(RepairInterop, BothMakeTheSameIndex) {
  const fs::path kept = place_ / "kept";
  const fs::path theirs = place_ / "theirs";
  fs::copy(place_.repository(), kept, fs::copy_options::recursive);
  const fs::path lost = second_pack();
  const std::vector<std::pair<const char*, std::function<void()>>> damages = {
      {"nothing", [] {}},
      {"no index",
       [&] {
         for (const fs::path& file : index_files()) fs::remove(file);
       }},
      {"one index lost", [&] { fs::remove(index_files().front()); }},
      {"one index flipped", [&] { flip_file(index_files().front()); }},
      {"one index cut", [&] { cut_file(index_files().front()); }},
      {"repeated index", [&] { repeat_index(); }},
      {"a pack lost", [&] { fs::remove(lost); }},
      {"a file that is no pack",
       [&] {
         write_text(
             lost.parent_path() / (lost.filename().string().substr(0, 2) + std::string(62, 'e')),
             "none");
       }},
  };
  for (const auto& [name, inflict] : damages) {
    for (const bool read_all : {false, true}) {
      SCOPED_TRACE(name);
      fs::remove_all(place_.repository());
      fs::copy(kept, place_.repository(), fs::copy_options::recursive);
      inflict();
      fs::remove_all(theirs);
      fs::copy(place_.repository(), theirs, fs::copy_options::recursive);
      Words ours{"repair", "index"};
      Words restics{"-r", theirs.string(), "rebuild-index"};
      if (read_all) {
        ours.emplace_back("--read-all-packs");
        restics.emplace_back("--read-all-packs");
      }
      restic(restics);
      holdfast(ours);
      EXPECT_EQ(index_of(place_.repository()), index_of(theirs));
      restic({"check", "--read-data"}, name == std::string("a pack lost") ? 1 : 0);
    }
  }
}

}  // namespace
}  // namespace holdfast::test
