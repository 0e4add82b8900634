// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/row_reader.h"

#include <gtest/gtest.h>

#include <array>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

using model::Value;

TEST(NodeKey, IsTheSameInBothForms) {
  const NodeKey halves({{"bundle_data", ""}, {"node_id_lo", ""}, {"node_id_hi", ""}});
  EXPECT_EQ(halves.of({Value::null(), Value::integer(signed_half(root_id.low)),
                       Value::integer(signed_half(root_id.high))}),
            root_id);
  std::array<std::byte, 16> bytes{};
  root_id.store(bytes);
  const NodeKey whole({{"NODE_ID", ""}, {"BUNDLE_DATA", ""}});
  EXPECT_EQ(whole.of({Value::of_bytes(bytes), Value::null()}), root_id);
  // An id whose bytes happen to be text is the same id.
  EXPECT_EQ(whole.of({Value::of_text("0123456789abcdef"), Value::null()}),
            NodeId::of_bytes(as_bytes("0123456789abcdef")));
}

TEST(NodeKey, IsRefusedWhereItIsNone) {
  EXPECT_THROW(NodeKey({{"NODE_ID_HI", ""}, {"ID", ""}}), Error);
  const NodeKey whole(std::vector<model::Column>{{"NODE_ID", ""}});
  EXPECT_THROW(static_cast<void>(whole.of({Value::of_text("too short")})), Error);
  EXPECT_THROW(static_cast<void>(whole.of({Value::null()})), Error);
  const NodeKey halves({{"NODE_ID_HI", ""}, {"NODE_ID_LO", ""}});
  EXPECT_THROW(static_cast<void>(halves.of({Value::number("1.5"), Value::integer(0)})), Error);
  EXPECT_THROW(
      static_cast<void>(halves.of({Value::number("9223372036854775808"), Value::integer(0)})),
      Error);
  EXPECT_THROW(static_cast<void>(halves.of({Value::null(), Value::integer(0)})), Error);
}

}  // namespace
}  // namespace holdfast::profile::magnolia
