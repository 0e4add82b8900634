// SPDX-License-Identifier: Apache-2.0
#include "format/index_file.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "format/tree.h"

namespace holdfast::format {
namespace {

Id numbered(unsigned number) {
  Id id;
  id.bytes.fill(static_cast<std::byte>(number));
  return id;
}

std::string hex(unsigned number) {
  return numbered(number).hex();
}

std::vector<IndexedPack> read(std::string_view json) {
  Bytes bytes;
  append(bytes, json);
  std::vector<IndexedPack> packs;
  read_index_json(padded(bytes), [&](IndexedPack&& pack) { packs.push_back(std::move(pack)); });
  return packs;
}

std::vector<IndexedPack> two_packs() {
  return {
      {numbered(1),
       {{{BlobType::data, numbered(2)}, 0, 38, 511}, {{BlobType::data, numbered(3)}, 38, 4000, 0}}},
      {numbered(4), {{{BlobType::tree, numbered(5)}, 0, 4294967295, 4294967295}}}};
}

const std::string two_packs_json =
    R"({"packs":[{"id":")" + hex(1) + R"(","blobs":[{"id":")" + hex(2) +
    R"(","type":"data","offset":0,"length":38,"uncompressed_length":511},{"id":")" + hex(3) +
    R"(","type":"data","offset":38,"length":4000}]},{"id":")" + hex(4) + R"(","blobs":[{"id":")" +
    hex(5) +
    R"(","type":"tree","offset":0,"length":4294967295,"uncompressed_length":4294967295}]}]})"
    "\n";

bool same(const std::vector<IndexedPack>& a, const std::vector<IndexedPack>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const IndexedPack& x, const IndexedPack& y) {
                      return x.id == y.id && x.blobs == y.blobs;
                    });
}

void expect_corrupt(std::string_view json) {
  try {
    static_cast<void>(read(json));
    ADD_FAILURE() << "no error for " << json;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt) << error.what();
  }
}

// An index of one pack with one blob of these members.
std::string one_blob(std::string_view members) {
  return R"({"packs":[{"id":")" + hex(1) + R"(","blobs":[{)" + std::string(members) + "}]}]}";
}

TEST(IndexFile, HasResticsOrderAndText) {
  std::string text = "before";
  append_index_json(text, two_packs());
  EXPECT_EQ(text, "before" + two_packs_json);
  text.clear();
  append_index_json(text, {});
  EXPECT_EQ(text, "{\"packs\":[]}\n");
}

TEST(IndexFile, IsReadBack) {
  EXPECT_TRUE(same(read(two_packs_json), two_packs()));
  EXPECT_TRUE(read("{\"packs\":[]}").empty());
  EXPECT_TRUE(read("{\"packs\":null}").empty());
}

TEST(IndexFile, IsReadInAnyOrderPastUnknownKeys) {
  const std::string json =
      R"( { "supersedes":[")" + hex(9) + R"("], "packs_to_delete":[{"id":")" + hex(8) +
      R"(","blobs":[],"time":"2026-11-20T10:56:01Z"}], "packs":[ {"time":null,"blobs":[{"length":38,)"
      R"("x":{"y":[1,-2,3.5e3,true,false,"\u00e9"]},"offset":0,"type":"data","id":")" +
      hex(2) + R"("}],"size":100,"id":")" + hex(1) + R"("}], "later":{} } )";
  const auto packs = read(json);
  ASSERT_EQ(packs.size(), 1U);
  EXPECT_EQ(packs[0].id, numbered(1));
  EXPECT_EQ(packs[0].blobs, (std::vector<PackedBlob>{{{BlobType::data, numbered(2)}, 0, 38, 0}}));
}

TEST(IndexFile, ReadsTheBareArrayOfOldTimes) {
  const std::string_view object(two_packs_json);
  const std::string_view array = object.substr(9, object.size() - 11);
  EXPECT_EQ(array.front(), '[');
  EXPECT_EQ(array.back(), ']');
  EXPECT_TRUE(same(read(array), two_packs()));
}

TEST(IndexFile, RefusesTruncationAtEveryByte) {
  for (std::size_t size_bytes = 0; size_bytes + 1 < two_packs_json.size(); ++size_bytes) {
    expect_corrupt(two_packs_json.substr(0, size_bytes));
  }
}

TEST(IndexFile, RefusesTrailingBytes) {
  expect_corrupt(two_packs_json + "x");
  expect_corrupt(two_packs_json + "{}");
  expect_corrupt(two_packs_json + "]");
}

TEST(IndexFile, RefusesWhatIsMalformed) {
  expect_corrupt("{}");
  expect_corrupt("null");
  expect_corrupt("7");
  expect_corrupt(R"({"packs":7})");
  expect_corrupt(R"({"packs":[7]})");
  expect_corrupt(R"({"packs":[],"packs":[]})");
  expect_corrupt(R"({"packs":[{"id":")" + hex(1) + R"("}]})");
  expect_corrupt(R"({"packs":[{"blobs":[]}]})");
  expect_corrupt(R"({"packs":[],"x":nul})");
  expect_corrupt(R"({"packs":[],"x":[1 2]})");
  expect_corrupt(R"({"packs":[],"x":{"y":01}})");
  expect_corrupt(R"({"packs":[],"x":"\ud800"})");
  expect_corrupt("{\"packs\":[],\"x\":\"\xff\"}");
  expect_corrupt("{\"packs\":[],\"x\":" + std::string(100'000, '[') + std::string(100'000, ']') +
                 "}");
  expect_corrupt("{\"packs\":[],\"x\":" + std::string(100'000, '['));
}

TEST(IndexFile, RefusesBlobsThatMakeNoSense) {
  const std::string id = R"("id":")" + hex(2) + "\"";
  EXPECT_EQ(read(one_blob(id + R"(,"type":"data","offset":0,"length":32)")).size(), 1U);
  expect_corrupt(one_blob(R"("type":"data","offset":0,"length":38)"));
  expect_corrupt(one_blob(id + R"(,"offset":0,"length":38)"));
  expect_corrupt(one_blob(id + R"(,"type":"data","length":38)"));
  expect_corrupt(one_blob(id + R"(,"type":"data","offset":0)"));
  expect_corrupt(one_blob(id + R"(,"type":"data","offset":0,"length":31)"));
  expect_corrupt(one_blob(id + R"(,"type":"blob","offset":0,"length":38)"));
  expect_corrupt(one_blob(id + R"(,"type":"data","offset":-1,"length":38)"));
  expect_corrupt(one_blob(id + R"(,"type":"data","offset":0.5,"length":38)"));
  expect_corrupt(one_blob(id + R"(,"type":"data","offset":4294967296,"length":38)"));
  expect_corrupt(one_blob(id + R"(,"type":"data","offset":4294967295,"length":38)"));
  expect_corrupt(one_blob(id + R"(,"type":"data","offset":0,"length":38,"length":38)"));
  expect_corrupt(one_blob(R"("id":"abc","type":"data","offset":0,"length":38)"));
  expect_corrupt(one_blob(R"("id":")" + hex(0) + R"(","type":"data","offset":0,"length":38)"));
  expect_corrupt(one_blob(R"("id":null,"type":"data","offset":0,"length":38)"));
}

TEST(IndexFile, MayBeReadWithinAVisit) {
  Bytes outer;
  append(outer, two_packs_json);
  std::size_t inner_packs = 0;
  std::size_t outer_packs = 0;
  read_index_json(padded(outer), [&](IndexedPack&&) {
    inner_packs += read(two_packs_json).size();
    ++outer_packs;
  });
  EXPECT_EQ(outer_packs, 2U);
  EXPECT_EQ(inner_packs, 4U);
}

}  // namespace
}  // namespace holdfast::format
