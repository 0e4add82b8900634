// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/node_id.h"

#include <gtest/gtest.h>

#include <array>

namespace holdfast::profile::magnolia {
namespace {

TEST(NodeId, ComesBackFromItsTextAndItsBytes) {
  const NodeId id{0x0123456789abcdefULL, 0xfedcba9876543210ULL};
  EXPECT_EQ(id.text(), "01234567-89ab-cdef-fedc-ba9876543210");
  EXPECT_EQ(NodeId::of_text(id.text()), id);
  EXPECT_EQ(NodeId::of_text("01234567-89AB-CDEF-FEDC-BA9876543210"), id);
  std::array<std::byte, 16> bytes{};
  id.store(bytes);
  EXPECT_EQ(bytes[0], std::byte{0x01});
  EXPECT_EQ(bytes[15], std::byte{0x10});
  EXPECT_EQ(NodeId::of_bytes(bytes), id);
}

TEST(NodeId, IsNothingButAUuid) {
  EXPECT_FALSE(NodeId::of_text(""));
  EXPECT_FALSE(NodeId::of_text("0123456789abcdeffedcba9876543210"));
  EXPECT_FALSE(NodeId::of_text("01234567-89ab-cdef-fedc-ba987654321g"));
  EXPECT_FALSE(NodeId::of_text("0123456-789ab-cdef-fedc-ba9876543210"));
  EXPECT_FALSE(NodeId::of_bytes(std::array<std::byte, 15>{}));
  EXPECT_FALSE(NodeId::of_bytes(std::array<std::byte, 17>{}));
}

TEST(NodeId, HalvesAreSignedWhereATableHasTwoColumns) {
  EXPECT_EQ(signed_half(root_id.high), -3819410105351357762);
  EXPECT_EQ(static_cast<std::uint64_t>(signed_half(root_id.high)), root_id.high);
}

TEST(NodeId, KnowsTheNodesThatAllWorkspacesShare) {
  EXPECT_EQ(version_storage_id.text(), "deadbeef-face-babe-cafe-babecafebabe");
  EXPECT_EQ(activities_id.text(), "deadbeef-face-babe-ac71-babecafebabe");
  EXPECT_EQ(no_parent_id.text(), "bb4e9d10-d857-11df-937b-0800200c9a66");
  EXPECT_TRUE(is_of_system(node_types_id));
  EXPECT_FALSE(is_of_system(root_id));
}

}  // namespace
}  // namespace holdfast::profile::magnolia
