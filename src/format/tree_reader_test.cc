// SPDX-License-Identifier: Apache-2.0
// What trees are read as, what is refused, and that rewriting gives the same bytes.
#include "format/tree.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "format/tree_damage.h"

namespace holdfast::format {
namespace {

Id numbered(unsigned number) {
  Id id;
  id.bytes.fill(static_cast<std::byte>(number));
  return id;
}

std::string tree_of(const std::vector<Node>& nodes) {
  TreeWriter writer;
  for (const Node& node : nodes) writer.add(node);
  return std::string(as_text(writer.finish()));
}

std::vector<Node> parse(std::string_view json) {
  return parse_tree(as_bytes(json));
}

std::string rewritten(std::string_view json) {
  return tree_of(parse(json));
}

void expect_corrupt(std::string_view json, std::string_view part_of_message = "") {
  try {
    static_cast<void>(parse(json));
    ADD_FAILURE() << "no error for " << json;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt) << error.what();
    EXPECT_NE(error.message().find(part_of_message), std::string::npos) << error.what();
  }
}

// A tree of one node with these members.
std::string one(std::string_view members) {
  return R"({"nodes":[{)" + std::string(members) + "}]}\n";
}

constexpr std::string_view times =
    R"("mtime":"2026-11-20T10:56:01.5+01:00","atime":"2026-11-20T10:56:01.5+01:00",)"
    R"("ctime":"1970-01-01T00:00:01.5Z")";

// A file of this name (already quoted twice), as restic writes it.
std::string file_named(std::string_view name) {
  return R"({"name":")" + std::string(name) + R"(","type":"file","mode":420,)" +
         std::string(times) + R"(,"uid":0,"gid":0,"links":1,"content":[]})";
}

TEST(TreeReader, RewritesResticsTreesToTheSameBytes) {
  // A tree in restic 0.14's form, with one node of each type.
  const std::string head = std::string(times) + R"(,"uid":0,"gid":0,"user":"root","group":"root",)";
  const std::string json =
      R"({"nodes":[{"name":"bad\\xff\\xfe","type":"file","mode":8389101,)" + head +
      R"("inode":7,"device_id":2049,"size":5,"links":2,"content":[")" + numbered(1).hex() +
      R"("]},{"name":"blk","type":"dev","mode":67109284,)" + head +
      R"("inode":8,"device_id":2049,"links":1,"device":1792,"content":null},)"
      R"({"name":"chr","type":"chardev","mode":69206436,)" +
      head +
      R"("inode":9,"device_id":2049,"links":1,"device":259,"content":null},)"
      R"({"name":"dir","type":"dir","mode":2148532735,)" +
      head + R"("inode":10,"device_id":2049,"content":null,"subtree":")" + numbered(2).hex() +
      R"("},{"name":"empty","type":"file","mode":420,)" + head +
      R"("inode":11,"device_id":2049,"links":1,"extended_attributes":[{"name":"user.x","value":"AP8="}],"content":[]},)"
      R"({"name":"pipe","type":"fifo","mode":33554852,)" +
      head +
      R"("inode":12,"device_id":2049,"content":null},)"
      R"({"name":"sock","type":"socket","mode":16777645,)" +
      head +
      R"("inode":13,"device_id":2049,"content":null},)"
      R"({"name":"sym","type":"symlink","mode":134218239,)" +
      head +
      R"("inode":14,"device_id":2049,"links":1,"linktarget":"a\u0026\ufffd","content":null}]})"
      "\n";
  EXPECT_EQ(rewritten(json), json);
}

TEST(TreeReader, KeepsTextsThatWouldBeWrittenOtherwise) {
  // Lossy texts, a rune that Unicode 14 made printable, and escapes of Go 1.22.
  const std::string json = one(
      R"("name":"n)"
      "\xe2\xb0\xaf"
      R"(","type":"symlink",)" +
      std::string(times) +
      R"(,"uid":0,"gid":0,"user":"u\ufffd","group":"g\b","linktarget":"t\f\ufffd\u003c",)"
      R"("linktarget_raw":"dAz/PA==","extended_attributes":[{"name":"user.\ufffd","value":""}],)"
      R"("content":null,"error":"e\ufffd")");
  EXPECT_EQ(rewritten(json), json);
  std::vector<Node> nodes = parse(json);
  EXPECT_EQ(nodes.at(0).name, "n\xe2\xb0\xaf");
  EXPECT_EQ(nodes.at(0).user, "u\xef\xbf\xbd");
  EXPECT_EQ(nodes.at(0).link_target, "t\f\xff<");
}

TEST(TreeReader, KeepsGenericAttributesAsTheyCame) {
  const std::string json =
      one(R"("name":"n","type":"file",)" + std::string(times) +
          R"(,"uid":0,"gid":0,"generic_attributes":{"windows.creation_time":"AA==",)"
          R"("windows.file_attributes":32},"content":[])");
  EXPECT_EQ(rewritten(json), json);
  EXPECT_EQ(parse(one(R"("name":"n","type":"file","generic_attributes":{} ,"content":[])"))
                .at(0)
                .generic_attributes,
            "");
}

TEST(TreeReader, PrefersTheRawLinkTargetInEitherOrder) {
  for (const std::string_view members :
       {R"("name":"n","type":"symlink","linktarget":"t\ufffd","linktarget_raw":"dP8=")",
        R"("linktarget_raw":"dP8=","linktarget":"t\ufffd","type":"symlink","name":"n")"}) {
    EXPECT_EQ(parse(one(members)).at(0).link_target, "t\xff");
  }
}

TEST(TreeReader, TakesAnyOrderUnknownKeysNullsAndMissingOnes) {
  const auto nodes = parse(
      R"( {"before":[{"a":1}], "nodes" : [ {"x":{"y":[null,true,1.5,"z"]},"subtree":null,"type":"file",)"
      R"("extended_attributes":null,"\u006eame":"a","content":null,"user":null},)"
      R"({"name":"b","type":"file","extended_attributes":[{"value":null,"name":"user.v"}]} ],"after":{}} )");
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[0].name, "a");
  EXPECT_FALSE(nodes[0].content);
  EXPECT_FALSE(nodes[1].content);
  EXPECT_FALSE(nodes[1].extended_attributes.at(0).value);
  EXPECT_TRUE(parse(R"({"nodes":null})").empty());
}

TEST(TreeReader, RefusesNamesThatLeadElsewhere) {
  for (const std::string_view bad :
       {"", ".", "..", "/", "a/b", "/etc", "../x", R"(a\\x00b)", R"(\\x2f)", R"(\\056\\056)",
        R"(\u002e\u002e)", R"(a\u0000)"}) {
    expect_corrupt(R"({"nodes":[)" + file_named(bad) + "]}", "tree entry 0");
  }
  expect_corrupt(one(R"("type":"file","content":[])"), "no name");
  expect_corrupt(one(R"("name":null,"type":"file","content":[])"), "no name");
  expect_corrupt(one(R"("name":7,"type":"file","content":[])"));
  for (const std::string_view bad : {R"(\\)", R"(\\q)", R"(\")"}) {
    expect_corrupt(R"({"nodes":[)" + file_named(bad) + "]}", "quoting");
  }
}

TEST(TreeReader, RefusesNamesLongerThanAnyFiles) {
  EXPECT_EQ(parse(R"({"nodes":[)" + file_named(std::string(4096, 'x')) + "]}").size(), 1U);
  expect_corrupt(R"({"nodes":[)" + file_named(std::string(4097, 'x')) + "]}", "4097 bytes");
}

TEST(TreeReader, RefusesDisorderAndRepetition) {
  expect_corrupt(R"({"nodes":[)" + file_named("b") + "," + file_named("a") + "]}", "entry 1 \"a\"");
  expect_corrupt(R"({"nodes":[)" + file_named("a") + "," + file_named("a") + "]}", "repeats");
  expect_corrupt(R"({"nodes":[)" + file_named(R"(\\xff)") + "," + file_named("a") + "]}");
  expect_corrupt(one(R"("name":"a","name":"b","type":"file")"), "twice");
  expect_corrupt(R"({"nodes":[],"nodes":[]})", "twice");
}

TEST(TreeReader, RefusesNodesThatMakeNoSense) {
  expect_corrupt(one(R"("name":"a")"), "no type");
  expect_corrupt(one(R"("name":"a","type":"door")"), "unknown");
  expect_corrupt(one(R"("name":"a","type":"dir")"), "subtree");
  expect_corrupt(one(R"("name":"a","type":"dir","subtree":null)"), "subtree");
  const std::string null_id = "\"" + std::string(64, '0') + "\"";
  expect_corrupt(one(R"("name":"a","type":"dir","subtree":)" + null_id), "null");
  expect_corrupt(one(R"("name":"a","type":"file","content":[)" + null_id + "]"), "null");
  expect_corrupt(one(R"("name":"a","type":"file","content":[null])"));
  expect_corrupt(one(R"("name":"a","type":"file","content":["abc"])"));
  expect_corrupt(one(R"("name":"a","type":"file","content":{})"));
  expect_corrupt(one(R"("name":"a","type":"file","mode":4294967296)"), "range");
  expect_corrupt(one(R"("name":"a","type":"file","uid":-1)"));
  expect_corrupt(one(R"("name":"a","type":"file","size":18446744073709551616)"));
  expect_corrupt(one(R"("name":"a","type":"file","size":1.0)"));
  expect_corrupt(one(R"("name":"a","type":"file","size":1x)"));
  expect_corrupt(one(R"("name":"a","type":"file","mtime":"yesterday")"), "yesterday");
  expect_corrupt(one(R"("name":"a","type":"symlink","linktarget_raw":"*")"), "base64");
  expect_corrupt(one(R"("name":"a","type":"file","extended_attributes":[{"value":"AA=="}])"),
                 "name");
  expect_corrupt(
      one(R"("name":"a","type":"file","extended_attributes":[{"name":"x","value":"A"}])"));
  expect_corrupt(one(R"("name":"a","type":"file","generic_attributes":[1])"));
  expect_corrupt(one(R"("name":"a","type":"file","generic_attributes":{"x":nul})"));
}

TEST(TreeReader, LetsRepairsSeeWhatProgramsWithBugsWrote) {
  const auto damaged = [](const std::string& json) {
    Bytes bytes;
    append(bytes, json);
    std::vector<Node> nodes;
    read_damaged_tree_json(padded(bytes), [&](Node&& node) { nodes.push_back(std::move(node)); });
    return nodes.at(0);
  };
  const std::string null_id = "\"" + std::string(64, '0') + "\"";
  EXPECT_EQ(damaged(one(R"("name":"a")")).type, NodeType::irregular);
  EXPECT_EQ(damaged(one(R"("name":"a","type":"door")")).type, NodeType::irregular);
  EXPECT_FALSE(damaged(one(R"("name":"a","type":"dir")")).subtree);
  EXPECT_FALSE(damaged(one(R"("name":"a","type":"dir","subtree":)" + null_id)).subtree);
  const Node file = damaged(one(R"("name":"a","type":"file","content":[null,)" + null_id + "]"));
  EXPECT_EQ(file.content.value(), std::vector<Id>(2));
  EXPECT_THROW(static_cast<void>(damaged(one(R"("name":"a/b","type":"file")"))), Error);
  EXPECT_THROW(static_cast<void>(damaged(one(R"("name":"a","type":"file","content":["x"])"))),
               Error);
}

TEST(TreeReader, RefusesWhatIsNotOneJsonDocument) {
  expect_corrupt("");
  expect_corrupt("{}", "missing");
  expect_corrupt("[]");
  expect_corrupt("null");
  expect_corrupt(R"({"nodes":{}})");
  expect_corrupt(R"({"nodes":[1]})");
  expect_corrupt("{\"nodes\":[]}\n{}");
  expect_corrupt("{\"nodes\":[]}]");
  expect_corrupt("{\"nodes\":[]}x");
  expect_corrupt(R"({"nodes":[],})");
  expect_corrupt(R"({"nodes":[]"x":1})");
  expect_corrupt("{\"nodes\":[],\"x\":\"\xff\"}");
  expect_corrupt("{\"nodes\":[],\"x\":\"a\nb\"}");
  expect_corrupt("{\"nodes\":[],\"x\":" + std::string(100'000, '[') + std::string(100'000, ']') +
                 "}");
  expect_corrupt(
      one(R"("name":"a","type":"file","x":)" + std::string(300, '[') + std::string(300, ']')));
}

TEST(TreeReader, RefusesTruncationAtEveryByte) {
  const std::string json = R"({"nodes":[)" + file_named("a") + "," + file_named("b") + "]}";
  for (std::size_t size_bytes = 0; size_bytes < json.size(); ++size_bytes) {
    expect_corrupt(json.substr(0, size_bytes));
  }
}

TEST(TreeReader, MayBeUsedWithinAVisit) {
  Bytes outer;
  append(outer, R"({"nodes":[)" + file_named("a") + "," + file_named("b") + "]}");
  std::string names;
  read_tree_json(padded(outer), [&](Node&& node) {
    names += node.name;
    for (const Node& inner : parse(R"({"nodes":[)" + file_named("x") + "]}")) names += inner.name;
  });
  EXPECT_EQ(names, "axbx");
}

TEST(TreeReader, LetsTheErrorsOfAVisitPass) {
  try {
    Bytes json;
    append(json, R"({"nodes":[)" + file_named("a") + "]}");
    read_tree_json(padded(json), [](Node&&) { throw Error(Errc::cancelled, "enough"); });
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled);
  }
}

}  // namespace
}  // namespace holdfast::format
