// SPDX-License-Identifier: Apache-2.0
#include "repo/prune_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "format/index_file.h"
#include "repo/pack_builder.h"
#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::BlobType;
using format::Id;
using format::IndexedPack;
using storage::FileKind;

// Stores a pack of these very blobs and indexes it.
Id store_pack(TestRepository& test, const std::vector<std::pair<BlobType, std::string>>& blobs) {
  Codec codec = test.repository->codec();
  PackBuilder builder({});
  for (const auto& [type, text] : blobs) {
    Bytes sealed;
    codec.sealer.seal(as_bytes(text), sealed);
    builder.add({type, format::id_of(as_bytes(text))}, sealed, 0);
  }
  const IndexedPack pack = builder.finish(codec);
  test.files->put({FileKind::pack, pack.id.hex()}, builder.content());
  std::string json;
  format::append_index_json(json, {pack});
  test.repository->save_unpacked(FileKind::index, json);
  test.repository->index().add_pack(pack);
  return pack.id;
}

BlobSet used(TestRepository& test, const std::vector<std::string>& texts,
             BlobType type = BlobType::data) {
  BlobSet set(test.repository->index().blob_number_end());
  for (const std::string& text : texts) {
    set.insert(*test.repository->index().blob_number({type, format::id_of(as_bytes(text))}));
  }
  return set;
}

std::vector<Id> sorted(std::vector<Id> ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

const std::string big_a = noise(2'000'000, 1), big_b = noise(2'000'000, 2),
                  big_c = noise(2'000'000, 3);
constexpr auto data = BlobType::data;
constexpr auto tree = BlobType::tree;

TEST(PrunePlan, RemovesWhatIsUnusedAndKeepsWhatIsUsed) {
  TestRepository test;
  const Id keeps = store_pack(test, {{data, big_a}});
  const Id goes = store_pack(test, {{data, big_b}});
  const PrunePlan plan = plan_prune(*test.repository, {}, used(test, {big_a}));
  EXPECT_EQ(plan.unused, std::vector<Id>{goes});
  EXPECT_TRUE(plan.repack.empty());
  EXPECT_TRUE(plan.changes_index());
  EXPECT_FALSE(plan.gone[*test.repository->index().pack_number(keeps)]);
  EXPECT_EQ(plan.report.blobs_used, 1U);
  EXPECT_EQ(plan.report.blobs_unused, 1U);
  EXPECT_EQ(plan.report.blobs_removed, 1U);
  EXPECT_EQ(plan.report.blobs_remaining, 1U);
  EXPECT_EQ(plan.report.bytes_removed, 2'000'032U);
  EXPECT_EQ(plan.report.bytes_remaining, 2'000'032U);
  EXPECT_EQ(plan.report.packs_kept, 1U);
  EXPECT_EQ(plan.report.packs_removed, 1U);
}

TEST(PrunePlan, ListsPacksInNoIndex) {
  TestRepository test;
  test.files->put({FileKind::pack, std::string(64, 'a')}, as_bytes("left over"));
  const PrunePlan plan = plan_prune(*test.repository, {}, used(test, {}));
  ASSERT_EQ(plan.unreferenced.size(), 1U);
  EXPECT_EQ(plan.report.bytes_unreferenced, 9U);
  EXPECT_FALSE(plan.changes_index());
}

TEST(PrunePlan, PacksAnewWhatIsPartlyUsedBeyondTheTolerance) {
  TestRepository test;
  const Id partly = store_pack(test, {{data, big_a}, {data, big_b}});
  PruneOptions options;
  PrunePlan plan = plan_prune(*test.repository, options, used(test, {big_a}));
  EXPECT_EQ(plan.repack, std::vector<Id>{partly});
  EXPECT_EQ(plan.wanted.count(), 1U);
  EXPECT_EQ(plan.report.blobs_repacked, 2U);
  EXPECT_EQ(plan.report.blobs_repack_removed, 1U);
  EXPECT_EQ(plan.report.bytes_repack_removed, 2'000'032U);
  EXPECT_EQ(plan.report.blobs_remaining, 1U);

  options.max_unused = parse_max_unused("unlimited");
  plan = plan_prune(*test.repository, options, used(test, {big_a}));
  EXPECT_TRUE(plan.repack.empty());
  EXPECT_EQ(plan.report.packs_kept, 1U);
  options.max_unused = parse_max_unused("2M");
  EXPECT_TRUE(plan_prune(*test.repository, options, used(test, {big_a})).repack.empty());
  options.max_unused = parse_max_unused("0");
  options.repack_bytes_max = 1'000'000;
  EXPECT_TRUE(plan_prune(*test.repository, options, used(test, {big_a})).repack.empty());
  options.repack_bytes_max.reset();
  options.unsafe_recover_no_free_space = true;
  EXPECT_TRUE(plan_prune(*test.repository, options, used(test, {big_a})).repack.empty());
}

TEST(PrunePlan, ToleratesUnusedSpaceUpToTheShare) {
  TestRepository test;
  // 20 used blobs, 1 unused: 1/21 of the whole.
  std::vector<std::pair<BlobType, std::string>> blobs;
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < 21; ++i) {
    blobs.emplace_back(data, noise(200'000, i));
    if (i != 20) texts.push_back(blobs.back().second);
  }
  store_pack(test, blobs);
  PruneOptions options;  // 5 %
  EXPECT_TRUE(plan_prune(*test.repository, options, used(test, texts)).repack.empty());
  options.max_unused.percent = 4;
  EXPECT_EQ(plan_prune(*test.repository, options, used(test, texts)).repack.size(), 1U);
}

TEST(PrunePlan, PacksTreesAndMixedPacksAnewWhateverTheTolerance) {
  TestRepository test(1);
  const Id mixed = store_pack(test, {{data, big_a}, {tree, big_b}});
  const Id trees = store_pack(test, {{tree, big_c}, {tree, "unused"}});
  store_pack(test, {{data, "more"}, {data, noise(4'000'000, 9)}, {data, "unused data"}});
  PruneOptions options;
  options.max_unused = parse_max_unused("unlimited");
  BlobSet needed = used(test, {big_a, "more", noise(4'000'000, 9)});
  needed.insert(*test.repository->index().blob_number({tree, format::id_of(as_bytes(big_b))}));
  needed.insert(*test.repository->index().blob_number({tree, format::id_of(as_bytes(big_c))}));
  PrunePlan plan = plan_prune(*test.repository, options, needed);
  EXPECT_EQ(sorted(plan.repack), sorted({mixed, trees}));
  EXPECT_EQ(plan.report.bytes_uncompressed, 0U);  // version 1 knows no compression
  options.repack_cacheable_only = true;
  plan = plan_prune(*test.repository, options, needed);
  EXPECT_EQ(sorted(plan.repack), sorted({mixed, trees}));
}

TEST(PrunePlan, CompressesTreesAlwaysAndDataWhenAsked) {
  TestRepository test;
  const Id trees = store_pack(test, {{tree, big_a}});
  const Id raw = store_pack(test, {{data, big_b}});
  BlobSet needed = used(test, {big_b});
  needed.insert(*test.repository->index().blob_number({tree, format::id_of(as_bytes(big_a))}));
  PruneOptions options;
  EXPECT_EQ(plan_prune(*test.repository, options, needed).repack, std::vector<Id>{trees});
  options.repack_uncompressed = true;
  EXPECT_EQ(sorted(plan_prune(*test.repository, options, needed).repack), sorted({trees, raw}));
  TestRepository old(1);
  EXPECT_EQ(
      code_thrown([&] { static_cast<void>(plan_prune(*old.repository, options, BlobSet(0))); }),
      Errc::usage);
}

TEST(PrunePlan, PacksSmallPacksAnewWhenThereAreTen) {
  TestRepository test;
  std::vector<std::string> texts;
  for (int i = 0; i < 9; ++i) {
    texts.push_back("small " + std::to_string(i));
    store_pack(test, {{data, texts.back()}});
  }
  EXPECT_TRUE(plan_prune(*test.repository, {}, used(test, texts)).repack.empty());
  texts.emplace_back("one more");
  store_pack(test, {{data, texts.back()}});
  EXPECT_EQ(plan_prune(*test.repository, {}, used(test, texts)).repack.size(), 10U);
}

TEST(PrunePlan, TakesPacksForSmallByWhatTheOthersHave) {
  TestRepository test;
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < 10; ++i) {
    texts.push_back(noise(3'500'000, i));
    store_pack(test, {{data, texts.back()}});
  }
  const auto repacked = [&](const PruneOptions& options) {
    return plan_prune(*test.repository, options, used(test, texts)).repack.size();
  };
  PruneOptions options;
  EXPECT_EQ(repacked(options), 0U);  // they have 0.8 x 4 MiB
  options.repack_smaller_than_bytes = 4'000'000;
  EXPECT_EQ(repacked(options), 10U);
  options.repack_smaller_than_bytes = 3'000'000;
  EXPECT_EQ(repacked(options), 0U);
  options.repack_smaller_than_bytes = options.pack_size_bytes + 1;
  EXPECT_EQ(code_thrown([&] { static_cast<void>(repacked(options)); }), Errc::usage);
}

TEST(PrunePlan, CountsPacksByHowMuchOfThemIsUsed) {
  TestRepository test;
  store_pack(test, {{data, big_a}});
  store_pack(test, {{data, big_b}, {data, "unused"}});
  store_pack(test, {{data, big_c}});
  const Id gone = store_pack(test, {{data, "unused, and its pack is lost"}});
  test.files->remove({FileKind::pack, gone.hex()});
  const PruneReport report = plan_prune(*test.repository, {}, used(test, {big_a, big_b})).report;
  EXPECT_EQ(report.packs_used, 1U);
  EXPECT_EQ(report.packs_partly_used, 1U);
  EXPECT_EQ(report.packs_unused, 1U);
}

TEST(PrunePlan, KeepsOneCopyInAPackThatIsNeededAnyway) {
  TestRepository test;
  const Id first = store_pack(test, {{data, big_a}, {data, big_c}});
  const Id second = store_pack(test, {{data, big_a}, {data, big_b}});
  // big_c is unused: the first pack holds a copy of big_a and rubbish, the second is needed for
  // big_b.
  const PrunePlan plan = plan_prune(*test.repository, {}, used(test, {big_a, big_b}));
  EXPECT_EQ(plan.unused, std::vector<Id>{first});
  EXPECT_TRUE(plan.repack.empty());
  EXPECT_FALSE(plan.gone[*test.repository->index().pack_number(second)]);
  EXPECT_EQ(plan.report.blobs_duplicate, 1U);
  EXPECT_EQ(plan.report.blobs_used, 2U);
}

TEST(PrunePlan, KeepsTheResultOfAnInterruptedRepacking) {
  TestRepository test;
  const Id old = store_pack(test, {{data, big_a}, {data, big_b}, {data, big_c}});
  const Id repacked = store_pack(test, {{data, big_a}, {data, big_b}});
  const PrunePlan plan = plan_prune(*test.repository, {}, used(test, {big_a, big_b}));
  EXPECT_EQ(plan.unused, std::vector<Id>{old});
  EXPECT_FALSE(plan.gone[*test.repository->index().pack_number(repacked)]);
}

TEST(PrunePlan, WantsFromRepackedPacksOnlyWhatIsNowhereElse) {
  TestRepository test;
  store_pack(test, {{data, big_a}});
  store_pack(test, {{data, big_a}, {data, big_b}, {data, big_c}});
  const PrunePlan plan = plan_prune(*test.repository, {}, used(test, {big_a, big_b}));
  ASSERT_EQ(plan.repack.size(), 1U);
  EXPECT_EQ(plan.wanted.count(), 1U);
  EXPECT_TRUE(plan.wanted.contains(
      *test.repository->index().blob_number({data, format::id_of(as_bytes(big_b))})));
}

TEST(PrunePlan, CountsManyCopies) {
  TestRepository test;
  for (int i = 0; i < 300; ++i)
    store_pack(test, {{data, "copy"}, {data, "rubbish " + std::to_string(i)}});
  PruneOptions options;
  options.max_unused = parse_max_unused("0");
  const PrunePlan plan = plan_prune(*test.repository, options, used(test, {"copy"}));
  EXPECT_EQ(plan.report.blobs_used, 1U);
  EXPECT_EQ(plan.repack.size(), 1U);
  EXPECT_EQ(plan.unused.size(), 299U);
  EXPECT_EQ(plan.wanted.count(), 1U);
}

TEST(PrunePlan, StopsWhenANeededPackIsMissingOrOfAnotherSize) {
  TestRepository test;
  const Id pack = store_pack(test, {{data, big_a}});
  const Id other = store_pack(test, {{data, big_b}});
  Bytes content = test.content(FileKind::pack, pack);
  content.push_back(std::byte{0});
  test.files->overwrite({FileKind::pack, pack.hex()}, content);
  const auto plan = [&](const std::vector<std::string>& texts) {
    return plan_prune(*test.repository, {}, used(test, texts));
  };
  EXPECT_EQ(code_thrown([&] { static_cast<void>(plan({big_a})); }), Errc::corrupt);
  EXPECT_EQ(plan({big_b}).unused, std::vector<Id>{pack});  // not needed: it goes
  test.files->remove({FileKind::pack, pack.hex()});
  EXPECT_NE(message_thrown([&] { static_cast<void>(plan({big_a})); }).find(pack.hex()),
            std::string::npos);
  // Missing and not needed: dropped from the index.
  const PrunePlan without = plan({big_b});
  EXPECT_TRUE(without.unused.empty());
  EXPECT_TRUE(without.gone[*test.repository->index().pack_number(pack)]);
  EXPECT_FALSE(without.gone[*test.repository->index().pack_number(other)]);
}

TEST(PrunePlan, CountsOnACopyOnlyWhereItIsStored) {
  TestRepository test;
  const Id gone = store_pack(test, {{data, big_a}, {data, big_b}});
  const Id cut = store_pack(test, {{data, big_a}});
  const Id keeps = store_pack(test, {{data, big_a}, {data, big_b}});
  test.files->remove({FileKind::pack, gone.hex()});
  test.files->overwrite({FileKind::pack, cut.hex()}, as_bytes("cut short"));
  const PrunePlan plan = plan_prune(*test.repository, {}, used(test, {big_a, big_b}));
  EXPECT_EQ(plan.unused, std::vector{cut});
  EXPECT_TRUE(plan.repack.empty());
  EXPECT_TRUE(plan.gone[*test.repository->index().pack_number(gone)]);
  EXPECT_FALSE(plan.gone[*test.repository->index().pack_number(keeps)]);
  EXPECT_EQ(plan.report.blobs_used, 2U);
  // Without a sound copy it stops as ever.
  test.files->remove({FileKind::pack, keeps.hex()});
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(plan_prune(*test.repository, {}, used(test, {big_a, big_b})));
            }),
            Errc::corrupt);
}

}  // namespace
}  // namespace holdfast::repo
