// SPDX-License-Identifier: Apache-2.0
// Finds the columns of Jackrabbit's tables in rows, whatever engine they come from: names in any
// case, node ids as 16 bytes or as two signed halves, in any order.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/value.h"
#include "profile/magnolia/node_id.h"

namespace holdfast::profile::magnolia {

// Where the column of that name (upper case) is.
[[nodiscard]] std::optional<std::size_t> find_column(const std::vector<model::Column>& columns,
                                                     std::string_view name);

// A whole number within 64 bits; Errc::corrupt naming `what`.
[[nodiscard]] std::int64_t integer_of(const model::Value& value, std::string_view what);

// The key of rows of BUNDLE and REFS tables.
class NodeKey {
 public:
  // Errc::corrupt if there is neither NODE_ID nor NODE_ID_HI with NODE_ID_LO.
  explicit NodeKey(const std::vector<model::Column>& columns);
  // Errc::corrupt if the row has no such id.
  [[nodiscard]] NodeId of(const model::Row& row) const;

 private:
  std::optional<std::size_t> whole_;
  std::size_t high_ = 0;
  std::size_t low_ = 0;
};

}  // namespace holdfast::profile::magnolia
