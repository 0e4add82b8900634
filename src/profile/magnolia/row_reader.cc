// SPDX-License-Identifier: Apache-2.0
// Columns and keys of Jackrabbit's tables.
#include "profile/magnolia/row_reader.h"

#include <fmt/format.h>

#include <charconv>

#include "base/ascii.h"
#include "base/error.h"

namespace holdfast::profile::magnolia {

std::optional<std::size_t> find_column(const std::vector<model::Column>& columns,
                                       std::string_view name) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (ascii_upper(columns[i].name) == name) return i;
  }
  return std::nullopt;
}

std::int64_t integer_of(const model::Value& value, std::string_view what) {
  std::int64_t number = 0;
  const char* const end = value.text.data() + value.text.size();
  const auto [rest, error] = std::from_chars(value.text.data(), end, number);
  if (value.kind != model::ValueKind::number || error != std::errc() || rest != end) {
    throw Error(Errc::corrupt, fmt::format("{} is no whole number of 64 bits", what));
  }
  return number;
}

NodeKey::NodeKey(const std::vector<model::Column>& columns)
    : whole_(find_column(columns, "NODE_ID")) {
  if (whole_) return;
  const auto high = find_column(columns, "NODE_ID_HI");
  const auto low = find_column(columns, "NODE_ID_LO");
  if (!high || !low) throw Error(Errc::corrupt, "there is no column NODE_ID");
  high_ = *high;
  low_ = *low;
}

NodeId NodeKey::of(const model::Row& row) const {
  if (!whole_) {
    return {static_cast<std::uint64_t>(integer_of(row.at(high_), "NODE_ID_HI")),
            static_cast<std::uint64_t>(integer_of(row.at(low_), "NODE_ID_LO"))};
  }
  const auto id = NodeId::of_bytes(as_bytes(row.at(*whole_).text));
  if (!id) throw Error(Errc::corrupt, "NODE_ID is not of 16 bytes");
  return *id;
}

}  // namespace holdfast::profile::magnolia
