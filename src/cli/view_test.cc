// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cli/node_view.h"
#include "cli/snapshot_view.h"

namespace holdfast::cli {
namespace {

archive::Snapshot snapshot(std::string_view id, std::int64_t seconds) {
  archive::Snapshot made;
  made.id = *format::parse_id(std::string(id) + std::string(64 - id.size(), '0'));
  made.file.time = local_timestamp(seconds, 0);
  made.file.hostname = "vm";
  made.file.username = "root";
  made.file.paths = {"/srv/a"};
  return made;
}

TEST(SnapshotView, LooksLikeResticsTable) {
  archive::Snapshot second = snapshot("0a9bca0d", 200);
  second.file.tags = {"a", "b"};
  SnapshotTableOptions view;
  view.reasons[second.id] = {"last snapshot", "daily snapshot"};
  const auto lines = snapshot_table({second, snapshot("f57190a2", 100)}, view).render(0);
  EXPECT_EQ(lines[0],
            "ID        Time                 Host        Tags        Reasons         Paths");
  EXPECT_EQ(lines[1],
            "-----------------------------------------------------------------------------");
  EXPECT_EQ(lines[2], "f57190a2  " + display_local({.seconds = 100}) +
                          "  vm                                      /srv/a");
  EXPECT_EQ(lines[3], "0a9bca0d  " + display_local({.seconds = 200}) +
                          "  vm          a,b         last snapshot   /srv/a");
  EXPECT_EQ(lines[4], "                                                       daily snapshot");
  EXPECT_EQ(lines.back(), "2 snapshots");
}

TEST(SnapshotView, ShowsSizesWhereThereIsASummary) {
  archive::Snapshot made = snapshot("0a9bca0d", 200);
  made.file.summary.emplace().total_bytes_processed = 2048;
  const auto lines = snapshot_table({made}, {}).render(0);
  EXPECT_TRUE(lines[2].ends_with("/srv/a  2.000 KiB")) << lines[2];
}

TEST(SnapshotView, EscapesNames) {
  archive::Snapshot made = snapshot("0a9bca0d", 200);
  made.file.paths = {"/a\nb"};
  made.file.hostname = "\x1b[2J";
  const auto lines = snapshot_table({made}, {}).render(0);
  EXPECT_NE(lines[2].find("\\x1b[2J"), std::string::npos);
  EXPECT_NE(lines[2].find("/a\\nb"), std::string::npos);
}

TEST(SnapshotView, NamesGroups) {
  EXPECT_EQ(group_header({}), "");
  EXPECT_EQ(group_header({"vm", {"/a", "/b"}, {"t"}}),
            "snapshots for (host [vm], tags [t], paths [/a, /b]):");
}

TEST(SnapshotView, EndsJsonWithTheIds) {
  const Json json = snapshot_json(snapshot("0a9bca0d", 200));
  const auto& members = json.as_object();
  EXPECT_EQ(members[members.size() - 2].first, "id");
  EXPECT_EQ(members.back().first, "short_id");
  EXPECT_EQ(members.back().second.as_string(), "0a9bca0d");
  EXPECT_TRUE(list_or_null({}).is_null());
  EXPECT_TRUE(snapshots_json({}).is_null());
}

TEST(NodeView, WritesGosFileModes) {
  EXPECT_EQ(permissions_text(0644), "-rw-r--r--");
  EXPECT_EQ(permissions_text(2148532735), "dtrwxrwxrwx");
  EXPECT_EQ(permissions_text(8389101), "urwxr-xr-x");
  EXPECT_EQ(permissions_text(33554852), "prw-r--r--");
  EXPECT_EQ(permissions_text(134218239), "Lrwxrwxrwx");
  EXPECT_EQ(permissions_text(69206436), "Dcrw-r--r--");
  EXPECT_EQ(permissions_text(67109284), "Drw-r--r--");
  EXPECT_EQ(permissions_text(0), "----------");
}

TEST(NodeView, WritesResticsLsJson) {
  format::Node node;
  node.name = "a";
  node.mode = 0644;
  node.inode = 7;
  EXPECT_EQ(node_json("/d/a", node).dump(),
            "{\"name\":\"a\",\"type\":\"file\",\"path\":\"/d/"
            "a\",\"uid\":0,\"gid\":0,\"size\":0,\"mode\":420,"
            "\"permissions\":\"-rw-r--r--\",\"mtime\":\"1970-01-01T00:00:00Z\",\"atime\":\"1970-01-"
            "01T00:00:00Z\","
            "\"ctime\":\"1970-01-01T00:00:00Z\",\"inode\":7,\"message_type\":\"node\",\"struct_"
            "type\":\"node\"}");
  node.type = format::NodeType::dir;
  EXPECT_EQ(node_json("/d/a", node).find("size"), nullptr);
}

TEST(NodeView, WritesALongLine) {
  format::Node node;
  node.type = format::NodeType::symlink;
  node.mode = 134218239;
  node.link_target = "x\ty";
  EXPECT_EQ(node_line("/l", node, false),
            "Lrwxrwxrwx     0     0      0 " + display_local({}) + " /l -> x\\ty");
}

}  // namespace
}  // namespace holdfast::cli
