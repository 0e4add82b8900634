// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/content.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crew.h"
#include "base/error.h"
#include "engine/postgresql/objects.h"
#include "engine/postgresql/quote.h"
#include "engine/wide_row.h"

namespace holdfast::engine::postgresql {
namespace {

// Rows are handed on in pieces of about this size; a wider row by itself.
constexpr std::size_t piece_bytes = 128U << 10U;

// Digests the rows of COPY text as they pass, and shows them to whoever asked for them.
class PassingRows {
 public:
  PassingRows(std::vector<CopyColumn> columns, ByteSink* into,
              std::unique_ptr<model::RowSink> shown_to = nullptr)
      : reader_(std::move(columns)), into_(into), shown_to_(std::move(shown_to)) {
    if (shown_to_) shown_to_->columns(columns_of(reader_.columns()));
  }

  void line(ByteView line) {
    reader_.read(line, row_);
    hasher_.add(row_);
    if (shown_to_) shown_to_->row(row_);
    if (line.size() >= wide_row_bytes) row_ = {};  // it is not needed any longer
    if (into_ == nullptr) return;
    if (piece_.size() + line.size() > piece_bytes) flush();
    if (line.size() > piece_bytes) {
      into_->write(line);
    } else {
      append(piece_, line);
    }
  }
  void flush() {
    if (!piece_.empty()) into_->write(piece_);
    piece_.clear();
  }
  [[nodiscard]] const model::TableDigest& digest() { return hasher_.digest(); }

 private:
  RowReader reader_;
  ByteSink* into_;
  std::unique_ptr<model::RowSink> shown_to_;
  model::Row row_;
  model::RowHasher hasher_;
  Bytes piece_;
};

}  // namespace

void Content::note(const std::string& part, const model::TableDigest& digest) {
  const std::lock_guard guard(mutex_);
  digests_[part] = digest;
}

bool Content::has(const std::string& part) const {
  const std::lock_guard guard(mutex_);
  return digests_.contains(part);
}

void Content::read_catalog(const std::stop_token& stop) {
  {
    const std::lock_guard guard(mutex_);
    if (objects_) return;
  }
  database_.with_control(stop, [&](Connection& control) {
    std::vector<model::ObjectFacts> objects =
        list_objects(control, database_.sequences(), database_.patience());
    Json facts = database_facts(control);
    const std::lock_guard guard(mutex_);
    objects_ = std::move(objects);
    facts_ = std::move(facts);
  });
}

void Content::read_range(const TableRange& range, ByteSink* into, const std::stop_token& stop) {
  const Table& table = database_.tables().at(range.table);
  PassingRows rows(table.columns, into,
                   tap_ ? tap_(database_.location().component, table.name) : nullptr);
  const std::uint64_t count =
      in_context(fmt::format("reading table {}", table.name.display()), [&] {
        return database_.read_range(
            range, [&](ByteView line) { rows.line(line); }, stop);
      });
  rows.flush();
  if (count != rows.digest().rows()) {
    throw Error(Errc::not_consistent, fmt::format("{}: the server counts {} rows of {} and sent {}",
                                                  database_.location().component, count,
                                                  table.name.display(), rows.digest().rows()));
  }
  note(range.part, rows.digest());
}

void Content::read_large_objects(ByteSink* into, const std::stop_token& stop) {
  PassingRows rows(large_object_columns(), into);
  const std::uint64_t count = in_context("reading large objects", [&] {
    return database_.read_large_objects([&](ByteView line) { rows.line(line); }, stop);
  });
  rows.flush();
  if (count != rows.digest().rows()) {
    throw Error(Errc::not_consistent,
                fmt::format("{}: the server counts {} pieces of large objects and sent {}",
                            database_.location().component, count, rows.digest().rows()));
  }
  note(std::string(large_objects_data_part), rows.digest());
}

void Content::read_rest(unsigned parallel, const std::stop_token& stop) {
  std::vector<const TableRange*> ranges;
  for (const TableRange& range : database_.ranges()) {
    if (!has(range.part)) ranges.push_back(&range);
  }
  std::stable_sort(ranges.begin(), ranges.end(), [](const auto* a, const auto* b) {
    return a->bytes_estimate > b->bytes_estimate;
  });
  if (database_.large_objects().count > 0 && !has(std::string(large_objects_data_part)))
    read_large_objects(nullptr, stop);
  std::mutex mutex;  // guards next
  std::size_t next = 0;
  Crew crew;
  const std::stop_callback forward(stop, [&] { crew.request_stop(); });
  const std::size_t threads = std::min<std::size_t>(std::max(parallel, 1U), ranges.size());
  for (std::size_t i = 0; i < threads; ++i) {
    crew.start([&](const std::stop_token& crew_stop) {
      while (!crew_stop.stop_requested()) {
        std::unique_lock lock(mutex);
        if (next == ranges.size()) return;
        const TableRange& range = *ranges[next++];
        lock.unlock();
        read_range(range, nullptr, crew_stop);
      }
    });
  }
  crew.join();
  if (stop.stop_requested()) {
    throw Error(Errc::cancelled, fmt::format("{}: stopped", database_.location().component));
  }
}

void Content::outline(model::DatabaseFacts& facts) const {
  const std::lock_guard guard(mutex_);
  check_rule(objects_.has_value(), "the catalog has been read");
  Json own = facts_;
  own.set("position", database_.moment().position);
  std::vector<Json> parts(database_.tables().size(), Json::array());
  for (const TableRange& range : database_.ranges()) parts[range.table].push(range.part);
  Json tables = Json::array();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Table& table = database_.tables()[i];
    Json one = Json::object();
    one.set("schema", table.name.schema);
    one.set("table", table.name.table);
    one.set("owner", table.owner);
    Json columns = Json::array();
    for (const CopyColumn& column : table.columns) columns.push(column.name);
    one.set("columns", std::move(columns));
    one.set("parts", std::move(parts[i]));
    one.set("bytes", table.size_bytes);
    one.set("unlogged", table.unlogged);
    one.set("partition", table.partition);
    one.set("extension", table.of_extension);
    tables.push(std::move(one));
  }
  own.set("tables", std::move(tables));
  if (database_.large_objects().count > 0) {
    Json large = Json::object();
    large.set("count", database_.large_objects().count);
    large.set("part", large_objects_data_part);
    own.set("large_objects", std::move(large));
  }
  facts.version = own.string_or("server_version", "");
  facts.engine_facts = std::move(own);
}

void Content::fill(model::DatabaseFacts& facts) const {
  outline(facts);
  const std::lock_guard guard(mutex_);
  std::vector<model::TableDigest> digests(database_.tables().size());
  for (const TableRange& range : database_.ranges()) {
    const auto digest = digests_.find(range.part);
    check_rule(digest != digests_.end(), "every range has been read");
    digests[range.table].add(digest->second);
  }
  facts.tables.clear();
  for (std::size_t i = 0; i < digests.size(); ++i) {
    const Table& table = database_.tables()[i];
    if (table.unlogged && database_.standby()) continue;
    facts.tables.push_back(
        {table.name.schema, table.name.table, digests[i].rows(), digests[i].hex()});
  }
  if (database_.large_objects().count > 0) {
    const model::TableDigest& digest = digests_.at(std::string(large_objects_data_part));
    facts.tables.push_back(
        {large_objects_table().schema, large_objects_table().table, digest.rows(), digest.hex()});
  }
  facts.objects = *objects_;
}

}  // namespace holdfast::engine::postgresql
