// SPDX-License-Identifier: Apache-2.0
// The vectors of docs/format.md, "Trees", and the promises of the interface.
#include "format/tree.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "base/error.h"
#include "base/json.h"

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

// A tree of one node with these members.
std::string one(std::string_view members) {
  return R"({"nodes":[{)" + std::string(members) + "}]}\n";
}

constexpr std::string_view times =
    R"("mtime":"2026-11-20T10:56:01.5+01:00","atime":"2026-11-20T10:56:01.5+01:00",)"
    R"("ctime":"1970-01-01T00:00:01.5Z")";

Node plain_file(std::string_view name) {
  Node node;
  node.name = name;
  node.content.emplace();
  return node;
}

TEST(TreeWriter, EmptyTreeHasTheKnownId) {
  TreeWriter writer;
  const ByteView bytes = writer.finish();
  EXPECT_EQ(as_text(bytes), "{\"nodes\":[]}\n");
  EXPECT_EQ(id_of(bytes).hex(), "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8");
}

TEST(TreeWriter, WritesEveryMemberInResticsOrder) {
  Node node;
  node.name = "n";
  node.type = NodeType::symlink;
  node.mode = 134218239;
  node.mtime = parse_rfc3339("2026-11-20T10:56:01.5+01:00");
  node.atime = node.mtime;
  node.ctime = parse_rfc3339("1970-01-01T00:00:01.5Z");
  node.uid = 1;
  node.gid = 2;
  node.user = "u";
  node.group = "g";
  node.inode = 3;
  node.device_id = 18446744073709551615U;
  node.size_bytes = 4;
  node.links = 5;
  node.link_target = "t\xff<";
  node.extended_attributes = {{"user.a", Bytes{std::byte{1}}}, {"user.b", Bytes{}}, {"user.c", {}}};
  node.generic_attributes = R"({"windows.file_attributes":32})";
  node.device = 1792;
  node.content = {{numbered(0xaa), numbered(0xbb)}};
  node.subtree = numbered(0xcc);
  node.error = "e";
  EXPECT_EQ(
      tree_of({node}),
      one(R"("name":"n","type":"symlink","mode":134218239,)" + std::string(times) +
          R"(,"uid":1,"gid":2,"user":"u","group":"g","inode":3,"device_id":18446744073709551615,)"
          R"("size":4,"links":5,"linktarget":"t\ufffd\u003c","linktarget_raw":"dP88",)"
          R"("extended_attributes":[{"name":"user.a","value":"AQ=="},{"name":"user.b","value":""},)"
          R"({"name":"user.c","value":null}],"generic_attributes":{"windows.file_attributes":32},)"
          R"("device":1792,"content":[")" +
          numbered(0xaa).hex() + R"(",")" + numbered(0xbb).hex() + R"("],"subtree":")" +
          numbered(0xcc).hex() + R"(","error":"e")"));
}

TEST(TreeWriter, LeavesOutWhatIsZeroButNeverTimesOwnersAndContent) {
  Node node;
  node.name = "n";
  node.type = NodeType::fifo;
  EXPECT_EQ(tree_of({node}),
            one(R"("name":"n","type":"fifo","mtime":"1970-01-01T00:00:00Z",)"
                R"("atime":"1970-01-01T00:00:00Z","ctime":"1970-01-01T00:00:00Z","uid":0,"gid":0,)"
                R"("content":null)"));
}

TEST(TreeWriter, KeepsTheOffsetOfTimes) {
  const std::string json =
      one(R"("name":"n","type":"fifo","mtime":"1970-01-01T01:00:00.123456+01:00",)"
          R"("atime":"1970-01-01T00:00:00.123456Z","ctime":"1969-12-31T19:30:00.123456-04:30",)"
          R"("uid":0,"gid":0,"content":null)");
  EXPECT_EQ(rewritten(json), json);
}

TEST(TreeWriter, RefusesUnsortedRepeatedAndEmptyNames) {
  for (const auto& [first, second] : {std::pair{"b", "a"}, {"a", "a"}, {"\xff", "a"}}) {
    TreeWriter writer;
    writer.add(plain_file(first));
    try {
      writer.add(plain_file(second));
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::bug);
    }
  }
  TreeWriter writer;
  EXPECT_THROW(writer.add(plain_file("")), Error);
}

TEST(TreeWriter, StartsAnewWhenCleared) {
  TreeWriter writer;
  writer.add(plain_file("b"));
  static_cast<void>(writer.finish());
  EXPECT_THROW(writer.add(plain_file("c")), Error);
  writer.clear();
  writer.add(plain_file("a"));
  EXPECT_EQ(as_text(writer.finish()), tree_of({plain_file("a")}));
  EXPECT_EQ(as_text(writer.finish()), tree_of({plain_file("a")}));
}

struct NameVector {
  std::string_view raw, json;
};

class NodeName : public testing::TestWithParam<NameVector> {};

TEST_P(NodeName, IsQuotedAsGoAndThenAsJson) {
  const auto [raw, json] = GetParam();
  const std::string text = tree_of({plain_file(raw)});
  EXPECT_EQ(text.substr(0, 20 + json.size()), R"({"nodes":[{"name":")" + std::string(json) + "\"");
  const auto nodes = parse(text);
  ASSERT_EQ(nodes.size(), 1U);
  EXPECT_EQ(nodes[0].name, raw);
}

// Made with Go.
INSTANTIATE_TEST_SUITE_P(
    Tree, NodeName,
    testing::Values(NameVector{"plain.txt", "plain.txt"},
                    NameVector{"bad\xff\xfe", R"(bad\\xff\\xfe)"}, NameVector{"\t", R"(\\t)"},
                    NameVector{"\xc2\xa0", R"(\\u00a0)"}, NameVector{"\xe2\x80\x8b", R"(\\u200b)"},
                    NameVector{"\xf3\xa0\x80\x81", R"(\\U000e0001)"},
                    NameVector{R"(we<ird>&"q"\)", R"(we\u003cird\u003e\u0026\\\"q\\\"\\\\)"},
                    NameVector{"\xef\xbf\xbd", "\xef\xbf\xbd"},
                    NameVector{"\xe2\x80\xa8", R"(\\u2028)"},
                    NameVector{"\n\r\a\x7f", R"(\\n\\r\\a\\x7f)"},
                    NameVector{"Gr\xc3\xbc\xc3\x9f"
                               "e",
                               "Gr\xc3\xbc\xc3\x9f"
                               "e"}));

// Strings that are quoted once, as every member but the name is.
TEST(TreeWriter, WritesStringsAsGo) {
  Node node;
  node.name = "n";
  node.type = NodeType::symlink;
  node.link_target = "<>&\"\\/\n\r\t\b\f\x01\x7f\xe2\x80\xa8\xe2\x80\xa9\xc3\xa9";
  EXPECT_NE(tree_of({node}).find(R"("linktarget":"\u003c\u003e\u0026\"\\/\n\r\t\u0008\u000c\u0001)"
                                 "\x7f"
                                 R"(\u2028\u2029)"
                                 "\xc3\xa9\","),
            std::string::npos)
      << tree_of({node});
  EXPECT_EQ(parse(tree_of({node})).at(0).link_target, node.link_target);
}

TEST(TreeWriter, ForgetsKeptJsonOfATextThatHasChanged) {
  std::vector<Node> nodes =
      parse(one(R"("name":"n","type":"symlink","linktarget":"a\ufffd","content":null)"));
  nodes.at(0).link_target = "b\xef\xbf\xbd";
  EXPECT_NE(tree_of(nodes).find("\"linktarget\":\"b\xef\xbf\xbd\""), std::string::npos);
}

TEST(Padded, LeavesTheSizeAndZeroesWhatFollows) {
  Bytes json;
  append(json, "{}");
  const ByteView view = padded(json);
  EXPECT_EQ(as_text(view), "{}");
  EXPECT_GE(json.capacity(), 2 + json_padding_bytes);
  for (std::size_t i = 0; i < json_padding_bytes; ++i) {
    EXPECT_EQ(view.data()[2 + i], std::byte{0});
  }
}

struct ModeVector {
  std::uint32_t st_mode, go_mode;
};

TEST(GoMode, HasTheKnownValues) {
  for (const auto& [st_mode, go_mode] :
       {ModeVector{S_IFDIR | 01777, 2148532735U}, ModeVector{S_IFREG | 04755, 8389101},
        ModeVector{S_IFIFO | 0644, 33554852}, ModeVector{S_IFLNK | 0777, 134218239},
        ModeVector{S_IFCHR | 0644, 69206436}, ModeVector{S_IFBLK | 0644, 67109284},
        ModeVector{S_IFSOCK | 0755, 1U << 24U | 0755U},
        ModeVector{S_IFREG | 02644, 1U << 22U | 0644U}, ModeVector{S_IFREG | 0, 0},
        ModeVector{0160000 | 0600, 1U << 19U | 0600U}}) {
    EXPECT_EQ(to_go_mode(st_mode), go_mode);
    EXPECT_EQ(to_unix_permissions(go_mode), st_mode & 07777U);
  }
}

TEST(NodeType, HasResticsNames) {
  EXPECT_EQ(node_type_name(NodeType::file), "file");
  EXPECT_EQ(node_type_name(NodeType::dir), "dir");
  EXPECT_EQ(node_type_name(NodeType::symlink), "symlink");
  EXPECT_EQ(node_type_name(NodeType::dev), "dev");
  EXPECT_EQ(node_type_name(NodeType::chardev), "chardev");
  EXPECT_EQ(node_type_name(NodeType::fifo), "fifo");
  EXPECT_EQ(node_type_name(NodeType::socket), "socket");
  EXPECT_EQ(node_type_name(NodeType::irregular), "irregular");
}

TEST(Node, WeighsAllThatItHolds) {
  const Node small;
  const std::size_t least = memory_bytes(small);
  EXPECT_GE(least, sizeof(Node));
  const std::string long_text(1000, 'x');
  const auto weight_of = [](auto&& change) {
    Node node;
    change(node);
    return memory_bytes(node);
  };
  EXPECT_GE(weight_of([&](Node& node) { node.name = long_text; }), least + 1000);
  EXPECT_GE(weight_of([&](Node& node) { node.user = long_text; }), least + 1000);
  EXPECT_GE(weight_of([&](Node& node) { node.group = long_text; }), least + 1000);
  EXPECT_GE(weight_of([&](Node& node) { node.link_target = long_text; }), least + 1000);
  EXPECT_GE(weight_of([&](Node& node) { node.generic_attributes = long_text; }), least + 1000);
  EXPECT_GE(weight_of([&](Node& node) { node.error = long_text; }), least + 1000);
  EXPECT_GE(weight_of([&](Node& node) { node.content.emplace(100); }), least + 100 * sizeof(Id));
  EXPECT_GE(weight_of([&](Node& node) {
              node.extended_attributes.push_back({long_text, Bytes(1000)});
            }),
            least + 2000 + sizeof(ExtendedAttribute));
  EXPECT_GE(weight_of([&](Node& node) {
              node.kept_json.push_back({"user", long_text, long_text});
            }),
            least + 2000 + sizeof(KeptJson));
}

// As a hostile tree would have it: the texts are in fields that nothing but the reader fills.
TEST(Node, WeighsWhatWasReadFromATree) {
  const std::string escapes = [] {
    std::string text;
    for (int i = 0; i < 500; ++i) text += "\\u0041\\ufffd";
    return text;
  }();
  const std::string json = R"({"nodes":[{"name":"f","type":"file","mtime":"2020-01-01T00:00:00Z",)"
                           R"("atime":"2020-01-01T00:00:00Z","ctime":"2020-01-01T00:00:00Z",)"
                           R"("uid":0,"gid":0,"user":")" +
                           escapes + R"(","error":")" + escapes + R"(","content":[]}]})";
  const std::vector<Node> nodes = parse_tree(as_bytes(json));
  EXPECT_EQ(nodes.at(0).kept_json.size(), 2U);
  EXPECT_GE(memory_bytes(nodes.at(0)), sizeof(Node) + 2 * (2 * 2000 + 6000));
}

}  // namespace
}  // namespace holdfast::format
