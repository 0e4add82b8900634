// SPDX-License-Identifier: Apache-2.0
// Rows from engine to engine.
#include "profile/magnolia/row_map.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"
#include "profile/magnolia/row_reader.h"

namespace holdfast::profile::magnolia {
namespace {

using model::Value;
using model::ValueKind;

bool has_node_key(TableKind kind) noexcept {
  return kind == TableKind::bundle || kind == TableKind::refs;
}

class RowMap final : public model::RowSink {
 public:
  RowMap(TableKind kind, Dialect to, TableDefinition definition, model::RowSink& target)
      : kind_(kind), to_(to), definition_(std::move(definition)), target_(target) {}

  void columns(const std::vector<model::Column>& columns) override {
    if (has_node_key(kind_)) key_.emplace(columns);
    std::vector<model::Column> made;
    for (const ColumnDefinition& column : definition_.columns) {
      made.push_back(
          {to_ == Dialect::postgresql ? ascii_lower(column.name) : std::string(column.name),
           std::string(column.type)});
      if (is_key(column)) continue;
      const auto found = find_column(columns, column.name);
      if (!found) {
        throw Error(Errc::corrupt,
                    fmt::format("a table {} has no column {}", table_suffix(kind_), column.name));
      }
      sources_.push_back(*found);
    }
    target_.columns(made);
  }

  void row(const model::Row& row) override {
    made_.clear();
    if (key_) add_key(key_->of(row));
    for (const std::size_t source : sources_) {
      const Value& value = row.at(source);
      const std::string_view name = definition_.columns[made_.size()].name;
      if (name.ends_with("DATA") && value.kind != ValueKind::null) {
        made_.push_back(Value::of_bytes(as_bytes(value.text)));
      } else if (name == "BINVAL_ID") {
        std::string id = value.text.substr(0, value.text.find_last_not_of(' ') + 1);
        // Derby's column is char(64): what is read back has blanks at its end.
        if (to_ == Dialect::derby && id.size() < 64) id.resize(64, ' ');
        made_.push_back(Value::of_text(id));
      } else {
        made_.push_back(value);
      }
    }
    target_.row(made_);
  }

 private:
  [[nodiscard]] bool is_key(const ColumnDefinition& column) const {
    return key_ && column.name.starts_with("NODE_ID");
  }

  void add_key(const NodeId& id) {
    if (definition_.columns[0].name == "NODE_ID_HI") {
      made_.push_back(Value::integer(signed_half(id.high)));
      made_.push_back(Value::integer(signed_half(id.low)));
      return;
    }
    std::array<std::byte, 16> bytes{};
    id.store(bytes);
    made_.push_back(Value::of_bytes(bytes));
  }

  TableKind kind_;
  Dialect to_;
  TableDefinition definition_;
  model::RowSink& target_;
  std::optional<NodeKey> key_;
  std::vector<std::size_t> sources_;  // of the columns that are no key, in the target's order
  model::Row made_;
};

}  // namespace

std::unique_ptr<model::RowSink> map_rows(TableKind kind, Dialect to, model::RowSink& target) {
  auto definition = table_definition(to, kind, "", false);
  if (!definition) {
    throw Error(Errc::unsupported, fmt::format("Jackrabbit keeps no table {} in {}",
                                               table_suffix(kind), dialect_name(to)));
  }
  return std::make_unique<RowMap>(kind, to, std::move(*definition), target);
}

}  // namespace holdfast::profile::magnolia
