// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/row_map.h"

#include <gtest/gtest.h>

#include <array>

#include "base/error.h"
#include "profile/magnolia/node_id.h"

namespace holdfast::profile::magnolia {
namespace {

using model::Column;
using model::Row;
using model::Value;

struct Table {
  std::string names;
  std::vector<Column> all;
  std::vector<Row> rows;
};

class Collector final : public model::RowSink {
 public:
  void columns(const std::vector<Column>& columns) override {
    for (const Column& column : columns) table.names += column.name + " ";
    table.all = columns;
  }
  void row(const Row& row) override { table.rows.push_back(row); }
  Table table;
};

Table map(TableKind kind, Dialect to, const std::vector<Column>& columns, const Row& row) {
  Collector collector;
  const auto sink = map_rows(kind, to, collector);
  sink->columns(columns);
  sink->row(row);
  return collector.table;
}

const NodeId negative{0xcafebabecafebabeULL, 0x8000000000000001ULL};

Value bytes_of(const NodeId& id) {
  std::array<std::byte, 16> bytes{};
  id.store(bytes);
  return Value::of_bytes(bytes);
}

TEST(RowMap, KeysAreSplitAndJoinedWithTheirSigns) {
  const Row joined{bytes_of(negative), Value::of_bytes(as_bytes("data"))};
  const Table split = map(TableKind::bundle, Dialect::postgresql,
                          {{"NODE_ID", "binary"}, {"BUNDLE_DATA", ""}}, joined);
  EXPECT_EQ(split.names, "node_id_hi node_id_lo bundle_data ");
  EXPECT_EQ(split.rows[0][0], Value::integer(-3819410105351357762));
  EXPECT_EQ(split.rows[0][1], Value::integer(-9223372036854775807));
  const Table back = map(TableKind::bundle, Dialect::mysql, split.all, split.rows[0]);
  EXPECT_EQ(back.names, "NODE_ID BUNDLE_DATA ");
  EXPECT_EQ(back.rows[0], joined);
}

TEST(RowMap, EveryTableComesBackFromEveryEngine) {
  const Value data = Value::of_bytes(as_bytes("text or not"));
  const Value number = Value::integer(42);
  const Value text = Value::of_text("text");
  const std::vector<std::tuple<TableKind, std::vector<Column>, Row>> tables{
      {TableKind::bundle, {{"NODE_ID", ""}, {"BUNDLE_DATA", ""}}, {bytes_of(negative), data}},
      {TableKind::refs, {{"NODE_ID", ""}, {"REFS_DATA", ""}}, {bytes_of(root_id), data}},
      {TableKind::binval, {{"BINVAL_ID", ""}, {"BINVAL_DATA", ""}}, {text, data}},
      {TableKind::names, {{"ID", ""}, {"NAME", ""}}, {number, text}},
      {TableKind::datastore,
       {{"ID", ""}, {"LENGTH", ""}, {"LAST_MODIFIED", ""}, {"DATA", ""}},
       {text, number, number, data}},
      {TableKind::fsentry,
       {{"FSENTRY_PATH", ""},
        {"FSENTRY_NAME", ""},
        {"FSENTRY_DATA", ""},
        {"FSENTRY_LASTMOD", ""},
        {"FSENTRY_LENGTH", ""}},
       {text, text, Value::null(), number, number}},
      {TableKind::journal,
       {{"REVISION_ID", ""}, {"JOURNAL_ID", ""}, {"PRODUCER_ID", ""}, {"REVISION_DATA", ""}},
       {number, text, Value::null(), data}},
      {TableKind::global_revision, {{"REVISION_ID", ""}}, {number}},
      {TableKind::local_revisions, {{"JOURNAL_ID", ""}, {"REVISION_ID", ""}}, {text, number}},
  };
  for (const auto& [kind, columns, row] : tables) {
    for (const Dialect dialect : all_dialects()) {
      if (kind == TableKind::fsentry && dialect == Dialect::h2) continue;
      const Table there = map(kind, dialect, columns, row);
      const Table back = map(kind, Dialect::mysql, there.all, there.rows[0]);
      EXPECT_EQ(back.rows[0], row) << table_suffix(kind) << " " << dialect_name(dialect);
    }
  }
}

TEST(RowMap, PaddedIdsOfDerbyLoseTheirBlanks) {
  const Table mapped = map(TableKind::binval, Dialect::h2, {{"BINVAL_DATA", ""}, {"BINVAL_ID", ""}},
                           {Value::of_text("a"), Value::of_text("id.1.2.0    ")});
  EXPECT_EQ(mapped.rows[0], (Row{Value::of_text("id.1.2.0"), Value::of_bytes(as_bytes("a"))}));
}

TEST(RowMap, IdsInDerbyArePaddedAsTheyAreReadBack) {
  const Table mapped =
      map(TableKind::binval, Dialect::derby, {{"BINVAL_ID", ""}, {"BINVAL_DATA", ""}},
          {Value::of_text("id.1.2.0"), Value::of_bytes(as_bytes("a"))});
  EXPECT_EQ(mapped.rows[0][0], Value::of_text("id.1.2.0" + std::string(56, ' ')));
}

TEST(RowMap, WhatDoesNotFitIsRefused) {
  Collector collector;
  EXPECT_THROW(static_cast<void>(map_rows(TableKind::fsentry, Dialect::h2, collector)), Error);
  EXPECT_THROW(
      static_cast<void>(map(TableKind::names, Dialect::h2, {{"ID", ""}}, {Value::integer(1)})),
      Error);
  EXPECT_THROW(
      static_cast<void>(map(TableKind::refs, Dialect::h2, {{"NODE_ID", ""}, {"REFS_DATA", ""}},
                            {Value::of_text("short"), Value::null()})),
      Error);
}

}  // namespace
}  // namespace holdfast::profile::magnolia
